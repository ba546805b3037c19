use super::statements::{StatementLedger, escaped, has_paragraph, parse, unescaped};

#[test]
fn every_statement_is_one_line_and_comes_back() {
    for (sql, line) in [
        ("SELECT \"a\nb\"", "SELECT \"a\\nb\""),
        ("SELECT \"a\\nb\"", "SELECT \"a\\\\nb\""),
        ("SELECT \"\\\\u{a}\\\"", "SELECT \"\\\\\\\\u{a}\\\\\""),
        ("SELECT \"\r\t\u{202e}\u{2028}\"", "SELECT \"\\u{d}\\u{9}\\u{202e}\\u{2028}\""),
        ("SELECT \"größe 数据\"", "SELECT \"größe 数据\""),
        ("", ""),
    ] {
        assert_eq!(escaped(sql), line);
        assert_eq!(unescaped(line).as_deref(), Some(sql));
    }
}

#[test]
fn what_was_not_escaped_here_is_refused() {
    for line in ["\\", "\\x", "\\u{}", "\\u{d800}", "\\u{1", "\\u1"] {
        assert_eq!(unescaped(line), None, "{line}");
    }
}

#[test]
fn every_paragraph_of_a_file_is_found_and_no_other() {
    let mut text = StatementLedger::default().to_string();
    for count in 0..40 {
        let ledger = parse(&text, "text").unwrap();
        let all: Vec<String> = ledger.iter().flat_map(|statement| statement.paragraphs()).collect();
        assert_eq!(all.len(), count);
        for paragraph in &all {
            assert!(has_paragraph(&text, paragraph), "{paragraph} in {text}");
            for other in [format!("{paragraph}x"), format!("{paragraph}\n  x"), paragraph.replace('S', "R")] {
                assert!(!has_paragraph(&text, &other), "{other} in {text}");
            }
        }
        for other in ["", "A", "SELECT", "SELECT 999", "Z", "\n\n"] {
            assert!(!has_paragraph(&text, other), "{other} in {text}");
        }
        // Each statement has two plans in the end, of which one is of no table.
        let plan = if count % 2 == 0 { "" } else { "> SCAN t\n  USE TEMP B-TREE FOR ORDER BY\n" };
        text.push_str(&format!("\nSELECT {}\n{plan}", 100 + count / 2));
        text = parse(&text, "text").unwrap().to_string();
    }
}

#[test]
fn what_was_edited_is_found_or_not_but_ends() {
    let text = "# sqlitmus ledger 1: every statement of a test run, and its plans\n\n\n\nSELECT 2\n\n\nSELECT 1\n";
    let edited = [text.to_owned(), text.replace('\n', "\r\n"), text.trim_end().to_owned(), String::new()];
    for text in edited {
        assert!(!has_paragraph(&text, "SELECT 3"));
    }
}
