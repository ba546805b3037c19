//! Values that a column could hold, and those of them of which conditions are true.

use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};

use crate::data::{StoredType, candidate_values, type_word};
use crate::schema::{Check, Column, Table};
use crate::sql::{Name, Token, owned, quote_identifier, same_name, tokens};

/// Texts that functions on texts change: blanks, case, lengths, numbers with zeros, marks between parts.
const TEXTS: [&str; 14] = [
    "  spaces  ",
    "MiXed Case",
    "mixed case",
    "MIXED CASE",
    "\tline\r\nbreak ",
    "007",
    "1.50",
    "a, b; c/d-e_f",
    "it's",
    "Ünïcode",
    "http://www.example.com/a b/?q=1",
    "-7",
    "",
    "x",
];
const INTEGERS: [i64; 8] = [-7, 7, 0, 1, 1_000_003, 1_772_368_496, 1_772_368_496_789, 9_007_199_254_740_993];
const REALS: [f64; 6] = [1_234.567_89, -0.125, 2.5, -2.5, 1e10, 1_772_368_496.25];
/// Times with what `date` and the like leave out: a fraction, a zone, a time of day.
const TIMES: [&str; 8] = [
    "2026-03-01 12:34:56.789",
    "2026-03-01T12:34:56+05:30",
    "2026-03-01 12:34:56",
    "2026-03-01T12:34:56.789Z",
    "2026-03-01 23:59",
    "2026-03-01",
    "1970-01-02 03:04:05",
    "2099-12-31T23:59:59Z",
];
const DOCUMENTS: [&str; 3] = ["{\"a\": 1, \"b\": [1, 2], \"c\": null}", "[1, \"two\", 3]", "{}"];

/// Searches for values of which all conditions are true, column by column from those of a row that is there. Unlike the solver
/// of `data`, it needs not understand the conditions.
pub(super) fn search(table: &Table, conditions: &[String], connection: &Connection) -> Option<Vec<(Name, Value)>> {
    search_for((table, &with_constraints(table, conditions)), &[], connection)
}

/// Adds NOT NULL and the CHECKs of the columns that conditions name.
fn with_constraints(table: &Table, conditions: &[String]) -> Vec<String> {
    let columns = named(table, conditions);
    let not_null = columns.iter().filter(|column| column.not_null);
    let not_null = not_null.map(|column| format!("{} IS NOT NULL", quote_identifier(&column.name)));
    let names: Vec<String> = table.columns.iter().map(|column| column.name.to_string()).collect();
    let is_about_others = |check: &&Check| {
        let mut mentioned = tokens(&check.expression).iter().filter_map(Token::name).collect::<Vec<_>>().into_iter();
        mentioned.any(|name| {
            names.iter().any(|known| same_name(known, &name)) && !columns.iter().any(|column| column.name == name)
        })
    };
    let checks = table.checks.iter().filter(|check| !is_about_others(check));
    // A CHECK is satisfied by NULL.
    let checks = checks.map(|check| format!("({}) IS NOT FALSE", check.expression));
    conditions.iter().cloned().chain(not_null).chain(checks).collect()
}

/// Returns true if the conditions can be true, but not of a row that NOT NULL and the CHECKs of the table accept.
pub(super) fn is_ruled_out(table: &Table, conditions: &[String], connection: &Connection) -> bool {
    let is_met = |conditions: &[String]| search_for((table, conditions), &[Value::Null], connection).is_some();
    !is_met(&with_constraints(table, conditions)) && is_met(conditions)
}

/// Returns the columns that conditions name.
fn named<'t>(table: &'t Table, conditions: &[String]) -> Vec<&'t Column> {
    let text = conditions.join(" AND ");
    let tokens = tokens(&text);
    let is_named = |column: &&Column| tokens.iter().any(|token| token.name().is_some_and(|name| column.name == name));
    table.columns.iter().filter(is_named).collect()
}

