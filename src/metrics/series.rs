//! Series that are written from what is known of the monitors and the schedule, whenever someone asks.

use std::{
    fmt::{self, Debug},
    sync::{Arc, OnceLock},
};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric as _},
    metrics::gauge::ConstGauge,
};

use super::{FindingKind, MonitorGauge, Monitors, Number, ScheduleNumbers, lock};

/// One gauge of all monitors.
#[derive(Debug)]
pub(super) struct GaugeOfAll {
    pub(super) gauge: MonitorGauge,
    pub(super) monitors: Monitors,
}

impl Collector for GaugeOfAll {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        let (name, help, value) = self.gauge;
        let mut encoder = encoder.encode_descriptor(name, help, None, ConstGauge::new(0_i64).metric_type())?;
        for (key, sample) in &*lock(&self.monitors) {
            let Some(value) = value(sample) else { continue };
            let names = [("namespace", &*key.namespace), ("name", &*key.name), ("domain", &*sample.domain)];
            let labels = (names, [("port", sample.port)]);
            let mut series = encoder.encode_family(&labels)?;
            match value {
                Number::Whole(value) => series.encode_gauge(&value)?,
                Number::Real(value) => series.encode_gauge(&value)?,
            }
        }
        Ok(())
    }
}

/// The findings of all monitors: one series for each that is there.
#[derive(Debug)]
pub(super) struct FindingGauge {
    pub(super) kinds: Arc<OnceLock<Vec<FindingKind>>>,
    pub(super) monitors: Monitors,
}

impl Collector for FindingGauge {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        let help = "Something that was found at the last check beside the verdict (1); gone when it is mended.";
        let kind = ConstGauge::new(0_i64).metric_type();
        let mut encoder = encoder.encode_descriptor("sslmonitor_finding", help, None, kind)?;
        let kinds = self.kinds.get().map(Vec::as_slice).unwrap_or_default();
        for (key, sample) in &*lock(&self.monitors) {
            let names = [("namespace", &*key.namespace), ("name", &*key.name), ("domain", &*sample.domain)];
            for (_, (kind, severity)) in (0_u32..64).zip(kinds).filter(|(bit, _)| sample.findings >> bit & 1 == 1) {
                let labels = ((names, [("port", sample.port)]), [("type", *kind), ("severity", *severity)]);
                encoder.encode_family(&labels)?.encode_gauge(&1_i64)?;
            }
        }
        Ok(())
    }
}

/// The gauges of the schedule, once someone has said where to find them.
#[derive(Default)]
pub(super) struct ScheduleSource {
    pub(super) numbers: OnceLock<Box<dyn Fn() -> ScheduleNumbers + Send + Sync>>,
}

impl Collector for ScheduleSource {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        let Some(numbers) = self.numbers.get() else { return Ok(()) };
        let ScheduleNumbers { waiting, ready, in_flight } = numbers();
        for (name, help, value) in [
            ("sslmonitor_schedule_waiting", "Probes whose time has not come.", waiting),
            ("sslmonitor_schedule_in_flight", "Probes that are running.", in_flight),
        ] {
            let gauge = ConstGauge::new(value as u64);
            gauge.encode(encoder.encode_descriptor(name, help, None, gauge.metric_type())?)?;
        }
        let help = "Probes that are due and wait for a slot, by lane.";
        let kind = ConstGauge::new(0_u64).metric_type();
        let mut encoder = encoder.encode_descriptor("sslmonitor_schedule_ready", help, None, kind)?;
        for (lane, value) in ready {
            encoder.encode_family(&[("lane", lane)])?.encode_gauge(&(value as u64))?;
        }
        Ok(())
    }
}

impl Debug for ScheduleSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScheduleSource").field("watched", &self.numbers.get().is_some()).finish()
    }
}
