//! The walls between the rooms of the crate: who may know whom, and what else a room must not touch.
//!
//! The sources are read as tokens, not compiled: comments and literals are left out, `use` trees are spread, and `self`
//! and `super` are resolved. Tests inside a room stand behind the same walls as the room.
#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "architecture/reader.rs"]
mod reader;

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use reader::{Named, read};

/// Every room, and the rooms whose names it may use. `ANY` are the rooms that put everything together.
const ROOMS: [(&str, &[&str]); 23] = [
    ("api", &[]),
    ("probe", &[]),
    ("schedule", &[]),
    ("notify", &[]),
    ("metrics", &[]),
    ("telemetry", &[]),
    ("lease", &[]),
    ("admin", &["metrics"]),
    ("monitor", &["api", "probe"]),
    ("notifier", &["probe", "notify"]),
    ("manifests", &["api", "probe", "monitor"]),
    ("lenient", &["api"]),
    ("output", &[]),
    ("report", &["api", "probe", "monitor", "output"]),
    ("alerting", &["api", "probe", "monitor", "notify"]),
    (
        "controller",
        &[
            "api", "probe", "schedule", "notify", "notifier", "monitor", "alerting", "lenient", "metrics", "admin",
            "lease",
        ],
    ),
    ("dispatch", ANY),
    ("check", ANY),
    ("plugin", ANY),
    ("run", ANY),
    ("cli", ANY),
    ("lib", ANY),
    ("main", ANY),
];
const ANY: &[&str] = &["*"];

/// Something that some rooms must not name.
struct Wall {
    rooms: &'static [&'static str],
    /// Beginnings of paths; after `*::`, parts of paths.
    forbidden: &'static [&'static str],
    because: &'static str,
    /// A source that breaks this wall and no other, and the path in it that does.
    planted: (&'static str, &'static str),
}

const WALLS: [Wall; 6] = [
    Wall {
        rooms: &["probe", "schedule", "notify", "metrics", "telemetry", "admin"],
        forbidden: &["k8s_openapi", "kube", "kube_client", "kube_core", "kube_runtime"],
        because: "this room knows no Kubernetes",
        planted: ("use k8s_openapi::{api::core::v1::Service};", "k8s_openapi::api::core::v1::Service"),
    },
    Wall {
        rooms: &["monitor", "alerting"],
        forbidden: &["kube", "kube_client", "kube_core", "kube_runtime"],
        because: "the core has no client; k8s_openapi's plain types are what it may use",
        planted: ("fn f(_: &impl kube::Resource) {}", "kube::Resource"),
    },
    Wall {
        rooms: &["monitor", "alerting"],
        forbidden: &["async", "futures", "tokio", "tokio_util"],
        because: "the core computes, it does not wait",
        planted: ("pub async fn decide() {}", "async"),
    },
    Wall {
        rooms: &["monitor", "alerting"],
        forbidden: &["*::now", "*::SystemTime", "*::UNIX_EPOCH"],
        because: "the core takes `now` as an argument",
        planted: ("fn f() { let t = jiff::Timestamp::now(); }", "jiff::Timestamp::now"),
    },
    Wall {
        rooms: &["monitor", "alerting"],
        forbidden: &["fastrand", "getrandom", "rand", "*::RandomState"],
        because: "the core gives the same plan for the same input",
        planted: ("use rand::Rng as _;", "rand::Rng"),
    },
    Wall {
        rooms: &["api", "lease", "check", "dispatch", "cli", "lib", "main"],
        forbidden: &[
            "kube::Api",
            "kube::Client",
            "kube::Config",
            "kube::api::Api",
            "kube::client",
            "kube::config",
            "kube::runtime",
            "kube_client",
            "kube_runtime",
        ],
        because: "only controller, run and plugin talk to the API server",
        planted: ("use kube::{CustomResource, Client as C};", "kube::Client"),
    },
];

const DANGEROUS: &str = "only one private module of probe may replace the verification of certificates";

/// Where a wall is broken.
#[derive(Debug, PartialEq, Eq)]
struct Breach {
    file: String,
    line: usize,
    path: String,
    wall: String,
}

impl std::fmt::Display for Breach {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { file, line, path, wall } = self;
        write!(f, "{file}:{line}: `{path}` breaks a wall: {wall}")
    }
}

// === the tests ===

#[test]
fn no_room_reaches_through_its_walls() {
    let breaches: Vec<String> = sources().iter().flat_map(Source::breaches).map(|breach| breach.to_string()).collect();
    assert!(breaches.is_empty(), "\n{}\n", breaches.join("\n"));
}

