//! Builds a history from files: recognizes the format, orders the migrations and refuses what a runner would.

use std::path::Path;

use super::migration::{Format, Migration, Script};
use super::names::{self, Named, Role, Stray};
use super::sections::{self, Marker, Problem, Section, Sections};
use super::source::{self, Content, File};
use crate::error::{Error, ErrorKind, Result};
use crate::sql;

/// The format of a history, and its migrations: ascending by version, each version once, never empty.
pub(super) type Loaded = (Format, Vec<Migration>);

/// The files of one migration, as indexes.
#[derive(Clone, Copy)]
struct Step {
    version: i64,
    up: usize,
    down: Option<usize>,
}

/// The contents of the files of one migration.
struct Texts {
    up: String,
    down: Option<String>,
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
    let files = entries
        .iter()
        .map(|&(name, content)| {
            let has_folder = ["/up.sql", "/down.sql", "/metadata.toml"].iter().any(|end| name.ends_with(end));
            let start = name.rmatch_indices('/').nth(usize::from(has_folder)).map_or(0, |(at, _)| at + 1);
            File { name: name[start..].to_owned(), content: Content::Given(content) }
        })
        .collect();
    build(files, None)
}

fn single(path: &Path) -> Result<Loaded> {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let file = File { name, content: Content::OnDisk(path.to_owned()) };
    let mut loader = Loader { place: None, format: Format::Plain, files: vec![file] };
    let numbered = [(0, Named { format: Format::Plain, version: 1, down: false })];
    loader.history(&numbered, &[])
}

fn build(mut files: Vec<File<'_>>, place: Option<&Path>) -> Result<Loaded> {
    // A folder lists its files in any order, which must not decide what is reported first.
    files.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    let mut scripts = Vec::with_capacity(files.len());
    let mut metadata = Vec::new();
    let mut strays = Vec::new();
    for (index, file) in files.iter().enumerate() {
        match names::role(&file.name) {
            Role::Script(named) => scripts.push((index, named)),
            Role::Metadata => metadata.push(index),
            Role::Stray(stray) => strays.push((index, stray)),
            Role::Foreign if place.is_none() => strays.push((index, Stray::Ending)),
            Role::GoProgram | Role::Companion | Role::Foreign => {}
        }
    }
    let mut loader = Loader { place, format: Format::Plain, files };
    if let Some(&(index, stray)) = strays.first() {
        return Err(loader.stray(index, stray, scripts.is_empty() && strays.len() == 1));
    }
    let Some((_, first)) = scripts.first() else { return Err(loader.nothing()) };
    loader.format = first.format;
    if let Some((index, other)) = scripts.iter().find(|(_, named)| named.format != first.format) {
        return Err(loader.mixed((scripts[0].0, first.format), (*index, other.format)));
    }
    scripts.sort_by_key(|(_, named)| (named.version, named.down));
    loader.history(&scripts, &metadata)
}

struct Loader<'a> {
    /// The folder. `None` for a list or a single file.
    place: Option<&'a Path>,
    format: Format,
    files: Vec<File<'a>>,
}

