//! Follows the transactions of a run by its statements: what was written and rolled back, and which connection writes while
//! another one of the same code waits for it.

use crate::order::SortedMap;
use crate::sql::keyword;

/// The transactions of a run, by the numbers of their connections.
#[derive(Clone, Debug, Default)]
pub(crate) struct OpenTransactions {
    open: SortedMap<usize, Open>,
    rolled_back: Option<String>,
    blocked: Option<Blocked>,
}

#[derive(Clone, Debug, Default)]
struct Open {
    /// The statement by which it has taken the write lock.
    locks: Option<String>,
    /// The first statement that writes.
    writes: Option<String>,
}

/// A statement that wants the write lock which another connection of the same code has.
#[derive(Clone, Debug)]
pub(crate) struct Blocked {
    pub(crate) wants: String,
    pub(crate) holds: String,
}

impl OpenTransactions {
    /// Notes that a statement starts on a connection, in a transaction or not.
    pub(crate) fn starts(&mut self, connection: usize, in_transaction: bool, text: &str) {
        if !in_transaction {
            self.open.remove(&connection);
        }
        let word = keyword(text);
        let words: Vec<String> =
            text.split(|c: char| !c.is_alphanumeric() && c != '_').map(str::to_ascii_uppercase).collect();
        let has = |any: &[&str]| words.iter().any(|word| any.contains(&word.as_str()));
        let begins_to_write = word == "BEGIN" && has(&["IMMEDIATE", "EXCLUSIVE"]);
        let writes = match word.as_str() {
            "INSERT" | "UPDATE" | "DELETE" | "REPLACE" | "CREATE" | "DROP" | "ALTER" => true,
            "WITH" => has(&["INSERT", "UPDATE", "DELETE"]),
            _ => false,
        };
        if begins_to_write || writes {
            let mut others = self.open.iter().filter(|(other, _)| **other != connection);
            let holds = others.find_map(|(_, open)| open.locks.clone());
            self.blocked = holds.map(|holds| Blocked { wants: text.to_owned(), holds });
        }
        match word.as_str() {
            "BEGIN" => {
                let locks = begins_to_write.then(|| text.to_owned());
                self.open.insert(connection, Open { locks, writes: None });
            }
            "ROLLBACK" if !has(&["TO"]) => {
                let writes = self.open.remove(&connection).and_then(|open| open.writes);
                self.rolled_back = writes.or(self.rolled_back.take());
            }
            "COMMIT" | "END" => drop(self.open.remove(&connection)),
            _ if writes && in_transaction => {
                let open = self.open.get_or_default(connection);
                open.locks.get_or_insert_with(|| text.to_owned());
                open.writes.get_or_insert_with(|| text.to_owned());
            }
            _ => {}
        }
    }

    /// Returns the first statement that wrote in the last transaction that wrote and was rolled back.
    pub(crate) fn rolled_back(&self) -> Option<&str> {
        self.rolled_back.as_deref()
    }

    /// Returns the last statement that wanted to write, if another connection had the write lock.
    pub(crate) fn blocked(&self) -> Option<&Blocked> {
        self.blocked.as_ref()
    }
}

/// The help for code that writes in vain.
pub(crate) const COMMIT_IT: &str = "commit the transaction, transaction.commit()?: one that is dropped is rolled back";
