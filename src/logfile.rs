//! Log files with a limit on their size: `NAME`, then `NAME.1` (the last one), `NAME.2`, …; and
//! what makes foreign text harmless to the terminal of whoever reads a log.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// The last second that has four digits in its year.
const END_OF_TIME: Duration = Duration::from_secs(253_402_300_799);

/// `2026-11-21T22:01:02.345Z`: UTC, milliseconds. What lies before 1970 or past 9999 is printed as
/// the nearest end.
pub fn utc_millis(at: SystemTime) -> String {
    let at = at.clamp(SystemTime::UNIX_EPOCH, SystemTime::UNIX_EPOCH + END_OF_TIME);
    humantime::format_rfc3339_millis(at).to_string()
}

/// `text` with every character that could move, colour, reorder or hide what a terminal shows
/// written out: `\n`, `\x1b`, `\u{202e}`. Tabs and letters of all scripts stay.
pub fn harmless(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_harmful) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            c if is_harmful(c) && c.is_ascii() => {
                write!(out, "\\x{:02x}", u32::from(c)).expect("a string takes all");
            }
            c if is_harmful(c) => {
                write!(out, "\\u{{{:x}}}", u32::from(c)).expect("a string takes all");
            }
            c => out.push(c),
        }
    }
    Cow::Owned(out)
}

/// Control characters, and the invisible ones that reorder or hide text (Unicode's format
/// characters, line and paragraph separators, tags).
fn is_harmful(c: char) -> bool {
    (c.is_control() && c != '\t')
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff0}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e0fff}')
}

/// A file that is only appended to, and begun anew when it is full. Its calls block as file writes
/// do. After an error the file is opened again with the next write, so that writing goes on when
/// the disk has room again.
#[derive(Debug)]
pub struct RotatingFile {
    path: PathBuf,
    max_bytes: u64,
    keep: u32,
    file: Option<File>,
    length: u64,
    mid_line: bool,
}

impl RotatingFile {
    /// Opens or begins the file at `path`. It is renamed to `.1` before it would pass `max_bytes`;
    /// `keep` renamed ones are kept. Its owner alone may read it: consoles show secrets.
    ///
    /// # Errors
    /// As of opening a file for appending.
    pub fn open(path: &Path, max_bytes: u64, keep: u32) -> io::Result<RotatingFile> {
        let mut file = RotatingFile {
            path: path.to_owned(),
            max_bytes,
            keep,
            file: None,
            length: 0,
            mid_line: false,
        };
        file.ready()?;
        Ok(file)
    }

    /// Where the file is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Appends one line, made [`harmless`].
    ///
    /// # Errors
    /// As of writing and renaming files; the line is then not in the log.
    pub fn write_line(&mut self, line: &str) -> io::Result<()> {
        let mut text = harmless(line).into_owned();
        text.push('\n');
        self.append(&text)
    }

    /// Appends `text`, harmless already but for its newlines. The file is rotated between lines only.
    pub(crate) fn append(&mut self, text: &str) -> io::Result<()> {
        let outcome = self.try_append(text);
        if outcome.is_err() {
            self.file = None;
        }
        outcome
    }

    fn try_append(&mut self, text: &str) -> io::Result<()> {
        self.ready()?;
        if self.length.saturating_add(text.len() as u64) <= self.max_bytes {
            return self.put(text);
        }
        let end = match text.find('\n') {
            _ if !self.mid_line => 0,
            Some(newline) => newline + 1,
            None => text.len(),
        };
        let (line, rest) = text.split_at(end);
        self.put(line)?;
        if self.length > 0 && !rest.is_empty() {
            self.rotate()?;
            self.ready()?;
        }
        self.put(rest)
    }

    fn put(&mut self, text: &str) -> io::Result<()> {
        if text.is_empty() {
            return Ok(());
        }
        let file = self.file.as_mut().ok_or(io::ErrorKind::NotFound)?;
        file.write_all(text.as_bytes())?;
        self.length += text.len() as u64;
        self.mid_line = !text.ends_with('\n');
        Ok(())
    }

