//! Finds out if a loop that could read a whole table can get that far.
//!
//! SQLite codes `SELECT max(id)` and `LIMIT 1` as loops over the whole table that are left after the first row, and marks
//! them like any other scan. Running the statement would tell, but a statement that writes must not run, and an empty table
//! has nothing to count. So the paths through the program are followed: a loop whose end cannot be reached from its body,
//! or only past a LIMIT that counts down, does not scan the table. Neither does a loop that is never reached: behind `WHERE
//! 0`, or behind `1 = 0`, which ORMs write for an empty list; and the search for children of an inserted row, which starts
//! only if the statement has left some without a parent before.

use std::cell::OnceCell;
use std::cmp::Ordering;

use super::bytecode::{Op, Program};

use crate::order::SortedSet;

/// The paths through a program.
#[derive(Debug)]
pub(super) struct Flow<'a> {
    ops: &'a [Op],
    /// The numbers that registers hold from the beginning to the end. SQLite sets them behind everything else, where the
    /// program goes first, and writes to these registers nowhere else.
    constants: Vec<(i64, i64)>,
    /// The registers that say if an outer join has found a row. SQLite sets one to 0 before the search and to 1 on a match,
    /// and tests it after the search, to return a row of NULLs if there was no match. So each row of the left table reaches
    /// the LIMIT behind them, and the paths on which it does not are impossible.
    match_flags: Vec<i64>,
    /// The instructions that the program can reach, computed at first use.
    reachable: OnceCell<Vec<bool>>,
}

