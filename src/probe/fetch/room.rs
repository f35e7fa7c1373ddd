//! Room for what is fetched: so much memory for all that is held at once, and no more.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::FetchError;

const MIB: usize = 1024 * 1024;

/// Room for all that is held at once.
#[derive(Debug)]
pub(in crate::probe) struct Room {
    turns: Arc<Semaphore>,
    rest: Arc<Semaphore>,
}

/// A turn to fetch, and the room that is taken; it is given back when this is dropped.
#[derive(Debug)]
pub(in crate::probe) struct Share {
    _turn: OwnedSemaphorePermit,
    rest: Arc<Semaphore>,
    /// Beyond the first MiB.
    more: Option<OwnedSemaphorePermit>,
}

// === impl Room ===

impl Room {
    /// Room for so many who fetch at once, with a MiB for each, and for so many MiB more, for those who need more.
    pub(in crate::probe) fn new(turns: usize, rest: usize) -> Self {
        Self { turns: Arc::new(Semaphore::new(turns)), rest: Arc::new(Semaphore::new(rest)) }
    }

    /// Wait for a turn, in the order of asking. Who waits must hold no turn, nor can one wait for more: so all turns end.
    pub(in crate::probe) async fn enter(&self) -> Share {
        let turn = self.turns.clone().acquire_owned().await;
        Share { _turn: turn.expect("the semaphore is never closed"), rest: self.rest.clone(), more: None }
    }
}

// === impl Share ===

impl Share {
    /// Take as much room as so many bytes in all need, in whole MiB.
    ///
    /// # Errors
    /// [`FetchError::Busy`] when there is not as much now.
    pub(super) fn hold(&mut self, bytes: usize) -> Result<(), FetchError> {
        let held = 1 + self.more.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        let missing = u32::try_from(bytes.div_ceil(MIB).saturating_sub(held)).map_err(|_| FetchError::Busy)?;
        let permit = self.rest.clone().try_acquire_many_owned(missing).map_err(|_| FetchError::Busy)?;
        match &mut self.more {
            Some(more) => more.merge(permit),
            None => self.more = Some(permit),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use futures::FutureExt as _;

    use super::*;

    #[test]
    fn what_is_held_at_once_is_bounded_and_given_back() {
        let room = Room::new(2, 2);
        let left = || (room.turns.available_permits(), room.rest.available_permits());
        let mut first = room.enter().now_or_never().unwrap();
        assert_eq!((first.hold(1), first.hold(MIB), left()), (Ok(()), Ok(()), (1, 2)));
        assert_eq!((first.hold(MIB + 1), first.hold(2 * MIB), left()), (Ok(()), Ok(()), (1, 1)));
        let mut second = room.enter().now_or_never().unwrap();
        assert_eq!((second.hold(3 * MIB), left()), (Err(FetchError::Busy), (0, 1)));
        assert_eq!((second.hold(2 * MIB), left()), (Ok(()), (0, 0)));
        assert_eq!((first.hold(2 * MIB), first.hold(2 * MIB + 1)), (Ok(()), Err(FetchError::Busy)));
        drop((first, second));
        assert_eq!(left(), (2, 2));
    }

    #[test]
    fn a_turn_is_waited_for_and_brings_its_first_mib() {
        let room = Room::new(1, 1);
        let mut first = room.enter().now_or_never().unwrap();
        first.hold(2 * MIB).unwrap();
        let mut next = Box::pin(room.enter());
        assert!(next.as_mut().now_or_never().is_none());
        drop(first);
        let mut next = next.now_or_never().unwrap();
        let taken = room.rest.clone().try_acquire_owned().unwrap();
        assert_eq!((next.hold(MIB), next.hold(MIB + 1)), (Ok(()), Err(FetchError::Busy)));
        drop(taken);
        assert_eq!(next.hold(MIB + 1), Ok(()));
    }
}
