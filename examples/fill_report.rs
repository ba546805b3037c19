//! Reports how well schemas can be filled and violated: `cargo run --release --example fill_report -- migrations`.
//!
//! The folder contains migrations, or one folder of migrations for each schema. For each schema, the report has the number
//! of its tables, how many of them got 20 rows or as many as they can hold, and for how many of its constraints SQLite
//! accepted one row and refused another that breaks the constraint. Of these, it counts those that SQLite refuses for
//! another constraint that the row cannot avoid breaking too. Functions and collations of the app are replaced: a function
//! returns NULL, a collation compares bytes.
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use rusqlite::functions::FunctionFlags;
use sqlitmus::data::{Fill, try_violations};
use sqlitmus::schema::{Schema, TableKind};
use sqlitmus::{BoxError, Error, Template};

/// The number of rows for each table.
const ROWS: u64 = 20;

/// Functions and collations that a schema uses and SQLite does not have.
static STUBS: Mutex<Vec<String>> = Mutex::new(Vec::new());

fn main() -> Result<(), BoxError> {
    let given = std::env::args_os().nth(1).map(PathBuf::from);
    let folder = match given {
        Some(folder) => std::path::absolute(folder)?,
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/shop/migrations"),
    };
    let histories = histories(&folder)?;
    println!(
        "{:24} {:>7} {:>7} {:>6} {:>12} {:>12} {:>8} {:>8} {:>8}",
        "schema", "tables", "filled", "full", "constraints", "both", "implied", "fill", "break"
    );
    let mut all = Line::default();
    let mut notes = Vec::new();
    for (index, history) in histories.iter().enumerate() {
        let name = history.strip_prefix(&folder).unwrap_or(history).display().to_string();
        let name = if name.is_empty() { "(this folder)".to_owned() } else { name };
        progress(&format!("{} of {}: {name}", index + 1, histories.len()));
        let line = report(history, &name, &mut notes);
        progress("");
        match line {
            Ok(line) => {
                line.print(&name);
                all.add(&line);
            }
            Err(error) => println!("{name:24} does not apply: {}", error.headline()),
        }
    }
    if histories.len() > 1 {
        all.print("all");
    }
    for note in notes {
        println!("\n{note}");
    }
    Ok(())
}

/// Returns the folder itself, or the folders in it that contain migrations.
fn histories(folder: &Path) -> Result<Vec<PathBuf>, BoxError> {
    if sqlitmus::migrations::Migrations::load(folder).is_ok() {
        return Ok(vec![folder.to_owned()]);
    }
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            // The migrations may be one level below.
            let below = path.join("migrations");
            found.push(if below.is_dir() { below } else { path });
        }
    }
    found.sort();
    Ok(found)
}

/// One line of the table.
#[derive(Default)]
struct Line {
    tables: usize,
    filled: usize,
    full: usize,
    constraints: usize,
    both: usize,
    implied: usize,
    fill: Duration,
    violate: Duration,
}

impl Line {
    fn add(&mut self, other: &Line) {
        self.tables += other.tables;
        self.filled += other.filled;
        self.full += other.full;
        self.constraints += other.constraints;
        self.both += other.both;
        self.implied += other.implied;
        self.fill += other.fill;
        self.violate += other.violate;
    }

    fn print(&self, name: &str) {
        let percent = |part: usize, of: usize| match of {
            0 => "-".to_owned(),
            _ => format!("{part} {:5.1}%", part as f64 * 100.0 / of as f64),
        };
        println!(
            "{name:24} {:7} {:>7} {:6} {:12} {:>12} {:8} {:6.1}ms {:6.1}ms",
            self.tables,
            self.filled,
            self.full,
            self.constraints,
            percent(self.both, self.constraints),
            self.implied,
            self.fill.as_secs_f64() * 1e3,
            self.violate.as_secs_f64() * 1e3,
        );
    }
}

