//! What holds of every text that a peer had a hand in.

use ssl_monitor_operator::probe::{Presented, text::MAX};

/// Characters that show nothing, or make others show as what they are not: controls, format and bidirectional characters,
/// separators, blanks, variation selectors, tags, private use and what is no character.
const HIDDEN: [(u32, u32); 24] = [
    (0x0, 0x1f),
    (0x7f, 0xa0),
    (0xad, 0xad),
    (0x34f, 0x34f),
    (0x61c, 0x61c),
    (0x115f, 0x1160),
    (0x1680, 0x1680),
    (0x17b4, 0x17b5),
    (0x180b, 0x180f),
    (0x2000, 0x200f),
    (0x2028, 0x202f),
    (0x205f, 0x206f),
    (0x2800, 0x2800),
    (0x3000, 0x3000),
    (0x3164, 0x3164),
    (0xe000, 0xf8ff),
    (0xfdd0, 0xfdef),
    (0xfe00, 0xfe0f),
    (0xfeff, 0xfeff),
    (0xffa0, 0xffa0),
    (0xfff0, 0xfffb),
    (0xfffe, 0xffff),
    (0x1d173, 0x1d17a),
    (0xe0000, 0x10_ffff),
];

/// Fail unless everything in the text can be seen.
pub fn assert_visible(text: &str) {
    let is_hidden = |character: &char| {
        let point = u32::from(*character);
        HIDDEN.iter().any(|(first, last)| (*first..=*last).contains(&point))
    };
    assert_eq!(text.chars().find(is_hidden), None, "{text:?}");
}

/// Fail unless the text is fit to leave the engine.
pub fn assert_clean(text: &str) {
    assert_visible(text);
    assert!(text.len() <= MAX, "{} bytes: {text:?}", text.len());
}

/// Fail unless what is said of a chain holds together: texts and lists within their bounds, dates in order, and nothing
/// called valid that cannot be.
pub fn assert_sound(presented: &Presented) {
    assert_eq!(presented.fingerprint.len(), "SHA256:".len() + 32 * 3 - 1, "{}", presented.fingerprint);
    presented.public_key.iter().for_each(|pin| assert_clean(pin));
    for (position, fault) in presented.verdict.faults.iter().enumerate() {
        assert_visible(&fault.detail);
        assert!(fault.detail.len() <= 1024, "{} bytes: {}", fault.detail.len(), fault.detail);
        assert!(!fault.detail.is_empty(), "{:?}", fault.kind);
        let before = position.checked_sub(1).map(|before| presented.verdict.faults[before].kind);
        assert!(before.is_none_or(|before| before < fault.kind), "once each, the worst first: {:?}", presented.verdict);
    }
    for finding in &presented.findings {
        assert_visible(&finding.detail);
        assert!(finding.detail.len() <= 1024, "{} bytes: {}", finding.detail.len(), finding.detail);
    }
    let is_valid = presented.verdict.faults.is_empty();
    assert!(!is_valid || presented.verified_not_after.is_some(), "valid, and nobody knows for how long");
    let Some(leaf) = &presented.leaf else { return assert!(!is_valid, "nobody could read it") };
    let texts = [&leaf.subject, &leaf.issuer, &leaf.subject_dn, &leaf.issuer_dn, &leaf.serial_number];
    texts
        .into_iter()
        .chain([&leaf.key.name, &leaf.signature_algorithm])
        .chain(&leaf.sans)
        .for_each(|text| assert_clean(text));
    assert_eq!(leaf.sans.len(), leaf.san_count.min(32));
    assert!(leaf.not_before <= leaf.not_after || !is_valid, "from {} to {}", leaf.not_before, leaf.not_after);
    assert!(presented.verified_not_after.is_none_or(|end| end <= leaf.not_after));
    assert!(presented.presented_not_after.is_some_and(|end| end <= leaf.not_after));
}
