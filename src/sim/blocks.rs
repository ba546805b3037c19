//! The bytes of a simulated file, in blocks that are shared until one side writes.
//!
//! Cloning copies one pointer per block. This makes a copy of a template or a fork of a live database cost next to
//! nothing.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::mem::MaybeUninit;
use std::sync::Arc;

use once_cell::sync::Lazy;
use xxhash_rust::xxh64::xxh64;

/// Large enough that a file has few blocks to clone, small enough that the first write to a shared one is a cheap copy.
pub(super) const BLOCK: usize = 8192;

/// Zeroes after every block: SQLite may read past the end of a mapped page where a database is corrupt, in practice a
/// few bytes. The unix VFS leaves it as much room.
const MARGIN: usize = 256;

/// `BLOCK` bytes and the margin.
pub(super) type Block = [u8];

/// The block that fills a hole.
static ZEROES: Lazy<Arc<Block>> = Lazy::new(|| Arc::from([0; BLOCK + MARGIN]));

/// The contents of a file.
#[derive(Clone, Default)]
pub(crate) struct Blocks {
    blocks: Vec<Arc<Block>>,
    len: usize,
}

impl Blocks {
    pub(crate) fn from_bytes(bytes: &[u8]) -> Self {
        let mut blocks = Blocks::default();
        blocks.write(0, bytes);
        blocks
    }

    pub(crate) fn zeroes(len: usize) -> Self {
        let mut blocks = Blocks::default();
        blocks.grow(len);
        blocks
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Returns true if nothing was written to either since one was cloned from the other.
    pub(crate) fn are_shared_with(&self, other: &Blocks) -> bool {
        let mut pairs = self.blocks.iter().zip(&other.blocks);
        self.len == other.len && pairs.all(|(one, two)| Arc::ptr_eq(one, two))
    }

    /// Returns the contents as slices, in order.
    pub(crate) fn chunks(&self) -> impl Iterator<Item = &[u8]> {
        let whole = self.len / BLOCK;
        self.blocks.iter().enumerate().map(
            move |(index, block)| {
                if index < whole { &block[..BLOCK] } else { &block[..self.len % BLOCK] }
            },
        )
    }

    /// Fills `into` from `offset` and returns how many bytes there were. The rest is zeroed, as SQLite requires for a
    /// short read.
    pub(super) fn read(&self, offset: usize, into: &mut [MaybeUninit<u8>]) -> usize {
        let available = self.len.saturating_sub(offset).min(into.len());
        let mut done = 0;
        while done < available {
            let (index, within) = ((offset + done) / BLOCK, (offset + done) % BLOCK);
            let count = (BLOCK - within).min(available - done);
            let (from, to) = (&self.blocks[index][within..within + count], &mut into[done..done + count]);
            // SAFETY: two slices of the same length; `into` is not part of a block.
            unsafe { to.as_mut_ptr().cast::<u8>().copy_from_nonoverlapping(from.as_ptr(), count) };
            done += count;
        }
        into[available..].fill(MaybeUninit::new(0));
        available
    }

    /// Returns true if the contents are equal. Shared blocks are not compared.
    pub(crate) fn same(&self, other: &Blocks) -> bool {
        // Bytes past the end are zero in every block.
        let same = |(one, two): (&Arc<Block>, &Arc<Block>)| Arc::ptr_eq(one, two) || one == two;
        self.len == other.len && self.blocks.iter().zip(&other.blocks).all(same)
    }

    /// Returns a number for what differs from `base`: two contents are equal only if it is the same for both. Shared blocks are
    /// not read.
    pub(crate) fn key_beside(&self, base: &Blocks) -> u64 {
        let is_other = |at: usize, block: &Arc<Block>| {
            base.blocks.get(at).is_none_or(|other| !Arc::ptr_eq(block, other) && block != other)
        };
        let others = self.blocks.iter().enumerate().filter(|(at, block)| is_other(*at, block));
        others.fold(self.len as u64, |key, (at, block)| key.wrapping_add(xxh64(block, at as u64)))
    }

    /// Returns the `len` bytes at `offset`. `None` if they are not in one block.
    pub(crate) fn piece(&self, offset: usize, len: usize) -> Option<&[u8]> {
        self.block_of(offset, len).map(|(block, within)| &block[within..within + len])
    }

    /// Copies the `len` bytes at `offset`. `None` if there are fewer.
    pub(crate) fn copy(&self, offset: usize, len: usize) -> Option<Vec<u8>> {
        let mut bytes = Vec::with_capacity(len);
        while bytes.len() < len {
            let at = offset + bytes.len();
            bytes.extend_from_slice(self.piece(at, (BLOCK - at % BLOCK).min(len - bytes.len()))?);
        }
        Some(bytes)
    }

    /// Returns the `len` bytes at `offset`, as they are now. `None` if they are not in one block.
    pub(crate) fn shared_piece(&self, offset: usize, len: usize) -> Option<Piece> {
        self.block_of(offset, len).map(|(block, start)| Piece { block: Arc::clone(block), start, len })
    }

    /// Returns the block with the `len` bytes at `offset`, and where they start in it. `None` if they are not in one
    /// block. A clone of the block keeps the bytes of now: a write copies a block that is shared.
    pub(super) fn block_of(&self, offset: usize, len: usize) -> Option<(&Arc<Block>, usize)> {
        let within = offset % BLOCK;
        let is_there = within + len <= BLOCK && offset + len <= self.len;
        is_there.then(|| (&self.blocks[offset / BLOCK], within))
    }

    /// Writes `data` at `offset`. Zeroes fill the gap between the end and `offset`.
    pub(crate) fn write(&mut self, offset: usize, data: &[u8]) {
        self.grow(offset + data.len());
        let mut done = 0;
        while done < data.len() {
            let (index, within) = ((offset + done) / BLOCK, (offset + done) % BLOCK);
            let count = (BLOCK - within).min(data.len() - done);
            let piece = &data[done..done + count];
            let block = &mut self.blocks[index];
            if Arc::get_mut(block).is_none() {
                *block = Arc::from(&block[..]);
            }
            let own = Arc::get_mut(block).expect("a block that was just copied is not shared");
            own[within..within + count].copy_from_slice(piece);
            done += count;
        }
    }

    /// Shortens the contents to `len` bytes, if there are more.
    pub(crate) fn truncate(&mut self, len: usize) {
        if len >= self.len {
            return;
        }
        self.blocks.truncate(len.div_ceil(BLOCK));
        // Bytes past the end are zero in every block, so that growing again shows none of them.
        let within = len % BLOCK;
        if within != 0 {
            let stale = BLOCK.min(self.len - (len - within)) - within;
            self.write(len, &vec![0; stale]);
        }
        self.len = len;
    }

    /// Extends the contents with zeroes to `len` bytes, if there are fewer.
    pub(crate) fn grow(&mut self, len: usize) {
        if len <= self.len {
            return;
        }
        self.blocks.resize_with(len.div_ceil(BLOCK), || Arc::clone(&ZEROES));
        self.len = len;
    }
}

/// Bytes of one block that stay as they are: a write to the file copies the block first. Two are equal if they are the same
/// ones in memory.
#[derive(Clone)]
pub(crate) struct Piece {
    block: Arc<Block>,
    start: usize,
    len: usize,
}

impl Piece {
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.block[self.start..self.start + self.len]
    }

