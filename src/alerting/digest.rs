//! Many messages as one.

use std::cmp::Reverse;

use jiff::Timestamp;

use crate::{
    monitor::id,
    notify::{ChannelKind, Kind, Level, Message, Subject},
};

/// The word for many reasons at once.
const SEVERAL: &str = "Several";
/// How many reasons are counted one by one.
const MAX_REASONS: usize = 4;

/// How many messages one message may stand for: as many as people see of it, or as machines like to get at once.
pub fn parts_at_once(kind: ChannelKind) -> usize {
    match kind {
        _ if !kind.takes_digests() => 1,
        ChannelKind::Webhook | ChannelKind::CloudEvents | ChannelKind::Alertmanager | ChannelKind::Email => 100,
        _ => 20,
    }
}

/// One message for many of one namespace, which stay as they are; the worst come first. A single one is told as it is. `None` when
/// there is nothing to tell.
pub fn digest(mut parts: Vec<Message>) -> Option<Message> {
    if parts.len() < 2 {
        return parts.pop();
    }
    parts.sort_by_key(|part| (urgency(part.kind).max(1), Reverse(part.level), urgency(part.kind)));
    let first = parts.first()?;
    let kind = parts.iter().map(|part| part.kind).min_by_key(|kind| urgency(*kind))?;
    let telling = parts.iter().filter(|part| part.kind == kind || (stands(part.kind) && stands(kind)));
    Some(Message {
        id: identity(&parts, |part| &part.id),
        incident: identity(&parts, |part| &part.incident),
        kind,
        level: telling.map(|part| part.level).max().unwrap_or(Level::Info),
        subject: subject(&parts, first),
        reason: common(&parts, |part| &part.reason).cloned().unwrap_or_else(|| SEVERAL.to_owned()),
        title: title(&parts, first),
        detail: detail(&parts),
        advice: common(&parts, |part| &part.advice).cloned().unwrap_or_default(),
        since: parts.iter().map(|part| part.since).min().unwrap_or(Timestamp::MAX),
        at: parts.iter().map(|part| part.at).max().unwrap_or(Timestamp::MIN),
        lapses: None,
        certificate: None,
        parts,
    })
}

/// What gives a digest its kind: the first of these that there is.
fn urgency(kind: Kind) -> u8 {
    match kind {
        Kind::Problem => 0,
        Kind::Reminder => 1,
        Kind::Change => 2,
        Kind::Recovery => 3,
        Kind::Test => 4,
    }
}

/// Whether it is about a problem that stands.
fn stands(kind: Kind) -> bool {
    matches!(kind, Kind::Problem | Kind::Reminder)
}

/// The same for the same parts, in whatever order.
fn identity(parts: &[Message], of: impl Fn(&Message) -> &str) -> String {
    let mut all: Vec<&str> = parts.iter().map(of).collect();
    all.sort_unstable();
    id(&all)
}

/// What all parts have in common.
fn common<'a, T: PartialEq>(parts: &'a [Message], of: impl Fn(&'a Message) -> &'a T) -> Option<&'a T> {
    let first = of(parts.first()?);
    parts.iter().all(|part| of(part) == first).then_some(first)
}

/// The monitor where there is only one; else the first domain and how many more there are, without name, uid and port.
fn subject(parts: &[Message], first: &Message) -> Subject {
    if let Some(subject) = common(parts, |part| &part.subject) {
        return subject.clone();
    }
    let mut domains: Vec<&str> = parts.iter().map(|part| part.subject.domain.as_str()).collect();
    let leading = first.subject.domain.clone();
    domains.sort_unstable();
    domains.dedup();
    Subject {
        name: String::new(),
        uid: String::new(),
        domain: if domains.len() == 1 { leading } else { format!("{leading} and {} more", domains.len() - 1) },
        port: 0,
        ..first.subject.clone()
    }
}

