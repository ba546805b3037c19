//! Automatic extensions of the app beside the recorder's.

use super::{Process, text};

#[test]
fn a_recording_says_that_the_extensions_were_reset() {
    let output = Process::new("extensions::reset_the_extensions").run();
    assert!(output.status.success() && text(&output).contains("1 passed"), "{}", text(&output));
}

#[test]
fn a_hook_of_an_extension_of_the_app_stays_and_is_noticed() {
    for is_first in [false, true] {
        let mut process = Process::new("extensions::has_an_extension_of_its_own");
        if is_first {
            std::fs::write(process.path("first"), "").unwrap();
        }
        let output = process.run();
        assert!(output.status.success() && text(&output).contains("1 passed"), "{is_first}: {}", text(&output));
        if is_first {
            let output = process.env("SQLITMUS_LEDGER", "/dev/null/ledger.txt").run();
            let says =
                "the ledger is incomplete: an automatic extension of the app sets a trace hook on every connection";
            assert!(!output.status.success() && text(&output).contains(says), "{}", text(&output));
        }
    }
}

#[test]
fn extensions_of_the_app_matter_only_where_they_set_a_hook() {
    for test in ["has_an_extension_without_a_hook", "has_an_extension_with_a_hook_on_some_connections"] {
        let output = Process::new(&format!("extensions::{test}")).run();
        assert!(output.status.success() && text(&output).contains("1 passed"), "{}", text(&output));
    }
}
