//! Flights that others recorded, whole, cut and changed.

use aws_lc_rs::digest::{SHA256, digest};
use base64::prelude::{BASE64_STANDARD, Engine as _};

use super::*;

/// Flights that others recorded, and what others read in them: see the NOTICE beside the file.
const RECORDED: &str = include_str!("../../../../tests/data/go-flights/flights.txt");

/// Name, version, suite, digest of the certificate, and bytes of each recording.
fn recorded() -> impl Iterator<Item = ([&'static str; 4], Vec<u8>)> {
    RECORDED.lines().map(|line| {
        let [name, version, suite, digest, flight] = line.split(' ').collect::<Vec<_>>().try_into().unwrap();
        ([name, version, suite, digest], BASE64_STANDARD.decode(flight).unwrap())
    })
}

fn hex_digest(der: &[u8]) -> String {
    digest(&SHA256, der).as_ref().iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"))
}

#[test]
fn recorded_flights_read_as_their_recorder_reads_them() {
    let mut with_certificate = 0;
    for ([name, version, suite, leaf], flight) in recorded() {
        let seen = read(&flight);
        let told = seen.as_ref().map(|seen| (seen.version, seen.cipher_suite.as_str(), seen.chain.len()));
        let expected = (version != "-").then_some((version, suite, 1));
        assert_eq!(told, expected, "{name}");
        if let Some(seen) = seen {
            with_certificate += 1;
            assert_eq!(hex_digest(&seen.chain[0]), leaf, "{name}");
            assert_eq!(
                seen.client_certificate_requested,
                name.contains("ClientCert-") || name.contains("ClientAuth"),
                "{name}"
            );
            assert_eq!(seen.staple, None, "{name}");
        }
    }
    assert_eq!(with_certificate, 75);
}

#[test]
fn every_part_of_a_recorded_flight_shows_the_certificate_or_nothing() {
    for ([name, .., leaf], flight) in recorded() {
        let mut reader = Reader::default();
        let mut seen_before = false;
        for end in 0..=flight.len() {
            let seen = read(&flight[..end]);
            assert!(seen.is_some() || !seen_before, "{name}: lost at {end}");
            seen_before = seen.is_some();
            assert!(seen.is_none_or(|seen| hex_digest(&seen.chain[0]) == leaf), "{name} at {end}");
        }
        for byte in &flight {
            reader.push(&[*byte]);
        }
        assert_eq!(reader.finish(), read(&flight), "{name}");
    }
}

proptest! {
    #[test]
    fn recorded_flights_that_were_changed_are_read_without_panic(
        number in any::<prop::sample::Index>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
    ) {
        let flights: Vec<_> = recorded().map(|(_, flight)| flight).collect();
        let mut flight = number.get(&flights).clone();
        for (place, byte) in changes {
            *place.get_mut(&mut flight) = byte;
        }
        let seen = read(&flight);
        prop_assert_eq!(&pieces(&flight, &cuts), &seen);
        prop_assert!(seen.is_none_or(|seen| size(&seen) <= flight.len()));
    }
}
