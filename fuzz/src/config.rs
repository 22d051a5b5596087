//! An operator's files: any bytes are a cluster that is guarded, or one that is refused with a
//! fault that can be shown.

use clusterd::config::{self, CLIST, Files, Loaded, SETTINGS, Weight};

/// A home directory with a cluster file and settings.
struct Home<'a> {
    cluster: &'a [u8],
    settings: &'a [u8],
}

impl Files for Home<'_> {
    fn list(&self, folder: &str) -> Result<Vec<String>, String> {
        match folder == CLIST {
            true => Ok(vec!["pair.yaml".to_owned()]),
            false => Ok(Vec::new()),
        }
    }

    fn read(&self, path: &str, limit: usize) -> Result<Option<Vec<u8>>, String> {
        let bytes = match path == SETTINGS {
            true => self.settings,
            false => self.cluster,
        };
        Ok(Some(bytes[..bytes.len().min(limit)].to_vec()))
    }

    fn exists(&self, path: &str) -> bool {
        path.starts_with("chat-scripts/")
    }
}

/// A cluster file; behind a line `=== clusterd.yaml`, the settings.
pub fn hold(input: &[u8]) {
    let mark = b"\n=== clusterd.yaml\n";
    let at = input.windows(mark.len()).position(|part| part == mark);
    let (cluster, settings) = match at {
        Some(at) => (&input[..at], &input[at + mark.len()..]),
        None => (input, &b""[..]),
    };
    let home = Home { cluster, settings };
    let loaded = config::load(&home);
    let errors = |loaded: &Loaded| {
        let mut faults = loaded.faults.iter();
        faults.any(|fault| fault.weight == Weight::Error && fault.file != SETTINGS)
    };
    assert_eq!(
        loaded.clusters.len() + loaded.refused.len(),
        1,
        "one file is one cluster"
    );
    assert_eq!(
        loaded.refused.is_empty(),
        !errors(&loaded),
        "refused and faulty are one: {:?}",
        loaded.faults
    );
    for fault in &loaded.faults {
        let text = loaded.render(fault, false);
        assert!(text.contains(".yaml"), "it names no file: {text}");
        let bare = |c: char| c.is_control() && c != '\n';
        assert!(
            !text.contains(bare),
            "control characters reach a terminal: {text:?}"
        );
    }
    let again = config::load(&home);
    assert_eq!(
        loaded.faults, again.faults,
        "read again, it says something else"
    );
}
