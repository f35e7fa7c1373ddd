//! Which addresses are never dialled, computed on bits.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Networks of IPv4 that are never a target: first address and length of the prefix.
const NEVER_V4: [(u32, u32); 8] = [
    (0x0000_0000, 8),
    (0x7f00_0000, 8),
    (0xa9fe_0000, 16),
    (0xe000_0000, 4),
    (0xffff_ffff, 32),
    (0x6464_64c8, 32),
    (0xa83f_8110, 32),
    (0xc000_00c0, 32),
];

/// Networks of IPv6 that are never a target.
const NEVER_V6: [(u128, u32); 6] = [
    (0, 128),
    (1, 128),
    (0xfe80 << 112, 10),
    (0xff00 << 112, 8),
    (0xfd00_0ec2_0000_0000_0000_0000_0000_0254, 128),
    (0xfd20_00ce_0000_0000_0000_0000_0000_0254, 128),
];

/// Prefixes with the whole of an IPv4 address after them, and how far that is shifted to the left.
const CARRIERS: [(u128, u32, u32); 7] = [
    // IPv4-mapped, IPv4-compatible, IPv4-translated.
    (0xffff << 32, 96, 0),
    (0, 96, 0),
    (0xffff << 48, 96, 0),
    // NAT64, well known and local.
    (0x0064_ff9b << 96, 96, 0),
    (0x0064_ff9b_0001 << 80, 48, 0),
    // 6to4, and the server of Teredo.
    (0x2002 << 112, 16, 80),
    (0x2001_0000 << 96, 32, 64),
];

fn is_within(bits: u128, width: u32, (network, length): (u128, u32)) -> bool {
    let rest = width - length;
    rest >= 128 || (bits >> rest) == (network >> rest)
}

/// Whether an IPv4 address is never a target.
fn is_never_v4(address: u32) -> bool {
    NEVER_V4.iter().any(|(network, length)| is_within(address.into(), 32, ((*network).into(), *length)))
}

/// The IPv4 addresses that stand in an IPv6 address, those of the local NAT64 prefix aside whose place is not known for sure.
pub fn inner(bits: u128) -> Vec<Ipv4Addr> {
    let low = |bits: u128| Ipv4Addr::from(u32::try_from(bits & 0xffff_ffff).expect("32 bits"));
    let mut found: Vec<Ipv4Addr> = CARRIERS
        .iter()
        .filter(|(network, length, _)| is_within(bits, 128, (*network, *length)))
        .map(|(_, _, shift)| low(bits >> shift))
        .collect();
    // The client of Teredo is inverted.
    if bits >> 96 == 0x2001_0000 {
        found.push(low(!bits));
    }
    found
}

/// An IPv4 address in every IPv6 form whose other bits do not matter to it; those are public ones, or none.
pub fn forms(address: Ipv4Addr) -> Vec<Ipv6Addr> {
    let bits = u128::from(address.to_bits());
    let public = 0x0808_0808;
    let forms = [
        0xffff << 32 | bits,
        0xffff << 48 | bits,
        0x0064_ff9b << 96 | bits,
        0x2002 << 112 | bits << 80,
        // The server of Teredo with a public client, and the client with a public server.
        0x2001_0000 << 96 | bits << 64 | (public ^ 0xffff_ffff),
        0x2001_0000 << 96 | public << 64 | (bits ^ 0xffff_ffff),
    ];
    forms.map(Ipv6Addr::from).to_vec()
}

/// Whether this address is of 64:ff9b:1::/48, in which operators choose where the IPv4 address stands.
pub fn is_locally_translated(address: IpAddr) -> bool {
    matches!(address, IpAddr::V6(address) if address.to_bits() >> 80 == 0x0064_ff9b_0001)
}

/// Whether this address must never be dialled when nothing is configured.
pub fn is_never(address: IpAddr) -> bool {
    let bits = match address {
        IpAddr::V4(address) => return is_never_v4(address.to_bits()),
        IpAddr::V6(address) => address.to_bits(),
    };
    // With the local prefix, 0.0.0.0/8 at the end says that the IPv4 address is elsewhere.
    let is_local = is_locally_translated(address);
    let is_bad = |inner: &Ipv4Addr| is_never_v4(inner.to_bits()) && !(is_local && inner.octets()[0] == 0);
    NEVER_V6.iter().any(|network| is_within(bits, 128, *network)) || inner(bits).iter().any(is_bad)
}
