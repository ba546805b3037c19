//! Accidents that have happened in other projects, each found by the right test, and safe ways to do the same, which
//! pass.

use std::collections::BTreeSet;
use std::path::Path;

use sqlitmus::suite::Suite;

use super::{failures, template};

/// Masks the numbers of rows, which depend on the generated data.
fn without_counts(headline: &str) -> String {
    let mut words: Vec<&str> = headline.split(' ').collect();
    for at in 1..words.len() {
        let counts = ["of", "from", "to", "changes", "sets", "loses"].contains(&words[at - 1]);
        if counts && words[at].trim_end_matches(':').parse::<u64>().is_ok() {
            words[at] = "n";
        }
    }
    words.join(" ")
}

#[track_caller]
fn check(history: &str, expected: &[(&str, &str)]) {
    let suite = Suite::new(template(&format!("fixtures/histories/{history}")))
        .skip("shipped_migrations_are_frozen", "not shipped");
    let found: Vec<(&str, String)> =
        failures(&suite.report()).into_iter().map(|(test, headline)| (test, without_counts(&headline))).collect();
    let expected: Vec<(&str, String)> =
        expected.iter().map(|(test, headline)| (*test, without_counts(headline))).collect();
    assert_eq!(found, expected);
}

macro_rules! histories {
    ($kind:ident: $($name:ident: [$(($test:literal, $headline:literal),)*])*) => {
        mod $kind {
            pub(super) const NAMES: &[&str] = &[$(stringify!($name)),*];
            $(
                #[test]
                fn $name() {
                    super::check(concat!(stringify!($kind), "/", stringify!($name)), &[$(($test, $headline)),*]);
                }
            )*
        }
    };
}

