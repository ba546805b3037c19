//! The health of a database file, and a picture of what takes its space: `cargo run --example health -- [FILE.db]`.
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::fmt::Write;
use std::path::PathBuf;

use rusqlite::Connection;
use sqlitmus::{BoxError, Profile, Template, check};

static SHOP: Template = Template::new("fixtures/shop/migrations").profile(Profile::PRODUCTION);

fn main() -> Result<(), BoxError> {
    let sample = SHOP.on_disk();
    let db = match std::env::args().nth(1) {
        Some(file) => Connection::open(PathBuf::from(file))?,
        None => {
            sample.fill("order_items", 5000);
            sample.connect()
        }
    };
    let health = check::health(&db);
    println!("{health}");
    let parts = sizes(&db)?;
    let target = std::env::temp_dir().join("sqlitmus-health.svg");
    std::fs::write(&target, svg(&parts))?;
    for (name, bytes) in parts.iter().take(6) {
        println!("{name:32} {:8} KiB", bytes / 1024);
    }
    println!("{:32} {}", "all of them", target.display());
    Ok(())
}

/// Returns the bytes of each table and index, the largest first.
fn sizes(db: &Connection) -> rusqlite::Result<Vec<(String, i64)>> {
    let sql = "SELECT name, sum(pgsize) FROM dbstat GROUP BY name ORDER BY 2 DESC";
    db.prepare(sql)?.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
}

/// Draws a bar for each of the parts.
fn svg(parts: &[(String, i64)]) -> String {
    let (width, largest) = (900, parts.first().map_or(1, |(_, bytes)| *bytes).max(1));
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {}\" font-family=\"sans-serif\" font-size=\"12\">\n",
        20 * parts.len() + 10
    );
    for (nth, (name, bytes)) in parts.iter().enumerate() {
        let (y, bar) = (20 * nth + 5, 600 * bytes / largest);
        let name = name.replace('&', "&amp;").replace('<', "&lt;");
        let _ = writeln!(
            svg,
            "<rect x=\"200\" y=\"{y}\" width=\"{bar}\" height=\"14\" fill=\"#4c8bf5\"/>\
             <text x=\"190\" y=\"{0}\" text-anchor=\"end\">{name}</text><text x=\"{1}\" y=\"{0}\">{2} KiB</text>",
            y + 12,
            206 + bar,
            bytes / 1024
        );
    }
    svg.push_str("</svg>\n");
    svg
}
