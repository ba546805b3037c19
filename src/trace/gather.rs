//! Gathers the statements run on one database for the ledger: each text once, with the values of its first runs.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::order::SortedMap;
use crate::sql;

/// The number of runs of a text whose values are kept. SQLite may plan `LIKE ?` differently when it knows them.
const RUNS_WITH_VALUES: usize = 4;
/// Longer texts hold a file or the like, and no plan depends on that.
const LONGEST_WITH_VALUES: usize = 1 << 16;
/// The number of texts of one normal form that are explained. SQLite may plan their literals differently.
const MOST_TEXTS: usize = 8;
/// The number of texts that are remembered. Tests that write values into their SQL have any number of them.
const MOST_KNOWN: usize = 10_000;

/// The statements run on one database.
#[derive(Default)]
pub(crate) struct GatheredStatements {
    state: Mutex<GatherState>,
}

#[derive(Default)]
struct GatherState {
    /// The texts that were run, with the number of further runs whose values are wanted.
    known: HashMap<String, usize>,
    forms: TextsByForm,
}

/// Texts by their normal form.
pub(crate) type TextsByForm = SortedMap<String, Vec<StatementText>>;

/// A statement as it was prepared.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct StatementText {
    pub(crate) sql: String,
    /// The statement with the values of its first runs.
    pub(crate) with_values: Vec<String>,
}

impl GatheredStatements {
    /// Notes a run of a statement. Called within SQLite's callback.
    pub(super) fn note(&self, text: &str, with_values: impl FnOnce() -> Option<String>) {
        let mut state = self.lock();
        match state.known.get_mut(text) {
            Some(0) => return,
            Some(wanted) => *wanted -= 1,
            None => {
                if !state.add(text) {
                    return;
                }
            }
        }
        drop(state);
        if let Some(values) = with_values().filter(|values| values.len() <= LONGEST_WITH_VALUES) {
            self.lock().add_values(text, values);
        }
    }

    /// Returns everything so far and starts again.
    pub(crate) fn take(&self) -> TextsByForm {
        std::mem::take(&mut *self.lock()).forms
    }

    fn lock(&self) -> MutexGuard<'_, GatherState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl GatherState {
    /// Adds a text. Returns true if the values of this first run are wanted.
    fn add(&mut self, text: &str) -> bool {
        if self.known.len() == MOST_KNOWN {
            self.known.clear();
        }
        let is_wanted = sql::has_a_plan(&sql::keyword(text)) && {
            let texts = self.forms.get_or_default(sql::normalized(text));
            let is_new = texts.len() < MOST_TEXTS && texts.iter().all(|known| known.sql != text);
            if is_new {
                texts.push(StatementText { sql: text.to_owned(), with_values: Vec::new() });
            }
            is_new
        };
        self.known.insert(text.to_owned(), if is_wanted { RUNS_WITH_VALUES - 1 } else { 0 });
        is_wanted
    }

    fn add_values(&mut self, text: &str, values: String) {
        if let Some(texts) = self.forms.get_mut(&sql::normalized(text))
            && let Some(text) = texts.iter_mut().find(|known| known.sql == text)
            && !text.with_values.contains(&values)
        {
            text.with_values.push(values);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{GatheredStatements, LONGEST_WITH_VALUES, MOST_KNOWN, MOST_TEXTS, TextsByForm};

    fn texts(forms: &TextsByForm, form: &str) -> Vec<String> {
        forms[form].iter().map(|text| text.sql.clone()).collect()
    }

    #[test]
    fn a_text_is_kept_once_with_the_values_of_its_first_runs() {
        let gathered = GatheredStatements::default();
        for number in [1, 1, 2, 3, 4, 5] {
            gathered.note("SELECT ?1", || Some(format!("SELECT {number}")));
        }
        gathered.note("SELECT ?2", || Some("SELECT ".to_owned() + &"x".repeat(LONGEST_WITH_VALUES)));
        gathered.note("SELECT 3", || None);
        let forms = gathered.take();
        assert_eq!(texts(&forms, "SELECT ?"), ["SELECT ?1", "SELECT ?2", "SELECT 3"]);
        assert_eq!(forms["SELECT ?"][0].with_values, ["SELECT 1", "SELECT 2", "SELECT 3"]);
        assert!(forms["SELECT ?"][1..].iter().all(|text| text.with_values.is_empty()));
        assert_eq!(gathered.take(), TextsByForm::new());
    }

    #[test]
    fn what_has_no_plan_is_left_out() {
        let gathered = GatheredStatements::default();
        for text in ["BEGIN", "PRAGMA user_version", "CREATE TABLE t(x)", "", "-- nothing", "/* c */ values (1)"] {
            gathered.note(text, || None);
        }
        assert_eq!(gathered.take().keys().collect::<Vec<_>>(), ["values (?)"]);
    }

    #[test]
    fn any_number_of_texts_stays_small() {
        let gathered = GatheredStatements::default();
        for number in 0..MOST_KNOWN + 10 {
            gathered.note(&format!("SELECT {number}"), || None);
        }
        assert!(gathered.lock().known.len() <= MOST_KNOWN);
        let expected: Vec<String> = (0..MOST_TEXTS).map(|number| format!("SELECT {number}")).collect();
        assert_eq!(texts(&gathered.take(), "SELECT ?"), expected);
    }
}
