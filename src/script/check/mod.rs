//! What a script must not do, one rule or one group of rules a file.

use super::PatternJudge;
use super::compile::Draft;
use super::compile::load::Loaded;
use super::compile::scope::Scope;
use super::diagnostic::{Diagnostic, Sources};

/// Rules that look at one place at a time.
pub fn local(_files: &[Loaded], _scope: &Scope, _draft: &Draft, _judge: &dyn PatternJudge, _faults: &mut Vec<Diagnostic>) {}

/// Rules that follow the flow of a whole script.
pub fn flow(_draft: &Draft, _scope: &Scope, _sources: &Sources, _faults: &mut Vec<Diagnostic>) {}
