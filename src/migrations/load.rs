//! Builds a history from files, as their runner would: its format, the order of the migrations, their scripts.

use std::path::Path;

use super::atlas;
use super::in_sqlx;
use super::journal;
use super::migration::{Format, Migration, Script};
use super::names::{self, Named, Role};
use super::oddity::{Oddity, OddityKind};
use super::recognize::{self, Recognized, passed_over};
use super::sections::{self, Marker, Problem, Section, Sections};
use super::source::{self, Content, File};
use super::unreadable::{self, Unreadable, of_folder};
use crate::error::{Error, ErrorKind, Result};
use crate::order::Order as _;
use crate::sql;

/// The format of a history; its migrations in order, each version once, never empty; its oddities.
pub(super) type Loaded = (Format, Vec<Migration>, Vec<Oddity>);

/// The files of one migration, as indexes.
#[derive(Clone, Copy)]
struct Step {
    version: Option<i64>,
    up: usize,
    down: Option<usize>,
}

pub(super) fn path(path: &Path) -> Result<Loaded> {
    match source::folder(path)? {
        Some(files) => build(files, Some(path)),
        None if source::is_sql(path) => single(path),
        None => Err(Error::new(
            ErrorKind::History,
            format!("neither a folder of migrations nor a .sql file: {}", path.display()),
        )
        .path(path)),
    }
}

/// Builds a history from a list. Folders above a migration are ignored: they only tell where it was included from.
pub(super) fn list(entries: &[(&str, &str)]) -> Result<Loaded> {
    let with_folder = ["/up.sql", "/down.sql", "/metadata.toml", "/migration.sql", "/snapshot.json", "/_journal.json"];
    let files = entries
        .iter()
        .map(|&(name, content)| {
            let has_folder = with_folder.iter().any(|end| name.ends_with(end));
            let start = name.rmatch_indices('/').nth(usize::from(has_folder)).map_or(0, |(at, _)| at + 1);
            File { name: name[start..].to_owned(), content: Content::Given(content) }
        })
        .collect();
    build(files, None)
}

fn single(path: &Path) -> Result<Loaded> {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let file = File { name, content: Content::OnDisk(path.to_owned()) };
    let named = Named { format: Format::Plain, version: Some(1), down: false };
    let recognized =
        Recognized { format: Format::Plain, scripts: vec![(0, named)], strays: Vec::new(), oddities: Vec::new() };
    Loader::new(None, vec![file], recognized.format).history(recognized)
}

fn build(mut files: Vec<File<'_>>, place: Option<&Path>) -> Result<Loaded> {
    // A folder lists its files in any order, which must not decide what is reported first.
    files.order_by(|a, b| a.name.cmp(&b.name));
    let recognized = recognize::recognize(&files, place)?;
    Loader::new(place, files, recognized.format).history(recognized)
}

struct Loader<'a> {
    /// The folder. `None` for a list or a single file.
    place: Option<&'a Path>,
    format: Format,
    files: Vec<File<'a>>,
    /// The text of each script that was read.
    texts: Vec<Option<String>>,
    oddities: Vec<Oddity>,
    problems: Vec<Unreadable>,
}

impl<'a> Loader<'a> {
    fn new(place: Option<&'a Path>, files: Vec<File<'a>>, format: Format) -> Self {
        let texts = files.iter().map(|_| None).collect();
        Loader { place, format, files, texts, oddities: Vec::new(), problems: Vec::new() }
    }

