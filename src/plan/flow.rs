//! Whether a loop that could read a whole table can get that far.
//!
//! `SELECT max(id)` and `LIMIT 1` are coded as loops over the whole table that are left after the first row, and SQLite
//! marks them like any other. Running the statement would tell, but a statement that writes must not be run, and on an
//! empty table there is nothing to count. So the ways through the program are followed: a loop whose end cannot be reached
//! from its body, or only past a LIMIT that counts down, is not a scan of the table. Neither is one that is not reached:
//! behind `WHERE 0`, or `1 = 0`, which is how an ORM writes an empty list; and the search for children of a row that is
//! inserted, which is begun only if the statement has left some without a parent before.

use std::cell::OnceCell;
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use super::bytecode::{Op, Program};

/// What is known of a program whichever way it goes.
#[derive(Clone, Debug, Default)]
pub(super) struct Flow {
    /// The numbers that registers hold from the beginning to the end: SQLite sets those behind everything else, where the
    /// program goes first, and writes to them nowhere else.
    constants: BTreeMap<i64, i64>,
    /// The registers that say whether an outer join has found a row: set to 0 before it looks for one, to 1 when it has, and
    /// asked once it has looked, to hand over a row of NULLs where there was none. So each row of the table on the left
    /// comes to the LIMIT behind them, and the ways on which it does not are none.
    joined: Vec<i64>,
    /// The instructions that the program may come to, once they have been asked for.
    begun: OnceCell<Vec<bool>>,
}

impl Flow {
    fn of(ops: &[Op]) -> Flow {
        let begin = ops.iter().rposition(|op| op.code == "Transaction").unwrap_or(ops.len());
        let set = ops[begin..].iter().filter(|op| op.code == "Integer");
        let mut joined: Vec<i64> = Vec::new();
        let asks = ops.iter().filter(|op| op.code == "IfPos" && op.p3 == 0);
        for register in asks.map(|op| op.p1) {
            let set = |value| ops.iter().any(|op| op.code == "Integer" && op.p2 == register && op.p1 == value);
            if joined.len() < MOST_JOINED && !joined.contains(&register) && set(0) && set(1) {
                joined.push(register);
            }
        }
        Flow { constants: set.map(|op| (op.p2, op.p1)).collect(), joined, begun: OnceCell::new() }
    }
}

impl Program {
    fn flow(&self) -> &Flow {
        self.flow.get_or_init(|| Flow::of(&self.ops))
    }

    /// Whether the loop that ends at `end` is left after a number of rows that the statement fixes, or never begun.
    ///
    /// A LIMIT is such a number, also as a parameter; an OFFSET is one only if it is written as a number, since the rows
    /// that `OFFSET ?` passes over grow with the table.
    pub(super) fn is_bounded(&self, end: usize) -> bool {
        let Ok(body) = usize::try_from(self.ops[end].p2) else { return false };
        !self.leads(body, end) || !self.begun().get(body).is_some_and(|begun| *begun)
    }

    /// Which instructions the program may come to.
    fn begun(&self) -> &[bool] {
        self.flow().begun.get_or_init(|| {
            let mut begun = vec![false; self.ops.len()];
            let mut open = vec![0];
            while let Some(address) = open.pop() {
                if let Some(first) = begun.get_mut(address).filter(|begun| !**begun) {
                    *first = true;
                    self.ways(address, Rows::Any, &mut open);
                }
            }
            begun
        })
    }

    /// Whether there is a way from the body of a loop to its end, on which no count of rows goes down.
    fn leads(&self, body: usize, end: usize) -> bool {
        let joined = &self.flow().joined;
        let mut seen = vec![false; self.ops.len()];
        let mut seen_joined = BTreeSet::new();
        let mut open = vec![(body, Known::default())];
        let mut ways = Vec::new();
        while let Some((address, mut known)) = open.pop() {
            if address == end {
                return true;
            }
            let Some(op) = self.ops.get(address) else { continue };
            let is_first = match joined.is_empty() {
                true => !std::mem::replace(&mut seen[address], true),
                false => seen_joined.insert((address, known)),
            };
            if !is_first {
                continue;
            }
            let flag = |register| joined.iter().position(|joined| *joined == register);
            let found = if op.code == "IfPos" { flag(op.p1).and_then(|flag| known[flag]) } else { None };
            match found {
                Some(true) => ways.extend(usize::try_from(op.p2).ok()),
                Some(false) => ways.push(address + 1),
                None => self.ways(address, Rows::Counted, &mut ways),
            }
            match op.code.as_str() {
                "Integer" => {
                    if let Some(flag) = flag(op.p2) {
                        known[flag] = Some(op.p1 != 0);
                    }
                }
                // What runs elsewhere before the program goes on may have set any of them.
                "Gosub" | "Yield" => known = Known::default(),
                _ => {}
            }
            open.extend(ways.drain(..).map(|way| (way, known)));
        }
        false
    }

