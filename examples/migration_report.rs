//! Runs the migration suite on any folder of migrations, without a test: `cargo run --example migration_report -- DIR`.
//! The default is the folder of the sample shop. `--foreign-keys-off` and `--without-transaction` after it say what the app's
//! runner does around the migrations.
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::time::Instant;

use sqlitmus::Template;
use sqlitmus::suite::Suite;

fn main() {
    let folder = std::env::args().nth(1).unwrap_or_else(|| String::from("fixtures/shop/migrations"));
    // A suite takes a static template, so this one has to live as long as the process.
    let template: &'static Template = Box::leak(Box::new(Template::new(Box::leak(folder.clone().into_boxed_str()))));

    let start = Instant::now();
    let mut suite = Suite::new(template);
    for option in std::env::args().skip(2) {
        suite = match option.as_str() {
            "--foreign-keys-off" => suite.migrate_with_foreign_keys_off(),
            "--without-transaction" => suite.migrate_without_transaction(),
            _ => panic!("no option {option}"),
        };
    }
    let report = suite.report();
    for (test, error) in report.failures() {
        println!("--- {test}\n\n{error}\n");
    }
    println!("{folder}: SQLite {}, {} ms\n", sqlitmus::rusqlite::version(), start.elapsed().as_millis());
    print!("{report}");
    match suite.costs() {
        Ok(costs) => print!("\n{costs}"),
        // A test has reported it already.
        Err(_) if report.failures().next().is_some() => {}
        Err(error) => println!("\n{error}"),
    }
}
