//! What the compiler makes of chat scripts: the ops and jumps that the machine runs.

mod script;

use script::compile;

#[test]
fn the_library_compiles_with_a_small_script() {
    let compiled = compile(
        "small.chat",
        r#"
script small
use openboot

start state watch "the primary serves"
    on primary prints panic, trap -> panicked
    urgent on link primary down for 30s alarm warning console_lost "the console of {primary} is lost"
    on ping misses 3 every 2s -> panicked
    every 1m nudge primary "\r" expecting login within 10s else -> panicked

state panicked "stop the primary for good, then boot the secondary"
    alarm critical stopped "primary {primary} stopped: {evidence}"
    fence primary with openboot_reset else -> stuck
    boot secondary with openboot_boot else -> stuck
    -> watch

hold state stuck
    on operator release -> watch
"#,
    );
    for (pc, op) in compiled.program.ops.iter().enumerate() {
        println!("{pc:3} {op:?}");
    }
    for state in &compiled.program.states {
        println!("{state:?}");
    }
}

#[test]
fn the_shipped_scripts_compile() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/chat-scripts");
    let mut count = 0;
    for entry in std::fs::read_dir(folder).expect("the scripts are there") {
        let path = entry.expect("an entry").path();
        if path.is_file() {
            let text = std::fs::read_to_string(&path).expect("a script is text");
            let name = path
                .file_name()
                .expect("a name")
                .to_string_lossy()
                .into_owned();
            let compiled = compile(&name, &text);
            let warnings =
                clusterd::script::diagnostic::render(&compiled.warnings, &compiled.sources, false);
            assert_eq!(warnings, "", "{name}");
            count += 1;
        }
    }
    assert!(count > 0);
}
