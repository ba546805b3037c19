//! drizzle's `meta/_journal.json`, which decides on the migrations and their order.

/// Returns the `tag` and `when` of each entry, in order.
pub(super) fn entries(json: &str) -> Vec<(String, i64)> {
    let list = json.split_once("\"entries\"").map_or("", |(_, list)| list);
    // The entries have no objects within them.
    list.split('{')
        .skip(1)
        .filter_map(|entry| {
            let entry = entry.split('}').next()?;
            let tag = value(entry, "\"tag\"")?.strip_prefix('"')?.split('"').next()?;
            let when =
                value(entry, "\"when\"").and_then(|text| text.split(|letter: char| !letter.is_ascii_digit()).next());
            Some((tag.to_owned(), when.and_then(|when| when.parse().ok()).unwrap_or(0)))
        })
        .collect()
}

/// Returns what follows a key.
fn value<'j>(entry: &'j str, key: &str) -> Option<&'j str> {
    entry.split_once(key)?.1.trim_start().strip_prefix(':').map(str::trim_start)
}
