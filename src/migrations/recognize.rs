//! Recognizes the format of a folder, and which of its files the runner of that format reads.

use std::path::Path;

use super::migration::Format;
use super::names::{self, Named, Role, Stray};
use super::oddity::{Oddity, OddityKind};
use super::source::File;
use super::unreadable;
use crate::error::Result;
use crate::order::{Order as _, SortedSet};

/// The format of a folder by the names of its files, and the files that are migrations.
pub(super) struct Recognized {
    pub(super) format: Format,
    /// The index of each file, and what its name says.
    pub(super) scripts: Vec<(usize, Named)>,
    /// Files that are SQL, and no migration by their names.
    pub(super) strays: Vec<usize>,
    pub(super) oddities: Vec<Oddity>,
}

/// `place` is the folder. `None` for a list.
pub(super) fn recognize(files: &[File<'_>], place: Option<&Path>) -> Result<Recognized> {
    let mut scripts = Vec::with_capacity(files.len());
    let mut strays = Vec::new();
    for (index, file) in files.iter().enumerate() {
        match names::role(&file.name) {
            Role::Script(named) => scripts.push((index, named)),
            Role::Stray(Stray::Ending) | Role::Foreign if place.is_none() && !is_of_drizzle(&file.name) => {
                return Err(unreadable::wrong_ending(file));
            }
            Role::Stray(_) => strays.push(index),
            _ => {}
        }
    }
    let in_versions = |index: &usize| is_meant(&files[*index].name) || names::is_in_version(&files[*index].name);
    if scripts.is_empty() && strays.iter().all(in_versions) {
        let (in_versions, others) = strays.into_iter().partition(|&index| !is_meant(&files[index].name));
        let named = Named { format: Format::Plain, version: None, down: false };
        scripts = Vec::into_iter(in_versions).map(|index| (index, named)).collect();
        strays = others;
    }
    if scripts.is_empty() || is_by_dialect(files, &scripts) {
        return Err(unreadable::nothing(files, place));
    }
    let mut folder = Folder { files, place, scripts, left_out: Vec::new(), oddities: Vec::new() };
    let format = folder.format()?;
    folder.report_unread(format, &strays);
    let Folder { scripts, oddities, .. } = folder;
    Ok(Recognized { format, scripts, strays, oddities })
}

/// Returns true for the files that drizzle writes beside its migrations.
fn is_of_drizzle(name: &str) -> bool {
    name == JOURNAL || name.ends_with("snapshot.json")
}

pub(super) const JOURNAL: &str = "meta/_journal.json";

/// Returns true if each script is in a subfolder for a database, and one of these is SQLite.
fn is_by_dialect(files: &[File<'_>], scripts: &[(usize, Named)]) -> bool {
    let dialect = |&(index, _): &(usize, Named)| {
        let (first, _) = files[index].name.split_once('/')?;
        // In the others, the subfolder is the migration.
        files[index].name.contains("__").then_some(()).and_then(|()| names::is_dialect(first))
    };
    scripts.iter().all(|script| dialect(script).is_some()) && scripts.iter().any(|script| dialect(script) == Some(true))
}

struct Folder<'a> {
    files: &'a [File<'a>],
    place: Option<&'a Path>,
    scripts: Vec<(usize, Named)>,
    /// Migrations of other formats.
    left_out: Vec<usize>,
    oddities: Vec<Oddity>,
}

