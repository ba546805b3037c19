//! Each index that is offered lets the statement run in fewer steps.

use sqlitmus::rusqlite::{Connection, StatementStatus};

use super::{advised, database};

const SCHEMA: &str = "
    CREATE TABLE docs(id INTEGER PRIMARY KEY, tenant INT, state TEXT, title TEXT, at INT, deleted_at INT);
    CREATE INDEX live ON docs(at) WHERE deleted_at IS NULL;
    CREATE INDEX new ON docs(at) WHERE state = 'new';";

const FILL: &str = "
    WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 500)
    INSERT INTO docs SELECT x, x % 50, 'new', 'title ' || x % 90, x, NULL FROM n;";

/// Returns how many steps a statement takes on rows.
fn steps(connection: &Connection, sql: &str) -> i32 {
    let mut statement = connection.prepare(sql).unwrap();
    for parameter in 1..=statement.parameter_count() {
        statement.raw_bind_parameter(parameter, 7).unwrap();
    }
    let mut rows = statement.raw_query();
    while rows.next().unwrap().is_some() {}
    drop(rows);
    statement.get_status(StatementStatus::VmStep)
}

/// Returns the steps of a statement on rows, without an index and with it.
fn before_and_after(index: &str, sql: &str) -> (i32, i32) {
    let connection = database(SCHEMA);
    connection.execute_batch(FILL).unwrap();
    let before = steps(&connection, sql);
    connection.execute_batch(index).unwrap();
    (before, steps(&connection, sql))
}

#[test]
fn an_index_that_is_offered_takes_fewer() {
    for sql in [
        "SELECT id FROM docs WHERE tenant = ?1",
        "SELECT id FROM docs WHERE at > 400 AND tenant = ?1 AND state <> 'old'",
        "SELECT id FROM docs WHERE deleted_at IS NULL AND tenant IN (1, 2, ?1)",
        "SELECT max(title) FROM docs",
        "SELECT at FROM docs ORDER BY title LIMIT 10",
        "SELECT tenant, max(title) FROM docs GROUP BY tenant",
        "UPDATE docs SET at = at + 1 WHERE tenant = ?1",
    ] {
        let index = advised(&database(SCHEMA), sql);
        assert!(index.starts_with("CREATE INDEX"), "{sql}");
        let (before, after) = before_and_after(&index, sql);
        assert!(after < before, "{sql}: {before} steps, {after} with {index}");
    }
}

/// All rows of a partial index are read, as before, but by way of another one.
#[test]
fn an_index_that_takes_no_fewer_is_not_offered() {
    for (sql, index) in [
        (
            "SELECT count(*) FILTER (WHERE at > 3 OR at < 2) FROM docs WHERE state = 'new' AND tenant <> 3",
            "CREATE INDEX docs_state ON docs(state)",
        ),
        (
            "SELECT sum(at) FILTER (WHERE tenant = 1) FROM docs WHERE state = 'new' AND (title = ?1 OR tenant = ?2)",
            "CREATE INDEX docs_state ON docs(state)",
        ),
        (
            "SELECT id FROM docs WHERE deleted_at IS NULL AND at + 1 > ?1 ORDER BY at",
            "CREATE INDEX docs_deleted_at_at ON docs(deleted_at, at)",
        ),
    ] {
        let (before, after) = before_and_after(index, sql);
        assert!(after >= before, "{sql}: {before} steps, {after} with {index}");
        assert_eq!(advised(&database(SCHEMA), sql), "", "{sql}");
    }
}
