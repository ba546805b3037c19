//! A failure prints the line that repeats it, and the runs can be split into shards.

use super::{Process, rows, text};

/// Returns the token that repeats the failure.
fn printed(output: &str) -> String {
    let line =
        output.lines().find_map(|line| line.strip_prefix("note: SQLITMUS_REPLAY=")).expect("a line to repeat it");
    line.split(' ').next().unwrap().to_owned()
}

fn headline(output: &str, starts: &str) -> String {
    output.lines().find(|line| line.starts_with(starts)).expect(starts).to_owned()
}

#[test]
fn a_power_cut_is_repeated_and_its_database_is_kept() {
    let mut process = Process::new("power_is_cut");
    let output = text(&process.run());
    let token = printed(&output);
    assert!(token.starts_with("crash:"), "{output}");
    assert!(output.contains(&format!("note: SQLITMUS_REPLAY={token} cargo test child::power_is_cut\n")), "{output}");
    let kept = process.path("out/kept/sqlitmus/process/child/power_is_cut-after-the-cut.db");
    assert_eq!(rows(&kept), [1, 2]);
    assert_eq!(rows(&process.path("out/kept/sqlitmus/process/child/power_is_cut.db")), [1]);

    let mut again = Process::new("power_is_cut").env("SQLITMUS_REPLAY", &token);
    let repeated = text(&again.run());
    assert_eq!(headline(&repeated, "killing"), headline(&output, "killing"));
    assert_eq!(printed(&repeated), token);

    // The image of another point passes.
    let mut before = Process::new("power_is_cut").env("SQLITMUS_REPLAY", "crash:0:nothing");
    let before = before.run();
    assert!(before.status.success());
    assert!(text(&before).contains("note: only crash:0:nothing was repeated, and it passes\n"), "{}", text(&before));
    assert!(!repeated.contains("and it passes"), "{repeated}");
    // A token that fits no image of this action, or that of another explorer, must not make the test pass.
    for other in ["crash:999:all", "crash:1:torn:99.1", "schedule:b1a2b1", "fault:io:1"] {
        let output = text(&Process::new("power_is_cut").env("SQLITMUS_REPLAY", other).run());
        assert_eq!(printed(&output), token, "{other}");
        let says = format!("note: nothing here fits SQLITMUS_REPLAY={other}, so everything is tried");
        assert_eq!(output.matches(&says).count(), 1, "{output}");
        assert!(!repeated.contains("nothing here fits"), "{output}");
    }
    let mut wrong = Process::new("power_is_cut").env("SQLITMUS_REPLAY", "crash:17:some");
    let wrong = text(&wrong.run());
    assert!(wrong.contains("unknown value of SQLITMUS_REPLAY: \"crash:17:some\""), "{wrong}");
}

#[test]
fn a_replayed_fault_runs_the_action_only_as_needed() {
    let mut process = Process::new("operations_fail");
    let output = text(&process.run());
    let token = printed(&output);
    assert!(token.starts_with("fault:io:"), "{output}");
    assert_eq!(rows(&process.path("out/kept/sqlitmus/process/child/operations_fail-after-the-fault.db")), [1, 2]);

    let mut again = Process::new("operations_fail").env("SQLITMUS_REPLAY", &token);
    let repeated = text(&again.run());
    assert_eq!(headline(&repeated, "the action"), headline(&output, "the action"));
    for other in ["fault:io:999", "crash:1:all"] {
        let other = text(&Process::new("operations_fail").env("SQLITMUS_REPLAY", other).run());
        assert_eq!(printed(&other), token);
        assert!(other.contains("nothing here fits") && !repeated.contains("nothing here fits"), "{other}");
    }
    // A fault that does no harm.
    let harmless = text(&Process::new("operations_fail_in_parts").env("SQLITMUS_REPLAY", "fault:full:1").run());
    assert!(harmless.contains("note: only fault:full:1 was repeated, and it passes\n"), "{harmless}");
    // The action runs twice without a fault, once with it, once more without, because a time in seconds differs only later, and
    // once more to record the statement.
    assert_eq!(std::fs::read_to_string(again.path("runs")).unwrap().lines().count(), 5);
}

/// No thread can be stopped: the process ends, and says why.
#[test]
fn a_wait_that_nothing_ends_is_named() {
    let output = Process::new("a_fault_leaves_a_wait_without_an_end").run();
    assert!(!output.status.success());
    let output = text(&output);
    assert!(output.contains("the action does not end after an I/O error and ignores every error"), "{output}");
    assert!(output.contains("SELECT count(*) FROM t"), "{output}");
    assert!(printed(&output).starts_with("fault:io:"), "{output}");
}

#[test]
fn the_work_is_split() {
    let number = |test: &str, shard: &str, word: usize| -> u64 {
        let output = text(&Process::new(test).env("SQLITMUS_SHARD", shard).run());
        let line = output.lines().find(|line| line.ends_with(" moments") || line.ends_with(" runs")).expect(&output);
        line.split(' ').nth(word).unwrap().parse().unwrap()
    };
    let sum = |test| (1..=3).map(|part| number(test, &format!("{part}/3"), 0)).sum::<u64>();
    assert_eq!(sum("power_is_cut_in_parts"), number("power_is_cut_in_parts", "1/1", 0));
    assert_eq!(sum("operations_fail_in_parts"), number("operations_fail_in_parts", "1/1", 0));
    let (part, all) = (number("power_is_cut_in_parts", "2/3", 0), number("power_is_cut_in_parts", "1/1", 0));
    assert!(part > 0 && part < all);
}