    /// Where the program may go from `address`.
    fn ways(&self, address: usize, rows: Rows, open: &mut Vec<usize>) {
        let op = &self.ops[address];
        let mut jump = |to: i64| open.extend(usize::try_from(to).ok());
        let next = address as i64 + 1;
        match op.code.as_str() {
            "Halt" | "EndCoroutine" => {}
            "Goto" | "Init" => jump(op.p2),
            "Jump" => [op.p1, op.p2, op.p3].into_iter().for_each(jump),
            // Counts down, and leaves at zero.
            "DecrJumpZero" if rows == Rows::Counted && self.starts_at_zero_or_more(op) => jump(op.p2),
            // Counts down while it passes over a row.
            "IfPos" if rows == Rows::Counted && op.p3 > 0 && self.is_a_written_number(op) => jump(next),
            // Goes back to whoever called, which is on the way of `Gosub` already.
            "Return" if op.p3 == 0 => {}
            code => match self.jumps(op) {
                Some(jumps) => jump(if jumps { op.p2 } else { next }),
                None => {
                    if JUMPS.contains(&code) {
                        jump(op.p2);
                    }
                    jump(next);
                }
            },
        }
    }

    /// Whether the instruction jumps, where that does not depend on any row.
    fn jumps(&self, op: &Op) -> Option<bool> {
        match op.code.as_str() {
            // Of a foreign key that is checked at once: none is missed when a statement begins. One that is deferred may
            // have been missed by another statement.
            "FkIfZero" if op.p1 == 0 => Some(true),
            "If" => Some(self.constant(op.p1)? != 0),
            "IfNot" => Some(self.constant(op.p1)? == 0),
            "Eq" | "Ne" | "Lt" | "Le" | "Gt" | "Ge" => {
                let order = self.constant(op.p3)?.cmp(&self.constant(op.p1)?);
                Some(match op.code.as_str() {
                    "Eq" => order == Ordering::Equal,
                    "Ne" => order != Ordering::Equal,
                    "Lt" => order == Ordering::Less,
                    "Le" => order != Ordering::Greater,
                    "Gt" => order == Ordering::Greater,
                    _ => order != Ordering::Less,
                })
            }
            _ => None,
        }
    }

    fn constant(&self, register: i64) -> Option<i64> {
        self.flow().constants.get(&register).copied()
    }

    /// A LIMIT below zero is none.
    fn starts_at_zero_or_more(&self, counts: &Op) -> bool {
        !self.ops.iter().any(|op| op.code == "Integer" && op.p2 == counts.p1 && op.p1 < 0)
    }

    fn is_a_written_number(&self, counts: &Op) -> bool {
        self.ops.iter().any(|op| op.code == "Integer" && op.p2 == counts.p1)
    }
}

/// How many outer joins are followed; each multiplies the states that a program may be in.
const MOST_JOINED: usize = 8;

/// Whether each of those has found a row, where that is known.
type Known = [Option<bool>; MOST_JOINED];

/// Whether a count of rows that goes down ends a way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rows {
    Counted,
    Any,
}

/// Instructions that may go to `p2`. One that is missing here would hide a way; SQLite 3.34 to 3.54 have no others.
const JUMPS: &[&str] = &[
    "DecrJumpZero",
    "ElseEq",
    "ElseNotEq",
    "Eq",
    "Filter",
    "FkIfZero",
    "Found",
    "Ge",
    "Gosub",
    "Gt",
    "IFindKey",
    "IdxGE",
    "IdxGT",
    "IdxLE",
    "IdxLT",
    "If",
    "IfEmpty",
    "IfNoHope",
    "IfNot",
    "IfNotOpen",
    "IfNotZero",
    "IfNullRow",
    "IfPos",
    "IfSizeBetween",
    "IfSmaller",
    "IncrVacuum",
    "InitCoroutine",
    "IsNull",
    "IsNullOrType",
    "IsType",
    "Last",
    "Le",
    "Lt",
    "MustBeInt",
    "Ne",
    "Next",
    "NoConflict",
    "NotExists",
    "NotFound",
    "NotNull",
    "Once",
    "Prev",
    "Program",
    "Rewind",
    "RowSetRead",
    "RowSetTest",
    "SeekGE",
    "SeekGT",
    "SeekLE",
    "SeekLT",
    "SeekRowid",
    "SeekScan",
    "Sort",
    "SorterNext",
    "SorterSort",
    "VFilter",
    "VNext",
    "Yield",
];
