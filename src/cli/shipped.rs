//! The files that a home begins with. They are part of the program, so that it works from any
//! directory and on a machine that has nothing else of the project.

use std::fs;
use std::io::{self, Write as _};
use std::path::Path;

macro_rules! shipped {
    ($($path:literal),* $(,)?) => {
        [$(($path, include_str!(concat!("../../", $path)))),*]
    };
}

/// A file's path in the home, and its text.
pub(super) type Shipped = (&'static str, &'static str);

/// The chat scripts and their libraries.
pub(super) const SCRIPTS: [Shipped; 10] = shipped![
    "chat-scripts/sun-openboot.chat",
    "chat-scripts/power-leg.chat",
    "chat-scripts/sun-alom.chat",
    "chat-scripts/sun-ilom.chat",
    "chat-scripts/lib/openboot.chat",
    "chat-scripts/lib/openbios.chat",
    "chat-scripts/lib/alom.chat",
    "chat-scripts/lib/ilom.chat",
    "chat-scripts/lib/bmc.chat",
    "chat-scripts/lib/sun4v.chat",
];

/// The host's settings, and a cluster file to copy.
pub(super) const SETTINGS: [Shipped; 2] = shipped!["clusterd.yaml", "clist/example.yaml.commented"];

/// Writes one file of a home, and the folders above it.
///
/// # Errors
/// It cannot be written, or stands there already.
pub(super) fn write(home: &Path, path: &str, text: &str) -> io::Result<()> {
    let path = home.join(path);
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::File::create_new(&path)?.write_all(text.as_bytes())
}
