//! From files to a history: which format it is, what is wrong with it, and in what order it runs.

use std::path::Path;

use super::names::{self, Named, Role, Stray};
use super::sections::{self, Marker, Problem, Section, Sections};
use super::source::{self, Content, File};
use super::{Format, Ledger, Migration, Migrations, Script};
use crate::error::{Error, ErrorKind, Result};
use crate::sql;

pub(super) fn path(path: &Path) -> Result<Migrations> {
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

/// The names of a list were chosen one by one: folders above a migration say only where it was included from.
pub(super) fn list(entries: &[(&str, &str)]) -> Result<Migrations> {
    let files = entries
        .iter()
        .map(|&(name, content)| {
            let parts = if name.ends_with("/up.sql") || name.ends_with("/down.sql") || name.ends_with("/metadata.toml")
            {
                2
            } else {
                1
            };
            let start = name.rmatch_indices('/').nth(parts - 1).map_or(0, |(at, _)| at + 1);
            File { name: name[start..].to_owned(), content: Content::Given(content) }
        })
        .collect();
    build(files, None)
}

fn single(path: &Path) -> Result<Migrations> {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let file = File { name, content: Content::OnDisk(path.to_owned()) };
    let mut loader = Loader { place: None, format: Format::Plain, files: vec![file] };
    let numbered = [(0, Named { format: Format::Plain, version: 1, down: false })];
    loader.history(&numbered, &[])
}

fn build(mut files: Vec<File<'_>>, place: Option<&Path>) -> Result<Migrations> {
    // A folder lists its files in no order; what is reported first should not depend on that.
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
    /// The folder; None for a list, and for a single file.
    place: Option<&'a Path>,
    format: Format,
    files: Vec<File<'a>>,
}

impl Loader<'_> {
    /// `scripts` are sorted by version, with the one that applies before the one that undoes.
    fn history(&mut self, scripts: &[(usize, Named)], metadata: &[usize]) -> Result<Migrations> {
        let mut steps: Vec<(i64, usize, Option<usize>)> = Vec::with_capacity(scripts.len());
        for &(index, Named { version, down, .. }) in scripts {
            match steps.last_mut().filter(|step| step.0 == version) {
                None if down => return Err(self.down_without_up(version, index)),
                None => steps.push((version, index, None)),
                Some((_, _, undo @ None)) if down => *undo = Some(index),
                Some(&mut (_, _, Some(other))) if down => return Err(self.twice(version, other, index)),
                Some(&mut (_, other, _)) => return Err(self.twice(version, other, index)),
            }
        }
        if self.format == Format::RusqliteMigration {
            self.check_consecutive(&steps)?;
        }
        let texts = self.read(&steps)?;
        if self.format == Format::Plain {
            self.format = self.by_content(&steps, &texts)?;
        }
        self.check_textual_order(&steps)?;
        let mut migrations = Vec::with_capacity(steps.len());
        for ((version, up, down), (up_text, down_text)) in steps.into_iter().zip(texts) {
            let (up, down) = match self.format {
                Format::Goose => self.cut(up, &up_text, sections::goose)?,
                Format::Dbmate => self.cut(up, &up_text, sections::dbmate)?,
                _ => {
                    let transaction = self.metadata_of(up, metadata)?;
                    let down = down.zip(down_text).map(|(down, text)| self.script(down, text, transaction));
                    (self.script(up, up_text, transaction), down)
                }
            };
            migrations.push(Migration { version, up, down });
        }
        Ok(Migrations { format: self.format, ledger: Ledger::None, migrations })
    }

    fn read(&self, steps: &[(i64, usize, Option<usize>)]) -> Result<Vec<(String, Option<String>)>> {
        let mut texts = Vec::with_capacity(steps.len());
        for &(_, up, down) in steps {
            let up_text = self.files[up].read()?;
            if sql::is_blank(&up_text) {
                return Err(self
                    .empty(up)
                    .help("if the version has nothing to do, say so to SQLite as well: SELECT 1;"));
            }
            let down_text = down.map(|down| self.files[down].read()).transpose()?;
            // A comment says why there is nothing to undo; not even a comment is a file that was forgotten.
            if let (Some(down), Some("")) = (down, down_text.as_deref().map(|text| text.trim_matches(is_space))) {
                return Err(self.empty(down).help("if there is nothing to undo, a comment that says why is enough"));
            }
            texts.push((up_text, down_text));
        }
        Ok(texts)
    }

    fn script(&self, index: usize, mut sql: String, transaction: Option<bool>) -> Script {
        let file = &self.files[index];
        let transaction = match self.format {
            // sqlx looks for it at the first byte, and nowhere else.
            Format::Plain | Format::Paired => !sql.starts_with("-- no-transaction"),
            _ => transaction.unwrap_or(true),
        };
        if sql.starts_with(BYTE_ORDER_MARK) {
            sql.drain(..BYTE_ORDER_MARK.len_utf8());
        }
        Script { file: file.name.clone(), path: file.path().map(Path::to_owned), sql, first_line: 1, transaction }
    }

    /// What the `metadata.toml` beside a script says of its transaction.
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

    /// The two directions of a file.
    fn cut(
        &self,
        index: usize,
        text: &str,
        cut: fn(&str) -> Result<Sections, Problem>,
    ) -> Result<(Script, Option<Script>)> {
        let file = &self.files[index];
        let text = without_mark(text);
        let sections = cut(text).map_err(|problem| problem_of(file, &problem))?;
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

    /// Tells goose and dbmate from plain files. Either all files have the marks of a format, or none has any.
    fn by_content(&self, steps: &[(i64, usize, Option<usize>)], texts: &[(String, Option<String>)]) -> Result<Format> {
        let mut found: Option<(usize, Format)> = None;
        for (&(_, index, _), (text, _)) in steps.iter().zip(texts) {
            let format = match sections::marker(without_mark(text)) {
                None => continue,
                Some(Marker::Known(format)) => format,
                Some(Marker::Unknown(tool)) => {
                    let file = &self.files[index];
                    return Err(file.error(format!("migration in the format of {tool}: {}", file.shown())).help(
                        "sqlitmus does not read it: let the app's own code apply it, with Template::migrate_with",
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

    /// goose runs Go programs among its SQL files; a history without them would be another one.
    fn check_go_programs(&self) -> Result<()> {
        match self.files.iter().find(|file| names::role(&file.name) == Role::GoProgram) {
            None => Ok(()),
            Some(file) => Err(file
                .error(format!("migration in Go: {}", file.shown()))
                .help("goose would run it here, and sqlitmus cannot: let goose make the database, with Template::migrate_path")),
        }
    }

    fn check_consecutive(&self, steps: &[(i64, usize, Option<usize>)]) -> Result<()> {
        for (expected, &(version, index, _)) in (1..).zip(steps) {
            if version != expected {
                let after = match expected {
                    1 => "there is none before".to_owned(),
                    _ => format!("before it comes  {}", self.files[steps[expected as usize - 2].1].name),
                };
                return Err(self
                    .error(format!("rusqlite_migration finds no migration {expected}: {}", self.files[index].name))
                    .evidence("order", after)
                    .help("number the folders from 1 without a gap"));
            }
        }
        Ok(())
    }

    /// diesel and dbmate compare versions as texts. Where that is another order than that of the numbers, one of the
    /// two would surprise somebody, so it is refused.
    fn check_textual_order(&self, steps: &[(i64, usize, Option<usize>)]) -> Result<()> {
        let mut before: Option<(String, usize)> = None;
        for &(_, index, _) in steps {
            let Some(text) = names::textual_version(self.format, &self.files[index].name) else { return Ok(()) };
            if let Some((_, other)) = before.filter(|(other, _)| *other > text) {
                let (first, second) = (&self.files[index].name, &self.files[other].name);
                return Err(self
                    .error(format!("{} runs {first} before {second}", self.format))
                    .help("it compares the versions as texts: give them the same number of digits"));
            }
            before = Some((text, index));
        }
        Ok(())
    }

    fn error(&self, headline: String) -> Error {
        let error = Error::new(ErrorKind::History, headline);
        match self.place {
            Some(folder) => error.evidence("folder", folder.display().to_string()).path(folder),
            None => error,
        }
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
            .help("a migration is a file such as 001_users.sql, or a folder such as 001_users with up.sql")
    }

    fn mixed(&self, (one, of): (usize, Format), (other, of_other): (usize, Format)) -> Error {
        let line = |index: usize, format: Format| {
            format!("{}  looks like {format} ({})", self.files[index].name, format.example())
        };
        self.error(format!("migrations of two formats: {of} and {of_other}"))
            .evidence("files", format!("{}\n{}", line(one, of), line(other, of_other)))
            .help("a runner of one format passes over the files of the other: keep one")
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
                "diesel and rusqlite_migration read no other",
            ),
            Stray::RustProgram => (
                "migration in Rust",
                "refinery would run it here, and sqlitmus cannot: let refinery make the database, with \
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
