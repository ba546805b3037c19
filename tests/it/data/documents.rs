//! Documents have the members that constraints, generated columns and indexes read out of them.

use super::{all_fill, count, fills, fills_by, one};
use sqlitmus::Template;
use sqlitmus::data::{self, Fill};

#[test]
fn members_satisfy_checks() {
    for check in [
        "json_extract(doc, '$.kind') IN ('a', 'b')",
        "doc ->> 'kind' = 'a' OR doc ->> '$.kind' = 'b'",
        "json_extract(doc, '$.address.\"zip code\"') GLOB '[0-9][0-9][0-9][0-9]'",
        "doc -> 'offer' ->> 'price' BETWEEN 1 AND 99",
        "json_type(doc, '$.tags') = 'array' AND json_array_length(doc, '$.tags') > 0",
        "json_type(doc, '$.active') IN ('true', 'false')",
        "date(json_extract(doc, '$.day')) IS NOT NULL",
        "length(doc ->> 'code') = 4",
        "json_extract(doc, '$.from') < json_extract(doc, '$.to')",
        "(doc ->> 'kind' = 'a' AND doc ->> 'x' > 3) OR (doc ->> 'kind' = 'b' AND doc ->> 'y' IS NOT NULL)",
    ] {
        let connection = fills(&format!("CREATE TABLE t(doc TEXT NOT NULL, CHECK ({check}))"), "t", 50);
        // A CHECK that is NULL passes as well, so only rows for which it is true are counted.
        assert_eq!(one(&connection, &format!("SELECT count(*) FROM t WHERE {check}")), 50, "{check}");
    }
}

#[test]
fn members_that_generated_columns_read_exist() {
    let connection = fills(
        "CREATE TABLE p(id INTEGER PRIMARY KEY);
         CREATE TABLE t(
             body TEXT NOT NULL CHECK (json_valid(body)),
             id TEXT NOT NULL AS (json_extract(body, '$.id')) STORED UNIQUE,
             email TEXT NOT NULL AS (body ->> '$.contact.email'),
             age INTEGER AS (CAST(body ->> 'age' AS INTEGER)) CHECK (age >= 18),
             older INTEGER AS (age + 1) CHECK (older < 50),
             p INTEGER AS (body ->> 'p') REFERENCES p
         );
         CREATE UNIQUE INDEX slugs ON t(body ->> 'slug');",
        "t",
        200,
    );
    assert_eq!(one(&connection, "SELECT count(*) FROM t WHERE age NOT BETWEEN 18 AND 48 OR email NOT LIKE '%@%'"), 0);
    assert_eq!(one(&connection, "SELECT count(DISTINCT body ->> 'slug') FROM t"), 200);
    all_fill(
        [
            "CREATE TABLE t(doc TEXT NOT NULL, x TEXT NOT NULL AS (doc ->> 'x')) STRICT",
            "CREATE TABLE t(doc BLOB NOT NULL, x TEXT NOT NULL AS (doc ->> 'x'))",
            "CREATE TABLE t(doc JSON NOT NULL, x INTEGER NOT NULL AS (doc ->> 'x') UNIQUE)",
            "CREATE TABLE t(doc, x TEXT NOT NULL AS (lower(json_extract(doc, '$.a.x'))))",
        ]
        .map(str::to_owned),
        50,
    );
}

#[test]
fn a_column_is_copied_into_the_document() {
    let connection = fills_by(
        "CREATE TABLE t(
             id TEXT PRIMARY KEY, doc TEXT NOT NULL CHECK (json_extract(doc, '$.id') = id),
             kind TEXT NOT NULL AS (doc ->> 'kind') CHECK (kind IN ('a', 'b'))
         )",
        &Fill::seed(3).label("t", "one").rows("t", 40),
        "t",
        40,
    );
    assert_eq!(one(&connection, "SELECT count(*) FROM t WHERE doc ->> 'id' = id AND kind IN ('a', 'b')"), 40);
}

#[test]
fn members_of_a_type_satisfy_further_conditions() {
    let connection = fills(
        "CREATE TABLE t(
             doc TEXT NOT NULL CHECK (
                 json_type(doc, '$.age') = 'integer' AND json_extract(doc, '$.age') BETWEEN 18 AND 120
                 AND json_type(doc, '$.email') = 'text' AND json_extract(doc, '$.email') LIKE '%@%'
             )
         )",
        "t",
        40,
    );
    let said = "doc ->> 'age' BETWEEN 18 AND 120 AND doc ->> 'email' LIKE '%@%'";
    assert_eq!(one(&connection, &format!("SELECT count(*) FROM t WHERE {said}")), 40);
    assert!(one(&connection, "SELECT count(DISTINCT doc ->> 'age') FROM t") > 5);
}

static DOCUMENTS: Template = Template::embedded(&[(
    "1.sql",
    "CREATE TABLE t(
         doc TEXT NOT NULL CHECK (doc ->> 'kind' IN ('a', 'b')), id TEXT NOT NULL AS (doc ->> 'id') STORED UNIQUE,
         n INTEGER NOT NULL AS (doc ->> 'n') CHECK (n > 0)
     )",
)]);

#[test]
fn each_constraint_of_a_document_is_broken() {
    data::violations(&DOCUMENTS).assert_refused();
    assert_eq!(count(&DOCUMENTS.in_memory(), "t"), 0);
}

#[cfg(feature = "property")]
mod property {
    use super::DOCUMENTS;
    use proptest::prelude::*;
    use sqlitmus::data::rows;

    proptest! {
        #![proptest_config(ProptestConfig { cases: 20, failure_persistence: None, ..ProptestConfig::default() })]
        #[test]
        fn documents_are_drawn(rows in rows(&DOCUMENTS, "t", 0..10)) {
            let db = DOCUMENTS.in_memory();
            rows.insert(&db);
            prop_assert_eq!(super::count(&db, "t"), rows.len() as i64);
        }
    }
}
