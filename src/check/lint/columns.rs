//! The types of columns, and their order in the row.

use std::cell::OnceCell;

use super::checks;
use super::finding::{Fix, LintFinding, LintInput, new_name, object, rebuild_as};
use super::references::is_reference;
use crate::check::finding::Level;
use crate::order::SortedMap;
use crate::schema::declaration::Declaration;
use crate::schema::references::{class, typed};
use crate::schema::{Affinity, Column, Name, Table};
use crate::sql::{TokenKind, tokens};

pub(super) fn lint(input: &LintInput, found: &mut Vec<LintFinding>) {
    for table in input.tables() {
        if !table.strict {
            affinity_surprise(table, found);
            not_strict(table, found);
        }
        blob_in_hot_table(table, found);
    }
    same_name_different_type(input, found);
}

/// A declared type that SQLite does not treat as a reader expects.
struct Promise {
    /// The values that a reader expects.
    expected: &'static str,
    /// The behavior of SQLite instead.
    instead: &'static str,
    /// A type of STRICT tables that does what a reader expects.
    better: &'static str,
    /// A warning where values are changed, or have another meaning than they seem to have.
    level: Level,
}

fn promise(table: &Table, column: &Column) -> Option<Promise> {
    let declared = column.declared_type.to_ascii_uppercase();
    let words: Vec<&str> =
        declared.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()).collect();
    let has = |list: &[&str]| words.iter().any(|word| list.contains(word));
    let number = "a text that looks like a number becomes one: '007' is stored as 7";
    match column.affinity {
        Affinity::Integer if !words.iter().any(|word| is_integer(word)) => {
            let (better, level) = match () {
                () if has(&["FLOATING", "DOUBLE", "REAL"]) => ("REAL", Level::Style),
                () if declared.contains("CHAR") || has(&["STRING"]) => ("TEXT", Level::Warning),
                () if has(&["INTERVAL", "POINT", "LINT"]) => ("TEXT", Level::Review),
                () => ("ANY", Level::Review),
            };
            let instead = "SQLite finds INT in the name and treats it as an integer: 1.0 is stored as 1, '007' as 7";
            Some(Promise { expected: "something other than an integer", instead, better, level })
        }
        Affinity::Numeric if has(&["STRING", "STR"]) => {
            Some(Promise { expected: "a text", instead: number, better: "TEXT", level: Level::Warning })
        }
        // A UUID without hyphens may have digits only, or an E among them: a number.
        Affinity::Numeric if has(&["UUID", "GUID", "ULID"]) => {
            Some(Promise { expected: "a text", instead: number, better: "TEXT", level: Level::Review })
        }
        Affinity::Numeric if has(&["JSON", "JSONB", "ENUM", "XML", "INET", "CIDR"]) => {
            Some(Promise { expected: "a text", instead: number, better: "TEXT", level: Level::Style })
        }
        Affinity::Numeric if has(&["BYTES", "BYTEA", "BINARY", "VARBINARY"]) => {
            Some(Promise { expected: "bytes", instead: number, better: "BLOB", level: Level::Style })
        }
        Affinity::Numeric if has(&["DATETIME", "DATE", "TIME", "TIMESTAMP", "TIMESTAMPTZ", "DATETIME2"]) => {
            let default = column.default.as_deref().unwrap_or_default().to_ascii_lowercase();
            let seconds = default.contains("unixepoch") || default.contains("%s");
            let instead = "SQLite has no such type: it stores any value, text or number, and the two are never equal";
            let level = if is_in_key(table, column) { Level::Review } else { Level::Style };
            Some(Promise { expected: "a time", instead, better: if seconds { "INTEGER" } else { "TEXT" }, level })
        }
        Affinity::Numeric if has(&["BOOL", "BOOLEAN"]) && is_text_default(column) => {
            let instead =
                "SQLite has no such type: the DEFAULT stores a text, which is false in a WHERE, whatever it says";
            Some(Promise { expected: "true or false", instead, better: "INTEGER", level: Level::Warning })
        }
        // With a CHECK, the column holds what the CHECK allows.
        Affinity::Numeric if has(&["BOOL", "BOOLEAN"]) && !checks::has_check(table, column) => {
            let instead =
                "SQLite has no such type: it stores any value, even 'true' as a text, which is false in a WHERE";
            Some(Promise { expected: "true or false", instead, better: "INTEGER", level: Level::Style })
        }
        _ => None,
    }
}

