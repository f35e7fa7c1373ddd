//! Channels: read the Secrets, say in the status whether messages can be sent, send the test that somebody asked for, and keep the
//! numbers of its deliveries in the status.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt;

use super::{
    ChannelKey, Context, Error, apply,
    channels::KnownChannel,
    check::sleep_until,
    context::{LONGEST_SLEEP, now},
    gather::{self, problem_kind},
    registry::Source,
    watch::observe_channel,
};
use crate::{
    alerting::{self, test_message},
    api::{NotificationChannel, SecretRef},
    metrics::NotificationResult,
    monitor::{
        ChannelInput, ChannelPlan, Material, Obstacle, ProblemKind, Reason, Tally, decide_channel, id, missing,
        requested_test,
    },
    notify::{Channel, Message, Outcome},
    schedule::Next,
};

/// How often in a row a Secret may not be readable for a passing reason before that is told.
const PASSING: u32 = 3;

/// A channel that messages can be sent to.
#[derive(Debug, Clone)]
pub(super) struct Usable {
    /// What the sender needs.
    pub(super) channel: Channel,
    /// Another one when the channel or one of its Secrets is another one: a digest, from which neither can be told.
    pub(super) revision: String,
}

/// Why nothing can be sent to a channel now.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unusable {
    /// It is not known.
    #[error("it does not exist")]
    Unknown,
    /// It is told nothing for the time being.
    #[error("it is suspended")]
    Suspended,
    /// Something keeps it from being used.
    #[error("{}", .0.message())]
    Hindered(Obstacle),
}

// === impl Usable ===

impl Usable {
    /// Try once to tell it a message, and count the attempt.
    pub(super) async fn tell(&self, context: &Context, message: &Message) -> Outcome {
        let outcome = context.acting(context.notifier.sender.send(&self.channel, message)).await;
        let result = match outcome {
            Outcome::Delivered => NotificationResult::Delivered,
            Outcome::Refused { .. } => NotificationResult::Refused,
            Outcome::Later { .. } => NotificationResult::Failed,
        };
        context.metrics.count_notification(self.channel.kind().name(), result);
        outcome
    }
}

/// The channel, with what its Secrets hold now. Where that differs from what its status says, the status is brought up to date.
///
/// # Errors
/// [`Unusable`] when nothing can be sent to it.
pub(super) async fn usable(context: &Context, key: &ChannelKey) -> Result<Usable, Unusable> {
    let known = context.channels.get(key).ok_or(Unusable::Unknown)?;
    if known.spec.suspend {
        return Err(Unusable::Suspended);
    }
    let prepared = prepare(context, key, &known).await;
    if prepared.is_err() != known.problem.is_some() {
        context.channels.order(key);
    }
    prepared.map_err(Unusable::Hindered)
}

/// The job: what fails at the API server is tried again with back-off.
pub(super) async fn channel(context: Arc<Context>, key: ChannelKey) -> Next {
    let wait = context.channel_errors.remaining(&key);
    if !wait.is_zero() {
        return Next::In(wait);
    }
    match attempt(&context, &key).await {
        Ok(next) => {
            context.channel_errors.forget(&key);
            next
        }
        Err(error) if error.is_not_found() || context.channels.get(&key).is_none() => {
            context.channel_errors.forget(&key);
            next_without(&context, &key)
        }
        Err(error) => {
            let wait = context.channel_errors.failed(&key, Duration::ZERO);
            // With a conflict someone was faster: the channel is looked at again as it is now.
            if !error.is_conflict() {
                let (namespace, channel) = (&*key.namespace, &*key.name);
                tracing::warn!(namespace, channel, retry_in_s = wait.as_secs(), "{}", error.chain());
            }
            Next::In(wait)
        }
    }
}

async fn attempt(context: &Context, key: &ChannelKey) -> Result<Next, Error> {
    let found: Option<NotificationChannel> = gather::named(context, &key.namespace, &key.name).await?;
    // One of the same name that was made anew is looked at once the watch has told of it.
    let uid = context.channels.get(key).map(|known| known.uid);
    let Some(mut channel) = found.filter(|found| found.uid().as_deref() == uid.as_deref()) else {
        return Ok(next_without(context, key));
    };
    let prepared = if channel.spec.suspend { None } else { Some(prepared(context, key, &channel).await?) };
    let obstacle = prepared.as_ref().and_then(|prepared| prepared.as_ref().err());
    let mut plan = write(context, key, &mut channel, obstacle).await?;
    if test(context, key, &channel, prepared.as_ref()).await {
        plan = write(context, key, &mut channel, obstacle).await?;
    }
    Ok(plan.wake.map_or(Next::Never, sleep_until))
}

