//! Rust text as the rules need it: without comments, without what stands in strings, and
//! without the parts that only tests see. Lines keep their numbers.

/// `text` with comments and the insides of strings and characters made blank.
pub fn bare(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let mut last = ' ';
    while let Some(first) = rest.chars().next() {
        let word_before = last.is_alphanumeric() || last == '_';
        let (length, shown) = token(rest, word_before);
        if shown {
            out.push_str(&rest[..length]);
        } else {
            out.extend(
                rest[..length]
                    .chars()
                    .map(|c| if c == '\n' { '\n' } else { ' ' }),
            );
        }
        last = rest[..length].chars().next_back().unwrap_or(first);
        rest = &rest[length..];
    }
    out
}

/// How long the piece is that `rest` begins with, and whether it is code.
fn token(rest: &str, word_before: bool) -> (usize, bool) {
    let first = rest.chars().next().map_or(1, char::len_utf8);
    if rest.starts_with("//") {
        return (rest.find('\n').unwrap_or(rest.len()), false);
    }
    if rest.starts_with("/*") {
        return (block_comment(rest), false);
    }
    if !word_before {
        let prefix = ["br", "cr", "r", "b", "c", ""]
            .into_iter()
            .find(|prefix| rest.starts_with(prefix) && quoted(&rest[prefix.len()..], prefix));
        if let Some(prefix) = prefix {
            let body = &rest[prefix.len()..];
            let length = match prefix.ends_with('r') {
                true => raw_string(body),
                false => string(body),
            };
            return (prefix.len() + length, false);
        }
        if let Some(length) = character(rest) {
            return (length, false);
        }
    }
    (first, true)
}

fn quoted(body: &str, prefix: &str) -> bool {
    match prefix.ends_with('r') {
        true => body.trim_start_matches('#').starts_with('"'),
        false => body.starts_with('"'),
    }
}

fn block_comment(rest: &str) -> usize {
    let mut depth = 0;
    let mut at = 0;
    while at < rest.len() {
        if rest[at..].starts_with("/*") {
            depth += 1;
            at += 2;
        } else if rest[at..].starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += rest[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    rest.len()
}

fn string(body: &str) -> usize {
    let mut escaped = false;
    for (at, c) in body.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    body.len()
}

fn raw_string(body: &str) -> usize {
    let hashes = body.len() - body.trim_start_matches('#').len();
    let end = format!("\"{}", "#".repeat(hashes));
    let from = hashes + 1;
    body[from..]
        .find(&end)
        .map_or(body.len(), |at| from + at + end.len())
}

/// The length of a character literal; a lifetime is none.
fn character(rest: &str) -> Option<usize> {
    let body = rest.strip_prefix('\'')?;
    let first = body.chars().next()?;
    let end = if first == '\\' {
        2 + body.get(2..)?.find('\'')?
    } else {
        first.len_utf8()
    };
    body.get(end..)?.starts_with('\'').then_some(end + 2)
}

/// `bare` code with every item under `#[cfg(test)]` or `#[test]` made blank.
pub fn without_tests(bare: &str) -> String {
    let mut out = bare.to_owned();
    let mut from = 0;
    while let Some(at) = ["#[cfg(test)]", "#[test]"]
        .iter()
        .filter_map(|mark| out[from..].find(mark))
        .min()
    {
        let start = from + at;
        let end = start + item(&out[start..]);
        let blank: String = out[start..end]
            .chars()
            .map(|c| if c == '\n' { '\n' } else { ' ' })
            .collect();
        out.replace_range(start..end, &blank);
        from = start + blank.len();
    }
    out
}

/// How long the item is that begins with an attribute: to its closing brace or semicolon.
fn item(code: &str) -> usize {
    let mut depth = 0usize;
    for (at, c) in code.char_indices() {
        match c {
            '{' | '(' | '[' => depth += 1,
            '}' | ')' | ']' => {
                depth = depth.saturating_sub(1);
                if depth == 0 && c == '}' {
                    return at + 1;
                }
            }
            ';' if depth == 0 => return at + 1,
            _ => {}
        }
    }
    code.len()
}

/// The functions of `bare` code: name, line of `fn`, number of lines.
pub fn functions(bare: &str) -> Vec<(String, usize, usize)> {
    let mut found = Vec::new();
    for (at, _) in bare.match_indices("fn ") {
        let before = bare[..at].chars().next_back().unwrap_or(' ');
        let name: String = bare[at + 3..]
            .chars()
            .take_while(|c| c.is_alphanumeric() || *c == '_')
            .collect();
        if before.is_alphanumeric() || before == '_' || name.is_empty() {
            continue;
        }
        let code = &bare[at..];
        let end = item(code);
        if code[..end].ends_with('}') {
            let line = bare[..at].matches('\n').count() + 1;
            let lines = code[..end].matches('\n').count() + 1;
            found.push((name, line, lines));
        }
    }
    found
}

/// The first line of `bare` code on which `word` stands as a whole word or path.
pub fn lines_with(code: &str, word: &str) -> Vec<usize> {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    code.lines()
        .enumerate()
        .filter(|(_, line)| {
            line.match_indices(word).any(|(at, _)| {
                let before = line[..at].chars().next_back();
                let after = line[at + word.len()..].chars().next();
                !before.is_some_and(part) && !after.is_some_and(part)
            })
        })
        .map(|(n, _)| n + 1)
        .collect()
}
