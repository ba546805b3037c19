//! Tells which commits of an action that writes several databases (`ATTACH`) a power cut has left in each.
//!
//! Each file has its own commits: one may lose what another has kept, as far as the settings of each promise. A transaction
//! over several files is one only if each has a rollback journal, see <https://www.sqlite.org/lang_attach.html>.

use super::promise::Loss;
use super::recording::CommitPoints;
use crate::db::MAIN;
use crate::explore::KnownContents;

/// The databases of an action.
pub(super) struct SeveralFiles {
    databases: Vec<Database>,
    /// The last commit that may be there.
    most: usize,
}

struct Database {
    name: String,
    /// A digest of its content before the action and after each commit. `None` where it does not exist.
    states: Vec<Option<u64>>,
    /// The digest of its content in the image.
    found: Option<u64>,
}

/// The commits of an image whose files have not the same ones.
pub(super) enum Mixture {
    /// Each transaction is there or not, and each file has those that its settings keep. The numbers of those that are there.
    Whole(Vec<usize>),
    /// This transaction is in one file and not in another.
    Torn(usize),
    /// This file has lost a commit that it should have.
    Lost(String),
}

impl SeveralFiles {
    /// Compares the databases of a content with what each was after each commit. `None` if there is one database, or one holds
    /// something else.
    pub(super) fn of(
        contents: &KnownContents,
        commits: &CommitPoints,
        content: usize,
        most: usize,
    ) -> Option<SeveralFiles> {
        let mut databases: Vec<Database> = Vec::new();
        let all = commits.all.iter().map(|commit| commit.content);
        let digests: Vec<_> = all.chain([content]).map(|number| contents.digests(number)).collect::<Option<_>>()?;
        for (name, _) in digests.iter().copied().flatten() {
            if databases.iter().all(|database| database.name != *name) {
                let digest = |all: &&[(String, u64)]| all.iter().find(|(other, _)| other == name).map(|(_, of)| *of);
                let mut states: Vec<Option<u64>> = digests.iter().map(digest).collect();
                let found = states.pop().flatten();
                databases.push(Database { name: name.clone(), states, found });
            }
        }
        let several = SeveralFiles { databases, most: most.min(commits.commits()) };
        (several.databases.len() > 1 && several.latest().is_some()).then_some(several)
    }

    /// Returns what is there of `returned` commits of which the app knows, of files that may lose as much as that.
    pub(super) fn mixture(&self, returned: usize, loss: Loss) -> Mixture {
        let mut at = self.latest().unwrap_or_default();
        // The latest commit of a file that fits may be too late: an older one may have left the same.
        while let Some((file, commit)) = self.torn(&at) {
            match self.databases[file].before(commit) {
                Some(earlier) => at[file] = earlier,
                None => return Mixture::Torn(commit),
            }
        }
        let least = |database: &Database| match loss {
            Loss::None => returned,
            Loss::Last => (1..=returned).rev().find(|commit| database.changes_in(*commit)).map_or(0, |last| last - 1),
            Loss::SinceCheckpoint | Loss::Anything => 0,
        };
        let mut places = self.databases.iter().zip(&at);
        if let Some((database, _)) = places.find(|(database, at)| **at < least(database)) {
            return Mixture::Lost(database.name.clone());
        }
        let is_there =
            |commit: &usize| self.databases.iter().zip(&at).all(|(of, at)| *at >= *commit || !of.changes_in(*commit));
        Mixture::Whole((1..=self.most).filter(is_there).collect())
    }

    /// Returns the last commit that each database may have.
    fn latest(&self) -> Option<Vec<usize>> {
        self.databases.iter().map(|database| database.before(self.most + 1)).collect()
    }

    /// Returns a database that has a commit which another one that it changes has not.
    fn torn(&self, at: &[usize]) -> Option<(usize, usize)> {
        (1..=self.most).find_map(|commit| {
            let changed = || (0..at.len()).filter(|file| self.databases[*file].changes_in(commit));
            let is_missing = changed().any(|file| at[file] < commit);
            let there = changed().find(|file| at[*file] >= commit);
            there.filter(|_| is_missing).map(|file| (file, commit))
        })
    }
}

impl Database {
    fn changes_in(&self, commit: usize) -> bool {
        self.states[commit] != self.states[commit - 1]
    }

    /// Returns the last commit before that one which left what the image has.
    fn before(&self, commit: usize) -> Option<usize> {
        (0..commit).rev().find(|earlier| self.states[*earlier] == self.found)
    }
}

/// Returns the name of a file whose settings are not those of the profile.
pub(super) fn attached(name: String) -> Option<String> {
    (name != MAIN).then_some(name)
}