/// What becomes of a job whose channel was not found: that it is gone the watch alone knows.
fn next_without(context: &Context, key: &ChannelKey) -> Next {
    context.channels.get(key).map_or(Next::Never, |_| Next::In(LONGEST_SLEEP))
}

/// The channel ready to use, or what hinders it. A passing obstacle is no reason to say anything yet.
async fn prepared(
    context: &Context,
    key: &ChannelKey,
    channel: &NotificationChannel,
) -> Result<Result<Usable, Obstacle>, Error> {
    let prepared = prepare(context, key, &KnownChannel::of(channel)).await;
    match prepared.as_ref().err().filter(|obstacle| obstacle.is_passing()) {
        Some(obstacle) if context.channel_errors.count(key) < PASSING => {
            let attempt = format!("read what NotificationChannel {}/{} names", key.namespace, key.name);
            Err(Error::Unreadable { attempt, why: obstacle.message().to_owned() })
        }
        _ => Ok(prepared),
    }
}

/// Read the Secrets, and put the channel together.
async fn prepare(context: &Context, key: &ChannelKey, known: &KnownChannel) -> Result<Usable, Obstacle> {
    let (spec, generation) = (&known.spec, known.generation.to_string());
    let (secret, secret_version) = read(context, key, "secretRef", spec.secret_ref.as_ref()).await?;
    let (files, files_version) = read(context, key, "certSecretRef", spec.cert_secret_ref.as_ref()).await?;
    let channel = alerting::channel(spec, secret.as_ref(), files.as_ref(), &context.notifier.rules)?;
    Ok(Usable { channel, revision: id(&[&known.uid, &generation, &secret_version, &files_version]) })
}

/// A Secret that a channel names under this field, and which version of it that is.
async fn read(
    context: &Context,
    key: &ChannelKey,
    field: &str,
    reference: Option<&SecretRef>,
) -> Result<(Option<Material>, String), Obstacle> {
    let Some(SecretRef { name }) = reference else { return Ok((None, String::new())) };
    let found: Result<Option<Secret>, Error> = gather::named(context, &key.namespace, name).await;
    let found = found.map_err(|error| Obstacle::Secret(problem_kind(&error), error.chain()))?;
    let missing = || Obstacle::Secret(ProblemKind::NotFound, missing("Secret", name, field));
    let secret = found.ok_or_else(missing)?;
    let version = [secret.uid(), secret.resource_version()].map(Option::unwrap_or_default).join("/");
    Ok((Some(gather::material(name, secret)), version))
}

/// Bring the status to what it should be, and tell what changed.
async fn write(
    context: &Context,
    key: &ChannelKey,
    channel: &mut NotificationChannel,
    obstacle: Option<&Obstacle>,
) -> Result<ChannelPlan, Error> {
    let status = channel.status.as_ref();
    let tally = tally(context, key, channel);
    let plan = decide_channel(ChannelInput { channel, status, obstacle, tally: &tally, now: now() });
    if status != Some(&plan.status) {
        apply::status(context, channel, plan.status.clone()).await?;
        context.channels.set_written(key);
        observe_channel(context, channel, Source::Job);
        apply::announce(context, channel, &plan.announcements).await;
    }
    Ok(plan)
}

/// Send the test message that was asked for, if one was. Returns whether that is to be written.
///
/// It is written after it was sent: a process that ends in between sends it again, under the same id.
async fn test(
    context: &Context,
    key: &ChannelKey,
    channel: &NotificationChannel,
    prepared: Option<&Result<Usable, Obstacle>>,
) -> bool {
    let (uid, tally) = (channel.uid().unwrap_or_default(), tally(context, key, channel));
    let Some(request) = requested_test(channel, &tally) else { return false };
    let result = match prepared {
        Some(Ok(usable)) => {
            let cluster = context.settings.cluster.as_deref();
            let message = test_message(&id(&[&uid, request]), &key.namespace, &key.name, &uid, cluster, now());
            Ok((usable.tell(context, &message).await, Timestamp::now()))
        }
        Some(Err(obstacle)) => Err(obstacle.reason()),
        None => Err(Reason::Suspended),
    };
    context.channels.note_test(key, &uid, request, result);
    true
}

/// The numbers of a channel; those that it shows, when it is gone by now.
fn tally(context: &Context, key: &ChannelKey, channel: &NotificationChannel) -> Tally {
    let uid = channel.metadata.uid.as_deref().unwrap_or_default();
    context.channels.tally(key, uid).unwrap_or_else(|| Tally::of(channel.status.as_ref()))
}
