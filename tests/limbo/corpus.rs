//! The cases as they stand in the file.

use std::io::{BufRead as _, BufReader};

use flate2::read::GzDecoder;
use jiff::Timestamp;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer, pem::PemObject as _};
use serde::Deserialize;
use ssl_monitor_operator::probe::{Host, SystemRoots, TrustStore};
use xtask::farm::Issued;

const CASES: &[u8] = include_bytes!("../data/limbo/cases.jsonl.gz");

/// The clock of cases that tell none: their certificates are valid for centuries.
const CLOCK: &str = "2026-11-23T00:00:00Z";

/// How a case stands to webpki alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Class {
    /// The same verdict.
    Agree,
    /// webpki accepts what the corpus rejects.
    Lenient,
    /// webpki rejects what the corpus accepts.
    Strict,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Case {
    pub id: String,
    pub class: Class,
    trusted_certs: Vec<String>,
    untrusted_intermediates: Vec<String>,
    peer_certificate: String,
    peer_certificate_key: Option<String>,
    validation_time: Option<Timestamp>,
    pub expected_result: String,
    expected_peer_name: String,
    #[serde(default)]
    crls: Vec<String>,
}

pub(crate) fn cases() -> Vec<Case> {
    let lines = BufReader::new(GzDecoder::new(CASES)).lines();
    lines.map(|line| serde_json::from_str(&line.unwrap()).unwrap()).collect()
}

impl Case {
    pub(crate) fn now(&self) -> Timestamp {
        self.validation_time.unwrap_or_else(|| CLOCK.parse().unwrap())
    }

    /// The name to verify, also one that no monitor may name.
    pub(crate) fn host(&self) -> Host {
        let name = &self.expected_peer_name;
        name.parse().map_or_else(|_| Host::Name(name.clone()), Host::Address)
    }

    /// Its anchors, as the system's and as a bundle; `None` when they are refused.
    pub(crate) fn trust(&self) -> Option<TrustStore> {
        let anchors = self.trusted_certs.concat();
        let system = SystemRoots::from_pem(anchors.as_bytes()).ok()?;
        TrustStore::new(Some(&system), Some(anchors.as_bytes())).ok()
    }

    pub(crate) fn chain_pem(&self) -> String {
        self.peer_certificate.clone() + &self.untrusted_intermediates.concat()
    }

    /// Its revocation lists in DER, each of its own.
    pub(crate) fn lists(&self) -> Vec<Vec<u8>> {
        let der = |pem: &String| CertificateRevocationListDer::from_pem_slice(pem.as_bytes()).unwrap().to_vec();
        self.crls.iter().map(der).collect()
    }

    /// What a server needs, where the leaf's key is known.
    pub(crate) fn issued(&self) -> Option<Issued> {
        let key = PrivateKeyDer::from_pem_slice(self.peer_certificate_key.as_ref()?.as_bytes()).unwrap();
        let pem = self.chain_pem();
        let chain = CertificateDer::pem_slice_iter(pem.as_bytes()).map(Result::unwrap).collect();
        Some(Issued { chain, key, staple: None })
    }
}
