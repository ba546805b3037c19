//! Random filters over schemas: each advice removes the steps that it names, and no plan gets worse.

use sqlitmus::plan::{Advice, Node, Plan, Removed, Scan, Step, advise, explain};
use sqlitmus::rusqlite::Connection;
use sqlitmus::schema::{Schema, Table, TableKind};

/// The steps of a plan that an index might remove.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Expensive {
    pub(super) scans: Vec<String>,
    pub(super) sorts: usize,
}

pub(super) fn expensive(plan: &Plan) -> Expensive {
    let nodes = || plan.lines().chain(plan.effects().iter().map(|effect| &effect.node));
    let scanned = |node: &&Node| !matches!(node.scan, None | Some(Scan::PartialIndex(_)));
    let table = |node: &Node| node.table.clone().unwrap_or_default();
    let sorts = |node: &&Node| match &node.step {
        Step::TempBTree(_) => true,
        Step::Compound(text) => text.ends_with("USING TEMP B-TREE"),
        _ => false,
    };
    Expensive { scans: nodes().filter(scanned).map(table).collect(), sorts: nodes().filter(sorts).count() }
}

/// Runs each advice alone on the database and rolls it back.
#[track_caller]
pub(super) fn holds(connection: &Connection, sql: &str, advice: &[Advice]) {
    let before = expensive(&explain(connection, sql));
    for one in advice {
        connection.execute_batch("SAVEPOINT advice").unwrap();
        connection.execute_batch(&one.sql).unwrap();
        let plan = explain(connection, sql);
        let after = expensive(&plan);
        let count = |steps: &Expensive, table: &str| steps.scans.iter().filter(|scan| *scan == table).count();
        for table in after.scans.iter().chain(&before.scans) {
            let removed = one.removes.iter().filter(|gone| **gone == Removed::Scan(table.clone())).count();
            assert_eq!(count(&after, table) + removed, count(&before, table), "{table} of {sql}\n{one:?}\n{plan}");
        }
        let sorts = one.removes.iter().filter(|gone| matches!(gone, Removed::Sort(_))).count();
        let most = before.sorts + usize::from(one.adds_sort);
        assert!(after.sorts + usize::from(sorts > 0) <= most, "{sql}\n{one:?}\n{plan}");
        assert!(!one.removes.is_empty(), "{sql}\n{one:?}");
        let is_used =
            |name: &str| plan.lines().chain(plan.effects().iter().map(|e| &e.node)).any(|n| n.text.contains(name));
        assert!(one.indexes.iter().all(|index| is_used(&index.name)), "{sql}\n{one:?}\n{plan}");
        connection.execute_batch("ROLLBACK TO advice; RELEASE advice").unwrap();
    }
}

/// SplitMix64, which gives the same numbers for the same seed.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut number = self.0;
        number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((number ^ (number >> 31)) % end as u64) as usize
    }

    fn one_of<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        &list[self.below(list.len())]
    }
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Returns a comparison of a random column of this alias.
fn filter(numbers: &mut Numbers, table: &Table, alias: &str) -> String {
    let column = numbers.one_of(&table.columns);
    let name = format!("{alias}.{}", quoted(&column.name));
    match numbers.below(12) {
        0..=4 => format!("{name} = ?"),
        5 => format!("{name} > ?"),
        6 => format!("{name} BETWEEN ? AND ?"),
        7 => format!("{name} IN (?, ?)"),
        8 => format!("{name} IS NULL"),
        9 => format!("lower({name}) = ?"),
        10 => format!("{name} LIKE 'ab%'"),
        _ => format!("{name} <> ?"),
    }
}

