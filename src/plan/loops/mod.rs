//! Matches the lines of a plan with the loops of its bytecode.
//!
//! The id of a line is the address of its `Explain` instruction in the program that `EXPLAIN QUERY PLAN` compiles. The
//! program that `EXPLAIN` lists is the same without these instructions, so the address of the code of a line is its id
//! minus the number of lines before it. (Bloom filters keep their `Explain` in both. A b-tree for `count(DISTINCT x)` that
//! turns out not to be needed takes back its line, but not the instruction.) The loop of a line starts there or later;
//! between them are at most subqueries, which have lines of their own. So each start of a loop belongs to the last line
//! above it that fits and has no loop yet.

mod matching;
mod program;

pub(super) use matching::{annotate_from_bytecode, annotate_from_text};
