//! Random schemas: each is filled, or refused with nothing inserted.

use super::{dump, whole};
use sqlitmus::data::Fill;
use sqlitmus::rusqlite::Connection;

/// The random numbers from which a schema is generated.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % end
    }

    fn pick<'a>(&mut self, list: &[&'a str]) -> &'a str {
        list[self.below(list.len())]
    }
}

const TYPES: [&str; 12] =
    ["INTEGER", "TEXT", "REAL", "BLOB", "NUMERIC", "VARCHAR(8)", "BOOLEAN", "DATE", "DATETIME", "", "BIGINT", "JSON"];

const CHECKS: [&str; 14] = [
    "{} IS NOT NULL",
    "length({}) > 2",
    "length({}) BETWEEN 1 AND 4",
    "{} IN (1, 2, 3)",
    "{} IN ('a', 'b')",
    "{} > 100",
    "{} <> ''",
    "{} BETWEEN -3 AND 3",
    "typeof({}) <> 'blob'",
    "{} LIKE 'a%'",
    "{} NOT LIKE '%z%'",
    "{} IS NULL OR {} > 0",
    "abs({}) < 50",
    "{} = lower({})",
];

const RELATIONS: [&str; 6] = [
    "{a} <= {b}",
    "{a} <> {b}",
    "({a} IS NULL) = ({b} IS NULL)",
    "{a} IS NOT NULL OR {b} IS NOT NULL",
    "{a} < {b}",
    "length({a}) <= length({b})",
];

fn schema(seed: u64) -> String {
    let mut numbers = Numbers(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let mut sql = String::new();
    for table in 0..1 + numbers.below(4) {
        let mut parts: Vec<String> = Vec::new();
        let key = numbers.pick(&["id INTEGER PRIMARY KEY", "id TEXT PRIMARY KEY", "id INT NOT NULL UNIQUE"]);
        parts.push(key.to_owned());
        let columns = 1 + numbers.below(5);
        for column in 0..columns {
            let name = format!("c{column}");
            let mut part = format!("{name} {}", numbers.pick(&TYPES));
            if numbers.below(2) == 0 {
                part.push_str(" NOT NULL");
            }
            if numbers.below(5) == 0 {
                part.push_str(numbers.pick(&[" UNIQUE", " UNIQUE COLLATE NOCASE"]));
            }
            if numbers.below(3) == 0 {
                part.push_str(&format!(" CHECK ({})", numbers.pick(&CHECKS).replace("{}", &name)));
            }
            parts.push(part);
        }
        if table > 0 && numbers.below(3) > 0 {
            let null = numbers.pick(&["", " NOT NULL", " NOT NULL UNIQUE", " UNIQUE"]);
            let parent = numbers.below(table + 1);
            parts.push(format!("p{null} REFERENCES t{parent}(id)"));
        }
        if columns > 1 && numbers.below(2) == 0 {
            let at = numbers.below(columns - 1);
            let (a, b) = (format!("c{at}"), format!("c{}", at + 1));
            parts.push(format!("CHECK ({})", numbers.pick(&RELATIONS).replace("{a}", &a).replace("{b}", &b)));
        }
        if columns > 1 && numbers.below(3) == 0 {
            parts.push("UNIQUE (c0, c1)".to_owned());
        }
        let without = if key.contains("PRIMARY") && numbers.below(5) == 0 { " WITHOUT ROWID" } else { "" };
        sql.push_str(&format!("CREATE TABLE t{table}({}){without};\n", parts.join(", ")));
    }
    sql
}

fn open(sql: &str) -> Connection {
    let connection = Connection::open_in_memory().unwrap();
    connection.execute_batch("PRAGMA foreign_keys = ON").unwrap();
    connection.execute_batch(sql).unwrap_or_else(|error| panic!("{error}\n{sql}"));
    connection
}

#[test]
fn random_schemas_are_filled_or_refused() {
    let mut filled = 0;
    for seed in 0..300 {
        let sql = schema(seed);
        let connection = open(&sql);
        match Fill::seed(seed).every_table(15).try_insert(&connection) {
            Ok(_) => {
                filled += 1;
                whole(&connection);
                let again = open(&sql);
                Fill::seed(seed).every_table(15).insert(&again);
                assert_eq!(dump(&connection), dump(&again), "{sql}");
            }
            Err(error) => {
                assert_eq!(dump(&connection), [""; 0], "{sql}");
                let said = error.to_string();
                assert!(said.starts_with("cannot fill t"), "{said}\n{sql}");
            }
        }
    }
    // The other schemas contradict themselves: `x IN ('a', 'b')` for an INTEGER that another CHECK wants `> 100`.
    assert!(filled >= 285, "{filled} of 300");
}