impl Folder<'_> {
    /// Decides on a format, and leaves out the scripts of other ones.
    fn format(&mut self) -> Result<Format> {
        if self.files.iter().any(|file| file.name == JOURNAL) {
            return Ok(Format::Drizzle);
        }
        let has_ups = self.scripts.iter().any(|(_, named)| !named.down);
        let ups = |family: &[Format]| {
            self.scripts.iter().filter(|(_, named)| named.down != has_ups && family.contains(&named.format)).count()
        };
        let mut counts = FAMILIES.map(|family| (ups(family), family));
        counts.order_by_key(|(count, _)| std::cmp::Reverse(*count));
        let family = counts[0].1;
        if counts[0].0 == counts[1].0 {
            return Err(self.mixed());
        }
        if family.contains(&Format::Prisma) {
            // Prisma does not run a down.sql, but it is where its documentation puts one.
            for (_, named) in &mut self.scripts {
                named.format = if named.format == Format::Diesel && named.down { Format::Prisma } else { named.format };
            }
        }
        self.keep(|named| family.contains(&named.format));
        let has = |format| self.scripts.iter().any(|(_, named)| named.format == format);
        Ok(match family[0] {
            Format::Prisma if self.files.iter().any(|file| file.name.ends_with("/snapshot.json")) => Format::Drizzle,
            Format::Diesel if self.scripts.iter().all(|(index, _)| names::is_in_number(&self.files[*index].name)) => {
                Format::Paired
            }
            Format::Diesel if has(Format::Diesel) => Format::Diesel,
            Format::Diesel => Format::RusqliteMigration,
            Format::Refinery => self.refinery_or_flyway(),
            Format::Plain => self.plain_or_paired(),
            format => format,
        })
    }

    /// Keeps some scripts, and leaves out the others.
    fn keep(&mut self, is_kept: impl Fn(&Named) -> bool) {
        let left_out = &mut self.left_out;
        self.scripts.retain(|(index, named)| {
            let kept = is_kept(named);
            left_out.extend((!kept).then_some(*index));
            kept
        });
    }

    /// Both have names such as `V1__users.sql`.
    fn refinery_or_flyway(&mut self) -> Format {
        let of = |format| self.scripts.iter().filter(move |(_, named)| named.format == format);
        let digits = |index: usize| self.files[index].name[1..].split("__").next();
        let undone = |(index, _): &(usize, Named)| {
            let is_same = |(other, _): &(usize, Named)| other != index && digits(*other) == digits(*index);
            self.files[*index].name.starts_with('U') && self.scripts.iter().any(is_same)
        };
        let is_flyway = self.scripts.iter().any(|(index, _)| names::is_surely_flyway(&self.files[*index].name))
            || self.scripts.iter().any(undone)
            || of(Format::Flyway).count() > of(Format::Refinery).count()
            || self.is_in_java();
        if is_flyway {
            for (index, named) in &mut self.scripts {
                named.down = self.files[*index].name.starts_with('U');
            }
            return Format::Flyway;
        }
        self.keep(|named| named.format == Format::Refinery);
        Format::Refinery
    }

    /// sqlx reads plain and paired files, golang-migrate only paired ones.
    fn plain_or_paired(&mut self) -> Format {
        self.choose_dialect();
        let name = |index: usize| self.files[index].name.as_str();
        let paired = self.scripts.iter().filter(|(_, named)| named.format == Format::Paired && !named.down).count();
        let plain: Vec<usize> =
            self.scripts.iter().filter(|(_, named)| named.format == Format::Plain).map(|(index, _)| *index).collect();
        if plain.len() == self.scripts.len() {
            if plain.iter().any(|&index| names::misspelled_direction(name(index)).is_none()) {
                return Format::Plain;
            }
            // No runner reads these names, so it is a hand-written one, which reads both directions.
            for (index, named) in &mut self.scripts {
                named.down = names::misspelled_direction(&self.files[*index].name) == Some(true);
            }
            return Format::Paired;
        }
        if !plain.is_empty() {
            let number = |index: usize| names::identity(Format::Plain, name(index));
            let clashes = |&index: &usize| {
                self.scripts.iter().any(|(other, _)| *other != index && number(*other) == number(index))
            };
            let is_go = plain.iter().any(clashes) || self.is_in_go();
            let reason =
                if is_go { "not <number>_<name>.up.sql" } else { "not <number>_<name>.up.sql; run here, as sqlx does" };
            if is_go || paired >= plain.len() {
                let files: Vec<_> = plain.iter().map(|&index| (name(index), reason.to_owned())).collect();
                self.oddities.push(passed_over(Some("golang-migrate"), &files, Format::Paired));
            }
            if is_go {
                self.scripts.retain(|(_, named)| named.format == Format::Paired);
            }
        }
        let inexact = self.scripts.iter().map(|(index, _)| *index).filter(|index| !plain.contains(index));
        let inexact: Vec<&str> = inexact.map(name).filter(|name| !names::has_exact_direction(name)).collect();
        if let Some(first) = inexact.first() {
            self.oddities.push(Oddity {
                kind: OddityKind::PassedOver,
                file: (*first).to_owned(),
                what: format!("sqlx does not read the direction of {}", counted(&inexact)),
                evidence: inexact.join("\n"),
                fix: "golang-migrate reads the direction, as it is read here; sqlx runs such a file as one that applies\n\
                      end the names of new migrations with .up.sql and .down.sql"
                    .to_owned(),
            });
        }
        Format::Paired
    }

    /// Leaves out the scripts for other databases, and those for all if there is one for SQLite.
    fn choose_dialect(&mut self) {
        let file = |index: usize| &self.files[index].name;
        let special: Vec<(String, bool)> = self
            .scripts
            .iter()
            .filter(|(index, _)| names::dialect(file(*index)) == Some(true))
            .map(|(index, named)| (names::identity(Format::Plain, file(*index)), named.down))
            .collect();
        let ups = |scripts: &[(usize, Named)]| -> SortedSet<String> {
            let ups = scripts.iter().filter(|(_, named)| !named.down);
            ups.map(|(index, _)| names::identity(Format::Plain, file(*index))).collect()
        };
        let mut gone = ups(&self.scripts);
        self.scripts.retain(|(index, named)| match names::dialect(file(*index)) {
            Some(is_sqlite) => is_sqlite,
            None => !special.contains(&(names::identity(Format::Plain, file(*index)), named.down)),
        });
        // What only other databases have cannot be undone either.
        let left = ups(&self.scripts);
        gone.retain(|up| !left.contains(up));
        self.scripts.retain(|(index, _)| !gone.contains(&names::identity(Format::Plain, file(*index))));
    }

    /// Returns true if the folder belongs to a program in Go, where sqlx cannot be the runner.
    fn is_in_go(&self) -> bool {
        let is_project = |folder: &Path| {
            ["go.mod", "Cargo.toml"].into_iter().find(|file| folder.join(file).is_file()).map(|file| file == "go.mod")
        };
        self.files.iter().any(|file| file.name.ends_with(".go"))
            || self.place.is_some_and(|place| place.ancestors().find_map(is_project) == Some(true))
    }

    /// Returns true if the folder is where Flyway looks by default, or is beside programs in Java or Kotlin.
    fn is_in_java(&self) -> bool {
        let is_resource = |place: &Path| {
            place.ends_with("db/migration") || place.iter().any(|part| part == "resources" || part == "flyway")
        };
        self.files.iter().any(|file| file.name.ends_with(".java") || file.name.ends_with(".kt"))
            || self.place.is_some_and(is_resource)
    }

    /// Reports the files that look like migrations and are not read.
    fn report_unread(&mut self, format: Format, strays: &[usize]) {
        let versions: Vec<Option<i64>> = self.scripts.iter().map(|(_, named)| named.version).collect();
        let mut unread: Vec<usize> = strays.iter().chain(&self.left_out).copied().collect();
        unread.order();
        // drizzle's journal decides on the files beside it.
        let mut files = Vec::new();
        for index in unread.into_iter().filter(|_| format != Format::Drizzle) {
            let name = self.files[index].name.as_str();
            // dbmate reads a number without a separator behind it.
            if is_meant(name) || names::dbmate(name).is_some() && names::role(name) == Role::Stray(Stray::NoVersion) {
                continue;
            }
            let version = match names::role(name) {
                Role::Stray(Stray::Subfolder) => names::version_in_subfolder(name),
                Role::Script(named) if names::parts(name).0.is_some() => named.version,
                Role::Stray(Stray::Ending) => {
                    files.push((name, "its name does not end with .sql".to_owned()));
                    continue;
                }
                Role::Script(named) => {
                    files.push((name, format!("looks like {} ({})", named.format, named.format.example())));
                    continue;
                }
                _ => {
                    files.push((name, "no version at the start of its name".to_owned()));
                    continue;
                }
            };
            if version.is_some() && !versions.contains(&version) {
                files.push((name, "in a subfolder".to_owned()));
            }
        }
        if !files.is_empty() {
            let runner = (format != Format::Plain && format != Format::Paired).then(|| format.to_string());
            self.oddities.push(passed_over(runner.as_deref(), &files, format));
        }
    }

    fn mixed(&self) -> crate::error::Error {
        let first = self.scripts[0];
        let family = |format| FAMILIES.iter().position(|family| family.contains(&format));
        let other = self.scripts.iter().find(|(_, named)| family(named.format) != family(first.1.format));
        let other = other.copied().unwrap_or(first);
        unreadable::mixed(self.files, self.place, (first.0, first.1.format), (other.0, other.1.format))
    }
}

