//! `clusterd check` as an operator meets it: the real binary, a home directory on disk.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output};

use clusterd::config::{self, DataPolicy, Settings, Weight};
use clusterd::home::{Home, inspect};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// A home with the shipped scripts and the example under its own name.
fn home() -> tempfile::TempDir {
    let home = tempfile::tempdir().unwrap();
    copy(
        &Path::new(ROOT).join("chat-scripts"),
        &home.path().join("chat-scripts"),
    );
    fs::create_dir(home.path().join("clist")).unwrap();
    let example = fs::read_to_string(Path::new(ROOT).join("clist/example.yaml.commented"));
    // The example's fence agent is not on every machine: this one is.
    let example = example.unwrap().replace("fence_apc", "bin/fence_apc");
    fs::write(home.path().join("clist/example.yaml"), example).unwrap();
    program(&home.path().join("bin/fence_apc"));
    home
}

fn program(path: &Path) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, "#!/bin/sh\nexit 0\n").unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

fn clusterd(args: &[&str]) -> (Option<i32>, String, String) {
    let Output {
        status,
        stdout,
        stderr,
    } = Command::new(env!("CARGO_BIN_EXE_clusterd"))
        .args(args)
        .env_remove("CLUSTER_HOME")
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code(), text(stdout), text(stderr))
}

fn check(home: &Path, more: &[&str]) -> (Option<i32>, String, String) {
    let home = home.to_str().unwrap();
    clusterd(&[&["check", "--home", home], more].concat())
}

/// Replaces text of the home's cluster file.
fn edit(home: &Path, from: &str, to: &str) {
    edit_file(home, "clist/example.yaml", from, to);
}

#[test]
fn a_good_home_is_good_and_its_policy_is_said_in_words() {
    let home = home();
    let (code, out, err) = check(home.path(), &[]);
    assert_eq!((code, err.as_str()), (Some(0), ""), "{out}");
    assert!(
        out.contains("example: package ca at 192.0.2.10 on alpha, beta"),
        "{out}"
    );
    assert!(
        out.contains(config::accepts(DataPolicy::Integrity)),
        "{out}"
    );
    assert!(
        out.contains("1 cluster guarded, 0 refused; 0 errors, "),
        "{out}"
    );
}

#[test]
fn every_fault_of_every_file_is_listed_and_the_exit_code_is_1() {
    let home = home();
    edit(home.path(), "data_policy:", "data_polcy:");
    edit(home.path(), "reach: ping", "reach: pong");
    fs::write(home.path().join("clist/other.yaml"), "cluster: other\n").unwrap();
    fs::write(home.path().join("clusterd.yaml"), "lgo: {}\n").unwrap();
    let (code, out, _) = check(home.path(), &[]);
    assert_eq!(code, Some(1), "{out}");
    for part in [
        "did you mean `data_policy`?",
        "`pong` is no way to ask an address",
        "--> clist/other.yaml",
        "`nodes` is missing",
        "--> clusterd.yaml:1:1",
        "example: NOT guarded",
        "other: NOT guarded",
    ] {
        assert!(out.contains(part), "{part} is not in\n{out}");
    }
}

#[test]
fn a_missing_power_program_refuses_its_cluster() {
    let home = home();
    edit(
        home.path(),
        "status: [bin/fence_apc",
        "status: [fence-nowhere",
    );
    edit(
        home.path(),
        "on:     [bin/fence_apc",
        "on:     [clist/example.yaml",
    );
    let (code, out, _) = check(home.path(), &[]);
    assert_eq!(code, Some(1), "{out}");
    assert!(
        out.contains("there is no program fence-nowhere in PATH"),
        "{out}"
    );
    assert!(
        out.contains("this user may not execute clist/example.yaml"),
        "{out}"
    );
    assert!(out.contains("  --> clist/example.yaml:16:18\n"), "{out}");
    assert!(
        inspect(&Home::open(home.path()).unwrap())
            .loaded
            .clusters
            .is_empty()
    );
}

#[test]
fn a_missing_program_of_a_console_refuses_its_cluster() {
    let home = home();
    edit(
        home.path(),
        "telnet://ts1:2001",
        "exec:console-nowhere -M ts1 alpha",
    );
    let (code, out, _) = check(home.path(), &[]);
    assert_eq!(code, Some(1), "{out}");
    let missing = "there is no program console-nowhere in PATH";
    assert!(out.contains(missing), "{out}");
}

