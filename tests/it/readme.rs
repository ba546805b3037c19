//! What the README shows.

#[path = "../../examples/picture.rs"]
mod picture;

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

#[test]
fn it_fits_a_reader() {
    let readme = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    assert!(readme.lines().count() <= 200);
    // Files that it links to are in the package, or on the page of the documentation.
    for link in readme.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(link, _)| link) {
        let is_there = || Path::new(env!("CARGO_MANIFEST_DIR")).join(link).exists();
        assert!(link.starts_with('#') || link.starts_with("https://docs.rs/") || is_there(), "{link}");
    }
}
