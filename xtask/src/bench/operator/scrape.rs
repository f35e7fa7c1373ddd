//! The operator's own numbers, without asking for the series of every monitor, which would cost it what is measured.

use std::{io, net::SocketAddr};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

/// What the first page of `/metrics` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Numbers {
    /// Checks whose time has not come.
    pub(super) waiting: usize,
    /// Checks that are due or running.
    pub(super) at_work: usize,
    /// Probes that have ended.
    pub(super) probes: usize,
    /// Those that found a valid certificate.
    pub(super) valid: usize,
}

/// Read just as much of `/metrics` as holds the numbers, and hang up: the pages are written as they are read.
pub(super) async fn numbers(address: SocketAddr) -> io::Result<Numbers> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(format!("GET /metrics HTTP/1.0\r\nHost: {address}\r\n\r\n").as_bytes()).await?;
    let mut text = Vec::new();
    while stream.read_buf(&mut text).await? > 0 {
        // A cut character or line at the end does no harm: the numbers are followed by other lines.
        if let Some(numbers) = Numbers::parse(&String::from_utf8_lossy(&text)) {
            return Ok(numbers);
        }
    }
    Err(io::Error::new(io::ErrorKind::UnexpectedEof, "/metrics does not tell of probes and schedule"))
}

impl Numbers {
    /// Read them from the text, once the page with the series of the monitors follows.
    fn parse(text: &str) -> Option<Self> {
        let (page, _) = text.split_once("# HELP sslmonitor_up ")?;
        let sum = |prefix: &str| {
            let values: Vec<usize> = page.lines().filter_map(|line| value(line, prefix)).collect();
            (!values.is_empty()).then(|| values.iter().sum::<usize>())
        };
        Some(Self {
            waiting: sum("sslmonitor_schedule_waiting ")?,
            at_work: sum("sslmonitor_schedule_ready{")? + sum("sslmonitor_schedule_in_flight ")?,
            probes: sum("sslmonitor_probes_total{")?,
            valid: sum("sslmonitor_probes_total{result=\"valid\"}")?,
        })
    }
}

fn value(line: &str, prefix: &str) -> Option<usize> {
    line.starts_with(prefix).then(|| line.rsplit(' ').next()?.parse().ok())?
}

#[cfg(test)]
mod tests {
    use ssl_monitor_operator::metrics::{Metrics, ProbeResult, ScheduleNumbers};

    use super::*;

    #[test]
    fn the_numbers_are_those_of_the_operator() {
        let metrics = Metrics::new();
        metrics.count_probe(ProbeResult::Valid);
        metrics.count_probe(ProbeResult::Valid);
        metrics.count_probe(ProbeResult::Unreachable);
        let ready = [("new", 1), ("manual", 2), ("overdue", 3), ("periodic", 4)];
        metrics.watch_schedule(move || ScheduleNumbers { waiting: 10_000, ready, in_flight: 5 });
        let text = metrics.encode();
        let expected = Numbers { waiting: 10_000, at_work: 15, probes: 3, valid: 2 };
        assert_eq!(Numbers::parse(&text), Some(expected));
        let (first, _) = text.split_once("sslmonitor_up").unwrap_or_default();
        assert_eq!(Numbers::parse(first), None);
    }
}
