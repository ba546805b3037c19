//! Whether a plan stays the same whatever ANALYZE finds.

use rusqlite::Connection;

use super::catalog::Catalog;
use super::statistics::empty_copy;
use super::tree::{self, Access, AccessPath};
use super::{Plan, refused, try_explain};
use crate::error::{Error, ErrorKind, Result, or_panic};
use crate::schema::{Count, StatisticsRows};
use crate::sql::tokens;

/// Large enough that a wrong plan hurts, and small enough for an app on SQLite.
const LARGE: u64 = 1_000_000;

/// Small, and yet as large as it takes: below 40 rows SQLite may scan for what it would search among more.
const SMALL: u64 = 100;

/// Asserts that SQLite runs a statement by the same plan under different statistics: none; small tables; large ones with
/// selective indexes; large ones with indexes whose first columns say little, all of them or one at a time; one table
/// large and the others small, and the other way round; and those that the database has.
///
/// A plan that stands all of that will not change on a morning after `PRAGMA optimize`. One that does not is not wrong: it
/// says that it depends on what ANALYZE finds, and so that a test should plan under production's
/// ([`Template::stats`](crate::Template::stats)).
///
/// Two indexes that are searched by the same columns make one plan. Plans are made on an empty copy of the schema, where
/// functions of the app are unknown and parameters have no values. Only the statement's own plan counts, not those of triggers and foreign keys.
///
/// ```
/// use sqlitmus::{Template, plan::assert_plan_stable};
///
/// static APP: Template = Template::new("fixtures/shop/migrations");
/// assert_plan_stable(&APP.in_memory(), "SELECT id FROM orders WHERE customer_id = ?1 AND status = 'open'");
/// ```
///
/// # Panics
/// When there are several plans, or when the statement cannot be explained.
#[track_caller]
pub fn assert_plan_stable(connection: &Connection, sql: &str) {
    or_panic(try_assert_plan_stable(connection, sql));
}

/// Like [`assert_plan_stable`], without the panic.
///
/// # Errors
/// When there are several plans, or when the statement cannot be explained.
pub fn try_assert_plan_stable(connection: &Connection, sql: &str) -> Result<()> {
    let sql = refused::only_statement(sql)?;
    // What the user's connection refuses is said in its words.
    let catalog = try_explain(connection, sql)?.catalog;
    let cases = cases(&catalog, sql)?;
    let plans = plans(&catalog, sql, &cases)?;
    if plans.len() == 1 { Ok(()) } else { Err(failure(&catalog, sql, &cases, &plans)) }
}

/// Statistics that a database could have.
struct Case {
    name: String,
    rows: StatisticsRows,
}

/// A plan, and the names of the cases in which it is chosen.
struct Chosen {
    plan: Plan,
    work: String,
    under: Vec<String>,
}

/// A table or an index that ANALYZE would count.
#[derive(Clone)]
struct Counted {
    table: String,
    /// As ANALYZE names it.
    index: Option<String>,
    columns: usize,
    unique: bool,
    partial: bool,
    /// The first column; none where it is an expression.
    first: Option<String>,
    /// Whether the first column alone is a key of the table.
    first_is_key: bool,
    /// Whether the first column is that of an index of several, as a type is. What is the only column of its indexes says
    /// more.
    first_of_several: bool,
    /// The table to which the first column refers by itself.
    parent: Option<String>,
}

/// What the first column of an index is like in a large table.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    Selective,
    Unselective,
}

/// The distinct plans, in the order in which they are found.
fn plans(catalog: &Catalog, sql: &str, cases: &[Case]) -> Result<Vec<Chosen>> {
    let bench = empty_copy(catalog, sql)?;
    let mut plans: Vec<Chosen> = Vec::new();
    for case in cases {
        // SQLite keeps the size of a table that it is told nothing more of, so nothing is loaded before the first case.
        if !case.rows.is_empty() {
            case.rows.load(&bench.connection).map_err(|error| Error::sqlite("the statistics", error))?;
        }
        let plan = try_explain(&bench.connection, sql)?;
        let work = work(&plan);
        match plans.iter_mut().find(|chosen| chosen.work == work) {
            Some(chosen) => chosen.under.push(case.name.clone()),
            None => plans.push(Chosen { plan, work, under: vec![case.name.clone()] }),
        }
    }
    Ok(plans)
}

/// A plan without the names of indexes that are searched: by the same columns, one finds the same rows as the other, and
/// which of the two it is, SQLite decides by their width.
fn work(plan: &Plan) -> String {
    let mut text = plan.normalized();
    for access in plan.lines().filter_map(|node| node.access()) {
        if let Access { path: AccessPath::Index { name, .. }, constraint: Some(_), .. } = access {
            text = text.replace(&format!(" INDEX {name} ("), " INDEX (");
        }
    }
    text
}

