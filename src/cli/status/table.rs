//! Text in columns, and lines that are not longer than the screen is wide.

/// Rows as columns of equal width, two spaces between; the last column is as long as it is.
pub(in crate::cli) fn columns(rows: &[Vec<String>], indent: usize) -> String {
    let count = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..count).map(width).collect();
    let mut out = String::new();
    for row in rows {
        let mut line = " ".repeat(indent);
        for (column, cell) in row.iter().enumerate() {
            line.push_str(cell);
            let pad = widths[column].saturating_sub(cell.chars().count()) + 2;
            line.push_str(&" ".repeat(pad));
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

/// `label  text`, the text wrapped at `width` and indented under itself.
pub(in crate::cli) fn labelled(label: &str, text: &str, indent: usize, width: usize) -> String {
    const LABEL: usize = 10;
    let hang = indent + LABEL;
    // A long label is its own line's.
    let gap = if label.len() < LABEL { "" } else { " " };
    let mut out = format!("{:indent$}{label:<LABEL$}{gap}", "");
    for (number, line) in wrapped(text, width.saturating_sub(hang).max(20))
        .iter()
        .enumerate()
    {
        if number > 0 {
            out.push_str(&" ".repeat(hang));
        }
        out.push_str(line);
        out.push('\n');
    }
    out
}

/// `text` in lines of at most `width` characters, cut between words where there are any.
pub(in crate::cli) fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split_whitespace() {
        let room = width.saturating_sub(line.chars().count());
        if !line.is_empty() && word.chars().count() >= room {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
        while line.chars().count() > width {
            let rest: String = line.chars().skip(width).collect();
            lines.push(line.chars().take(width).collect());
            line = rest;
        }
    }
    if !line.is_empty() || lines.is_empty() {
        lines.push(line);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stand_under_each_other() {
        let rows = [["NODE", "IS"], ["ca1", "running"]].map(|row| row.map(str::to_owned).to_vec());
        assert_eq!(columns(&rows, 2), "  NODE  IS\n  ca1   running\n");
    }

    #[test]
    fn long_text_is_wrapped_between_words() {
        assert_eq!(wrapped("one two three", 8), ["one two", "three"]);
        assert_eq!(wrapped("abcdefghij", 4), ["abcd", "efgh", "ij"]);
        assert_eq!(wrapped("", 4), [""]);
        let text = labelled("state", "watch: all is well here", 2, 34);
        assert_eq!(text, "  state     watch: all is well\n            here\n");
    }
}
