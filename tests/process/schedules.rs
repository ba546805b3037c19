//! The environment repeats a schedule, splits the schedules into shards, and seeds those that are drawn.

use super::{Process, rows, text};

fn report(output: &str) -> Vec<&str> {
    output.lines().filter_map(|line| line.strip_prefix("report: ")).collect()
}

#[test]
fn a_schedule_is_repeated_and_its_state_is_kept() {
    let mut process = Process::new("schedules::an_update_is_lost");
    let output = process.run();
    assert!(!output.status.success());
    let output = text(&output);
    let line = "note: SQLITMUS_REPLAY=schedule:b1a2b1 cargo test child::schedules::an_update_is_lost\n";
    assert!(output.contains(line), "{output}");
    assert!(output.contains("(shortest of 2 that fail like this, 4 were run):"), "{output}");
    let kept = "out/kept/sqlitmus/process/child/schedules";
    assert_eq!(process.files(kept), ["an_update_is_lost-after-the-schedule.db", "an_update_is_lost.db"]);
    assert_eq!(rows(&process.path(&format!("{kept}/an_update_is_lost.db"))), [1]);
    assert_eq!(rows(&process.path(&format!("{kept}/an_update_is_lost-after-the-schedule.db"))), [2]);

    let replayed = |token: &str| {
        let output = Process::new("schedules::an_update_is_lost").env("SQLITMUS_REPLAY", token).run();
        (output.status.success(), text(&output))
    };
    let (passes, output) = replayed("schedule:b1a2b1");
    assert!(!passes && output.contains("\n  schedule:\n    bob    SELECT x FROM t\n"), "{output}");
    let (passes, output) = replayed("schedule:b2a2");
    assert!(passes, "a serial order is fine");
    assert!(output.contains("note: only schedule:b2a2 was repeated, and it passes\n"), "{output}");
    let (passes, output) = replayed("schedule:7");
    assert!(!passes && output.contains("unknown value of SQLITMUS_REPLAY: \"schedule:7\""), "{output}");
    // The token of another explorer and one that does not fit must not make the test pass.
    for other in ["crash:17:torn", "schedule:b7a2"] {
        let output = replayed(other).1;
        assert!(output.contains("(shortest of 2 that fail like this, 4 were run):"), "{other}");
        let says = format!("note: nothing here fits SQLITMUS_REPLAY={other}, so everything is tried\n");
        assert_eq!(output.matches(&says).count(), 1, "{output}");
        assert!(!output.contains("was repeated"), "{output}");
    }
}

#[test]
fn a_schedule_is_repeated_after_another_that_it_does_not_fit() {
    let mut process = Process::new("schedules::one_of_two_is_lost").env("SQLITMUS_REPLAY", "schedule:b1a2b1");
    let output = text(&process.run());
    assert!(output.contains("\nlost update: the state is as if bob had not run\n"), "{output}");
    assert!(output.contains("\n  schedule:\n    bob    SELECT x FROM t\n"), "{output}");
}

#[test]
fn shards_add_up_to_all_schedules() {
    let of = |shard: &str| {
        let output = text(&Process::new("schedules::every_schedule").env("SQLITMUS_SHARD", shard).run());
        let report = report(&output).first().expect(&output).to_string();
        let (count, rest) = report.split_once(' ').unwrap();
        (count.parse::<u64>().unwrap(), rest.to_owned())
    };
    let parts: Vec<_> = (1..=3).map(|number| of(&format!("{number}/3"))).collect();
    let how = "schedules of alice, bob, carol: every order of their statements that makes a difference, of 34650";
    let (all, whole) = of("1/1");
    assert_eq!((all, whole.as_str()), (78, how));
    assert_eq!(parts.iter().map(|(count, _)| count).sum::<u64>(), all, "{parts:?}");
    assert!(parts.iter().all(|(count, _)| *count > 5), "{parts:?}");
    assert_eq!(parts[1].1, format!("{how}, part 2 of 3"));
}

/// All shards decide alike whether to run every schedule or to draw some.
#[test]
fn shards_explore_in_the_same_way() {
    let of = |shard: &str| -> Vec<(u64, String)> {
        let output = text(&Process::new("schedules::schedules_of_what_tries_again").env("SQLITMUS_SHARD", shard).run());
        let extents = report(&output).into_iter().filter_map(|line| line.split_once(" schedules of alice, bob: "));
        extents.map(|(count, how)| (count.parse().unwrap(), how.split(", part").next().unwrap().to_owned())).collect()
    };
    let whole = of("1/1");
    let parts: Vec<_> = (1..=3).map(|number| of(&format!("{number}/3"))).collect();
    for (limit, whole) in whole.iter().enumerate() {
        assert!(parts.iter().all(|part| part[limit].1 == whole.1), "{whole:?} {parts:?}");
    }
    assert_eq!(whole[1].1, "every order of their statements");
    for (limit, (all, _)) in whole.iter().enumerate() {
        assert_eq!(parts.iter().map(|part| part[limit].0).sum::<u64>(), *all, "{parts:?}");
    }
}

/// A remedy is tried on all schedules and not only on those of the shard.
#[test]
fn a_remedy_is_tried_on_all_schedules() {
    let failed = |part: u32| {
        let output = Process::new("schedules::an_update_is_lost").env("SQLITMUS_SHARD", format!("{part}/3")).run();
        (!output.status.success()).then(|| text(&output))
    };
    let failures: Vec<String> = (1..=3).filter_map(failed).collect();
    assert!(failures.len() > 1);
    assert!(failures.iter().all(|output| output.contains("tried: all 2 schedules are fine")), "{failures:?}");
}

#[test]
fn the_seed_decides_which_schedules_are_drawn() {
    let of = |seed: &str| {
        let output = text(&Process::new("schedules::drawn_schedules").env("SQLITMUS_SEED", seed).run());
        report(&output).join("\n")
    };
    let (first, again, other) = (of("0x5f3a"), of("24378"), of("8"));
    assert_eq!(first, again);
    assert_ne!(first.replace("0x5f3a", "0x8"), other);
    assert!(first.contains("drawn with seed 0x5f3a, of 34650 orders of their statements"), "{first}");
}

#[test]
fn a_schedule_in_which_a_task_is_stuck_is_repeated() {
    for (test, says) in [
        ("schedules::a_task_waits_for_nobody", "bob waits for something outside of SQLite"),
        ("schedules::a_task_tries_for_ever", "bob retries without end"),
    ] {
        let token = |output: &str| {
            let line = output.lines().find_map(|line| line.strip_prefix("note: SQLITMUS_REPLAY="));
            line.expect(output).split(' ').next().unwrap().to_owned()
        };
        let first = text(&Process::new(test).run());
        assert!(first.lines().any(|line| line == says), "{first}");
        let again = text(&Process::new(test).env("SQLITMUS_REPLAY", token(&first)).run());
        assert!(again.lines().any(|line| line == says), "{again}");
        assert_eq!(token(&again), token(&first));
    }
}

#[test]
fn a_task_that_is_stuck_does_not_keep_the_process_alive() {
    for shard in ["1/1", "2/2"] {
        let output = Process::new("schedules::a_task_is_stuck_for_good").env("SQLITMUS_SHARD", shard).run();
        assert!(output.status.success(), "{}", text(&output));
        assert_eq!(report(&text(&output)), ["bob waits for something outside of SQLite"]);
    }
}
