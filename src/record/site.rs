//! Which line of a backtrace is the app's.

/// Crates whose frames stand between SQLite and the app.
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

/// The first frame that lies neither in a driver nor in the standard library, as `file:line`.
pub(super) fn of_the_app(backtrace: &str) -> Option<String> {
    let mut symbol = "";
    for line in backtrace.lines().map(str::trim) {
        let Some(place) = line.strip_prefix("at ") else {
            symbol = line.split_once(": ").map_or(line, |(_number, symbol)| symbol);
            continue;
        };
        let crate_name = symbol.trim_start_matches(['<', '&']).split("::").next().unwrap_or_default();
        let foreign = DRIVERS.contains(&crate_name)
            || place.contains("/.cargo/registry/")
            || place.starts_with("/rustc/")
            || place.contains("/rustlib/src/");
        // `file:line:column`, in Rust: frames of SQLite's own are C.
        let (file_and_line, _column) = place.rsplit_once(':')?;
        let (file, number) = file_and_line.rsplit_once(':')?;
        if !foreign && file.ends_with(".rs") {
            return Some(format!("{}:{number}", file.strip_prefix("./").unwrap_or(file)));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::of_the_app;

    #[test]
    fn the_first_line_of_neither_driver_nor_library_is_the_apps() {
        let backtrace = "   0: sqlitmus::record::hook::started\n             at /x/sqlitmus/src/record/hook.rs:9:5\n   \
                         1: sqlite3_step\n             at /x/sqlite3.c:94082:7\n   \
                         2: <rusqlite::row::Rows as core::iter::Iterator>::next\n             at /x/row.rs:1:2\n   \
                         3: core::ops::function::FnOnce::call_once\n             at /rustc/0f/library/core/src/ops.rs:1:2\n   \
                         4: app::orders::items\n             at ./src/orders.rs:17:9\n   \
                         5: app::main\n             at ./src/main.rs:3:1";
        assert_eq!(of_the_app(backtrace).as_deref(), Some("src/orders.rs:17"));
        assert_eq!(of_the_app("   0: sqlite3_step\n   1: app::run"), None);
    }
}
