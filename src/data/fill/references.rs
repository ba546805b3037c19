//! What the foreign keys of a table refer to: rows of this fill, rows that are there, or the table itself.

use rusqlite::Connection;

use crate::data::fill::plan::{How, Parent, Plan, Reference, Request};
use crate::data::fill::{asked, meeting, order};
use crate::data::values::value_buf::ValueBuf;
use crate::draw::named;
use crate::error::{Error, Result};
use crate::schema::{ForeignKey, IndexedExpr, Schema, Table};
use crate::sql::{Name, listed};

#[expect(clippy::too_many_arguments, reason = "what is known of the table so far")]
pub(super) fn references(
    connection: &Connection,
    schema: &Schema,
    request: &Request<'_>,
    plans: &[Plan],
    later: &[usize],
    seed: u64,
    names: &[String],
    fixed: &[Option<How>],
) -> Result<Vec<Reference>> {
    let table = &schema.tables[request.table];
    let at = |name: &str| names.iter().position(|own| own.eq_ignore_ascii_case(name));
    let places = |names: &[Name]| names.iter().map(|name| at(name)).collect::<Option<Vec<usize>>>();
    let may_be_null = |column: &usize| order::may_be_null(table, &names[*column]);
    let gather = meeting::columns(schema, request.table);
    let mut found: Vec<Reference> = Vec::new();
    for key in in_order(schema, request.table) {
        let Some(mut columns) = places(&key.columns) else { continue };
        let is_set = |column: &usize| fixed[*column].is_some();
        let is_taken = |column: &usize| is_set(column) || found.iter().any(|other| other.columns.contains(column));
        // What a closure says is known only behind all keys.
        let is_late = |column: &usize| matches!(fixed[*column], Some(How::With(_)));
        if columns.iter().all(is_taken) || columns.iter().any(is_late) {
            continue;
        }
        let parent = order::parent(schema, key);
        let mut parent_columns = parent_columns(schema, parent, key);
        let each = request.each.filter(|(of, ..)| Some(*of) == parent).map(|(_, low, high)| (low, high));
        let mut among = None;
        let mut of = match (parent, &parent_columns) {
            (Some(parent), Some(names)) if parent == request.table => {
                places(names).map_or(Parent::Missing, |columns| Parent::Own { columns })
            }
            (Some(parent), Some(names)) => match plans.iter().position(|plan| plan.table == parent && plan.count > 0) {
                Some(at) => {
                    let columns = names.iter().map(|name| plans[at].column(name)).collect::<Option<Vec<usize>>>();
                    let first = match columns.as_deref() {
                        Some([only]) => plans[at].columns[*only].first.len(),
                        _ => 0,
                    };
                    // Those that a CHECK takes may be there before: what migrations put into a table of kinds.
                    let fitting = match &key.columns[..] {
                        [own] if first > 0 => {
                            asked::fitting(connection, table, own, &schema.tables[parent], &names[0])?
                        }
                        _ => Vec::new(),
                    };
                    among = (first > 0).then_some(first as u64);
                    match columns {
                        _ if !fitting.is_empty() => Parent::There { keys: fitting },
                        Some(columns) => Parent::Made { plan: at, columns },
                        None => Parent::Missing,
                    }
                }
                None if later.contains(&parent) => Parent::Later { table: parent },
                None => {
                    let keys = there(connection, &schema.tables[parent], names)?;
                    if keys.is_empty() { Parent::Missing } else { Parent::There { keys } }
                }
            },
            _ => Parent::Missing,
        };
        let mut loose: Vec<usize> = columns.iter().copied().filter(may_be_null).collect();
        let is_partly_null = !loose.is_empty() && loose.len() < columns.len();
        let mut known: Vec<usize> = columns.iter().copied().filter(is_taken).collect();
        match &of {
            // There is nothing to refer to: the other columns are like any.
            Parent::Missing | Parent::Later { .. } if is_partly_null => {
                (of, columns, parent_columns) = (Parent::Missing, loose.clone(), None);
                known.clear();
            }
            Parent::Own { .. } if is_partly_null => {
                known = columns.iter().copied().filter(|column| is_taken(column) || !may_be_null(column)).collect();
            }
            _ => {}
        }
        let may_be_null = !loose.is_empty();
        if loose.iter().any(|column| !known.contains(column)) {
            loose.retain(|column| !known.contains(column));
        }
        if loose.is_empty() {
            loose.clone_from(&columns);
        }
        let is_there = matches!(of, Parent::There { .. });
        let gathered = match (&columns[..], &of) {
            ([only], Parent::Made { .. }) if gather.contains(&names[*only]) => Some(request.rows.isqrt().max(1)),
            _ => None,
        };
        let shown = format!("FOREIGN KEY ({}) REFERENCES {}", listed(&key.columns), key.parent);
        found.push(Reference {
            key: named(named(seed, "parent of"), &listed(&key.columns).replace(", ", ",").to_ascii_lowercase()),
            columns,
            parent_columns: parent_columns.unwrap_or_default(),
            parent: of,
            nulls: 0,
            place: None,
            each,
            shown,
            loose,
            may_be_null,
            known,
            overrules: false,
            among: among.filter(|_| !is_there),
            gathered,
        });
    }
    Ok(found)
}

