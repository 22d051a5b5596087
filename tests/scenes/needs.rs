//! What the benches of a script must have is read off it.

use clusterd::sim::needs::{power_leg, processors};
use clusterd::sim::{Host, ProcessorKind};

use crate::bench::program;

#[test]
fn only_the_script_that_has_no_other_way_wants_a_power_leg() {
    for (name, wants) in [
        ("sun-openboot", false),
        ("power-leg", true),
        ("sun-alom", false),
        ("sun-ilom", false),
    ] {
        let program = program(&format!("chat-scripts/{name}.chat"), &[]);
        assert_eq!(power_leg(&program), wants, "{name}");
    }
}

#[test]
fn a_script_is_played_behind_the_service_processors_whose_prompt_it_knows() {
    let found = |name: &str| {
        let program = program(&format!("chat-scripts/{name}.chat"), &[]);
        let found = processors(&program).into_iter();
        found.map(|one| (one.kind, one.host)).collect::<Vec<_>>()
    };
    assert_eq!(found("sun-openboot"), []);
    assert_eq!(found("power-leg"), []);
    assert_eq!(
        found("sun-alom"),
        [
            (ProcessorKind::Alom, Host::Sun4u),
            (ProcessorKind::Alom, Host::Sun4v)
        ]
    );
    assert_eq!(found("sun-ilom"), [(ProcessorKind::Ilom, Host::Sun4v)]);
}
