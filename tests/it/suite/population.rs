//! A population of histories, each with one defect or none: what the suite misses, and where it cries wolf.
//!
//! A case is a file in `fixtures/histories/population/{bad,good}/<class>`. Its versions follow lines `-- version 1`, its
//! down scripts lines `-- down 2`. The lines before the first version say what is expected:
//!
//! | header | meaning |
//! | --- | --- |
//! | `-- finds: <test> <code> version <n> <object>` | the test fails with this finding; `broken` is the code of a test that gives none |
//! | `-- review: <code> version <n> <object>` | a test finds this for review, and does not fail |
//! | `-- at line: <words>` | that finding shows a line of the migration that begins with these words |
//! | `-- allows refusal: <n> <object>` | `Suite::allow_refusal` |
//! | `-- allows loss: <n> <object>` | `Suite::allow_loss` |
//! | `-- irreversible: <n>` | `Suite::irreversible` |
//! | `-- format: refinery` | the runner; otherwise the plain one, or the paired one if there are down scripts |
//!
//! `known.txt` lists the cases that come out wrong, each with a reason. A case of the list that comes out right fails too.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::PathBuf;

use sqlitmus::suite::Suite;

use super::embedded;

pub(super) fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures/histories/population")
}

/// A finding of a test: expected, or in its report.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Found {
    test: String,
    code: String,
    version: i64,
    object: String,
    /// The lines of the migration that the report shows, or the beginning of the one that is expected.
    lines: Vec<String>,
}

impl Found {
    fn is(&self, expected: &Found) -> bool {
        let is_same = (&self.test, &self.code, self.version) == (&expected.test, &expected.code, expected.version);
        let has_line = |words: &String| self.lines.iter().any(|line| line.starts_with(words));
        is_same && self.object == expected.object && expected.lines.iter().all(has_line)
    }
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Found { test, code, version, object, lines } = self;
        write!(f, "{test} {code} version {version} {object}")?;
        lines.first().map_or(Ok(()), |line| write!(f, " at {line:?}"))
    }
}

#[derive(Default)]
pub(super) struct Case {
    files: Vec<(String, String)>,
    format: String,
    expected: Vec<Found>,
    refusals: Vec<(i64, String)>,
    losses: Vec<(i64, String)>,
    irreversible: Vec<i64>,
}

impl Case {
    pub(super) fn read(text: &str) -> Case {
        let mut case = Case::default();
        let mut scripts: Vec<(i64, bool, String)> = Vec::new();
        for line in text.lines() {
            let version = line.strip_prefix("-- version ").map(|version| (version, false));
            if let Some((version, is_down)) = version.or_else(|| line.strip_prefix("-- down ").map(|down| (down, true)))
            {
                scripts.push((version.parse().unwrap(), is_down, String::new()));
            } else if let Some((_, _, script)) = scripts.last_mut() {
                script.push_str(line);
                script.push('\n');
            } else {
                case.header(line);
            }
        }
        let is_paired = scripts.iter().any(|(_, is_down, _)| *is_down);
        let name = |version: i64, is_down: bool| match (case.format.as_str(), is_paired, is_down) {
            ("refinery", ..) => format!("V{version}__version.sql"),
            ("", false, _) => format!("{version}_version.sql"),
            ("", true, false) => format!("{version}_version.up.sql"),
            ("", true, true) => format!("{version}_version.down.sql"),
            (other, ..) => panic!("no format {other}"),
        };
        case.files = scripts.into_iter().map(|(version, is_down, script)| (name(version, is_down), script)).collect();
        case
    }

    fn header(&mut self, line: &str) {
        let Some((key, value)) = line.strip_prefix("-- ").and_then(|line| line.split_once(": ")) else {
            panic!("no header: {line}")
        };
        let allowed = || {
            let (version, object) = value.split_once(' ').unwrap();
            (version.parse().unwrap(), object.to_owned())
        };
        match key {
            "finds" | "review" => {
                let test = if key == "review" { "review " } else { "" };
                let value = format!("{test}{value}");
                let words: Vec<&str> = value.splitn(5, ' ').collect();
                let [test, code, "version", version, object] = words[..] else { panic!("no finding: {value}") };
                self.expected.push(Found {
                    test: test.to_owned(),
                    code: code.to_owned(),
                    version: version.parse().unwrap(),
                    object: object.to_owned(),
                    lines: Vec::new(),
                });
            }
            "at line" => self.expected.last_mut().unwrap().lines.push(value.to_owned()),
            "allows refusal" => self.refusals.push(allowed()),
            "allows loss" => self.losses.push(allowed()),
            "irreversible" => self.irreversible.push(value.parse().unwrap()),
            "format" => value.clone_into(&mut self.format),
            _ => panic!("no header: {line}"),
        }
    }

