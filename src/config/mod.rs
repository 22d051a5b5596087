//! An operator's files to clusters as meant: `clist/*.yaml`, one cluster a file, and the
//! host's own settings in `clusterd.yaml`. Pure: files come in through [`Files`].
//!
//! ```text
//!   text ─► yaml ─► fields ─► read ──────► Cluster ─┐
//!                        └──► settings ─► Settings ─┼─► across ─► Loaded
//!                                                   └── faults, all of all files
//! ```
//!
//! Reading is strict: an unknown, duplicate or missing key refuses its file. A refused
//! file is not guarded; the others are.

mod access;
mod across;
mod cluster;
pub mod console;
mod fault;
mod fields;
mod hook;
mod metrics;
mod policy;
mod power;
mod program;
mod read;
pub mod route;
mod settings;
mod value;
mod yaml;

use std::collections::BTreeMap;

pub use access::{Access, Right, Whom};
pub use cluster::{
    Cap, Cluster, DataPolicy, HostId, Node, Package, Reach, Segment, Silence, Targets, Witness,
};
pub use console::{Address, ConsoleSpec};
pub use fault::{Fault, Place, Weight, nearest};
pub use hook::{Hook, May, Point};
pub use metrics::Metrics;
pub use policy::accepts;
pub use power::{
    FenceAgent, Ipmi, IpmiInterface, IpmiPrivilege, PowerCommands, PowerLeg, PowerRoad,
};
pub use program::check_against;
pub use read::{DARK_AFTER, FAILURES, PLANNED_GRACE, POWER_WITHIN, SWITCHES};
pub use settings::{
    ConsoleSettings, Gateway, JournalSettings, PingSettings, Rotation, Settings, Transcripts,
};

use across::Claims;
use fields::Report;
use yaml::{NotYaml, Shape, Source, Tree};

/// The folder of the cluster files.
pub const CLIST: &str = "clist";
/// The file of the host's own settings.
pub const SETTINGS: &str = "clusterd.yaml";
/// The folder of the chat scripts.
pub const SCRIPTS: &str = "chat-scripts";
/// No file may be larger: 1 MiB.
pub const LARGEST: usize = 1 << 20;

/// The files of a home directory, all paths from there.
pub trait Files {
    /// The names of the files in a folder.
    ///
    /// # Errors
    /// It cannot be read; why, in a person's words.
    fn list(&self, folder: &str) -> Result<Vec<String>, String>;
    /// The first `limit` bytes of a file; `None` if there is no such file.
    ///
    /// # Errors
    /// It is there and cannot be read; why, in a person's words.
    fn read(&self, path: &str, limit: usize) -> Result<Option<Vec<u8>>, String>;
    /// Whether a regular file is there.
    fn exists(&self, path: &str) -> bool;
}

/// What a home directory says.
#[derive(Clone, Debug, Default)]
pub struct Loaded {
    /// The clusters to guard, by name.
    pub clusters: Vec<Cluster>,
    /// The cluster files that were refused; `faults` says why.
    pub refused: Vec<Refused>,
    /// The host's own settings, with the default for what is missing or faulty.
    pub settings: Settings,
    /// All that is wrong, file by file, from top to bottom.
    pub faults: Vec<Fault>,
    /// The texts that were read, by path, to show faults with.
    pub texts: BTreeMap<String, String>,
}

/// A cluster file that cannot be guarded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Its path from the home directory.
    pub file: String,
    /// The name of the cluster, if it could be read.
    pub name: Option<String>,
}

impl Loaded {
    /// Takes in what was found outside these files, in scripts, devices and programs. A
    /// cluster whose file has an error now is refused.
    pub fn add(&mut self, faults: Vec<Fault>) {
        self.tell(faults);
        let faults = &self.faults;
        let bad = |file: &str| {
            let mut errors = faults.iter().filter(|f| f.weight == Weight::Error);
            errors.any(|f| f.file == file)
        };
        let (refused, clusters) = self.clusters.drain(..).partition(|c| bad(&c.file));
        self.clusters = clusters;
        let refused: Vec<Cluster> = refused;
        self.refused
            .extend(refused.into_iter().map(|cluster| Refused {
                name: Some(cluster.name.to_string()),
                file: cluster.file,
            }));
        self.refused.sort_by(|a, b| a.file.cmp(&b.file));
    }

