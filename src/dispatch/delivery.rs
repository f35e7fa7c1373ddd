//! Messages to channels, and what came back.

use std::time::Duration;

use futures::{StreamExt as _, stream};
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::Known;
use crate::{
    api::ChannelType,
    monitor::{Obstacle, Reason},
    notify::{Message, Outcome, Sender, Why},
};

/// How many channels are told something at once.
const CONCURRENCY: usize = 16;
/// The time between the beginnings of two messages to one channel: what every vendor lets through.
const PACE: Duration = Duration::from_secs(1);

/// What came of one message to one channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The channel, as people call it.
    pub channel: String,
    /// The kind of receiver.
    pub type_: ChannelType,
    /// What came back, or why nothing was sent.
    pub came: Came,
    /// How long it took; zero when nothing was sent.
    pub took: Duration,
}

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Came {
    /// An attempt was made.
    Back(Outcome),
    /// The channel cannot be used.
    Hindered(Obstacle),
    /// The channel is told nothing for the time being.
    Suspended,
}

/// Send each channel its messages, one a second, and all channels theirs at once. Returns what came of them in the order of the
/// channels; `each` is called whenever a channel is through.
pub async fn deliver(sender: &Sender, letters: Vec<(&Known, Vec<Message>)>, mut each: impl FnMut()) -> Vec<Delivery> {
    let rounds = stream::iter(letters).map(|(known, messages)| round(sender, known, messages));
    let mut rounds = rounds.buffered(CONCURRENCY);
    let mut deliveries = Vec::new();
    while let Some(round) = rounds.next().await {
        deliveries.extend(round);
        each();
    }
    deliveries
}

async fn round(sender: &Sender, known: &Known, messages: Vec<Message>) -> Vec<Delivery> {
    let channel = match &known.prepared {
        _ if known.spec.suspend => return vec![Delivery::unsent(known, Came::Suspended)],
        Err(obstacle) => return vec![Delivery::unsent(known, Came::Hindered(obstacle.clone()))],
        Ok(channel) => channel,
    };
    let mut pace = interval(PACE);
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut deliveries = Vec::new();
    for message in messages {
        pace.tick().await;
        let begin = Instant::now();
        let came = Came::Back(sender.send(channel, &message).await);
        deliveries.push(Delivery { took: begin.elapsed(), ..Delivery::unsent(known, came) });
    }
    deliveries
}

// === impl Delivery ===

impl Delivery {
    fn unsent(known: &Known, came: Came) -> Self {
        Self { channel: known.label(), type_: known.spec.type_, came, took: Duration::ZERO }
    }

    /// Whether the receiver took the message.
    pub fn is_delivered(&self) -> bool {
        self.came == Came::Back(Outcome::Delivered)
    }

    /// What came of it in one word.
    pub fn result(&self) -> &'static str {
        match &self.came {
            Came::Back(Outcome::Delivered) => Reason::Delivered.as_str(),
            Came::Back(Outcome::Refused { why, .. } | Outcome::Later { why, .. }) => why.category(),
            Came::Hindered(obstacle) => obstacle.reason().as_str(),
            Came::Suspended => Reason::Suspended.as_str(),
        }
    }

    /// The status that the receiver refused it with (HTTP or SMTP).
    pub fn code(&self) -> Option<u16> {
        match self.came {
            Came::Back(Outcome::Refused { code, .. } | Outcome::Later { code, .. }) => code,
            _ => None,
        }
    }

    /// What is wrong and what to do, in a sentence; `None` when nothing is. It has no secret, and nothing that the receiver said.
    pub fn trouble(&self) -> Option<String> {
        match &self.came {
            Came::Back(Outcome::Delivered) => None,
            Came::Back(Outcome::Later { after: Some(after), why, .. }) => {
                Some(format!("{why}; try again in {} s", after.as_secs()))
            }
            Came::Back(Outcome::Refused { why, .. } | Outcome::Later { why, .. }) => Some(explained(*why)),
            Came::Hindered(obstacle) => Some(obstacle.message().to_owned()),
            Came::Suspended => Some("spec.suspend is true: nothing is sent; set it to false to send".to_owned()),
        }
    }
}