    /// Returns the files, leaked for the life of the process.
    pub(super) fn files(&self) -> &'static [(&'static str, &'static str)] {
        let leaked = |text: &String| -> &'static str { Box::leak(text.clone().into_boxed_str()) };
        self.files.iter().map(|(name, script)| (leaked(name), leaked(script))).collect::<Vec<_>>().leak()
    }

    /// Returns true if the runner puts a transaction around every file.
    pub(super) fn is_refinery(&self) -> bool {
        self.format == "refinery"
    }

    /// Returns the case for a runner that has no files: findings name the version.
    pub(super) fn without_files(mut self) -> Case {
        for expected in &mut self.expected {
            if self.files.iter().any(|(name, _)| *name == expected.object) {
                expected.object = format!("version {}", expected.version);
            }
        }
        self
    }

    fn suite(&self, suite: Suite) -> Suite {
        let mut suite =
            suite.skip("survives_power_loss", "takes long").skip("shipped_migrations_are_frozen", "not shipped");
        suite = suite.skip("concurrent_upgrades", "takes long");
        for (version, object) in &self.refusals {
            suite = suite.allow_refusal(*version, object, "no such rows");
        }
        for (version, object) in &self.losses {
            suite = suite.allow_loss(*version, object, "meant");
        }
        for version in &self.irreversible {
            suite = suite.irreversible(*version, "meant");
        }
        suite
    }

    /// Returns what is wrong with the suite's reports, each in one line.
    pub(super) fn wrong(&self, suite: &dyn Fn() -> Suite) -> Vec<String> {
        let report = self.suite(suite()).report();
        let reports: Vec<(&str, String)> = report.failures().map(|(test, error)| (test, error.to_string())).collect();
        let review = report.iter().flat_map(|result| &result.review);
        // How many of the transactions of a long upgrade are tried says nothing about the case.
        let review = review.filter(|finding| !finding.what().starts_with("an upgrade from ")).map(|finding| Found {
            test: String::from("review"),
            code: finding.code().to_owned(),
            version: version(finding.what()),
            object: finding.object().to_owned(),
            lines: Vec::new(),
        });
        let found = reports.iter().flat_map(|(test, text)| read_report(test, text)).chain(review).collect();
        let mut wrong = self.compare(found);
        if wrong.is_empty() && !reports.is_empty() {
            wrong = self.wrong_after_its_allowances(suite(), &reports);
        }
        wrong
    }

    fn compare(&self, mut found: Vec<Found>) -> Vec<String> {
        let mut wrong = Vec::new();
        let mut missing = Vec::new();
        for expected in &self.expected {
            match found.iter().position(|it| it.is(expected)) {
                Some(place) => drop(found.remove(place)),
                None => missing.push(expected),
            }
        }
        for expected in missing {
            let is_about_it = |it: &Found| it.version == expected.version && it.test == expected.test;
            match found.iter().position(is_about_it) {
                Some(place) => wrong.push(format!("wrong cause: {} instead of {expected}", found.remove(place))),
                None => wrong.push(format!("missed: {expected}")),
            }
        }
        wrong.extend(found.iter().map(|found| format!("false: {found}")));
        wrong
    }

    /// Takes the reports at their word: with the allowances that they offer, their tests have to pass.
    fn wrong_after_its_allowances(&self, suite: Suite, reports: &[(&str, String)]) -> Vec<String> {
        let mut suite = self.suite(suite);
        let mut with_allowances = Vec::new();
        for (test, text) in reports {
            let calls: Vec<Vec<String>> = text.lines().filter_map(allowance).collect();
            for call in &calls {
                let version = || call[1].parse().unwrap();
                suite = match call[0].as_str() {
                    "allow_loss" => suite.allow_loss(version(), &call[2], "meant"),
                    "allow_refusal" => suite.allow_refusal(version(), &call[2], "no such rows"),
                    "skip" => suite.skip(&call[1], "meant"),
                    "irreversible" => suite.irreversible(version(), "meant"),
                    "allow" => suite.allow(&call[1], &call[2], "meant"),
                    other => panic!("what is .{other}(..)?"),
                };
            }
            if !calls.is_empty() {
                with_allowances.push(*test);
            }
        }
        let report = suite.report();
        let failures = report.failures().filter(|(test, _)| with_allowances.contains(test));
        failures.map(|(test, error)| format!("false: after its allowances: {test} {}", error.headline())).collect()
    }
}

/// Returns the name and the arguments of an allowance that a report offers in this line.
fn allowance(line: &str) -> Option<Vec<String>> {
    let (_, call) = line.split_once("say so: .")?;
    let (name, arguments) = call.strip_suffix(", \"why\")")?.split_once('(')?;
    let arguments = arguments.splitn(2, ", ").map(|argument| match argument.strip_prefix('"') {
        Some(text) => text.trim_end_matches('"').replace("\\\"", "\""),
        None => argument.to_owned(),
    });
    Some(std::iter::once(name.to_owned()).chain(arguments).collect())
}

