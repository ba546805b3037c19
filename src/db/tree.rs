//! The pages of a table in an image, see <https://www.sqlite.org/fileformat2.html#b_tree_pages>.
//!
//! Images share pages until one of them is written to. So tables with the same pages have the same rows, which need not be
//! read again.

use super::image::Image;
use crate::sim::Piece;

/// The pages of the b-tree of a table. Two are equal if their pages are the same ones in memory.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Tree(Vec<Piece>);

impl Tree {
    /// Returns true if the table has no rows.
    pub(crate) fn is_empty(&self) -> bool {
        matches!(self.0.as_slice(), [root] if number16(root.bytes(), 3) == Some(0))
    }
}

impl Image {
    /// Returns the pages of the table with this root page, those of its long values included. `None` if they cannot be told:
    /// pages larger than a block, or a format that is not SQLite's.
    pub(crate) fn tree(&self, root: u32) -> Option<Tree> {
        let header = self.blocks.piece(0, 100)?;
        // The value 1 stands for 65536, which no block holds.
        let size = usize::from(number16(header, 16)?);
        let usable = size.checked_sub(usize::from(header[20]))?;
        let most = self.blocks.len() / size.max(1);
        let mut tree = Tree(Vec::new());
        let mut waiting = vec![(root, true)];
        while let Some((number, is_node)) = waiting.pop() {
            let start = usize::try_from(number.checked_sub(1)?).ok()?.checked_mul(size)?;
            let page = self.blocks.shared_piece(start, size).filter(|_| tree.0.len() < most)?;
            match is_node {
                true => node(page.bytes(), usable, &mut waiting)?,
                // A page of a long value begins with the number of the next one.
                false => waiting.extend(Some((number32(page.bytes(), 0)?, false)).filter(|(next, _)| *next > 0)),
            }
            tree.0.push(page);
        }
        Some(tree)
    }
}

/// Adds the pages to which a page of a b-tree refers, and whether each is such a page itself.
fn node(page: &[u8], usable: usize, waiting: &mut Vec<(u32, bool)>) -> Option<()> {
    let (is_table, is_leaf) = match page[0] {
        2 => (false, false),
        5 => (true, false),
        10 => (false, true),
        13 => (true, true),
        _ => return None,
    };
    let cells = if is_leaf { 8 } else { 12 };
    if !is_leaf {
        waiting.push((number32(page, 8)?, true));
    }
    for cell in 0..usize::from(number16(page, 3)?) {
        let mut at = usize::from(number16(page, cells + 2 * cell)?);
        if !is_leaf {
            waiting.push((number32(page, at)?, true));
            at += 4;
        }
        if is_table && !is_leaf {
            continue;
        }
        let payload = usize::try_from(varint(page, &mut at)?).ok()?;
        if is_table {
            varint(page, &mut at)?;
        }
        let kept = kept_in_cell(payload, usable, is_table)?;
        if kept < payload {
            waiting.push((number32(page, at + kept)?, false));
        }
    }
    Some(())
}

/// Returns the number of bytes of a payload that are in its cell.
fn kept_in_cell(payload: usize, usable: usize, is_table: bool) -> Option<usize> {
    let most = if is_table { usable.checked_sub(35)? } else { (usable.checked_sub(12)? * 64 / 255).checked_sub(23)? };
    if payload <= most {
        return Some(payload);
    }
    let least = (usable.checked_sub(12)? * 32 / 255).checked_sub(23)?;
    let kept = least + (payload - least) % usable.checked_sub(4)?;
    Some(if kept <= most { kept } else { least })
}

fn number16(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn number32(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

/// Reads a number of one to nine bytes, and moves behind it.
fn varint(bytes: &[u8], at: &mut usize) -> Option<u64> {
    let mut number = 0_u64;
    for nth in 0..9 {
        let byte = *bytes.get(*at)?;
        *at += 1;
        if nth == 8 {
            return Some(number << 8 | u64::from(byte));
        }
        number = number << 7 | u64::from(byte & 0x7f);
        if byte < 0x80 {
            break;
        }
    }
    Some(number)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::image::{MAIN, open};
    use super::{Image, Tree};
    use crate::sim::Disk;

    /// Returns the pages of a table that this script makes, by its root, after a second script was run too.
    fn trees(script: &str, second: &str) -> [Option<Tree>; 2] {
        let disk = Disk::in_memory();
        let connection = open(&disk, Path::new(&disk.path_of(MAIN)), None).unwrap();
        connection.execute_batch(script).unwrap();
        let root = connection.query_row("SELECT rootpage FROM sqlite_schema WHERE name = 't'", [], |row| row.get(0));
        let root: u32 = root.unwrap();
        let image = || Image { blocks: disk.read(MAIN).unwrap() };
        let first = image();
        connection.execute_batch(second).unwrap();
        [first, image()].map(|image| image.tree(root))
    }

    const ROWS: &str = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 900) INSERT INTO t ";

    #[test]
    fn a_tree_has_all_pages_of_its_table_and_no_others() {
        for size in [512, 4096, 8192] {
            for (columns, rows) in [
                ("(id INTEGER PRIMARY KEY, x)", "SELECT i, 'value ' || i FROM n"),
                ("(id INTEGER PRIMARY KEY, x)", "SELECT i, zeroblob(i * 50) FROM n"),
                ("(id TEXT PRIMARY KEY, x) WITHOUT ROWID", "SELECT 'value ' || i, zeroblob(i * 7) FROM n"),
            ] {
                let script = format!(
                    "PRAGMA page_size = {size}; CREATE TABLE t{columns}; CREATE TABLE u(y); {ROWS} {rows}; \
                     INSERT INTO u VALUES (zeroblob(9000))"
                );
                let [first, second] = trees(&script, "INSERT INTO u SELECT zeroblob(100) FROM t");
                // A block of several pages is copied for each of them.
                let is_kept = size < 8192 || first == second;
                assert!(first.is_some() && is_kept, "{size} {columns} {rows}");
                for place in ["id = (SELECT min(id) FROM t)", "id = (SELECT max(id) FROM t)", "rowid = 450"] {
                    if columns.contains("WITHOUT") && place.starts_with("rowid") {
                        continue;
                    }
                    // The last byte of a long value is on the last of its pages.
                    let change = "UPDATE t SET x = CAST(substr(x, 1, length(x) - 1) || 'z' AS BLOB) WHERE";
                    let [first, second] = trees(&script, &format!("{change} {place}"));
                    assert!(first.is_some() && first != second, "{size} {columns} {rows} {place}");
                }
            }
        }
    }

    #[test]
    fn a_tree_without_rows_is_empty() {
        let emptied = "CREATE TABLE t(x); INSERT INTO t VALUES (1), (2); DELETE FROM t WHERE x = 1";
        let [one, none] = trees(emptied, "DELETE FROM t WHERE x = 2").map(Option::unwrap);
        assert!(!one.is_empty() && none.is_empty());
    }

    #[test]
    fn what_is_no_tree_has_no_pages() {
        let large = "PRAGMA page_size = 16384; CREATE TABLE t(x)";
        assert!(trees(large, "")[0].is_none());
        assert!(Image { blocks: Default::default() }.tree(1).is_none());
    }
}