    fn history(mut self, recognized: Recognized) -> Result<Loaded> {
        let Recognized { mut scripts, strays, oddities, .. } = recognized;
        self.oddities = oddities;
        self.check_provider()?;
        for &(index, _) in &scripts {
            match self.files[index].read() {
                Ok(text) => self.texts[index] = Some(text),
                Err(error) => self.problems.push(Unreadable::because(&self.files[index], error)),
            }
        }
        if let Some(error) = unreadable::error(self.place, std::mem::take(&mut self.problems)) {
            return Err(error);
        }
        if self.format == Format::Plain {
            self.format = self.by_content(&scripts)?;
            self.choose_by_runner(&mut scripts, &strays)?;
        }
        self.check_programs();
        let steps = match self.files.iter().find(|file| file.name == recognize::JOURNAL) {
            Some(journal) if self.format == Format::Drizzle => self.journaled(&scripts, &journal.read()?)?,
            _ => self.steps(scripts),
        };
        if self.format == Format::RusqliteMigration {
            self.check_consecutive(&steps)?;
        }
        self.report_order(&steps);
        let mut numbers: Vec<i64> = steps.iter().filter_map(|step| step.version).collect();
        numbers.order();
        numbers.dedup();
        let has_numbers = numbers.len() == steps.len();
        let mut migrations = Vec::with_capacity(steps.len());
        for (step, position) in steps.into_iter().zip(1..) {
            let version = step.version.filter(|_| has_numbers).unwrap_or(position);
            let scripts = self.scripts(step)?;
            migrations.extend(scripts.map(|(up, down)| Migration { version, up, down }));
        }
        self.oddities.extend(in_sqlx::own_transactions(self.place, self.format, &migrations));
        match unreadable::error(self.place, self.problems) {
            Some(error) => Err(error),
            None => Ok((self.format, migrations, self.oddities)),
        }
    }

    /// Puts up and down scripts of one version together, in the order of the runner.
    fn steps(&mut self, mut scripts: Vec<(usize, Named)>) -> Vec<Step> {
        let identity = |index: usize| names::identity(self.format, &self.files[index].name);
        scripts.sort_by_cached_key(|&(index, named)| {
            let name = &self.files[index].name;
            (names::order(self.format, name), identity(index), named.down)
        });
        let mut steps: Vec<Step> = Vec::with_capacity(scripts.len());
        let mut problems = Vec::new();
        let mut without_up = Vec::new();
        let mut repeated: Vec<&str> = Vec::new();
        for (index, Named { version, down, .. }) in scripts {
            let twice = |other: usize| {
                let number = version.map_or_else(|| identity(index), |version| version.to_string());
                let what = format!("two migrations have version {number}");
                Unreadable::between(self.place, what, [&self.files[other], &self.files[index]])
            };
            match steps.last_mut().filter(|step| identity(step.up) == identity(index)) {
                // golang-migrate applies nothing, sqlx passes over the file.
                None if down && matches!(self.format, Format::Paired | Format::Flyway) => {
                    without_up.push((self.files[index].name.as_str(), "there is no file that applies it".to_owned()));
                }
                None if down => problems.push(self.down_without_up(version, index)),
                None => steps.push(Step { version, up: index, down: None }),
                // A runner that is written by hand may not mind.
                Some(Step { up: other, .. }) if self.format == Format::Plain => {
                    repeated.extend([*other, index].map(|index| self.files[index].name.as_str()));
                    steps.push(Step { version, up: index, down: None });
                }
                Some(step) if !down => problems.push(twice(step.up)),
                Some(Step { down: Some(other), .. }) => problems.push(twice(*other)),
                Some(step) => step.down = Some(index),
            }
        }
        let oddity = (!without_up.is_empty()).then(|| passed_over(None, &without_up, self.format));
        self.oddities.extend(oddity);
        repeated.dedup();
        if let Some(first) = repeated.first() {
            let oddity = Oddity {
                kind: OddityKind::SameVersion,
                file: (*first).to_owned(),
                what: format!("{} migrations share their versions with others: {first}", repeated.len()),
                evidence: repeated.join("\n"),
                fix: "give a new migration a version of its own\n\
                      if they are shipped, say so: .skip(\"history_is_linear\", \"why\")"
                    .to_owned(),
            };
            self.oddities.push(oddity);
        }
        self.problems.append(&mut problems);
        steps
    }

