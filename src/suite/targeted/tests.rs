//! The queries of statements.

use super::conditions::Tokens;
use super::scope::{From, Scope, Source};
use super::scopes::of_statement;
use crate::sql::tokens;

fn text(tokens: &Tokens<'_>) -> String {
    tokens.iter().map(|token| token.text).collect::<Vec<_>>().join(" ")
}

fn shown(scope: &Scope<'_>) -> String {
    let source = |source: &Source| {
        let from = match &source.from {
            From::Table(name) => name.to_string(),
            From::Query(at) => format!("#{at}"),
        };
        format!("{from} {}", source.names.iter().map(ToString::to_string).collect::<Vec<_>>().join("/"))
    };
    let list = |list: &[Tokens<'_>]| list.iter().map(text).collect::<Vec<_>>().join("; ");
    let mut lines = vec![format!("from {}", scope.sources.iter().map(source).collect::<Vec<_>>().join(", "))];
    let mut add = |label: &str, text: String| {
        if !text.is_empty() {
            lines.push(format!("{label} {text}"));
        }
    };
    add("outer", scope.outer.map(|at| at.to_string()).unwrap_or_default());
    add("where", list(&scope.conditions));
    add("case", list(&scope.arms));
    add("results", list(&scope.results));
    let set = scope.assignments.iter().map(|(name, value)| format!("{name} = {}", text(value)));
    add("set", set.collect::<Vec<_>>().join("; "));
    add("distinct", String::from(if scope.is_distinct { "yes" } else { "" }));
    add("alike", scope.alike.iter().map(|keys| list(keys)).collect::<Vec<_>>().join(" | "));
    let contained = scope.contained.iter().map(|(left, query)| format!("{} in #{query}", list(left)));
    add("contained", contained.collect::<Vec<_>>().join("; "));
    add("limit", scope.limit.map(|limit| limit.to_string()).unwrap_or_default());
    add("into", scope.target.as_ref().map(|target| target.table.to_string()).unwrap_or_default());
    lines.join("\n")
}

#[track_caller]
fn check(statement: &str, expected: &[&str]) {
    let tokens = tokens(statement);
    let found: Vec<String> = of_statement(&tokens, &[]).iter().map(shown).collect();
    assert_eq!(found, expected, "{statement}");
}

#[test]
fn a_delete_has_conditions_and_queries() {
    check(
        "DELETE FROM a AS x WHERE kind IN ('old', 'gone') AND (n < 0 AND n BETWEEN 1 AND 2) AND NOT EXISTS \
         (SELECT 1 FROM b LEFT JOIN c ON c.id = b.c WHERE b.a = x.id) AND id NOT IN (SELECT min(id) FROM a GROUP BY k, l)",
        &[
            "from a x\nwhere kind IN ( 'old' , 'gone' ); n < 0; n BETWEEN 1 AND 2; NOT EXISTS ( SELECT 1 FROM b LEFT \
             JOIN c ON c . id = b . c WHERE b . a = x . id ); id NOT IN ( SELECT min ( id ) FROM a GROUP BY k , l )\
             \ncontained id in #2",
            "from b b, c c\nouter 0\nwhere c . id = b . c; b . a = x . id\nresults 1",
            "from a a\nouter 0\nresults min ( id )\nalike k; l",
        ],
    );
    check("DELETE FROM t WHERE a = 1 OR b = 2 AND c = 3", &["from t t\nwhere a = 1 OR b = 2 AND c = 3"]);
}

#[test]
fn an_update_has_assignments_and_the_conditions_of_case() {
    check(
        "UPDATE OR REPLACE t SET a = trim(a), b = CASE kind WHEN 'x' THEN 1 WHEN 'y' THEN CASE WHEN n IS NULL THEN 2 END \
         END FROM u WHERE u.id = t.u AND u.v IS DISTINCT FROM 2",
        &["from t t, u u\nwhere u . id = t . u; u . v IS DISTINCT FROM 2\ncase kind = 'x'; kind = 'y'; n IS NULL\n\
           set a = trim ( a ); b = CASE kind WHEN 'x' THEN 1 WHEN 'y' THEN CASE WHEN n IS NULL THEN 2 END END"],
    );
}

#[test]
fn a_copy_has_results_and_a_limit() {
    check(
        "WITH d(x) AS (SELECT DISTINCT a FROM t) INSERT OR IGNORE INTO n(x, y) SELECT d.x, u.y FROM d JOIN \
         (SELECT * FROM u) AS u ON u.x = d.x WHERE length(u.y) < 9 ORDER BY 1 LIMIT 1000",
        &[
            "from t t\nresults a\ndistinct yes",
            "from #0 d, #2 u\nwhere u . x = d . x; length ( u . y ) < 9\nresults d . x; u . y\nlimit 1000\ninto n",
            "from u u\nresults *",
        ],
    );
    check(
        "CREATE TABLE n AS SELECT * FROM t UNION SELECT * FROM u",
        &["from t t\nresults *\ndistinct yes\ninto n", "from u u\nresults *\ndistinct yes"],
    );
    check(
        "INSERT INTO n SELECT a, row_number() OVER (PARTITION BY b ORDER BY c) FROM t WHERE 1 ON CONFLICT (a) DO NOTHING",
        &["from t t\nwhere 1\nresults a; row_number ( ) OVER ( PARTITION BY b ORDER BY c )\nalike b\ninto n"],
    );
}

#[test]
fn text_that_is_no_statement_is_read_without_a_panic() {
    let statement = "WITH a(x) AS (SELECT 1 UNION SELECT y FROM t WHERE (p, q) IN (SELECT r, s FROM u)), b AS (VALUES (1), (2)) INSERT OR \
                     REPLACE INTO main.n AS m(x, y) SELECT CASE WHEN a.x BETWEEN 1 AND 2 THEN (SELECT max(z) FROM v) ELSE 'end' END, \
                     sum(b) OVER (PARTITION BY c ORDER BY d) FROM a LEFT JOIN (SELECT * FROM w) AS w USING (x, y), v ON v.a = w.b OR NOT \
                     v.c IN ('x', 'y') WHERE f IS NOT DISTINCT FROM g GROUP BY 1, h HAVING count(*) > 1 ORDER BY 2 LIMIT 10 OFFSET 5 ON \
                     CONFLICT (x) DO UPDATE SET y = excluded.y; CREATE UNIQUE INDEX i ON t(lower(a) DESC, b COLLATE NOCASE) WHERE c";
    let tokens = tokens(statement);
    for start in 0..tokens.len() {
        for end in start..=tokens.len() {
            of_statement(&tokens[start..end], &[]);
        }
        let mut without = tokens.clone();
        without.remove(start);
        of_statement(&without, &[]);
        without.insert(start, tokens[tokens.len() - 1 - start]);
        of_statement(&without, &[]);
    }
}
