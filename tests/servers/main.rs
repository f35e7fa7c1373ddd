//! 141 ways in which servers behave, good, odd and broken: each with the certificate that is seen, or why there is none.
#![allow(clippy::unwrap_used, clippy::panic)]

mod keys;
mod names;
mod openssl;
mod peers;
mod protocol;
mod row;
mod script;
mod trust;

use std::sync::Arc;

use futures::{StreamExt as _, stream};

use row::{Outcome, Row, Stage};

/// How many behaviours there are, and how many of them must give up their certificate.
const ROWS: usize = 141;
const ENOUGH: usize = 110;

#[tokio::test(flavor = "multi_thread")]
async fn every_server_yields_what_it_shows_with_the_right_reason() {
    let stage = Arc::new(Stage::build());
    let rows: Vec<fn(&Stage) -> Row> = [trust::ROWS, keys::ROWS, protocol::ROWS, names::ROWS, peers::ROWS].concat();
    let outcomes: Vec<Outcome> = stream::iter(rows)
        .map(|row| {
            let stage = stage.clone();
            // Making keys and certificates takes the processor, not the network.
            let made = tokio::task::spawn_blocking(move || (row(&stage), stage));
            async move {
                let (row, stage) = made.await.unwrap();
                row.look(&stage).await
            }
        })
        .buffer_unordered(12)
        .collect()
        .await;

    let wrong: Vec<&str> = outcomes.iter().filter_map(|outcome| outcome.wrong.as_deref()).collect();
    let hidden: Vec<&Outcome> = outcomes.iter().filter(|outcome| !outcome.seen).collect();
    for outcome in &hidden {
        println!("no certificate: {:<48} {}", outcome.name, outcome.told);
    }
    println!("{} of {} servers yield their certificate", outcomes.len() - hidden.len(), outcomes.len());
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
    assert_eq!(outcomes.len(), ROWS);
    assert!(outcomes.len() - hidden.len() >= ENOUGH, "{} yield none", hidden.len());
}
