//! The watch of NotificationChannels.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use super::{News, Scope, follow};
use crate::{
    api::NotificationChannel,
    controller::{ChannelKey, Context, lenient::Lenient, registry::Source},
    monitor::{Tally, is_channel_introduced, requested_test},
};

/// Watch the NotificationChannels for ever. `synced` is called when the first lists are in.
pub(in crate::controller) async fn channels(context: Arc<Context>, synced: impl FnOnce() + Send) {
    let each = |news: News<Lenient<NotificationChannel>>| match news {
        News::Listed(channel) => take_in(&context, channel, Source::List),
        News::Changed(channel) => take_in(&context, channel, Source::Watch),
        News::Deleted(channel) => forget(&context, &ChannelKey::of(&channel)),
    };
    let whole = |lists: Vec<(Scope, _)>| {
        for (scope, listed) in lists {
            context.channels.finish_list(&listed, &scope).iter().for_each(|key| forget(&context, key));
        }
    };
    let synced = || {
        context.channels_listed();
        synced();
    };
    follow(&context, "NotificationChannels", ChannelKey::of, each, whole, synced).await;
}

/// Take in what the watch brings. Neither an object that cannot be read nor a fault of ours over one harms the others.
fn take_in(context: &Context, channel: Lenient<NotificationChannel>, source: Source) {
    let key = ChannelKey::of(&channel);
    let (namespace, name) = (&*key.namespace, &*key.name);
    match channel.object {
        Err(why) => {
            tracing::error!(
                namespace,
                channel = name,
                "this NotificationChannel cannot be read and is left alone: {why}"
            );
        }
        Ok(channel) => {
            if catch_unwind(AssertUnwindSafe(|| observe_channel(context, &channel, source))).is_err() {
                tracing::error!(
                    namespace,
                    channel = name,
                    "taking in this NotificationChannel panicked; it is left alone"
                );
            }
        }
    }
}

/// Take in what is new about a channel, and order what it needs.
pub(in crate::controller) fn observe_channel(context: &Context, channel: &NotificationChannel, source: Source) {
    let key = ChannelKey::of(channel);
    let known = context.channels.get(&key);
    let Some(is_news) = context.channels.put(&key, channel, source) else { return };
    if known.is_some_and(|known| Some(&*known.uid) != channel.metadata.uid.as_deref()) {
        // Another channel of the same name: what failed was not it.
        context.channel_errors.forget(&key);
    }
    let is_due = match source {
        // Nobody knows what has become of its Secrets meanwhile.
        Source::List => true,
        Source::Watch => !is_channel_introduced(channel) || wants_test(channel),
        Source::Job => false,
    };
    if is_due {
        context.channels.order(&key);
    }
    if is_news {
        context.channel_changed(&key);
    }
}

fn wants_test(channel: &NotificationChannel) -> bool {
    requested_test(channel, &Tally::of(channel.status.as_ref())).is_some()
}

/// A channel is gone: so is its job.
fn forget(context: &Context, key: &ChannelKey) {
    context.channel_errors.forget(key);
    if context.channels.remove(key) {
        context.channel_changed(key);
    }
}
