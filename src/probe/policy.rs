//! Which addresses may be dialled: the guard against probes of what only this machine can reach.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
};

use ipnet::IpNet;

use super::MAX_ENDPOINTS;

/// Which addresses may be dialled. Explicit denials come before explicit permissions, and those before the built-in
/// denials; what nothing denies is allowed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AddressPolicy {
    /// Networks that are allowed although they are denied by default.
    pub allow: Vec<IpNet>,
    /// Networks that are denied whatever else is said; also where they are embedded in an IPv6 address.
    pub deny: Vec<IpNet>,
    /// Deny every address that is not public, too (private, shared, documentation, benchmarking, reserved).
    pub public_only: bool,
    /// Addresses of the Kubernetes API server, denied by default.
    pub own: Vec<IpAddr>,
}

/// An address that may not be dialled, and why; the display text is a sentence without full stop.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{address} {cause}")]
pub struct Denied {
    /// The address as it was given.
    pub address: IpAddr,
    cause: Cause,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Cause {
    Listed(IpNet),
    Is(&'static str),
    Embeds(Ipv4Addr, &'static str),
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Listed(network) => write!(f, "is in the denied network {network}"),
            Self::Is(what) => write!(f, "is {what}"),
            Self::Embeds(inner, what) => write!(f, "stands for {inner}, which is {what}"),
        }
    }
}

// === impl AddressPolicy ===

impl AddressPolicy {
    /// Whether this address may be dialled.
    ///
    /// # Errors
    /// [`Denied`] says why not.
    pub fn check(&self, address: IpAddr) -> Result<(), Denied> {
        let denied = |cause| Err(Denied { address, cause });
        let canonical = address.to_canonical();
        let embedded = embedded(address);
        for form in [address, canonical].into_iter().chain(embedded.iter().copied().map(IpAddr::V4)) {
            if let Some(network) = self.deny.iter().find(|network| network.contains(&form)) {
                return denied(Cause::Listed(*network));
            }
        }
        if self.allow.iter().any(|network| network.contains(&address) || network.contains(&canonical)) {
            return Ok(());
        }
        if let Some(what) = self.objection(address) {
            return denied(Cause::Is(what));
        }
        match embedded.into_iter().find_map(|inner| Some((inner, self.objection(IpAddr::V4(inner))?))) {
            Some((inner, what)) => denied(Cause::Embeds(inner, what)),
            None => Ok(()),
        }
    }

    /// Those of the addresses that may be dialled, with this port and as many as are looked at; and what denies the others.
    pub(super) fn sift(&self, found: impl IntoIterator<Item = IpAddr>, port: u16) -> (Vec<SocketAddr>, Vec<Denied>) {
        let (mut allowed, mut denied) = (Vec::new(), Vec::new());
        for address in found {
            match self.check(address) {
                Ok(()) => allowed.push(SocketAddr::new(address, port)),
                Err(denial) => denied.push(denial),
            }
        }
        allowed.truncate(MAX_ENDPOINTS);
        (allowed, denied)
    }

    /// What the address is by itself that denies it.
    fn objection(&self, address: IpAddr) -> Option<&'static str> {
        if self.own.contains(&address) {
            return Some("the address of the Kubernetes API server");
        }
        let (always, non_public) = match address {
            IpAddr::V4(address) => (always_v4(address), non_public_v4(address)),
            IpAddr::V6(address) => (always_v6(address), non_public_v6(address)),
        };
        always.or_else(|| non_public.filter(|_| self.public_only))
    }
}

/// Never a target. The metadata services outside link-local are those of Alibaba Cloud, Azure and Oracle Cloud.
fn always_v4(address: Ipv4Addr) -> Option<&'static str> {
    match address.octets() {
        [0, ..] => Some("an unspecified address"),
        [127, ..] => Some("a loopback address"),
        [169, 254, 169, 254] | [100, 100, 100, 200] | [168, 63, 129, 16] | [192, 0, 0, 192] => {
            Some("the address of a cloud metadata service")
        }
        [169, 254, ..] => Some("a link-local address"),
        [224..=239, ..] => Some("a multicast address"),
        [255, 255, 255, 255] => Some("the broadcast address"),
        _ => None,
    }
}

/// Never a target. The metadata services are those of AWS and Google Cloud.
fn always_v6(address: Ipv6Addr) -> Option<&'static str> {
    match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0] => Some("an unspecified address"),
        [0, 0, 0, 0, 0, 0, 0, 1] => Some("a loopback address"),
        [0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254] | [0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254] => {
            Some("the address of a cloud metadata service")
        }
        [0xfe80..=0xfebf, ..] => Some("a link-local address"),
        [0xff00..=0xffff, ..] => Some("a multicast address"),
        _ => None,
    }
}