    /// Returns the steps of drizzle's journal, and reports the files that it does not name.
    fn journaled(&mut self, scripts: &[(usize, Named)], journal: &str) -> Result<Vec<Step>> {
        let mut steps = Vec::new();
        let entries = journal::entries(journal);
        for (tag, _) in &entries {
            let file = format!("{tag}.sql");
            let Some(index) = self.files.iter().position(|other| other.name == file) else {
                return Err(of_folder(self.place, format!("drizzle finds no file of a migration: {file}"))
                    .help("restore it, or remove its entry from meta/_journal.json"));
            };
            let version = scripts.iter().find(|(other, _)| *other == index).and_then(|(_, named)| named.version);
            self.texts[index] = Some(self.files[index].read()?);
            steps.push(Step { version, up: index, down: None });
        }
        for pair in entries.windows(2).filter(|pair| pair[1].1 < pair[0].1).take(1) {
            let (before, after) = (&pair[0].0, &pair[1].0);
            self.oddities.push(Oddity {
                kind: OddityKind::Order,
                file: format!("{after}.sql"),
                what: format!("drizzle skips {after} in databases that have {before}, because its `when` is earlier"),
                evidence: format!("{before}  {}\n{after}  {}", pair[0].1, pair[1].1),
                fix: "give it a `when` in meta/_journal.json that is later than that of the migration before it"
                    .to_owned(),
            });
        }
        let unnamed: Vec<(&str, String)> = scripts
            .iter()
            .filter(|(index, _)| !steps.iter().any(|step| step.up == *index))
            .map(|(index, _)| (self.files[*index].name.as_str(), "not in meta/_journal.json".to_owned()))
            .collect();
        if !unnamed.is_empty() {
            self.oddities.push(passed_over(Some("drizzle"), &unnamed, self.format));
        }
        Ok(steps)
    }

    fn text(&self, index: usize) -> &str {
        self.texts[index].as_deref().unwrap_or_default()
    }

    /// Returns the scripts of a migration. `None` if its runner would fail at them.
    fn scripts(&mut self, step: Step) -> Result<Option<(Script, Option<Script>)>> {
        match self.format {
            Format::Goose => Ok(self.divide(step.up, sections::goose)),
            Format::Dbmate => Ok(self.divide(step.up, sections::dbmate)),
            _ => {
                let transaction = self.transaction(step.up)?;
                let script = |index: usize| self.script(index, transaction && self.has_transaction(index));
                Ok(Some((script(step.up), step.down.map(script))))
            }
        }
    }

    fn script(&self, index: usize, transaction: bool) -> Script {
        let file = &self.files[index];
        let sql = without_mark(self.text(index)).to_owned();
        let path = file.path().map(Path::to_owned);
        Script { file: file.name.clone(), path, sql, first_line: 1, transaction, recorded: None }
    }

    /// Returns true if the runner puts a transaction around a file with this text.
    fn has_transaction(&self, index: usize) -> bool {
        let text = self.text(index);
        match self.format {
            // sqlx looks for it only at the first byte, pop in the name, Atlas in the lines at the top.
            Format::Plain | Format::Paired => {
                !text.starts_with("-- no-transaction")
                    && !self.files[index].name.contains(".autocommit.")
                    && !atlas::has_no_transaction(text)
            }
            Format::Flyway => !sql::split(text).iter().any(|statement| is_foreign_keys_pragma(statement.text)),
            _ => true,
        }
    }

    /// Returns true if the runner puts transactions around files, as far as this is not decided by their texts.
    fn transaction(&mut self, script: usize) -> Result<bool> {
        let Some((folder, _)) = self.files[script].name.rsplit_once('/') else { return Ok(true) };
        let metadata = format!("{folder}/metadata.toml");
        let beside = self.files.iter().find(|file| file.name == metadata);
        match (self.format, beside) {
            (Format::Prisma, _) => Ok(false),
            (Format::Diesel, Some(file)) => {
                let (transaction, problem) = sections::run_in_transaction(&file.read()?);
                let oddity = problem.map(|problem| self.ignored_option(file, &problem));
                self.oddities.extend(oddity);
                Ok(transaction)
            }
            _ => Ok(true),
        }
    }

    fn ignored_option(&self, file: &File<'_>, problem: &Problem) -> Oddity {
        let place = problem.line.map_or_else(|| file.name.clone(), |line| format!("{}:{line}", file.name));
        Oddity {
            kind: OddityKind::IgnoredOption,
            file: file.name.clone(),
            what: format!("{} ignores an option: {place}", self.format),
            evidence: problem.what.to_owned(),
            fix: problem.help.to_owned(),
        }
    }

