//! The state of a connection that outlives a call: settings, attached databases, temporary tables, open statements.

use rusqlite::Connection;

use crate::check::shown;

/// The settings that belong to the connection, and that some code switches while it works.
const SETTINGS: [&str; 16] = [
    "foreign_keys",
    "defer_foreign_keys",
    "busy_timeout",
    "synchronous",
    "cache_size",
    "query_only",
    "recursive_triggers",
    "ignore_check_constraints",
    "read_uncommitted",
    "writable_schema",
    "wal_autocheckpoint",
    "locking_mode",
    "journal_mode",
    "legacy_alter_table",
    "temp_store",
    "automatic_index",
];

/// The state of a connection, in words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Session {
    /// Settings and objects, each with its value.
    parts: Vec<(String, String)>,
}

impl Session {
    pub(super) fn of(connection: &Connection) -> Session {
        let mut session = Session::default();
        // Asked first: the statements below would finish, but are statements too.
        if connection.is_busy() {
            session.add("a statement", "not finished");
        }
        for name in SETTINGS {
            // A build of SQLite may lack one.
            let value = connection.query_row(&format!("PRAGMA {name}"), [], |row| row.get_ref(0).map(shown));
            session.add(&format!("PRAGMA {name}"), &value.unwrap_or_default());
        }
        session.add_names(connection, "an attached database", "SELECT name FROM pragma_database_list WHERE seq > 1");
        for kind in ["table", "trigger", "view"] {
            let sql = format!("SELECT name FROM sqlite_temp_schema WHERE type = '{kind}'");
            session.add_names(connection, &format!("a temporary {kind}"), &sql);
        }
        session
    }

    fn add(&mut self, what: &str, value: &str) {
        self.parts.push((what.to_owned(), value.to_owned()));
    }

    fn add_names(&mut self, connection: &Connection, what: &str, sql: &str) {
        let names = connection.prepare(sql).and_then(|mut statement| {
            statement.query_map([], |row| row.get::<_, String>(0))?.collect::<rusqlite::Result<Vec<String>>>()
        });
        for name in names.unwrap_or_default() {
            self.add(&format!("{what}: {name}"), "");
        }
    }

    /// Returns what is neither as in `before` nor as in `after`, a line each.
    pub(super) fn differs_from(&self, before: &Session, after: &Session) -> Vec<String> {
        let value = |session: &Session, what: &str| {
            session.parts.iter().find(|(own, _)| own == what).map(|(_, value)| value.clone())
        };
        let left = self.parts.iter().filter_map(|(what, now)| {
            let (then, done) = (value(before, what), value(after, what));
            if then.as_ref() == Some(now) || done.as_ref() == Some(now) {
                return None;
            }
            Some(match then {
                Some(then) => format!("{what}: {then} -> {now}"),
                None => format!("{what} {now}").trim_end().to_owned(),
            })
        });
        let gone = before.parts.iter().filter(|(what, _)| value(self, what).is_none() && value(after, what).is_some());
        left.chain(gone.map(|(what, _)| format!("no longer there: {what}"))).collect()
    }
}
