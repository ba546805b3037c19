//! Texts of words and of letters. A number that differs makes a text that differs.

use crate::data::values::value_buf::ValueBuf;
use crate::draw::Draw;

/// The characters of texts about which nothing is known.
pub(crate) const LETTERS_AND_DIGITS: &[u8] = b"abcdefghijklmnopqrstuvwxyz0123456789";

const WORDS: [&str; 64] = [
    "amber", "apple", "autumn", "basil", "birch", "breeze", "bridge", "candle", "cedar", "cherry", "cinder", "clover",
    "copper", "coral", "cotton", "dawn", "delta", "ember", "falcon", "fern", "field", "forest", "garden", "ginger",
    "glacier", "harbor", "hazel", "heron", "indigo", "island", "ivory", "jasmine", "juniper", "lantern", "lemon",
    "linen", "maple", "marble", "meadow", "mint", "north", "olive", "opal", "orchid", "pebble", "pepper", "pine",
    "plum", "quartz", "raven", "river", "saffron", "sage", "silver", "spruce", "stone", "summer", "thistle", "tulip",
    "valley", "velvet", "walnut", "willow", "winter",
];

/// Returns one of the words.
pub(crate) fn word(draw: &mut Draw) -> &'static str {
    WORDS[(draw.next() >> 58) as usize]
}

/// Writes words with spaces between them, of a length in these limits. With a number, writes a word, a hyphen and the
/// number.
pub(crate) fn words(draw: &mut Draw, min_length: u64, max_length: u64, number: Option<u64>, out: &mut ValueBuf) {
    out.start_text();
    let tail = number.map_or(0, |number| 1 + digits_of(number));
    let max_length = max_length.saturating_sub(tail).min(1 << 20);
    let min_length = min_length.saturating_sub(tail).min(max_length);
    let count = if number.is_some() { 1 } else { 1 + draw.below(3) };
    out.push_str(word(draw));
    for _ in 1..count {
        out.push_ascii(b' ');
        out.push_str(word(draw));
    }
    while (out.len() as u64) < min_length {
        out.push_ascii(b' ');
        out.push_str(word(draw));
    }
    if out.len() as u64 > max_length {
        out.truncate(max_length as usize);
        // An app may trim the end of a text.
        out.replace_last_blank(b'x');
    }
    if let Some(number) = number {
        out.push_ascii(b'-');
        out.push_number(number, 1);
    }
}

fn digits_of(number: u64) -> u64 {
    u64::from(number.checked_ilog10().unwrap_or(0)) + 1
}

/// Texts of the characters of an alphabet.
#[derive(Clone, Debug)]
pub(crate) struct Letters {
    pub(crate) alphabet: Vec<u8>,
    pub(crate) min_length: u64,
    pub(crate) max_length: u64,
}

impl Letters {
    /// Writes a text. With a number, writes the number with the alphabet as its digits.
    pub(crate) fn write(&self, draw: &mut Draw, number: Option<u64>, out: &mut ValueBuf) {
        let (min, max) = (self.min_length, self.max_length);
        out.start_text();
        let size = self.alphabet.len() as u64;
        let length = match number {
            // With several lengths, leading zeros would make two texts of one number.
            Some(_) => self.numbered_length(),
            None => min + draw.below(max.min(min.saturating_add(12).max(8)).saturating_sub(min) + 1),
        };
        if size == 0 {
            return;
        }
        for at in 0..length {
            let digit = match number {
                Some(number) => {
                    let place = length - 1 - at;
                    if place > 40 { 0 } else { (number / size.saturating_pow(place as u32)) % size }
                }
                None => draw.below(size),
            };
            out.push_ascii(self.alphabet[digit as usize]);
        }
    }

    /// Returns the length of texts that have a number.
    fn numbered_length(&self) -> u64 {
        self.max_length.min(self.min_length.max(12)).min(1 << 20)
    }

    /// Returns the number of different texts that numbers make.
    pub(crate) fn capacity(&self) -> u64 {
        let places = self.numbered_length().min(64) as u32;
        (self.alphabet.len() as u64).saturating_pow(places)
    }
}