    fn place(&self) -> (usize, usize) {
        (self.bytes().as_ptr().addr(), self.len)
    }
}

impl PartialEq for Piece {
    fn eq(&self, other: &Piece) -> bool {
        self.place() == other.place()
    }
}

impl Eq for Piece {}

impl Hash for Piece {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.place().hash(state);
    }
}

impl fmt::Debug for Piece {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.place())
    }
}

#[cfg(test)]
mod tests {
    use std::mem::MaybeUninit;

    use super::{BLOCK, Blocks};

    fn read(blocks: &Blocks, offset: usize, len: usize) -> (usize, Vec<u8>) {
        let mut into = vec![MaybeUninit::new(7); len];
        let count = blocks.read(offset, &mut into);
        // SAFETY: the vector was filled before it was read into.
        (count, into.iter().map(|byte| unsafe { byte.assume_init() }).collect())
    }

    fn bytes(blocks: &Blocks) -> Vec<u8> {
        blocks.chunks().flatten().copied().collect()
    }

    #[test]
    fn any_sequence_of_writes_and_cuts_equals_a_plain_vector() {
        let mut random = 0x9e37_79b9_7f4a_7c15_u64;
        let mut next = |below: usize| {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            usize::try_from(random >> 33).unwrap() % below
        };
        let (mut blocks, mut plain) = (Blocks::default(), Vec::new());
        let mut forks: Vec<(Blocks, Vec<u8>)> = Vec::new();
        for step in 0..2000 {
            match next(10) {
                0 => {
                    let len = next(plain.len() + 1);
                    blocks.truncate(len);
                    plain.truncate(len);
                }
                1 => forks.push((blocks.clone(), plain.clone())),
                _ => {
                    let offset = next(plain.len() + BLOCK / 2 + 1).min(20 * BLOCK);
                    let data = vec![u8::try_from(step % 251).unwrap() + 1; next(3 * BLOCK)];
                    blocks.write(offset, &data);
                    if plain.len() < offset + data.len() {
                        plain.resize(offset + data.len(), 0);
                    }
                    plain[offset..offset + data.len()].copy_from_slice(&data);
                }
            }
            assert_eq!(blocks.len(), plain.len());
        }
        assert!(bytes(&blocks) == plain);
        assert!(forks.len() > 100);
        for (fork, plain) in &forks {
            assert!(bytes(fork) == *plain, "a fork sees what was written after it");
        }
    }

    #[test]
    fn a_short_read_is_zero_filled() {
        let blocks = Blocks::from_bytes(b"abc");
        assert_eq!(read(&blocks, 1, 6), (2, b"bc\0\0\0\0".to_vec()));
        assert_eq!(read(&blocks, 9, 6), (0, vec![0; 6]));
    }

    #[test]
    fn truncated_bytes_do_not_come_back() {
        let mut blocks = Blocks::from_bytes(&[9; 100]);
        blocks.truncate(10);
        blocks.write(50, b"x");
        let (count, bytes) = read(&blocks, 0, 51);
        assert_eq!(count, 51);
        assert_eq!((&bytes[..10], &bytes[10..50], bytes[50]), (&[9; 10][..], &[0; 40][..], b'x'));
    }
}