    /// Opens the file if it is not open, or was removed by somebody, and ends a line that was left
    /// without its end.
    fn ready(&mut self) -> io::Result<()> {
        if let Some(file) = &self.file
            && file.metadata()?.nlink() > 0
        {
            return Ok(());
        }
        let mut options = OpenOptions::new();
        options.read(true).append(true).create(true).mode(0o600);
        let mut file = options.open(&self.path)?;
        self.length = file.metadata()?.len();
        self.mid_line = false;
        if self.length > 0 {
            let mut last = [0];
            file.seek(SeekFrom::End(-1))?;
            file.read_exact(&mut last)?;
            if last != *b"\n" {
                file.write_all(b"\n")?;
                self.length += 1;
            }
        }
        self.file = Some(file);
        Ok(())
    }

    fn rotate(&mut self) -> io::Result<()> {
        self.file = None;
        if self.keep == 0 {
            return fs::remove_file(&self.path);
        }
        for number in (1..self.keep).rev() {
            rename(&self.numbered(number), &self.numbered(number + 1))?;
        }
        rename(&self.path, &self.numbered(1))
    }

    fn numbered(&self, number: u32) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push(format!(".{number}"));
        PathBuf::from(name)
    }
}

/// Renames what may not be there.
fn rename(from: &Path, to: &Path) -> io::Result<()> {
    match fs::rename(from, to) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        outcome => outcome,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(dir: &Path, name: &str) -> String {
        fs::read_to_string(dir.join(name)).unwrap_or_default()
    }

    #[test]
    fn times_are_utc_with_milliseconds() {
        let at = SystemTime::UNIX_EPOCH + Duration::from_millis(1_795_298_462_345);
        assert_eq!(utc_millis(at), "2026-11-21T22:01:02.345Z");
        let before = SystemTime::UNIX_EPOCH - Duration::from_secs(1);
        assert_eq!(utc_millis(before), "1970-01-01T00:00:00.000Z");
        let after = SystemTime::UNIX_EPOCH + END_OF_TIME * 2;
        assert_eq!(utc_millis(after), "9999-12-31T23:59:59.000Z");
    }

    #[test]
    fn foreign_text_cannot_reach_the_terminal() {
        assert_eq!(harmless("plain\tJürgen – 東京"), "plain\tJürgen – 東京");
        assert_eq!(
            harmless("a\x1b[2Jb\r\nc\u{9b}d\u{202e}e\x7f"),
            "a\\x1b[2Jb\\r\\nc\\u{9b}d\\u{202e}e\\x7f"
        );
    }

    #[test]
    fn a_full_file_is_renamed_and_the_oldest_goes() {
        let dir = tempfile::tempdir().unwrap();
        let mut log = RotatingFile::open(&dir.path().join("a.log"), 12, 2).unwrap();
        for line in [
            "one",
            "two",
            "three",
            "four",
            "five",
            "six",
            "a line that is too long",
        ] {
            log.write_line(line).unwrap();
        }
        assert_eq!(read(dir.path(), "a.log"), "a line that is too long\n");
        assert_eq!(read(dir.path(), "a.log.1"), "five\nsix\n");
        assert_eq!(read(dir.path(), "a.log.2"), "three\nfour\n");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 3);
    }

    #[test]
    fn a_line_torn_by_a_crash_is_ended_first() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.log");
        fs::write(&path, "tor").unwrap();
        let mut log = RotatingFile::open(&path, 1000, 2).unwrap();
        log.write_line("whole").unwrap();
        assert_eq!(read(dir.path(), "a.log"), "tor\nwhole\n");
    }

    #[test]
    fn a_removed_file_is_begun_anew() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.log");
        let mut log = RotatingFile::open(&path, 1000, 2).unwrap();
        log.write_line("one").unwrap();
        fs::remove_file(&path).unwrap();
        log.write_line("two").unwrap();
        assert_eq!(read(dir.path(), "a.log"), "two\n");
    }

    #[test]
    fn a_full_disk_is_an_error_and_writing_resumes() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.log");
        std::os::unix::fs::symlink("/dev/full", &path).unwrap();
        let mut log = RotatingFile::open(&path, 1000, 2).unwrap();
        let error = log.write_line("lost").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        assert!(log.write_line("lost too").is_err());
        fs::remove_file(&path).unwrap();
        log.write_line("here again").unwrap();
        assert_eq!(read(dir.path(), "a.log"), "here again\n");
    }
}
