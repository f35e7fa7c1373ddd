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
use crate::probe::{
    certificate,
    revocation::{self, Link, Query},
    trust::digest_of,
};

/// The most intermediates of a path; the limit is webpki's.
const MAX_INTERMEDIATES: usize = 6;

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
    /// Where its intermediates stand in the chain, from the leaf's issuer up; then zeros, where the leaf stands.
    intermediates: [u8; MAX_INTERMEDIATES],
    /// Whether it ends at a root of the system.
    pub is_public: bool,
    /// Which of the trust store's anchors it ends at; of several with that name and key, the first.
    pub anchor: usize,
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

/// A path from the leaf, which is valid at these times, to a trust anchor, that is good for TLS servers. It is looked for at a time
/// inside the leaf's validity, so that an expired leaf still says whether its chain is good.
pub(super) fn find(
    case: &Case,
    leaf: &EndEntityCert<'_>,
    (not_before, not_after): (Timestamp, Timestamp),
    paths: Option<&PathCache>,
) -> Result<Path, NoPath> {
    let at = case.now.clamp(not_before, not_after.max(not_before));
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

/// What lists are to be asked about a chain: nothing where the leaf is itself trusted, which is above its issuer's word. `None`
/// when there is no verified path, so that nobody's word would count.
pub(in crate::probe) fn queries(case: &Case, paths: Option<&PathCache>) -> Option<Vec<Query>> {
    let leaf = &case.chain[0];
    if case.trust.pins(leaf) {
        return Some(Vec::new());
    }
    let validity = certificate::validity(&certificate::parse(leaf)?);
    let path = find(case, &EndEntityCert::try_from(leaf).ok()?, validity, paths).ok()?;
    Some(revocation::queries(&path.links(case)?))
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
    let anchor = case.trust.position(verified.anchor()).ok_or(NoPath::Broken(webpki::Error::UnknownIssuer))?;
    if verified.intermediate_certificates().count() > MAX_INTERMEDIATES {
        return Err(NoPath::Broken(webpki::Error::MaximumPathDepthExceeded));
    }
    let (not_before, not_after, intermediates) = (Timestamp::MIN, Timestamp::MAX, [0; MAX_INTERMEDIATES]);
    let mut path = Path { not_before, not_after, intermediates, is_public, anchor };
    for (place, intermediate) in path.intermediates.iter_mut().zip(verified.intermediate_certificates()) {
        let der = intermediate.der();
        let parsed = certificate::parse(&der).ok_or(NoPath::Broken(webpki::Error::BadDer))?;
        let (not_before, not_after) = certificate::validity(&parsed);
        path.not_before = path.not_before.max(not_before);
        path.not_after = path.not_after.min(not_after);
        let position = (1_u8..).zip(&case.chain[1..]).find(|(_, sent)| **sent == der).map(|(position, _)| position);
        *place = position.ok_or(NoPath::Broken(webpki::Error::BadDer))?;
    }
    Ok(path)
}

// === impl Path ===

impl Path {
    /// Whether the certificate at this position of the chain is an intermediate of the path.
    pub(super) fn uses(&self, position: usize) -> bool {
        position > 0 && self.intermediates.iter().any(|place| usize::from(*place) == position)
    }

    /// Its certificates, the leaf first, each with its issuer.
    pub(super) fn links<'a>(&self, case: &'a Case) -> Option<Vec<Link<'a>>> {
        let above = self.intermediates.iter().filter(|place| **place > 0);
        let places = [0].iter().chain(above).filter_map(|place| case.chain.get(usize::from(*place)));
        revocation::links(places, case.trust.anchors().get(self.anchor)?, &case.trust)
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
        let path = Path {
            not_before: Timestamp::MIN,
            not_after: Timestamp::MAX,
            intermediates: [0; MAX_INTERMEDIATES],
            is_public: false,
            anchor: 0,
        };
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
