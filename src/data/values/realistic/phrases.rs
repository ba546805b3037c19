//! Words and phrases from the lists.

use crate::data::values::realistic::lists::{ADJECTIVES, NOUNS};
use crate::data::values::value_buf::ValueBuf;
use crate::draw::Draw;

/// Draws a word. Some of the words of `fake` end in white space, which is left out.
pub(super) fn pick(words: &'static [&'static str], draw: &mut Draw) -> &'static str {
    let word = words[draw.below(words.len() as u64) as usize];
    if word.as_bytes()[word.len() - 1] <= b' ' { word.trim_end() } else { word }
}

pub(super) fn adjective(choice: u64) -> &'static str {
    ADJECTIVES[(choice & 63) as usize]
}

pub(super) fn noun(choice: u64) -> &'static str {
    NOUNS[(choice >> 6 & 63) as usize]
}

/// Appends an adjective and a noun.
pub(super) fn phrase(between: &str, draw: &mut Draw, out: &mut ValueBuf) {
    let choice = draw.next();
    two(adjective(choice), between, noun(choice), out);
}

pub(super) fn two(first: &str, between: &str, second: &str, out: &mut ValueBuf) {
    out.push_str(first);
    out.push_str(between);
    out.push_str(second);
}

/// Appends an ASCII word with a capital first letter.
pub(super) fn capital(word: &str, out: &mut ValueBuf) {
    out.push_ascii(word.as_bytes()[0].to_ascii_uppercase());
    out.push_str(&word[1..]);
}