#[test]
fn a_console_socket_that_is_not_there_yet_and_has_no_break_is_a_warning() {
    let home = home();
    edit(home.path(), "telnet://ts1:2001", "unix:/nowhere/alpha.sock");
    let (code, out, _) = check(home.path(), &[]);
    assert_eq!(code, Some(0), "{out}");
    assert!(
        out.contains("there is no socket /nowhere/alpha.sock now"),
        "{out}"
    );
    assert!(
        out.contains("sends BREAK, and this console carries none"),
        "{out}"
    );
}

#[test]
fn an_escape_that_runs_what_stands_half_typed_is_a_warning() {
    let home = home();
    edit(
        home.path(),
        "telnet://ts1:2001",
        "{ at: \"tcp://ts1:2001\", break: 'type \"\\r~B\"' }",
    );
    let (code, out, _) = check(home.path(), &[]);
    assert_eq!(code, Some(0), "{out}");
    assert!(out.contains("half typed on the console is run"), "{out}");
}

#[test]
fn json_says_the_same() {
    let home = home();
    edit(home.path(), "192.0.2.10", "192.0.2.1000");
    let (code, out, _) = check(home.path(), &["--json"]);
    assert_eq!(code, Some(1));
    let json: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(json["errors"], 1);
    assert_eq!(json["clusters"][0]["guarded"], false);
    assert_eq!(json["faults"][0]["line"], 47);
    assert_eq!(json["faults"][0]["severity"], "error");
}

#[test]
fn a_home_that_is_not_there_and_wrong_usage_have_codes_of_their_own() {
    let (code, _, err) = check(Path::new("/nowhere"), &[]);
    assert_eq!(code, Some(5), "{err}");
    let (code, _, err) = check(Path::new("/nowhere"), &["--jsn"]);
    assert_eq!(code, Some(2), "{err}");
    // Without a word the home is the package's; a host that has one is told what is in it.
    let without_home = Command::new(env!("CARGO_BIN_EXE_clusterd"))
        .arg("check")
        .env_remove("CLUSTER_HOME")
        .output()
        .unwrap();
    if !Path::new("/var/lib/clusterd").exists() {
        let err = String::from_utf8(without_home.stderr).unwrap();
        assert_eq!(without_home.status.code(), Some(5), "{err}");
        assert!(err.contains("/var/lib/clusterd"), "{err}");
    }
}

#[test]
fn a_fifo_among_the_cluster_files_does_not_stop_the_check() {
    let home = home();
    let path = home.path().join("clist/pipe.yaml");
    nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let (code, out, _) = check(home.path(), &[]);
    assert_eq!(code, Some(1));
    assert!(out.contains("not a regular file"), "{out}");
}

#[test]
fn the_shipped_settings_are_the_defaults() {
    let home = home();
    fs::copy(
        Path::new(ROOT).join("clusterd.yaml"),
        home.path().join("clusterd.yaml"),
    )
    .unwrap();
    let loaded = config::load(&Home::open(home.path()).unwrap());
    assert_eq!(loaded.settings, Settings::default());
    assert!(loaded.faults.iter().all(|f| f.weight == Weight::Warning));
}

#[test]
fn the_example_guards_nothing_where_it_stands() {
    let names = Home::open(Path::new(ROOT)).unwrap();
    let loaded = config::load(&names);
    assert!(loaded.clusters.iter().all(|c| c.name.as_str() != "example"));
}

/// Replaces text of a file of the home.
fn edit_file(home: &Path, file: &str, from: &str, to: &str) {
    let path = home.join(file);
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains(from), "{from} is not in {file}");
    fs::write(path, text.replace(from, to)).unwrap();
}

#[test]
fn errors_of_a_chat_script_refuse_its_clusters_and_are_told_once() {
    let home = home();
    let example = fs::read_to_string(home.path().join("clist/example.yaml")).unwrap();
    let second = example
        .replace("cluster: example", "cluster: second")
        .replace(":200", ":300")
        .replace("80b1c2d", "80b1c2e")
        .replace("192.0.2.10", "192.0.2.11");
    fs::write(home.path().join("clist/second.yaml"), second).unwrap();
    edit_file(
        home.path(),
        "chat-scripts/lib/openboot.chat",
        "pattern login ",
        "patern login ",
    );
    let (code, out, _) = check(home.path(), &[]);
    assert_eq!(code, Some(1), "{out}");
    for name in ["example", "second"] {
        assert!(out.contains(&format!("{name}: NOT guarded")), "{out}");
    }
    let told = out.matches("this belongs to nothing").count();
    assert_eq!(told, 1, "{out}");
    let path = home.path().join("chat-scripts/sun-openboot.chat");
    let (code, alone, _) = clusterd(&["script", "check", path.to_str().unwrap()]);
    assert_eq!(code, Some(1), "{alone}");
    assert!(alone.contains("openboot.chat:"), "{alone}");
}

