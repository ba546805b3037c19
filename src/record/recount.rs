//! Runs queries once more, on a copy, to count the rows that their aggregates are given.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rusqlite::Connection;
use rusqlite::functions::FunctionFlags;

use super::group::Group;
use super::row_counts::RowCounts;
use crate::db::Address;
use crate::error::{Error, Result};
use crate::order::Order as _;
use crate::sql::{Name, Token, end_of, owned, tokens};
use crate::trace::{Capture, TracedDatabase};

/// The name of the function that counts the rows of aggregates. It returns its argument.
const COUNTING: &str = "sqlitmus_used";

/// Runs queries once more, on a copy of the database.
pub(super) struct Recount {
    pub(super) connection: Connection,
    traced: TracedDatabase,
    /// The aggregates of SQLite and of the app.
    aggregates: Vec<Name>,
    calls: Arc<AtomicU64>,
}

impl Recount {
    pub(super) fn on_a_copy(address: &Address) -> Result<Recount> {
        let connection = address.committed()?.connect()?;
        let calls = Arc::<AtomicU64>::default();
        let counted = Arc::clone(&calls);
        let prepare = || -> rusqlite::Result<Vec<Name>> {
            // Not deterministic, so that SQLite calls it for each row.
            connection.create_scalar_function(COUNTING, 1, FunctionFlags::SQLITE_UTF8, move |context| {
                counted.fetch_add(1, Ordering::Relaxed);
                Ok(owned(context.get_raw(0)))
            })?;
            let mut names = connection.prepare("SELECT DISTINCT name FROM pragma_function_list WHERE type <> 's'")?;
            names.query_map([], |row| Ok(row.get::<_, String>(0)?.into()))?.collect()
        };
        let aggregates = prepare().map_err(|error| Error::sqlite("list the aggregates", error))?;
        let traced = TracedDatabase::new(&connection);
        Ok(Recount { connection, traced, aggregates, calls })
    }

    /// Returns the work of the runs with different values. `None` if the rows that the queries returned or changed are all
    /// that they used.
    pub(super) fn of(&mut self, group: &Group<'_>) -> rusqlite::Result<Option<RowCounts>> {
        let mut sum = RowCounts::default();
        for (_, text) in group.texts() {
            let Some(counting) = with_counting_calls(text, &self.aggregates) else { return Ok(None) };
            sum = RowCounts::sum([sum, self.run(&counting)?].into_iter());
        }
        Ok(Some(sum))
    }

    /// Returns the work of one run, whatever the query is.
    pub(super) fn of_text(&mut self, sql: &str) -> rusqlite::Result<RowCounts> {
        let counting = with_counting_calls(sql, &self.aggregates);
        self.run(counting.as_deref().unwrap_or(sql))
    }

    fn run(&mut self, sql: &str) -> rusqlite::Result<RowCounts> {
        let capture = Arc::<Capture>::default();
        self.calls.store(0, Ordering::Relaxed);
        self.connection.execute_batch("SAVEPOINT sqlitmus_run")?;
        let ran: rusqlite::Result<()> =
            self.traced.recording(Arc::clone(&capture), &mut self.connection, |connection| {
                let mut statement = connection.prepare(sql)?;
                let mut rows = statement.raw_query();
                while rows.next()?.is_some() {}
                Ok(())
            });
        self.connection.execute_batch("ROLLBACK TO sqlitmus_run; RELEASE sqlitmus_run")?;
        ran?;
        let given = self.calls.load(Ordering::Relaxed);
        Ok(RowCounts::sum(capture.take().iter().take(1).map(|query| RowCounts::of(query, given))))
    }
}