fn cases(catalog: &Catalog, sql: &str) -> Result<Vec<Case>> {
    let refused = |error| Error::sqlite("to read the schema", error);
    let bench = empty_copy(catalog, sql)?;
    let counted = counted(&bench.connection).map_err(refused)?;
    let base = try_explain(&bench.connection, sql)?;
    let own = catalog.statistics.clone();

    let mut cases = vec![Case { name: "without statistics".to_owned(), rows: StatisticsRows::default() }];
    // Second, for it may be silent about some tables.
    if !own.is_empty() {
        cases.push(Case { name: "with the statistics of this database".to_owned(), rows: own });
    }
    let mut add = |name: &str, size: &dyn Fn(&str) -> u64, shape: &dyn Fn(&Counted) -> Shape| {
        let rows = counted.iter().map(|one| one.count(size(&one.table), shape(one))).collect();
        let rows = StatisticsRows { counts: rows, samples: Vec::new() };
        cases.push(Case { name: name.to_owned(), rows });
    };
    let selective = |_: &Counted| Shape::Selective;
    add("all tables small", &|_| SMALL, &selective);
    add("all tables large, indexes selective", &|_| LARGE, &selective);
    // A column that refers to many rows alike refers to few: its parent cannot be large.
    let beside = |is_unselective: &dyn Fn(&Counted) -> bool, table: &str| {
        let is_parent = |one: &Counted| one.parent.as_deref().is_some_and(|parent| parent.eq_ignore_ascii_case(table));
        match counted.iter().any(|one| !one.first_is_key && is_unselective(one) && is_parent(one)) {
            true => SMALL,
            false => LARGE,
        }
    };
    let size = |table: &str| beside(&|_| true, table);
    add("all tables large, first columns of indexes unselective", &size, &|_| Shape::Unselective);

    let mut tables: Vec<&str> = Vec::new();
    let mut columns: Vec<(&str, &str)> = Vec::new();
    for node in base.lines() {
        if let Some(table) = node.table.as_deref().filter(|table| !tables.contains(table)) {
            tables.push(table);
        }
        let Some(Access { path: AccessPath::Index { name, .. }, .. }) = node.access() else { continue };
        let index = counted.iter().find(|one| one.index.as_deref() == Some(name) && !one.first_is_key);
        if let Some(Counted { table, first: Some(first), .. }) = index
            && !columns.contains(&(table, first))
        {
            columns.push((table, first));
        }
    }
    // A column is alike in all indexes that it leads: ANALYZE would not count it in two ways.
    for (table, column) in columns {
        let is_it = |one: &Counted| one.table == table && one.first.as_deref() == Some(column);
        let shape = |one: &Counted| if is_it(one) { Shape::Unselective } else { Shape::Selective };
        let size = |table: &str| beside(&is_it, table);
        add(&format!("all tables large, {table}.{column} unselective"), &size, &shape);
    }
    if tables.len() > 1 {
        for table in &tables {
            let size = |name: &str| if name.eq_ignore_ascii_case(table) { LARGE } else { SMALL };
            add(&format!("{table} large, the others small"), &size, &selective);
        }
    }
    // Of two, one is small where the other is large.
    if tables.len() > 2 {
        for table in &tables {
            let size = |name: &str| if name.eq_ignore_ascii_case(table) { SMALL } else { LARGE };
            add(&format!("{table} small, the others large"), &size, &selective);
        }
    }
    Ok(cases)
}

impl Counted {
    /// The row of sqlite_stat1: how many rows, and how many of them share the first column, the first two, and so on.
    fn count(&self, rows: u64, shape: Shape) -> Count {
        let rows = if self.partial { rows / 10 } else { rows };
        let selective = if rows > SMALL { 20 } else { 4 };
        let mut alike = match shape {
            _ if self.first_is_key => 1,
            Shape::Selective => selective,
            Shape::Unselective if self.first_of_several => rows / 4,
            Shape::Unselective => rows / 100,
        };
        let mut stat = rows.to_string();
        for column in 1..=self.columns {
            if column == self.columns && self.unique {
                alike = 1;
            }
            stat.push_str(&format!(" {}", alike.max(1)));
            alike = alike.min(selective).div_ceil(2);
        }
        Count::new(&self.table, self.index.as_deref(), stat)
    }
}

