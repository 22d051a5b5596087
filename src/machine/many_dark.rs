//! Many clusters dark at once (design rule 8): from three clusters on, when more than half of those
//! that were well go dark within one window, the fault is rather on this side, or in between, than
//! in all of them. The common path is asked first: if all of it answers, it is not this side.
//!
//! Decides only; what is dark and who answers is told. `outlook.rs` asks.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::clock::Moment;
use crate::machine::input::CommonPath;
use crate::mutant::Guard;

/// Clusters that go dark within this go dark at once.
const WINDOW: Duration = Duration::from_secs(60);

/// From so many clusters on there is anything to compare.
const LEAST: usize = 3;

/// What those say who stand between this host and its clusters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Path {
    /// All of them have answered since.
    Answers,
    /// Not all of them, or not yet.
    Not(CommonPath),
}

/// What comes of a look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing unusual.
    Few,
    /// The monitor has reason to doubt itself.
    Many {
        /// So many are dark.
        dark: usize,
        /// Of so many.
        of: usize,
        /// What those say who stand in between.
        path: CommonPath,
    },
    /// So many are dark, and it is not this side.
    NotOurs {
        /// So many are dark.
        dark: usize,
    },
}

impl Verdict {
    /// What the alarm of the whole host says, if there is one.
    pub fn text(self) -> Option<String> {
        match self {
            Verdict::Few => None,
            Verdict::Many { dark, of, .. } => Some(format!(
                "{dark} of {of} clusters went dark at once; every takeover is held until it is known that the fault is not on this side"
            )),
            Verdict::NotOurs { dark } => Some(format!(
                "{dark} clusters are dark that went dark at once; gateway and witnesses answer, so takeovers go on"
            )),
        }
    }
}

/// The watch over all clusters of the host.
#[derive(Clone, Debug, Default)]
pub struct ManyDark {
    gone: Option<Gone>,
    /// They are dark, and the common path answered when they were so.
    not_ours: BTreeSet<String>,
}

#[derive(Clone, Debug)]
struct Gone {
    clusters: BTreeSet<String>,
    of: usize,
    since: Moment,
}

impl ManyDark {
    /// Looks at every cluster: its name, and since when it is dark, if it is. `path` is asked what
    /// the common path has said since a moment.
    pub fn look(
        &mut self,
        now: Moment,
        clusters: &[(&str, Option<Moment>)],
        path: impl Fn(Moment) -> Path,
    ) -> Verdict {
        let dark = |name: &str| {
            clusters
                .iter()
                .any(|(n, since)| *n == name && since.is_some())
        };
        self.not_ours.retain(|name| dark(name));
        let newly = |since: Moment| now.since(since) <= WINDOW || Guard::ManyWindow.gone();
        let ours = |name: &str| !self.not_ours.contains(name) || Guard::ManyAcquitted.gone();
        let fresh = clusters
            .iter()
            .filter(|(name, since)| since.is_some_and(newly) && ours(name));
        let fresh: BTreeSet<String> = fresh.map(|(name, _)| (*name).to_owned()).collect();
        match &mut self.gone {
            Some(gone) => {
                gone.clusters
                    .retain(|name| dark(name) || Guard::ManyBack.gone());
                gone.clusters.extend(fresh);
                if gone.clusters.len() * 2 <= gone.of {
                    self.gone = None;
                }
            }
            None => {
                let was_well =
                    |since: Option<Moment>| since.is_none_or(newly) || Guard::ManyWereWell.gone();
                let were_well = clusters.iter().filter(|(_, since)| was_well(*since));
                let of = were_well.filter(|(name, _)| ours(name)).count();
                let enough = of >= LEAST || Guard::ManyLeast.gone();
                let half = fresh.len() * 2 > of || Guard::ManyHalf.gone();
                if enough && half && !fresh.is_empty() {
                    let clusters = fresh;
                    let since = now;
                    self.gone = Some(Gone {
                        clusters,
                        of,
                        since,
                    });
                }
            }
        }
        self.verdict(path)
    }