    /// Takes in what refuses nothing, errors or not.
    pub fn tell(&mut self, faults: Vec<Fault>) {
        self.faults.extend(faults);
        self.faults
            .sort_by(|a, b| (&a.file, a.place).cmp(&(&b.file, b.place)));
    }

    /// An error at a value of a file that was read. `path`: keys, and numbers from 0 for
    /// the items of a list: `nodes ca1 power 0 off`.
    pub fn error_at(&self, file: &str, path: &[&str], message: String, help: &str) -> Fault {
        let parsed = self.texts.get(file).map(|text| Source::read(text));
        let place = parsed
            .and_then(Result::ok)
            .and_then(|(source, tree)| source.place(tree.find(path)?));
        let help = Some(help).filter(|help| !help.is_empty());
        Fault {
            place,
            ..Fault::of_file(file, message, help)
        }
    }

    /// The same, at the key that `path` ends with, not at its value.
    pub fn error_at_key(&self, file: &str, path: &[&str], message: String, help: &str) -> Fault {
        let mut fault = self.error_at(file, path, message, help);
        let parsed = self.texts.get(file).map(|text| Source::read(text));
        if let (Some(Ok((source, tree))), Some((key, map))) = (parsed, path.split_last()) {
            let at = tree.find(map).and_then(|map| map.find_key(key));
            fault.place = at.and_then(|at| source.place(at)).or(fault.place);
        }
        fault
    }

    /// The faults of one file.
    pub fn faults_of(&self, file: &str) -> impl Iterator<Item = &Fault> {
        self.faults.iter().filter(move |fault| fault.file == file)
    }

    /// Whether anything was found that is more than a warning.
    pub fn has_errors(&self) -> bool {
        self.faults.iter().any(|f| f.weight == Weight::Error)
    }

    /// A fault as people read it, with its line.
    pub fn render(&self, fault: &Fault, color: bool) -> String {
        fault.render(self.texts.get(&fault.file).map(String::as_str), color)
    }
}

/// Reads the host's own settings and nothing else: what a command needs that only asks the daemon, however
/// many clusters there are. What is faulty in them is as if it were not there.
pub fn load_settings(files: &dyn Files) -> Settings {
    let mut loaded = Loaded::default();
    host(files, &mut loaded);
    loaded.settings
}

fn host(files: &dyn Files, loaded: &mut Loaded) {
    if let Some((source, tree)) = open(files, SETTINGS, Needed::No, loaded)
        && tree.shape != Shape::Empty
    {
        let mut report = Report::new(SETTINGS, &source);
        loaded.settings = settings::settings(&tree, &mut report);
        if let Some(text) = loaded.texts.get_mut(SETTINGS) {
            report.hidden().iter().for_each(|place| place.blank(text));
        }
        loaded.faults.extend(report.into_faults());
    }
}

/// Reads all files of a home directory.
pub fn load(files: &dyn Files) -> Loaded {
    let mut loaded = Loaded::default();
    host(files, &mut loaded);
    let mut claims = Claims::default();
    let mut read = Vec::new();
    for file in cluster_files(files, &mut loaded) {
        let Some((source, tree)) = open(files, &file, Needed::Yes, &mut loaded) else {
            loaded.refused.push(Refused { file, name: None });
            continue;
        };
        claims.in_file(read.len());
        let mut report = Report::new(&file, &source);
        let cluster = read::cluster(&tree, &file, &mut report, &mut claims);
        if let Some(cluster) = &cluster {
            scripts(cluster, &tree, files, &mut report);
        }
        if let Some(text) = loaded.texts.get_mut(&file) {
            report.hidden().iter().for_each(|place| place.blank(text));
        }
        loaded.faults.extend(report.into_faults());
        read.push((file, source, tree, cluster));
    }
    let sources: Vec<(&str, &Source)> = read
        .iter()
        .map(|(file, source, _, _)| (file.as_str(), source))
        .collect();
    loaded.faults.extend(claims.faults(&sources));
    for (file, _, tree, cluster) in read {
        let bad = loaded.faults_of(&file).any(|f| f.weight == Weight::Error);
        match cluster.filter(|_| !bad) {
            Some(cluster) => loaded.clusters.push(cluster),
            None => loaded.refused.push(Refused {
                file,
                name: tree
                    .find(&["cluster"])
                    .and_then(Tree::text)
                    .map(str::to_owned),
            }),
        }
    }
    loaded.clusters.sort_by(|a, b| a.name.cmp(&b.name));
    loaded.refused.sort_by(|a, b| a.file.cmp(&b.file));
    loaded
        .faults
        .sort_by(|a, b| (&a.file, a.place).cmp(&(&b.file, b.place)));
    loaded
}