/// `12 problems and 1 recovery in namespace shop`.
fn title(parts: &[Message], first: &Message) -> String {
    let words = [
        (Kind::Problem, "problem", "problems"),
        (Kind::Reminder, "problem that still stands", "problems that still stand"),
        (Kind::Change, "change", "changes"),
        (Kind::Recovery, "recovery", "recoveries"),
        (Kind::Test, "test", "tests"),
    ];
    let count = |(kind, one, many): (Kind, &str, &str)| match parts.iter().filter(|part| part.kind == kind).count() {
        0 => None,
        1 => Some(format!("1 {one}")),
        count => Some(format!("{count} {many}")),
    };
    let counts: Vec<String> = words.into_iter().filter_map(count).collect();
    let Subject { namespace, cluster, .. } = &first.subject;
    let cluster = cluster.as_ref().map(|cluster| format!(" of {cluster}")).unwrap_or_default();
    format!("{} in namespace {namespace}{cluster}", listing(&counts))
}

/// `8 × ConnectionRefused, 4 × ExpiringSoon`, the most frequent first.
fn detail(parts: &[Message]) -> String {
    let mut counts: Vec<(usize, &str)> = Vec::new();
    for part in parts {
        match counts.iter_mut().find(|(_, reason)| *reason == part.reason) {
            Some((count, _)) => *count += 1,
            None => counts.push((1, &part.reason)),
        }
    }
    counts.sort_by_key(|(count, _)| Reverse(*count));
    let more: usize = counts.iter().skip(MAX_REASONS).map(|(count, _)| count).sum();
    let others = (more > 0).then_some((more, "others"));
    let told = counts.iter().take(MAX_REASONS).copied().chain(others);
    told.map(|(count, reason)| format!("{count} × {reason}")).collect::<Vec<_>>().join(", ")
}

