//! The binaries themselves: static, without the paths of the machine that made them, and with the list of what is in them.

use std::{collections::BTreeSet, env, fs, io::Read as _};

use flate2::read::ZlibDecoder;
use object::{
    Architecture, Object as _, ObjectSection as _,
    elf::{DT_NEEDED, FileHeader64, PF_X, PT_GNU_STACK, PT_INTERP},
    endian::Endianness,
    read::elf::{Dyn as _, ElfFile64, FileHeader as _, ProgramHeader as _},
};
use serde_json::Value;
use xtask::image::{Arch, bill};

use crate::{ROOT, VERSION, archs, directory, layout::image};

/// The binary of the image, not the one that was put into it.
fn content(arch: Arch) -> Vec<u8> {
    let root = tempfile::tempdir().unwrap();
    image(arch).extract(root.path());
    fs::read(root.path().join("sslmonitor")).unwrap()
}

/// Name and version of every crate that is linked in, as cargo-auditable wrote them down.
fn audited(content: &[u8]) -> BTreeSet<(String, String)> {
    let elf = ElfFile64::<Endianness>::parse(content).unwrap();
    let packed = elf.section_by_name(".dep-v0").unwrap().data().unwrap();
    let mut text = String::new();
    ZlibDecoder::new(packed).read_to_string(&mut text).unwrap();
    let list: Value = serde_json::from_str(&text).unwrap();
    let linked = list["packages"].as_array().unwrap().iter().filter(|package| package["kind"] != "build");
    linked.map(name_and_version).collect()
}

fn name_and_version(package: &Value) -> (String, String) {
    (package["name"].as_str().unwrap().to_owned(), package["version"].as_str().unwrap().to_owned())
}

#[test]
#[ignore = "needs the image: cargo xtask image"]
fn the_binary_is_for_its_platform_and_needs_no_loader_and_no_library() {
    for arch in archs() {
        let content = content(arch);
        let elf = ElfFile64::<Endianness>::parse(content.as_slice()).unwrap();
        let expected = match arch {
            Arch::Amd64 => Architecture::X86_64,
            Arch::Arm64 => Architecture::Aarch64,
        };
        assert_eq!(elf.architecture(), expected);
        let endian = elf.endian();
        let header: &FileHeader64<Endianness> = elf.elf_header();
        let segments = header.program_headers(endian, content.as_slice()).unwrap();
        assert!(segments.iter().all(|segment| segment.p_type(endian) != PT_INTERP), "{arch:?}");
        // A static program that is loaded at a random address relocates itself, and has a dynamic section for that alone; Rust
        // makes such ones for amd64 only.
        let dynamic = segments.iter().find_map(|segment| segment.dynamic(endian, content.as_slice()).unwrap());
        assert_eq!(dynamic.is_some(), arch == Arch::Amd64);
        let dynamic = dynamic.unwrap_or_default();
        assert!(dynamic.iter().all(|entry| entry.d_tag(endian) != DT_NEEDED), "{arch:?}");
        let stacks = segments.iter().filter(|segment| segment.p_type(endian) == PT_GNU_STACK);
        assert!(
            stacks.clone().count() == 1 && stacks.clone().all(|stack| stack.p_flags(endian) & PF_X == 0),
            "{arch:?}"
        );
    }
}

#[test]
#[ignore = "needs the image: cargo xtask image"]
fn no_path_of_the_machine_that_built_it_is_in_the_binary() {
    let home = env::home_dir().unwrap();
    for arch in archs() {
        let content = content(arch);
        for path in [ROOT, home.join(".cargo").to_str().unwrap()] {
            let found = content.windows(path.len()).filter(|window| *window == path.as_bytes()).count();
            assert_eq!(found, 0, "{path} in the binary for {arch:?}");
        }
    }
}

#[test]
#[ignore = "needs the image: cargo xtask image"]
fn the_list_of_dependencies_in_the_binary_is_that_of_the_bill_of_materials() {
    for arch in archs() {
        let text = fs::read_to_string(bill(&directory(), VERSION, arch)).unwrap();
        assert!(!text.contains(ROOT), "{ROOT} in the bill of {arch:?}");
        let bill: Value = serde_json::from_str(&text).unwrap();
        assert_eq!((&bill["bomFormat"], &bill["specVersion"]), (&"CycloneDX".into(), &"1.5".into()));
        let subject = &bill["metadata"]["component"];
        assert_eq!((&subject["name"], &subject["version"]), (&"sslmonitor".into(), &VERSION.into()));
        let components = bill["components"].as_array().unwrap();
        let unlicensed: Vec<&Value> = components.iter().filter(|part| part["licenses"].is_null()).collect();
        assert!(unlicensed.is_empty(), "{unlicensed:?}");
        let mut audited = audited(&content(arch));
        assert!(audited.remove(&(env!("CARGO_PKG_NAME").to_owned(), VERSION.to_owned())));
        assert!(audited.len() > 100, "{audited:?}");
        let listed: BTreeSet<_> = components.iter().map(name_and_version).collect();
        let missing: Vec<_> = audited.difference(&listed).collect();
        assert!(missing.is_empty(), "{missing:?} is in the binary for {arch:?} and not in its bill");
    }
}
