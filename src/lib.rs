//! ssl-monitor-operator watches the certificates that are really served at your domains.
//!
//! The crate is one library with rooms that depend downwards only (`tests/architecture.rs` holds the walls):
//!
//! | room | what it is | knows |
//! |---|---|---|
//! | [`api`] | the types users write, and their validation | nothing of ours |
//! | [`probe`] | the engine: target → resolve → policy → connect → handshake → verify → observation | nothing of ours |
//! | [`schedule`] | when: due times, lanes, limits | nothing of ours |
//! | [`notify`] | the senders: a message, and one bounded exchange with where it is to go | nothing of ours |
//! | [`monitor`] | the core: `decide(Input) -> Plan`, pure | `api`, `probe`'s plain types |
//! | [`alerting`] | what objects say of channels and alerts, in the senders' words | `api`, `monitor`, `notify`, `probe`'s plain types |
//! | [`notifier`] | the senders, with the engine's resolver and address policy | `notify`, `probe` |
//! | [`manifests`] | objects from files, directories and standard input | `api`, `probe`'s and `monitor`'s plain types |
//! | [`lenient`] | objects that others wrote, read so that one bad one hides no other | `api` |
//! | [`output`] | what is written where, and how it is laid out | nothing of ours |
//! | [`metrics`], [`admin`], [`telemetry`] | what is measured, served and logged | nothing of the above |
//! | [`report`] | checked monitors in every format, and what a status means | `api`, `output`, `monitor`'s and `probe`'s plain types |
//! | [`lease`] | which of several replicas acts | nothing of ours |
//! | [`cli`] | the command line: text to values | plain types of the above |
//! | [`dispatch`] | the senders without a cluster: `sslmonitor notify test` | all of the above |
//! | [`check`] | the shell without a cluster: `sslmonitor check` | all of the above |
//! | [`plugin`] | the shell of `kubectl sslmonitor`: what the operator wrote, told, and what it does, asked for | all of the above |
//! | [`controller`] | the shell: gather → probe → decide → apply | all of the above but `check` |
//! | [`run`] | the operator put together, until it is told to stop | all of the above |

pub mod admin;
pub mod alerting;
pub mod api;
pub mod check;
pub mod cli;
pub mod controller;
pub mod dispatch;
pub mod lease;
pub mod lenient;
pub mod manifests;
pub mod metrics;
pub mod monitor;
pub mod notifier;
pub mod notify;
pub mod output;
pub mod plugin;
pub mod probe;
pub mod report;
pub mod run;
pub mod schedule;
pub mod telemetry;
