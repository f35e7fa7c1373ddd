//! From a spec to what is probed, or to why it can never be.

use std::{fmt, str::FromStr};

use super::Reason;
use crate::{
    api::{Revocation, RevocationFailure, SslMonitorSpec},
    probe::{AddressPolicy, FailureReason, Host, RevocationCheck, Target},
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
/// A [`Stall`] when no probe could ever succeed: unreadable names (stored before today's rules), no trust anchors at all, or a
/// literal address that the policy denies. A *name* that resolves to denied addresses is not an error here: DNS may change.
pub fn target(spec: &SslMonitorSpec, policy: &AddressPolicy) -> Result<Target, Stall> {
    if !spec.use_system_roots() && spec.ca_bundle().is_none() {
        return Err(Stall::invalid(
            "tls.useSystemRoots is false and there is no tls.caBundle: nothing could be trusted",
        ));
    }
    let server_name = spec.tls.as_ref().and_then(|tls| tls.server_name.as_deref());
    let mut target = Target::new(host("domain", &spec.domain)?, spec.port());
    target.connect_host = spec.address.as_deref().map(|text| host("address", text)).transpose()?;
    target.server_name = server_name.map(|text| host("tls.serverName", text)).transpose()?;
    let tls = spec.tls.clone().unwrap_or_default();
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

fn revocation(wanted: Revocation) -> RevocationCheck {
    match wanted {
        Revocation::None => RevocationCheck::None,
        Revocation::Staple => RevocationCheck::Staple,
        Revocation::Crl => RevocationCheck::Crl,
    }
}

fn host(field: &str, text: &str) -> Result<Host, Stall> {
    Host::from_str(text).map_err(|error| Stall::invalid(format!("{field} {error}")))
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