histories! {
    bad:
    autoincrement_set_back: [
        ("every_row_survives", "rebuild-loses-objects: migration 2 resets the AUTOINCREMENT of notes from 9 to 8: 002_change.sql"),
    ]
    backfill_misses_nulls: [
        ("every_version_upgrades_with_data", "fails-on-data: migration 2 fails on rows that version 1 accepts: 002_change.sql"),
    ]
    begin_inside: [
        ("applies_to_an_empty_database", "nested-transaction: migration 2 begins a transaction inside its runner's transaction: V2__change.sql"),
    ]
    boolean_inverted: [
        ("every_row_survives", "undeclared-loss: migration 2 changes 8 of 9 values of accounts.disabled: 002_change.sql"),
    ]
    bytes_taken_for_text: [
        ("every_row_survives", "undeclared-loss: migration 2 changes 1 of 6 values of files.content: 002_change.sql"),
    ]
    cascade_in_a_rebuild: [
        ("every_row_survives", "rebuild-fires-fk-actions: migration 2 empties items: 002_change.sql"),
        ("lints_clean", "pragma-noop-in-transaction: PRAGMA foreign_keys has no effect in migration 2: 002_change.sql"),
    ]
    cascade_lost_in_a_rebuild: [
        ("lints_clean", "2 findings, the first: fk-dropped: migration 2 loses ON DELETE CASCADE of order_id in the rebuild of items: 002_change.sql"),
    ]
    cascade_within_the_table: [
        ("every_row_survives", "rebuild-fires-fk-actions: migration 2 loses 2 of 6 rows of folders: 002_change.sql"),
    ]
    check_lost_in_a_rebuild: [
        ("lints_clean", "rebuild-loses-objects: migration 2 loses CHECK (title <> '') in the rebuild of notes: 002_change.sql"),
    ]
    check_on_old_values: [
        ("every_version_upgrades_with_data", "fails-on-data: migration 2 fails on rows that version 1 accepts: 002_change.sql"),
    ]
    collation_lost_in_a_rebuild: [
        ("lints_clean", "rebuild-loses-objects: migration 2 loses COLLATE NOCASE in the rebuild of notes: 002_change.sql"),
    ]
    column_dropped: [
        ("every_row_survives", "destructive: migration 2 drops people.email: 002_change.sql"),
    ]
    columns_swapped: [
        ("every_row_survives", "2 findings, the first: values-moved: migration 2 moves the values of last_name into people.first_name: 002_change.sql"),
    ]
    commit_at_the_end: [
        ("applies_to_an_empty_database", "nested-transaction: migration 2 ends its runner's transaction: V2__change.sql"),
    ]
    commit_in_the_middle: [
        ("failure_leaves_the_previous_version", "nested-transaction: migration 2 ends its runner's transaction: V2__change.sql"),
    ]
    default_that_is_no_constant: [
        ("every_version_upgrades_with_data", "fails-on-data: migration 2 fails on rows that version 1 accepts: 002_change.sql"),
    ]
    default_lost_in_a_rebuild: [
        ("lints_clean", "rebuild-loses-objects: migration 2 loses DEFAULT 0 of pinned in the rebuild of notes: 002_change.sql"),
    ]
    deleted_rows_half_archived: [
        ("every_row_survives", "destructive: migration 2 loses 2 of 6 rows of notes: 002_change.sql"),
    ]
    down_does_nothing: [
        ("down_undoes_up", "irreversible-down: the down script of migration 2 does not undo it"),
    ]
    down_fails: [
        ("down_undoes_up", "irreversible-down: the down script of migration 2 fails"),
    ]
    down_forgets_values: [
        ("down_undoes_up", "irreversible-down: the down script of migration 2 drops books.name"),
    ]
    down_is_refused_by_rows: [
        ("down_undoes_up", "irreversible-down: the down script of migration 2 fails"),
    ]
    duplicates_ignored: [
        ("every_row_survives", "undeclared-loss: migration 2 loses 8 of 9 rows of people: 002_change.sql"),
    ]
    duplicates_ignored_without_rowid: [
        ("every_row_survives", "undeclared-loss: migration 2 loses 1 of 6 rows of people: 002_change.sql"),
    ]
    duplicates_in_another_case: [
        ("every_row_survives", "undeclared-loss: migration 2 loses 1 of 6 rows of people: 002_change.sql"),
    ]
    everything_overwritten: [
        ("every_row_survives", "undeclared-loss: migration 2 changes 8 of 9 values of people.name: 002_change.sql"),
    ]
    foreign_key_lost_in_a_rebuild: [
        ("lints_clean", "fk-dropped: migration 2 loses FOREIGN KEY (order_id) REFERENCES orders (id) ON DELETE CASCADE in the rebuild of items: 002_change.sql"),
    ]
    foreign_key_on_orphans: [
        ("every_version_upgrades_with_data", "fails-on-data: migration 2 fails on rows that version 1 accepts: 002_change.sql"),
    ]
    full_text_index_not_rebuilt: [
        ("integrity_holds", "migration 2 leaves the database broken: 002_change.sql"),
    ]
    gap: [
        ("history_is_linear", "gap: 4 is missing between 003_index.sql and 005_more.sql"),
    ]
    index_lost_in_a_rebuild: [
        ("lints_clean", "rebuild-loses-objects: migration 2 loses the index notes_title in the rebuild of notes: 002_change.sql"),
    ]
    join_that_loses_rows: [
        ("every_row_survives", "undeclared-loss: migration 2 loses 8 of 9 rows of items: 002_change.sql"),
    ]
    join_that_multiplies_rows: [
        ("every_row_survives", "2 findings, the first: undeclared-loss: migration 2 renumbers the rows of orders: 002_change.sql"),
        ("integrity_holds", "leaves-orphans: migration 2 leaves orphans in items: 002_change.sql"),
    ]
    keys_given_anew: [
        ("every_row_survives", "undeclared-loss: migration 2 renumbers the rows of notes: 002_change.sql"),
    ]
    leading_zeros_lost: [
        ("every_row_survives", "undeclared-loss: migration 2 changes 1 of 6 values of addresses.zip: 002_change.sql"),
    ]
    loss_behind_a_refusal: [
        ("every_version_upgrades_with_data", "fails-on-data: migration 2 fails on rows that version 1 accepts: 002_change.sql"),
        ("every_row_survives", "undeclared-loss: migration 2 changes 5 of 5 values of tasks.title: 002_change.sql"),
    ]
    long_numbers_as_floats: [
        ("every_row_survives", "undeclared-loss: migration 2 changes 1 of 6 values of posts.remote_id: 002_change.sql"),
    ]
    not_null_without_a_default: [
        ("every_version_upgrades_with_data", "fails-on-data: migration 2 fails on rows that version 1 accepts: 002_change.sql"),
    ]
    parent_with_children_dropped: [
        ("every_version_upgrades_with_data", "fails-on-data: migration 2 fails on rows that version 1 accepts: V2__change.sql"),
    ]
    primary_key_lost_in_a_copy: [
        ("lints_clean", "rebuild-loses-objects: migration 2 loses the PRIMARY KEY in the rebuild of notes: 002_change.sql"),
    ]
    set_null_in_a_rebuild: [
        ("every_row_survives", "rebuild-fires-fk-actions: migration 2 sets 8 of 9 values of items.order_id to NULL: 002_change.sql"),
    ]
    strict_on_wrong_types: [
        ("every_version_upgrades_with_data", "fails-on-data: migration 2 fails on rows that version 1 accepts: 002_change.sql"),
    ]
    syncs_off_for_speed: [
        ("survives_power_loss", "power-loss: a power cut during migration 2 leaves a state between two versions: 002_change.sql"),
    ]
    table_dropped: [
        ("every_row_survives", "destructive: migration 2 drops the table notes: 002_change.sql"),
    ]
    temporary_table_between_migrations: [
        ("applies_to_an_empty_database", "migration 2 failed: 002_change.sql"),
    ]
    text_trimmed: [
        ("every_row_survives", "undeclared-loss: migration 2 changes 8 of 9 values of notes.body: 002_change.sql"),
    ]
    time_zone_shifted: [
        ("every_row_survives", "undeclared-loss: migration 2 changes 8 of 9 values of visits.seen_at: 002_change.sql"),
    ]
    trigger_lost_in_a_rebuild: [
        ("lints_clean", "rebuild-loses-objects: migration 2 loses the trigger notes_logged in the rebuild of notes: 002_change.sql"),
    ]
    trigger_lost_in_a_rename_by_hand: [
        ("lints_clean", "rebuild-loses-objects: migration 2 loses the trigger notes_logged in the rebuild of notes: 002_change.sql"),
    ]
    two_autocommits: [
        ("failure_leaves_the_previous_version", "half-applied: migration 2 is half applied when a statement fails: 002_change.sql"),
    ]
    type_that_rounds: [
        ("every_row_survives", "undeclared-loss: migration 2 changes 8 of 9 values of prices.amount: 002_change.sql"),
    ]
    uniqueness_of_an_index_lost: [
        ("lints_clean", "rebuild-loses-objects: migration 2 loses the UNIQUE of the index people_email in the rebuild of people: 002_change.sql"),
    ]
    unique_in_any_case: [
        ("every_version_upgrades_with_data", "fails-on-data: migration 2 fails on rows that version 1 accepts: 002_change.sql"),
    ]
    unique_on_duplicates: [
        ("every_version_upgrades_with_data", "fails-on-data: migration 2 fails on rows that version 1 accepts: 002_change.sql"),
    ]
    unique_on_duplicates_without_rowid: [
        ("every_version_upgrades_with_data", "fails-on-data: migration 2 fails on rows that version 1 accepts: 002_change.sql"),
    ]
    values_taken_for_unique: [
        ("every_version_upgrades_with_data", "fails-on-data: migration 2 fails on rows that version 1 accepts: 002_change.sql"),
    ]
    values_taken_for_unique_without_rowid: [
        ("every_version_upgrades_with_data", "fails-on-data: migration 2 fails on rows that version 1 accepts: 002_change.sql"),
    ]
    version_set_outside_the_transaction: [
        ("failure_leaves_the_previous_version", "half-applied: migration 2 is half applied when a statement fails: 002_change.sql"),
    ]
    view_left_dangling: [
        ("lints_clean", "dangling-view: migration 2 leaves the view titles dangling: 002_change.sql"),
    ]
}

