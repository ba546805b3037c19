//! Tells what drivers run by themselves, to open or to check a connection, from what the app runs.
//!
//! - **Opening**: the PRAGMAs about settings that a connection runs first. Only one that the app opened during the recording:
//!   elsewhere they are the app's.
//! - **Checking**: a pool asks whether a connection that it hands out still works, by a `SELECT` of one literal or parameter
//!   outside of a transaction. What the app wants the connection for comes right behind it. So of two such statements the
//!   second one is the app's, and so is one that nothing follows.
//! - **Closing**: `PRAGMA optimize` as the last statement before the close, where the connection was used for something else.

use std::collections::HashMap;

use crate::sql::{TokenKind, setting, tokens};
use crate::trace::Query;

/// Returns the queries of the app, and those of drivers. No driver is behind `ours`, the connections of this crate.
pub(super) fn split(queries: Vec<Query>, ours: [Option<usize>; 2]) -> (Vec<Query>, Vec<Query>) {
    let mut uses: HashMap<usize, ConnectionUse> = HashMap::new();
    let mut is_drivers = vec![false; queries.len()];
    for (place, query) in queries.iter().enumerate() {
        let connection = query.connection();
        if ours.contains(&Some(connection)) {
            continue;
        }
        let of = uses.entry(connection).or_insert_with(|| match query.is_on_new_connection() {
            true => ConnectionUse::Opening,
            false => ConnectionUse::Used,
        });
        match of {
            ConnectionUse::Opening if setting(query.sql()).is_some() => is_drivers[place] = true,
            ConnectionUse::Checked(check) => {
                is_drivers[*check] = true;
                *of = ConnectionUse::Used;
            }
            _ if is_check(query) => *of = ConnectionUse::Checked(place),
            ConnectionUse::Used if closes(query) => is_drivers[place] = true,
            _ => *of = ConnectionUse::Used,
        }
    }
    let (mut of_app, mut of_drivers) = (Vec::new(), Vec::new());
    for (query, is_drivers) in queries.into_iter().zip(is_drivers) {
        if is_drivers { &mut of_drivers } else { &mut of_app }.push(query);
    }
    (of_app, of_drivers)
}

/// The last use of a connection.
enum ConnectionUse {
    /// It was opened, and has run nothing but PRAGMAs.
    Opening,
    /// It has run a statement, at this place, that may be a check.
    Checked(usize),
    Used,
}

fn is_check(query: &Query) -> bool {
    if query.is_in_transaction() || query.keyword() != "SELECT" {
        return false;
    }
    let literal = [TokenKind::Number, TokenKind::Text, TokenKind::Variable];
    matches!(tokens(query.sql()).as_slice(), [_, value] if literal.contains(&value.kind))
}

fn closes(query: &Query) -> bool {
    query.is_before_close()
        && matches!(tokens(query.sql()).as_slice(), [pragma, optimize] if pragma.is("PRAGMA") && optimize.is("optimize"))
}
