//! Finds the queries that go through many rows for each one that they use.
//!
//! An aggregate returns one row by design, so what counts is how many rows it is given. No counter tells. Such a query
//! therefore runs once more, on a copy, with a function around the argument of each aggregate that counts its calls.

use super::failure;
use super::group::Group;
use super::recount::Recount;
use super::row_counts::{RowCounts, TriedIndex, UnselectiveQuery};
use crate::db::Address;
use crate::error::{Refusal, Result};
use crate::order::Order as _;
use crate::plan::try_explain;
use crate::schema::{Schema, Table};
use crate::sql::{self, Name, Token, plain_name, plain_names, tokens};

/// Fails if a query examines more than `most` rows for each one that it uses.
pub(super) fn check(groups: Vec<Group<'_>>, address: &Address, most: f64) -> Result<()> {
    let mut found: Vec<UnselectiveQuery<'_>> = Vec::new();
    let mut recount = None;
    for group in groups {
        let mut counts = RowCounts::sum(group.queries.iter().map(|query| RowCounts::of(query, 0)));
        if !sql::has_a_plan(&group.queries[0].keyword()) || counts.ratio() <= most {
            continue;
        }
        let recount = match &mut recount {
            Some(recount) => recount,
            none => none.insert(Recount::on_a_copy(address)?),
        };
        match recount.of(&group) {
            Ok(None) => {}
            Ok(Some(again)) => counts = again,
            Err(error) => {
                let says = Refusal::text(&error);
                return Err(
                    failure::unknown(&group, "a query with an aggregate cannot be run again", &says).because(error)
                );
            }
        }
        if counts.ratio() > most {
            let index = tried_index(recount, group.texts()[0].1, most);
            found.push(UnselectiveQuery { group, counts, index });
        }
    }
    found.order_by(|one, other| other.counts.ratio().total_cmp(&one.counts.ratio()));
    if found.is_empty() { Ok(()) } else { Err(failure::unselective(&found, &address.connect()?, most)) }
}

/// The number of indexes that are tried for a query.
const MOST_TRIED: usize = 16;

/// Returns the index with which the query examines the fewest rows on the copy, if they are few enough.
fn tried_index(recount: &mut Recount, sql: &str, most: f64) -> Option<TriedIndex> {
    let schema = Schema::read(&recount.connection).ok()?;
    let mut best: Option<TriedIndex> = None;
    for (table, columns) in candidates(recount, &schema, sql).into_iter().take(MOST_TRIED) {
        let names: Vec<&str> = columns.iter().map(Name::as_str).collect();
        let name = schema.free_name(&table, &names, &[]);
        let create = format!(
            "CREATE INDEX {} ON {}({});",
            plain_name(&name),
            plain_name(&table),
            plain_names(names.into_iter())
        );
        if recount.connection.execute_batch(&format!("SAVEPOINT sqlitmus_index; {create}")).is_err() {
            continue;
        }
        let counts = recount.of_text(sql).ok();
        let _ = recount.connection.execute_batch("ROLLBACK TO sqlitmus_index; RELEASE sqlitmus_index");
        let Some(counts) = counts.filter(|counts| counts.ratio() <= most) else { continue };
        if best.as_ref().is_none_or(|best| counts.examined < best.counts.examined) {
            best = Some(TriedIndex { create, counts });
        }
    }
    best
}

/// Returns the columns that the statement names of each table that it reads: each alone, and each behind those that the
/// table is searched by now.
fn candidates(recount: &Recount, schema: &Schema, sql: &str) -> Vec<(Name, Vec<Name>)> {
    let Ok(plan) = try_explain(&recount.connection, sql) else { return Vec::new() };
    let named: Vec<Name> = tokens(sql).iter().filter_map(Token::name).map(Name::from).collect();
    let mut found: Vec<(Name, Vec<Name>)> = Vec::new();
    for node in plan.lines() {
        let Some((table, access)) = node.table.as_deref().and_then(|name| schema.table(name)).zip(node.access()) else {
            continue;
        };
        let searched = searched_columns(access.constraint.as_deref().unwrap_or_default(), table);
        for column in table.columns.iter().map(|column| &column.name).filter(|name| named.contains(name)) {
            let alone = vec![column.clone()];
            let behind: Vec<Name> = searched.iter().filter(|name| *name != column).chain([column]).cloned().collect();
            for columns in [alone, behind] {
                if !found.iter().any(|(of, known)| *of == table.name && *known == columns) {
                    found.push((table.name.clone(), columns));
                }
            }
        }
    }
    // The shorter an index, the less it costs.
    found.order_by_key(|(_, columns)| columns.len());
    found
}

/// Returns the columns that a table is searched by for one value, from `a=? AND b>?`.
fn searched_columns(constraint: &str, table: &Table) -> Vec<Name> {
    let names = constraint.split(" AND ").filter_map(|part| part.strip_suffix("=?"));
    names.filter_map(|name| table.column(name)).map(|column| column.name.clone()).collect()
}
