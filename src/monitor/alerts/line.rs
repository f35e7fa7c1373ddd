//! The line before one channel: what it was told of one monitor, and what it is to be told next.

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::{
    channel::ChannelFacts,
    ids::id,
    notice::notice,
    situation::{Change, Problem, Situation, State},
};
use crate::{
    api::{Aspect, ChannelLedger, MAX_PENDING, MAX_RECENT, NoticeKind, PendingNotice, RecentAlert, ToldProblem},
    monitor::{
        conditions::{Reason, cut},
        events::CERTIFICATE_CHANGED,
    },
};

/// How long no state is told a second time.
const HOUR: SignedDuration = SignedDuration::from_hours(1);
/// The most that one look puts into line: an end and a new problem for each aspect, and a change.
const MOST_AT_ONCE: usize = 11;
/// The schema's bound of a notice's message, in bytes.
const MAX_MESSAGE: usize = 512;

/// What holds for one look at one channel.
pub(super) struct Round<'a> {
    /// The monitor's uid.
    pub(super) uid: &'a str,
    pub(super) facts: &'a ChannelFacts,
    /// Whether nothing is put into line for now.
    pub(super) is_still: bool,
    /// Whether what is of no use any more is cleared away: the status is written in any case.
    pub(super) tidies: bool,
    pub(super) now: Timestamp,
}

/// The line before one channel.
pub(super) struct Line {
    ledger: ChannelLedger,
    wake: Option<Timestamp>,
}

/// The first message that a channel is to be told now. One that it refused for good waits until the channel is another one than
/// `revision`, and lets those behind it pass; then it is told at once.
pub fn due_notice<'a>(ledger: &'a ChannelLedger, revision: &str, now: Timestamp) -> Option<&'a PendingNotice> {
    let is_refused = |notice: &&PendingNotice| notice.refused_by.as_deref() == Some(revision);
    let next = ledger.pending.iter().find(|notice| !is_refused(notice))?;
    (next.refused_by.is_some() || due_at(next) <= now).then_some(next)
}

/// When a channel is to be told something next by this ledger, or whether it is another one is to be looked at; `None` when nothing
/// waits.
pub fn next_delivery(ledger: &ChannelLedger) -> Option<Timestamp> {
    let fresh = ledger.pending.iter().find(|notice| notice.refused_by.is_none()).map(due_at);
    let refused = ledger.pending.iter().filter(|notice| notice.refused_by.is_some()).map(due_at);
    fresh.into_iter().chain(refused).min()
}

fn due_at(notice: &PendingNotice) -> Timestamp {
    notice.next_try_at.as_ref().map_or(notice.at.0, |next| next.0)
}

// === impl Line ===

impl Line {
    pub(super) fn new(channel: &str, ledger: Option<&ChannelLedger>) -> Self {
        let empty = || ChannelLedger {
            channel: channel.to_owned(),
            problems: Vec::new(),
            recent: Vec::new(),
            pending: Vec::new(),
        };
        Self { ledger: ledger.cloned().unwrap_or_else(empty), wake: None }
    }

    /// Put into line what the channel does not know of this situation. Returns when there may be more to tell although nothing has
    /// changed until then.
    pub(super) fn advance(&mut self, round: &Round<'_>, situation: &Situation) -> Option<Timestamp> {
        // With a full line the difference stays, and is told once there is room: then as it is by then.
        if round.is_still || self.ledger.pending.len() + MOST_AT_ONCE > MAX_PENDING {
            return None;
        }
        let knew_of_certificate = self.told(Aspect::Certificate).is_some();
        for (about, state) in &situation.states {
            self.advance_aspect(round, situation, *about, state);
        }
        if let Some(change) = &situation.change {
            let is_told = change.reason == CERTIFICATE_CHANGED && knew_of_certificate;
            if change.severity >= round.facts.min_severity && !is_told {
                self.announce(round, situation, change);
            }
        }
        self.wake
    }

    /// The ledger from here on; `None` when there is nothing in it.
    pub(super) fn into_ledger(mut self, round: &Round<'_>) -> Option<ChannelLedger> {
        if round.tidies {
            self.ledger.recent.retain(|recent| is_recent(recent, round.now));
        }
        Some(self.ledger).filter(|ledger| !ledger.is_empty())
    }

    fn advance_aspect(&mut self, round: &Round<'_>, situation: &Situation, about: Aspect, state: &State) {
        let told = self.told(about).cloned();
        let expiring = Reason::ExpiringSoon.as_str();
        match (state, told) {
            (State::Unknown, _) | (State::Fine(_), None) => {}
            (State::WrongAsFarAsKnown(_), Some(told)) if told.reason != expiring => {}
            (State::Wrong(problem) | State::WrongAsFarAsKnown(problem), told) => {
                self.advance_problem(round, situation, about, problem, told);
            }
            (State::Fine(message), Some(told)) => self.end(round, situation, &told, message),
        }
    }

    fn advance_problem(
        &mut self,
        round: &Round<'_>,
        situation: &Situation,
        about: Aspect,
        problem: &Problem,
        told: Option<ToldProblem>,
    ) {
        let is_minor = problem.severity < round.facts.min_severity;
        match told {
            None if is_minor => {}
            Some(told) if is_minor => self.end(round, situation, &told, &problem.message),
            Some(told) if is_same(&told, problem) => self.remind(round, situation, &told, problem),
            told => self.begin(round, situation, about, problem, told.as_ref()),
        }
    }

