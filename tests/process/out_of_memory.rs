//! SQLite without memory: its allocator belongs to the whole process.

use super::{Process, text};

#[test]
fn each_in_a_process_of_its_own() {
    for test in [
        "what_is_sound_stands_it",
        "an_ignored_error_is_found",
        "a_transaction_that_is_left_open_is_found",
        "a_panic_of_the_driver_is_an_error",
        "other_threads_notice_nothing",
        "where_sqlite_was_used_before_the_sweep_says_so",
    ] {
        let output = Process::new(&format!("out_of_memory::{test}")).run();
        assert!(output.status.success() && text(&output).contains("1 passed"), "{test}: {}", text(&output));
    }
}
