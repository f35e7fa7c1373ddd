//! The Lease of the replicas, where the API server keeps it.

use k8s_openapi::api::coordination::v1::Lease;
use kube::{Api, Client, api::PostParams};

use super::api;
use crate::lease::Store;

/// The Lease of this name.
#[derive(Debug, Clone)]
pub struct LeaseObject {
    leases: Api<Lease>,
    namespace: String,
    name: String,
}

// === impl LeaseObject ===

impl LeaseObject {
    /// The Lease `name` in `namespace`, which need not be there yet.
    pub fn new(client: Client, namespace: &str, name: &str) -> Self {
        let leases = Api::namespaced(client, namespace);
        Self { leases, namespace: namespace.to_owned(), name: name.to_owned() }
    }
}

impl Store for LeaseObject {
    fn name(&self) -> String {
        format!("{}/{}", self.namespace, self.name)
    }

    async fn read(&self) -> Result<Option<Lease>, String> {
        let found = api::find(|| "read it".to_owned(), self.leases.get(&self.name)).await;
        found.map_err(|error| error.chain())
    }

    async fn write(&self, lease: &Lease) -> Result<Lease, String> {
        let params = PostParams::default();
        let written = if lease.metadata.resource_version.is_some() {
            api::call(|| "replace it".to_owned(), self.leases.replace(&self.name, &params, lease)).await
        } else {
            let mut lease = lease.clone();
            lease.metadata.name = Some(self.name.clone());
            api::call(|| "create it".to_owned(), self.leases.create(&params, &lease)).await
        };
        let faster = "somebody else has changed it";
        written.map_err(|error| if error.is_conflict() { faster.to_owned() } else { error.chain() })
    }
}
