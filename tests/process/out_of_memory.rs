//! SQLite without memory. Its allocator belongs to the whole process, so each test gets one.

use super::{Process, text};

#[test]
fn each_test_has_its_own_process() {
    for test in [
        "correct_code_passes",
        "an_ignored_error_is_found",
        "a_transaction_that_is_left_open_is_found",
        "a_panic_of_the_driver_is_an_error",
        "code_that_tries_without_an_end_is_found",
        "other_threads_notice_nothing",
        "an_earlier_use_of_sqlite_is_reported",
    ] {
        let output = Process::new(&format!("out_of_memory::{test}")).run();
        assert!(output.status.success() && text(&output).contains("1 passed"), "{test}: {}", text(&output));
    }
}
