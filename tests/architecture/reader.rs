//! Reading Rust, as far as the walls need it.

/// What a source names.
#[derive(Debug, Clone, Default)]
pub(crate) struct Named {
    /// Paths and single words, each with its line. A field or method has `.` in front.
    pub(crate) paths: Vec<(Vec<String>, usize)>,
    /// The modules that are declared without `pub`.
    pub(crate) private_modules: Vec<String>,
}

/// A word, `::` or a single character, and its line.
type Token = (String, usize);

/// Everything that the text names, as the file of the module with this path below `crate`.
pub(crate) fn read(text: &str, modules: Vec<String>) -> Named {
    let tokens = tokens(&without_comments_and_literals(text));
    let mut reader = Reader { tokens, at: 0, modules, braces: Vec::new(), named: Named::default() };
    reader.read();
    reader.named
}

/// The text with a blank for every character of comments and literals; lines stay where they are.
fn without_comments_and_literals(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while at < chars.len() {
        let length = blank_length(&chars, at);
        let end = (at + length.max(1)).min(chars.len());
        let kept = |c: &char| if length == 0 || *c == '\n' { *c } else { ' ' };
        out.extend(chars[at..end].iter().map(kept));
        at = end;
    }
    out
}

/// How long the comment or literal is that begins here; 0 when none does.
fn blank_length(chars: &[char], at: usize) -> usize {
    let rest = &chars[at..];
    let in_word = at > 0 && is_word(chars[at - 1]);
    match rest {
        ['/', '/', ..] => rest.iter().position(|c| *c == '\n').unwrap_or(rest.len()),
        ['/', '*', ..] => block_comment_length(rest),
        ['r', '"' | '#', ..] if !in_word || chars[at - 1] == 'b' || chars[at - 1] == 'c' => raw_string_length(rest),
        ['"', ..] => quoted_length(rest, '"'),
        ['\'', '\\', ..] | ['\'', _, '\'', ..] => quoted_length(rest, '\''),
        _ => 0,
    }
}

fn block_comment_length(rest: &[char]) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at + 1 < rest.len() {
        match rest[at..at + 2] {
            ['/', '*'] => (depth, at) = (depth + 1, at + 2),
            ['*', '/'] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
    rest.len()
}

/// Of `r"…"`, `r#"…"#` and so on; 0 for a raw identifier.
fn raw_string_length(rest: &[char]) -> usize {
    let hashes = rest[1..].iter().take_while(|c| **c == '#').count();
    if rest.get(1 + hashes) != Some(&'"') {
        return 0;
    }
    let closing: Vec<char> = std::iter::once('"').chain(std::iter::repeat_n('#', hashes)).collect();
    let inside = &rest[hashes + 2..];
    let length = inside.windows(closing.len()).position(|end| end == closing);
    length.map_or(rest.len(), |length| hashes + 2 + length + closing.len())
}

fn quoted_length(rest: &[char], quote: char) -> usize {
    let mut at = 1;
    while at < rest.len() && rest[at] != quote {
        at += if rest[at] == '\\' { 2 } else { 1 };
    }
    at + 1
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Words, `::`, and single characters, each with its line.
fn tokens(text: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let mut rest = line.trim_start();
        while let Some(first) = rest.chars().next() {
            let word = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
            let length = if rest.starts_with("::") { 2 } else { word.max(first.len_utf8()) };
            tokens.push((rest[..length].to_owned(), index + 1));
            rest = rest[length..].trim_start();
        }
    }
    tokens
}

struct Reader {
    tokens: Vec<Token>,
    at: usize,
    /// The module that is being read; inline modules come on top of the file's own.
    modules: Vec<String>,
    /// For every open brace, whether it opened a module.
    braces: Vec<bool>,
    named: Named,
}

impl Reader {
    fn read(&mut self) {
        while self.at < self.tokens.len() {
            match self.word(0) {
                "use" => {
                    self.at += 1;
                    self.use_tree(&[]);
                }
                "pub" if self.word(1) == "(" => {
                    while !matches!(self.word(0), ")" | "") {
                        self.at += 1;
                    }
                }
                "extern" if self.word(1) == "crate" => self.at += 2,
                "mod" => self.module(),
                "{" => self.open(false),
                "}" => self.close(),
                word if word.starts_with(is_word) => self.path(),
                _ => self.at += 1,
            }
        }
    }

    /// The token so many places ahead; empty at the end.
    fn word(&self, ahead: usize) -> &str {
        self.tokens.get(self.at + ahead).map_or("", |(word, _)| word)
    }

    /// The token so many places back; empty before the beginning.
    fn before(&self, back: usize) -> &str {
        self.at.checked_sub(back).map_or("", |at| &self.tokens[at].0)
    }

    fn open(&mut self, is_module: bool) {
        self.braces.push(is_module);
        self.at += 1;
    }

    fn close(&mut self) {
        if self.braces.pop() == Some(true) {
            self.modules.pop();
        }
        self.at += 1;
    }

    fn module(&mut self) {
        let name = self.word(1).to_owned();
        if !matches!(self.before(1), "pub" | ")") {
            self.named.private_modules.push(name.clone());
        }
        self.at += 2;
        if self.word(0) == "{" {
            self.modules.push(name);
            self.open(true);
        }
    }

    fn path(&mut self) {
        let line = self.tokens[self.at].1;
        let is_member = self.before(1) == "." && self.before(2) != ".";
        let mut path = if is_member { vec![".".to_owned()] } else { Vec::new() };
        path.push(self.word(0).to_owned());
        self.at += 1;
        while self.word(0) == "::" && self.word(1).starts_with(is_word) {
            path.push(self.word(1).to_owned());
            self.at += 2;
        }
        self.note(path, line);
    }

    /// What follows `use`, or a comma or brace inside of it.
    fn use_tree(&mut self, prefix: &[String]) {
        let mut path = prefix.to_vec();
        let line = self.tokens.get(self.at).map_or(0, |(_, line)| *line);
        loop {
            match self.word(0) {
                "::" => self.at += 1,
                "{" => return self.use_group(&path),
                "as" => self.at += 2,
                "," | "}" | ";" | "" => break,
                "self" if !path.is_empty() => self.at += 1,
                word => {
                    path.push(word.to_owned());
                    self.at += 1;
                }
            }
        }
        self.note(path, line);
    }

    fn use_group(&mut self, prefix: &[String]) {
        while !matches!(self.word(0), "}" | "") {
            self.at += 1;
            if self.word(0) != "}" {
                self.use_tree(prefix);
            }
        }
        self.at += 1;
    }

    /// Keep the path, with `crate` in front if it says where it begins.
    fn note(&mut self, path: Vec<String>, line: usize) {
        let supers = path.iter().take_while(|word| *word == "super" || *word == "self");
        let (begin, up) = supers.fold((0, 0), |(all, up), word| (all + 1, up + usize::from(word == "super")));
        let resolved = match path.first().map(String::as_str) {
            None => return,
            Some("ssl_monitor_operator") => [&["crate".to_owned()], &path[1..]].concat(),
            Some("self") if path.len() == 1 => return,
            Some("self" | "super") => {
                let here = &self.modules[..self.modules.len().saturating_sub(up)];
                [&["crate".to_owned()], here, &path[begin..]].concat()
            }
            Some(_) => path,
        };
        self.named.paths.push((resolved, line));
    }
}