/// Searches also among these values.
fn search_for(
    (table, conditions): (&Table, &[String]),
    further: &[Value],
    connection: &Connection,
) -> Option<Vec<(Name, Value)>> {
    let text = conditions.join(" AND ");
    let columns = named(table, conditions);
    if columns.is_empty() || columns.iter().any(|column| column.generated.is_some()) {
        return None;
    }
    let quoted: Vec<String> = columns.iter().map(|column| quote_identifier(&column.name)).collect();
    let sql = format!("SELECT {} FROM {} LIMIT 1", quoted.join(", "), quote_identifier(&table.name));
    let read = |row: &rusqlite::Row<'_>| (0..columns.len()).map(|at| row.get_ref(at).map(owned)).collect();
    let mut row: Vec<Value> = connection.query_row(&sql, [], read).ok()?;
    let score: Vec<String> = conditions.iter().map(|condition| format!("(({condition}) IS TRUE)")).collect();
    let rating = Rating { connection, columns: quoted, score: score.join(" + ") };
    let all = i64::try_from(conditions.len()).ok()?;
    let mut best = rating.best(&row, &[]).map_or(-1, |(rate, _)| rate);
    let named = named_values(&text);
    let refers = |column: &Column| table.foreign_keys.iter().any(|key| key.columns.contains(&column.name));
    let free: Vec<usize> = (0..columns.len()).filter(|at| !refers(columns[*at])).collect();
    let pools: Vec<Vec<Value>> = columns.iter().map(|column| pool_with(column, table.strict, &text, &named)).collect();
    // A second pass may find what the first one had no chance to.
    for &at in free.iter().chain(&free) {
        // One column may be compared with another.
        let others = row.iter().enumerate().filter(|(other, _)| *other != at).map(|(_, it)| it);
        let values: Vec<Value> = pools[at].iter().chain(others).chain(further).cloned().collect();
        if let Some((rate, places)) = rating.best(&row, &[(at, &values)])
            && rate > best
        {
            (best, row[at]) = (rate, values[places[0]].clone());
        }
        if best == all {
            break;
        }
    }
    // Neither of two columns that a function reads may be of use without the other.
    let pairs = free.iter().flat_map(|one| free.iter().map(move |two| (*one, *two))).filter(|(one, two)| one < two);
    for (one, two) in pairs.take(MOST_PAIRS) {
        if best == all {
            break;
        }
        if let Some((rate, places)) = rating.best(&row, &[(one, &pools[one]), (two, &pools[two])])
            && rate > best
        {
            (best, row[one], row[two]) = (rate, pools[one][places[0]].clone(), pools[two][places[1]].clone());
        }
    }
    (best == all).then(|| columns.iter().map(|column| column.name.clone()).zip(row).collect())
}

/// Evaluates of how many conditions a row is true.
struct Rating<'c> {
    connection: &'c Connection,
    /// The columns, quoted.
    columns: Vec<String>,
    score: String,
}

impl Rating<'_> {
    /// Returns the highest rating of a row that has one of these values in each free column, and their places. All rows are
    /// rated by one statement, since SQLite takes longer to start it than to rate a row.
    fn best(&self, row: &[Value], free: &[(usize, &[Value])]) -> Option<(i64, Vec<usize>)> {
        if let Ok(best) = self.try_best(row, free) {
            return Some(best);
        }
        // A value that a function refuses hides the others.
        let axis = free.iter().position(|(_, values)| values.len() > 1)?;
        let half = free[axis].1.len() / 2;
        let part = |values, first: usize| {
            let mut free = free.to_vec();
            free[axis].1 = values;
            let (rate, mut places) = self.best(row, &free)?;
            places[axis] += first;
            Some((rate, places))
        };
        let (left, right) = free[axis].1.split_at(half);
        match (part(left, 0), part(right, half)) {
            (Some(left), Some(right)) => Some(if right.0 > left.0 { right } else { left }),
            (left, right) => left.or(right),
        }
    }

    fn try_best(&self, row: &[Value], free: &[(usize, &[Value])]) -> rusqlite::Result<(i64, Vec<usize>)> {
        let mut values: Vec<&Value> = Vec::new();
        let mut parameter = |value| {
            values.push(value);
            format!("?{}", values.len())
        };
        let cell = |(at, column): (usize, &String)| match free.iter().position(|(of, _)| *of == at) {
            Some(axis) => format!("v{axis}.column2 AS {column}"),
            None => format!("{} AS {column}", parameter(&row[at])),
        };
        let mut cells: Vec<String> = self.columns.iter().enumerate().map(cell).collect();
        let mut sources: Vec<String> = Vec::new();
        for (axis, (_, of)) in free.iter().enumerate() {
            let list = of.iter().enumerate().map(|(place, value)| format!("({place}, {})", parameter(value)));
            sources.push(format!("(VALUES {}) AS v{axis}", list.collect::<Vec<_>>().join(", ")));
            cells.push(format!("v{axis}.column1 AS \"place {axis}\""));
        }
        let places: String = (0..free.len()).map(|axis| format!(", \"place {axis}\"")).collect();
        let from = if sources.is_empty() { String::new() } else { format!(" FROM {}", sources.join(", ")) };
        let sql = format!(
            "SELECT {} AS \"rating of it\"{places} FROM (SELECT {}{from}) ORDER BY 1 DESC{places} LIMIT 1",
            self.score,
            cells.join(", ")
        );
        self.connection.query_row(&sql, params_from_iter(values), |row| {
            let places =
                (0..free.len()).map(|axis| row.get::<_, i64>(axis + 1).map(|place| place.unsigned_abs() as usize));
            Ok((row.get(0)?, places.collect::<rusqlite::Result<_>>()?))
        })
    }
}

