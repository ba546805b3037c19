//! Values that an UPDATE or a copy replaces: named by the statement, chosen by other columns, or destroyed.

use super::{History, each_is_found, history, nothing_is_found};

const TASKS: &str = "CREATE TABLE tasks(id INTEGER PRIMARY KEY, status TEXT NOT NULL, note TEXT, n INTEGER);";

/// The words are known, so that rows have them.
const STATES: &str = "CREATE TABLE tasks(id INTEGER PRIMARY KEY,
    status TEXT NOT NULL CHECK (status IN ('open', 'done', 'gone')), note TEXT, n INTEGER NOT NULL CHECK (n BETWEEN 0 AND 9));";

#[test]
fn values_that_a_statement_does_not_name_are_lost() {
    each_is_found(&[
        (history("not null", TASKS, "UPDATE tasks SET note = 'x' WHERE note IS NOT NULL;"), "values of tasks.note"),
        (history("not null, to NULL", TASKS, "UPDATE tasks SET note = NULL WHERE note NOT NULL;"), "tasks.note to NULL"),
        (history("unlike", TASKS, "UPDATE tasks SET note = 'x' WHERE note <> 'keep';"), "values of tasks.note"),
        (history("is not", TASKS, "UPDATE tasks SET note = 'x' WHERE note IS NOT 'keep';"), "values of tasks.note"),
        (history("less", TASKS, "UPDATE tasks SET n = 0 WHERE n < 99999999999;"), "values of tasks.n"),
        (history("greater", TASKS, "UPDATE tasks SET n = 9 WHERE 0 < n;"), "values of tasks.n"),
        (history("like", TASKS, "UPDATE tasks SET note = 'x' WHERE note LIKE '%a%';"), "values of tasks.note"),
        (history("long", TASKS, "UPDATE tasks SET note = 'x' WHERE length(note) > 1;"), "values of tasks.note"),
        (history("not in", TASKS, "UPDATE tasks SET status = 'x' WHERE status NOT IN ('a', 'b');"), "tasks.status"),
        (
            history("among others", TASKS, "UPDATE tasks SET note = '' WHERE note IS NOT NULL AND status <> 'x';"),
            "values of tasks.note",
        ),
        (
            history("else", STATES, "UPDATE tasks SET status = CASE status WHEN 'open' THEN 'done' ELSE 'gone' END;"),
            "values of tasks.status",
        ),
        (
            history(
                "else in a copy",
                TASKS,
                "CREATE TABLE new(id INTEGER PRIMARY KEY, status INTEGER NOT NULL, note TEXT, n INTEGER);
                 INSERT INTO new SELECT id, CASE status WHEN 'open' THEN 1 WHEN 'done' THEN 2 ELSE 0 END, note, n FROM tasks;
                 DROP TABLE tasks; ALTER TABLE new RENAME TO tasks;",
            ),
            "values of tasks.status",
        ),
        (
            history(
                "more than a new CHECK refuses",
                TASKS,
                "UPDATE tasks SET n = 0 WHERE n > 9;
                 CREATE TABLE new(id INTEGER PRIMARY KEY, status TEXT NOT NULL, note TEXT, n INTEGER CHECK (n <= 99999999999));
                 INSERT INTO new SELECT * FROM tasks; DROP TABLE tasks; ALTER TABLE new RENAME TO tasks;",
            ),
            "values of tasks.n",
        ),
        (history("not blank", TASKS, "UPDATE tasks SET note = 'x' WHERE trim(note) <> '';"), "values of tasks.note"),
        (history("erased", STATES, "UPDATE tasks SET note = NULL WHERE status = 'gone';"), "tasks.note to NULL"),
        (history("all", TASKS, "UPDATE tasks SET note = 'x';"), "values of tasks.note"),
        (history("cut", TASKS, "UPDATE tasks SET note = substr(note, 1, 2) WHERE n > 0;"), "values of tasks.note"),
        (
            history("another column's", TASKS, "UPDATE tasks SET note = status WHERE n IS NOT NULL;"),
            "overwrites tasks.note with the values of status",
        ),
        (
            history("named for another column", STATES, "UPDATE tasks SET note = 'x' WHERE status = 'open' AND note IS NOT NULL;"),
            "values of tasks.note",
        ),
        (
            history("between", STATES, "UPDATE tasks SET n = 0 WHERE n BETWEEN 1 AND 9;"),
            "values of tasks.n",
        ),
    ]);
}