fn report(folder: &Path, name: &str, notes: &mut Vec<String>) -> Result<Line, Error> {
    STUBS.lock().unwrap().clear();
    let template = loop {
        let path: &'static str = Box::leak(folder.to_string_lossy().into_owned().into_boxed_str());
        let template: &'static Template = Box::leak(Box::new(Template::new(path).functions(stubs)));
        let Err(error) = template.try_in_memory() else { break template };
        if !add_stub(&error.to_string()) {
            return Err(error);
        }
    };
    let schema = Schema::read(&*template.try_in_memory()?)?;
    let ordinary = schema.tables.iter().filter(|table| table.kind == TableKind::Ordinary);
    let mut line = Line::default();
    let start = Instant::now();
    let mut db = template.try_in_memory()?;
    let mut filled = Fill::new().every_table(ROWS).try_insert(&db);
    while let Err(error) = &filled {
        if !add_stub(&error.to_string()) {
            break;
        }
        db = template.try_in_memory()?;
        filled = Fill::new().every_table(ROWS).try_insert(&db);
    }
    match filled {
        Ok(filled) => {
            line.tables = filled.tables().len();
            for (table, rows) in filled.tables() {
                let room = filled.full().find(|(full, ..)| *full == table).map_or(ROWS, |(_, room, _)| room);
                line.filled += usize::from(rows >= room.min(ROWS));
            }
            line.full = filled.full().filter(|(_, room, _)| *room < ROWS).count();
            for (table, room, because) in filled.full().filter(|(_, room, _)| *room < ROWS) {
                notes.push(format!("{name}: {table} has room for {room}: {because}"));
            }
        }
        // Fill one table at a time, to see which of them fail. A new database is needed only where the rows so far are in
        // the way.
        Err(_) => {
            for table in ordinary {
                line.tables += 1;
                let beside = Fill::new().rows(&table.name, ROWS).try_insert(&db);
                match beside.or_else(|_| template.try_in_memory()?.try_fill(&table.name, ROWS)) {
                    Ok(_) => line.filled += 1,
                    Err(error) if error.headline().contains("it has room for") => line.filled += 1,
                    Err(error) => notes.push(format!("{name}: {error}")),
                }
            }
        }
    }
    line.fill = start.elapsed();
    if let Err(error) = db.try_check() {
        notes.push(format!("{name}: {error}"));
    }
    let start = Instant::now();
    let violations = try_violations(template)?;
    line.violate = start.elapsed();
    line.constraints = violations.len();
    line.both = violations.iter().filter(|violation| violation.is_refused()).count();
    line.implied = violations.findings().iter().filter(|finding| finding.code() == "implied").count();
    for finding in violations.findings().iter().filter(|finding| finding.code() != "passes-null") {
        notes.push(format!("{name}: {finding}"));
    }
    let stubs = STUBS.lock().unwrap();
    if !stubs.is_empty() {
        notes.push(format!("{name}: replaced {}", stubs.join(", ")));
    }
    Ok(line)
}

/// Registers the missing functions and collations.
fn stubs(connection: &Connection) -> Result<(), BoxError> {
    for name in STUBS.lock().unwrap().iter() {
        let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC | FunctionFlags::SQLITE_INNOCUOUS;
        connection.create_scalar_function(name.as_str(), -1, flags, |_| Ok(None::<i64>))?;
        connection.create_collation(name.as_str(), |a: &str, b: &str| a.cmp(b))?;
    }
    Ok(())
}

/// Adds the name that SQLite is missing. Returns true if it is new.
fn add_stub(error: &str) -> bool {
    let starts = ["no such function: ", "unknown function: ", "no such collation sequence: "];
    let Some(rest) = starts.iter().find_map(|start| error.split_once(start)).map(|(_, rest)| rest) else {
        return false;
    };
    let end = rest.find(|letter: char| !letter.is_alphanumeric() && letter != '_').unwrap_or(rest.len());
    let mut stubs = STUBS.lock().unwrap();
    let name = rest[..end].to_owned();
    let is_new = !name.is_empty() && !stubs.contains(&name);
    if is_new {
        stubs.push(name);
    }
    is_new
}

/// Shows the progress on a terminal.
fn progress(text: &str) {
    let mut out = std::io::stdout();
    if out.is_terminal() {
        let _ = write!(out, "\r\x1b[K{text}");
        let _ = out.flush();
    }
}
