//! A monitor to be: what was found of it.

use serde_json::{Map, Value, json};

use crate::{
    api::DEFAULT_PORT,
    cli::DomainPort,
    manifests::{InputError, object_name},
};

/// What was found of a monitor.
#[derive(Debug, Clone)]
pub(super) struct Draft {
    /// Where it was found.
    pub(super) place: String,
    pub(super) namespace: Option<String>,
    pub(super) labels: Map<String, Value>,
    domain: DomainPort,
    /// The other fields of its spec, by the names of the API; their values are not looked at here.
    pub(super) spec: Map<String, Value>,
    /// What is left out, or changed.
    pub(super) warnings: Vec<InputError>,
}

// === impl Draft ===

impl Draft {
    /// A monitor of `DOMAIN[:PORT]` or of a URL.
    pub(super) fn new(place: &str, target: &str) -> Result<Self, InputError> {
        let domain = domain(target).map_err(|why| InputError::new(place, format!("{target}: {why}")))?;
        let (place, spec) = (place.to_owned(), Map::new());
        Ok(Self { place, namespace: None, labels: Map::new(), domain, spec, warnings: Vec::new() })
    }

    /// Say that something is left out, or changed.
    pub(super) fn warn(&mut self, text: impl Into<String>) {
        self.warnings.push(InputError::new(self.place.clone(), text));
    }

    /// Set the port, where the target did not have one.
    pub(super) fn or_port(&mut self, port: Option<u16>) {
        self.domain.port = self.domain.port.or(port);
    }

    fn port(&self) -> u16 {
        self.domain.port.unwrap_or(DEFAULT_PORT)
    }

    /// The name of the object.
    pub(super) fn name(&self) -> String {
        object_name(&self.domain.host, self.port())
    }

    /// What it watches.
    pub(super) fn target(&self) -> String {
        format!("{} port {}", self.domain.host, self.port())
    }

    pub(super) fn manifest(self) -> Value {
        let mut manifest = json!({
            "apiVersion": "sslmonitor.io/v1", "kind": "SslMonitor", "metadata": {"name": self.name()}, "spec": self.spec,
        });
        if let Some(namespace) = self.namespace {
            manifest["metadata"]["namespace"] = namespace.into();
        }
        if !self.labels.is_empty() {
            manifest["metadata"]["labels"] = self.labels.into();
        }
        manifest["spec"]["domain"] = self.domain.host.to_string().into();
        if let Some(port) = self.domain.port.filter(|port| *port != DEFAULT_PORT) {
            manifest["spec"]["port"] = port.into();
        }
        manifest
    }
}

/// The domain and the port of a target as people, and blackbox_exporter, write it.
fn domain(target: &str) -> Result<DomainPort, String> {
    let place = match target.split_once("://") {
        Some(("https" | "tls" | "ssl", rest)) => rest.split(['/', '?', '#']).next().unwrap_or_default(),
        Some(("http", _)) => return Err("http:// has no certificate; name the https:// address".to_owned()),
        Some((scheme, _)) => {
            return Err(format!("{scheme}:// is none of https://, tls:// and ssl://; write DOMAIN:PORT"));
        }
        None => target,
    };
    DomainPort::loosely(place)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_read_as_people_write_them() {
        let table = [
            ("a.test", "a.test port 443"),
            ("a.test:8443", "a.test port 8443"),
            ("https://A.test/path?x#y", "a.test port 443"),
            ("https://a.test:8443/", "a.test port 8443"),
            ("tls://[2001:db8::1]:993", "2001:db8::1 port 993"),
            ("bücher.de", "xn--bcher-kva.de port 443"),
        ];
        for (text, target) in table {
            assert_eq!(Draft::new("here", text).map(|draft| draft.target()), Ok(target.to_owned()), "{text}");
        }
        for (text, why) in [
            ("http://a.test", "http:// has no certificate"),
            ("icmp://a.test", "icmp:// is none of"),
            ("https://user@a.test", "domain must be"),
            ("*.a.test", "domain must be"),
            ("https://", "domain must be"),
        ] {
            let said = Draft::new("here", text).map(|draft| draft.target()).map_err(|error| error.to_string());
            let begin = format!("here: {text}: {why}");
            assert!(said.as_ref().is_err_and(|said| said.starts_with(&begin)), "{said:?}");
        }
    }
}
