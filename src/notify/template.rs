//! Wording of the user's own: templates that can say things about a message, and nothing else.
//!
//! They are Jinja by syntax, with `if` and `for` only. There is no loading or including, nothing can be called, no variable set, and
//! nothing multiplied (`"x" * 9999999999` would take all memory in one step). Steps and output are bounded. A template that cannot be
//! rendered for every kind of message is refused when it is read.

use std::{borrow::Cow, collections::BTreeSet, io};

use jiff::Timestamp;
use minijinja::{
    Environment, UndefinedBehavior, Value, context,
    machinery::{Token, tokenize},
    syntax::SyntaxConfig,
};

use super::{
    Certificate, ChannelError, Kind, Level, Message, Subject,
    settings::TemplateText,
    text::{fit, one_line, plain},
    words::{Told, kind_word, level_word, place, time},
};

/// Everything that a template can name. Times are texts in UTC; `cluster` is empty where the operator has no name for it; without
/// certificate, `certificate` is false in `{% if certificate %}`; `parts` is empty but where many messages are told as one (at most 50
/// of them are in it), and each of them has the same variables except `certificate` and `parts`.
pub const VARIABLES: [&str; 20] = [
    "kind",
    "level",
    "reason",
    "title",
    "detail",
    "advice",
    "since",
    "at",
    "place",
    "domain",
    "port",
    "namespace",
    "name",
    "cluster",
    "certificate",
    "certificate.subject",
    "certificate.issuer",
    "certificate.validTo",
    "certificate.days",
    "parts",
];

/// Limits in bytes: of a template for a headline and of what comes out, and the same for the rest.
const TITLE: Limits = Limits { source: 512, output: 256 };
const BODY: Limits = Limits { source: 4096, output: 4096 };
/// The most steps of one rendering.
const FUEL: u64 = 50_000;
/// The most parts that a template sees.
const MAX_PARTS: usize = 50;
/// What statements may begin with.
const STATEMENTS: [&str; 6] = ["if", "elif", "else", "endif", "for", "endfor"];
/// Words after which a parenthesis groups, and calls nothing.
const OPERATORS: [&str; 7] = ["if", "elif", "else", "in", "and", "or", "not"];

#[derive(Clone, Copy)]
struct Limits {
    source: usize,
    output: usize,
}

/// Templates that have been found good.
#[derive(Clone)]
pub(super) struct Template {
    title: Option<String>,
    body: Option<String>,
}

// === impl Template ===

impl Template {
    pub(super) fn parse(text: &TemplateText) -> Result<Self, ChannelError> {
        let check = |field, source: &Option<String>, limits| match source {
            Some(source) => check(source, limits).map_err(|(found, remedy)| ChannelError { field, found, remedy }),
            None => Ok(()),
        };
        check("template.title", &text.title, TITLE)?;
        check("template.body", &text.body, BODY)?;
        Ok(Self { title: text.title.clone(), body: text.body.clone() })
    }

    /// The message in the user's wording. What cannot be rendered, against all expectation, is told in ours: an alert is not lost for
    /// its wording.
    pub(super) fn tell<'a>(&self, message: &'a Message) -> Told<'a> {
        let rendered =
            |source: &Option<String>, limits| source.as_ref().and_then(|text| render(text, message, limits).ok());
        let title = rendered(&self.title, TITLE).map(|title| fit(title.trim(), TITLE.output, one_line));
        Told {
            message,
            title: title.map_or(Cow::Borrowed(message.title.as_str()), Cow::Owned),
            body: rendered(&self.body, BODY).map(|body| fit(body.trim_end(), BODY.output, plain)),
        }
    }
}

type Objection = (String, &'static str);

fn check(source: &str, limits: Limits) -> Result<(), Objection> {
    if source.len() > limits.source {
        let remedy = if limits.source == TITLE.source { "use at most 512 bytes" } else { "use at most 4096 bytes" };
        return Err((format!("it has {} bytes", source.len()), remedy));
    }
    only_harmless(source)?;
    let environment = environment();
    let template = environment.template_from_str(source).map_err(unreadable)?;
    let known: BTreeSet<&str> = VARIABLES.into_iter().collect();
    // Sorted, so that the same template gets the same answer every time.
    let used: BTreeSet<String> = template.undeclared_variables(true).into_iter().collect();
    if let Some(unknown) = used.iter().find(|name| !known.contains(name.as_str())) {
        let name = fit(unknown, 64, one_line);
        return Err((format!("it uses `{name}`, which does not exist"), "the documentation lists the variables"));
    }
    for message in samples() {
        let rendered = render(source, &message, limits).map_err(|error| unrenderable(&error, &message))?;
        if rendered.len() > limits.output {
            return Err(("what comes out is too long".to_owned(), "say less: 256 bytes in a title, 4096 in a body"));
        }
    }
    Ok(())
}

/// Refuse all that is not needed to tell of a message, before anything is parsed or done.
fn only_harmless(source: &str) -> Result<(), Objection> {
    let refused = |what: &str, remedy| Err((what.to_owned(), remedy));
    let mut calls = false;
    let mut begins = false;
    for token in tokenize(source, false, SyntaxConfig::default()) {
        let (token, _) = token.map_err(unreadable)?;
        match &token {
            Token::Mul | Token::Pow | Token::Mod => return refused("it multiplies", "leave out *, ** and %"),
            Token::ParenOpen if calls => return refused("it calls something", "use variables and filters alone"),
            Token::Ident(word) if begins && !STATEMENTS.contains(word) => {
                return refused(
                    "it has a statement other than if and for",
                    "use if, elif, else, endif, for and endfor",
                );
            }
            _ => {}
        }
        begins = matches!(token, Token::BlockStart);
        calls = match &token {
            Token::Ident(word) => !OPERATORS.contains(word),
            token => matches!(token, Token::ParenClose | Token::BracketClose | Token::Str(_) | Token::String(_)),
        };
    }
    Ok(())
}

fn environment() -> Environment<'static> {
    let mut environment = Environment::empty();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_fuel(Some(FUEL));
    environment.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
    environment.add_filter("upper", |text: &str| text.to_uppercase());
    environment.add_filter("lower", |text: &str| text.to_lowercase());
    environment
}

