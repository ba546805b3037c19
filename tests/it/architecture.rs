//! Checks `src` against ARCHITECTURE.md: floors import only from lower ones, and no folder has a circle of imports.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

#[test]
fn a_module_imports_only_from_lower_floors() {
    let problems = floors(&sources(), &architecture());
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn the_files_of_a_folder_do_not_import_in_circles() {
    let problems = circles(&sources(), &architecture());
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn the_files_that_the_page_names_are_there() {
    let page = architecture();
    let named =
        page.split('`').skip(1).step_by(2).filter(|word| word.starts_with("src/") || word.starts_with("tests/"));
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let missing: Vec<&str> = named.filter(|file| !root.join(file).exists()).collect();
    assert!(missing.is_empty(), "ARCHITECTURE.md names files that are not there: {missing:?}");
}

/// The path of a module, such as `["plan", "advice"]`. That of `lib.rs` is `[]`.
type Module = Vec<String>;

/// Returns the source of each module of `src`.
fn sources() -> BTreeMap<Module, String> {
    let mut sources = BTreeMap::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    let src = folders[0].clone();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            } else if path.extension().is_none_or(|extension| extension != "rs") {
                continue;
            }
            let name = path.strip_prefix(&src).unwrap().with_extension("");
            let mut module: Module =
                name.components().map(|part| part.as_os_str().to_str().unwrap().to_owned()).collect();
            // Unit tests may import everything.
            if !module.iter().any(|part| part == "tests") {
                module.pop_if(|last| last == "mod" || last == "lib");
                sources.insert(module, fs::read_to_string(path).unwrap());
            }
        }
    }
    sources
}

fn architecture() -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("ARCHITECTURE.md")).unwrap()
}

/// An import of `to`, which may be an item in a module.
#[derive(Debug, PartialEq)]
struct Import {
    from: Module,
    to: Module,
}

fn imports(sources: &BTreeMap<Module, String>) -> Vec<Import> {
    let mut imports = Vec::new();
    for (from, source) in sources {
        let code = code(source);
        for (at, _) in code.match_indices("::") {
            let before = &code[..at];
            let start = before.rfind(|c: char| !c.is_alphanumeric() && c != '_').map_or(0, |at| at + 1);
            let mut to = match &before[start..] {
                "crate" => Vec::new(),
                "super" if !before[..start].ends_with("::") => from[..from.len() - 1].to_vec(),
                "self" => from.clone(),
                _ => continue,
            };
            // `$crate` is expanded in the user's crate, and `pub(in crate::plan)` is not an import.
            if before[..start].ends_with('$') || before[..start].ends_with("(in ") {
                continue;
            }
            let mut rest = &code[at + 2..];
            while let Some(after) = rest.strip_prefix("super::") {
                to.pop();
                rest = after;
            }
            leaves(rest, &to, &mut |to| imports.push(Import { from: from.clone(), to }));
        }
    }
    imports
}

/// Calls `found` with each path of a tree such as `plan::{self, advice::Advice}`, and returns what follows the tree.
fn leaves<'a>(tree: &'a str, prefix: &Module, found: &mut impl FnMut(Module)) -> &'a str {
    let tree = tree.trim_start();
    if let Some(mut rest) = tree.strip_prefix('{') {
        while !rest.starts_with('}') {
            rest = leaves(rest, prefix, found).trim_start();
            rest = rest.strip_prefix(',').unwrap_or(rest).trim_start();
        }
        return &rest[1..];
    }
    let end = tree.find(|c: char| !c.is_alphanumeric() && c != '_' && c != '*').unwrap_or(tree.len());
    let (name, rest) = tree.split_at(end);
    let mut path = prefix.clone();
    if name != "self" {
        path.push(name.to_owned());
    }
    if let Some(rest) = rest.strip_prefix("::") {
        return leaves(rest, &path, found);
    }
    found(path);
    // Skip `as` and the new name.
    rest.find([',', '}', ';']).map_or("", |end| if rest.starts_with(" as ") { &rest[end..] } else { rest })
}

/// Returns a source without comments and without items that are compiled only for tests.
fn code(source: &str) -> String {
    let lines: Vec<&str> = source.lines().map(|line| line.split("//").next().unwrap_or_default()).collect();
    let mut code = lines.join("\n");
    while let Some(start) = code.find("#[cfg(test)]") {
        let mut depth = 0;
        let mut is_end = |c: char| {
            depth += i32::from(c == '{') - i32::from(c == '}');
            depth == 0 && matches!(c, '}' | ';')
        };
        let end = code[start..].find(&mut is_end).map_or(code.len(), |end| start + end + 1);
        code.replace_range(start..end, "");
    }
    code
}