/// The foreign keys of a table, those first that choose for others: a key of several columns for those of single ones among
/// them. In a tree of each tenant's the tenant comes first, for a root has one too.
fn in_order(schema: &Schema, at: usize) -> Vec<&ForeignKey> {
    let table = &schema.tables[at];
    let may_be_null = |name: &Name| order::may_be_null(table, name);
    let is_tree = |key: &ForeignKey| {
        order::parent(schema, key) == Some(at)
            && key.columns.iter().any(may_be_null)
            && !key.columns.iter().all(may_be_null)
    };
    let of_trees: Vec<&Name> = table
        .foreign_keys
        .iter()
        .filter(|key| is_tree(key))
        .flat_map(|key| &key.columns)
        .filter(|name| may_be_null(name))
        .collect();
    let mut keys: Vec<&ForeignKey> = table.foreign_keys.iter().collect();
    keys.sort_by_key(|key| {
        let is_within = key.columns.iter().any(|name| of_trees.contains(&name));
        (is_tree(key) || is_within, !is_tree(key), std::cmp::Reverse(key.columns.len()))
    });
    keys
}

/// The columns that a key refers to.
pub(crate) fn parent_columns(schema: &Schema, parent: Option<usize>, key: &ForeignKey) -> Option<Vec<Name>> {
    let parent = &schema.tables[parent?];
    if let Some(columns) = &key.parent_columns {
        return Some(columns.clone());
    }
    let terms = &parent.primary_key.as_ref()?.terms;
    let columns: Vec<Name> = terms
        .iter()
        .filter_map(|term| match &term.what {
            IndexedExpr::Column(name) => Some(name.clone()),
            _ => None,
        })
        .collect();
    (columns.len() == key.columns.len()).then_some(columns)
}

/// The columns of a table to which columns of others refer that may not be NULL: a row without a value there is nobody's
/// parent. Whether the others are filled too makes no difference.
pub(super) fn never_null_in_children(schema: &Schema, parent: usize) -> Vec<Name> {
    let mut found = Vec::new();
    for table in &schema.tables {
        for key in table.foreign_keys.iter().filter(|key| key.parent == schema.tables[parent].name) {
            let theirs = parent_columns(schema, Some(parent), key).unwrap_or_default();
            let not_null = key.columns.iter().zip(theirs).filter(|(own, _)| !order::may_be_null(table, own));
            found.extend(not_null.map(|(_, theirs)| theirs));
        }
    }
    found
}

/// More keys of rows that are there are not read.
const MOST_KEYS: usize = 100_000;

pub(super) fn there(connection: &Connection, parent: &Table, columns: &[Name]) -> Result<Vec<Vec<ValueBuf>>> {
    let list = crate::sql::plain_names(columns.iter().map(Name::as_str));
    let given: Vec<String> =
        columns.iter().map(|name| format!("{} IS NOT NULL", crate::sql::plain_name(name))).collect();
    let sql = format!(
        "SELECT {list} FROM main.{} WHERE {} ORDER BY {list} LIMIT {MOST_KEYS}",
        crate::sql::plain_name(&parent.name),
        given.join(" AND ")
    );
    let read = || -> rusqlite::Result<Vec<Vec<ValueBuf>>> {
        let mut statement = connection.prepare(&sql)?;
        let mut rows = statement.query([])?;
        let mut keys = Vec::new();
        while let Some(row) = rows.next()? {
            let mut key = Vec::with_capacity(columns.len());
            for index in 0..columns.len() {
                let mut made = ValueBuf::default();
                made.set(row.get_ref(index)?);
                key.push(made);
            }
            keys.push(key);
        }
        Ok(keys)
    };
    read().map_err(|error| Error::sqlite(format!("read the keys of {}", parent.name), error).sql(&sql))
}