#[test]
fn every_file_belongs_to_a_room_and_none_is_called_mod() {
    let sources = sources();
    assert!(sources.iter().any(|source| source.file == "src/lib.rs"), "the sources were not found");
    for source in sources {
        let known = ROOMS.iter().any(|(room, _)| *room == source.room());
        assert!(known, "{}: `{}` is no room; add it to ROOMS with what it may use", source.file, source.room());
        assert!(!source.file.ends_with("/mod.rs"), "{}: a module is foo.rs beside foo/", source.file);
    }
}

#[test]
fn one_private_module_may_replace_the_verification_of_certificates() {
    let breaches: Vec<String> = dangerous(&sources()).iter().map(Breach::to_string).collect();
    assert!(breaches.is_empty(), "\n{}\n", breaches.join("\n"));
}

#[test]
fn a_breach_of_any_wall_is_found_in_every_room_behind_it() {
    for wall in &WALLS {
        for room in wall.rooms {
            let source = Source::new(&format!("src/{room}/planted.rs"), &format!("//! Planted.\n{}", wall.planted.0));
            assert_eq!(source.breaches(), [breach(&source.file, 2, wall.planted.1, wall.because)]);
        }
        let elsewhere = Source::new("src/controller/planted.rs", wall.planted.0);
        assert_eq!(elsewhere.breaches(), []);
    }
}

#[test]
fn a_room_may_name_exactly_the_rooms_below_it() {
    for (room, allowed) in ROOMS {
        for (other, _) in ROOMS {
            let source = Source::new(&format!("src/{room}.rs"), &format!("\nuse crate::{{{other}::Thing}};"));
            let named: Vec<String> = source.breaches().into_iter().map(|breach| breach.path).collect();
            if allowed == ANY || room == other || allowed.contains(&other) {
                assert_eq!(named, [""; 0], "{room} → {other}");
            } else {
                assert_eq!(named, [format!("crate::{other}::Thing")], "{room} → {other}");
            }
        }
    }
}

#[test]
fn no_way_of_writing_a_path_hides_it() {
    for (text, path) in [
        ("use super::super::controller::Context;", "crate::controller::Context"),
        ("mod inner { use super::super::super::controller; }", "crate::controller"),
        ("use crate::{probe::{a, b::*}, controller::{self, x}};", "crate::controller"),
        ("use crate as everything;", "crate"),
        ("fn f() -> crate::controller::Error { todo!() }", "crate::controller::Error"),
        ("type T = Vec<<crate :: controller :: X as Tr>::Out>;", "crate::controller::X"),
        ("pub(in crate::probe) fn f() { crate::controller::go::<u8>() }", "crate::controller::go"),
        ("fn f() { ssl_monitor_operator::controller::go() }", "crate::controller::go"),
        ("fn f<'a>(c: char, x: &'a str) -> bool { c == '\"' || crate::controller::go(x) }", "crate::controller::go"),
        ("fn f() { g(r#\"\"\"#, b'\\'', \"\\\\\"); crate::controller::go() }", "crate::controller::go"),
        ("extern crate kube;", "kube"),
        ("use ::kube::Client;", "kube::Client"),
    ] {
        let breaches = Source::new("src/probe/planted.rs", text).breaches();
        assert_eq!(breaches.first().map(|breach| breach.path.as_str()), Some(path), "{text}");
    }
}

#[test]
fn what_only_looks_like_a_breach_is_none() {
    for text in [
        "// use crate::controller;\n/// [`kube::Client`]\n/* crate::run /* kube::Api */ kube::Api */ fn f() {}",
        "const A: &str = \"kube::Client\"; const B: &[u8] = br##\"crate::run \"# kube::Api\"##; const C: char = '\\u{6b}';",
        "const A: &str = \"a line \\\n kube::Client \\\" kube::Api\";",
        "pub(crate) struct S; pub(super) fn f(self) { self.kube.api() }",
        "mod tests { use super::*; mod inner { use super::super::*; } } use super::sibling; use self::child::X;",
        "use crate::probe::{self, target}; use std::{fmt, io};",
    ] {
        assert_eq!(Source::new("src/probe/planted.rs", text).breaches(), [], "{text}");
    }
}

