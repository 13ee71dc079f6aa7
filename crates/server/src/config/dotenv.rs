//! `.env` files: `NAME=value` lines, `export` allowed, `#` comments, single or double quotes.
//!
//! Values are taken as they stand: `$OTHER` is not expanded.

/// Reads the lines of a file; the error names the first line that is none of the above.
pub(super) fn parse(text: &str) -> Result<Vec<(String, String)>, String> {
    let mut pairs = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        match pair(line) {
            Some(pair) => pairs.push(pair),
            None => return Err(format!("line {} is not NAME=value", index + 1)),
        }
    }
    Ok(pairs)
}

fn pair(line: &str) -> Option<(String, String)> {
    let line = line.strip_prefix("export ").unwrap_or(line);
    let (name, rest) = line.split_once('=')?;
    let name = name.trim();
    let is_name = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'.');
    is_name.then(|| value(rest.trim()).map(|value| (name.to_owned(), value))).flatten()
}

fn value(text: &str) -> Option<String> {
    if let Some(rest) = text.strip_prefix('\'') {
        let (inner, after) = rest.split_once('\'')?;
        return is_end(after).then(|| inner.to_owned());
    }
    if let Some(rest) = text.strip_prefix('"') {
        return double_quoted(rest);
    }
    // An unquoted value ends at a comment: a blank and a `#`.
    let end = text.find(" #").or_else(|| text.find("\t#")).unwrap_or(text.len());
    let bare = if text.starts_with('#') { "" } else { &text[..end] };
    Some(bare.trim_end().to_owned())
}

fn double_quoted(rest: &str) -> Option<String> {
    let mut value = String::new();
    let mut chars = rest.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return is_end(&rest[at + 1..]).then_some(value),
            '\\' => match chars.next()?.1 {
                'n' => value.push('\n'),
                'r' => value.push('\r'),
                't' => value.push('\t'),
                other => value.push(other),
            },
            other => value.push(other),
        }
    }
    None
}

fn is_end(after: &str) -> bool {
    let after = after.trim();
    after.is_empty() || after.starts_with('#')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, expected: &str) {
        assert_eq!(parse(line), Ok(vec![("A".to_owned(), expected.to_owned())]), "{line}");
    }

    #[test]
    fn one_line_each() {
        check("A=b", "b");
        check("export A = b ", "b");
        check("A=", "");
        check("A=b # c", "b");
        check("A=b#c", "b#c");
        check("A=# c", "");
        check("A='b # c' # d", "b # c");
        check(r#"A="b \"c\"\n" "#, "b \"c\"\n");
        check(r"A='a\n'", r"a\n");
        check(r#"A={"a":"b, c"}"#, r#"{"a":"b, c"}"#);
        check("A=$HOME=x", "$HOME=x");
    }

    #[test]
    fn comments_and_empty_lines_are_skipped() {
        assert_eq!(parse("# x\n\n  \nA=1\r\nB=2"), Ok(vec![("A".into(), "1".into()), ("B".into(), "2".into())]));
    }

    #[test]
    fn the_first_bad_line_is_named() {
        for text in ["A=1\nnonsense", "\nA='open", "\n=1", "\nA=\"x\" y", "\nA B=1"] {
            assert_eq!(parse(text), Err("line 2 is not NAME=value".into()), "{text:?}");
        }
    }
}
