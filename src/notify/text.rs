//! Text for a medium: escaped, and as long as it may be.

/// How one character is written in a medium.
pub(super) type Escape = fn(char, &mut String);

/// The text as it is written in the medium, in at most `limit` UTF-16 units (as most vendors count; never fewer than
/// characters). What is cut ends in `…`; nothing is cut within an escape sequence.
pub(super) fn fit(text: &str, limit: usize, escape: Escape) -> String {
    let (mut out, mut units) = (String::new(), 0);
    // Where the text would end if it had to be cut.
    let mut last = 0;
    for character in text.chars() {
        let start = out.len();
        escape(character, &mut out);
        units += out[start..].encode_utf16().count();
        if units > limit {
            out.truncate(last);
            out.push('…');
            return out;
        }
        if units < limit {
            last = out.len();
        }
    }
    out
}

/// As many of the lines as fit, each escaped, joined by line feeds; then how many were left out. The first line is there in any case,
/// cut if need be.
pub(super) fn fit_lines(lines: &[String], limit: usize, escape: Escape) -> String {
    let whole = lines.iter().map(|line| fit(line, limit, escape)).collect::<Vec<_>>().join("\n");
    if length(&whole) <= limit {
        return whole;
    }
    let room = limit.saturating_sub(REST);
    let (mut out, mut units) = (String::new(), 0);
    for (shown, line) in lines.iter().enumerate() {
        let line = fit(line, room.saturating_sub(1), escape);
        units += length(&line) + 1;
        if units > room {
            return out + &format!("… and {} more", lines.len() - shown);
        }
        out += &line;
        out.push('\n');
    }
    out.truncate(out.trim_end().len());
    out
}

/// Room for the line that says how many lines were left out.
const REST: usize = 32;

/// In UTF-16 units.
pub(super) fn length(text: &str) -> usize {
    text.encode_utf16().count()
}

/// As it is.
pub(super) fn plain(character: char, out: &mut String) {
    out.push(character);
}

/// Letters, digits and line feeds of one line: for places that are one line.
pub(super) fn one_line(character: char, out: &mut String) {
    out.push(if character.is_control() { ' ' } else { character });
}

/// HTML of pages and e-mails.
pub(super) fn html(character: char, out: &mut String) {
    match character {
        '&' => out.push_str("&amp;"),
        '<' => out.push_str("&lt;"),
        '>' => out.push_str("&gt;"),
        '"' => out.push_str("&quot;"),
        '\'' => out.push_str("&#39;"),
        other => out.push(other),
    }
}

/// Slack's own markup, in which `<!channel>` wakes everybody: `&`, `<` and `>` are what begins it
/// (<https://docs.slack.dev/messaging/formatting-message-text/#escaping>).
pub(super) fn slack(character: char, out: &mut String) {
    match character {
        '&' => out.push_str("&amp;"),
        '<' => out.push_str("&lt;"),
        '>' => out.push_str("&gt;"),
        other => out.push(other),
    }
}

/// The HTML of Telegram (`&`, `<`, `>` and `"` are its only entities), in which `@name` must not call anybody.
pub(super) fn telegram(character: char, out: &mut String) {
    match character {
        '&' => out.push_str("&amp;"),
        '<' => out.push_str("&lt;"),
        '>' => out.push_str("&gt;"),
        '"' => out.push_str("&quot;"),
        '@' => out.push_str(QUIET_AT),
        other => out.push(other),
    }
}

/// Markdown of which every punctuation character can be escaped; `@everyone` calls nobody.
pub(super) fn markdown(character: char, out: &mut String) {
    match character {
        '@' => out.push_str(QUIET_AT),
        '\\' | '*' | '_' | '~' | '`' | '|' | '>' | '<' | '#' | '+' | '-' | '[' | ']' | '(' | ')' | '!' | ':' | '&' => {
            out.push('\\');
            out.push(character);
        }
        other => out.push(other),
    }
}

/// A mention needs its name right behind the `@`: a zero-width space between them is not seen, and ends it.
const QUIET_AT: &str = "@\u{200b}";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_that_fits_stays_whole_and_other_text_is_cut_between_escapes() {
        for (text, limit, expected) in [
            ("", 0, ""),
            ("abc", 3, "abc"),
            ("abcd", 3, "ab…"),
            ("a&b", 7, "a&amp;b"),
            ("a&b", 6, "a…"),
            ("&&", 5, "…"),
            ("ab😀", 4, "ab😀"),
            ("ab😀c", 4, "ab…"),
        ] {
            assert_eq!(fit(text, limit, html), expected, "{text} in {limit}");
            assert!(length(&fit(text, limit, html)) <= limit, "{text} in {limit}");
        }
    }

    #[test]
    fn lines_that_do_not_fit_are_counted() {
        let lines: Vec<String> = (1..=100).map(|line| format!("<line {line}>")).collect();
        assert_eq!(fit_lines(&lines[..2], 100, html), "&lt;line 1&gt;\n&lt;line 2&gt;");
        let cut = fit_lines(&lines, 100, html);
        assert_eq!(cut, "&lt;line 1&gt;\n&lt;line 2&gt;\n&lt;line 3&gt;\n&lt;line 4&gt;\n… and 96 more");
        assert!(length(&cut) <= 100);
    }

    #[test]
    fn a_first_line_that_does_not_fit_is_cut_and_not_left_out() {
        let long = "<".repeat(100);
        let cut = "&lt;".repeat(16);
        assert_eq!(fit_lines(std::slice::from_ref(&long), 100, html), "&lt;".repeat(24) + "…");
        assert_eq!(fit_lines(&[long, "b".repeat(50)], 100, html), format!("{cut}…\n… and 1 more"));
    }

    #[test]
    fn nothing_of_a_medium_can_be_said_in_it() {
        let evil = "<!channel> <@U1> @everyone [a](http://b) **b** `c` & \"'";
        for (escape, expected) in [
            (slack as Escape, "&lt;!channel&gt; &lt;@U1&gt; @everyone [a](http://b) **b** `c` &amp; \"'"),
            (html, "&lt;!channel&gt; &lt;@U1&gt; @everyone [a](http://b) **b** `c` &amp; &quot;&#39;"),
            (telegram, "&lt;!channel&gt; &lt;@\u{200b}U1&gt; @\u{200b}everyone [a](http://b) **b** `c` &amp; &quot;'"),
            (
                markdown,
                "\\<\\!channel\\> \\<@\u{200b}U1\\> @\u{200b}everyone \\[a\\]\\(http\\://b\\) \\*\\*b\\*\\* \\`c\\` \\& \"'",
            ),
        ] {
            assert_eq!(fit(evil, 1000, escape), expected);
        }
    }
}