/// Returns the statement with calls that count the rows which each SELECT aggregates, or makes distinct. `None` if it has
/// no such SELECT.
fn with_counting_calls(sql: &str, aggregates: &[Name]) -> Option<String> {
    let tokens = tokens(sql);
    let mut edits: Vec<(Range<usize>, String)> = Vec::new();
    for at in (0..tokens.len()).filter(|&at| tokens[at].is("SELECT")) {
        let is_distinct = tokens.get(at + 1).is_some_and(|token| token.is("DISTINCT"));
        if is_distinct {
            edits.push((tokens[at + 1].start..tokens[at + 1].end(), String::new()));
        }
        let Some(argument) = aggregated(&tokens, at + 1, aggregates).or_else(|| grouped(&tokens, at + 1)) else {
            continue;
        };
        match &tokens[argument] {
            [] => {}
            [all] if all.is_symbol("*") => edits.push((all.start..all.end(), format!("{COUNTING}(1)"))),
            [first, .., last] | [first @ last] => {
                edits.push((first.start..first.start, format!("{COUNTING}(")));
                edits.push((last.end()..last.end(), ")".to_owned()));
            }
        }
    }
    if edits.is_empty() {
        return None;
    }
    edits.order_by_key(|(range, _)| range.start);
    let mut text = String::new();
    let mut at = 0;
    for (range, new) in edits {
        text.push_str(&sql[at..range.start]);
        text.push_str(&new);
        at = range.end;
    }
    text.push_str(&sql[at..]);
    Some(text)
}

/// The words behind the columns of a SELECT.
const AFTER_COLUMNS: [&str; 8] = ["FROM", "WHERE", "GROUP", "ORDER", "LIMIT", "UNION", "INTERSECT", "EXCEPT"];
/// The words behind GROUP BY and its first term.
const AFTER_TERM: [&str; 7] = ["HAVING", "WINDOW", "ORDER", "LIMIT", "UNION", "INTERSECT", "EXCEPT"];

fn is_one_of(token: &Token<'_>, words: &[&str]) -> bool {
    words.iter().any(|word| token.is(word))
}

/// Returns what the first aggregate of the columns from `start` on is computed from: its argument, or the condition of its
/// FILTER. All rows of the SELECT reach it.
fn aggregated(tokens: &[Token<'_>], start: usize, aggregates: &[Name]) -> Option<Range<usize>> {
    let end = end_of(tokens, start, |token| is_one_of(token, &AFTER_COLUMNS));
    let mut at = start;
    while at < end {
        let inside = at + 1..end_of(tokens, at + 1, |_| false);
        let is_open = tokens[at].is_symbol("(");
        if is_open && tokens.get(inside.start).is_some_and(|token| is_one_of(token, &["SELECT", "WITH", "VALUES"])) {
            // A subquery counts its own rows.
            at = inside.end;
            continue;
        }
        let called = at.checked_sub(1).and_then(|before| tokens[before].name()).filter(|_| is_open && at > start);
        if called.is_some_and(|name| aggregates.iter().any(|known| *known == *name))
            && let Some(argument) = argument(tokens, inside)
        {
            return Some(argument);
        }
        at += 1;
    }
    None
}

/// Returns the first argument of the call with these tokens in its parentheses, or the condition of its FILTER. `None` for a
/// window function, which returns a row for each, and for `max(a, b)`, which is no aggregate.
fn argument(tokens: &[Token<'_>], inside: Range<usize>) -> Option<Range<usize>> {
    let mut behind = inside.end + 1;
    let mut condition = None;
    if tokens.get(behind).is_some_and(|token| token.is("FILTER")) {
        let end = end_of(tokens, behind + 2, |_| false);
        condition = Some(behind + 3..end);
        behind = end + 1;
    }
    let first_end = end_of(tokens, inside.start, |token| token.is_symbol(",") || token.is("ORDER"));
    let is_scalar =
        first_end < inside.end && tokens[first_end].is_symbol(",") && is_min_or_max(&tokens[inside.start - 2]);
    if is_scalar || tokens.get(behind).is_some_and(|token| token.is("OVER")) {
        return None;
    }
    let start = inside.start + usize::from(tokens[inside.start].is("DISTINCT"));
    Some(condition.unwrap_or(start..first_end))
}

fn is_min_or_max(token: &Token<'_>) -> bool {
    is_one_of(token, &["min", "max"])
}

/// Returns the first term of the GROUP BY of the SELECT whose columns start at `start`.
fn grouped(tokens: &[Token<'_>], start: usize) -> Option<Range<usize>> {
    let group = end_of(tokens, start, |token| is_one_of(token, &["GROUP", "UNION", "INTERSECT", "EXCEPT"]));
    let is_group = tokens.get(group).is_some_and(|token| token.is("GROUP"));
    let first = group + 2;
    is_group.then(|| first..end_of(tokens, first, |token| token.is_symbol(",") || is_one_of(token, &AFTER_TERM)))
}
