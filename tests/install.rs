//! What an installation needs of the program itself: a first home, manual pages, completions.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

fn clusterd(arguments: &[&str]) -> (i32, String) {
    let Output {
        status,
        stdout,
        stderr,
    } = Command::new(env!("CARGO_BIN_EXE_clusterd"))
        .args(arguments)
        .env_remove("CLUSTER_HOME")
        .output()
        .unwrap();
    let text = String::from_utf8([stdout, stderr].concat()).unwrap();
    (status.code().unwrap(), text)
}

fn in_home(command: &str, home: &Path) -> (i32, String) {
    clusterd(&[command, "--home", home.to_str().unwrap()])
}

#[test]
fn a_first_home_is_whole_and_its_example_can_be_checked() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("some/where");
    let path = home.to_str().unwrap();
    let (code, said) = clusterd(&["init", path]);
    assert_eq!(code, 0, "{said}");
    let (code, said) = in_home("check", &home);
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("no cluster file"), "{said}");
    fs::copy(
        home.join("clist/example.yaml.commented"),
        home.join("clist/example.yaml"),
    )
    .unwrap();
    let (code, said) = in_home("check", &home);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("1 cluster guarded"), "{said}");
}

#[test]
fn a_second_init_keeps_what_was_changed_and_brings_what_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    clusterd(&["init", path]);
    let script = folder.path().join("chat-scripts/sun-openboot.chat");
    let settings = folder.path().join("clusterd.yaml");
    fs::write(&settings, "keyboard_idle: 2m\n").unwrap();
    fs::remove_file(&script).unwrap();
    let (code, said) = clusterd(&["init", path]);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("KEPT     clusterd.yaml"), "{said}");
    assert!(
        said.contains("written  chat-scripts/sun-openboot.chat"),
        "{said}"
    );
    assert_eq!(fs::read_to_string(settings).unwrap(), "keyboard_idle: 2m\n");
    assert!(script.exists());
}

#[test]
fn every_shipped_script_is_in_a_first_home() {
    let folder = tempfile::tempdir().unwrap();
    clusterd(&["init", folder.path().to_str().unwrap()]);
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for sub in ["chat-scripts", "chat-scripts/lib"] {
        for entry in fs::read_dir(root.join(sub)).unwrap() {
            let entry = entry.unwrap();
            if entry.path().extension().is_some_and(|it| it == "chat") {
                let there = folder.path().join(sub).join(entry.file_name());
                assert!(
                    there.exists(),
                    "src/cli/shipped.rs lacks {}",
                    entry.path().display()
                );
            }
        }
    }
}

#[test]
fn a_home_that_cannot_be_made_is_an_error_with_its_path() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("file"), "").unwrap();
    let path = folder.path().join("file/home");
    let (code, said) = clusterd(&["init", path.to_str().unwrap()]);
    assert_eq!(code, 5, "{said}");
    assert!(said.contains("file/home"), "{said}");
}

#[test]
fn every_command_has_a_manual_page() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("man1");
    let (code, said) = clusterd(&["man", "--dir", dir.to_str().unwrap()]);
    assert_eq!(code, 0, "{said}");
    let page = fs::read_to_string(dir.join("clusterd.1")).unwrap();
    let named: Vec<&str> = page
        .lines()
        .filter_map(|line| line.strip_prefix("clusterd\\-")?.strip_suffix("(1)"))
        .filter(|name| *name != "help")
        .collect();
    assert!(named.contains(&"status"), "{page}");
    for name in named {
        // A hyphen is written so in a page.
        let page = dir.join(format!("clusterd-{}.1", name.replace("\\-", "-")));
        assert!(page.exists(), "{}", page.display());
    }
    assert!(!dir.join("clusterd-help.1").exists());
}

#[test]
fn shells_are_told_the_commands() {
    for shell in ["bash", "zsh", "fish"] {
        let (code, text) = clusterd(&["completion", shell]);
        assert_eq!(code, 0, "{text}");
        assert!(text.contains("transcript"), "{shell}");
    }
    assert_eq!(clusterd(&["completion", "cmd"]).0, 2);
}
