//! A page for a browser: one file that loads nothing and runs nothing.

use jiff::Timestamp;
use minijinja::{AutoEscape, Environment, Error, Value, context};

use super::of_certificate;
use crate::{
    alerting::advise,
    api::SslMonitor,
    plugin::care::{Care, care, days_left, end, overdue, word},
    probe::text::escape,
    report::sentence,
};

/// The page; everything that it is given is escaped for HTML.
const PAGE: &str = include_str!("page.html");

/// A page about these monitors, in their order.
pub(super) fn html(monitors: &[SslMonitor], scope: &str, now: Timestamp) -> Result<String, Error> {
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    let rows: Vec<Value> = monitors.iter().map(|monitor| row(monitor, now)).collect();
    let count = |wanted: &str| monitors.iter().filter(|monitor| class(care(monitor, now)) == wanted).count();
    environment.template_from_str(PAGE)?.render(context! {
        scope => escape(scope),
        at => now.strftime("%Y-%m-%d %H:%M UTC").to_string(),
        total => monitors.len(),
        bad => count("bad"),
        warn => count("warn"),
        good => count("good"),
        rest => count("rest"),
        late => monitors.iter().filter(|monitor| overdue(monitor, now).is_some()).count(),
        rows => rows,
    })
}

fn row(monitor: &SslMonitor, now: Timestamp) -> Value {
    let word = word(monitor, now);
    let advice = advise(&word, &monitor.spec.place()).filter(|_| monitor.spec.enabled).map(|(_, advice)| advice);
    context! {
        class => class(care(monitor, now)),
        namespace => shown(monitor.metadata.namespace.as_deref()),
        name => shown(monitor.metadata.name.as_deref()),
        place => escape(&monitor.spec.place()),
        status => escape(&word),
        days => days_left(monitor, now).map(|days| days.to_string()).unwrap_or_default(),
        expires => end(monitor).map(|end| end.strftime("%Y-%m-%d").to_string()).unwrap_or_default(),
        issuer => escape(&of_certificate(monitor, |certificate| certificate.issuer.clone())),
        message => escape(sentence(monitor)),
        advice => advice.unwrap_or_default(),
    }
}

fn shown(text: Option<&str>) -> String {
    escape(text.unwrap_or_default())
}

/// The class of a row, of four: colour alone tells nobody anything, the status stands beside it.
fn class(care: Care) -> &'static str {
    match care {
        Care::Invalid | Care::Unreachable | Care::Stalled => "bad",
        Care::Unready | Care::Unexpected | Care::Inconsistent | Care::Expiring | Care::Untold => "warn",
        Care::Well => "good",
        Care::Pending | Care::Off => "rest",
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;
    use crate::plugin::samples::{monitor, now};

    #[test]
    fn a_page_shows_every_monitor_with_what_to_do() {
        let mut old = monitor("old", &json!({"CertificateValid": "False"}), -2);
        old.status.as_mut().unwrap().summary = Some("Expired".to_owned());
        let mut web = monitor("web", &json!({"CertificateValid": "True"}), 90);
        web.status.as_mut().unwrap().summary = Some("Valid".to_owned());
        insta::assert_snapshot!(html(&[old, web], "namespace shop", now()).unwrap());
    }

    #[test]
    fn nothing_that_others_wrote_becomes_markup() {
        let evil = "<script>alert(1)</script>&\"'\u{202e}";
        let mut web = monitor("web", &json!({"CertificateValid": "False"}), 90);
        web.spec.domain = evil.to_owned();
        web.metadata.name = Some(evil.to_owned());
        let status = web.status.as_mut().unwrap();
        status.summary = Some(evil.to_owned());
        status.conditions[0].reason = evil.to_owned();
        status.conditions[0].message = evil.to_owned();
        status.certificate.as_mut().unwrap().issuer = Some(evil.to_owned());
        let page = html(&[web], evil, now()).unwrap();
        assert!(!page.contains("<script") && !page.contains('\u{202e}') && !page.contains("&\""), "{page}");
        assert_eq!(page.matches("&lt;script&gt;alert(1)&lt;").count(), 7, "{page}");
    }

    #[test]
    fn a_page_loads_nothing() {
        assert!(PAGE.contains("default-src 'none'"));
        for part in ["<script", "http:", "https:", "src=", "@import", "url("] {
            assert!(!PAGE.contains(part), "{part}");
        }
    }
}
