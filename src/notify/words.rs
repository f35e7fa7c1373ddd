//! Wording that all media share: short, and complete for somebody who was just woken.

use std::borrow::Cow;

use jiff::Timestamp;

use super::{Kind, Level, Message};

/// A message with the wording of its channel.
#[derive(Debug)]
pub(super) struct Told<'a> {
    pub(super) message: &'a Message,
    /// The headline; of the channel's template, if it has one.
    pub(super) title: Cow<'a, str>,
    /// What the channel's template made, instead of paragraphs and facts. May have several lines.
    pub(super) body: Option<String>,
}

/// Something about a message: a name of ours, and a value that others chose.
pub(super) type Fact = (&'static str, String);

// === impl Told ===

impl<'a> Told<'a> {
    /// In our own words.
    pub(super) fn plainly(message: &'a Message) -> Self {
        Self { message, title: Cow::Borrowed(&message.title), body: None }
    }

    /// `🔴 Critical: …`, in one line.
    pub(super) fn headline(&self) -> String {
        format!("{} {}: {}", mark(self.message), label(self.message), self.title)
    }

    /// What was found and what to do, each a line; of many messages, a line for each.
    pub(super) fn paragraphs(&self) -> Vec<String> {
        if let Some(body) = &self.body {
            return body.lines().map(str::to_owned).collect();
        }
        let advice = Some(&self.message.advice).filter(|advice| !advice.is_empty());
        let parts = self.message.parts.iter().map(|part| format!("{} {}", mark(part), part.title));
        [self.message.detail.clone()]
            .into_iter()
            .filter(|detail| !detail.is_empty())
            .chain(advice.map(|advice| format!("What to do: {advice}")))
            .chain(parts)
            .collect()
    }

    /// Where, since when, until when. Nothing of many messages at once, or where the channel's template says what is told.
    pub(super) fn facts(&self) -> Vec<Fact> {
        if self.body.is_some() || !self.message.parts.is_empty() { Vec::new() } else { facts(self.message) }
    }

    /// Everything but the headline, as plain text.
    pub(super) fn text(&self) -> String {
        let facts = self.facts().into_iter().map(|(name, value)| format!("{name}: {value}")).collect::<Vec<_>>();
        let paragraphs = self.paragraphs().join("\n");
        if facts.is_empty() { paragraphs } else { format!("{paragraphs}\n\n{}", facts.join("\n")) }
    }
}

/// A sign that is seen at a glance.
pub(super) fn mark(message: &Message) -> &'static str {
    match (message.kind, message.level) {
        (Kind::Recovery, _) => "✅",
        (Kind::Change, _) => "🔁",
        (Kind::Test, _) => "🔔",
        (Kind::Problem | Kind::Reminder, Level::Critical) => "🔴",
        (Kind::Problem | Kind::Reminder, Level::Warning) => "🟠",
        (Kind::Problem | Kind::Reminder, Level::Info) => "🔵",
    }
}

/// The sign in words.
pub(super) fn label(message: &Message) -> &'static str {
    match (message.kind, message.level) {
        (Kind::Problem, Level::Critical) => "Critical",
        (Kind::Problem, Level::Warning) => "Warning",
        (Kind::Problem, Level::Info) => "Info",
        (Kind::Reminder, Level::Critical) => "Still critical",
        (Kind::Reminder, Level::Warning) => "Still a warning",
        (Kind::Reminder, Level::Info) => "Still so",
        (Kind::Recovery, _) => "Resolved",
        (Kind::Change, _) => "Changed",
        (Kind::Test, _) => "Test",
    }
}

/// A colour as 0xRRGGBB.
pub(super) fn colour(message: &Message) -> u32 {
    match (message.kind, message.level) {
        (Kind::Recovery, _) => 0x002e_a44f,
        (Kind::Change | Kind::Test, _) | (_, Level::Info) => 0x003b_82f6,
        (_, Level::Warning) => 0x00f5_9e0b,
        (_, Level::Critical) => 0x00d9_2d20,
    }
}

/// The kind as machines read it.
pub(super) fn kind_word(kind: Kind) -> &'static str {
    match kind {
        Kind::Problem => "problem",
        Kind::Reminder => "reminder",
        Kind::Recovery => "recovery",
        Kind::Change => "change",
        Kind::Test => "test",
    }
}

/// The level as machines read it.
pub(super) fn level_word(level: Level) -> &'static str {
    match level {
        Level::Info => "info",
        Level::Warning => "warning",
        Level::Critical => "critical",
    }
}

/// To the minute, in UTC.
pub(super) fn time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

/// `HOST:PORT`; of many messages at once, what stands for their hosts.
pub(super) fn place(message: &Message) -> String {
    match (&message.subject.domain, message.subject.port) {
        (domain, 0) => domain.clone(),
        (domain, port) if domain.contains(':') => format!("[{domain}]:{port}"),
        (domain, port) => format!("{domain}:{port}"),
    }
}

fn facts(message: &Message) -> Vec<Fact> {
    let subject = &message.subject;
    let cluster = subject.cluster.as_ref().map(|cluster| format!(" in {cluster}")).unwrap_or_default();
    let mut facts = vec![
        ("Where", place(message)),
        ("Monitor", format!("{}/{}{cluster}", subject.namespace, subject.name)),
        ("Since", time(message.since)),
    ];
    if let Some(certificate) = &message.certificate {
        facts.push(("Valid until", format!("{} ({})", time(certificate.valid_to), distance(certificate.days))));
        facts.push(("Certificate", certificate.subject.clone()));
        facts.push(("Issuer", certificate.issuer.clone()));
    }
    facts
}

/// How far off, from whole days rounded down.
fn distance(days: i32) -> String {
    match days {
        0 => "in less than a day".to_owned(),
        1 => "in 1 day".to_owned(),
        2.. => format!("in {days} days"),
        -1 => "less than a day ago".to_owned(),
        -2 => "1 day ago".to_owned(),
        _ => format!("{} days ago", days.unsigned_abs() - 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_rounded_down_are_told_as_people_count() {
        let told = [i32::MAX, 2, 1, 0, -1, -2, -3, i32::MIN].map(distance);
        assert_eq!(
            told,
            [
                "in 2147483647 days",
                "in 2 days",
                "in 1 day",
                "in less than a day",
                "less than a day ago",
                "1 day ago",
                "2 days ago",
                "2147483647 days ago",
            ]
        );
    }
}