#[test]
fn a_parameter_that_the_script_has_not_is_told_in_the_cluster_file() {
    let home = home();
    edit(home.path(), "ping_misses: 3", "ping_mises: 3");
    let (code, out, _) = check(home.path(), &[]);
    assert_eq!(code, Some(1), "{out}");
    assert!(out.contains("no parameter `ping_mises`"), "{out}");
    assert!(out.contains("did you mean `ping_misses`?"), "{out}");
    assert!(out.contains("--> clist/example.yaml:55:27"), "{out}");
}

#[test]
fn a_platform_that_the_script_does_not_know_is_told() {
    let home = home();
    edit(
        home.path(),
        "platform: openboot            #",
        "platform: openbot  #",
    );
    let (code, out, _) = check(home.path(), &[]);
    assert_eq!(code, Some(1), "{out}");
    assert!(out.contains("knows no platform openbot"), "{out}");
    assert!(out.contains("did you mean `openboot`?"), "{out}");
}

#[test]
fn the_shipped_scripts_are_good_and_compiled_for_each_cluster() {
    let home = home();
    let found = inspect(&Home::open(home.path()).unwrap());
    assert!(!found.has_errors(), "{:?}", found.scripts);
    assert_eq!(found.programs.len(), 1);
}

#[test]
fn a_console_address_without_a_port_is_told_where_it_stands() {
    let home = home();
    edit(home.path(), "telnet://ts1:2001", "telnet://ts1");
    let (code, out, _) = check(home.path(), &[]);
    assert_eq!(code, Some(1), "{out}");
    assert!(out.contains("names no port"), "{out}");
    assert!(out.contains("--> clist/example.yaml:11:14"), "{out}");
}

#[test]
fn the_key_planned_grace_fills_the_scripts_parameter() {
    let home = home();
    edit(home.path(), "planned_grace: 10m", "planned_grace: 77s");
    let found = inspect(&Home::open(home.path()).unwrap());
    assert!(!found.has_errors(), "{:?}", found.loaded.faults);
    let programs = found.programs.values().next().unwrap();
    let program = format!("{:?}", programs.values().next().unwrap());
    assert!(program.contains("After(77s)"));
}

/// All keys of a YAML text, at whatever depth.
fn keys(text: &str) -> Vec<String> {
    fn walk(value: &serde_yaml::Value, keys: &mut Vec<String>) {
        match value {
            serde_yaml::Value::Mapping(map) => {
                for (key, value) in map {
                    keys.extend(key.as_str().map(str::to_owned));
                    walk(value, keys);
                }
            }
            serde_yaml::Value::Sequence(items) => items.iter().for_each(|item| walk(item, keys)),
            _ => {}
        }
    }
    let mut all = Vec::new();
    walk(&serde_yaml::from_str(text).unwrap(), &mut all);
    all
}

#[test]
fn the_manual_explains_every_key_and_its_example_is_good() {
    let read = |path: &str| fs::read_to_string(Path::new(ROOT).join(path)).unwrap();
    let manual = read("docs/cluster-file.md");
    let names = ["alpha", "beta", "ca", "ping_misses"];
    for key in [
        keys(&read("clist/example.yaml.commented")),
        keys(&read("clusterd.yaml")),
    ]
    .concat()
    {
        let explained =
            manual.contains(&format!("`{key}`")) || manual.contains(&format!("{{ {key}"));
        assert!(
            explained || names.contains(&key.as_str()),
            "{key} is not explained"
        );
    }
    let example = manual
        .split("```yaml\n")
        .nth(1)
        .unwrap()
        .split("```")
        .next()
        .unwrap();
    let home = home();
    fs::remove_file(home.path().join("clist/example.yaml")).unwrap();
    fs::write(home.path().join("clist/pki-ca.yaml"), example).unwrap();
    let (code, out, _) = check(home.path(), &[]);
    assert_eq!(code, Some(0), "{out}");
    assert!(!out.contains("warning: "), "{out}");
}

#[test]
fn the_manual_says_of_the_policies_what_check_says() {
    let manual = fs::read_to_string(Path::new(ROOT).join("docs/cluster-file.md")).unwrap();
    let words = |text: &str| -> String {
        let kept = |c: &char| c.is_alphanumeric() || *c == ' ';
        let text = text.replace(['\n', '.', ';', ':'], " ").to_lowercase();
        let text: String = text.chars().filter(kept).collect();
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    for policy in [DataPolicy::Adaptability, DataPolicy::Availability] {
        assert!(
            words(&manual).contains(&words(config::accepts(policy))),
            "{policy}"
        );
    }
}