    /// Divides a file into its up and down sections.
    fn divide(
        &mut self,
        index: usize,
        divide: fn(&str) -> Result<Sections, Problem>,
    ) -> Option<(Script, Option<Script>)> {
        let file = &self.files[index];
        let text = without_mark(self.text(index));
        let sections = match divide(text) {
            Ok(sections) => sections,
            Err(problem) => {
                let problem = Unreadable::of(file, problem.what, problem.line, Some(problem.help));
                self.problems.push(problem);
                return None;
            }
        };
        let script = |section: Section| Script {
            file: file.name.clone(),
            path: file.path().map(Path::to_owned),
            sql: text[section.range].to_owned(),
            first_line: section.line,
            transaction: section.transaction,
            recorded: None,
        };
        let up = script(sections.up);
        let down = sections.down.map(script);
        let oddity = sections.ignored.map(|problem| self.ignored_option(file, &problem));
        self.oddities.extend(oddity);
        Some((up, down))
    }

    /// Tells goose and dbmate files from plain ones. All files that have markers must have those of one format.
    fn by_content(&self, scripts: &[(usize, Named)]) -> Result<Format> {
        let mut found: Option<(usize, Format)> = None;
        for &(index, _) in scripts {
            let format = match sections::marker(without_mark(self.text(index))) {
                None => continue,
                Some(Marker::Known(format)) => format,
                Some(Marker::Unknown(tool)) => {
                    let file = &self.files[index];
                    return Err(file.error(format!("migration in the format of {tool}: {}", file.shown())).help(
                        "sqlitmus does not support it: apply it with the app's own code, by Template::migrate_with",
                    ));
                }
            };
            match found {
                Some((other, of)) if of != format => {
                    return Err(unreadable::mixed(&self.files, self.place, (other, of), (index, format)));
                }
                Some(_) => {}
                None => found = Some((index, format)),
            }
        }
        Ok(found.map_or(Format::Plain, |(_, format)| format))
    }

    /// Leaves out the files that the runner of a format passes over by their names, and adds those that only it reads.
    fn choose_by_runner(&mut self, scripts: &mut Vec<(usize, Named)>, strays: &[usize]) -> Result<()> {
        if scripts.len() == 1 && self.place.is_none() {
            return Ok(());
        }
        if let Some(listed) = atlas::listed(&self.files)? {
            let names = scripts.iter().map(|(index, _)| self.files[*index].name.as_str());
            let unlisted: Vec<(&str, String)> = names
                .filter(|name| !listed.iter().any(|listed| listed == name))
                .map(|name| (name, format!("not in {}; run here, and Atlas runs nothing until it is", atlas::SUM)))
                .collect();
            let oddity = (!unlisted.is_empty()).then(|| passed_over(Some("Atlas"), &unlisted, self.format));
            self.oddities.extend(oddity);
            return Ok(());
        }
        let name = |index: usize| self.files[index].name.as_str();
        let (runner, reason, is_read): (_, _, fn(&str) -> bool) = match self.format {
            Format::Goose => ("goose", "no number above 0 with an underscore behind it", names::is_of_goose),
            Format::Dbmate => {
                for &index in strays {
                    if let Some(named) = names::dbmate(name(index)) {
                        self.texts[index] = Some(self.files[index].read()?);
                        scripts.push((index, named));
                    }
                }
                ("dbmate", "no digit at the start of its name", |name| names::dbmate(name).is_some())
            }
            _ => ("sqlx", "not <VERSION>_<DESCRIPTION>.sql; run here", names::is_of_sqlx),
        };
        let unread: Vec<(&str, String)> = scripts
            .iter()
            .map(|(index, _)| self.files[*index].name.as_str())
            .filter(|name| !is_read(name))
            .map(|name| (name, reason.to_owned()))
            .collect();
        let names: Vec<String> = unread.iter().map(|(name, _)| (*name).to_owned()).collect();
        // A plain folder has its own runner if few of its names are those of sqlx.
        if names.is_empty() || names.len() == scripts.len() || runner == "sqlx" && names.len() * 2 >= scripts.len() {
            return Ok(());
        }
        let oddity = passed_over(Some(runner), &unread, self.format);
        self.oddities.push(oddity);
        if runner != "sqlx" {
            scripts.retain(|(index, _)| !names.contains(&self.files[*index].name));
        }
        Ok(())
    }