impl Loader<'_> {
    /// `scripts` are sorted by version, the up script before the down script.
    fn history(&mut self, scripts: &[(usize, Named)], metadata: &[usize]) -> Result<Loaded> {
        let steps = self.steps(scripts)?;
        if self.format == Format::RusqliteMigration {
            self.check_consecutive(&steps)?;
        }
        let texts = self.read(&steps)?;
        if self.format == Format::Plain {
            self.format = self.by_content(&steps, &texts)?;
        }
        self.check_textual_order(&steps)?;
        let mut migrations = Vec::with_capacity(steps.len());
        for (step, texts) in steps.into_iter().zip(texts) {
            let (up, down) = match self.format {
                Format::Goose => self.divide(step.up, &texts.up, sections::goose)?,
                Format::Dbmate => self.divide(step.up, &texts.up, sections::dbmate)?,
                _ => {
                    let transaction = self.metadata_of(step.up, metadata)?;
                    let down = step.down.zip(texts.down).map(|(down, text)| self.script(down, text, transaction));
                    (self.script(step.up, texts.up, transaction), down)
                }
            };
            migrations.push(Migration { version: step.version, up, down });
        }
        Ok((self.format, migrations))
    }

    /// Puts up and down scripts of one version together.
    fn steps(&self, scripts: &[(usize, Named)]) -> Result<Vec<Step>> {
        let mut steps: Vec<Step> = Vec::with_capacity(scripts.len());
        for &(index, Named { version, down, .. }) in scripts {
            match steps.last_mut().filter(|step| step.version == version) {
                None if down => return Err(self.down_without_up(version, index)),
                None => steps.push(Step { version, up: index, down: None }),
                Some(step) if !down => return Err(self.twice(version, step.up, index)),
                Some(Step { down: Some(other), .. }) => return Err(self.twice(version, *other, index)),
                Some(step) => step.down = Some(index),
            }
        }
        Ok(steps)
    }

    fn read(&self, steps: &[Step]) -> Result<Vec<Texts>> {
        let mut texts = Vec::with_capacity(steps.len());
        for step in steps {
            let up = self.files[step.up].read()?;
            if sql::is_blank(&up) {
                return Err(self.empty(step.up).help("if there is nothing to do, write: SELECT 1;"));
            }
            let down = step.down.map(|down| self.files[down].read()).transpose()?;
            // A down script may be just a comment that says why there is nothing to undo. An empty file was forgotten.
            if let (Some(index), Some("")) = (step.down, down.as_deref().map(|text| text.trim_matches(is_space))) {
                return Err(self.empty(index).help("if there is nothing to undo, write a comment that says why"));
            }
            texts.push(Texts { up, down });
        }
        Ok(texts)
    }

    fn script(&self, index: usize, mut sql: String, transaction: Option<bool>) -> Script {
        let file = &self.files[index];
        let transaction = match self.format {
            // sqlx looks for it only at the first byte.
            Format::Plain | Format::Paired => !sql.starts_with("-- no-transaction"),
            _ => transaction.unwrap_or(true),
        };
        if sql.starts_with(BYTE_ORDER_MARK) {
            sql.drain(..BYTE_ORDER_MARK.len_utf8());
        }
        Script { file: file.name.clone(), path: file.path().map(Path::to_owned), sql, first_line: 1, transaction }
    }

    /// Reads from the `metadata.toml` beside a script if it runs in a transaction.
    fn metadata_of(&self, script: usize, metadata: &[usize]) -> Result<Option<bool>> {
        let Some((folder, _)) = self.files[script].name.rsplit_once('/') else { return Ok(None) };
        let beside = metadata
            .iter()
            .map(|&index| &self.files[index])
            .find(|file| file.name.strip_prefix(folder).is_some_and(|rest| rest == "/metadata.toml"));
        match beside {
            Some(file) if self.format == Format::Diesel => {
                sections::run_in_transaction(&file.read()?).map(Some).map_err(|problem| problem_of(file, &problem))
            }
            _ => Ok(None),
        }
    }

    /// Divides a file into its up and down sections.
    fn divide(
        &self,
        index: usize,
        text: &str,
        divide: fn(&str) -> Result<Sections, Problem>,
    ) -> Result<(Script, Option<Script>)> {
        let file = &self.files[index];
        let text = without_mark(text);
        let sections = divide(text).map_err(|problem| problem_of(file, &problem))?;
        let script = |section: Section| Script {
            file: file.name.clone(),
            path: file.path().map(Path::to_owned),
            sql: text[section.range].to_owned(),
            first_line: section.line,
            transaction: section.transaction,
        };
        let up = script(sections.up);
        if sql::is_blank(&up.sql) {
            return Err(file.error(format!("migration with an empty Up section: {}", file.shown())));
        }
        let down = sections.down.map(script).filter(|down| !down.sql.trim_matches(is_space).is_empty());
        Ok((up, down))
    }

    /// Tells goose and dbmate files from plain ones. All files that have markers must have those of one format.
    fn by_content(&self, steps: &[Step], texts: &[Texts]) -> Result<Format> {
        let mut found: Option<(usize, Format)> = None;
        for (&Step { up: index, .. }, text) in steps.iter().zip(texts) {
            let format = match sections::marker(without_mark(&text.up)) {
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
                Some((other, of)) if of != format => return Err(self.mixed((other, of), (index, format))),
                Some(_) => {}
                None => found = Some((index, format)),
            }
        }
        let format = found.map_or(Format::Plain, |(_, format)| format);
        if format == Format::Goose {
            self.check_go_programs()?;
        }
        Ok(format)
    }

    /// Fails if there are Go programs among the SQL files: goose runs them, and the history is incomplete without them.
    fn check_go_programs(&self) -> Result<()> {
        let is_go = |file: &&File<'_>| names::role(&file.name) == Role::GoProgram;
        let Some(file) = self.files.iter().find(is_go) else { return Ok(()) };
        Err(file.error(format!("migration in Go: {}", file.shown())).help(
            "goose would run it here, and sqlitmus cannot: let goose create the database, by Template::migrate_path",
        ))
    }

    fn check_consecutive(&self, steps: &[Step]) -> Result<()> {
        for (expected, &Step { version, up: index, .. }) in (1..).zip(steps) {
            if version != expected {
                let after = match expected {
                    1 => "there is none before".to_owned(),
                    _ => format!("before it comes  {}", self.files[steps[expected as usize - 2].up].name),
                };
                return Err(self
                    .error(format!("rusqlite_migration finds no migration {expected}: {}", self.files[index].name))
                    .evidence("order", after)
                    .help("number the folders from 1 without a gap"));
            }
        }
        Ok(())
    }

    /// diesel and dbmate compare versions as text. A history whose order as text differs from that of the numbers is
    /// refused, because either order would surprise somebody.
    fn check_textual_order(&self, steps: &[Step]) -> Result<()> {
        let mut before: Option<(String, usize)> = None;
        for &Step { up: index, .. } in steps {
            let Some(text) = names::textual_version(self.format, &self.files[index].name) else { return Ok(()) };
            if let Some((_, other)) = before.filter(|(other, _)| *other > text) {
                let (first, second) = (&self.files[index].name, &self.files[other].name);
                return Err(self
                    .error(format!("{} runs {first} before {second}", self.format))
                    .help("it compares versions as text: give them the same number of digits"));
            }
            before = Some((text, index));
        }
        Ok(())
    }

    fn error(&self, headline: String) -> Error {
        Error::new(ErrorKind::History, headline)
            .given(self.place, |error, folder| error.evidence("folder", folder.display().to_string()).path(folder))
    }

    fn empty(&self, index: usize) -> Error {
        let file = &self.files[index];
        file.error(format!("migration without a statement: {}", file.shown()))
    }

    fn nothing(&self) -> Error {
        let Some(folder) = self.place else {
            return Error::new(ErrorKind::History, "no migration in the list");
        };
        let error = Error::new(ErrorKind::History, format!("no migration in the folder: {}", folder.display()));
        let mut names: Vec<&str> = self.files.iter().take(5).map(|file| file.name.as_str()).collect();
        if self.files.len() > names.len() {
            names.push("...");
        }
        let error = if names.is_empty() { error } else { error.evidence("what is there", names.join("\n")) };
        error
            .path(folder)
            .help("a migration is a file such as 001_users.sql, or a folder such as 001_users with an up.sql")
    }

    fn mixed(&self, (one, of): (usize, Format), (other, of_other): (usize, Format)) -> Error {
        let line = |index: usize, format: Format| {
            format!("{}  looks like {format} ({})", self.files[index].name, format.example())
        };
        self.error(format!("migrations of two formats: {of} and {of_other}"))
            .evidence("files", format!("{}\n{}", line(one, of), line(other, of_other)))
            .help("a runner of one format ignores the files of the other: keep one format")
    }

    fn twice(&self, version: i64, one: usize, other: usize) -> Error {
        self.error(format!("two migrations have version {version}"))
            .evidence("files", format!("{}\n{}", self.files[one].name, self.files[other].name))
    }

    fn down_without_up(&self, version: i64, index: usize) -> Error {
        let file = &self.files[index];
        file.error(format!("migration {version} can be undone, but not applied: {}", file.shown()))
            .help("add the file that applies it, or remove this one")
    }

    fn stray(&self, index: usize, stray: Stray, alone: bool) -> Error {
        let file = &self.files[index];
        let (what, help) = match stray {
            Stray::NoVersion if alone && self.place.is_some() => {
                ("migration without a version", "if it is the whole schema, load the file instead of its folder")
            }
            Stray::NoVersion => ("migration without a version", "start its name with one, as in 001_users.sql"),
            Stray::VersionTooLarge => ("migration with a version beyond 9223372036854775807", "shorten its number"),
            Stray::Ending => ("migration whose name does not end with .sql", "rename it"),
            Stray::Subfolder => ("migration in a subfolder", "move it up, next to the others, or out of the folder"),
            Stray::NeitherUpNorDown => (
                "neither up.sql nor down.sql in the folder of a migration",
                "diesel and rusqlite_migration read no other files",
            ),
            Stray::RustProgram => (
                "migration in Rust",
                "refinery would run it here, and sqlitmus cannot: let refinery create the database, by \
                 Template::migrate_with",
            ),
        };
        file.error(format!("{what}: {}", file.shown())).help(help)
    }
}

const BYTE_ORDER_MARK: char = '\u{feff}';

fn without_mark(text: &str) -> &str {
    text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text)
}

fn is_space(letter: char) -> bool {
    letter.is_whitespace() || letter == BYTE_ORDER_MARK
}

fn problem_of(file: &File<'_>, problem: &Problem) -> Error {
    let place = match problem.line {
        Some(line) => format!("{}:{line}", file.shown()),
        None => file.shown(),
    };
    file.error(format!("{}: {place}", problem.what)).help(problem.help)
}