/// `one, another and a third`.
fn listing(things: &[String]) -> String {
    match things {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn at(hour: i64) -> Timestamp {
        Timestamp::from_second(3600 * hour).unwrap()
    }

    fn part(name: &str, kind: Kind, level: Level, reason: &str) -> Message {
        Message {
            id: format!("n-{name}"),
            incident: format!("i-{name}"),
            kind,
            level,
            subject: Subject {
                namespace: "shop".to_owned(),
                name: name.to_owned(),
                uid: format!("u-{name}"),
                domain: format!("{name}.test"),
                port: 443,
                cluster: None,
            },
            reason: reason.to_owned(),
            title: format!("{name}.test: {reason}"),
            detail: String::new(),
            advice: format!("Mend {reason}."),
            since: at(1),
            at: at(2),
            lapses: Some(at(3)),
            certificate: None,
            parts: Vec::new(),
        }
    }

    fn problem(name: &str, level: Level) -> Message {
        part(name, Kind::Problem, level, "Expired")
    }

    #[test]
    fn nothing_is_no_digest_and_one_message_is_told_as_it_is() {
        assert_eq!(digest(Vec::new()), None);
        let alone = problem("a", Level::Info);
        assert_eq!(digest(vec![alone.clone()]), Some(alone));
    }

    #[test]
    fn many_are_told_as_one_and_stay_as_they_are() {
        let mut warning = Message { since: at(0), ..problem("a", Level::Warning) };
        warning.subject.cluster = Some("prod".to_owned());
        let mut critical = Message { at: at(4), ..problem("b", Level::Critical) };
        critical.subject.cluster = Some("prod".to_owned());
        let told = digest(vec![warning.clone(), critical.clone()]).unwrap();
        let expected = Message {
            id: identity(&[critical.clone(), warning.clone()], |part| &part.id),
            incident: identity(&[critical.clone(), warning.clone()], |part| &part.incident),
            kind: Kind::Problem,
            level: Level::Critical,
            subject: Subject {
                namespace: "shop".to_owned(),
                name: String::new(),
                uid: String::new(),
                domain: "b.test and 1 more".to_owned(),
                port: 0,
                cluster: Some("prod".to_owned()),
            },
            reason: "Expired".to_owned(),
            title: "2 problems in namespace shop of prod".to_owned(),
            detail: "2 × Expired".to_owned(),
            advice: "Mend Expired.".to_owned(),
            since: at(0),
            at: at(4),
            lapses: None,
            certificate: None,
            parts: vec![critical, warning],
        };
        assert_eq!(told, expected);
        assert!(told.id.len() == 32 && told.id != told.incident, "{}", told.id);
    }

    #[test]
    fn the_same_parts_have_the_same_identity_in_any_order_and_others_another() {
        let [a, b, c] = ["a", "b", "c"].map(|name| problem(name, Level::Warning));
        let ids = |parts: &[&Message]| {
            let told = digest(parts.iter().copied().cloned().collect()).unwrap();
            (told.id, told.incident)
        };
        assert_eq!(ids(&[&a, &b, &c]), ids(&[&c, &a, &b]));
        assert_ne!(ids(&[&a, &b]), ids(&[&a, &c]));
        let again = Message { id: "n-later".to_owned(), ..b.clone() };
        assert_ne!(ids(&[&a, &b]).0, ids(&[&a, &again]).0);
        assert_eq!(ids(&[&a, &b]).1, ids(&[&a, &again]).1);
    }

    #[test]
    fn what_stands_comes_first_and_gives_kind_and_level() {
        use Kind::{Change, Problem, Recovery, Reminder};
        use Level::{Critical, Info, Warning};
        type Parts = &'static [(&'static str, Kind, Level)];
        let table: [(Parts, Kind, Level, &str); 5] = [
            (&[("a", Recovery, Critical), ("b", Problem, Warning)], Problem, Warning, "b a"),
            (&[("a", Problem, Info), ("b", Reminder, Critical)], Problem, Critical, "b a"),
            (&[("a", Recovery, Critical), ("b", Reminder, Info), ("c", Reminder, Warning)], Reminder, Warning, "c b a"),
            (&[("a", Recovery, Critical), ("b", Change, Info)], Change, Info, "b a"),
            (&[("a", Recovery, Warning), ("b", Recovery, Critical)], Recovery, Critical, "b a"),
        ];
        for (parts, kind, level, order) in table {
            let parts = parts.iter().map(|(name, kind, level)| part(name, *kind, *level, "Expired")).collect();
            let told = digest(parts).unwrap();
            let names: Vec<&str> = told.parts.iter().map(|part| part.subject.name.as_str()).collect();
            assert_eq!((told.kind, told.level, names.join(" ").as_str()), (kind, level, order));
        }
    }

    #[test]
    fn the_headline_counts_what_there_is() {
        use Kind::{Change, Problem, Recovery, Reminder};
        let of = |kinds: &[Kind]| {
            let parts = kinds.iter().map(|kind| part("a", *kind, Level::Info, "Expired")).collect();
            digest(parts).unwrap().title
        };
        assert_eq!(of(&[Problem; 12]), "12 problems in namespace shop");
        assert_eq!(of(&[Problem, Recovery]), "1 problem and 1 recovery in namespace shop");
        assert_eq!(
            of(&[Recovery, Recovery, Change, Change, Reminder, Reminder, Problem]),
            "1 problem, 2 problems that still stand, 2 changes and 2 recoveries in namespace shop"
        );
        assert_eq!(of(&[Reminder, Change]), "1 problem that still stands and 1 change in namespace shop");
    }

    #[test]
    fn reasons_are_counted_and_the_rarest_are_summed_up() {
        let of = |reasons: &[&str]| {
            let parts = reasons.iter().map(|reason| part("a", Kind::Problem, Level::Info, reason)).collect();
            let told = digest(parts).unwrap();
            (told.reason, told.detail, told.advice)
        };
        let told = |reason: &str, detail: &str, advice: &str| (reason.to_owned(), detail.to_owned(), advice.to_owned());
        assert_eq!(of(&["A", "A", "A"]), told("A", "3 × A", "Mend A."));
        assert_eq!(of(&["A", "B", "B"]), told("Several", "2 × B, 1 × A", ""));
        assert_eq!(
            of(&["A", "B", "C", "D", "E", "F", "F"]),
            told("Several", "2 × F, 1 × A, 1 × B, 1 × C, 2 × others", "")
        );
    }

    #[test]
    fn many_messages_of_one_monitor_are_about_that_monitor() {
        let one = problem("a", Level::Info);
        let told = digest(vec![one.clone(), Message { id: "n-2".to_owned(), ..one.clone() }]).unwrap();
        assert_eq!(told.subject, one.subject);
        let mut elsewhere = problem("a", Level::Info);
        elsewhere.subject.port = 8443;
        assert_eq!(digest(vec![one, elsewhere]).unwrap().subject.domain, "a.test");
    }
}