histories! {
    good:
    autoincrement_kept: []
    cascade_taken_back: []
    check_after_mending: []
    check_relaxed: []
    check_renamed: []
    column_added_and_filled: []
    children_put_aside: []
    columns_in_another_order: []
    deleted_rows_archived: []
    default_taken_back: []
    down_that_puts_a_column_last: []
    downs_that_undo: []
    journal_of_its_own: []
    keys_drawn_at_random: []
    flag_as_a_number: []
    foreign_key_after_clearing: []
    foreign_key_in_another_order: []
    full_text_index_rebuilt: []
    json_indexed: []
    not_null_after_a_backfill: []
    pragma_that_changes_nothing: []
    rebuild_with_all_that_belongs_to_it: []
    rebuild_with_children_kept: []
    rebuild_with_keys_off: []
    reference_to_the_new_table: []
    rename_by_hand: []
    renames: []
    rows_copied_into_a_table_of_their_own: []
    savepoint_in_a_transaction: []
    strict_after_mending: []
    type_that_says_the_same: []
    types_that_hold_what_is_checked: []
    unique_among_those_that_count: []
    unique_becomes_the_key: []
    unique_without_rowid_after_mending: []
    vacuum_outside_a_transaction: []
    values_made_unique_without_rowid: []
    view_made_again: []
}

#[test]
fn silent_losses_are_found_with_any_seed() {
    for history in ["bytes_taken_for_text", "cascade_within_the_table", "leading_zeros_lost", "long_numbers_as_floats"]
    {
        for seed in 0..8 {
            let suite = Suite::new(template(&format!("fixtures/histories/bad/{history}"))).seed(seed);
            let found = suite.try_test("every_row_survives").map_err(|error| error.headline().to_owned());
            assert!(found.is_err(), "{history} with seed {seed}: {found:?}");
        }
    }
}

#[test]
fn every_history_has_its_test() {
    for (kind, names) in [("bad", bad::NAMES), ("good", good::NAMES)] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/histories").join(kind);
        let there: BTreeSet<String> =
            folder.read_dir().unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        assert_eq!(there, names.iter().map(|name| (*name).to_owned()).collect());
    }
}
