//! Any answer of a resolver, and any address: what is never a target is not dialled, in whatever form it comes.
#![no_main]

use std::net::{IpAddr, SocketAddr};

use libfuzzer_sys::fuzz_target;
use ssl_monitor_operator::probe::{AddressPolicy, MAX_ENDPOINTS, Target, fuzzing};
use ssl_monitor_operator_fuzz::{address, seen::assert_visible};

fuzz_target!(|bytes: &[u8]| {
    // The same bytes as addresses, so that each run tries some.
    let (wide, _) = bytes.as_chunks::<16>();
    let (narrow, _) = bytes.as_chunks::<4>();
    for address in wide
        .iter()
        .take(8)
        .map(|octets| IpAddr::from(*octets))
        .chain(narrow.iter().take(8).map(|octets| IpAddr::from(*octets)))
    {
        check(&[address]);
        check_forms(address);
    }
    if let Some(found) = fuzzing::addresses(bytes) {
        assert!(found.len() <= 1024, "{} addresses", found.len());
        // Each stands in the answer, to the byte.
        for address in &found {
            let is_in = match address {
                IpAddr::V4(address) => bytes.windows(4).any(|window| window == address.octets()),
                IpAddr::V6(address) => bytes.windows(16).any(|window| window == address.octets()),
            };
            assert!(is_in, "{address} is not in the answer");
        }
        check(&found);
    }
});

/// What is dialled is exactly what was found and is no forbidden target, in the same order; else the failure says so.
fn check(found: &[IpAddr]) {
    let target = Target::new("a.test".parse().expect("a.test is a host"), 443);
    let allowed: Vec<IpAddr> = found.iter().copied().filter(|address| !address::is_never(*address)).collect();
    // Where the place of the IPv4 address is not known for sure, more may be denied.
    let is_sure = |address: &IpAddr| !address::is_locally_translated(*address);
    match fuzzing::vet(&AddressPolicy::default(), &target, found) {
        Ok(vetted) => {
            assert!(vetted.iter().all(|address| address.port() == 443));
            let vetted: Vec<IpAddr> = vetted.iter().map(SocketAddr::ip).collect();
            assert!(vetted.iter().all(|address| allowed.contains(address)), "{vetted:?} of {found:?}");
            let sure = |addresses: Vec<IpAddr>| addresses.into_iter().filter(is_sure).collect::<Vec<_>>();
            assert!(vetted.len() <= MAX_ENDPOINTS, "{} are looked at", vetted.len());
            // Of more than are looked at, the first are.
            if allowed.len() <= MAX_ENDPOINTS {
                assert_eq!(sure(vetted), sure(allowed));
            }
        }
        Err(denial) => {
            assert!(!allowed.iter().any(is_sure), "{allowed:?}: {denial}");
            assert_visible(&denial);
        }
    }
}

/// An IPv4 address is denied in all its clothes or in none.
fn check_forms(address: IpAddr) {
    let IpAddr::V4(address) = address else { return };
    let policy = AddressPolicy::default();
    for form in address::forms(address) {
        let is_denied = policy.check(form.into()).is_err();
        assert_eq!(is_denied, policy.check(address.into()).is_err(), "{address} as {form}");
        assert!(address::inner(form.to_bits()).contains(&address), "{address} as {form}");
    }
}
