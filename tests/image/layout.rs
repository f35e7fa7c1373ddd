//! Reading an OCI layout: <https://github.com/opencontainers/image-spec/blob/main/image-layout.md>.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;
use xtask::{helm::stdout, image::Arch, krew::sha256};

use crate::directory;

/// One image of the list: of one platform.
pub(crate) struct Image {
    pub(crate) platform: Value,
    pub(crate) config: Value,
    pub(crate) layers: Vec<PathBuf>,
}

/// All images of the list that the layout has under one name.
pub(crate) fn images() -> Vec<Image> {
    let layout = directory().join("oci");
    let index = json(&layout.join("index.json"));
    let [list] = index["manifests"].as_array().unwrap().as_slice() else { panic!("not one list: {index}") };
    assert_eq!(list["mediaType"], "application/vnd.oci.image.index.v1+json");
    let list = json(&blob(&layout, list));
    list["manifests"].as_array().unwrap().iter().map(|entry| Image::read(&layout, entry)).collect()
}

/// The image of this platform.
pub(crate) fn image(arch: Arch) -> Image {
    images().into_iter().find(|image| image.platform["architecture"] == arch.name()).unwrap()
}

// === impl Image ===

impl Image {
    fn read(layout: &Path, entry: &Value) -> Self {
        let manifest = json(&blob(layout, entry));
        let layers = manifest["layers"].as_array().unwrap().iter().map(|layer| blob(layout, layer)).collect();
        Self { platform: entry["platform"].clone(), config: json(&blob(layout, &manifest["config"])), layers }
    }

    /// Every entry of every layer, as tar(1) lists it: mode, owner, size, time and name, with single spaces.
    pub(crate) fn files(&self) -> Vec<String> {
        let list = |layer: &PathBuf| {
            let mut tar = Command::new("tar");
            tar.args(["--list", "--verbose", "--gzip", "--numeric-owner", "--full-time", "--utc", "--file"]);
            stdout(tar.arg(layer)).unwrap_or_else(|error| panic!("{error}"))
        };
        let lines = self.layers.iter().flat_map(|layer| list(layer).lines().map(str::to_owned).collect::<Vec<_>>());
        let mut files: Vec<String> = lines.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
        files.sort();
        files
    }

    /// Lay out its files below `root`, as a runtime does.
    pub(crate) fn extract(&self, root: &Path) {
        fs::create_dir_all(root).unwrap();
        for layer in &self.layers {
            let mut tar = Command::new("tar");
            tar.args(["--extract", "--gzip", "--numeric-owner", "--same-owner", "--same-permissions", "--directory"]);
            stdout(tar.arg(root).arg("--file").arg(layer)).unwrap_or_else(|error| panic!("{error}"));
        }
    }
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// The file of a descriptor, which has its size and digest.
fn blob(layout: &Path, descriptor: &Value) -> PathBuf {
    let digits = descriptor["digest"].as_str().unwrap().strip_prefix("sha256:").unwrap();
    let path = layout.join("blobs/sha256").join(digits);
    let content = fs::read(&path).unwrap();
    assert_eq!(descriptor["size"], content.len());
    assert_eq!(sha256(&content), digits);
    path
}