/// Returns the floor of each module from the table in ARCHITECTURE.md.
fn floor_table(architecture: &str) -> BTreeMap<String, u32> {
    let mut table = BTreeMap::new();
    for line in architecture.lines() {
        let mut cells = line.trim_matches('|').split('|').map(str::trim);
        if let (Some(Ok(floor)), Some(modules)) = (cells.next().map(str::parse), cells.next()) {
            for module in modules.split(',').map(|name| name.trim().trim_matches('`')) {
                assert_eq!(table.insert(module.to_owned(), floor), None, "{module} is in two rows of ARCHITECTURE.md");
            }
        }
    }
    table
}

fn floors(sources: &BTreeMap<Module, String>, architecture: &str) -> Vec<String> {
    let table = floor_table(architecture);
    let top = |module: &Module| module.first().cloned().unwrap_or_else(|| "lib".to_owned());
    let modules: BTreeSet<String> = sources.keys().map(top).collect();
    let mut problems = BTreeSet::new();
    for module in modules.iter().filter(|module| !table.contains_key(*module)) {
        problems.insert(format!("{module} is in src and in no row of ARCHITECTURE.md"));
    }
    for module in table.keys().filter(|module| !modules.contains(*module)) {
        problems.insert(format!("{module} is in ARCHITECTURE.md and not in src"));
    }
    for Import { from, to } in imports(sources) {
        let (one, mut other) = (top(&from), top(&to));
        if !modules.contains(&other) {
            // It is an item of the crate's root.
            other = "lib".to_owned();
        }
        let (Some(floor), Some(below)) = (table.get(&one), table.get(&other)) else { continue };
        // The crate's root may name all of its modules.
        if one != other && !from.is_empty() && below >= floor {
            let path = from.join("::");
            problems.insert(format!("{path} (floor {floor}) imports {} (floor {below})", to.join("::")));
        }
    }
    problems.into_iter().collect()
}

/// Returns the groups of files that ARCHITECTURE.md lists as one thing: "- `plan/one`, `plan/other`: why".
fn one_thing(architecture: &str) -> Vec<BTreeSet<Module>> {
    let (_, section) = architecture.split_once("## Files that are one thing").unwrap_or_default();
    let section = section.split("\n## ").next().unwrap_or_default();
    let names = |line: &str| -> BTreeSet<Module> {
        let names = line.split(": ").next().unwrap_or_default().split(',');
        names.map(|name| name.trim().trim_matches('`').split('/').map(str::to_owned).collect()).collect()
    };
    section.lines().filter_map(|line| line.strip_prefix("- ")).map(names).collect()
}

/// Returns the circles of imports among the children of each folder. An import from a folder's own `mod.rs` is one too,
/// because `mod.rs` contains the child.
fn circles(sources: &BTreeMap<Module, String>, architecture: &str) -> Vec<String> {
    let groups = one_thing(architecture);
    let mut problems = BTreeSet::new();
    for module in groups.iter().flatten().filter(|module| !sources.contains_key(*module)) {
        problems.insert(format!("{} is in ARCHITECTURE.md and not in src", module.join("/")));
    }
    // For each folder, the imports of each child.
    let mut graphs: BTreeMap<Module, BTreeMap<Module, BTreeSet<Module>>> = BTreeMap::new();
    for Import { from, to } in imports(sources) {
        let mut to = to;
        while !sources.contains_key(&to) {
            to.pop();
        }
        let common = from.iter().zip(&to).take_while(|(one, other)| one == other).count();
        if common == 0
            || common == from.len()
            || groups.iter().any(|group| group.contains(&from) && group.contains(&to))
        {
            continue;
        }
        let folder = from[..common].to_vec();
        if common == to.len() {
            problems.insert(format!("{}: {} imports from its own mod.rs", folder.join("/"), from.join("/")));
            continue;
        }
        let graph = graphs.entry(folder).or_default();
        graph.entry(from[..=common].to_vec()).or_default().insert(to[..=common].to_vec());
    }
    for (folder, graph) in &graphs {
        for child in graph.keys() {
            let mut ways: Vec<Vec<&Module>> = vec![vec![child]];
            let mut seen = BTreeSet::new();
            while let Some(way) = ways.pop() {
                for next in graph.get(way[way.len() - 1]).into_iter().flatten() {
                    if next == child {
                        // Each circle is found once per file, and reported for the first one.
                        if way.iter().all(|other| *other >= child) {
                            let names: Vec<&str> = way.iter().map(|module| module[module.len() - 1].as_str()).collect();
                            let names = names.join(" -> ");
                            problems.insert(format!("{}: {names} -> {}", folder.join("/"), child[child.len() - 1]));
                        }
                    } else if seen.insert(next) {
                        let mut longer = way.clone();
                        longer.push(next);
                        ways.push(longer);
                    }
                }
            }
        }
    }
    problems.into_iter().collect()
}