/// The number of pairs of columns that are tried together.
const MOST_PAIRS: usize = 3;

/// The kind of values that an app stores in a column.
#[derive(Clone, Copy, PartialEq)]
enum Content {
    Texts,
    Times,
    Documents,
    Flags,
    Integers,
    Reals,
    Blobs,
}

impl Content {
    /// Returns the content that the column is declared for, or that an expression reads in it.
    fn of(column: &Column, strict: bool, expression: &str) -> Content {
        let tokens = tokens(expression);
        let calls = |is_it: &dyn Fn(&str) -> bool| {
            let is_open = |at: usize| tokens.get(at + 1).is_some_and(|next| next.is_symbol("("));
            tokens.iter().enumerate().any(|(at, token)| is_open(at) && is_it(&token.text.to_ascii_lowercase()))
        };
        let is_time = |name: &str| ["date", "time", "datetime", "julianday", "strftime", "unixepoch"].contains(&name);
        let word = type_word(column);
        let kind = StoredType::of(column, strict);
        let holds_text = matches!(kind, StoredType::Text | StoredType::Any | StoredType::Numeric);
        let reads_json =
            calls(&|name| name.starts_with("json")) || tokens.iter().any(|token| token.text.starts_with("->"));
        match kind {
            _ if word.starts_with("BOOL") => Content::Flags,
            _ if holds_text && (reads_json || word.starts_with("JSON")) => Content::Documents,
            _ if holds_text && (calls(&is_time) || word.starts_with("DATE") || word.starts_with("TIME")) => {
                Content::Times
            }
            StoredType::Text | StoredType::Any => Content::Texts,
            StoredType::Integer => Content::Integers,
            StoredType::Real | StoredType::Numeric => Content::Reals,
            StoredType::Blob => Content::Blobs,
        }
    }

    fn values(self) -> Vec<Value> {
        let texts = |list: &[&str]| list.iter().map(|text| Value::Text((*text).to_owned())).collect::<Vec<_>>();
        match self {
            Content::Texts => texts(&TEXTS),
            Content::Times => texts(&TIMES),
            Content::Documents => texts(&DOCUMENTS),
            Content::Flags => vec![Value::Integer(0), Value::Integer(1)],
            Content::Integers => INTEGERS.into_iter().map(Value::Integer).collect(),
            Content::Reals => REALS.into_iter().map(Value::Real).collect(),
            Content::Blobs => vec![Value::Blob(b"\0\xff\x61".to_vec()), Value::Blob(Vec::new())],
        }
    }

    fn holds(self, value: &Value) -> bool {
        match (self, value) {
            (Content::Texts, Value::Text(_)) | (Content::Blobs, Value::Blob(_)) => true,
            (Content::Times, Value::Text(text)) => {
                text.len() >= 8 && text.as_bytes()[4] == b'-' && text.as_bytes()[..4].iter().all(u8::is_ascii_digit)
            }
            (Content::Documents, Value::Text(text)) => text.starts_with(['{', '[']),
            (Content::Integers | Content::Reals, Value::Integer(_)) | (Content::Reals, Value::Real(_)) => true,
            _ => false,
        }
    }
}

/// Returns values that the column could hold: first those that an expression names, then typical ones.
pub(super) fn pool(column: &Column, strict: bool, expression: &str) -> Vec<Value> {
    pool_with(column, strict, expression, &named_values(expression))
}

fn pool_with(column: &Column, strict: bool, expression: &str, named: &[Value]) -> Vec<Value> {
    let content = Content::of(column, strict, expression);
    named.iter().filter(|value| content.holds(value)).cloned().chain(content.values()).collect()
}

/// Returns values that an expression names.
fn named_values(expression: &str) -> Vec<Value> {
    let named = candidate_values(expression);
    // A pattern without its wildcards and escapes.
    let plain = named.iter().filter_map(|value| match value {
        Value::Text(text) if text.contains('\\') => Some(Value::Text(text.replace(['%', '\\'], ""))),
        _ => None,
    });
    let plain: Vec<Value> = plain.collect();
    plain.into_iter().chain(named).collect()
}