/// Returns true if rows are told apart or found by this column.
fn is_in_key(table: &Table, column: &Column) -> bool {
    let keys = table.primary_key.iter().chain(&table.unique).map(|key| &key.terms);
    let unique = table.indexes.iter().filter(|index| index.unique).map(|index| &index.terms);
    keys.chain(unique).flatten().any(|term| term.what.is_column(&column.name)) || is_reference(table, &column.name)
}

/// Returns true for `DEFAULT 'true'`, but not for `DEFAULT TRUE`, which is 1, or `DEFAULT '0'`, which becomes 0.
fn is_text_default(column: &Column) -> bool {
    let default = tokens(column.default.as_deref().unwrap_or_default());
    let [token] = default.as_slice() else { return false };
    matches!(token.kind, TokenKind::Text | TokenKind::Quoted)
        && token.name().is_some_and(|text| text.trim().parse::<f64>().is_err())
}

/// Returns true for `INT`, `BIGINT`, `UINT8`, `INTEGER` and other names of integers.
fn is_integer(word: &str) -> bool {
    let word = word.trim_end_matches(|c: char| c.is_ascii_digit());
    let Some(at) = word.find("INT") else { return false };
    let (size, rest) = (&word[..at], &word[at + 3..]);
    matches!(size, "" | "U" | "BIG" | "SMALL" | "TINY" | "MEDIUM" | "HUGE" | "LONG" | "UBIG" | "USMALL" | "UTINY")
        && matches!(rest, "" | "EGER" | "EGERS" | "S")
}

fn affinity_surprise(table: &Table, found: &mut Vec<LintFinding>) {
    let surprising = |column: &Column| promise(table, column).map(|told| (column.name.clone(), told));
    let all: Vec<(Name, Promise)> = table.columns.iter().filter_map(surprising).collect();
    // One rebuild changes all such columns.
    let declaration = OnceCell::new();
    for (name, told) in &all {
        let Some(column) = table.column(name) else { continue };
        let object = object(table, [name.as_str()]);
        let what = format!("{object} is declared {}, as if it held {}", typed(column), told.expected);
        let mut finding =
            LintFinding::new("affinity-surprise", object, what, told.instead).level_of(told.level).on(table);
        let retyped = || {
            let sql = Declaration::parse(&table.sql)?;
            let sql = all.iter().try_fold(sql, |sql, (name, told)| sql.retype(name, told.better))?;
            Some(rebuild_as(table, sql.named(&new_name(&table.name))))
        };
        finding.fix = declaration.get_or_init(retyped).clone().unwrap_or(Fix::Nothing);
        found.push(finding);
    }
}

fn not_strict(table: &Table, found: &mut Vec<LintFinding>) {
    let what = format!("{} is not STRICT", table.name);
    let cost =
        "any column takes a value of any type: a text in an INTEGER column is stored as a text, and no number finds it";
    found.push(LintFinding::new("not-strict", &table.name, what, cost).rebuild(table, |mut sql| {
        for column in &table.columns {
            let strict = strict_type(table, column);
            if !column.declared_type.eq_ignore_ascii_case(strict) {
                sql = sql.retype(&column.name, strict)?;
            }
        }
        sql.option("STRICT")
    }));
}

/// Returns the type of STRICT tables that is nearest to the column's.
fn strict_type(table: &Table, column: &Column) -> &'static str {
    if let Some(promise) = promise(table, column) {
        return promise.better;
    }
    if column.declared_type.eq_ignore_ascii_case("INT") {
        return "INT";
    }
    match column.affinity {
        Affinity::Integer => "INTEGER",
        Affinity::Text => "TEXT",
        Affinity::Real => "REAL",
        Affinity::Blob if column.declared_type.is_empty() => "ANY",
        Affinity::Blob => "BLOB",
        Affinity::Numeric if column.declared_type.to_ascii_uppercase().starts_with("BOOL") => "INTEGER",
        Affinity::Numeric | Affinity::Any => "ANY",
    }
}