fn crate_of(files: &[(&str, &str)]) -> BTreeMap<Module, String> {
    let module = |path: &str| path.split('/').filter(|part| !part.is_empty()).map(str::to_owned).collect();
    files.iter().map(|(path, source)| (module(path), (*source).to_owned())).collect()
}

#[track_caller]
fn check(problems: Vec<String>, expected: &[&str]) {
    assert_eq!(problems, expected);
}

#[test]
fn imports_that_break_the_floors_are_found() {
    let table = "| floor | modules | what |\n| --- | --- | --- |\n| 0 | `sql` | tokens |\n| 1 | `db`, `plan` | both |\n\
                 | 2 | `lib` | the root |";
    let lib = ("", "mod db;\nuse crate::db::Db;");
    let fine = (
        "db",
        "use crate::sql::{\n    Token,\n    quote::{self, names},\n};\n// use crate::plan::Plan;\n$crate::plan!()",
    );
    let tests = ("sql", "#[cfg(test)]\nmod tests {\n    use crate::plan;\n    fn f() {}\n}");
    let plan = ("plan/mod", "pub(in crate::db) fn f() {}");
    check(floors(&crate_of(&[lib, fine, tests, plan]), table), &[]);

    let problems = floors(
        &crate_of(&[
            lib,
            ("db", "use crate::plan::{Plan, Term as Other};\nuse crate::Error;"),
            ("sql", "fn f() { crate::db::f(crate::sql::g()) }"),
            ("plan/advice", "use super::super::db::Db;"),
            ("draw", ""),
        ]),
        &format!("{table}\n| 3 | `gone` | none |"),
    );
    check(
        problems,
        &[
            "db (floor 1) imports Error (floor 2)",
            "db (floor 1) imports plan::Plan (floor 1)",
            "db (floor 1) imports plan::Term (floor 1)",
            "draw is in src and in no row of ARCHITECTURE.md",
            "gone is in ARCHITECTURE.md and not in src",
            "plan::advice (floor 1) imports db::Db (floor 1)",
            "sql (floor 0) imports db::f (floor 1)",
        ],
    );
}

#[test]
fn circles_of_imports_are_found() {
    let plan = ("plan", "mod a;\nmod b;\npub use self::a::A;\nuse self::b::B;");
    let fine = crate_of(&[plan, ("plan/a", "use super::b::B;\nuse crate::sql::Token;"), ("plan/b", ""), ("sql", "")]);
    check(circles(&fine, ""), &[]);

    let circle = crate_of(&[
        plan,
        ("plan/a", "use super::b::{self, B};"),
        ("plan/b/mod", "mod inner;"),
        ("plan/b", "mod inner;"),
        ("plan/b/inner", "use crate::plan::c;\nuse super::Inner;"),
        ("plan/c", "use crate::plan::a::A;\nuse super::Plan;"),
    ]);
    let expected = [
        "plan/b: plan/b/inner imports from its own mod.rs",
        "plan: a -> b -> c -> a",
        "plan: plan/c imports from its own mod.rs",
    ];
    check(circles(&circle, ""), &expected);

    let pair = crate_of(&[plan, ("plan/a", "use super::b::B;"), ("plan/b", "use super::a::A;")]);
    check(circles(&pair, ""), &["plan: a -> b -> a"]);
    let listed = "## Files that are one thing\n\n- `plan/a`, `plan/b`: a value and its parts\n\n## Next\n- `x`: no";
    check(circles(&pair, listed), &[]);
    check(
        circles(&fine, "## Files that are one thing\n- `plan/x`, `plan/a`: gone"),
        &["plan/x is in ARCHITECTURE.md and not in src"],
    );
}