    /// Tell of a problem, or that it is another one now; unless just that was told within the last hour.
    fn begin(
        &mut self,
        round: &Round<'_>,
        situation: &Situation,
        about: Aspect,
        problem: &Problem,
        told: Option<&ToldProblem>,
    ) {
        if let Some(free) = self.held_until(round, &problem.state(about)) {
            return self.look_again(free);
        }
        let since = told.map_or(problem.since, |told| told.since.0);
        let incident = told
            .map_or_else(|| id(&[round.uid, &format!("{about:?}"), &since.to_string()]), |told| told.incident.clone());
        let next = ToldProblem {
            about,
            reason: problem.reason.clone(),
            severity: problem.severity,
            subject: problem.subject.clone(),
            incident,
            since: Time(since),
            told_at: Time(round.now),
            taken: told.is_some_and(|told| told.taken),
        };
        match told {
            Some(told) if round.facts.is_keyed_by_reason => self.end(round, situation, told, &problem.message),
            _ => self.drop_refused(&next.incident),
        }
        self.remember(round, problem.state(about));
        self.put(round, situation, NoticeKind::Problem, &next, &problem.message);
        self.know(next);
    }

    /// Tell that a problem has ended. What was refused for good need not be taken back.
    fn end(&mut self, round: &Round<'_>, situation: &Situation, told: &ToldProblem, message: &str) {
        self.drop_refused(&told.incident);
        self.ledger.problems.retain(|problem| problem.about != told.about);
        if told.taken || self.is_waiting(&told.incident) {
            self.put(round, situation, NoticeKind::Recovery, told, message);
        }
    }

    /// Tell of a problem that still stands, where that is asked for and it is time. Whoever has not been told yet is not reminded.
    fn remind(&mut self, round: &Round<'_>, situation: &Situation, told: &ToldProblem, problem: &Problem) {
        let Some(interval) = round.facts.reminder_interval.and_then(|it| SignedDuration::try_from(it).ok()) else {
            return;
        };
        let due = told.told_at.0.saturating_add(interval).unwrap_or(Timestamp::MAX);
        if due > round.now {
            return self.look_again(due);
        }
        if !self.is_waiting(&told.incident) {
            let next = ToldProblem { told_at: Time(round.now), ..told.clone() };
            self.put(round, situation, NoticeKind::Reminder, &next, &problem.message);
            self.know(next);
        }
    }

    fn announce(&mut self, round: &Round<'_>, situation: &Situation, change: &Change) {
        let incident = id(&[round.uid, change.reason, situation.fingerprint.as_deref().unwrap_or_default()]);
        let news = ToldProblem {
            about: Aspect::Certificate,
            reason: change.reason.to_owned(),
            severity: change.severity,
            subject: String::new(),
            incident,
            since: Time(round.now),
            told_at: Time(round.now),
            taken: false,
        };
        self.put(round, situation, NoticeKind::Change, &news, &change.message);
    }

    fn put(
        &mut self,
        round: &Round<'_>,
        situation: &Situation,
        kind: NoticeKind,
        problem: &ToldProblem,
        message: &str,
    ) {
        let now = round.now.to_string();
        let parts = [
            round.uid,
            &self.ledger.channel,
            &problem.incident,
            &format!("{kind:?}"),
            &problem.reason,
            problem.severity.as_str(),
            &problem.subject,
            &now,
        ];
        self.ledger.pending.push(PendingNotice {
            id: id(&parts),
            at: Time(round.now),
            message: cut(message.to_owned(), MAX_MESSAGE),
            ..notice(problem, kind, situation.fingerprint.clone())
        });
    }

    fn told(&self, about: Aspect) -> Option<&ToldProblem> {
        self.ledger.problems.iter().find(|problem| problem.about == about)
    }

    fn know(&mut self, problem: ToldProblem) {
        self.ledger.problems.retain(|told| told.about != problem.about);
        self.ledger.problems.push(problem);
        self.ledger.problems.sort_by_key(|problem| problem.about);
    }

    fn is_waiting(&self, incident: &str) -> bool {
        self.ledger.pending.iter().any(|notice| notice.incident == incident)
    }

    /// Give up what was refused of an incident: there is news of it.
    fn drop_refused(&mut self, incident: &str) {
        self.ledger.pending.retain(|notice| notice.incident != incident || notice.refused_by.is_none());
    }

    /// Until when this state is not told again; `None` when it may be.
    fn held_until(&self, round: &Round<'_>, state: &str) -> Option<Timestamp> {
        let recent = self.ledger.recent.iter().filter(|recent| is_recent(recent, round.now));
        let (same, all): (Vec<_>, Vec<_>) =
            (recent.clone().filter(|recent| recent.state == state).collect(), recent.collect());
        let held = if all.len() < MAX_RECENT { same } else { all };
        held.into_iter().map(free_at).min()
    }

    fn remember(&mut self, round: &Round<'_>, state: String) {
        self.ledger.recent.retain(|recent| is_recent(recent, round.now));
        self.ledger.recent.push(RecentAlert { state, at: Time(round.now) });
    }

    fn look_again(&mut self, at: Timestamp) {
        self.wake = Some(self.wake.map_or(at, |wake| wake.min(at)));
    }
}

fn is_same(told: &ToldProblem, problem: &Problem) -> bool {
    (&told.reason, told.severity, &told.subject) == (&problem.reason, problem.severity, &problem.subject)
}

/// Whether an alert is of the last hour; one from a time that is yet to come is of a clock that was stepped back, and does not count.
fn is_recent(recent: &RecentAlert, now: Timestamp) -> bool {
    recent.at.0 <= now && free_at(recent) > now
}

fn free_at(recent: &RecentAlert) -> Timestamp {
    recent.at.0.saturating_add(HOUR).unwrap_or(Timestamp::MAX)
}
