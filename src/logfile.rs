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

/// The same of bytes: what is no text is written out too.
pub fn visible(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        out.push_str(&harmless(chunk.valid()));
        for byte in chunk.invalid() {
            write!(out, "\\x{byte:02x}").expect("a string takes all");
        }
    }
    out
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

/// A file of lines that is only appended to, and begun anew when it is full. Its calls block as file
/// writes do. After an error the file is opened again with the next write, so that writing goes on
/// when the disk has room again; what an error left half written is taken back.
#[derive(Debug)]
pub struct RotatingFile {
    path: PathBuf,
    max_bytes: u64,
    keep: u32,
    mend: Mend,
    file: Option<File>,
    length: u64,
}

/// How a last line without its end (a crash left it) is ended: keep so many bytes of it, then
/// append the text.
pub type Mend = fn(&[u8]) -> (usize, &'static str);

/// The longest last line that is looked at for mending.
const TORN: u64 = 8 << 10;

/// What was found when the file was made ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// It was open.
    Open,
    /// It was opened, and something stands in it.
    Old,
    /// It was opened or made, and is empty.
    Empty,
}

impl RotatingFile {
    /// Opens or begins the file at `path`. It is renamed to `.1` before it would pass `max_bytes`;
    /// `keep` renamed ones are kept. Its owner alone may read it: consoles show secrets.
    ///
    /// # Errors
    /// As of opening a file for appending.
    pub fn open(path: &Path, max_bytes: u64, keep: u32) -> io::Result<RotatingFile> {
        let mut file = RotatingFile::at(path, max_bytes, keep, |torn| (torn.len(), "\n"));
        file.ready()?;
        Ok(file)
    }

    /// The same, opened when it is first needed, and a torn line ended as `mend` says.
    pub(crate) fn at(path: &Path, max_bytes: u64, keep: u32, mend: Mend) -> RotatingFile {
        RotatingFile {
            path: path.to_owned(),
            max_bytes,
            keep,
            mend,
            file: None,
            length: 0,
        }
    }

    /// Where the file is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes in it, as far as it is open.
    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    /// Appends one line, made [`harmless`].
    ///
    /// # Errors
    /// As of writing and renaming files; the line is then not in the log.
    pub fn write_line(&mut self, line: &str) -> io::Result<()> {
        let mut text = harmless(line).into_owned();
        text.push('\n');
        self.append(text.as_bytes()).map_err(|(_, error)| error)
    }

    /// Appends whole lines. The file is begun anew between lines only.
    ///
    /// # Errors
    /// As of writing and renaming files, with how many of the bytes were written.
    pub(crate) fn append(&mut self, lines: &[u8]) -> Result<(), (usize, io::Error)> {
        let mut written = 0;
        while written < lines.len() {
            self.append_some(&lines[written..])
                .map(|more| written += more)
                .map_err(|error| (written, error))?;
        }
        Ok(())
    }

    fn append_some(&mut self, lines: &[u8]) -> io::Result<usize> {
        self.ready()?;
        if let Some(fits) = self.room_for(lines, 0) {
            self.put(&lines[..fits])?;
            return Ok(fits);
        }
        self.rotate()?;
        Ok(0)
    }

    /// How many bytes of `lines`, whole ones, have room. A line too long for any file has it where
    /// no more than `empty` bytes stand; none means that the file is full.
    pub(crate) fn room_for(&self, lines: &[u8], empty: u64) -> Option<usize> {
        let room = self.max_bytes.saturating_sub(self.length);
        if lines.len() as u64 <= room {
            return Some(lines.len());
        }
        let room = usize::try_from(room).unwrap_or(lines.len());
        let newline = |&byte: &u8| byte == b'\n';
        match lines[..room].iter().rposition(newline) {
            Some(end) => Some(end + 1),
            None if self.length > empty => None,
            None => Some(
                lines
                    .iter()
                    .position(newline)
                    .map_or(lines.len(), |at| at + 1),
            ),
        }
    }

    /// Appends to the file, which is ready, and is long enough for it.
    pub(crate) fn put(&mut self, lines: &[u8]) -> io::Result<()> {
        let mut file = self.file.take().ok_or(io::ErrorKind::NotFound)?;
        if let Err(error) = file.write_all(lines) {
            // If this fails too, the torn line is mended when the file is opened again.
            let _ = file.set_len(self.length);
            return Err(error);
        }
        self.length += lines.len() as u64;
        self.file = Some(file);
        Ok(())
    }

    /// Opens the file if it is not open, or was removed by somebody, and ends a line that was left
    /// without its end.
    pub(crate) fn ready(&mut self) -> io::Result<Found> {
        if let Some(file) = &self.file
            && file.metadata()?.nlink() > 0
        {
            return Ok(Found::Open);
        }
        self.file = None;
        let mut file = self.open_or_make()?;
        self.length = file.metadata()?.len();
        let tail = self.tail(&mut file)?;
        let torn = match tail.iter().rposition(|&byte| byte == b'\n') {
            Some(end) => &tail[end + 1..],
            None => &tail[..],
        };
        if !torn.is_empty() {
            let (whole, end) = (self.mend)(torn);
            self.length -= (torn.len() - whole) as u64;
            file.set_len(self.length)?;
            file.write_all(end.as_bytes())?;
            self.length += end.len() as u64;
        }
        self.file = Some(file);
        Ok(match self.length {
            0 => Found::Empty,
            _ => Found::Old,
        })
    }

    /// Its folder is made too.
    fn open_or_make(&self) -> io::Result<File> {
        let mut options = OpenOptions::new();
        options.read(true).append(true).create(true).mode(0o600);
        match (options.open(&self.path), self.path.parent()) {
            (Err(error), Some(folder)) if error.kind() == io::ErrorKind::NotFound => {
                fs::create_dir_all(folder)?;
                options.open(&self.path)
            }
            (outcome, _) => outcome,
        }
    }

    /// The end of the file, as much as is looked at. A device has none.
    fn tail(&self, file: &mut File) -> io::Result<Vec<u8>> {
        let mut tail = Vec::new();
        if self.length > 0 {
            file.seek(SeekFrom::Start(self.length.saturating_sub(TORN)))?;
            file.take(TORN).read_to_end(&mut tail)?;
        }
        Ok(tail)
    }

    /// The first line of the file, which is ready, without its newline.
    pub(crate) fn first_line(&mut self) -> io::Result<Vec<u8>> {
        let file = self.file.as_mut().ok_or(io::ErrorKind::NotFound)?;
        let mut head = Vec::new();
        file.seek(SeekFrom::Start(0))?;
        file.take(TORN).read_to_end(&mut head)?;
        let end = head.iter().position(|&byte| byte == b'\n');
        head.truncate(end.unwrap_or(head.len()));
        Ok(head)
    }

    /// Renames the file to `.1`; the next [`RotatingFile::ready`] begins a new one.
    pub(crate) fn rotate(&mut self) -> io::Result<()> {
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
