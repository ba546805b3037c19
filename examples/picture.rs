//! Draws the failure at the top of the README: `cargo run --example picture > docs/failure.svg`. A test compares the file with what
//! this draws, so that it stays what a failure looks like.
#![expect(clippy::print_stdout, reason = "an example prints what it makes")]

use std::fmt::Write;

use sqlitmus::plan::explain;
use sqlitmus::{Profile, Template};

static SHOP: Template = Template::embedded(&[(
    "001_orders.sql",
    "CREATE TABLE orders(
         id INTEGER PRIMARY KEY, number TEXT NOT NULL, customer_id INT NOT NULL, status TEXT NOT NULL, placed_at TEXT
     );
     CREATE INDEX orders_open ON orders(customer_id, status);
     CREATE INDEX orders_to_pack ON orders(placed_at) WHERE status = 'paid';",
)])
.profile(Profile::PRODUCTION);

const QUERY: &str = "SELECT number FROM orders WHERE placed_at > ?1 AND status = ?2";

/// The characters of a line, beyond which it is broken.
const WIDTH: usize = 104;

// A test includes this file, without its `main`.
#[allow(dead_code, reason = "a test includes this file for the picture alone")]
fn main() {
    print!("{}", picture());
}

/// Returns the picture of a terminal in which a test fails.
pub(crate) fn picture() -> String {
    let error = explain(&SHOP.in_memory(), QUERY).try_assert_no_scan().unwrap_err();
    let report = error.to_string();
    let lines: Vec<(&str, String)> = report.lines().flat_map(|line| broken(line, style(line))).collect();
    let mut svg = String::new();
    let height = 64 + 20 * lines.len();
    let _ = write!(
        svg,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 880 {height}\" xml:space=\"preserve\" role=\"img\">\n\
         <title>A test that fails because its query scans a table</title>\n\
         <style>text {{ font: 13px ui-monospace, Menlo, Consolas, monospace; fill: #d7dae0 }} \
         .wrong {{ fill: #ff7b72; font-weight: bold }} .mark {{ fill: #ffd866 }} .help {{ fill: #7ee787 }} \
         .quiet {{ fill: #8b949e }}</style>\n\
         <rect width=\"880\" height=\"{height}\" rx=\"10\" fill=\"#161b22\"/>\n\
         <circle cx=\"20\" cy=\"20\" r=\"6\" fill=\"#ff5f56\"/><circle cx=\"40\" cy=\"20\" r=\"6\" fill=\"#ffbd2e\"/>\
         <circle cx=\"60\" cy=\"20\" r=\"6\" fill=\"#27c93f\"/>\n"
    );
    for (nth, (class, line)) in lines.iter().enumerate() {
        let text = line.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        let _ = writeln!(svg, "<text x=\"20\" y=\"{}\" class=\"{class}\">{text}</text>", 56 + 20 * nth);
    }
    svg.push_str("</svg>\n");
    svg
}

/// Returns the class of a line.
fn style(line: &str) -> &'static str {
    let text = line.trim_start();
    match line {
        _ if text.starts_with("query plan scans") => "wrong",
        _ if text.starts_with("> ") => "mark",
        _ if text.starts_with("help:") => "help",
        _ if text.ends_with(':') => "quiet",
        _ => "plain",
    }
}

/// Breaks a line between words. What follows is indented further than the line is.
fn broken(line: &str, style: &'static str) -> Vec<(&'static str, String)> {
    let text = line.trim_start();
    let indent = line.len() - text.len();
    let mut lines: Vec<String> = Vec::new();
    let mut current = " ".repeat(indent);
    for (nth, word) in text.split(' ').enumerate() {
        if nth > 0 && current.chars().count() + word.chars().count() > WIDTH {
            lines.push(std::mem::replace(&mut current, " ".repeat(indent + 2)));
        } else if nth > 0 {
            current.push(' ');
        }
        current.push_str(word);
    }
    lines.push(current);
    lines.into_iter().map(|line| (style, line)).collect()
}
