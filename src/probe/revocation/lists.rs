//! Lists that were fetched, and those that could not be: each is fetched once for all probes, and kept while it counts.

mod shelf;

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures::future::join_all;
use jiff::Timestamp;
use tokio::time::{Instant, timeout_at};

use super::{
    RevocationState,
    issuer::Issuer,
    list::{List, ListError, Subject},
    points::Query,
};
use crate::probe::{
    fetch::{FetchError, Room, Web, shown},
    trust::digest_of,
};
use shelf::{Miss, Shelf};

/// The longest list that is read. The longest of public authorities have about 10 MiB.
const MAX_LIST: usize = 16 * 1024 * 1024;
/// How many lists are fetched at once for all probes, with a MiB for each: most have less.
const TURNS: usize = 32;
/// How much longer lists may have beyond that, in MiB, all together.
const REST: usize = 32;
/// How long one list may take, out of the probe's time.
const LIMIT: Duration = Duration::from_secs(5);
/// What a list says of a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::probe) struct Listed {
    /// Which certificate; `None` for the leaf.
    pub name: Option<String>,
    /// `Good` or `Revoked`; else why nothing is known, in words.
    pub state: Result<RevocationState, String>,
}

/// Fetches lists, and keeps them.
#[derive(Debug)]
pub(in crate::probe) struct Lists {
    shelf: Mutex<Shelf>,
    room: Room,
}

// === impl Lists ===

impl Default for Lists {
    fn default() -> Self {
        Self { shelf: Mutex::default(), room: Room::new(TURNS, REST) }
    }
}

impl Lists {
    /// What lists say of the certificates of a verified path, the leaf first. Intermediates that name no list are left out.
    pub(in crate::probe) async fn gather(
        &self,
        queries: Option<&[Query]>,
        web: Web<'_>,
        now: Timestamp,
        deadline: Instant,
    ) -> Vec<Listed> {
        let Some(queries) = queries else {
            let why = "no path to a trusted certificate could be verified, so that its CRLs are not fetched".to_owned();
            return vec![Listed { name: None, state: Err(why) }];
        };
        let asked = queries.iter().filter(|query| query.name.is_none() || !query.subject.urls.is_empty());
        join_all(asked.map(|query| self.ask(query, web, now, deadline))).await
    }

    /// The first list that says something decides.
    async fn ask(&self, query: &Query, web: Web<'_>, now: Timestamp, deadline: Instant) -> Listed {
        let mut state = Err("the certificate names no CRL that can be fetched by http".to_owned());
        if query.issuer.may_sign_lists {
            for url in &query.subject.urls {
                state = self.consult(url, query, web, now, deadline).await;
                if state.is_ok() {
                    break;
                }
            }
        } else {
            state = Err("the key usage of the certificate's issuer does not allow it to sign CRLs".to_owned());
        }
        Listed { name: query.name.clone(), state }
    }

    async fn consult(
        &self,
        url: &str,
        query: &Query,
        web: Web<'_>,
        now: Timestamp,
        deadline: Instant,
    ) -> Result<RevocationState, String> {
        let list = self.list(url, &query.issuer, web, now, deadline).await?;
        says(url, &list, &query.subject)
    }

    /// The list at this place: a kept one, else it is fetched, by one for all who want it.
    async fn list(
        &self,
        url: &str,
        issuer: &Issuer,
        web: Web<'_>,
        now: Timestamp,
        deadline: Instant,
    ) -> Result<Arc<List>, String> {
        let key = digest_of([url.as_bytes(), &issuer.name, &issuer.key]);
        let gate = match self.shelf().look(key, now) {
            Ok(known) => return known,
            Err(gate) => gate,
        };
        let late = |_| format!("the list at {} was not fetched in time", shown(url));
        let _turn = timeout_at(deadline, gate.lock()).await.map_err(late)?;
        if let Ok(known) = self.shelf().look(key, now) {
            return known;
        }
        let outcome = self.fetch(url, issuer, web, now, deadline).await;
        self.shelf().keep(key, outcome, now)
    }

