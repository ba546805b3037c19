//! The texts of failed assertions about queries.

use rusqlite::Connection;

use super::group::{Group, ScanningQuery, groups};
use super::leftovers::{Leftover, LeftoverKind};
use super::row_counts::{RowCounts, UnselectiveQuery};
use crate::error::{Error, ErrorKind};
use crate::order::Order as _;
use crate::plan::{self, SharedAdvice};
use crate::report::count as counted;
use crate::sql::Name;
use crate::trace::{Query, SITES_SHOWN, other_databases};

/// Returns each query once in its normal form, in the order of their first runs, with how many times it ran.
pub(super) fn list(queries: &[Query]) -> String {
    let lines = groups(queries).into_iter().map(|group| match group.queries.len() {
        1 => group.normalized,
        count => format!("{}  -- {count} times", group.normalized),
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// The number of lines of one kind that a failure shows.
const SHOWN: usize = 10;

pub(super) fn count(queries: &[Query], expected: usize, or_fewer: bool) -> Error {
    let ran = if queries.len() == 1 { "1 query".to_owned() } else { format!("{} queries", queries.len()) };
    let headline = match or_fewer {
        true => format!("{ran} ran, but at most {expected} may"),
        false => format!("{ran} ran, not {expected}"),
    };
    let error = Error::new(ErrorKind::Queries, headline);
    if queries.is_empty() { error } else { error.evidence("queries", list(queries)) }
}

/// Says how many statements of drivers no assertion counts.
pub(super) fn not_counted(by_drivers: &[Query]) -> Option<String> {
    match by_drivers.len() {
        0 => None,
        1 => Some("1 statement by which a driver opened or checked a connection is not counted".to_owned()),
        many => Some(format!("{many} statements by which drivers opened or checked connections are not counted")),
    }
}

/// Adds how many statements of drivers were left out, and which.
pub(super) fn left_out(error: Error, by_drivers: &[Query]) -> Error {
    match not_counted(by_drivers) {
        Some(note) => error.evidence(note, list(by_drivers)),
        None => error,
    }
}

/// Returns the report of what is left on connections.
pub(super) fn left_behind(left: &[Leftover<'_>]) -> Error {
    let sql = |left: &Leftover<'_>| one_line(left.query.sql());
    let how = |kind| match kind {
        LeftoverKind::Transaction => "within a transaction",
        LeftoverKind::Setting => "with another setting",
        LeftoverKind::AttachedDatabase => "with an attached database",
        LeftoverKind::TemporaryObject => "with a temporary table",
    };
    let headline = match left {
        [one] => format!("a connection is left {}: {}", how(one.kind), sql(one)),
        [first, ..] => format!("{} things are left on connections, the first {}", left.len(), how(first.kind)),
        [] => String::new(),
    };
    let lines: Vec<String> = left
        .iter()
        .map(|left| format!("connection {} {}: {}", left.query.connection(), how(left.kind), sql(left)))
        .collect();
    let error = Error::new(ErrorKind::Queries, headline).evidence("left behind", shortened(&lines));
    let error = match left.iter().any(|left| left.kind == LeftoverKind::Transaction) {
        true => error.help("COMMIT or ROLLBACK on every path, or use the driver's own transaction, which rolls back when it is dropped"),
        false => error,
    };
    match left.iter().any(|left| left.kind != LeftoverKind::Transaction) {
        true => error
            .help("set it back, DETACH or DROP on every path: a pool hands the connection to the next user as it is"),
        false => error,
    }
}

pub(super) fn repeats(groups: &[Group<'_>], most: usize) -> Error {
    let worst = &groups[0];
    let times = worst.queries.len();
    let what = one_line(&worst.normalized);
    let headline = match groups.len() {
        1 => format!("one query ran {times} times: {what}"),
        count => format!("{count} queries ran more than {}, the worst {times} times: {what}", often(most)),
    };
    let mut error = Error::new(ErrorKind::Queries, headline).sql(&worst.normalized);
    let alike = worst.queries.iter().all(|query| query.expanded() == worst.queries[0].expanded());
    if !alike {
        let values: Vec<String> = worst.queries.iter().map(|query| query.values().join(", ")).collect();
        error = match values.iter().any(|values| !values.is_empty()) {
            true => error.evidence("its values", shortened(&values)),
            // Values that were written into the text are nowhere else.
            false => {
                let texts: Vec<String> = worst.queries.iter().map(|query| query.sql().to_owned()).collect();
                error.evidence("as it ran", shortened(&texts))
            }
        };
    }
    error = ran_at(error, &worst.queries);
    if groups.len() > 1 {
        let others: Vec<String> =
            groups[1..].iter().map(|group| format!("{} times: {}", group.queries.len(), group.normalized)).collect();
        error = error.evidence("and", shortened(&others));
    }
    let help = match (alike, worst.queries[0].reads_only()) {
        (true, true) => "each run has the same values: keep the result of the first",
        (_, true) => "query all of them at once, with IN (…) or a JOIN",
        (_, false) => "change all rows in one statement",
    };
    let most = groups.iter().map(|group| group.queries.len()).max().unwrap_or(most);
    error.help(help).help(format!("if the repeats are intended, allow them: .assert_repeats_at_most({most})"))
}

fn often(most: usize) -> String {
    if most == 1 { "once".to_owned() } else { format!("{most} times") }
}

/// Adds to the report of a plan what a recording knows of its query.
pub(super) fn scan(error: Error, scan: &ScanningQuery<'_>) -> Error {
    let error = error.given(stepped_over(scan.query), |error, stepped| error.note(format!("it {stepped}")));
    ran_at(error, &scan.group.queries)
}

/// Returns what a full scan read behind its first row, if it did.
fn stepped_over(query: &Query) -> Option<String> {
    let steps = query.fullscan_steps();
    (steps > 0).then(|| format!("stepped over {} of a full scan", counted(steps, "row")))
}

/// The number of plans that a report shows.
const PLANS_SHOWN: usize = 5;

/// Returns the report of several queries that scan tables: one line for each, the plans, and the indexes that end the scans.
pub(super) fn scans(scans: &[ScanningQuery<'_>], advice: &SharedAdvice) -> Error {
    let mut tables: Vec<&Name> = Vec::new();
    scans.iter().flat_map(|scan| &scan.tables).for_each(|table| match tables.contains(&table) {
        true => {}
        false => tables.push(table),
    });
    let names: Vec<&str> = tables.iter().map(|table| table.as_str()).collect();
    let headline = format!("{} queries scan whole tables: {}", scans.len(), names.join(", "));
    let lines = scans.iter().map(|scan| {
        let tables: Vec<&str> = scan.tables.iter().map(Name::as_str).collect();
        format!("{}: {}", tables.join(", "), one_line(&scan.group.normalized))
    });
    let mut error = Error::new(ErrorKind::Queries, headline).evidence("queries", lines.collect::<Vec<_>>().join("\n"));
    for scan in scans.iter().take(PLANS_SHOWN) {
        let plan: Vec<String> =
            scan.plan.marked_lines().iter().map(|line| line.strip_prefix("  ").unwrap_or(line).to_owned()).collect();
        let stepped = stepped_over(scan.query).map_or_else(String::new, |stepped| format!(", which {stepped}"));
        let label = format!("{}{stepped}", one_line(scan.plan.sql()));
        error = error.evidence(label, plan.join("\n"));
    }
    if scans.len() > PLANS_SHOWN {
        error = error.note(format!("the plans of the first {PLANS_SHOWN} are shown"));
    }
    for index in &advice.indexes {
        let mended = count_of(index.statements.len(), "query", "queries");
        error = error.help(format!("{}   tried: {mended} {} it", index.sql, uses(index.statements.len())));
    }
    if let Some(upkeep) = &advice.upkeep {
        error = error.note(upkeep.to_string());
    }
    let searched = advice.left.iter().filter(|left| !left.scans.is_empty()).count() + advice.unplanned.len();
    let left = searched + advice.unsearched.len();
    if left > 0 && !advice.indexes.is_empty() {
        error = error.note(format!(
            "{} still {}",
            count_of(left, "query", "queries"),
            if left == 1 { "scans" } else { "scan" }
        ));
    }
    if !advice.unsearched.is_empty() {
        let unsearched = count_of(advice.unsearched.len(), "query", "queries");
        error = error.note(format!(
            "no index was searched for {unsearched}, because the others took as many plans as the search may make"
        ));
    }
    if advice.is_cut_short {
        error = error.note("fewer indexes may do: the search for the fewest ended early");
    }
    let allowed: String = names.iter().map(|table| format!(".allow_scan({table:?})")).collect();
    error = error.help(format!("if the scans are meant, say so before: {allowed}.assert_no_scan()"));
    let queries: Vec<&Query> = scans.iter().map(|scan| scan.query).collect();
    ran_at(error, &queries)
}

fn count_of(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

fn uses(queries: usize) -> &'static str {
    if queries == 1 { "uses" } else { "use" }
}

pub(super) fn steps(queries: &[Query], steps: u64, most: u64) -> Error {
    let mut costliest: Vec<&Query> = queries.iter().collect();
    costliest.order_by_key(|query| std::cmp::Reverse(query.steps()));
    let lines: Vec<String> =
        costliest.iter().map(|query| format!("{} steps: {}", query.steps(), query.normalized())).collect();
    Error::new(ErrorKind::Queries, format!("the queries took {steps} steps, but at most {most} are allowed"))
        .evidence("queries", shortened(&lines))
}

/// Returns the report of queries that examine more than `most` rows for each one that they use, the worst first.
pub(super) fn unselective(found: &[UnselectiveQuery<'_>], connection: &Connection, most: f64) -> Error {
    let UnselectiveQuery { group: worst, counts, .. } = &found[0];
    let ratio = counts.ratio();
    let headline = match found.len() {
        1 => format!("a query examines {ratio:.0} rows for each one that it uses, more than {most}"),
        number => {
            format!("{number} queries examine more than {most} rows for each one that they use, the worst {ratio:.0}")
        }
    };
    let (_, text) = worst.texts()[0];
    let error = match plan::try_explain(connection, text) {
        Ok(plan) => plan.failure(headline, &|_| false),
        Err(_) => Error::new(ErrorKind::Queries, headline).sql(text),
    };
    let lines: Vec<String> = found
        .iter()
        .map(|UnselectiveQuery { group, counts, .. }| {
            let RowCounts { examined, used, .. } = counts;
            format!("{} examined, {used} used: {}", counted(*examined, "row"), group.normalized)
        })
        .collect();
    let mut error = ran_at(error.evidence("rows", shortened(&lines)), &worst.queries);
    let mut offered: Vec<&str> = Vec::new();
    for index in found.iter().filter_map(|query| query.index.as_ref()) {
        if !offered.contains(&index.create.as_str()) {
            let RowCounts { examined, used, .. } = index.counts;
            let rows = counted(examined, "row");
            error = error.help(format!("{}   tried: {rows} examined, {used} used", index.create));
            offered.push(&index.create);
        }
    }
    error.help(format!("if so many are meant, allow them: .assert_selective({:.1})", (ratio * 10.0).ceil() / 10.0))
}

pub(super) fn still_running(query: &Query) -> Error {
    Error::new(ErrorKind::Queries, "a query was still running when the recording ended, so its steps are not known")
        .sql(query.sql())
        .help("drop the statement or its rows before the recording ends")
}

/// Why a recording may have missed statements.
#[derive(Clone, Debug)]
pub(super) enum Missed {
    /// The hook of a connection is not the recorder's any more, and did not report this statement.
    Hook(Option<String>),
    /// SQLite's list of automatic extensions was reset, and this statement ran on a connection without a hook.
    Reset(Option<String>),
    /// The recorder's hook was set in place of one of the app's.
    Replaced,
}

pub(super) fn not_complete(missed: &Missed) -> Error {
    let headline = match missed {
        Missed::Hook(_) => "the recording is incomplete: a trace hook of the app has replaced the recorder's",
        Missed::Reset(_) => "the recording is incomplete: sqlite3_reset_auto_extension was called",
        Missed::Replaced => "the recorder has replaced a trace hook that an automatic extension of the app has set",
    };
    let mut error = Error::new(ErrorKind::Queries, headline);
    if let Missed::Hook(Some(sql)) | Missed::Reset(Some(sql)) = missed {
        error = error.evidence("a statement that was not reported", one_line(sql));
    }
    error.help(match missed {
        Missed::Hook(_) => {
            "SQLite has one trace hook per connection: do not set the app's own (Connection::trace, trace_v2) in this test"
        }
        Missed::Replaced => "SQLite has one trace hook per connection: do not register the extension in this process",
        Missed::Reset(_) => {
            "connections that are opened after it have no trace hook: do not call it while a test's database exists"
        }
    })
}

pub(super) fn empty(uri: &str) -> Error {
    let error = Error::new(ErrorKind::Queries, "the recording is empty: no statement ran on the test's database");
    why_empty(error, uri).help("if nothing has to run, say so before: .allow_none()")
}

/// Adds what the likely causes of an empty recording are.
pub(super) fn why_empty(error: Error, uri: &str) -> Error {
    let error = error.evidence("the test's database", uri);
    let others = other_databases();
    let error = match others.is_empty() {
        true => error,
        false => error.evidence("other databases that this process opened last", others.join("\n")),
    };
    error
        .help("let the code open this database, by TestDb::uri or TestDb::path: another one, or `:memory:`, is not recorded")
        .help("let the code run while the recording does: what ran before it began, or on a thread after it ended, is not in it")
}

/// A name that no table has, and the table that was probably meant.
pub(super) type UnknownTable<'a> = (&'a str, Option<String>);

/// The use of a table by a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    Reads,
    Writes,
}

/// Reports a table that is not among the `allowed` ones, of which those that are `unknown` do not exist.
pub(super) fn table(
    group: &Group<'_>,
    access: Access,
    table: &str,
    (allowed, unknown): (&[&str], &[UnknownTable<'_>]),
) -> Error {
    let (verb, participle) = match access {
        Access::Reads => ("reads", "read"),
        Access::Writes => ("writes", "written"),
    };
    let only = if allowed.is_empty() { "no table".to_owned() } else { format!("only {}", allowed.join(", ")) };
    let named: Vec<&str> =
        allowed.iter().copied().filter(|name| !unknown.iter().any(|(other, _)| other == name)).chain([table]).collect();
    let mut error = Error::new(ErrorKind::Queries, format!("a query {verb} {table}, but {only} may be {participle}"))
        .sql(group.queries[0].sql());
    for (name, near) in unknown {
        error = error.help(match near {
            Some(near) => format!("there is no table {name}: did you mean {near}?"),
            None => format!("there is no table {name}"),
        });
    }
    let too = if named.len() > 1 { " too" } else { "" };
    let error = error.help(format!("if it is meant, name the table{too}: .assert_only_{verb}(&{named:?})"));
    ran_at(error, &group.queries)
}

pub(super) fn unknown(group: &Group<'_>, what: &str, says: &str) -> Error {
    let headline = format!("{what}: {}", one_line(&group.normalized));
    let error = Error::new(ErrorKind::Queries, headline).sql(group.queries[0].sql()).evidence("SQLite says", says);
    ran_at(error, &group.queries)
}

/// Adds the lines of the app that ran these queries, if they are known.
pub(super) fn ran_at(error: Error, queries: &[&Query]) -> Error {
    let mut sites: Vec<String> = Vec::new();
    for site in queries.iter().take(SITES_SHOWN).filter_map(|query| query.call_site()) {
        if !sites.contains(&site) {
            sites.push(site);
        }
    }
    match sites.is_empty() {
        // With a backtrace, no line of the app was on the stack: it was run on a thread of the driver.
        true if queries.iter().any(|query| query.has_backtrace() || query.is_on_thread_of_sqlx()) => error,
        true => error.note("RUST_BACKTRACE=1 shows the lines that ran it"),
        false => error.evidence("run at", sites.join("\n")),
    }
}

fn shortened(lines: &[String]) -> String {
    first(lines.iter().map(|line| one_line(line)), SHOWN).join("\n")
}

/// Returns the first lines, and how many more there are.
pub(super) fn first(lines: impl ExactSizeIterator<Item = String>, most: usize) -> Vec<String> {
    let count = lines.len();
    let mut shown: Vec<String> = lines.take(most).collect();
    if count > most {
        shown.push(format!("… and {} more", count - most));
    }
    shown
}

/// Returns the text on one line, cut if it is long.
pub(super) fn one_line(text: &str) -> String {
    const MOST: usize = 120;
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}
