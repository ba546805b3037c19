//! What the comments say beside the three calls of the README: each place of a short action is tried.

use sqlitmus::faults::Kind;
use sqlitmus::rusqlite::{Connection, Result, TransactionBehavior};
use sqlitmus::{Template, crash, faults, interleave};

fn buy(db: &mut Connection) -> Result<usize> {
    let all = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let bought = all.execute("UPDATE stock SET count = count - 1 WHERE count > 0", [])?;
    all.commit()?;
    Ok(bought)
}

#[test]
fn each_place_is_tried() {
    let db = Template::embedded(&[("1.sql", "CREATE TABLE stock AS SELECT 1 count")]).in_memory();
    let cuts = crash::test(&db, buy).run();
    assert!(cuts.points == cuts.moments && cuts.points > 2, "{cuts}");
    let sweep = faults::sweep(&db, buy).run();
    for kind in [Kind::Io, Kind::Busy] {
        let tried = sweep.of(kind).unwrap();
        assert!(tried.runs == tried.places && tried.runs > 0, "{kind:?}: {sweep}");
    }
    let orders = interleave::explore(&db).task("alice", buy).task("bob", buy).run();
    assert!(orders.is_exhaustive(), "{orders}");
    let counts: Vec<(&str, u64)> = orders.outcomes().collect();
    assert_eq!(counts, [("alice, then bob", 1), ("bob, then alice", 1)]);
}
