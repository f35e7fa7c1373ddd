//! The path to a trust anchor, and a memory of paths: certificates change every few weeks, probes run every few minutes.

use std::{
    cell::RefCell,
    collections::HashMap,
    mem,
    sync::{LazyLock, Mutex, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use rustls::{
    crypto::{WebPkiSupportedAlgorithms, aws_lc_rs},
    pki_types::{CertificateDer, UnixTime},
};
use webpki::{EndEntityCert, KeyUsage, VerifiedPath};

use super::{Case, MAX_JUDGED, rules};
use crate::probe::{certificate, trust::digest_of};

/// How many paths one generation of the memory holds; there are two of about 120 bytes a path.
const GENERATION: usize = 8192;

/// What chains may be signed with: the same as handshakes.
static ALGORITHMS: LazyLock<WebPkiSupportedAlgorithms> =
    LazyLock::new(|| aws_lc_rs::default_provider().signature_verification_algorithms);

/// A verified path, as far as it depends on the chain and the trust store alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Path {
    /// From when its intermediates are all valid, inclusive.
    pub not_before: Timestamp,
    /// Until when they are, inclusive.
    pub not_after: Timestamp,
    /// Which certificates of the chain are its intermediates: one bit each, the leaf's is the lowest and never set.
    used: u64,
    /// Whether it ends at a root of the system.
    pub is_public: bool,
    /// Which of the bundle's certificates it ends at; `None` when it is a root of the system only.
    pub bundled: Option<usize>,
}

/// Why there is no path.
#[derive(Debug)]
pub(super) enum NoPath {
    /// No path keeps the rules of webpki.
    Broken(webpki::Error),
    /// There is one, but it breaks another rule that many clients enforce.
    Refused(String),
}

/// Paths that were found, by digest of chain and trust store. Only what cannot change is remembered: names, the leaf's
/// dates and the handshake's signature are judged anew each time, and a path only counts while its intermediates are valid.
#[derive(Debug, Default)]
pub(in crate::probe) struct PathCache(Mutex<Generations>);

/// The older generation is forgotten when the younger is full: what is used within that time stays.
#[derive(Debug, Default)]
struct Generations {
    young: HashMap<[u8; 32], Path>,
    old: HashMap<[u8; 32], Path>,
}

/// A path from the leaf to a trust anchor that is valid for TLS servers at that time.
pub(super) fn find(
    case: &Case,
    leaf: &EndEntityCert<'_>,
    at: Timestamp,
    paths: Option<&PathCache>,
) -> Result<Path, NoPath> {
    let chain = &case.chain[..case.chain.len().min(MAX_JUDGED)];
    let Some(paths) = paths else { return search(case, leaf, &chain[1..], at) };
    let key = digest_of(chain.iter().map(AsRef::as_ref).chain([&case.trust.id()[..]]));
    if let Some(path) = paths.get(&key).filter(|path| path.not_before <= at && at <= path.not_after) {
        return Ok(path);
    }
    let path = search(case, leaf, &chain[1..], at)?;
    paths.put(key, path);
    Ok(path)
}

fn search(
    case: &Case,
    leaf: &EndEntityCert<'_>,
    intermediates: &[CertificateDer<'_>],
    at: Timestamp,
) -> Result<Path, NoPath> {
    let seconds = Duration::from_secs(u64::try_from(at.as_second()).unwrap_or(0));
    let refusal = RefCell::new(None);
    let approve = |path: &VerifiedPath<'_>| match rules::refusal(path, &case.trust) {
        None => Ok(()),
        Some(reason) => {
            refusal.borrow_mut().get_or_insert(reason);
            // Whatever error makes webpki look for another path.
            Err(webpki::Error::UnknownIssuer)
        }
    };
    let verified = leaf.verify_for_usage(
        ALGORITHMS.all,
        case.trust.anchors(),
        intermediates,
        UnixTime::since_unix_epoch(seconds),
        KeyUsage::server_auth(),
        None,
        Some(&approve),
    );
    match verified {
        Ok(verified) => summary(&verified, case),
        Err(error) => Err(refusal.take().map_or(NoPath::Broken(error), NoPath::Refused)),
    }
}

fn summary(verified: &VerifiedPath<'_>, case: &Case) -> Result<Path, NoPath> {
    let is_public = case.trust.is_of_system(verified.anchor());
    let bundled = case.trust.bundled(verified.anchor()).next().map(|(index, _)| index);
    let mut path = Path { not_before: Timestamp::MIN, not_after: Timestamp::MAX, used: 0, is_public, bundled };
    for intermediate in verified.intermediate_certificates() {
        let der = intermediate.der();
        let parsed = certificate::parse(&der).ok_or(NoPath::Broken(webpki::Error::BadDer))?;
        let (not_before, not_after) = certificate::validity(&parsed);
        path.not_before = path.not_before.max(not_before);
        path.not_after = path.not_after.min(not_after);
        let position = case.chain.iter().take(MAX_JUDGED).skip(1).position(|sent| *sent == der);
        path.used |= position.map_or(0, |position| 1 << (position + 1));
    }
    Ok(path)
}

// === impl Path ===

impl Path {
    /// Whether the certificate at this position of the chain is an intermediate of the path.
    pub(super) fn uses(&self, position: usize) -> bool {
        position < MAX_JUDGED && self.used >> position & 1 == 1
    }
}

// === impl PathCache ===

impl PathCache {
    fn get(&self, key: &[u8; 32]) -> Option<Path> {
        let mut generations = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(path) = generations.young.get(key) {
            return Some(*path);
        }
        let path = generations.old.remove(key)?;
        generations.put(*key, path);
        Some(path)
    }

    fn put(&self, key: [u8; 32], path: Path) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).put(key, path);
    }
}

// === impl Generations ===

impl Generations {
    fn put(&mut self, key: [u8; 32], path: Path) {
        if self.young.len() >= GENERATION {
            self.old = mem::take(&mut self.young);
        }
        self.young.insert(key, path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(number: usize) -> [u8; 32] {
        digest_of([&number.to_be_bytes()[..]])
    }

    #[test]
    fn what_is_used_stays_and_the_rest_is_forgotten() {
        let path =
            Path { not_before: Timestamp::MIN, not_after: Timestamp::MAX, used: 0, is_public: false, bundled: None };
        let cache = PathCache::default();
        (0..5 * GENERATION).for_each(|number| {
            cache.put(key(number), path);
            assert_eq!(cache.get(&key(0)), Some(path), "used all the time");
        });
        assert_eq!(cache.get(&key(1)), None);
        let generations = cache.0.lock().unwrap_or_else(PoisonError::into_inner);
        assert!(generations.young.len() <= GENERATION && generations.old.len() <= GENERATION);
    }
}