    /// Wait until there is room, as long as the probe may last, and then fetch.
    async fn fetch(
        &self,
        url: &str,
        issuer: &Issuer,
        web: Web<'_>,
        now: Timestamp,
        deadline: Instant,
    ) -> Result<Arc<List>, Miss> {
        // A probe that has little time left must not spoil the list for the others, nor shall our own lack of room.
        let miss = |what: &dyn fmt::Display, is_ours: bool| Miss {
            why: format!("the list at {} {what}", shown(url)),
            lasts: !is_ours && Instant::now() < deadline,
        };
        let share = timeout_at(deadline, self.room.enter()).await.map_err(|_| miss(&FetchError::Busy, true))?;
        let end = deadline.min(Instant::now() + LIMIT);
        let fetch = async {
            let fetched = web.get(url, MAX_LIST, share, end).await;
            let fetched = fetched.map_err(|error| miss(&error, error == FetchError::Busy))?;
            let issuer = issuer.clone();
            // What was fetched takes room until it has been read.
            let read = tokio::task::spawn_blocking(move || read(&fetched.bytes, &issuer, now)).await;
            read.unwrap_or(Err(ListError::Unreadable)).map(Arc::new).map_err(|error| miss(&error, false))
        };
        timeout_at(end, fetch).await.unwrap_or_else(|_| Err(miss(&"was not fetched in time", false)))
    }

    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What lists that are at hand say of the certificates of a verified path. Intermediates that none speaks of are left out.
pub(in crate::probe) fn consult(queries: &[Query], lists: &[&[u8]], now: Timestamp) -> Vec<Listed> {
    let listed = queries.iter().map(|query| {
        let mut state = Err("none of the CRLs is about it".to_owned());
        for der in lists.iter().filter(|_| query.issuer.may_sign_lists) {
            match read(der, &query.issuer, now).and_then(|list| list.says(&query.subject)) {
                // Of several the worse counts.
                Ok(found) if state.is_err() || found != RevocationState::Good => state = Ok(found),
                Ok(_) | Err(ListError::OtherIssuer) => {}
                Err(error) => state = state.map_err(|_| format!("a CRL {error}")),
            }
        }
        Listed { name: query.name.clone(), state }
    });
    listed.filter(|listed| listed.name.is_none() || listed.state.is_ok()).collect()
}

fn read(der: &[u8], issuer: &Issuer, now: Timestamp) -> Result<List, ListError> {
    let list = List::read(der, issuer)?;
    list.is_current(now)?;
    Ok(list)
}

fn says(url: &str, list: &List, subject: &Subject) -> Result<RevocationState, String> {
    list.says(subject).map_err(|error| format!("the list at {} {error}", shown(url)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::net::SocketAddr;

    use futures::{FutureExt as _, join};
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::{TcpListener, UdpSocket},
    };

    use super::*;
    use crate::probe::{AddressPolicy, resolve::Names};

    /// Room for one, and nobody who answers for names.
    struct Scene {
        lists: Lists,
        names: Names,
        policy: AddressPolicy,
        issuer: Issuer,
        _silence: UdpSocket,
    }

    impl Scene {
        async fn new() -> Self {
            let silence = UdpSocket::bind(("127.0.0.1", 0)).await.unwrap();
            Self {
                lists: Lists { shelf: Mutex::default(), room: Room::new(1, 0) },
                names: Names::new(Some(silence.local_addr().unwrap())).unwrap(),
                policy: AddressPolicy { allow: vec!["127.0.0.0/8".parse().unwrap()], ..AddressPolicy::default() },
                issuer: Issuer { name: Vec::new(), key: Vec::new(), may_sign_lists: true },
                _silence: silence,
            }
        }

        async fn get(&self, url: &str, limit: Duration) -> Result<Arc<List>, String> {
            let web = Web { names: &self.names, policy: &self.policy };
            self.lists.list(url, &self.issuer, web, Timestamp::UNIX_EPOCH, Instant::now() + limit).await
        }

        /// Whether there is nothing known of this place.
        fn knows_nothing_of(&self, url: &str) -> bool {
            let key = digest_of([url.as_bytes(), &self.issuer.name, &self.issuer.key]);
            self.lists.shelf().look(key, Timestamp::UNIX_EPOCH).is_err()
        }
    }

    /// A web server where nothing is found, asked once.
    async fn nowhere() -> (String, impl Future<Output = ()>) {
        let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let serve = async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            assert!(stream.read(&mut [0; 1024]).await.unwrap() > 0);
            stream.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n").await.unwrap();
        };
        (url, serve)
    }

    #[tokio::test]
    async fn a_fetch_waits_until_there_is_room() {
        let (scene, (url, server)) = (Scene::new().await, nowhere().await);
        let turn = scene.lists.room.enter().await;
        let mut fetch = Box::pin(scene.get(&url, Duration::from_secs(20)));
        assert!(fetch.as_mut().now_or_never().is_none());
        drop(turn);
        let (told, ()) = join!(fetch, server);
        assert_eq!(told, Err(format!("the list at {url} could not be fetched: the server answered 404")));
        assert!(!scene.knows_nothing_of(&url));
    }

    #[tokio::test(start_paused = true)]
    async fn a_fetch_that_gets_no_room_in_time_says_so_and_spoils_nothing() {
        let scene = Scene::new().await;
        let _turn = scene.lists.room.enter().await;
        let limit = Duration::from_mins(1);
        let start = Instant::now();
        let told = scene.get("http://127.0.0.1:1/", limit).await;
        let busy = "the list at http://127.0.0.1:1/ could not be fetched: too much is being fetched at once";
        assert_eq!((told, start.elapsed().as_secs()), (Err(busy.to_owned()), 60));
        assert!(scene.knows_nothing_of("http://127.0.0.1:1/"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_failure_counts_for_all_only_if_there_was_the_time_that_a_list_may_take() {
        let (scene, url) = (Scene::new().await, "http://silent.test/");
        for limit in [Duration::from_millis(200), LIMIT / 2, Duration::from_mins(1)] {
            assert!(scene.knows_nothing_of(url), "before {limit:?}");
            scene.get(url, limit).await.unwrap_err();
        }
        assert!(!scene.knows_nothing_of(url));
    }
}
