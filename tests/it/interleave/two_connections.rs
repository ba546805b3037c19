//! Random tasks that work on two connections each, as on those of a pool: the schedules that make a difference have the outcomes
//! of all schedules.

use std::collections::BTreeSet;
use std::sync::Arc;

use sqlitmus::DbCopy;
use sqlitmus::interleave::{Report, explore};
use sqlitmus::rusqlite::{Connection, Result};

use super::{ROLLBACK, wal};
use crate::random::Random;

const STATEMENTS: [&str; 7] = [
    "SELECT count FROM stock WHERE item = 1",
    "SELECT count FROM stock WHERE item = 2",
    "SELECT sum(count) FROM stock",
    "UPDATE stock SET count = count - 1 WHERE item = 1",
    "UPDATE stock SET count = count - 1 WHERE item = 2",
    "UPDATE stock SET count = count * 2",
    "INSERT INTO names(name) SELECT count FROM stock",
];

/// Statements, each with the number of its connection.
type Program = Vec<(usize, &'static str)>;

/// Returns a program in which at most one transaction is open.
fn program(random: &mut Random) -> Program {
    let mut program = Program::new();
    let mut open = None;
    for _ in 0..2 + random.below(2) {
        let on = random.below(2);
        if open.is_none() && random.below(3) == 0 {
            program.push((on, ["BEGIN", "BEGIN IMMEDIATE"][random.below(2)]));
            open = Some(on);
        }
        // Another connection would wait for the task itself.
        program.push((open.unwrap_or(on), STATEMENTS[random.below(7)]));
        if let Some(on) = open.take_if(|_| random.below(2) == 0) {
            program.push((on, "COMMIT"));
        }
    }
    program.extend(open.map(|on| (on, "COMMIT")));
    program
}

fn run(copy: &DbCopy, program: &Program) -> Result<Vec<i64>> {
    let pool = [Connection::open(copy.path())?, Connection::open(copy.path())?];
    let mut read = Vec::new();
    for (on, sql) in program {
        match sql.starts_with("SELECT") {
            true => read.push(pool[*on].query_row(sql, [], |row| row.get(0))?),
            false => pool[*on].execute_batch(sql)?,
        }
    }
    Ok(read)
}

/// `TWO_CONNECTIONS` says how many programs are tried.
#[test]
fn no_outcome_is_missed() {
    let programs = std::env::var("TWO_CONNECTIONS").map_or(12, |programs| programs.parse().unwrap());
    let outcomes = |report: &Report| {
        assert!(report.is_exhaustive(), "{report}");
        report.outcomes().map(|(outcome, _)| outcome.to_owned()).collect::<BTreeSet<_>>()
    };
    for seed in 0..programs {
        let mut random = Random(seed);
        let [alice, bob] = [(); 2].map(|()| program(&mut random));
        for db in [wal(), ROLLBACK.in_memory()] {
            let (one, other) = (alice.clone(), bob.clone());
            let by_classes = explore(&db)
                .task_with("alice", move |copy| run(&copy, &one))
                .task_with("bob", move |copy| run(&copy, &other))
                .survey();
            let (one, other) = (alice.clone(), bob.clone());
            // Tasks that share memory have all orders of their statements.
            let all = explore(&db)
                .setup(|| ())
                .task_with("alice", move |copy, _: Arc<()>| run(&copy, &one))
                .task_with("bob", move |copy, _: Arc<()>| run(&copy, &other))
                .limit(20_000)
                .survey();
            assert_eq!(outcomes(&by_classes), outcomes(&all), "seed {seed}: {alice:?}, {bob:?}\n{by_classes}\n{all}");
            assert!(by_classes.schedules() <= all.schedules(), "seed {seed}: {alice:?}, {bob:?}\n{by_classes}\n{all}");
        }
    }
}