    fn verdict(&mut self, path: impl Fn(Moment) -> Path) -> Verdict {
        let Some(gone) = &self.gone else {
            return match self.not_ours.len() {
                0 => Verdict::Few,
                dark => Verdict::NotOurs { dark },
            };
        };
        let dark = gone.clusters.len();
        match path(gone.since) {
            Path::Not(path) => {
                let of = gone.of.max(dark);
                Verdict::Many { dark, of, path }
            }
            Path::Answers => {
                self.not_ours.extend(gone.clusters.iter().cloned());
                self.gone = None;
                let dark = self.not_ours.len();
                Verdict::NotOurs { dark }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SILENT: Path = Path::Not(CommonPath::Silent);
    const NAMES: [&str; 5] = ["a", "b", "c", "d", "e"];

    fn at(seconds: u64) -> Moment {
        Moment::from_millis(seconds * 1000)
    }

    /// The first `names` clusters, dark since these seconds, or not.
    fn clusters(since: &[Option<u64>]) -> Vec<(&'static str, Option<Moment>)> {
        let named = NAMES.iter().zip(since);
        named.map(|(name, since)| (*name, since.map(at))).collect()
    }

    fn look(watch: &mut ManyDark, now: u64, since: &[Option<u64>], path: Path) -> Verdict {
        watch.look(at(now), &clusters(since), |_| path)
    }

    #[test]
    fn more_than_half_at_once_is_a_reason_for_doubt() {
        let mut watch = ManyDark::default();
        let half = [Some(100), Some(130), None, None];
        assert_eq!(look(&mut watch, 140, &half, SILENT), Verdict::Few);
        let most = [Some(100), Some(130), Some(141), None];
        let (dark, of) = (3, 4);
        let path = CommonPath::Silent;
        let many = Verdict::Many { dark, of, path };
        assert_eq!(look(&mut watch, 142, &most, SILENT), many);
        assert_eq!(
            look(&mut watch, 900, &most, SILENT),
            many,
            "for as long as it lasts"
        );
        let back = [Some(100), None, Some(141), None];
        assert_eq!(look(&mut watch, 901, &back, SILENT), Verdict::Few);
        assert_eq!(look(&mut watch, 902, &back, SILENT), Verdict::Few);
    }

    #[test]
    fn one_after_the_other_is_none() {
        let mut watch = ManyDark::default();
        let since = [Some(100), Some(200), Some(300), None, None];
        assert_eq!(look(&mut watch, 310, &since, SILENT), Verdict::Few);
        let since = [Some(100), Some(200), Some(300), Some(400), Some(500)];
        assert_eq!(look(&mut watch, 510, &since, SILENT), Verdict::Few);
    }

    #[test]
    fn two_clusters_are_too_few_to_compare() {
        let mut watch = ManyDark::default();
        let both = [Some(100), Some(100)];
        assert_eq!(look(&mut watch, 110, &both, SILENT), Verdict::Few);
    }

    #[test]
    fn a_common_path_that_answers_acquits_this_side() {
        let mut watch = ManyDark::default();
        let most = [Some(100), Some(100), Some(100), None];
        let asked = Path::Not(CommonPath::Asked);
        assert!(matches!(
            look(&mut watch, 110, &most, asked),
            Verdict::Many { dark: 3, of: 4, .. }
        ));
        let not_ours = Verdict::NotOurs { dark: 3 };
        assert_eq!(look(&mut watch, 111, &most, Path::Answers), not_ours);
        assert_eq!(
            look(&mut watch, 112, &most, SILENT),
            not_ours,
            "and stays so"
        );
        let back = [Some(100), None, None, None];
        assert_eq!(
            look(&mut watch, 200, &back, SILENT),
            Verdict::NotOurs { dark: 1 }
        );
        assert_eq!(look(&mut watch, 300, &[None; 4], SILENT), Verdict::Few);
        assert!(matches!(
            look(&mut watch, 400, &[Some(399); 4], SILENT),
            Verdict::Many { dark: 4, .. }
        ));
    }
}
