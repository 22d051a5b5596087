//! A node's configuration variables: what `setenv` sets, `printenv` shows and a reset keeps.

use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};

use super::spec::Flavour;

/// How the NVRAM chip fails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum NvramFault {
    /// It does not.
    #[default]
    None,
    /// `setenv` and `printenv` look right, but the next reset brings the old value back.
    LostAtReset,
    /// `setenv` says the new value, `printenv` shows the old one.
    Ignored,
}

/// The variables that the test bed's NVRAM script saves (`nvsave` in `prom.fth`); what else is set
/// there lasts until the next reset.
const SAVED_ON_BED: [&str; 5] = [
    "auto-boot?",
    "boot-device",
    "boot-file",
    "boot-command",
    "diag-switch?",
];

/// Why a variable could not be set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// No such variable, and this firmware makes no new ones.
    Unknown,
    /// The value does not fit the variable.
    BadValue,
}

/// The variables in use, and what the chip will give back after a reset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Nvram {
    flavour: Flavour,
    used: BTreeMap<String, String>,
    chip: BTreeMap<String, String>,
    pub fault: NvramFault,
}

impl Nvram {
    pub fn new(flavour: Flavour, disk_alias: &str) -> Nvram {
        let mut chip = BTreeMap::new();
        let mut default = |name: &str, value: &str| chip.insert(name.to_owned(), value.to_owned());
        default("auto-boot?", "true");
        default("boot-command", "boot");
        default("boot-device", disk_alias);
        default("boot-file", "");
        default("diag-switch?", "false");
        if flavour == Flavour::Sun {
            default("diag-device", "net");
            // On sun4u this is the default (openboot, error reset recovery).
            default("error-reset-recovery", "boot");
            default("local-mac-address?", "true");
            default("security-mode", "none");
        }
        Nvram {
            flavour,
            used: chip.clone(),
            chip,
            fault: NvramFault::None,
        }
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        self.used.get(name).map(String::as_str)
    }

    pub fn is_true(&self, name: &str) -> bool {
        self.get(name) == Some("true")
    }

    /// All variables in alphabetical order.
    pub fn all(&self) -> impl Iterator<Item = (&str, &str)> {
        self.used.iter().map(|(n, v)| (n.as_str(), v.as_str()))
    }

    /// What `setenv NAME VALUE` does to the chip and to the copy in use.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), Refused> {
        let known = self.used.contains_key(name);
        if !known && self.flavour == Flavour::Sun {
            return Err(Refused::Unknown);
        }
        if known && name.ends_with('?') && !matches!(value, "true" | "false") {
            return Err(Refused::BadValue);
        }
        if self.fault == NvramFault::Ignored {
            return Ok(());
        }
        self.used.insert(name.to_owned(), value.to_owned());
        let saved = self.flavour == Flavour::Sun || SAVED_ON_BED.contains(&name);
        if saved && self.fault == NvramFault::None {
            self.chip.insert(name.to_owned(), value.to_owned());
        }
        Ok(())
    }

    /// Writes chip and copy past the firmware, as `bed nvram` does.
    pub fn force(&mut self, name: &str, value: &str) {
        self.chip.insert(name.to_owned(), value.to_owned());
        self.used.insert(name.to_owned(), value.to_owned());
    }

    /// What `set-defaults` does.
    pub fn restore_defaults(&mut self, disk_alias: &str) {
        let fresh = Nvram::new(self.flavour, disk_alias);
        *self = Nvram {
            fault: self.fault,
            ..fresh
        };
    }

    /// Feeds `hasher` with the variables in use and in the chip.
    pub fn tell_apart<H: Hasher>(&self, hasher: &mut H) {
        (&self.used, self.used == self.chip, self.fault).hash(hasher);
        if self.used != self.chip {
            self.chip.hash(hasher);
        }
    }

    /// A reset or power-on: what was not saved is gone.
    pub fn reload(&mut self) {
        self.used.clone_from(&self.chip);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bed_keeps_five_variables_over_a_reset_and_forgets_the_rest() {
        let mut nvram = Nvram::new(Flavour::OpenBios, "disk");
        assert_eq!(nvram.get("error-reset-recovery"), None);
        nvram.set("error-reset-recovery", "none").unwrap();
        nvram.set("boot-device", "clusterd-none").unwrap();
        nvram.reload();
        assert_eq!(nvram.get("error-reset-recovery"), None);
        assert_eq!(nvram.get("boot-device"), Some("clusterd-none"));
    }

    #[test]
    fn a_sun_makes_no_new_variables_and_boots_after_an_error_reset() {
        let mut nvram = Nvram::new(Flavour::Sun, "disk");
        assert_eq!(nvram.get("error-reset-recovery"), Some("boot"));
        assert_eq!(nvram.set("nosuch", "x"), Err(Refused::Unknown));
        assert_eq!(nvram.set("auto-boot?", "maybe"), Err(Refused::BadValue));
    }

    #[test]
    fn a_lost_write_shows_only_after_a_reset_and_an_ignored_one_at_once() {
        let mut nvram = Nvram::new(Flavour::Sun, "disk");
        nvram.fault = NvramFault::LostAtReset;
        nvram.set("auto-boot?", "false").unwrap();
        assert_eq!(nvram.get("auto-boot?"), Some("false"));
        nvram.reload();
        assert_eq!(nvram.get("auto-boot?"), Some("true"));
        nvram.fault = NvramFault::Ignored;
        nvram.set("auto-boot?", "false").unwrap();
        assert_eq!(nvram.get("auto-boot?"), Some("true"));
    }
}
