//! What the README says and shows.

mod common_steps;
mod outputs;
#[path = "../../examples/picture.rs"]
mod picture;
mod prose;
mod shown;
mod what_if;

use std::fs;
use std::path::Path;

#[test]
fn the_picture_is_that_of_a_real_failure() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/failure.svg");
    let kept = fs::read_to_string(&file).unwrap();
    // The version is that of the SQLite which is linked.
    let without_version = |svg: &str| {
        let (before, after) = svg.split_once("plan (SQLite ").unwrap();
        format!("{before}{}", after.split_once(')').unwrap().1)
    };
    assert_eq!(
        without_version(&kept),
        without_version(&picture::picture()),
        "cargo run --example picture > docs/failure.svg"
    );
}

/// Returns the version of a package in a lock file, without the last number.
fn locked(lock: &str, package: &str) -> String {
    let (_, rest) = lock.split_once(&format!("name = \"{package}\"\nversion = \"")).expect(package);
    rest.split('"').next().unwrap().rsplit_once('.').unwrap().0.to_owned()
}

/// Returns the range of a dependency in words: `0.32 to 0.43`.
fn range(manifest: &str, package: &str) -> String {
    let (_, rest) = manifest.split_once(&format!("\n{package} = {{ version = \">=")).expect(package);
    let (from, to) = rest.split('"').next().unwrap().split_once(", <").unwrap();
    let (major, minor) = to.split_once('.').unwrap();
    format!("{from} to {major}.{}", minor.parse::<u32>().unwrap() - 1)
}

#[test]
fn the_versions_are_those_that_are_tested() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |file: &str| fs::read_to_string(root.join(file)).unwrap();
    let (readme, manifest) = (read("README.md"), read("Cargo.toml"));
    let rust = manifest.split("rust-version = \"").nth(1).unwrap().split('"').next().unwrap();
    let ranges =
        format!("\nrusqlite {}, rstest {}, Rust {rust}. ", range(&manifest, "rusqlite"), range(&manifest, "rstest"));
    assert!(readme.contains(&ranges), "{ranges}");
    assert!(readme.contains(&format!("\n| rusqlite | {} | ", range(&manifest, "rusqlite"))));
    let of = |folder: &str| locked(&read(&format!("tests/drivers/{folder}/Cargo.lock")), folder);
    let fits = format!(
        "fits rusqlite {}, sqlx {}, diesel {}; Rust {rust}\n",
        range(&manifest, "rusqlite"),
        of("sqlx"),
        of("diesel")
    );
    assert!(readme.contains(&fits), "{fits}");
    // Cargo has chosen the newest that fits.
    for (folder, drivers, text) in [
        ("pools", &["tokio-rusqlite", "r2d2_sqlite", "deadpool-sqlite"][..], ""),
        ("sqlx", &["sqlx", "sea-orm"], "up to "),
        ("diesel", &["diesel"], "up to "),
    ] {
        let lock = read(&format!("tests/drivers/{folder}/Cargo.lock"));
        let names: Vec<String> = drivers.iter().map(|driver| format!("{driver} {}", locked(&lock, driver))).collect();
        let (names, fits) = (names.join(", "), format!(" | {text}{} | ", locked(&lock, "rusqlite")));
        let row = readme.lines().find(|line| line.starts_with(&format!("| {names}"))).expect(&names);
        assert!(row.contains(&fits), "{row}: {fits}");
    }
    let lock = read("tests/drivers/older/Cargo.lock");
    let older = ["sqlx", "sea-orm", "diesel"].map(|driver| format!("{driver} {}", locked(&lock, driver))).join(", ");
    let older = format!("{older} (all with rusqlite {})", locked(&lock, "rusqlite"));
    assert!(readme.contains(&older), "{older}");
    // What else is tested has a driver, too.
    for (folder, package) in [("sqlx", "axum"), ("diesel", "diesel-async"), ("pinned", "sqlite-vec")] {
        let manifest = read(&format!("tests/drivers/{folder}/Cargo.toml"));
        assert!(manifest.contains(&format!("\n{package} = ")) && readme.contains(package), "{package}");
    }
    assert!(root.join("tests/drivers/system").exists() && readme.contains("a system's SQLite"));
}

