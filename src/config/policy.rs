//! What each data policy accepts, in words: for `check`, `status`, alarms and the error of
//! a file that names none (rule 7).

use super::cluster::DataPolicy;

/// What a policy does with a dark node, and what it takes upon itself by that.
pub fn accepts(policy: DataPolicy) -> &'static str {
    match policy {
        DataPolicy::Integrity => {
            "a dark node is never taken for stopped, the service stays down until a power leg \
             or an operator says that it is"
        }
        DataPolicy::Adaptability => {
            "a dark node counts as stopped if a BREAK has worked on its console before and its \
             boot parameters are known to keep it at the prompt; accepted: a frozen node \
             that wakes may write once more to the shared disk before the siege stops it; a node \
             that is alive, but deaf on its console and silent on the network, goes on writing"
        }
        DataPolicy::Availability => {
            "a dark node counts as stopped; accepted: a node that is frozen, alive and deaf, \
             or that boots by itself when its power returns may write to the shared disk \
             beside the new primary"
        }
    }
}
