use rusqlite::Connection;

use super::{TokenKind, is_blank, is_ordered, on_one_line, plain_name, quote_identifier, quote_text, split, tokens};

#[track_caller]
fn check(script: &str, expected: &[&str]) {
    let statements = split(script);
    assert_eq!(statements.iter().map(|statement| statement.text).collect::<Vec<_>>(), expected);
    for statement in statements {
        assert_eq!(&script[statement.offset..statement.end()], statement.text);
        let newlines = script[..statement.offset].bytes().filter(|&byte| byte == b'\n').count();
        assert_eq!(statement.line, newlines + 1, "the line of {}", statement.text);
    }
}

/// The statements, one at a time, have to make the same schema as SQLite makes of the whole script.
#[track_caller]
fn check_runs(script: &str, count: usize) {
    let statements = split(script);
    assert_eq!(statements.len(), count, "{statements:#?}");
    let whole = Connection::open_in_memory().unwrap();
    whole.execute_batch(script).unwrap();
    let cut = Connection::open_in_memory().unwrap();
    for statement in statements {
        let mut prepared = cut.prepare(statement.text).unwrap_or_else(|error| panic!("{error}: {statement:?}"));
        let mut rows = prepared.raw_query();
        while rows.next().unwrap().is_some() {}
    }
    assert_eq!(schema(&cut), schema(&whole));
}

fn schema(conn: &Connection) -> Vec<(String, String)> {
    let mut query =
        conn.prepare("SELECT name, sql FROM sqlite_master UNION ALL SELECT name, sql FROM sqlite_temp_master").unwrap();
    let rows = query.query_map([], |row| Ok((row.get(0)?, row.get::<_, Option<String>>(1)?.unwrap_or_default())));
    rows.unwrap().map(Result::unwrap).collect()
}

