//! From a spec to what is probed, or to why it can never be.

use std::{fmt, str::FromStr};

use super::{Reason, alerts::check_windows, proxy};
use crate::{
    api::{self, AddressSelection, IpFamily, RevocationFailure, SslMonitorSpec, TlsVersion},
    probe::{AddressPolicy, Addresses, FailureReason, Family, Host, ProxyProtocol, RevocationCheck, StartTls, Target},
};

/// Why a monitor can never work as it is configured; it is tried again only when the spec or the operator's settings change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stall {
    /// Which kind of obstacle.
    pub reason: StallReason,
    /// What is wrong, in one sentence.
    pub message: String,
}

/// The kinds of obstacles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StallReason {
    /// The spec contradicts itself, or breaks a rule that was not there when it was stored.
    InvalidSpec,
    /// The spec names an address that the address policy denies.
    TargetDenied,
}

/// What is to be probed for this spec.
///
/// # Errors
/// A [`Stall`] when no probe could ever succeed: unreadable names (stored before today's rules), no trust anchors at all, a proxy
/// that is none, a literal address that the policy denies, or a window of `alerts` that cannot be read. A *name* that resolves to denied addresses is not an error here: DNS may change.
pub fn target(spec: &SslMonitorSpec, policy: &AddressPolicy) -> Result<Target, Stall> {
    if !spec.use_system_roots() && spec.ca_bundle().is_none() {
        return Err(Stall::invalid(
            "tls.useSystemRoots is false and there is no tls.caBundle: nothing could be trusted",
        ));
    }
    if spec.proxy.as_ref().and_then(|it| it.url.as_deref()).is_some_and(|url| proxy::parse(url).is_none()) {
        return Err(Stall::invalid(format!("proxy.url {}", proxy::RULE)));
    }
    if let Some(Err(why)) = spec.alerts.as_ref().map(check_windows) {
        return Err(Stall::invalid(why));
    }
    let tls = spec.tls.clone().unwrap_or_default();
    let mut target = Target::new(host("domain", &spec.domain)?, spec.port());
    target.connect_host = spec.address.as_deref().map(|text| host("address", text)).transpose()?;
    target.server_name = tls.server_name.as_deref().map(|text| host("tls.serverName", text)).transpose()?;
    target.addresses = match spec.addresses {
        AddressSelection::All => Addresses::All,
        AddressSelection::Any => Addresses::Any,
    };
    target.family = spec.ip_family.map(family);
    target.proxy_protocol = spec.proxy_protocol.map(proxy_protocol);
    target.starttls = tls.start_tls.map(starttls);
    target.needs_tls13 = tls.min_version == Some(TlsVersion::Tls13);
    target.revocation = revocation(tls.revocation);
    target.needs_revocation_state = tls.revocation_failure == RevocationFailure::Hard;
    if let Host::Address(address) = target.dialled_host() {
        policy.check(*address).map_err(|denied| Stall {
            reason: StallReason::TargetDenied,
            message: format!("the target may not be probed: {denied}"),
        })?;
    }
    Ok(target)
}

fn starttls(protocol: api::StartTls) -> StartTls {
    match protocol {
        api::StartTls::Smtp => StartTls::Smtp,
        api::StartTls::Lmtp => StartTls::Lmtp,
        api::StartTls::Imap => StartTls::Imap,
        api::StartTls::Pop3 => StartTls::Pop3,
        api::StartTls::Ftp => StartTls::Ftp,
        api::StartTls::Ldap => StartTls::Ldap,
        api::StartTls::Postgresql => StartTls::Postgresql,
        api::StartTls::Mysql => StartTls::Mysql,
        api::StartTls::XmppClient => StartTls::XmppClient,
        api::StartTls::XmppServer => StartTls::XmppServer,
        api::StartTls::Sieve => StartTls::Sieve,
        api::StartTls::Nntp => StartTls::Nntp,
    }
}

fn host(field: &str, text: &str) -> Result<Host, Stall> {
    Host::from_str(text).map_err(|error| Stall::invalid(format!("{field} {error}")))
}

fn family(family: IpFamily) -> Family {
    match family {
        IpFamily::IPv4 => Family::V4,
        IpFamily::IPv6 => Family::V6,
    }
}

fn proxy_protocol(version: api::ProxyProtocol) -> ProxyProtocol {
    match version {
        api::ProxyProtocol::V1 => ProxyProtocol::V1,
        api::ProxyProtocol::V2 => ProxyProtocol::V2,
    }
}

fn revocation(revocation: api::Revocation) -> RevocationCheck {
    match revocation {
        api::Revocation::None => RevocationCheck::None,
        api::Revocation::Staple => RevocationCheck::Staple,
        api::Revocation::Crl => RevocationCheck::Crl,
    }
}

// === impl Stall ===

impl Stall {
    fn invalid(message: impl Into<String>) -> Self {
        Self { reason: StallReason::InvalidSpec, message: message.into() }
    }
}

impl fmt::Display for Stall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

// === impl StallReason ===

impl From<StallReason> for Reason {
    fn from(reason: StallReason) -> Self {
        match reason {
            StallReason::InvalidSpec => Self::InvalidSpec,
            StallReason::TargetDenied => Self::Failure(FailureReason::TargetDenied),
        }
    }
}
