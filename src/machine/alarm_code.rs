//! Codes of the alarms that the machine raises by itself, whatever the script says. What to do about
//! each stands in `docs/safety.md`.

/// A node that was being booted when clusterd was started says nothing.
pub const AWAITED: &str = "awaited";
/// A console is not connected, or has not shown what runs there.
pub const CONSOLE_LOST: &str = "console_lost";
/// The standing guard of a node is not known.
pub const GUARD_UNKNOWN: &str = "guard_unknown";
/// A person's HOLD.
pub const HELD: &str = "held";
/// HOLD: nothing more can be done safely.
pub const HOLD: &str = "hold";
/// The monitoring host doubts itself.
pub const IMPAIRED: &str = "impaired";
/// People work there.
pub const MAINTENANCE: &str = "maintenance";
/// The service is down while people work there.
pub const MAINTENANCE_DOWN: &str = "maintenance_down";
/// A maintenance ends soon.
pub const MAINTENANCE_ENDS: &str = "maintenance_ends";
/// A node is out of service.
pub const OUT_OF_SERVICE: &str = "out_of_service";
/// That ends soon.
pub const OUT_OF_SERVICE_ENDS: &str = "out_of_service_ends";
/// Its time is over, and nobody has said how it is.
pub const OUT_OF_SERVICE_OVER: &str = "out_of_service_over";
/// It shows life.
pub const OUT_OF_SERVICE_WOKE: &str = "out_of_service_woke";
/// A person said that the monitoring host is well.
pub const OVERRULED: &str = "overruled";
/// Somebody types at a console, and the script waits.
pub const PERSON: &str = "person";
/// A system runs on a node that has not the package.
pub const RUNS_BESIDE: &str = "runs_beside";
/// A node that was taken for stopped shows life.
pub const SIEGE_ANSWERED: &str = "siege_answered";
/// The standby failed, and was not fenced since.
pub const UNFENCED_STANDBY: &str = "unfenced_standby";
/// A console shows another machine's Host ID.
pub const WRONG_IDENTITY: &str = "wrong_identity";

/// All of them.
pub const ALL: [&str; 19] = [
    AWAITED,
    CONSOLE_LOST,
    GUARD_UNKNOWN,
    HELD,
    HOLD,
    IMPAIRED,
    MAINTENANCE,
    MAINTENANCE_DOWN,
    MAINTENANCE_ENDS,
    OUT_OF_SERVICE,
    OUT_OF_SERVICE_ENDS,
    OUT_OF_SERVICE_OVER,
    OUT_OF_SERVICE_WOKE,
    OVERRULED,
    PERSON,
    RUNS_BESIDE,
    SIEGE_ANSWERED,
    UNFENCED_STANDBY,
    WRONG_IDENTITY,
];
