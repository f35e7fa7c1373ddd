//! How the network cuts what a server says changes nothing, and nothing that a server says breaks anything.

use proptest::{collection::vec, prelude::*, sample::Index};

use super::{script::read, *};

/// All that a good server says.
fn words_of(protocol: StartTls) -> Vec<u8> {
    let said = good(protocol).into_iter().map(|step| match step {
        Said::Says(bytes) => bytes,
        _ => Vec::new(),
    });
    said.collect::<Vec<_>>().concat()
}

fn now<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(future)
}

fn cut(bytes: &[u8], cuts: &[Index]) -> Vec<Vec<u8>> {
    let mut places: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
    places.extend([0, bytes.len()]);
    places.sort_unstable();
    places.windows(2).map(|pair| bytes[pair[0]..pair[1]].to_vec()).collect()
}

fn protocols() -> impl Strategy<Value = StartTls> {
    proptest::sample::select(ALL.to_vec())
}

#[test]
fn a_server_that_speaks_tls_at_once_is_known_by_it_in_single_bytes_too() {
    for protocol in ALL {
        let whole = now(read(protocol, vec![b"\x16\x03\x03\0 OK".to_vec()]));
        let (outcome, _) = now(read(protocol, b"\x16\x03\x03\0 OK".chunks(1).map(<[u8]>::to_vec)));
        assert_eq!(outcome, whole.0, "{protocol:?}");
        assert_eq!(outcome.unwrap_err().reason, FailureReason::StartTlsFailed, "{protocol:?}");
    }
}

#[test]
fn good_servers_may_speak_in_single_bytes() {
    for protocol in ALL {
        let bytes = words_of(protocol);
        let (outcome, sent) = now(read(protocol, bytes.chunks(1).map(<[u8]>::to_vec)));
        let heard = good(protocol).into_iter().filter_map(|step| match step {
            Said::Hears(bytes) => Some(bytes),
            _ => None,
        });
        assert_eq!((outcome, sent), (Ok(()), heard.collect::<Vec<_>>().concat()), "{protocol:?}");
    }
}

proptest! {
    /// A good dialogue that was changed in some places, and perhaps ends too early or late.
    #[test]
    fn any_cut_gives_the_same_answer(
        protocol in protocols(),
        changes in vec((any::<Index>(), any::<u8>()), 0..4),
        end in prop_oneof![Just(None), any::<Index>().prop_map(Some)],
        more in vec(any::<u8>(), 0..300),
        cuts in vec(any::<Index>(), 0..20),
    ) {
        let mut bytes = words_of(protocol);
        for (place, byte) in changes {
            let at = place.index(bytes.len());
            bytes[at] = byte;
        }
        if let Some(end) = end {
            bytes.truncate(end.index(bytes.len()));
        }
        bytes.extend(more);
        let whole = now(read(protocol, [bytes.clone()]));
        prop_assert_eq!(&now(read(protocol, cut(&bytes, &cuts))), &whole);
        prop_assert_eq!(&now(read(protocol, bytes.chunks(1).map(<[u8]>::to_vec))), &whole);
    }

    /// Whatever comes is answered by one of the three reasons, shortly, and all that is shown is visible.
    #[test]
    fn garbage_breaks_nothing(protocol in protocols(), bytes in vec(any::<u8>(), 0..4000)) {
        if let (Err(failure), _) = now(read(protocol, [bytes])) {
            let reasons = [
                FailureReason::StartTlsUnavailable,
                FailureReason::StartTlsInjection,
                FailureReason::StartTlsFailed,
            ];
            prop_assert!(reasons.contains(&failure.reason));
            prop_assert_eq!(text::clean_to(&failure.detail, 256), failure.detail);
        }
    }
}
