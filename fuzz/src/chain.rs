//! Chains for the verification: real certificates, whole or with some of their bytes changed, and anything else.

use std::sync::LazyLock;

use arbitrary::{Result, Unstructured};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use jiff::Timestamp;
use ssl_monitor_operator::probe::{Host, TrustStore};

macro_rules! certificates {
    ($($name:literal)*) => {
        [$(include_bytes!(concat!("../corpus/certificate/", $name, ".der"))),*]
    };
}

/// The certificates of an authority whose root is [trusted](trust) and of another one that is not, all of the same seeds that
/// the target `certificate` starts from. A seed of `chain` names them by their number: add new ones at the end.
pub static CERTIFICATES: [&[u8]; 27] = certificates![
    "leaf" "intermediate" "root" "by_root" "client" "constrained" "ed25519" "empty" "expired" "forever" "future" "impostor"
    "leaf_is_ca" "many_names" "must_staple" "names" "no_san" "old_intermediate" "other_root" "outside" "p192" "rsa"
    "rsa_1024" "self_signed" "under_constrained" "under_old" "unknown_critical"
];

/// The root's number.
const ROOT: usize = 2;

/// One root, and nothing else.
pub fn trust() -> &'static TrustStore {
    static TRUST: LazyLock<TrustStore> = LazyLock::new(|| {
        let root = BASE64_STANDARD.encode(CERTIFICATES[ROOT]);
        let bundle = format!("-----BEGIN CERTIFICATE-----\n{root}\n-----END CERTIFICATE-----\n");
        TrustStore::new(None, Some(bundle.as_bytes())).expect("the root is a certificate")
    });
    &TRUST
}

/// The name that most of the certificates are for.
pub fn name() -> Host {
    Host::Name("a.test".to_owned())
}

/// A time within the validity of most of the certificates.
pub fn now() -> Timestamp {
    Timestamp::from_second(1_780_000_000).expect("within the years of a timestamp")
}

/// A time anywhere near the dates of the certificates: from 1950 to 2050 in steps of about ten days, to the second at the end.
pub fn time(from: &mut Unstructured<'_>) -> Result<Timestamp> {
    let (steps, seconds) = (i64::from(from.int_in_range(0..=3700_u16)?), i64::from(from.int_in_range(-1..=1_i8)?));
    Ok(Timestamp::from_second(steps * 852_000 - 631_000_000 + seconds).expect("within the years of a timestamp"))
}

/// One certificate in DER form: a byte for one of ours, then how many of its bytes are changed; or any bytes.
pub fn certificate(from: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    let number = usize::from(from.arbitrary::<u8>()?);
    let Some(known) = CERTIFICATES.get(number) else {
        let length = usize::from(from.arbitrary::<u16>()?).min(from.len());
        return Ok(from.bytes(length)?.to_vec());
    };
    let mut der = known.to_vec();
    for _ in 0..from.int_in_range(0..=8_u8)? {
        let position = usize::from(from.arbitrary::<u16>()?) % der.len();
        der[position] = from.arbitrary()?;
    }
    Ok(der)
}

/// One to six certificates.
pub fn chain(from: &mut Unstructured<'_>) -> Result<Vec<Vec<u8>>> {
    (0..from.int_in_range(1..=6_u8)?).map(|_| certificate(from)).collect()
}