/// The paths of all cluster files, in order. Tells what looks like one and is none.
fn cluster_files(files: &dyn Files, loaded: &mut Loaded) -> Vec<String> {
    let names = match files.list(CLIST) {
        Ok(names) => names,
        Err(why) => {
            loaded
                .faults
                .push(Fault::of_file(CLIST, why, Some("one file a cluster")));
            return Vec::new();
        }
    };
    let mut paths = Vec::new();
    for name in names.iter().filter(|name| !name.starts_with('.')) {
        let path = format!("{CLIST}/{}", name.escape_debug());
        if path != format!("{CLIST}/{name}") {
            let why = "a file name with characters that cannot be typed";
            loaded
                .faults
                .push(Fault::of_file(&path, why, Some("give it a plain name")));
        } else if name.ends_with(".yaml") {
            paths.push(path);
        } else if name.ends_with(".yml") {
            let mut fault = Fault::of_file(&path, "not read", Some("name it .yaml"));
            fault.weight = Weight::Warning;
            loaded.faults.push(fault);
        }
    }
    if paths.is_empty() {
        let help = "write a file for each cluster, clist/NAME.yaml; clist/example.yaml.commented \
                    shows all keys";
        loaded
            .faults
            .push(Fault::of_file(CLIST, "no cluster file", Some(help)));
    }
    paths.sort();
    paths
}

/// Whether a file has to be there.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Needed {
    Yes,
    No,
}

/// Reads and parses one file; tells what is wrong with it as a whole.
fn open(
    files: &dyn Files,
    path: &str,
    needed: Needed,
    loaded: &mut Loaded,
) -> Option<(Source, Tree)> {
    let whole = |message: String, help| Fault::of_file(path, message, help);
    let bytes = match files.read(path, LARGEST + 1) {
        Ok(Some(bytes)) => bytes,
        Ok(None) if needed == Needed::No => return None,
        Ok(None) => {
            loaded.faults.push(whole("no such file".to_owned(), None));
            return None;
        }
        Err(why) => {
            loaded.faults.push(whole(why, None));
            return None;
        }
    };
    if bytes.len() > LARGEST {
        let message = "larger than 1 MiB, which no such file needs".to_owned();
        loaded.faults.push(whole(message, None));
        return None;
    }
    let text = match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            loaded.faults.push(not_utf8(
                path,
                error.as_bytes(),
                error.utf8_error().valid_up_to(),
            ));
            return None;
        }
    };
    let parsed = Source::read(&text);
    loaded.texts.insert(path.to_owned(), text);
    match parsed {
        Ok((_, tree)) if tree.shape == Shape::Empty && needed == Needed::Yes => {
            loaded
                .faults
                .push(whole("the file is empty".to_owned(), None));
            None
        }
        Ok(parsed) => Some(parsed),
        Err(NotYaml {
            place,
            message,
            help,
        }) => {
            loaded.faults.push(Fault {
                place,
                ..whole(message, help.as_deref())
            });
            None
        }
    }
}

fn not_utf8(path: &str, bytes: &[u8], valid: usize) -> Fault {
    let before = String::from_utf8_lossy(&bytes[..valid]);
    let last = before.rsplit('\n').next().unwrap_or("");
    Fault {
        place: Some(Place {
            line: before.matches('\n').count() + 1,
            column: last.chars().count() + 1,
            length: 1,
        }),
        ..Fault::of_file(
            path,
            format!("byte {:02x} is not UTF-8", bytes[valid]),
            Some("save the file as UTF-8"),
        )
    }
}

/// Each package's chat script must be there.
fn scripts(cluster: &Cluster, tree: &Tree, files: &dyn Files, report: &mut Report<'_>) {
    for (name, package) in &cluster.packages {
        let path = format!("{SCRIPTS}/{}.chat", package.script);
        if files.exists(&path) {
            continue;
        }
        let at = tree
            .find(&["packages", name.as_str(), "script"])
            .unwrap_or(tree);
        let there: Vec<String> = files.list(SCRIPTS).unwrap_or_default();
        let stems = there.iter().filter_map(|name| name.strip_suffix(".chat"));
        let help = match nearest(&package.script, stems) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "write the file's name without `.chat`".to_owned(),
        };
        report.error(at, format!("there is no chat script {path}"), help);
    }
}