/// The crate's page lists the features in an order of its own, with those that are off at the end.
#[test]
fn the_features_are_those_of_the_manifest() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let manifest = fs::read_to_string(root.join("Cargo.toml")).unwrap();
    let section = manifest.split("\n[features]\n").nth(1).unwrap().split("\n[").next().unwrap();
    let lines = section.lines().filter_map(|line| line.split_once(" = "));
    let (default, others): (Vec<_>, Vec<_>) = lines.partition(|(name, _)| *name == "default");
    let default: Vec<&str> = default[0].1.split('"').skip(1).step_by(2).collect();
    let others: Vec<&str> = others.into_iter().map(|(name, _)| name).collect();
    let page = fs::read_to_string(root.join("src/lib.rs")).unwrap();
    let list = page.split("//! # Features\n").nth(1).unwrap();
    let listed: Vec<&str> = list.split("\n//! - `").skip(1).map(|line| line.split('`').next().unwrap()).collect();
    let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<std::collections::BTreeSet<_>>();
    assert_eq!(set(&listed), set(&others));
    assert!(list.contains("All but the last three are on by default."));
    assert_eq!(set(&listed[..listed.len() - 3]), set(&default));
}

/// Licenses are compared with what is compiled by cargo-deny, and where there is none by .ci/run.
#[test]
fn the_licenses_are_those_that_are_allowed() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |file: &str| fs::read_to_string(root.join(file)).unwrap();
    let section = read("README.md").split("\n## License\n").nth(1).unwrap().to_owned();
    let deny = read("deny.toml");
    let allowed = |line: &str| deny.contains(line);
    assert!(allowed("allow = [\"MIT\", \"Apache-2.0\"]\n") && section.contains("MIT or Apache-2.0"));
    let exceptions: Vec<&str> = deny.lines().filter(|line| line.trim_start().starts_with("{ crate = ")).collect();
    let words = |line: &str| line.split('"').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>();
    let named: Vec<String> =
        exceptions.iter().map(|line| words(line)).map(|one| format!("{} ({}", one[0], one[1])).collect();
    assert_eq!(named.len(), 2);
    assert!(named.iter().all(|one| section.contains(one)), "{named:?}");
    assert_eq!(section.matches("(B").count(), 2);
    assert!(root.join("LICENSE-MIT").exists() && root.join("LICENSE-APACHE").exists());
}

#[test]
fn it_fits_a_reader() {
    let readme = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    assert!(readme.lines().count() <= 200);
    // Code that is longer is cut at the right where it is rendered. What is printed is as it is.
    for block in
        readme.split("```rust").skip(1).chain(readme.split("```sh").skip(1)).chain(readme.split("```toml").skip(1))
    {
        let code = block.split("```").next().unwrap_or_default();
        assert_eq!(code.lines().find(|line| line.chars().count() > 96), None);
    }
    // Files that it links to are in the package, or on the page of the documentation.
    for link in readme.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(link, _)| link) {
        assert!(is_there(&readme, link), "{link}");
    }
}

#[test]
fn the_guide_has_each_way_to_come_from() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (readme, page) =
        ["README.md", "src/guide/coming_from.md"].map(|file| fs::read_to_string(root.join(file)).unwrap()).into();
    let section = readme.split("\n## Instead of\n").nth(1).unwrap().split("\n## ").next().unwrap();
    let before = section.lines().filter_map(|row| row.strip_prefix("| ")?.split(" | ").next());
    let code: Vec<&str> = before.filter_map(|cell| cell.split('`').nth(1)).collect();
    assert_eq!(code, ["Connection::open_in_memory()", "#[sqlx::test]", "begin_test_transaction"]);
    for way in code.into_iter().map(|code| format!("`{code}`")).chain(["a helper".to_owned()]) {
        assert!(page.lines().any(|line| line.starts_with("# From ") && line.contains(&way)), "{way}");
    }
}

/// Returns true if a link leads to a heading, to a module, to a page of the guide, or to a file.
fn is_there(readme: &str, link: &str) -> bool {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    if let Some(anchor) = link.strip_prefix('#') {
        let anchors = readme.lines().filter_map(|line| line.strip_prefix("## "));
        return anchors
            .map(|title| title.to_lowercase().replace(',', "").replace(' ', "-"))
            .any(|title| title == anchor);
    }
    match link.strip_prefix("https://docs.rs/sqlitmus/latest/sqlitmus/") {
        Some(module) => {
            let module = root.join("src").join(module.trim_end_matches('/'));
            module.join("mod.rs").exists() || module.with_extension("md").exists()
        }
        None => root.join(link).exists(),
    }
}