#[test]
fn names_and_texts_are_quoted() {
    assert_eq!(quote_identifier("orders"), r#""orders""#);
    assert_eq!(quote_identifier(r#"a "b" c""#), r#""a ""b"" c""""#);
    assert_eq!(quote_identifier(""), r#""""#);
    assert_eq!(quote_text("it's"), "'it''s'");
    assert_eq!(quote_text("''"), "''''''");
}

#[test]
fn a_semicolon_ends_a_statement() {
    check("SELECT 1; SELECT 2;", &["SELECT 1;", "SELECT 2;"]);
    check("SELECT 1;\n\nSELECT 2", &["SELECT 1;", "SELECT 2"]);
}

#[test]
fn an_empty_script_has_no_statement() {
    check("", &[]);
    check(" \t\r\n\x0c", &[]);
    check(";; -- a comment\n; /* ; */ ;", &[]);
    check("SELECT 1;;;SELECT 2;", &["SELECT 1;", "SELECT 2;"]);
}

#[test]
fn a_script_without_a_statement_is_blank() {
    for blank in ["", "\u{feff}", " \r\n", "-- none", "/* none */;", "/* never closed"] {
        assert!(is_blank(blank), "{blank:?}");
    }
    for full in ["x", "'", "; ; x", "/*", "-"] {
        assert!(!is_blank(full), "{full:?}");
    }
}

#[test]
fn comments_around_a_statement_are_not_its_text() {
    check("-- first\n/* second */ SELECT 1; -- third\nSELECT 2 -- fourth", &["SELECT 1;", "SELECT 2"]);
    check("SELECT /* ; */ 1 -- ;\n;", &["SELECT /* ; */ 1 -- ;\n;"]);
}

#[test]
fn a_semicolon_in_quotes_ends_nothing() {
    check("SELECT ';', \";\", [;], `;`;SELECT 2;", &["SELECT ';', \";\", [;], `;`;", "SELECT 2;"]);
    check("SELECT 'it''s;';SELECT 2;", &["SELECT 'it''s;';", "SELECT 2;"]);
    check("SELECT '\n;\n';\nSELECT 2;", &["SELECT '\n;\n';", "SELECT 2;"]);
    check("SELECT ']', ['];SELECT 2;", &["SELECT ']', ['];", "SELECT 2;"]);
}

#[test]
fn a_comment_in_quotes_is_text() {
    check("SELECT '--', \"/*\";SELECT 2;", &["SELECT '--', \"/*\";", "SELECT 2;"]);
}

#[test]
fn a_quote_in_a_comment_opens_nothing() {
    check("SELECT 1; -- it's\nSELECT 2; /* \" */SELECT 3;", &["SELECT 1;", "SELECT 2;", "SELECT 3;"]);
}

#[test]
fn a_comment_ends_at_its_first_closing() {
    check("/*/ SELECT 1; */SELECT 2;", &["SELECT 2;"]);
    check("/**/SELECT 1;/***/SELECT 2;", &["SELECT 1;", "SELECT 2;"]);
    check("/* /* */SELECT 1;", &["SELECT 1;"]);
}

#[test]
fn a_comment_that_is_never_closed_reaches_to_the_end() {
    check_runs("CREATE TABLE a(x); /* the rest; CREATE TABLE b(x);", 1);
    check_runs("CREATE TABLE a(x); -- the rest", 1);
}

#[test]
fn a_quote_that_is_never_closed_is_left_to_sqlite() {
    check("SELECT 1;SELECT 'a;b", &["SELECT 1;", "SELECT 'a;b"]);
    check("SELECT 1;SELECT [a;b", &["SELECT 1;", "SELECT [a;b"]);
    check("SELECT 1;'", &["SELECT 1;", "'"]);
}

#[test]
fn text_that_is_not_sql_does_not_swallow_the_next_statement() {
    check("SELECT 1a; SELECT 2;", &["SELECT 1a;", "SELECT 2;"]);
    check("SELECT x'zz'; ! ; SELECT 2;", &["SELECT x'zz';", "! ;", "SELECT 2;"]);
    check("{};SELECT 2;", &["{};", "SELECT 2;"]);
}

#[test]
fn a_byte_order_mark_is_white_space() {
    check("\u{feff}CREATE TABLE a(x);", &["CREATE TABLE a(x);"]);
    check_runs("\u{feff}CREATE TABLE a(x);\n\u{feff}CREATE TABLE b(x);\u{feff}", 2);
}

#[test]
fn windows_line_endings_count_as_one_line() {
    check("SELECT 1;\r\n-- two\r\nSELECT 3;\r\n", &["SELECT 1;", "SELECT 3;"]);
    assert_eq!(split("SELECT 1;\r\n-- two\r\nSELECT 3;\r\n")[1].line, 3);
}

#[test]
fn letters_beyond_ascii_are_letters() {
    check_runs("CREATE TABLE straße(größe, 名前);CREATE VIEW übersicht AS SELECT größe FROM straße;", 2);
}

#[test]
fn a_trigger_is_one_statement() {
    let trigger = "CREATE TRIGGER t AFTER INSERT ON a BEGIN\n  UPDATE a SET x = 1; -- ;\n  DELETE FROM a;\nEND;";
    check(&format!("{trigger}\nSELECT 2;"), &[trigger, "SELECT 2;"]);
    let unfinished = trigger.trim_end_matches(';');
    check(unfinished, &[unfinished]);
    check_runs(&format!("CREATE TABLE a(x); {trigger} CREATE TABLE b(x);"), 3);
}

#[test]
fn a_trigger_may_be_temporary_and_written_in_any_case() {
    for create in ["create trigger", "CREATE TEMP TRIGGER", "Create Temporary Trigger", "create /* ; */ temp\ntrigger"]
    {
        check_runs(
            &format!("CREATE TABLE a(x); {create} t AFTER INSERT ON a BEGIN SELECT 1; SELECT 2; END; SELECT 3;"),
            3,
        );
    }
    check_runs("CREATE TABLE a(x); CREATE TRIGGER IF NOT EXISTS t AFTER INSERT ON a BEGIN SELECT 1; END; SELECT 3", 3);
}

#[test]
fn an_explained_trigger_is_one_statement() {
    for explain in ["EXPLAIN", "EXPLAIN QUERY PLAN"] {
        check_runs(
            &format!("CREATE TABLE a(x); {explain} CREATE TRIGGER t AFTER INSERT ON a BEGIN SELECT 1; END; SELECT 3;"),
            3,
        );
    }
}

#[test]
fn a_case_within_a_trigger_does_not_end_it() {
    check_runs(
        "CREATE TABLE a(x);
         CREATE TRIGGER t AFTER INSERT ON a WHEN CASE new.x WHEN 1 THEN 1 ELSE 0 END BEGIN
           UPDATE a SET x = CASE WHEN x > 1 THEN 2 ELSE 3 END;
           SELECT CASE 1 WHEN 1 THEN 'END;' END;
         END;
         CREATE TABLE b(x);",
        3,
    );
}

#[test]
fn a_semicolon_and_an_end_in_a_trigger_may_be_apart() {
    check_runs("CREATE TABLE a(x);CREATE TRIGGER t AFTER INSERT ON a BEGIN SELECT 1; /* ; */\n--;\nEND;SELECT 1;", 3);
}

#[test]
fn names_that_are_keywords_decide_nothing() {
    check_runs(r#"CREATE TABLE "trigger"(x); SELECT 1;"#, 2);
    check_runs("CREATE TABLE temp.trigger(begin, [end]); SELECT 1;", 2);
    check_runs(
        r#"CREATE TABLE create_trigger("end" TEXT, "create" TEXT); CREATE INDEX "temp" ON create_trigger("end");"#,
        2,
    );
    check_runs(
        r#"CREATE TABLE a("end"); CREATE TRIGGER t AFTER INSERT ON a BEGIN SELECT "end" FROM a; END; SELECT 1;"#,
        3,
    );
}

#[test]
fn a_transaction_is_made_of_its_statements() {
    check_runs("BEGIN; CREATE TABLE a(x); END; BEGIN IMMEDIATE TRANSACTION; COMMIT;", 5);
}

#[test]
fn the_first_word_is_known() {
    let statements = split("/* x */ Begin; (SELECT 1); \"a\"; PRAGMA(x)");
    assert_eq!(statements.iter().map(|statement| statement.keyword()).collect::<Vec<_>>(), ["Begin", "", "", "PRAGMA"]);
    assert!(statements[0].starts_with("BEGIN"));
    assert!(!statements[0].starts_with("BEG"));
}

#[track_caller]
fn check_tokens(sql: &str, expected: &[(TokenKind, &str)]) {
    let found: Vec<_> = tokens(sql).iter().map(|token| (token.kind, token.text)).collect();
    assert_eq!(found, expected);
    for token in tokens(sql) {
        assert_eq!(&sql[token.start..token.end()], token.text);
    }
}

#[test]
fn tokens_are_cut_as_sqlite_cuts_them() {
    use TokenKind::{Blob, Number, Quoted, Symbol, Text, Variable, Word};
    check_tokens("a.b", &[(Word, "a"), (Symbol, "."), (Word, "b")]);
    check_tokens(
        "'it''s' \"a\"\"b\" `c` [d\"]",
        &[(Text, "'it''s'"), (Quoted, "\"a\"\"b\""), (Quoted, "`c`"), (Quoted, "[d\"]")],
    );
    check_tokens("x'0f' X'' xx", &[(Blob, "x'0f'"), (Blob, "X''"), (Word, "xx")]);
    check_tokens(
        "1 1.5e-3 .5 0x1F 1_000 2e 3.",
        &[
            (Number, "1"),
            (Number, "1.5e-3"),
            (Number, ".5"),
            (Number, "0x1F"),
            (Number, "1_000"),
            (Number, "2e"),
            (Number, "3."),
        ],
    );
    check_tokens("?1 :a @b $c", &[(Variable, "?1"), (Variable, ":a"), (Variable, "@b"), (Variable, "$c")]);
    check_tokens(
        "a->>b||c<>d--e\n/*f*/<=g",
        &[
            (Word, "a"),
            (Symbol, "->>"),
            (Word, "b"),
            (Symbol, "||"),
            (Word, "c"),
            (Symbol, "<>"),
            (Word, "d"),
            (Symbol, "<="),
            (Word, "g"),
        ],
    );
    check_tokens("größe 'ü", &[(Word, "größe"), (Text, "'ü")]);
    check_tokens("", &[]);
}

#[test]
fn names_lose_their_quotes() {
    let names = ["a", "\"a \"\"b\"\"\"", "`a``b`", "[a \"b]", "'it''s'", "\"never closed"];
    let found: Vec<_> = names.iter().map(|name| tokens(name)[0].name().unwrap()).collect();
    assert_eq!(found, ["a", "a \"b\"", "a`b", "a \"b", "it's", "never closed"]);
    assert_eq!(tokens("1")[0].name(), None);
}

#[test]
fn names_are_quoted_only_where_they_must_be() {
    for plain in ["orders", "größe", "_x1", "key", "replace", "Users"] {
        assert_eq!(plain_name(plain), plain);
    }
    for quoted in ["", "1a", "two words", "order", "TRUE", "a-b", "current_date"] {
        assert_eq!(plain_name(quoted), format!("\"{quoted}\""));
    }
}

#[test]
fn a_name_has_quotes_where_it_needs_them() {
    let names = ["a_1", "order", "1a", "a b", "key", ""];
    assert_eq!(names.map(super::plain_name), ["a_1", "\"order\"", "\"1a\"", "\"a b\"", "key", "\"\""]);
}

#[test]
fn only_the_querys_own_order_counts() {
    for sql in [
        "SELECT 1 ORDER BY 1",
        "select x from t order/* */by x limit 1",
        "SELECT 1 UNION SELECT 2 ORDER\n--\nBY 1",
        "WITH a AS (SELECT 1) SELECT * FROM a ORDER BY (SELECT 1)",
    ] {
        assert!(is_ordered(sql), "{sql}");
    }
    for sql in [
        "SELECT 1",
        "",
        "SELECT * FROM (SELECT 1 ORDER BY 1)",
        "SELECT sum(x) OVER (ORDER BY x) FROM t",
        "SELECT group_concat(x ORDER BY x) FROM t",
        "WITH a AS (SELECT 1 ORDER BY 1) SELECT * FROM a",
        "SELECT 'ORDER BY 1' AS \"order\", [order] -- ORDER BY 1\n FROM t /* ORDER BY 1 */",
        "SELECT x FROM t GROUP BY x",
    ] {
        assert!(!is_ordered(sql), "{sql}");
    }
}

#[test]
fn a_statement_on_one_line_means_the_same() {
    assert_eq!(on_one_line("SELECT a.b, -- the\n    'x\n  y'\n\tFROM  t;"), "SELECT a.b, 'x\n  y' FROM t;");
}