/// What ANALYZE would count; each table once more by itself, so that SQLite knows its size whatever its indexes are.
fn counted(connection: &Connection) -> rusqlite::Result<Vec<Counted>> {
    let sql = "SELECT t.name, i.name, i.\"unique\", i.partial, (SELECT count(*) FROM pragma_index_info(i.name)),
                      EXISTS (SELECT 1 FROM main.sqlite_master AS m WHERE m.type = 'index' AND m.name = i.name),
                      (SELECT name FROM pragma_index_info(i.name) WHERE seqno = 0),
                      (SELECT f.\"table\" FROM pragma_foreign_key_list(t.name, 'main') AS f
                       WHERE f.\"from\" = (SELECT name FROM pragma_index_info(i.name) WHERE seqno = 0) COLLATE NOCASE
                         AND f.id NOT IN (SELECT id FROM pragma_foreign_key_list(t.name, 'main') WHERE seq > 0)
                       LIMIT 1)
               FROM main.sqlite_master AS t LEFT JOIN pragma_index_list(t.name, 'main') AS i
               WHERE t.type = 'table' AND t.rootpage > 0 AND lower(substr(t.name, 1, 7)) <> 'sqlite_'
               ORDER BY t.name, i.name";
    let mut query = connection.prepare(sql)?;
    let mut rows = query.query([])?;
    let mut counted: Vec<Counted> = Vec::new();
    while let Some(row) = rows.next()? {
        let table: String = row.get(0)?;
        let mut one = Counted {
            table: table.clone(),
            index: None,
            columns: 0,
            unique: false,
            partial: false,
            first: None,
            first_is_key: false,
            first_of_several: false,
            parent: None,
        };
        let Some(index) = row.get::<_, Option<String>>(1)? else {
            counted.push(one);
            continue;
        };
        if counted.last().is_none_or(|last| last.table != table) {
            counted.push(one.clone());
        }
        // The primary key of a table WITHOUT ROWID is the table, and in no list of objects.
        one.index = Some(if row.get(5)? { index } else { table });
        one.columns = usize::try_from(row.get::<_, i64>(4)?).unwrap_or_default();
        (one.unique, one.partial, one.first, one.parent) = (row.get(2)?, row.get(3)?, row.get(6)?, row.get(7)?);
        counted.push(one);
    }
    let facts: Vec<(bool, bool)> = counted
        .iter()
        .map(|one| {
            let alike = || counted.iter().filter(|other| other.table == one.table && other.first == one.first);
            let is_key = alike().any(|other| other.unique && other.columns == 1 && !other.partial);
            (one.first.is_some() && is_key, alike().any(|other| other.columns > 1))
        })
        .collect();
    for (one, (is_key, of_several)) in counted.iter_mut().zip(facts) {
        (one.first_is_key, one.first_of_several) = (is_key, of_several);
    }
    Ok(counted)
}

fn failure(catalog: &Catalog, sql: &str, cases: &[Case], plans: &[Chosen]) -> Error {
    let headline = format!("the plan depends on statistics: {} plans under {} of them", plans.len(), cases.len());
    let mut error = Error::new(ErrorKind::Plan, headline).sql(sql);
    let first: Vec<&str> = plans[0].plan.lines().map(|node| node.text.as_str()).collect();
    for (number, chosen) in (1..).zip(plans) {
        let lines = tree::walk(&chosen.plan.nodes).into_iter().map(|(depth, node)| {
            let mark = if first.contains(&node.text.as_str()) { "" } else { "> " };
            format!("{mark}{}", tree::line(depth, &node.text))
        });
        let mut lines: Vec<String> = lines.collect();
        lines.push(String::new());
        lines.extend(chosen.under.iter().map(|name| format!("- {name}")));
        error = error.evidence(format!("plan {number}"), lines.join("\n"));
    }
    if let Some(rewritten) = cross_joins(sql) {
        let scans = |plan: &Plan| plan.lines().filter(|node| node.scan.is_some()).count();
        let fixed = self::plans(catalog, &rewritten, cases).ok();
        if let Some([one]) = fixed.as_deref()
            && plans.iter().all(|chosen| scans(&one.plan) <= scans(&chosen.plan))
        {
            error = error.help(format!(
                "CROSS JOIN keeps the tables in the order in which they are written; tried: one plan under all {}\n{rewritten}",
                cases.len()
            ));
        }
    }
    error.note("which of them production runs, its own statistics decide: Template::stats plans under them in tests")
}

/// The statement with CROSS JOIN for each inner join that is written with JOIN; none where there is no such.
fn cross_joins(sql: &str) -> Option<String> {
    const KINDS: [&str; 6] = ["LEFT", "RIGHT", "FULL", "OUTER", "CROSS", "NATURAL"];
    let tokens = tokens(sql);
    let mut text = String::new();
    let mut copied = 0;
    for (at, token) in tokens.iter().enumerate().filter(|(_, token)| token.is("JOIN")) {
        let before = at.checked_sub(1).map(|at| &tokens[at]);
        if before.is_some_and(|before| KINDS.iter().any(|kind| before.is(kind))) {
            continue;
        }
        let start = before.filter(|before| before.is("INNER")).map_or(token.start, |inner| inner.start);
        text.push_str(&sql[copied..start]);
        text.push_str("CROSS JOIN");
        copied = token.end();
    }
    text.push_str(&sql[copied..]);
    (copied > 0).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::cross_joins;

    #[test]
    fn only_inner_joins_are_rewritten() {
        let rewritten = |sql: &str| cross_joins(sql);
        assert_eq!(
            rewritten("SELECT 'JOIN' FROM a JOIN b ON x LEFT JOIN c inner  join d").as_deref(),
            Some("SELECT 'JOIN' FROM a CROSS JOIN b ON x LEFT JOIN c CROSS JOIN d")
        );
        assert_eq!(rewritten("SELECT 1 FROM a, b LEFT OUTER JOIN c"), None);
    }
}
