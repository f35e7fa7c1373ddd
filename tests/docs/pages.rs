//! The pages that are played, each by a test of its own.

use crate::{
    play::{play, play_beside_prometheus, play_installed},
    stage::RUNTIME,
};

/// Each line: a test, its page, and how it is played.
macro_rules! pages {
    ($($test:ident: $page:literal, $how:ident;)*) => {
        /// The pages with something to type, in order of their paths.
        pub(crate) const PLAYED: &[&str] = &[$($page),*];

        $(
            #[test]
            #[ignore = "needs root, Helm, the peers and a control plane: cargo xtask test"]
            fn $test() {
                RUNTIME.block_on($how($page));
            }
        )*
    };
}

pages! {
    the_readme: "README.md", play;
    the_readme_of_the_chart: "charts/ssl-monitor-operator/README.md", play;
    security: "docs/SECURITY.md", play_installed;
    high_availability: "docs/high-availability.md", play_installed;
    alerts: "docs/how-to/alerts.md", play_installed;
    all_addresses: "docs/how-to/all-addresses.md", play_installed;
    continuous_integration: "docs/how-to/ci.md", play_installed;
    expected_certificates: "docs/how-to/expected-certificate.md", play_installed;
    gitops: "docs/how-to/gitops.md", play_installed;
    importing: "docs/how-to/import.md", play_installed;
    an_internal_pki: "docs/how-to/internal-pki.md", play_installed;
    several_tenants: "docs/how-to/multi-tenancy.md", play;
    a_proxy: "docs/how-to/proxy.md", play_installed;
    services_and_rollouts: "docs/how-to/services-and-rollouts.md", play_installed;
    silence: "docs/how-to/silence.md", play_installed;
    starttls: "docs/how-to/starttls.md", play_installed;
    installing: "docs/install.md", play;
    migrating: "docs/migrating-from-blackbox-exporter.md", play;
    operations: "docs/operations.md", play_beside_prometheus;
    troubleshooting: "docs/troubleshooting.md", play_installed;
    the_tutorial: "docs/tutorial.md", play;
}