/// Reads the findings of a report.
fn read_report(test: &str, report: &str) -> Vec<Found> {
    let finding = |code: &str, object: &str, what: &str| Found {
        test: test.to_owned(),
        code: code.to_owned(),
        version: version(what),
        object: object.to_owned(),
        lines: Vec::new(),
    };
    let mut lines = report.lines();
    let headline = lines.next().unwrap();
    let is_code = |word: &str| !word.contains(' ') && (word.contains('-') || ["destructive", "gap"].contains(&word));
    let mut found: Vec<Found> = Vec::new();
    while let Some(line) = lines.next() {
        let block = line.strip_prefix("  ").and_then(|line| line.strip_suffix("):")?.split_once(" ("));
        if let Some((code, object)) = block.filter(|(code, _)| is_code(code)) {
            found.push(finding(code, object, lines.next().unwrap()));
        } else if let (Some(line), Some(finding)) = (line.trim().strip_prefix("> "), found.last_mut()) {
            finding.lines.push(line.to_owned());
        }
    }
    if found.is_empty() {
        let (code, what) = headline.split_once(": ").filter(|(code, _)| is_code(code)).unwrap_or(("broken", headline));
        let file = what.rsplit(": ").next().unwrap();
        let mut finding = finding(code, if code == "broken" { "*" } else { file }, what);
        finding.lines.extend(report.lines().filter_map(|line| line.trim().strip_prefix("> ")).map(ToOwned::to_owned));
        if code == "broken" && finding.lines.is_empty() {
            finding.lines.push(report.split_whitespace().take(40).collect::<Vec<_>>().join(" "));
        }
        found.push(finding);
    }
    found
}

/// Returns the number after "migration" or "version"; 0 if there is none.
fn version(what: &str) -> i64 {
    let words: Vec<&str> = what.split_whitespace().collect();
    let number = words.windows(2).find(|pair| ["migration", "version"].contains(&pair[0])).map(|pair| pair[1]);
    number.and_then(|number| number.trim_end_matches([':', ',']).parse().ok()).unwrap_or(0)
}

/// Returns the cases that are known to come out wrong, with their reasons.
pub(super) fn known() -> BTreeMap<String, String> {
    let text = fs::read_to_string(folder().join("known.txt")).unwrap_or_default();
    let entries = text.lines().filter(|line| !line.is_empty());
    entries.map(|line| line.split_once(' ').map(|(name, why)| (name.to_owned(), why.to_owned())).unwrap()).collect()
}

pub(super) fn names(folder: PathBuf) -> Vec<String> {
    let mut names: Vec<String> =
        folder.read_dir().unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[track_caller]
fn check(class: &str) {
    let known = known();
    let only = std::env::var("CASE").ok();
    let mut wrong: Vec<String> = Vec::new();
    for file in names(folder().join(class)) {
        let name = format!("{class}/{}", file.strip_suffix(".sql").unwrap());
        if only.as_ref().is_some_and(|only| !name.contains(only.as_str())) {
            continue;
        }
        let case = Case::read(&fs::read_to_string(folder().join(class).join(file)).unwrap());
        let found = case.wrong(&|| Suite::new(embedded(case.files())));
        match (known.get(&name), found.is_empty()) {
            (None, true) | (Some(_), false) => {}
            (None, false) => wrong.extend(found.iter().map(|what| format!("{name}: {what}"))),
            (Some(_), true) => wrong.push(format!("{name}: comes out right, remove it from known.txt")),
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

macro_rules! classes {
    ($($kind:ident: $($class:ident)*;)*) => {
        const CLASSES: &[(&str, &[&str])] = &[$((stringify!($kind), &[$(stringify!($class)),*])),*];
        $(mod $kind {
            $(#[test]
            fn $class() {
                super::check(concat!(stringify!($kind), "/", stringify!($class)));
            })*
        })*
    };
}

classes! {
    bad: deletes updates copies rebuilds moves merges splits json full_text triggers generated cascades downs transactions refusals;
    good: deletes updates copies rebuilds moves merges splits json full_text triggers generated cascades downs transactions refusals;
}

/// Returns the table of the classes, as ARCHITECTURE.md has it.
fn table() -> String {
    let text = |kind: &str, class: &str, file: &str| fs::read_to_string(folder().join(kind).join(class).join(file));
    let mut lines =
        String::from("| class | defects | of these behind a refusal | correct |\n| --- | ---: | ---: | ---: |\n");
    let mut sums = [0; 3];
    for class in names(folder().join("bad")) {
        let bad = names(folder().join("bad").join(&class));
        let is_behind = |file: &&String| text("bad", &class, file).unwrap().contains("\n-- allows refusal: ");
        let counts = [bad.len(), bad.iter().filter(is_behind).count(), names(folder().join("good").join(&class)).len()];
        lines.push_str(&format!("| {} | {} | {} | {} |\n", class.replace('_', " "), counts[0], counts[1], counts[2]));
        sums.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
    }
    lines + &format!("| all | {} | {} | {} |\n", sums[0], sums[1], sums[2])
}

#[test]
fn the_architecture_has_the_counts() {
    let architecture = include_str!("../../../ARCHITECTURE.md");
    assert!(architecture.contains(&table()), "the table in ARCHITECTURE.md should be\n{}", table());
}

#[test]
fn every_class_has_its_test_and_every_known_case_its_file() {
    for (kind, classes) in CLASSES {
        let mut classes = classes.to_vec();
        classes.sort_unstable();
        assert_eq!(names(folder().join(kind)), classes);
    }
    for name in known().keys() {
        assert!(folder().join(format!("{name}.sql")).is_file(), "{name} of known.txt");
    }
}
