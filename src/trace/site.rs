//! The line of the app in a backtrace.

/// Crates whose frames lie between SQLite and the app.
const DRIVERS: [&str; 16] = [
    "sqlitmus",
    "rusqlite",
    "libsqlite3_sys",
    "diesel",
    "sqlx",
    "sqlx_core",
    "sqlx_sqlite",
    "sea_orm",
    "sea_query",
    "r2d2",
    "tokio",
    "futures_util",
    "core",
    "std",
    "alloc",
    "rstest",
];

/// The sources of this crate. With `debug = "line-tables-only"`, the symbol of a frame does not name the crate.
const OURS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/");

/// Returns the first frame that is neither in a driver nor in the standard library, as `file:line`.
pub(super) fn of_the_app(backtrace: &str) -> Option<String> {
    let mut symbol = "";
    for line in backtrace.lines().map(str::trim) {
        let Some(place) = line.strip_prefix("at ") else {
            symbol = line.split_once(": ").map_or(line, |(_number, symbol)| symbol);
            continue;
        };
        let crate_name = symbol.trim_start_matches(['<', '&']).split("::").next().unwrap_or_default();
        let foreign = DRIVERS.contains(&crate_name)
            || is_ours(place)
            || place.contains("/.cargo/registry/")
            || place.contains("/.cargo/git/")
            || place.starts_with("/rustc/")
            || place.contains("/rustlib/src/");
        // `file:line:column` of Rust. Frames of SQLite are C.
        let (file_and_line, _column) = place.rsplit_once(':')?;
        let (file, number) = file_and_line.rsplit_once(':')?;
        if !foreign && file.ends_with(".rs") {
            return Some(format!("{}:{number}", file.strip_prefix("./").unwrap_or(file)));
        }
    }
    None
}

/// Backtraces show paths below the current folder without it.
fn is_ours(place: &str) -> bool {
    match place.strip_prefix("./") {
        Some(below) => std::env::current_dir().is_ok_and(|folder| folder.join(below).starts_with(OURS)),
        None => place.starts_with(OURS),
    }
}

#[cfg(test)]
mod tests {
    use super::of_the_app;

    #[test]
    fn a_frame_of_this_crate_is_known_by_its_file_too() {
        let here = concat!(env!("CARGO_MANIFEST_DIR"), "/src/trace/hook.rs");
        let backtrace = format!(
            "   0: started\n             at {here}:9:5\n   1: capture\n             at ./src/trace/capture.rs:9:5\n   \
             2: items\n             at ./tests/orders.rs:17:9"
        );
        assert_eq!(of_the_app(&backtrace).as_deref(), Some("tests/orders.rs:17"));
    }

    #[test]
    fn the_first_line_of_neither_driver_nor_library_is_the_apps() {
        let backtrace = "   0: sqlitmus::trace::hook::started\n             at /x/sqlitmus/src/trace/hook.rs:9:5\n   \
                         1: sqlite3_step\n             at /x/sqlite3.c:94082:7\n   \
                         2: <rusqlite::row::Rows as core::iter::Iterator>::next\n             at /x/row.rs:1:2\n   \
                         3: core::ops::function::FnOnce::call_once\n             at /rustc/0f/library/core/src/ops.rs:1:2\n   \
                         4: app::orders::items\n             at ./app/orders.rs:17:9\n   \
                         5: app::main\n             at ./app/main.rs:3:1";
        assert_eq!(of_the_app(backtrace).as_deref(), Some("app/orders.rs:17"));
        assert_eq!(of_the_app("   0: sqlite3_step\n   1: app::run"), None);
    }
}
