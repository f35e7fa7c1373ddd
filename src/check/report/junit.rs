//! `-o junit`: one test case per target.

use std::{
    io::{self, Write},
    time::Duration,
};

use quick_junit::{NonSuccessKind, Report as Document, TestCase, TestCaseStatus, TestSuite};

use super::Report;
use crate::{
    api::SslMonitor,
    check::result::{Verdict, sentence, status, summary, verdict},
    probe::{Host, Target},
};

pub(super) struct Junit<W> {
    out: W,
    suite: TestSuite,
}

// === impl Junit ===

impl<W: Write> Junit<W> {
    pub(super) fn new(out: W) -> Self {
        Self { out, suite: TestSuite::new("certificates") }
    }
}

impl<W: Write> Report for Junit<W> {
    fn add(&mut self, monitor: SslMonitor) -> io::Result<()> {
        self.suite.add_test_case(test_case(&monitor));
        Ok(())
    }

    fn finish(&mut self) -> io::Result<()> {
        let mut document = Document::new("sslmonitor check");
        document.add_test_suite(self.suite.clone());
        document.serialize(&mut self.out).map_err(io::Error::other)?;
        self.out.flush()
    }
}

fn test_case(monitor: &SslMonitor) -> TestCase {
    let mut case = TestCase::new(name(monitor), outcome(monitor));
    case.set_classname("sslmonitor");
    if let Some(millis) = status(monitor).and_then(|status| status.response_time_ms) {
        case.set_time(Duration::from_millis(u64::try_from(millis).unwrap_or_default()));
    }
    case
}

fn outcome(monitor: &SslMonitor) -> TestCaseStatus {
    let mut outcome = match verdict(monitor) {
        Verdict::Good => return TestCaseStatus::success(),
        Verdict::Skipped => TestCaseStatus::skipped(),
        Verdict::Bad => TestCaseStatus::non_success(NonSuccessKind::Failure),
    };
    outcome.set_type(summary(monitor)).set_message(sentence(monitor));
    outcome
}

fn name(monitor: &SslMonitor) -> String {
    let spec = &monitor.spec;
    spec.domain
        .parse::<Host>()
        .map_or_else(|_| format!("{}:{}", spec.domain, spec.port()), |host| Target::new(host, spec.port()).to_string())
}