    /// Fails if goose, refinery or Flyway would run programs too: the history is incomplete without them.
    fn check_programs(&mut self) {
        let (role, what, help) = match self.format {
            Format::Goose => (
                Role::GoProgram,
                "migration in Go",
                "goose would run it here, and sqlitmus cannot: let goose create the database, by \
                 Template::migrate_path",
            ),
            Format::Refinery => (
                Role::RustProgram,
                "migration in Rust",
                "refinery would run it here, and sqlitmus cannot: let refinery create the database, by \
                 Template::migrate_with",
            ),
            Format::Flyway => (
                Role::JavaProgram,
                "migration in Java",
                "Flyway would run it here, and sqlitmus cannot: let Flyway create the database, by \
                 Template::migrate_path",
            ),
            _ => return,
        };
        let is_program = |file: &&File<'_>| names::role(&file.name) == role && !file.name.ends_with("_test.go");
        let programs = self.files.iter().filter(is_program);
        self.problems.extend(programs.map(|file| Unreadable::of(file, what, None, Some(help))));
    }

    /// Fails if Prisma's migrations are for another database.
    fn check_provider(&self) -> Result<()> {
        let lock = self.files.iter().find(|file| file.name == "migration_lock.toml");
        let Some(file) = lock.filter(|_| self.format == Format::Prisma) else { return Ok(()) };
        let text = file.read()?;
        let provider = text.lines().find_map(|line| line.trim().strip_prefix("provider")?.trim().strip_prefix('='));
        match provider.map(|provider| provider.trim().trim_matches('"')) {
            Some(provider) if provider != "sqlite" => Err(file
                .error(format!("migrations for {provider}: {}", file.shown()))
                .help("SQLite cannot run them: load the folder whose provider is sqlite")),
            _ => Ok(()),
        }
    }

    fn check_consecutive(&self, steps: &[Step]) -> Result<()> {
        for (expected, step) in (1..).zip(steps) {
            if step.version != Some(expected) {
                let name = |step: &Step| self.files[step.up].name.as_str();
                let before = usize::try_from(expected - 2).ok().map(|before| name(&steps[before]));
                let after =
                    before.map_or_else(|| "there is none before".to_owned(), |name| format!("before it comes  {name}"));
                let headline = format!("rusqlite_migration finds no migration {expected}: {}", name(step));
                return Err(of_folder(self.place, headline)
                    .evidence("order", after)
                    .help("number the folders from 1 without a gap"));
            }
        }
        Ok(())
    }

    /// Reports versions whose order as texts is not that of their numbers: diesel and dbmate compare them as texts.
    fn report_order(&mut self, steps: &[Step]) {
        if !matches!(self.format, Format::Diesel | Format::Dbmate) {
            return;
        }
        let names: Vec<&str> = steps.iter().map(|step| self.files[step.up].name.as_str()).collect();
        let shown: Vec<&str> = names.iter().map(|name| names::shown(name)).collect();
        let Some(at) = names.windows(2).position(|pair| names::is_out_of_order(pair[0], pair[1])) else { return };
        let oddity = Oddity {
            kind: OddityKind::Order,
            file: names[at].to_owned(),
            what: format!(
                "{} runs {} before {}, because it compares versions as text",
                self.format,
                shown[at],
                shown[at + 1]
            ),
            evidence: shown[at.saturating_sub(2)..shown.len().min(at + 4)].join("\n"),
            fix: format!(
                "leave shipped versions as they are, and give a new migration a version that comes after {} as text\n\
                 if the order is known, say so: .skip(\"history_is_linear\", \"why\")",
                shown[shown.len() - 1]
            ),
        };
        self.oddities.push(oddity);
    }

    fn down_without_up(&self, version: Option<i64>, index: usize) -> Unreadable {
        let what = match version {
            Some(version) => format!("migration {version} can be undone, but not applied"),
            None => "a migration can be undone, but not applied".to_owned(),
        };
        Unreadable::of(&self.files[index], what, None, Some("add the file that applies it, or remove this one"))
    }
}

/// Returns true for `PRAGMA foreign_keys`, before which Flyway begins no transaction.
fn is_foreign_keys_pragma(sql: &str) -> bool {
    let tokens = sql::tokens(sql);
    matches!(tokens.as_slice(), [pragma, name, ..] if pragma.is("PRAGMA") && name.is("foreign_keys"))
}

const BYTE_ORDER_MARK: char = '\u{feff}';

fn without_mark(text: &str) -> &str {
    text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text)
}
