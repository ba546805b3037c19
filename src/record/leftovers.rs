//! Finds what code leaves on a connection that somebody else uses next, as one that goes back to its pool.
//!
//! A setting is left if it has another value than the one with which the connection was set up: by the driver when it was
//! opened, or else by the profile. SQLite compares the two, so that `OFF`, `0` and `false` are the same.

use crate::check::shown;
use crate::db::Address;
use crate::error::Result;
use crate::order::{Order as _, SortedMap};
use crate::own;
use crate::sql::{Cursor, same_name, setting, tokens};
use crate::trace::Query;

/// Something that is left on a connection.
pub(super) struct Leftover<'q> {
    pub(super) kind: LeftoverKind,
    /// The statement that made it.
    pub(super) query: &'q Query,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LeftoverKind {
    Transaction,
    Setting,
    AttachedDatabase,
    TemporaryObject,
}

/// The settings that the next user does not meet: of the transaction, of ANALYZE, of the whole process.
const NOT_LEFT: [&str; 3] = ["defer_foreign_keys", "analysis_limit", "temp_store_directory"];

/// Returns what `queries` have left behind, in the order in which it was made.
pub(super) fn find<'q>(queries: &'q [Query], by_drivers: &'q [Query], address: &Address) -> Result<Vec<Leftover<'q>>> {
    let mut connections: SortedMap<usize, Left<'q>> = SortedMap::new();
    for query in by_drivers {
        let left = connections.get_or_default(query.connection());
        left.is_closed |= query.is_before_close();
        if let Some(set) = setting(query.sql()) {
            left.set_up.push((set.name, query));
        }
    }
    for query in queries {
        connections.get_or_default(query.connection()).take_in(query);
    }
    let mut found = Vec::new();
    for left in connections.into_values() {
        // What is in a transaction is lost when its connection is closed. All else is gone then, and nobody gets it.
        found.extend(left.transaction.map(|query| Leftover { kind: LeftoverKind::Transaction, query }));
        if left.is_closed {
            continue;
        }
        for (name, query) in &left.set {
            if differs(address, name, left.set_up_by(name), query)? {
                found.push(Leftover { kind: LeftoverKind::Setting, query });
            }
        }
        found.extend(left.made.into_iter().map(|made| Leftover { kind: made.kind, query: made.query }));
    }
    found.order_by_key(|left| queries.iter().position(|query| std::ptr::eq(query, left.query)));
    Ok(found)
}

/// The things that are left on one connection.
#[derive(Default)]
struct Left<'q> {
    /// The statement that has begun the transaction which is open.
    transaction: Option<&'q Query>,
    /// The statements about settings when the connection was set up, and the last one about each later.
    set_up: Vec<(&'static str, &'q Query)>,
    set: Vec<(&'static str, &'q Query)>,
    made: Vec<Made<'q>>,
    is_closed: bool,
}

/// A database that was attached, or a temporary table, view, index or trigger.
struct Made<'q> {
    kind: LeftoverKind,
    name: String,
    query: &'q Query,
    /// True until the transaction in which it was made is over.
    is_in_transaction: bool,
}

impl<'q> Left<'q> {
    fn set_up_by(&self, name: &str) -> Option<&'q Query> {
        self.set_up.iter().rev().find(|(known, _)| *known == name).map(|(_, query)| *query)
    }

    fn take_in(&mut self, query: &'q Query) {
        self.is_closed |= query.is_before_close();
        if !query.leaves_transaction() {
            self.transaction = None;
        } else if !query.is_in_transaction() {
            self.transaction = Some(query);
        }
        if let Some(set) = setting(query.sql()).filter(|set| set.is_of_connection && set.value.is_some()) {
            // SQLite ignores it within a transaction.
            let is_ignored = set.name == "foreign_keys" && query.is_in_transaction();
            if !is_ignored && !NOT_LEFT.contains(&set.name) {
                self.set.retain(|(name, _)| *name != set.name);
                self.set.push((set.name, query));
            }
        }
        let rolls_back = query.keyword() == "ROLLBACK" && !query.leaves_transaction();
        self.made.retain(|made| !(rolls_back && made.is_in_transaction));
        match made(query.sql()) {
            Some((kind, name, true)) => {
                self.made.retain(|made| !(made.kind == kind && same_name(&made.name, &name)));
                let is_in_transaction = query.is_in_transaction();
                self.made.push(Made { kind, name, query, is_in_transaction });
            }
            Some((kind, name, false)) => {
                self.made.retain(|made| !(made.kind == kind && same_name(&made.name, &name)));
            }
            None => {}
        }
        if !query.leaves_transaction() {
            self.made.iter_mut().for_each(|made| made.is_in_transaction = false);
        }
    }
}

/// Returns what a statement attaches or makes for its connection alone, or with false what it detaches or drops.
fn made(sql: &str) -> Option<(LeftoverKind, String, bool)> {
    let tokens = tokens(sql);
    let mut cursor = Cursor::new(&tokens);
    if cursor.take("ATTACH") {
        cursor.skip_to(|token| token.is("AS"));
        cursor.take("AS");
        return Some((LeftoverKind::AttachedDatabase, cursor.name()?, true));
    }
    if cursor.take("DETACH") {
        cursor.take("DATABASE");
        return Some((LeftoverKind::AttachedDatabase, cursor.name()?, false));
    }
    let is_made = cursor.take("CREATE");
    if !is_made && !cursor.take("DROP") {
        return None;
    }
    let mut is_temporary = cursor.take("TEMP") || cursor.take("TEMPORARY");
    // A unique or a virtual one.
    cursor.skip_to(|token| ["TABLE", "VIEW", "INDEX", "TRIGGER"].iter().any(|word| token.is(word)));
    cursor.next()?;
    if cursor.take("IF") {
        cursor.take("NOT");
        cursor.take("EXISTS");
    }
    let mut name = cursor.name()?;
    if cursor.take_symbol(".") {
        is_temporary |= same_name(&name, "temp");
        name = cursor.name()?;
    }
    // What is dropped may be temporary without a word.
    (is_temporary || !is_made).then_some((LeftoverKind::TemporaryObject, name, is_made))
}

/// Returns true if a setting has another value after `later` than after `set_up`, or with the profile.
fn differs(address: &Address, name: &str, set_up: Option<&Query>, later: &Query) -> Result<bool> {
    let _own = own::statements();
    let connection = address.connect()?;
    let value = || connection.query_row(&format!("PRAGMA {name}"), [], |row| row.get_ref(0).map(shown));
    let run = |query: &Query| drop(connection.execute_batch(query.sql()));
    set_up.into_iter().for_each(run);
    let before = value();
    run(later);
    Ok(value() != before)
}