/// IANA's special-purpose registry, <https://www.iana.org/assignments/iana-ipv4-special-registry>.
fn non_public_v4(address: Ipv4Addr) -> Option<&'static str> {
    match address.octets() {
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] => Some("a private address"),
        [100, 64..=127, ..] => Some("a shared (carrier-grade NAT) address"),
        [192, 0, 0, _] | [192, 88, 99, _] | [240..=255, ..] => Some("a reserved address"),
        [192, 0, 2, _] | [198, 51, 100, _] | [203, 0, 113, _] => Some("a documentation address"),
        [198, 18..=19, ..] => Some("a benchmarking address"),
        _ => None,
    }
}

/// IANA's special-purpose registry, <https://www.iana.org/assignments/iana-ipv6-special-registry>.
fn non_public_v6(address: Ipv6Addr) -> Option<&'static str> {
    match address.segments() {
        [0xfc00..=0xfdff, ..] => Some("a private address"),
        [0xfec0..=0xfeff, ..] => Some("a site-local address"),
        [0x2001, 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => Some("a documentation address"),
        [0x2001, 2, 0, ..] => Some("a benchmarking address"),
        [0x64, 0xff9b, 1, ..] => Some("a local translation address"),
        [0x100, 0, 0, 0, ..] => Some("a discard-only address"),
        [0x2001, 0x10..=0x1f, ..] => Some("a reserved address"),
        // Global unicast (RFC 4291 §2.4, RFC 3587 §2), and what is as public as the IPv4 address in it.
        [0x2000..=0x3fff, ..] | [0x64, 0xff9b, 0, 0, 0, 0, ..] | [0, 0, 0, 0, 0, 0xffff, ..] => None,
        _ => Some("not an address of the public internet"),
    }
}

/// IPv4 addresses that a packet to this IPv6 address may end at: IPv4-mapped and IPv4-compatible (RFC 4291 §2.5.5),
/// IPv4-translated (RFC 2765 §2.1), `NAT64` (RFC 6052 §2.2, RFC 8215), 6to4 (RFC 3056) and Teredo (RFC 4380 §4: server, and
/// client with inverted bits).
fn embedded(address: IpAddr) -> Vec<Ipv4Addr> {
    let IpAddr::V6(address) = address else { return Vec::new() };
    let v4 = |high: u16, low: u16| Ipv4Addr::from(u32::from(high) << 16 | u32::from(low));
    match address.segments() {
        // The unspecified and the loopback address are no IPv4-compatible ones.
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => Vec::new(),
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low]
        | [0, 0, 0, 0, 0xffff, 0, high, low]
        | [0x64, 0xff9b, 0, 0, 0, 0, high, low]
        | [0x2002, high, low, ..] => vec![v4(high, low)],
        [0x64, 0xff9b, 1, ..] => locally_translated(address),
        [0x2001, 0, server_high, server_low, _, _, high, low] => vec![v4(server_high, server_low), v4(!high, !low)],
        _ => Vec::new(),
    }
}