/// Why, and what to do about it from here, where that is not said already.
fn explained(why: Why) -> String {
    let remedy = match why {
        // Here the one who reads this has the flags at hand.
        Why::AddressDenied => {
            return "the receiver's address is one that may not be dialled; allow it with --channel-allow-cidr"
                .to_owned();
        }
        Why::NotTrusted | Why::Redirected | Why::Rejected => return why.to_string(),
        Why::NotResolved => "check the address, or name another DNS server with --resolver",
        Why::ConnectFailed => "see that the receiver is up, and that it can be reached from here",
        Why::ProxyRefused => "check the proxy in the Secret, and what it lets through",
        Why::TlsFailed => "see that the receiver speaks TLS 1.2 or 1.3, and whether it asks for a client certificate",
        Why::ConnectionLost => "see the receiver's log, and what is between here and there",
        Why::MalformedAnswer => "see that the address is that of such a receiver",
        Why::TimedOut => "try again, or give the channel a longer timeout",
        Why::RateLimited => "try again later",
        Why::ServerError => "see the receiver's log, or try again later",
        Why::Vendor(_) => "its documentation explains the word; check channel, token and rights",
        Why::NoStartTls => "switch it on there, or write smtps:// if the server speaks TLS at once",
        Why::LoginRefused => "check username and password in the Secret",
        Why::MailRefused => "check the sender (username) and the recipients (channel)",
        Why::NotEncodable => "check the recipients and the template",
    };
    format!("{why}; {remedy}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::monitor::ProblemKind;

    fn came(came: Came) -> Delivery {
        let (channel, took) = ("ops".to_owned(), Duration::from_millis(12));
        Delivery { channel, type_: ChannelType::Slack, came, took }
    }

    #[test]
    fn every_outcome_has_a_word_a_code_and_a_sentence_of_what_to_do() {
        let back = |outcome| came(Came::Back(outcome));
        let later = |after, code, why| back(Outcome::Later { after, code, why });
        let limited = later(Some(Duration::from_secs(30)), Some(429), Why::RateLimited);
        let suspended = "spec.suspend is true: nothing is sent; set it to false to send";
        for (delivery, result, code, trouble) in [
            (back(Outcome::Delivered), "Delivered", None, None),
            (
                back(Outcome::Refused { code: Some(404), why: Why::Rejected }),
                "Rejected",
                Some(404),
                Some("the receiver refused it; check address and token"),
            ),
            (limited, "RateLimited", Some(429), Some("the receiver wants fewer messages; try again in 30 s")),
            (
                later(None, None, Why::AddressDenied),
                "AddressDenied",
                None,
                Some("the receiver's address is one that may not be dialled; allow it with --channel-allow-cidr"),
            ),
            (
                came(Came::Hindered(Obstacle::Secret(ProblemKind::NotAllowed, "shut".to_owned()))),
                "SecretNotAllowed",
                None,
                Some("shut"),
            ),
            (came(Came::Hindered(Obstacle::Spec("bad".to_owned()))), "InvalidSpec", None, Some("bad")),
            (came(Came::Suspended), "Suspended", None, Some(suspended)),
        ] {
            let found = (delivery.result(), delivery.code(), delivery.trouble());
            assert_eq!(found, (result, code, trouble.map(ToOwned::to_owned)));
            assert_eq!(delivery.is_delivered(), trouble.is_none());
        }
    }

    #[test]
    fn for_every_reason_there_is_something_to_do() {
        for why in Why::ALL {
            let text = explained(why);
            assert!(text.contains("; ") && !text.ends_with('.') && !text.contains("the operator's flags"), "{text}");
        }
    }
}