/// At most one byte more than the limit, by which one sees that it was too much.
fn render(source: &str, message: &Message, limits: Limits) -> Result<String, minijinja::Error> {
    let environment = environment();
    let template = environment.template_from_str(source)?;
    let mut out = Bounded { bytes: Vec::new(), room: limits.output + 1 };
    let rendered = template.render_captured_to(variables(message), &mut out);
    match rendered {
        Err(error) if out.room > 0 => Err(error),
        _ => Ok(String::from_utf8_lossy(&out.bytes).into_owned()),
    }
}

/// Takes so many bytes, and then breaks off.
struct Bounded {
    bytes: Vec<u8>,
    room: usize,
}

impl io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.room == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        let taken = bytes.len().min(self.room);
        self.bytes.extend(&bytes[..taken]);
        self.room -= taken;
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn variables(message: &Message) -> Value {
    let certificate = message.certificate.as_ref().map(|certificate| {
        context! {
            subject => certificate.subject.as_str(),
            issuer => certificate.issuer.as_str(),
            validTo => time(certificate.valid_to),
            days => certificate.days,
        }
    });
    let parts: Vec<Value> = message.parts.iter().take(MAX_PARTS).map(plain_variables).collect();
    context! { certificate, parts, ..plain_variables(message) }
}

fn plain_variables(message: &Message) -> Value {
    let subject = &message.subject;
    context! {
        kind => kind_word(message.kind),
        level => level_word(message.level),
        reason => message.reason.as_str(),
        title => message.title.as_str(),
        detail => message.detail.as_str(),
        advice => message.advice.as_str(),
        since => time(message.since),
        at => time(message.at),
        place => place(message),
        domain => subject.domain.as_str(),
        port => subject.port,
        namespace => subject.namespace.as_str(),
        name => subject.name.as_str(),
        cluster => subject.cluster.as_deref().unwrap_or_default(),
    }
}

#[allow(clippy::needless_pass_by_value)] // For `map_err`.
fn unreadable(error: minijinja::Error) -> Objection {
    (format!("it cannot be read ({})", what(&error)), "mind that every {{, {% and quote is closed")
}

fn unrenderable(error: &minijinja::Error, message: &Message) -> Objection {
    let kind = if message.parts.is_empty() { kind_word(message.kind) } else { "message for many" };
    let without = if message.certificate.is_none() { " without certificate" } else { "" };
    let found = format!("it fails for a {kind}{without} ({})", what(error));
    (found, "put {% if certificate %} … {% endif %} around what not every message has")
}

/// The line and what is wrong there.
fn what(error: &minijinja::Error) -> String {
    let line = error.line().map(|line| format!("line {line}: ")).unwrap_or_default();
    let detail = error.detail().map(|detail| format!(": {detail}")).unwrap_or_default();
    fit(&format!("{line}{}{detail}", error.kind()), 160, one_line)
}

/// A message of every form: each kind, with and without certificate, and one for many.
fn samples() -> Vec<Message> {
    let kinds = [Kind::Problem, Kind::Reminder, Kind::Recovery, Kind::Change, Kind::Test];
    let mut samples: Vec<Message> = kinds.into_iter().map(sample).collect();
    let bare = Message { certificate: None, ..sample(Kind::Problem) };
    let parts = vec![sample(Kind::Problem), bare.clone()];
    samples.push(bare);
    samples.push(Message { certificate: None, parts, ..sample(Kind::Problem) });
    samples
}

fn sample(kind: Kind) -> Message {
    Message {
        id: "sample".to_owned(),
        incident: "sample".to_owned(),
        kind,
        level: Level::Critical,
        subject: Subject {
            namespace: "shop".to_owned(),
            name: "web".to_owned(),
            uid: "00000000-0000-0000-0000-000000000000".to_owned(),
            domain: "shop.example.com".to_owned(),
            port: 443,
            cluster: Some("prod".to_owned()),
        },
        reason: "Expired".to_owned(),
        title: "the certificate of shop.example.com has expired".to_owned(),
        detail: "It was valid until 1970-01-01.".to_owned(),
        advice: "Renew it.".to_owned(),
        since: Timestamp::UNIX_EPOCH,
        at: Timestamp::UNIX_EPOCH,
        lapses: None,
        certificate: Some(Certificate {
            subject: "shop.example.com".to_owned(),
            issuer: "Example CA".to_owned(),
            fingerprint: "SHA256:00".to_owned(),
            valid_to: Timestamp::UNIX_EPOCH,
            days: -1,
        }),
        parts: Vec::new(),
    }
}

#[cfg(test)]
mod tests;
