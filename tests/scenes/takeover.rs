//! The primary is lost, and the secondary takes over.

use std::time::Duration;

use crate::bench::*;

#[test]
fn a_panic_moves_the_package_there_and_back() {
    let mut world = Bench::default().alpha_runs();
    let since = world.now();
    panic_node(&mut world, ALPHA);
    serves(&mut world, BETA);
    panic_node(&mut world, BETA);
    serves(&mut world, ALPHA);
    judge(&mut world);
    assert_eq!(boots(&world), ["alpha", "beta", "alpha"]);
    assert_eq!(boot_commands(&world, since), 2);
    println!("{}", world.timeline());
    world.pass(Duration::from_secs(60));
    judge(&mut world);
}
