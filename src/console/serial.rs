//! A serial port of this machine.

use std::path::Path;

use super::wire::Wire;
use crate::config::console::LineSettings;

/// Opens the port and sets its line.
pub(super) fn dial(device: &Path, _line: &LineSettings) -> Result<Wire, String> {
    Err(format!("serial:{} cannot be opened yet", device.display()))
}
