//! What is to be checked: monitors from arguments and from manifests.

use crate::{
    api::{
        DEFAULT_PORT, FieldError, NotificationChannel, ProxySpec, Revocation, SslMonitor, SslMonitorSpec, StartTls,
        TlsSpec, format_duration, validate,
    },
    cli::{CheckArgs, DomainPort, RevocationArg},
    dispatch::{self, read},
    manifests::{Document, InputError, Materials, Taken, gather, object_name},
};

/// What is checked.
const WANTED: &str = "SslMonitor";

/// Everything that was found in the input.
#[derive(Debug, Default)]
pub(super) struct Manifests {
    /// The monitors, in the order of the input: arguments first.
    pub(super) monitors: Vec<SslMonitor>,
    /// The channels that are told of problems; none where nobody is to be told.
    pub(super) channels: Vec<NotificationChannel>,
    /// What monitors and channels may name.
    pub(super) materials: Materials,
    /// What is wrong with the rest.
    pub(super) errors: Vec<InputError>,
}

// === impl Manifests ===

impl Manifests {
    /// Gather everything that the arguments name.
    pub(super) fn gather(args: &CheckArgs) -> Self {
        let mut found = Self::default();
        for target in &args.domains {
            let taken = found.take_overruled(&target.host.to_string(), monitor_of(target, args.starttls), args);
            if let Taken::Wrong(errors) = taken {
                found.errors.extend(errors);
            }
        }
        let errors = gather(&args.file, WANTED, |document| found.take(document, args));
        found.errors.extend(errors);
        // What monitors name is alone nothing to check: all would seem to be well.
        if found.monitors.is_empty() && found.errors.is_empty() {
            found.errors = args.file.iter().map(|path| InputError::holds_no(WANTED, path)).collect();
        }
        found
    }

    pub(super) fn take(&mut self, document: Document, args: &CheckArgs) -> Taken {
        if args.notify && document.is(dispatch::WANTED) {
            return read(document).map_or_else(Taken::Wrong, |channel| {
                self.channels.push(channel);
                Taken::Used
            });
        }
        // In other letters, too: its author shall hear of it, where otherwise it would silently not be checked.
        if !document.is(WANTED) {
            return self.materials.take(document);
        }
        match validate(document.value) {
            Ok(monitor) => self.take_overruled(&document.place, monitor, args),
            Err(faults) => Taken::Wrong(InputError::of_fields(&document.place, "", faults)),
        }
    }

    /// Take a monitor with what the options say, unless that breaks a rule: what is printed could not be applied.
    fn take_overruled(&mut self, place: &str, monitor: SslMonitor, args: &CheckArgs) -> Taken {
        match overruled(monitor, args) {
            Ok(monitor) => {
                self.monitors.push(monitor);
                Taken::Used
            }
            Err(faults) => Taken::Wrong(InputError::of_fields(place, "with these options, ", faults)),
        }
    }
}

fn monitor_of(target: &DomainPort, starttls: Option<StartTls>) -> SslMonitor {
    let port = target.port.unwrap_or_else(|| starttls.map_or(DEFAULT_PORT, StartTls::port));
    let spec = SslMonitorSpec { port: Some(port), ..SslMonitorSpec::new(&target.host.to_string()) };
    SslMonitor::new(&object_name(&target.host, port), spec)
}

/// Options come before what a manifest says.
fn overruled(mut monitor: SslMonitor, args: &CheckArgs) -> Result<SslMonitor, Vec<FieldError>> {
    let before = monitor.spec.clone();
    overrule(&mut monitor.spec, args);
    if monitor.spec == before {
        return Ok(monitor);
    }
    validate(serde_json::to_value(monitor).expect("its maps have strings as keys"))
}

fn overrule(spec: &mut SslMonitorSpec, args: &CheckArgs) {
    spec.alert_days = args.alert_days.unwrap_or(spec.alert_days);
    if let Some(timeout) = args.timeout {
        spec.timeout = format_duration(timeout);
    }
    if let Some(to) = args.connect_to {
        spec.address = Some(to.address.to_string());
    }
    spec.addresses = args.addresses.unwrap_or(spec.addresses);
    spec.ip_family = args.ip_family.or(spec.ip_family);
    if let Some(proxy) = &args.proxy {
        spec.proxy = Some(ProxySpec { url: Some(proxy.url()), secret_ref: None });
    }
    if let Some(name) = &args.server_name {
        let tls = spec.tls.get_or_insert_with(TlsSpec::default);
        tls.server_name = Some(name.to_string());
    }
    if let Some(how) = args.revocation {
        let tls = spec.tls.get_or_insert_with(TlsSpec::default);
        tls.revocation = match how {
            RevocationArg::None => Revocation::None,
            RevocationArg::Staple => Revocation::Staple,
            RevocationArg::Crl => Revocation::Crl,
        };
    }
    if let Some(version) = args.min_version {
        spec.tls.get_or_insert_with(TlsSpec::default).min_version = Some(version);
    }
    if let Some(protocol) = args.starttls {
        spec.tls.get_or_insert_with(TlsSpec::default).start_tls = Some(protocol);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn every_target_has_a_port_and_a_name_that_kubernetes_accepts() {
        let table = [
            ("a.test", None, "a.test", 443),
            ("a.test:8443", None, "a.test-8443", 8443),
            ("a.test", Some(StartTls::Smtp), "a.test-25", 25),
            ("a.test:587", Some(StartTls::Smtp), "a.test-587", 587),
            ("192.0.2.1", None, "ip-192-0-2-1", 443),
            ("[2001:db8::1]:8443", None, "ip-2001-db8--1-8443", 8443),
            ("::1", None, "ip-1", 443),
            ("2001:db8::", None, "ip-2001-db8", 443),
        ];
        for (text, starttls, name, port) in table {
            let monitor = monitor_of(&text.parse().unwrap(), starttls);
            assert_eq!((monitor.metadata.name.as_deref(), monitor.spec.port), (Some(name), Some(port)));
        }
    }
}
