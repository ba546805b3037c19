//! Domains from operators on integers: `n % 2 = 1`, `n & 4 <> 0`, `n >> 8 = 3`, `2 * n > 100`.

use rusqlite::types::Value;

use crate::data::constraints::condition::Branch;
use crate::data::constraints::expression::Comparison;
use crate::data::values::domain::Domain;

/// The number of values that are listed of those that have some bits.
const MOST: u64 = 64;

/// The number of remainders among those that have some bits.
const REMAINDERS: u64 = 4;

/// Returns true for operators whose results on integers are understood.
pub(super) fn is_operator(name: &str) -> bool {
    matches!(name, "+" | "-" | "*" | "/" | "%" | "&" | "|" | "<<" | ">>")
}

/// Returns the ways in which an operation on two numbers, of which the second is `by`, compares with `number`. `column` is the
/// first one, if that is a column. `of` returns the ways in which it compares with a number.
pub(super) fn compared(
    comparison: Comparison,
    (operator, by): (&str, i64),
    number: i64,
    column: Option<usize>,
    of: &dyn Fn(Comparison, i64) -> Vec<Branch>,
) -> Option<Vec<Branch>> {
    let operand = Operand { column, of };
    let of_shift = || 1_i64.checked_shl(u32::try_from(by).ok()?).filter(|factor| *factor > 0);
    match operator {
        "+" => Some(of(comparison, number.checked_sub(by)?)),
        "-" => Some(of(comparison, number.checked_add(by)?)),
        "*" => multiplied(comparison, by, number).map(|(comparison, number)| of(comparison, number)),
        "<<" => multiplied(comparison, of_shift()?, number).map(|(comparison, number)| of(comparison, number)),
        "/" if by > 0 && number >= 0 => divided(comparison, by, number, of),
        ">>" if number >= 0 => divided(comparison, of_shift()?, number, of),
        "%" => {
            let by = by.checked_abs().filter(|by| *by > 0)?;
            let rest = matching(comparison, number, &[number, 0, number.checked_add(1)?, by - 1])
                .filter(|rest| (0..by).contains(rest))?;
            Some(operand.stepped(by, &[rest]))
        }
        "&" => {
            let value = matching(comparison, number, &[number, 0, by, by & by.wrapping_neg()])?;
            if value & !by != 0 { Some(Vec::new()) } else { Some(operand.with_bits(by, value)) }
        }
        "|" if matches!(comparison, Comparison::Equal | Comparison::Is) => {
            let values = (0..MOST.min(1 << by.count_ones().min(6))).map(|at| number & !by | deposited(at, by));
            if number & by == by { Some(operand.one_of(values.collect())) } else { Some(Vec::new()) }
        }
        _ => None,
    }
}

/// Returns the first of some numbers that compares with `number` in this way.
fn matching(comparison: Comparison, number: i64, among: &[i64]) -> Option<i64> {
    among.iter().copied().find(|one| match comparison {
        Comparison::Equal | Comparison::Is => *one == number,
        Comparison::Unequal | Comparison::IsNot => *one != number,
        Comparison::Less => *one < number,
        Comparison::LessOrEqual => *one <= number,
        Comparison::Greater => *one > number,
        Comparison::GreaterOrEqual => *one >= number,
    })
}

/// Turns a comparison of `n * factor` with a number into one of `n`.
fn multiplied(comparison: Comparison, factor: i64, number: i64) -> Option<(Comparison, i64)> {
    if factor < 0 {
        return multiplied(comparison.mirrored(), factor.checked_neg()?, number.checked_neg()?);
    }
    let below = |number: i64| number.checked_div_euclid(factor);
    Some(match comparison {
        Comparison::Equal | Comparison::Is if number.checked_rem(factor)? != 0 => return None,
        Comparison::Unequal | Comparison::IsNot if number.checked_rem(factor)? != 0 => (Comparison::IsNot, i64::MAX),
        Comparison::Equal | Comparison::Is | Comparison::Unequal | Comparison::IsNot => (comparison, number / factor),
        Comparison::LessOrEqual => (Comparison::LessOrEqual, below(number)?),
        Comparison::Less => (Comparison::LessOrEqual, below(number.checked_sub(1)?)?),
        Comparison::Greater => (Comparison::Greater, below(number)?),
        Comparison::GreaterOrEqual => (Comparison::Greater, below(number.checked_sub(1)?)?),
    })
}

/// Returns the ways in which `n / by` compares with a number that is not negative.
fn divided(
    comparison: Comparison,
    by: i64,
    number: i64,
    of: &dyn Fn(Comparison, i64) -> Vec<Branch>,
) -> Option<Vec<Branch>> {
    let (first, behind) = (number.checked_mul(by)?, number.checked_add(1)?.checked_mul(by)?);
    let (before, from) = (Comparison::Less, Comparison::GreaterOrEqual);
    Some(match comparison {
        Comparison::Equal | Comparison::Is => {
            let ends = [of(from, first), of(before, behind)];
            ends[0].iter().flat_map(|low| ends[1].iter().filter_map(|high| low.and(high))).collect()
        }
        Comparison::Unequal | Comparison::IsNot => [of(from, behind), of(before, first)].concat(),
        Comparison::Less => of(before, first),
        Comparison::LessOrEqual => of(before, behind),
        Comparison::Greater => of(from, behind),
        Comparison::GreaterOrEqual => of(from, first),
    })
}

/// The number on which an operation works.
struct Operand<'o> {
    column: Option<usize>,
    of: &'o dyn Fn(Comparison, i64) -> Vec<Branch>,
}

impl Operand<'_> {
    /// Returns the ways in which the bits of a mask have this value.
    fn with_bits(&self, mask: i64, value: i64) -> Vec<Branch> {
        let free = !mask & i64::from(i32::MAX);
        // Numbers below a power of two repeat: the mask 4 leaves the remainders 4 to 7 of a division by 8.
        if (0..1 << 32).contains(&mask) {
            let by = (mask + 1).cast_unsigned().next_power_of_two().cast_signed();
            let free = free & (by - 1);
            let rests = (0..REMAINDERS.min(1 << free.count_ones())).map(|at| value | deposited(at, free));
            return self.stepped(by, &rests.collect::<Vec<i64>>());
        }
        self.one_of((0..MOST.min(1 << free.count_ones().min(6))).map(|at| value | deposited(at, free)).collect())
    }

    /// Returns the ways in which a division leaves one of these remainders.
    fn stepped(&self, by: i64, rests: &[i64]) -> Vec<Branch> {
        match self.column {
            Some(column) => {
                let of_rest = |rest: &i64| Branch::of(column, Domain { step: Some((by, *rest)), ..Domain::default() });
                rests.iter().flat_map(of_rest).collect()
            }
            None => self.one_of(rests.iter().flat_map(|rest| [*rest, rest + by]).collect()),
        }
    }

    fn one_of(&self, values: Vec<i64>) -> Vec<Branch> {
        match self.column {
            Some(column) => Branch::of(column, Domain::of_choices(values.into_iter().map(Value::Integer).collect())),
            None => values
                .into_iter()
                .take(REMAINDERS as usize)
                .flat_map(|value| (self.of)(Comparison::Equal, value))
                .collect(),
        }
    }
}

/// Puts the bits of a small number at the places of the bits of a mask, the lowest first.
fn deposited(number: u64, mask: i64) -> i64 {
    let mut bits = 0;
    let places = (0..64).filter(|place| mask >> place & 1 == 1);
    for (at, place) in places.enumerate().take(64) {
        bits |= ((number >> at & 1) as i64) << place;
    }
    bits
}
