//! Any text of a peer: what is shown of it is visible, bounded, and the same when it is shown again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ssl_monitor_operator::probe::text::{MAX, clean, clean_to, cut, escape};
use ssl_monitor_operator_fuzz::seen::{assert_clean, assert_visible};

/// The limits that are in use: of a name in a sentence, of a banner, of a text, and of a message.
const LIMITS: [usize; 4] = [3, 64, MAX, 1024];

fuzz_target!(|text: &str| {
    let escaped = escape(text);
    assert_visible(&escaped);
    assert_eq!(escape(&escaped), escaped, "once escaped, all is visible");
    if text.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
        assert_eq!(escaped, text, "plain text stays as it is");
    }
    assert_eq!(clean(text), cut(escaped.clone()), "both in one");
    assert_clean(&clean(text));
    for limit in LIMITS {
        let cleaned = clean_to(text, limit);
        assert_visible(&cleaned);
        assert!(cleaned.len() <= limit, "{} bytes of {limit}", cleaned.len());
        assert_eq!(clean_to(&cleaned, limit), cleaned, "what is clean stays as it is");
        assert_cut(&escaped, &cleaned, limit);
    }
    assert_cut(text, &cut(text.to_owned()), MAX);
});

/// Whole, or as much as there is room for with an ellipsis after it.
fn assert_cut(whole: &str, shown: &str, limit: usize) {
    if whole.len() <= limit {
        return assert_eq!(shown, whole);
    }
    let kept = shown.strip_suffix('…').expect("what is cut ends in an ellipsis");
    assert!(whole.starts_with(kept));
    let next = whole[kept.len()..].chars().next().map_or(0, char::len_utf8);
    assert!(kept.len() + '…'.len_utf8() <= limit && kept.len() + next + '…'.len_utf8() > limit, "{} bytes", kept.len());
}