/// The IPv4 addresses that 64:ff9b:1::/48 may stand for: operators choose the length of their prefix within it, 48, 56, 64 or
/// 96 bits, and the IPv4 address follows around octet 8, which is none of it. Where a form gives an address that no network
/// carries (0.0.0.0/8), the prefix is another.
fn locally_translated(address: Ipv6Addr) -> Vec<Ipv4Addr> {
    let octets = address.octets();
    let forms = [[12, 13, 14, 15], [6, 7, 9, 10], [7, 9, 10, 11], [9, 10, 11, 12]];
    let addresses = forms.map(|places| Ipv4Addr::from(places.map(|place| octets[place])));
    addresses.into_iter().filter(|address| address.octets()[0] != 0).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn says(policy: &AddressPolicy, address: &str) -> String {
        policy.check(ip(address)).unwrap_err().to_string()
    }

    #[test]
    fn what_is_never_a_target_is_denied_in_every_form() {
        let policy = AddressPolicy { own: vec![ip("10.96.0.1")], ..AddressPolicy::default() };
        for (address, text) in [
            ("127.0.0.1", "127.0.0.1 is a loopback address"),
            ("127.255.0.9", "127.255.0.9 is a loopback address"),
            ("0.0.0.0", "0.0.0.0 is an unspecified address"),
            ("0.1.2.3", "0.1.2.3 is an unspecified address"),
            ("169.254.169.254", "169.254.169.254 is the address of a cloud metadata service"),
            ("169.254.0.1", "169.254.0.1 is a link-local address"),
            ("100.100.100.200", "100.100.100.200 is the address of a cloud metadata service"),
            ("224.0.0.1", "224.0.0.1 is a multicast address"),
            ("255.255.255.255", "255.255.255.255 is the broadcast address"),
            ("10.96.0.1", "10.96.0.1 is the address of the Kubernetes API server"),
            ("::", ":: is an unspecified address"),
            ("::1", "::1 is a loopback address"),
            ("fe80::1", "fe80::1 is a link-local address"),
            ("febf::1", "febf::1 is a link-local address"),
            ("ff02::1", "ff02::1 is a multicast address"),
            ("fd00:ec2::254", "fd00:ec2::254 is the address of a cloud metadata service"),
            ("::ffff:127.0.0.1", "::ffff:127.0.0.1 stands for 127.0.0.1, which is a loopback address"),
            ("::127.0.0.1", "::7f00:1 stands for 127.0.0.1, which is a loopback address"),
            ("64:ff9b::7f00:1", "64:ff9b::7f00:1 stands for 127.0.0.1, which is a loopback address"),
            ("64:ff9b:1::7f00:1", "64:ff9b:1::7f00:1 stands for 127.0.0.1, which is a loopback address"),
            ("64:ff9b:1:7f00:0:100::", "64:ff9b:1:7f00:0:100:: stands for 127.0.0.1, which is a loopback address"),
            ("64:ff9b:1:7f:0:1::", "64:ff9b:1:7f:0:1:: stands for 127.0.0.1, which is a loopback address"),
            ("64:ff9b:1:0:7f:0:100:0", "64:ff9b:1:0:7f:0:100:0 stands for 127.0.0.1, which is a loopback address"),
            (
                "64:ff9b:1:12ab:7f:0:100:0",
                "64:ff9b:1:12ab:7f:0:100:0 stands for 127.0.0.1, which is a loopback address",
            ),
            ("::ffff:0:127.0.0.1", "::ffff:0:7f00:1 stands for 127.0.0.1, which is a loopback address"),
            (
                "::ffff:0:169.254.169.254",
                "::ffff:0:a9fe:a9fe stands for 169.254.169.254, which is the address of a cloud metadata service",
            ),
            ("2002:7f00:1::", "2002:7f00:1:: stands for 127.0.0.1, which is a loopback address"),
            ("2001:0:7f00:1::", "2001:0:7f00:1:: stands for 127.0.0.1, which is a loopback address"),
            (
                "2001:0:808:808::80ff:fffe",
                "2001:0:808:808::80ff:fffe stands for 127.0.0.1, which is a loopback address",
            ),
            (
                "64:ff9b::a60:1",
                "64:ff9b::a60:1 stands for 10.96.0.1, which is the address of the Kubernetes API server",
            ),
        ] {
            assert_eq!(says(&policy, address), text);
        }
    }

    #[test]
    fn other_addresses_are_allowed() {
        for address in [
            "8.8.8.8",
            "10.0.0.1",
            "192.168.1.1",
            "2606:4700::1111",
            "fd12::1",
            "64:ff9b::808:808",
            "64:ff9b:1::808:808",
            "64:ff9b:1:808:8:800::",
            "64:ff9b:1:8:8:808::",
            "64:ff9b:1:0:8:808:800:0",
            "::ffff:0:8.8.8.8",
            "4000::1",
        ] {
            assert_eq!(AddressPolicy::default().check(ip(address)), Ok(()), "{address}");
        }
    }

    #[test]
    fn public_only_denies_what_is_not_public() {
        let policy = AddressPolicy { public_only: true, ..AddressPolicy::default() };
        for address in [
            "10.0.0.1",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.0.1",
            "100.64.0.1",
            "192.0.2.1",
            "198.18.0.1",
            "240.0.0.1",
            "fc00::1",
            "fd12::1",
            "fec0::1",
            "2001:db8::1",
            "::ffff:10.0.0.1",
            "64:ff9b::a00:1",
            "2002:a00:1::",
            "64:ff9b:1::808:808",
            "192.88.99.1",
            "2001:10::1",
            "2001:1f:ffff::1",
            "::8.8.8.8",
            "::ffff:0:8.8.8.8",
            "1fff:ffff::1",
            "4000::1",
            "5f00::1",
            "200::1",
        ] {
            assert!(policy.check(ip(address)).is_err(), "{address}");
        }
        for address in [
            "8.8.8.8",
            "172.32.0.1",
            "100.128.0.1",
            "192.88.98.1",
            "::ffff:8.8.8.8",
            "64:ff9b::808:808",
            "2000::1",
            "2001:20::1",
            "2002:808:808::1",
            "2606:4700::1111",
            "3ffe::1",
        ] {
            assert_eq!(policy.check(ip(address)), Ok(()), "{address}");
        }
    }

    #[test]
    fn explicit_denial_goes_before_permission_and_permission_before_the_built_in() {
        let policy = AddressPolicy {
            allow: vec!["127.0.0.0/8".parse().unwrap(), "10.0.0.0/8".parse().unwrap()],
            deny: vec!["127.0.0.2/32".parse().unwrap(), "8.8.0.0/16".parse().unwrap()],
            public_only: true,
            own: vec![ip("10.96.0.1")],
        };
        for allowed in ["127.0.0.1", "::ffff:127.0.0.1", "10.96.0.1", "1.1.1.1"] {
            assert_eq!(policy.check(ip(allowed)), Ok(()), "{allowed}");
        }
        assert_eq!(says(&policy, "127.0.0.2"), "127.0.0.2 is in the denied network 127.0.0.2/32");
        assert_eq!(says(&policy, "64:ff9b::808:808"), "64:ff9b::808:808 is in the denied network 8.8.0.0/16");
        assert_eq!(says(&policy, "2002:7f00:1::"), "2002:7f00:1:: stands for 127.0.0.1, which is a loopback address");
    }
}