#[test]
fn values_that_a_statement_names_are_replaced() {
    let in_order = |change: &'static str| history(change, STATES, change);
    nothing_is_found(&[
        in_order("UPDATE tasks SET status = 'done' WHERE status = 'gone';"),
        in_order("UPDATE tasks SET status = 'done' WHERE 'gone' = status;"),
        in_order("UPDATE tasks SET status = 'done' WHERE status IN ('gone', 'open');"),
        in_order("UPDATE tasks SET status = 'done' WHERE status = 'gone' OR tasks.status IS 'open';"),
        in_order("UPDATE tasks SET status = 'done' WHERE lower(status) = 'gone';"),
        in_order("UPDATE tasks SET status = 'done' WHERE lower(status) IN ('gone', 'open') AND n > 2;"),
        in_order("UPDATE tasks SET status = CASE status WHEN 'open' THEN 'gone' WHEN 'gone' THEN 'open' ELSE status END;"),
        in_order("UPDATE tasks SET status = CASE WHEN status = 'open' THEN 'gone' ELSE status END;"),
        in_order("UPDATE tasks SET status = iif(status = 'open', 'done', status);"),
        in_order("UPDATE tasks SET n = 1 WHERE n IN (2, 3, 4);"),
        in_order("UPDATE tasks SET n = 0 WHERE n = 1;"),
        in_order(
            "WITH m(old, new) AS (VALUES ('open', 'done'), ('gone', 'done'))
             UPDATE tasks SET status = (SELECT new FROM m WHERE old = tasks.status) WHERE status IN (SELECT old FROM m);",
        ),
        in_order(
            "UPDATE tasks SET status = m.new FROM (SELECT 'open' AS old, 'done' AS new) AS m WHERE m.old = tasks.status;",
        ),
        in_order("UPDATE tasks SET note = 'late' WHERE n > 3;"),
        in_order("UPDATE tasks SET status = 'gone' WHERE n > 3;"),
        in_order("UPDATE tasks SET note = datetime('now') WHERE status = 'done';"),
        in_order("UPDATE tasks SET note = status WHERE note IS NULL;"),
        in_order("UPDATE tasks SET note = coalesce(note, status);"),
        in_order(
            "CREATE TABLE new(id INTEGER PRIMARY KEY, status INTEGER NOT NULL, note TEXT, n INTEGER NOT NULL CHECK (n BETWEEN 0 AND 9));
             INSERT INTO new(id, status, note, n)
                 SELECT id, CASE status WHEN 'open' THEN 1 WHEN 'done' THEN 2 WHEN 'gone' THEN 3 END, note, n FROM tasks;
             DROP TABLE tasks; ALTER TABLE new RENAME TO tasks;",
        ),
        in_order(
            "ALTER TABLE tasks ADD COLUMN state INTEGER;
             UPDATE tasks SET state = CASE status WHEN 'open' THEN 1 WHEN 'done' THEN 2 WHEN 'gone' THEN 3 END;",
        ),
        history(
            "what a new CHECK refuses",
            TASKS,
            "UPDATE tasks SET n = 0 WHERE n > 9;
             CREATE TABLE new(id INTEGER PRIMARY KEY, status TEXT NOT NULL, note TEXT, n INTEGER CHECK (n <= 9));
             INSERT INTO new SELECT * FROM tasks; DROP TABLE tasks; ALTER TABLE new RENAME TO tasks;",
        ),
        History {
            name: "blank to NULL",
            before: "CREATE TABLE tasks(id INTEGER PRIMARY KEY, note TEXT CHECK (note IN ('', 'a')));",
            change: "UPDATE tasks SET note = NULL WHERE note = '';",
        },
    ]);
}
