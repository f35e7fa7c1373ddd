//! `-o junit`: one test case per target.

use std::{
    io::{self, Write},
    time::Duration,
};

use quick_junit::{NonSuccessKind, Report as Document, TestCase, TestCaseStatus, TestSuite};

use super::{
    Report,
    result::{Verdict, sentence, status, summary, verdict},
};
use crate::{
    api::SslMonitor,
    probe::{Host, Target},
};

/// A JUnit report, for CI.
#[derive(Debug)]
pub struct Junit<W> {
    out: W,
    title: &'static str,
    suite: TestSuite,
    /// How a case is called.
    name: fn(&SslMonitor) -> String,
}

// === impl Junit ===

impl<W: Write> Junit<W> {
    /// A report whose cases are called by what is watched.
    pub fn of_places(out: W, title: &'static str) -> Self {
        Self { out, title, suite: TestSuite::new("certificates"), name: place }
    }

    /// A report whose cases are called by their objects, and what these watch.
    pub fn of_objects(out: W, title: &'static str) -> Self {
        Self { name: object, ..Self::of_places(out, title) }
    }
}

impl<W: Write> Report for Junit<W> {
    fn add(&mut self, monitor: SslMonitor) -> io::Result<()> {
        self.suite.add_test_case(test_case(&monitor, (self.name)(&monitor)));
        Ok(())
    }

    fn finish(&mut self) -> io::Result<()> {
        let mut document = Document::new(self.title);
        document.add_test_suite(self.suite.clone());
        document.serialize(&mut self.out).map_err(io::Error::other)?;
        self.out.flush()
    }
}

fn test_case(monitor: &SslMonitor, name: String) -> TestCase {
    let mut case = TestCase::new(name, outcome(monitor));
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

fn object(monitor: &SslMonitor) -> String {
    let metadata = &monitor.metadata;
    let [namespace, name] = [&metadata.namespace, &metadata.name].map(|text| text.as_deref().unwrap_or_default());
    format!("{namespace}/{name} ({})", place(monitor))
}

fn place(monitor: &SslMonitor) -> String {
    let spec = &monitor.spec;
    spec.domain
        .parse::<Host>()
        .map_or_else(|_| format!("{}:{}", spec.domain, spec.port()), |host| Target::new(host, spec.port()).to_string())
}
