use super::query::line_of_the_app;

#[test]
fn a_frame_of_this_crate_is_known_by_its_file_too() {
    let here = concat!(env!("CARGO_MANIFEST_DIR"), "/src/trace/hook.rs");
    let backtrace = format!(
        "   0: started\n             at {here}:9:5\n   1: capture\n             at ./src/trace/capture.rs:9:5\n   \
         2: items\n             at ./tests/orders.rs:17:9"
    );
    assert_eq!(line_of_the_app(&backtrace).as_deref(), Some("tests/orders.rs:17"));
}

#[test]
fn the_first_line_of_neither_driver_nor_library_is_the_apps() {
    let backtrace = "   0: sqlitmus::trace::hook::started\n             at /x/sqlitmus/src/trace/hook.rs:9:5\n   \
                     1: sqlite3_step\n             at /x/sqlite3.c:94082:7\n   \
                     2: <rusqlite::row::Rows as core::iter::Iterator>::next\n             at /x/row.rs:1:2\n   \
                     3: core::ops::function::FnOnce::call_once\n             at /rustc/0f/library/core/src/ops.rs:1:2\n   \
                     4: app::orders::items\n             at ./app/orders.rs:17:9\n   \
                     5: app::main\n             at ./app/main.rs:3:1";
    assert_eq!(line_of_the_app(backtrace).as_deref(), Some("app/orders.rs:17"));
    assert_eq!(line_of_the_app("   0: sqlite3_step\n   1: app::run"), None);
}
