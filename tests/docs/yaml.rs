//! Every block of YAML is taken by those who would read it: the API server, or Helm as values of the chart.

use std::fs;

use xtask::{
    checkers::{Checker, definitions},
    control_plane::{Binaries, ControlPlane},
    helm::Helm,
    install::{CHART, install},
    kubectl::Kubectl,
};

use crate::{
    page::{Block, Page, ROOT, pages},
    play::reason,
    stage::RUNTIME,
};

/// The mark of values of the chart.
const VALUES: &str = "values";
/// What makes a spec a manifest.
const HEAD: &str = "apiVersion: sslmonitor.io/v1\nkind: SslMonitor\nmetadata: {name: example}\n";

/// Every block of YAML that is tried, with its page.
fn blocks() -> Vec<(Page, Block)> {
    let blocks = |page: &Page| {
        page.blocks().into_iter().filter(|block| block.language == "yaml" && reason(block).is_none()).collect()
    };
    pages()
        .into_iter()
        .flat_map(|page| {
            let found: Vec<Block> = blocks(&page);
            found.into_iter().map(move |block| (Page { path: page.path.clone(), text: String::new() }, block))
        })
        .collect()
}

fn is_values(block: &Block) -> bool {
    block.mark.as_deref() == Some(VALUES)
}

#[test]
#[ignore = "needs Helm: cargo xtask test"]
fn values_are_values_of_the_chart() {
    let helm = Helm::new(&Checker::Helm.find().unwrap_or_else(|error| panic!("{error}")));
    let values: Vec<_> = blocks().into_iter().filter(|(_, block)| is_values(block)).collect();
    assert!(values.len() >= 3);
    for (page, block) in values {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), &block.text).unwrap();
        let chart = format!("{ROOT}/{CHART}");
        let said = helm.run(&["template", "sslmonitor", &chart, "--values", file.path().to_str().unwrap()]);
        assert!(said.is_ok(), "{}:{}: {said:?}", page.path, block.line);
    }
}

#[test]
#[ignore = "needs a control plane: cargo xtask test"]
fn manifests_are_taken_by_the_api_server() {
    RUNTIME.block_on(async {
        let binaries = Binaries::find().unwrap_or_else(|error| panic!("{error}"));
        let control_plane = ControlPlane::start(&binaries).await.unwrap_or_else(|error| panic!("{error}"));
        let kubectl = Kubectl::new(&binaries.kubectl, control_plane.kubeconfig());
        install(&kubectl, ROOT.as_ref()).unwrap_or_else(|error| panic!("{error}"));
        for file in definitions().unwrap_or_else(|error| panic!("{error}")) {
            let file = file.display().to_string();
            kubectl.run(&["apply", "--server-side", "--filename", &file]).unwrap_or_else(|error| panic!("{error}"));
            kubectl
                .run(&["wait", "--for=create", "--timeout=60s", "--filename", &file])
                .unwrap_or_else(|error| panic!("{error}"));
            let wait = ["wait", "--for=condition=Established", "--timeout=60s", "--filename", &file];
            kubectl.run(&wait).unwrap_or_else(|error| panic!("{error}"));
        }
        for name in ["argocd", "flux-system"] {
            kubectl.run(&["create", "namespace", name]).unwrap_or_else(|error| panic!("{error}"));
        }
        for (page, block) in blocks().into_iter().filter(|(_, block)| !is_values(block)) {
            let text =
                if block.text.starts_with("spec:") { format!("{HEAD}{}", block.text) } else { block.text.clone() };
            let said =
                kubectl.output(&["apply", "--server-side", "--dry-run=server", "--filename", "-"], &text).unwrap();
            let complaint = String::from_utf8_lossy(&said.stderr);
            // A warning would be of a field that nobody knows.
            assert!(said.status.success() && complaint.is_empty(), "{}:{}: {complaint}", page.path, block.line);
        }
    });
}
