//! Whether the line that repeats a failure does, for each bug of the population.

use std::process::Command;

use super::{Case, all_apps, explorer_of};

/// The bug that the child process runs, whose report it prints.
const BUG: &str = "WHAT_IF_BUG";

fn bugs() -> Vec<Case> {
    all_apps().into_iter().flat_map(|app| app.cases).filter(|case| case.finds.is_some()).collect()
}

fn report_of(bug: &Case) -> String {
    let (explore, _) = explorer_of(bug.finds.unwrap());
    explore(bug).err().unwrap_or_else(|| String::from("nothing is found"))
}

#[test]
#[expect(clippy::print_stdout, reason = "the parent reads it")]
#[ignore = "a process of its own for each bug: the tests of replays start it"]
fn the_bug_of_a_child() {
    let name = std::env::var(BUG).unwrap();
    let bug = bugs().into_iter().find(|bug| bug.full_name() == name).unwrap();
    println!("the report:\n{}\nthe end of it", report_of(&bug));
}

fn run_again(bug: &Case, token: &str) -> String {
    let name = concat!(module_path!(), "::the_bug_of_a_child").split_once("::").unwrap().1;
    let output = Command::new(std::env::current_exe().unwrap())
        .args([name, "--exact", "--ignored", "--nocapture"])
        .env(BUG, bug.full_name())
        .env("SQLITMUS_REPLAY", token)
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let report = text.split_once("the report:\n").and_then(|(_, rest)| rest.split_once("\nthe end of it"));
    report.map_or(text.clone(), |(report, _)| report.to_owned())
}

/// Returns the lines of a report without what one run cannot know, which is how many others fail, and without times.
fn evidence(report: &str) -> Vec<String> {
    let mut is_count = false;
    let line_of = |line: &str| {
        // The list of outcomes ends with an empty line.
        is_count = !line.is_empty() && (is_count || line.contains(" schedules of "));
        let line = line.split(" (shortest of ").next().unwrap_or_default();
        let line = line.split(" (the only one ").next().unwrap_or_default().trim_end_matches(':');
        let is_time = |word: &str| word.contains("at=");
        let words: Vec<&str> = line.split(' ').filter(|word| !is_time(word)).collect();
        (!is_count && !line.is_empty() && !line.contains("SQLITMUS_REPLAY=")).then(|| words.join(" "))
    };
    report.lines().filter_map(line_of).collect()
}

#[test]
fn the_line_of_a_report_repeats_it() {
    let mut wrong = Vec::new();
    for bug in bugs() {
        let report = report_of(&bug);
        let Some(token) = report.lines().find_map(|line| line.split("SQLITMUS_REPLAY=").nth(1)) else {
            wrong.push(format!("{}: no line to repeat it\n{report}", bug.full_name()));
            continue;
        };
        let token = token.split(' ').next().unwrap();
        let again = run_again(&bug, token);
        // Reports about all schedules say how many fail like this one.
        let is_about_all = again.contains("fail like this");
        if is_about_all || evidence(&report) != evidence(&again) {
            wrong.push(format!("{}: {token}\n{report}\n---- again:\n{again}", bug.full_name()));
        }
    }
    assert!(wrong.is_empty(), "{}\n{} differ", wrong.join("\n\n"), wrong.len());
}
