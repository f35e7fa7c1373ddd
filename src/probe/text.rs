//! The border for text that came from a peer: made visible, and cut.
//!
//! Certificates and banners may hold escape sequences, newlines, bidirectional overrides, zero-width or tag characters.
//! They would forge log lines and table columns, so they are shown as `\u{…}` and never interpreted.

use std::fmt::Write as _;

/// The most bytes of one text that leave the engine.
pub const MAX: usize = 256;

/// Printable by their category, yet blank: Hangul fillers (U+115F, U+1160, U+3164, U+FFA0) and the empty Braille cell.
const BLANKS: [char; 5] = ['\u{115f}', '\u{1160}', '\u{3164}', '\u{ffa0}', '\u{2800}'];

/// The text with every character that is not plainly visible as `\u{…}` (controls, newlines, format and bidirectional
/// characters, zero-width and tag characters, blanks other than the space).
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    text.chars().for_each(|character| push(&mut escaped, character));
    escaped
}

/// At most [`MAX`] bytes of the text, cut between characters; a cut text ends in `…`.
pub fn cut(text: String) -> String {
    cut_to(text, MAX)
}

/// [`escape`] and [`cut`] in one, without reading more of a long text than is shown.
pub fn clean(text: &str) -> String {
    clean_to(text, MAX)
}

/// [`clean`] with another limit in bytes.
pub fn clean_to(text: &str, limit: usize) -> String {
    let mut cleaned = String::new();
    for character in text.chars() {
        push(&mut cleaned, character);
        if cleaned.len() > limit {
            break;
        }
    }
    cut_to(cleaned, limit)
}

/// At most `limit` bytes of the text, cut between characters; a cut text ends in `…`.
pub fn cut_to(mut text: String, limit: usize) -> String {
    if text.len() > limit {
        text.truncate(text.floor_char_boundary(limit - '…'.len_utf8()));
        text.push('…');
    }
    text
}

fn push(text: &mut String, character: char) {
    if is_visible(character) {
        text.push(character);
    } else {
        let _ = write!(text, "\\u{{{:x}}}", u32::from(character));
    }
}

fn is_visible(character: char) -> bool {
    match character {
        ' '..='~' => true,
        character if BLANKS.contains(&character) => false,
        // The standard library's table: it escapes what is not printable (Cc, Cf, Co, Cn, Zl, Zp, Zs) and combining marks.
        character => character.escape_debug().len() == 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn visible_text_stays_as_it_is() {
        for text in ["", "api.example.com", "O'Neil \"Quoted\" \\ Ltd", "Müller & Söhne", "北京", "مثال", "Ж…–"]
        {
            assert_eq!(escape(text), text);
        }
    }

    #[test]
    fn what_could_deceive_is_shown_as_code_point() {
        for (text, expected) in [
            ("\0", "\\u{0}"),
            ("a\nlevel=error", "a\\u{a}level=error"),
            ("\r\t", "\\u{d}\\u{9}"),
            ("\u{1b}[31m", "\\u{1b}[31m"),
            ("\u{7f}\u{9b}", "\\u{7f}\\u{9b}"),
            ("a\u{202e}b", "a\\u{202e}b"),
            ("\u{2066}\u{2069}\u{200f}\u{61c}", "\\u{2066}\\u{2069}\\u{200f}\\u{61c}"),
            ("a\u{200b}\u{200d}\u{feff}\u{ad}", "a\\u{200b}\\u{200d}\\u{feff}\\u{ad}"),
            ("\u{e0041}\u{e007f}", "\\u{e0041}\\u{e007f}"),
            ("\u{fe0f}\u{e0100}", "\\u{fe0f}\\u{e0100}"),
            ("\u{2028}\u{2029}\u{a0}\u{3000}", "\\u{2028}\\u{2029}\\u{a0}\\u{3000}"),
            ("\u{3164}\u{2800}", "\\u{3164}\\u{2800}"),
            ("\u{e000}\u{fffe}", "\\u{e000}\\u{fffe}"),
        ] {
            assert_eq!(escape(text), expected, "{text:?}");
        }
    }

    #[test]
    fn long_text_is_cut_between_characters() {
        assert_eq!(cut("a".repeat(256)), "a".repeat(256));
        assert_eq!(cut("a".repeat(257)), format!("{}…", "a".repeat(253)));
        assert_eq!(clean(&"ü".repeat(5000)), format!("{}…", "ü".repeat(126)));
        assert_eq!(clean(&"\n".repeat(5000)).len(), 256);
    }
}
