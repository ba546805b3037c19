//! The token by which a schedule is repeated.

use super::choices::Grain;

/// The word with which the token of a schedule begins.
pub(super) const WORD: &str = "schedule";
const OF_LOCKS: &str = "locks:";

/// Writes a schedule, as `schedule:a2b3a1`.
pub(super) fn token(grain: Grain, steps: &[u8]) -> String {
    let mut token = format!("{WORD}:");
    if grain == Grain::Locks {
        token.push_str(OF_LOCKS);
    }
    for run in steps.chunk_by(|one, other| one == other) {
        token.push(char::from(b'a' + run[0]));
        token.push_str(&run.len().to_string());
    }
    token
}

/// Reads what a failure has printed, without the word in front.
pub(super) fn parse(text: &str) -> Option<(Grain, Vec<u8>)> {
    let (grain, runs) = match text.strip_prefix(OF_LOCKS) {
        Some(runs) => (Grain::Locks, runs),
        None => (Grain::Statements, text),
    };
    let runs = runs.split_inclusive(|c: char| c.is_ascii_digit());
    let mut steps = Vec::new();
    let mut task = None;
    let mut count = 0_usize;
    let mut flush = |task: Option<u8>, count: usize| task.map(|task| steps.extend(std::iter::repeat_n(task, count)));
    for part in runs {
        let (letter, digit) = part.split_at(part.len() - 1);
        match letter.as_bytes() {
            [] => {}
            [letter @ b'a'..=b'd'] => {
                flush(task, count);
                (task, count) = (Some(letter - b'a'), 0);
            }
            _ => return None,
        }
        match digit.parse::<usize>() {
            Ok(digit) if task.is_some() && count < 1_000_000 => count = count * 10 + digit,
            _ => return None,
        }
    }
    flush(task, count);
    (!steps.is_empty()).then_some((grain, steps))
}