fn query(numbers: &mut Numbers, schema: &Schema) -> String {
    let tables: Vec<&Table> = schema
        .tables
        .iter()
        .filter(|table| table.kind == TableKind::Ordinary && table.columns.iter().any(|column| !column.hidden))
        .collect();
    let table = *numbers.one_of(&tables);
    let mut from = format!("{} AS a", quoted(&table.name));
    let mut filters = vec![filter(numbers, table, "a")];
    if let Some(key) = table.foreign_keys.first().filter(|_| numbers.below(3) == 0)
        && let (Some(parent), Some(columns)) = (schema.table(&key.parent), &key.parent_columns)
    {
        let joined =
            key.columns.iter().zip(columns).map(|(mine, its)| format!("a.{} = b.{}", quoted(mine), quoted(its)));
        from = format!("{from} JOIN {} AS b ON {}", quoted(&parent.name), joined.collect::<Vec<_>>().join(" AND "));
        filters[0] = filter(numbers, parent, "b");
    }
    while numbers.below(2) == 0 {
        filters.push(filter(numbers, table, "a"));
    }
    let word = if numbers.below(4) == 0 { " OR " } else { " AND " };
    let mut sql = match numbers.below(8) {
        0 if !from.contains(" JOIN ") => format!("DELETE FROM {from} WHERE {}", filters.join(word)),
        _ => format!("SELECT a.{} FROM {from} WHERE {}", quoted(&table.columns[0].name), filters.join(word)),
    };
    if sql.starts_with("SELECT") && numbers.below(2) == 0 {
        let order = |numbers: &mut Numbers| {
            let name = quoted(&numbers.one_of(&table.columns).name);
            format!("a.{name}{}", numbers.one_of(&["", " DESC"]))
        };
        let orders: Vec<String> = (0..=numbers.below(2)).map(|_| order(numbers)).collect();
        sql.push_str(&format!(" ORDER BY {}", orders.join(", ")));
        sql.push_str(if numbers.below(2) == 0 { "" } else { " LIMIT 10" });
    }
    sql
}

/// Returns the number of random queries with an expensive step, and the number of those with advice.
pub(super) fn check(connection: &Connection, seed: u64, count: usize) -> (usize, usize) {
    let schema = Schema::read(connection).unwrap();
    let mut numbers = Numbers(seed);
    let (mut wanting, mut helped) = (0, 0);
    for _ in 0..count {
        let sql = query(&mut numbers, &schema);
        let before = expensive(&explain(connection, &sql));
        let advice = advise(connection, &sql).unwrap();
        holds(connection, &sql, &advice);
        wanting += usize::from(before != Expensive { scans: Vec::new(), sorts: 0 });
        helped += usize::from(!advice.is_empty());
    }
    (wanting, helped)
}

/// Returns a schema of four tables with random keys, collations and indexes.
fn generated(seed: u64) -> String {
    let mut numbers = Numbers(seed);
    let mut sql = String::new();
    for table in 0..4 {
        let names = ["id", "kind", "user name", "order", "at", "body", "x\"y", "Größe"];
        let mut columns = vec!["id INTEGER PRIMARY KEY".to_owned()];
        for name in &names[1..2 + numbers.below(7)] {
            let declared = numbers.one_of(&["TEXT", "INT", "TEXT COLLATE NOCASE", "", "REAL NOT NULL"]);
            columns.push(format!("{} {declared}", quoted(name)));
        }
        if table > 0 {
            columns.push(format!("parent INT REFERENCES t{}(id) ON DELETE CASCADE", numbers.below(table)));
        }
        sql.push_str(&format!("CREATE TABLE t{table}({});\n", columns.join(", ")));
        if numbers.below(2) == 0 {
            let unique = numbers.one_of(&["", "UNIQUE "]);
            let partial = numbers.one_of(&["", "", " WHERE kind IS NOT NULL"]);
            sql.push_str(&format!("CREATE {unique}INDEX i{table} ON t{table}(kind DESC){partial};\n"));
        }
    }
    sql
}

#[test]
fn all_advice_helps() {
    let shop = sqlitmus::Template::new("fixtures/shop/migrations").in_memory();
    let (wanting, helped) = check(&shop, 1, 80);
    assert!(wanting > 40 && helped > 30, "{helped} of {wanting}");
    let guide = sqlitmus::Template::new("fixtures/guide/schema.sql").in_memory();
    check(&guide, 2, 40);
    for seed in 0..8 {
        check(&super::database(&generated(seed)), seed, 10);
    }
}
