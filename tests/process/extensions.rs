//! Automatic extensions of the app beside the recorder's.

use super::{Process, text};

#[test]
fn a_recording_says_that_the_extensions_were_reset() {
    let output = Process::new("extensions::reset_the_extensions").run();
    assert!(output.status.success() && text(&output).contains("1 passed"), "{}", text(&output));
}

#[test]
fn a_hook_of_an_extension_of_the_app_is_noticed_where_it_replaces_the_recorders() {
    for is_first in [false, true] {
        let mut process = Process::new("extensions::has_an_extension_of_its_own");
        if is_first {
            std::fs::write(process.path("first"), "").unwrap();
        }
        let output = process.run();
        assert!(output.status.success() && text(&output).contains("1 passed"), "{is_first}: {}", text(&output));
    }
}
