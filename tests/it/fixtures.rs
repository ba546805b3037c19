use rstest::rstest;
use sqlitmus::TestDb;
use sqlitmus::fixtures::{db, file_db};

fn orders(db: &TestDb) -> i64 {
    db.query_row("SELECT count(*) FROM orders", [], |row| row.get(0)).unwrap()
}

#[rstest]
fn a_fixture_takes_a_folder_of_migrations(#[with("fixtures/shop/migrations")] db: TestDb) {
    assert_eq!(orders(&db), 0);
}

#[rstest]
fn a_fixture_on_disk_takes_one_too(#[with("fixtures/shop/migrations")] file_db: TestDb) {
    assert_eq!(orders(&file_db), 0);
    assert!(file_db.path().is_file());
}

#[test]
fn a_plain_test_calls_the_same_functions() {
    // This package has no folder `migrations`, and the error is that of rstest's fixture.
    for make in [db, file_db] {
        let panic = std::panic::catch_unwind(make).unwrap_err();
        let text = panic.downcast_ref::<String>().unwrap();
        assert!(text.starts_with("no such folder of migrations: "), "{text}");
    }
}

#[rstest]
#[should_panic(
    expected = "name the folder, Template::new(\"db/migrations\").in_memory(), or with rstest at the argument: #[with"
)]
fn without_a_folder_the_default_is_migrations(db: TestDb) {
    drop(db);
}

#[test]
fn the_error_for_a_missing_folder_does_not_suggest_naming_one() {
    let panic = std::panic::catch_unwind(|| db::partial_1("fixtures/shop/migration")).unwrap_err();
    let text = panic.downcast_ref::<String>().unwrap();
    assert!(text.ends_with("fixtures/shop/migration\n\n  help: did you mean migrations?"), "{text}");
}
