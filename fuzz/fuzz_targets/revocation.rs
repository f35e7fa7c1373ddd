//! Any bytes for an OCSP answer or a CRL: what they say counts only where the authority has signed it, and while it is current.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ssl_monitor_operator::probe::{
    FaultKind, RevocationSource, RevocationState,
    fuzzing::{Word, judge_with},
};
use ssl_monitor_operator_fuzz::{chain, seen::assert_sound};

macro_rules! signed {
    ($($name:literal)*) => {
        [$(include_bytes!(concat!("../corpus/revocation/", $name))),*]
    };
}

/// What the authority, or its delegate, has signed that may count: seeds of this target.
static SIGNED: [&[u8]; 10] = signed![
    "ocsp_good" "ocsp_revoked" "ocsp_by_name" "ocsp_no_end" "ocsp_delegate" "crl_empty" "crl_revoked" "crl_others" "crl_point"
    "crl_leaves"
];
/// Since when, and until when, that is current.
const CURRENT: std::ops::RangeInclusive<i64> = 1_779_235_200..=1_781_049_600;

/// The first byte tells what the others are, and when they are read.
fn parts(bytes: &[u8]) -> Option<(bool, i64, &[u8])> {
    let (first, der) = bytes.split_first()?;
    let now = chain::now().as_second();
    let year = 31_536_000;
    let times = [now, now + year, now - year];
    Some((first & 1 == 1, times[usize::from(first / 2) % times.len()], der))
}

fuzz_target!(|bytes: &[u8]| {
    let Some((is_list, now, der)) = parts(bytes) else { return };
    let word = if is_list { Word::List(der) } else { Word::Staple(der) };
    // The leaf and its intermediate.
    let presented = [chain::CERTIFICATES[0].to_vec(), chain::CERTIFICATES[1].to_vec()];
    let at = jiff::Timestamp::from_second(now).expect("within the years of a timestamp");
    let judged = || judge_with(&presented, &chain::name(), chain::trust(), at, word);
    let presented = judged();
    assert_eq!(judged(), presented, "judged twice");
    assert_sound(&presented);
    let has = |kind| presented.verdict.faults.iter().any(|fault| fault.kind == kind);
    let revocation = presented.revocation.as_ref().expect("it was asked for");
    match &revocation.state {
        RevocationState::Unknown => {
            assert_eq!(revocation.source, None);
            return assert!(has(FaultKind::RevocationUnknown) && !has(FaultKind::Revoked));
        }
        RevocationState::Good => assert!(!has(FaultKind::Revoked) && !has(FaultKind::RevocationUnknown)),
        RevocationState::Revoked { .. } => assert!(has(FaultKind::Revoked)),
    }
    assert_eq!(revocation.source, Some(if is_list { RevocationSource::Crl } else { RevocationSource::Staple }));
    assert!(CURRENT.contains(&now), "it is out of date");
    let is_in = |signed: &[u8]| der.windows(signed.len()).any(|window| window == signed);
    let known = SIGNED.iter().filter_map(|seed| to_be_signed(seed)).any(is_in);
    assert!(known, "nobody has signed this, and it counts: {revocation:?}");
});

/// What the signature of a seed is over.
fn to_be_signed(seed: &[u8]) -> Option<&[u8]> {
    let (is_list, _, der) = parts(seed)?;
    let outer = inside(der)?;
    if is_list {
        return whole(outer);
    }
    // Status, then [0] with the kind of the answer and, in an octet string, the answer.
    let bytes = inside(inside(after(outer)?)?)?;
    whole(inside(inside(after(bytes)?)?)?)
}

/// The first element with its header, what is in it, and what is behind it.
fn whole(der: &[u8]) -> Option<&[u8]> {
    let (header, length) = measure(der)?;
    der.get(..header + length)
}

fn inside(der: &[u8]) -> Option<&[u8]> {
    let (header, length) = measure(der)?;
    der.get(header..header + length)
}

fn after(der: &[u8]) -> Option<&[u8]> {
    let (header, length) = measure(der)?;
    der.get(header + length..)
}

/// How long the header of an element is, and what is in it.
fn measure(der: &[u8]) -> Option<(usize, usize)> {
    Some(match *der.get(1)? {
        0x81 => (3, usize::from(*der.get(2)?)),
        0x82 => (4, usize::from(*der.get(2)?) << 8 | usize::from(*der.get(3)?)),
        short => (2, usize::from(short)),
    })
}
