//! Reading a statement ends without a panic, whatever its text.

use super::{TriggerText, index, table, view, virtual_table};

const HOSTILE: [&str; 5] = [
    "CREATE TABLE \"a b\"(x INT CONSTRAINT [c] CHECK(x IN (1, ')')) DEFAULT (1 + (2)) REFERENCES p(q) ON DELETE SET NULL \
     DEFERRABLE INITIALLY DEFERRED, größe TEXT COLLATE nocase AS (x || '') STORED, PRIMARY KEY(x COLLATE rtrim DESC) ON \
     CONFLICT FAIL, CONSTRAINT k FOREIGN KEY(x, y) REFERENCES p MATCH FULL NOT DEFERRABLE, CHECK(1) UNIQUE(x)) STRICT",
    "CREATE UNIQUE INDEX IF NOT EXISTS main.i ON t(a DESC, lower(b || ',') COLLATE nocase) WHERE a > ')' /* x */;",
    "CREATE VIRTUAL TABLE v USING fts5(a, 'b, c', d = (1, 2))",
    "CREATE TRIGGER g AFTER UPDATE OF a, \"b\" ON t FOR EACH ROW WHEN new.begin > (1) BEGIN SELECT CASE 1 WHEN 1 THEN 2 END; \
     DELETE FROM t; END",
    "CREATE VIEW v(a, b) AS SELECT 1, 'ü' FROM t;",
];

fn read_as_everything(sql: &str) {
    table(sql);
    index(sql);
    virtual_table(sql);
    TriggerText::of(sql);
    view(sql);
}

#[test]
fn a_text_that_ends_anywhere_is_read_up_to_there() {
    for sql in HOSTILE {
        for end in (0..=sql.len()).filter(|&end| sql.is_char_boundary(end)) {
            read_as_everything(&sql[..end]);
            read_as_everything(&sql[end..]);
        }
    }
}

#[test]
fn a_text_without_one_of_its_words_is_read_up_to_there() {
    for sql in HOSTILE {
        let words: Vec<&str> = sql.split_inclusive([' ', '(', ')', ',']).collect();
        for without in 0..words.len() {
            let sql: String =
                words.iter().enumerate().filter(|(index, _)| *index != without).map(|(_, word)| *word).collect();
            read_as_everything(&sql);
        }
    }
}

#[test]
fn what_comes_before_the_break_is_kept() {
    let found = table("CREATE TABLE t(a INT COLLATE nocase CHECK(a > 1), b CHECK((b > 1)");
    assert_eq!(found.columns.len(), 2);
    assert_eq!(found.columns[0].collation.as_deref(), Some("nocase"));
    assert_eq!(found.checks.len(), 1);
}