/// Formats whose files can be in one folder.
const FAMILIES: [&[Format]; 4] = [
    &[Format::Plain, Format::Paired],
    &[Format::Refinery, Format::Flyway],
    &[Format::Diesel, Format::RusqliteMigration],
    &[Format::Prisma],
];

/// Returns true for the names of files that are beside migrations on purpose.
fn is_meant(name: &str) -> bool {
    let words =
        ["readme", "seed", "seeds", "schema", "structure", "dump", "test", "tests", "testdata", "fixtures", "sample"];
    let whole = ["down", "undo", "rollback", "revert", "reset", "drop", "init", "pragma", "latest"];
    name.to_lowercase().split('/').any(|part| {
        let stem = part.strip_suffix(".sql").unwrap_or(part);
        whole.contains(&stem) || words.contains(&stem.split(['_', '-', '.']).next().unwrap_or(stem))
    })
}

/// `runner` is the one that passes over the files, each with the reason; all runners if there is none.
pub(super) fn passed_over(runner: Option<&str>, files: &[(&str, String)], format: Format) -> Oddity {
    let names: Vec<&str> = files.iter().map(|(name, _)| *name).collect();
    let lines: Vec<String> = files.iter().map(|(name, reason)| format!("{name}  {reason}")).collect();
    let counted = counted(&names);
    Oddity {
        kind: OddityKind::PassedOver,
        file: names[0].to_owned(),
        what: match (runner, files.len()) {
            (Some(runner), _) => format!("{runner} passes over {counted}"),
            (None, 1) => format!("{counted} is passed over"),
            (None, _) => format!("{} files are passed over: {}", files.len(), names[0]),
        },
        evidence: lines.join("\n"),
        fix: format!(
            "if a file is a migration, add what it does as a new one, named like {}: an old number may never run\n\
             if it is none, move it out of the folder, or say so: .skip(\"history_is_linear\", \"why\")",
            format.example()
        ),
    }
}

fn counted(names: &[&str]) -> String {
    match names {
        [name] => (*name).to_owned(),
        _ => format!("{} files: {}", names.len(), names.first().unwrap_or(&"")),
    }
}
