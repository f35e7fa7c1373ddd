//! How a target is reached: which of its addresses, and through what.

#![allow(unreachable_pub)] // the derive makes a private twin of each type, with the type's own visibility

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::SecretRef;

/// Which of the addresses behind a name are looked at.
#[derive(JsonSchema, Serialize, Deserialize, Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum AddressSelection {
    /// All of them, each with a connection of its own.
    #[default]
    All,
    /// The first that answers.
    Any,
}

/// A family of IP addresses, in the words of a Service's ipFamilies.
#[derive(JsonSchema, Serialize, Deserialize, Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[schemars(description = "Look at addresses of this IP family only.")]
pub enum IpFamily {
    /// IPv4.
    IPv4,
    /// IPv6.
    IPv6,
}

/// A version of the PROXY protocol (HAProxy, doc/proxy-protocol.txt).
#[derive(JsonSchema, Serialize, Deserialize, Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[serde(rename_all = "lowercase")]
#[schemars(
    description = "Send a PROXY protocol header of this version first (HAProxy, doc/proxy-protocol.txt), for a server that closes connections without one."
)]
pub enum ProxyProtocol {
    /// The line of text.
    V1,
    /// The binary header.
    V2,
}

/// A proxy.
#[derive(KubeSchema, Serialize, Deserialize, Debug, Clone, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.url) || has(self.secretRef)").message("proxy must have a url or a secretRef"))]
pub struct ProxySpec {
    /// Where the proxy is: http://HOST:PORT (HTTP CONNECT; the proxy resolves the domain), socks5://HOST:PORT (the operator resolves
    /// it, and every address is looked at) or socks5h://HOST:PORT (the proxy resolves it). User name and password belong in a Secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 512))]
    #[x_kube(validation = Rule::new(r"self.matches('^(http|socks5|socks5h)://([a-z0-9]([-a-z0-9.]*[a-z0-9])?|\\[[0-9a-f:.]+\\]):[0-9]{1,5}/?$')")
        .message("proxy.url must be http://HOST:PORT, socks5://HOST:PORT or socks5h://HOST:PORT, without user name or password"))]
    pub url: Option<String>,

    /// A Secret with the keys address (a URL as above), username and password; with url besides, both must be the same. It must carry the label
    /// sslmonitor.io/allowed: "true".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<SecretRef>,
}
