//! Which lists are to be asked about the certificates of a path.

use x509_parser::prelude::{DistributionPointName, GeneralName, ParsedExtension, X509Certificate};

use super::{
    issuer::{Issuer, Link},
    list::Subject,
};
use crate::probe::certificate;

/// The most URLs of one certificate that are tried.
const MAX_URLS: usize = 4;
/// The longest URL that is tried, in bytes.
const MAX_URL: usize = 2048;

/// A certificate that its issuer's list is to be asked about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::probe) struct Query {
    /// What it is called; `None` for the leaf.
    pub(super) name: Option<String>,
    pub(super) subject: Subject,
    pub(super) issuer: Issuer,
}

/// What is to be asked about the certificates of a path, the leaf first. It must be a verified one: where a list is fetched from
/// is said by the certificate, and no one shall have us fetch from places by a certificate of their own making.
pub(in crate::probe) fn queries(path: &[Link<'_>]) -> Vec<Query> {
    path.iter().enumerate().map(|(position, link)| Query::of(link, position)).collect()
}

// === impl Query ===

impl Query {
    fn of(link: &Link<'_>, position: usize) -> Self {
        let parsed = &link.parsed;
        Self {
            name: (position > 0).then(|| certificate::display_name(certificate::subject_name(parsed))),
            subject: Subject { serial: parsed.raw_serial().to_vec(), is_authority: position > 0, urls: urls(parsed) },
            issuer: link.issuer.clone(),
        }
    }
}

/// The http URLs of a certificate's distribution points. Points of other issuers' lists, and of lists for some reasons only, are
/// passed over, and so is LDAP.
fn urls(parsed: &X509Certificate<'_>) -> Vec<String> {
    let mut urls: Vec<String> = Vec::new();
    let points = parsed.extensions().iter().filter_map(|extension| match extension.parsed_extension() {
        ParsedExtension::CRLDistributionPoints(points) => Some(&points.points),
        _ => None,
    });
    let plain = points.flatten().filter(|point| point.crl_issuer.is_none() && point.reasons.is_none());
    for point in plain {
        let Some(DistributionPointName::FullName(names)) = &point.distribution_point else { continue };
        for name in names {
            let GeneralName::URI(url) = name else { continue };
            let is_http = url.get(..7).is_some_and(|scheme| scheme.eq_ignore_ascii_case("http://"));
            if is_http && url.len() <= MAX_URL && urls.len() < MAX_URLS && !urls.iter().any(|known| known == url) {
                urls.push((*url).to_owned());
            }
        }
    }
    urls
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use rcgen::CustomExtension;
    use xtask::farm::{Authority, Leaf};

    use super::*;

    fn tlv(tag: u8, parts: &[Vec<u8>]) -> Vec<u8> {
        let content = parts.concat();
        [vec![tag, 0x81, u8::try_from(content.len()).unwrap()], content].concat()
    }

    /// A distribution point at these URLs, with `more` fields.
    fn point(urls: &[&str], more: &[Vec<u8>]) -> Vec<u8> {
        let short = |url: &&str| [vec![0x86, u8::try_from(url.len()).unwrap()], url.as_bytes().to_vec()].concat();
        let names: Vec<Vec<u8>> = urls.iter().map(short).collect();
        let name = |content: Vec<u8>, tag| [vec![tag, u8::try_from(content.len()).unwrap()], content].concat();
        let place = name(name(names.concat(), 0xa0), 0xa0);
        name([vec![place], more.to_vec()].concat().concat(), 0x30)
    }

    #[test]
    fn only_http_urls_of_whole_lists_by_the_issuer_are_tried_and_not_many() {
        let reasons = vec![0x81, 2, 1, 2];
        let other = vec![0xa2, 3, 0x82, 1, b'x'];
        let points = [
            point(&["http://partial/"], &[reasons]),
            point(&["http://indirect/"], &[other]),
            point(&["ldap://a/", "http://1/", "https://b/", "HTTP://2/", "http://1/"], &[]),
            point(&["http://3/", "http://4/", "http://5/"], &[]),
        ];
        let leaf = Leaf::new(["a.test"]);
        let mut params = leaf.params();
        params.custom_extensions = vec![CustomExtension::from_oid_content(&[2, 5, 29, 31], tlv(0x30, &points))];
        let issued = Authority::new("Farm").issue_from(&params, &leaf.key());
        let parsed = certificate::parse(&issued.chain[0]).unwrap();
        assert_eq!(urls(&parsed), ["http://1/", "HTTP://2/", "http://3/", "http://4/"]);
    }
}