#[test]
fn a_second_module_or_a_public_one_that_replaces_verification_is_found() {
    let call = "fn f() { ClientConfig::builder().dangerous() }";
    let root = Source::new("src/probe.rs", "mod a; mod b; pub mod open;");
    let found = |files: &[&str]| {
        let planted = files.iter().map(|file| Source::new(file, call));
        let sources: Vec<Source> = planted.chain([root.clone()]).collect();
        dangerous(&sources).into_iter().map(|breach| breach.file).collect::<Vec<_>>()
    };
    assert_eq!(found(&["src/probe/a.rs", "src/probe/a/deeper.rs"]), [""; 0]);
    assert_eq!(found(&["src/probe/a.rs", "src/probe/b.rs"]), ["src/probe/b.rs"]);
    assert_eq!(found(&["src/probe/open.rs"]), ["src/probe/open.rs"]);
    assert_eq!(found(&["src/run.rs"]), ["src/run.rs"]);
}

// === the check ===

/// One file of the crate.
#[derive(Debug, Clone)]
struct Source {
    /// From the root of the package, with `/`.
    file: String,
    named: Named,
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |file: PathBuf| {
        let name = file.strip_prefix(root).unwrap().to_str().unwrap().replace('\\', "/");
        Source::new(&name, &fs::read_to_string(&file).unwrap())
    };
    files_under(&root.join("src")).into_iter().map(read).collect()
}

fn files_under(folder: &Path) -> BTreeSet<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let files = entries.flat_map(|path| if path.is_dir() { files_under(&path) } else { [path].into() });
    files.filter(|file| file.extension().is_some_and(|extension| extension == "rs")).collect()
}

/// The module that the file is, without `crate`.
fn modules(file: &str) -> Vec<String> {
    let name = file.trim_start_matches("src/").trim_end_matches(".rs");
    name.split('/').map(str::to_owned).collect()
}

fn breach(file: &str, line: usize, path: &str, wall: &str) -> Breach {
    Breach { file: file.to_owned(), line, path: path.to_owned(), wall: wall.to_owned() }
}

/// Calls of rustls's `dangerous()` outside the first private module of `probe` that has one.
fn dangerous(sources: &[Source]) -> Vec<Breach> {
    let private = sources.iter().find(|source| source.file == "src/probe.rs").map(|probe| &probe.named.private_modules);
    let mut owner = None;
    let mut breaches = Vec::new();
    for source in sources {
        let Some((_, line)) = source.named.paths.iter().find(|(path, _)| path.iter().any(|word| word == "dangerous"))
        else {
            continue;
        };
        let module = modules(&source.file).get(1).cloned();
        let hidden = module.as_ref().is_some_and(|module| private.is_some_and(|private| private.contains(module)));
        if source.room() != "probe" || !hidden || owner.get_or_insert_with(|| module.clone()) != &module {
            breaches.push(breach(&source.file, *line, "dangerous", DANGEROUS));
        }
    }
    breaches
}

impl Source {
    fn new(file: &str, text: &str) -> Self {
        let named = read(text, modules(file));
        Self { file: file.to_owned(), named }
    }

    fn room(&self) -> String {
        modules(&self.file).swap_remove(0)
    }

    fn breaches(&self) -> Vec<Breach> {
        let room = self.room();
        let allowed = ROOMS.iter().find(|(name, _)| *name == room).map_or(ANY, |(_, allowed)| *allowed);
        let mut breaches = Vec::new();
        for (path, line) in &self.named.paths {
            let text = path.join("::");
            if path[0] == "crate" && allowed != ANY {
                let other = path.get(1).map_or("", String::as_str);
                if other != room && !allowed.contains(&other) {
                    let wall = format!("of our rooms, {room} may use itself{}", list(allowed));
                    breaches.push(breach(&self.file, *line, &text, &wall));
                }
            }
            let broken = WALLS.iter().filter(|wall| wall.rooms.contains(&&*room));
            let broken = broken.filter(|wall| wall.forbidden.iter().any(|pattern| names(path, pattern)));
            breaches.extend(broken.map(|wall| breach(&self.file, *line, &text, wall.because)));
        }
        breaches
    }
}

/// ` and`, and the words, if there are any.
fn list(words: &[&str]) -> String {
    if words.is_empty() { " only".to_owned() } else { format!(" and {}", words.join(", ")) }
}

/// Whether the path begins with the pattern, or has it inside if that begins with `*::`.
fn names(path: &[String], pattern: &str) -> bool {
    match pattern.strip_prefix("*::") {
        Some(part) => path[0] != "." && path.iter().skip(1).any(|word| word == part),
        None => pattern.split("::").enumerate().all(|(i, word)| path.get(i).is_some_and(|it| it == word)),
    }
}