impl<'a> Flow<'a> {
    pub(super) fn of(program: &'a Program) -> Flow<'a> {
        let ops = &program.ops;
        let begin = ops.iter().rposition(|op| op.code == "Transaction").unwrap_or(ops.len());
        let constants = ops[begin..].iter().filter(|op| op.code == "Integer").map(|op| (op.p2, op.p1)).collect();
        let mut match_flags: Vec<i64> = Vec::new();
        let tests = ops.iter().filter(|op| op.code == "IfPos" && op.p3 == 0);
        for register in tests.map(|op| op.p1) {
            let sets_to = |value| ops.iter().any(|op| op.code == "Integer" && op.p2 == register && op.p1 == value);
            if match_flags.len() < MAX_MATCH_FLAGS && !match_flags.contains(&register) && sets_to(0) && sets_to(1) {
                match_flags.push(register);
            }
        }
        Flow { ops, constants, match_flags, reachable: OnceCell::new() }
    }

    /// Returns true if the program can get to an instruction.
    pub(super) fn is_reachable(&self, at: usize) -> bool {
        self.reachable().get(at).is_some_and(|reachable| *reachable)
    }

    /// Returns true if the loop that ends at `end` is left after a number of rows that the statement fixes, or never
    /// starts.
    ///
    /// A LIMIT is such a number, also as a parameter. An OFFSET is one only if it is written as a small number: the rows
    /// that `OFFSET ?` skips grow with the table, and those that `OFFSET 1000` skips are read for nothing.
    pub(super) fn is_bounded(&self, end: usize) -> bool {
        let Ok(body) = usize::try_from(self.ops[end].p2) else { return false };
        !self.leads(body, end) || !self.is_reachable(body)
    }

    fn reachable(&self) -> &[bool] {
        self.reachable.get_or_init(|| {
            let mut reachable = vec![false; self.ops.len()];
            let mut open = vec![0];
            while let Some(address) = open.pop() {
                if let Some(first) = reachable.get_mut(address).filter(|reachable| !**reachable) {
                    *first = true;
                    self.successors(address, RowCounters::Ignored, &mut open);
                }
            }
            reachable
        })
    }

    /// Returns true if there is a path from the body of a loop to its end on which no row counter goes down.
    fn leads(&self, body: usize, end: usize) -> bool {
        let flag_of = |register| self.match_flags.iter().position(|flag| *flag == register);
        let mut seen = vec![false; self.ops.len()];
        let mut seen_with_flags = SortedSet::new();
        let mut open = vec![(body, MatchFlags::default())];
        let mut successors = Vec::new();
        while let Some((address, mut flags)) = open.pop() {
            if address == end {
                return true;
            }
            let Some(op) = self.ops.get(address) else { continue };
            let is_first = match self.match_flags.is_empty() {
                true => !std::mem::replace(&mut seen[address], true),
                false => seen_with_flags.insert((address, flags)),
            };
            if !is_first {
                continue;
            }
            let is_match = if op.code == "IfPos" { flag_of(op.p1).and_then(|flag| flags[flag]) } else { None };
            match is_match {
                Some(true) => successors.extend(usize::try_from(op.p2).ok()),
                Some(false) => successors.push(address + 1),
                None => self.successors(address, RowCounters::Followed, &mut successors),
            }
            match op.code.as_str() {
                "Integer" => {
                    if let Some(flag) = flag_of(op.p2) {
                        flags[flag] = Some(op.p1 != 0);
                    }
                }
                // The code that runs before the program continues here may have set any of them.
                "Gosub" | "Yield" => flags = MatchFlags::default(),
                _ => {}
            }
            open.extend(successors.drain(..).map(|next| (next, flags)));
        }
        false
    }

    /// Returns true if the loop that ends at `end` passes over rows: if a path leads from its body to its end on which
    /// nothing is done with the row. `inner` are the starts of the loops within it that join another table: a row that gets
    /// there is not passed over, whatever is found for it.
    pub(super) fn leaves_out_rows(&self, end: usize, inner: &[usize]) -> bool {
        let Ok(body) = usize::try_from(self.ops[end].p2) else { return false };
        // An OFFSET behind a join skips the rows of all its tables.
        let skips_many = |op: &Op| op.code == "IfPos" && op.p3 > 0 && !self.skips_few_rows(op);
        if !inner.is_empty() && self.ops[body.min(end)..end].iter().any(skips_many) {
            return true;
        }
        let mut seen = vec![false; self.ops.len()];
        let mut open = vec![body];
        while let Some(address) = open.pop() {
            if address == end {
                return true;
            }
            let Some(op) = self.ops.get(address) else { continue };
            if std::mem::replace(&mut seen[address], true) || inner.contains(&address) || self.takes_row(address) {
                continue;
            }
            match op.code.as_str() {
                // No row is found for NULL in the inner loop.
                "IsNull" | "MustBeInt" if !inner.is_empty() => open.push(address + 1),
                _ => self.successors(address, RowCounters::Ignored, &mut open),
            }
        }
        false
    }

    /// Returns true if an instruction does something with a row that has passed the conditions of its loop.
    fn takes_row(&self, address: usize) -> bool {
        let op = &self.ops[address];
        let next = |number: usize| self.ops.get(address + number);
        let inserts = |op: &&Op| matches!(op.code.as_str(), "MakeRecord" | "IdxInsert");
        match op.code.as_str() {
            "AggInverse" | "AggStep" | "AggStep1" | "Compare" | "Delete" | "Filter" | "FkCounter" | "Gosub"
            | "IdxDelete" | "IdxInsert" | "Insert" | "MakeRecord" | "Program" | "ResultRow" | "RowSetAdd"
            | "SorterInsert" | "VUpdate" | "Yield" => true,
            // The counter of an OFFSET. One that skips many rows reads them for nothing.
            "IfPos" => op.p3 > 0 && self.skips_few_rows(op),
            // A row that DISTINCT has seen before: among those that it keeps, or in the row before.
            "Found" => next(1).filter(inserts).and_then(|_| next(2)).filter(inserts).is_some_and(|to| to.p1 == op.p1),
            "Eq" => next(1).is_some_and(|copy| copy.code == "Copy" && (copy.p2..=copy.p2 + copy.p3).contains(&op.p3)),
            // The greatest row that ORDER BY and LIMIT have kept so far, and the rows of a subquery.
            "Last" | "Rewind" | "SeekGE" | "SeekGT" | "SeekLE" | "SeekLT" => self.is_on_temporary_rows(op.p1),
            _ => false,
        }
    }

    fn is_on_temporary_rows(&self, cursor: i64) -> bool {
        let opens = |op: &Op| op.p1 == cursor && matches!(op.code.as_str(), "OpenEphemeral" | "OpenPseudo" | "OpenDup");
        self.ops.iter().any(opens)
    }

    /// Adds the addresses to which the program can go from `address`.
    fn successors(&self, address: usize, counters: RowCounters, open: &mut Vec<usize>) {
        let op = &self.ops[address];
        let mut jump = |to: i64| open.extend(usize::try_from(to).ok());
        let next = address as i64 + 1;
        if let Some(jumps) = self.jumps(op) {
            return jump(if jumps { op.p2 } else { next });
        }
        match op.code.as_str() {
            "Halt" | "EndCoroutine" => {}
            "Goto" | "Init" => jump(op.p2),
            "Jump" => [op.p1, op.p2, op.p3].into_iter().for_each(jump),
            // Counts down, and leaves the loop at zero.
            "DecrJumpZero" if counters == RowCounters::Followed && self.starts_at_zero_or_more(op) => jump(op.p2),
            // Counts down while it skips a row.
            "IfPos" if counters == RowCounters::Followed && op.p3 > 0 && self.skips_few_rows(op) => jump(next),
            // Goes back to the caller, and `Gosub` leads there already.
            "Return" if op.p3 == 0 => {}
            // One that is missing here would hide a path. SQLite 3.34 to 3.54 have no others.
            "DecrJumpZero" | "ElseEq" | "ElseNotEq" | "Eq" | "Filter" | "FkIfZero" | "Found" | "Ge" | "Gosub"
            | "Gt" | "IFindKey" | "IdxGE" | "IdxGT" | "IdxLE" | "IdxLT" | "If" | "IfEmpty" | "IfNoHope" | "IfNot"
            | "IfNotOpen" | "IfNotZero" | "IfNullRow" | "IfPos" | "IfSizeBetween" | "IfSmaller" | "IncrVacuum"
            | "InitCoroutine" | "IsNull" | "IsNullOrType" | "IsType" | "Last" | "Le" | "Lt" | "MustBeInt" | "Ne"
            | "Next" | "NoConflict" | "NotExists" | "NotFound" | "NotNull" | "Once" | "Prev" | "Program" | "Rewind"
            | "RowSetRead" | "RowSetTest" | "SeekGE" | "SeekGT" | "SeekLE" | "SeekLT" | "SeekRowid" | "SeekScan"
            | "Sort" | "SorterNext" | "SorterSort" | "VFilter" | "VNext" | "Yield" => {
                jump(op.p2);
                jump(next);
            }
            _ => jump(next),
        }
    }

    /// Returns true if the instruction always jumps, false if it never does, and `None` if that depends on the rows.
    fn jumps(&self, op: &Op) -> Option<bool> {
        match op.code.as_str() {
            // For an immediate foreign key no parent is missing when a statement starts. For a deferred one, an earlier
            // statement may have left one missing.
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
        self.constants.iter().find(|(at, _)| *at == register).map(|(_, constant)| *constant)
    }

    /// Returns false for a LIMIT below zero, which is no limit.
    fn starts_at_zero_or_more(&self, counts: &Op) -> bool {
        !self.ops.iter().any(|op| op.code == "Integer" && op.p2 == counts.p1 && op.p1 < 0)
    }

    fn skips_few_rows(&self, counts: &Op) -> bool {
        self.ops.iter().any(|op| op.code == "Integer" && op.p2 == counts.p1 && op.p1 <= MAX_SKIPPED_ROWS)
    }
}

/// The rows that an OFFSET may skip.
const MAX_SKIPPED_ROWS: i64 = 100;

/// The number of outer joins that are followed. Each multiplies the states that a program can be in.
const MAX_MATCH_FLAGS: usize = 8;

/// For each of those, true if it has found a row; `None` if that is not known.
type MatchFlags = [Option<bool>; MAX_MATCH_FLAGS];

/// The treatment of the counters of LIMIT and OFFSET: followed to their end, or taken for any other instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum RowCounters {
    Followed,
    Ignored,
}
