//! Numbers in another unit: extreme ones are beyond 64 bits then, which says nothing about those of an app.

use sqlitmus::suite::{Outcome, Suite};

use super::super::embedded;

const NOTES: &str =
    "CREATE TABLE notes(id INTEGER PRIMARY KEY, created_at INTEGER NOT NULL DEFAULT 0, body TEXT NOT NULL);";

/// Returns what is said for review, and the error, with each of several seeds.
fn verdicts(change: &'static str) -> Vec<(Vec<String>, Option<String>)> {
    let template = embedded(&[("1_notes.sql", NOTES), ("2_unit.sql", change)]);
    let verdict = |seed| {
        let report = Suite::new(template).seed(seed).only("every_row_survives").report();
        let result = report.iter().find(|result| result.name == "every_row_survives").unwrap();
        let error = match &result.outcome {
            Outcome::Failed(error) => Some(error.to_string()),
            _ => None,
        };
        (result.review.iter().map(ToString::to_string).collect(), error)
    };
    (0..12).map(verdict).collect()
}

#[test]
fn seconds_become_milliseconds_whatever_the_seed() {
    let verdicts = verdicts("UPDATE notes SET created_at = created_at * 1000");
    for (seed, (review, error)) in verdicts.iter().enumerate() {
        assert_eq!((review.len(), error), (1, &None), "seed {seed}");
        assert!(review[0].contains("recomputes the values of notes.created_at"), "seed {seed}: {}", review[0]);
    }
    let rounded = verdicts.iter().filter(|(review, _)| review[0].contains(" beyond 64 bits "));
    assert!((1..verdicts.len()).contains(&rounded.count()), "{verdicts:?}");
}

#[test]
fn seconds_become_milliseconds_in_a_new_column_whatever_the_seed() {
    let change = "ALTER TABLE notes ADD COLUMN created_ms INTEGER NOT NULL DEFAULT 0;
        UPDATE notes SET created_ms = created_at * 1000; ALTER TABLE notes DROP COLUMN created_at;";
    for (seed, verdict) in verdicts(change).into_iter().enumerate() {
        assert_eq!(verdict, (Vec::new(), None), "seed {seed}");
    }
}

#[test]
fn a_factor_too_large_for_times_of_today_is_an_error_whatever_the_seed() {
    for (seed, (_, error)) in verdicts("UPDATE notes SET created_at = created_at * 10000000000").iter().enumerate() {
        let error = error.as_ref().unwrap_or_else(|| panic!("seed {seed}"));
        assert!(error.contains("undeclared-loss (notes.created_at)"), "seed {seed}: {error}");
    }
}