/// Returns true for names that mean the same in every table, unlike `value` and `data`.
fn is_telling(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["_id", "_at", "_on", "_uuid"].iter().any(|end| name.len() > end.len() && name.ends_with(end))
}

fn same_name_different_type(input: &LintInput, found: &mut Vec<LintFinding>) {
    let mut by_name: SortedMap<&Name, Vec<(&Table, &Column)>> = SortedMap::new();
    for table in input.tables() {
        // A type that SQLite does not know is a finding already, and tells little about the values.
        let is_linted = |column: &&Column| {
            is_telling(&column.name) && column.affinity != Affinity::Any && promise(table, column).is_none()
        };
        for column in table.columns.iter().filter(is_linted) {
            by_name.get_or_default(&column.name).push((table, column));
        }
    }
    for places in by_name.values() {
        let count = |class_: &str| places.iter().filter(|(_, column)| class(column) == class_).count();
        // The most frequent type is right; among equals, that of the first table.
        let Some((usual_table, usual)) = places.iter().rev().max_by_key(|(_, column)| count(class(column))) else {
            continue;
        };
        for (table, column) in places.iter().filter(|(_, column)| class(column) != class(usual)) {
            let object = object(table, [column.name.as_str()]);
            let what =
                format!("{object} is {}, and {}.{} is {}", typed(column), usual_table.name, usual.name, typed(usual));
            let cost = "the same name promises the same values: a comparison of the two converts one of them or finds nothing, and may use no index";
            found.push(
                LintFinding::new("same-name-different-type", object, what, cost)
                    .rebuild(table, |sql| sql.retype(&column.name, &usual.declared_type)),
            );
        }
    }
}

/// Finds a BLOB of any length before many smaller columns. The row continues on overflow pages, and reading a later column
/// follows the whole chain. A CHECK of its length, an index or a reference shows that a BLOB is short.
fn blob_in_hot_table(table: &Table, found: &mut Vec<LintFinding>) {
    if table.columns.len() < 10 || table.without_rowid {
        return;
    }
    let is_key = |column: &Column| {
        let terms = table.primary_key.iter().chain(&table.unique).flat_map(|key| &key.terms);
        terms.chain(table.indexes.iter().flat_map(|index| &index.terms)).any(|term| term.what.is_column(&column.name))
    };
    let is_large = |column: &Column| {
        column.affinity == Affinity::Blob
            && column.declared_type.to_ascii_uppercase().contains("BLOB")
            && is_content(column)
            && column.generated.is_none()
            && !is_key(column)
            && !is_reference(table, &column.name)
            && !checks::has_check(table, column)
    };
    let Some(at) = table.columns.iter().position(is_large) else { return };
    let behind = table.columns[at + 1..].iter().filter(|column| !is_large(column)).count();
    if behind < 5 {
        return;
    }
    let column = &table.columns[at];
    let object = object(table, [column.name.as_str()]);
    let what = format!("{object} is a BLOB of any length before {behind} smaller columns");
    let cost = "SQLite reads a row from its start: to reach a column after a long value, it follows the overflow pages of that value";
    let large: Vec<&str> =
        table.columns.iter().filter(|column| is_large(column)).map(|column| column.name.as_str()).collect();
    found.push(LintFinding::new("blob-in-hot-table", object, what, cost).rebuild(table, |sql| sql.move_last(&large)));
}

/// Returns true if a BLOB is likely to be long. Most are keys and hashes of 32 bytes, and before there are rows, only the name
/// tells.
fn is_content(column: &Column) -> bool {
    let declared = column.declared_type.to_ascii_uppercase();
    let name = column.name.to_ascii_lowercase();
    #[rustfmt::skip]
    let content = [
        "archive", "args", "attachment", "avatar", "body", "content", "data", "document", "file", "html", "image",
        "json", "page", "payload", "pdf", "photo", "picture", "snapshot", "source", "text", "thumbnail",
    ];
    declared.contains("LONG") || declared.contains("MEDIUM") || name.split('_').any(|word| content.contains(&word))
}
