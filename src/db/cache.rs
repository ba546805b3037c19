//! A cache of templates on disk, shared by the processes of a test run: nextest starts one for every test.
//!
//! An entry is addressed by everything that it is made of, so that it is never out of date, only unused. It is written
//! to another file that is then renamed, so that nobody reads half of one. A digest reveals a damaged entry, which is
//! then built again. One process builds while others wait for it. If the folder cannot be written, everything works
//! without the cache, and the output says so once.
//!
//! Each entry has a lock of its own. Code that builds one template may create databases of another and then holds two
//! locks at once; if two entries shared a lock, it would wait for itself.

use std::cmp::Reverse;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Once;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use once_cell::sync::OnceCell;
use rusqlite::Connection;
use xxhash_rust::xxh64::{Xxh64, xxh64};

use super::image::Image;
use crate::env;
use crate::error::{Error, Result};
use crate::lock;
use crate::order::Order as _;
use crate::real_file;
use crate::report::visible;
use crate::sim::{Blocks, allocator};

/// The first bytes of every entry; another layout gets another number. They are followed by the digest of the rest, the
/// length of the database, a bit for each of its sectors that is not all zero, and those sectors.
const MAGIC: &[u8; 8] = b"sqlitm01";
const HEADER: usize = MAGIC.len() + size_of::<u64>();

/// Most of a fresh database is free space in pages. Zeroes are not written, so that they need not be read or digested
/// by unoptimized code, which is most of what reading an entry costs.
const SECTOR: usize = 512;

/// The limits of the folder. The entries that were not used for longest are deleted first.
const MOST_ENTRIES: usize = 64;
const MOST_BYTES: u64 = 256 << 20;

/// The time that a process which builds a template waits for one that builds another.
const PATIENCE_WITHIN_A_BUILD: Duration = Duration::from_secs(2);

/// The largest database of an entry.
const MOST_UNPACKED: usize = 4 << 30;

/// Hashes what an entry is made of.
pub(super) struct KeyBuilder(Xxh64);

impl KeyBuilder {
    /// Starts with what every template depends on: this crate and the linked SQLite.
    pub(super) fn new() -> Result<KeyBuilder> {
        Ok(KeyBuilder(Xxh64::new(0)).add(env!("CARGO_PKG_VERSION")).add(sqlite()?))
    }

    pub(super) fn add(mut self, part: &str) -> KeyBuilder {
        self.bytes(part.as_bytes());
        self
    }

    /// Adds a part with its length, so that the border between two parts counts.
    pub(super) fn bytes(&mut self, part: &[u8]) {
        self.0.update(&(part.len() as u64).to_le_bytes());
        self.0.update(part);
    }

    pub(super) fn finish(&self) -> Key {
        Key(self.0.digest())
    }
}

/// The address of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Key(u64);

/// Returns version, source and compile options of the linked SQLite: another one may lay out a database differently.
fn sqlite() -> Result<&'static str> {
    static TEXT: OnceCell<String> = OnceCell::new();
    let text = TEXT.get_or_try_init(|| -> rusqlite::Result<String> {
        allocator::install();
        let connection = Connection::open_in_memory()?;
        let mut text: String = connection.query_row("SELECT sqlite_source_id()", [], |row| row.get(0))?;
        let mut statement = connection.prepare("PRAGMA compile_options")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            text.push('\n');
            text.push_str(row.get_ref(0)?.as_str()?);
        }
        Ok(text)
    });
    text.map(String::as_str).map_err(|error| Error::sqlite("read SQLite's version", error))
}

/// Returns the entry under `key`, or else the result of `build`, which becomes the entry.
pub(super) fn get_or_build(key: &Key, build: impl FnOnce() -> Result<Image>) -> Result<Image> {
    if !env::settings()?.cache {
        return build();
    }
    let cache = match Cache::open() {
        Ok(cache) => cache,
        Err(error) => {
            let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
            say_once("templates are not cached", format_args!("{}{cause}", error.headline()));
            return build();
        }
    };
    if let Some(image) = cache.read(key) {
        return Ok(image);
    }
    // Held until the entry is there. Without the lock, the worst case is that several processes build the same entry.
    let _lock = cache.lock(key).inspect_err(|error| say_once("a template is built without a lock", error)).ok();
    if let Some(image) = cache.read(key) {
        return Ok(image);
    }
    let image = build()?;
    match cache.write(key, &image) {
        Ok(()) => cache.prune(MOST_ENTRIES, MOST_BYTES),
        Err(error) => {
            say_once("a template is not cached", format_args!("cannot write {}: {error}", cache.path(key).display()));
        }
    }
    Ok(image)
}

/// Prints why there is no cache, once in a process: it works without one, only slower.
#[expect(clippy::print_stderr, reason = "the line belongs to the output of the test, which the runner captures")]
fn say_once(what: &str, why: impl std::fmt::Display) {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| eprintln!("note: {what}: {}", visible(&why.to_string())));
}

struct Cache {
    folder: PathBuf,
}

/// The number of locks that this process holds.
static HELD: AtomicUsize = AtomicUsize::new(0);

impl Cache {
    fn open() -> Result<Cache> {
        let root = env::output_dir()?;
        let folder = root.join("cache");
        real_file::create_folders(&root, &folder).map_err(|error| Error::io("use the folder", &folder, error))?;
        Ok(Cache { folder })
    }

    fn path(&self, key: &Key) -> PathBuf {
        self.folder.join(format!("{:016x}.db", key.0))
    }

    fn read(&self, key: &Key) -> Option<Image> {
        let path = self.path(key);
        let bytes = real_file::read_own(&path, MOST_BYTES).ok()?;
        let (header, contents) = bytes.split_at_checked(HEADER)?;
        let (magic, digest) = header.split_at(MAGIC.len());
        if magic != MAGIC || digest != xxh64(contents, 0).to_le_bytes() {
            return None;
        }
        let blocks = unpack(contents)?;
        mark_as_used(&path);
        Some(Image { blocks })
    }

    fn write(&self, key: &Key, image: &Image) -> io::Result<()> {
        let contents = pack(&image.blocks);
        real_file::replace(&self.path(key), &[MAGIC, &xxh64(&contents, 0).to_le_bytes(), &contents])
    }

    /// Waits until no other process builds the entry of `key`.
    fn lock(&self, key: &Key) -> io::Result<BuildLock> {
        let path = self.folder.join(format!("{:016x}.lock", key.0));
        // Two processes whose templates need each other would wait for each other.
        let is_building = HELD.load(Ordering::Relaxed) > 0;
        let file = lock::exclusive(&path, if is_building { PATIENCE_WITHIN_A_BUILD } else { lock::PATIENCE })?;
        HELD.fetch_add(1, Ordering::Relaxed);
        Ok(BuildLock { path, _file: file })
    }

    /// Deletes what was not used for longest until the rest fits, and what a process that died left half-written.
    fn prune(&self, most_entries: usize, most_bytes: u64) {
        let Ok(folder) = fs::read_dir(&self.folder) else { return };
        let mut entries: Vec<(SystemTime, u64, PathBuf)> = Vec::new();
        for entry in folder.flatten() {
            let Ok(data) = entry.metadata() else { continue };
            let used = data.modified().unwrap_or(SystemTime::UNIX_EPOCH);
            let path = entry.path();
            match path.extension().and_then(|extension| extension.to_str()) {
                Some("db") => entries.push((used, data.len(), path)),
                Some("new" | "lock") if age(used) > Duration::from_secs(3600) => drop(fs::remove_file(path)),
                _ => {}
            }
        }
        entries.order_by_key(|(used, ..)| Reverse(*used));
        let mut bytes = 0;
        for (index, (_, len, path)) in entries.iter().enumerate() {
            // One that is too large by itself does not take the others with it.
            bytes += if *len > most_bytes { 0 } else { *len };
            if *len > most_bytes || index >= most_entries || bytes > most_bytes {
                let _ = fs::remove_file(path);
            }
        }
    }
}

/// The right to build an entry.
struct BuildLock {
    path: PathBuf,
    _file: File,
}

impl Drop for BuildLock {
    /// By now the entry is there. Processes that wait will find it, and later ones do not take the lock. If the entry
    /// could not be built, two processes may build it at once, which costs only time.
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
        HELD.fetch_sub(1, Ordering::Relaxed);
    }
}

fn pack(blocks: &Blocks) -> Vec<u8> {
    let sectors = || blocks.chunks().flat_map(|chunk| chunk.chunks(SECTOR));
    let mut contents = (blocks.len() as u64).to_le_bytes().to_vec();
    let bits = contents.len();
    contents.resize(bits + blocks.len().div_ceil(SECTOR).div_ceil(8), 0);
    for (index, sector) in sectors().enumerate() {
        if *sector != ZEROES[..sector.len()] {
            contents[bits + index / 8] |= 1 << (index % 8);
            contents.extend_from_slice(sector);
        }
    }
    contents
}

/// Returns `None` if the parts do not fit together.
fn unpack(contents: &[u8]) -> Option<Blocks> {
    let (len, rest) = contents.split_first_chunk()?;
    let len = usize::try_from(u64::from_le_bytes(*len)).ok().filter(|len| *len <= MOST_UNPACKED)?;
    let (bits, mut sectors) = rest.split_at_checked(len.div_ceil(SECTOR).div_ceil(8))?;
    let mut blocks = Blocks::zeroes(len);
    for index in 0..len.div_ceil(SECTOR) {
        if bits[index / 8] & (1 << (index % 8)) != 0 {
            let offset = index * SECTOR;
            let (sector, rest) = sectors.split_at_checked(SECTOR.min(len - offset))?;
            blocks.write(offset, sector);
            sectors = rest;
        }
    }
    sectors.is_empty().then_some(blocks)
}

static ZEROES: [u8; SECTOR] = [0; SECTOR];

/// Sets the modification time, which is the time of the last use. It is exact to the hour, so that most reads write
/// nothing.
fn mark_as_used(path: &Path) {
    let used = fs::metadata(path).and_then(|data| data.modified());
    if used.is_ok_and(|used| age(used) > Duration::from_secs(3600)) {
        let _ = File::options().append(true).open(path).and_then(|file| file.set_modified(SystemTime::now()));
    }
}

fn age(time: SystemTime) -> Duration {
    SystemTime::now().duration_since(time).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::time::{Duration, SystemTime};

    use super::{Cache, HEADER, Key, KeyBuilder};
    use crate::db::image::Image;
    use crate::sim::Blocks;

    fn image(bytes: &[u8]) -> Image {
        Image { blocks: Blocks::from_bytes(bytes) }
    }

    fn bytes(image: &Image) -> Vec<u8> {
        image.blocks.chunks().flatten().copied().collect()
    }

    fn names(cache: &Cache) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(&cache.folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn an_entry_comes_back_and_a_damaged_one_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache { folder: folder.path().to_owned() };
        let key = Key(7);
        assert!(cache.read(&key).is_none());
        // Sectors with and without contents, and an end that is no whole sector.
        let contents: Vec<u8> =
            (0..20_001_u32).map(|number| if number % 3000 < 700 { number as u8 } else { 0 }).collect();
        cache.write(&key, &image(&contents)).unwrap();
        assert_eq!(bytes(&cache.read(&key).unwrap()), contents);
        assert_eq!(names(&cache).len(), 1);

        let path = cache.path(&key);
        let good = fs::read(&path).unwrap();
        for damage in [0, 7, 8, HEADER - 1, HEADER, HEADER + 8, HEADER + 2000, good.len() - 1] {
            let mut bad = good.clone();
            bad[damage] ^= 0x10;
            fs::write(&path, bad).unwrap();
            assert!(cache.read(&key).is_none(), "byte {damage}");
        }
        for len in [0, HEADER - 1, HEADER, good.len() - 1] {
            fs::write(&path, &good[..len]).unwrap();
            assert!(cache.read(&key).is_none(), "{len} bytes");
        }
    }

    #[test]
    fn an_entry_that_claims_512_gb_is_refused_at_once() {
        let mut contents = vec![0; 8 + (1 << 27)];
        contents[..8].copy_from_slice(&(512_u64 << 30).to_le_bytes());
        assert!(super::unpack(&contents).is_none());
    }

    #[test]
    fn the_folder_is_bounded_and_what_was_used_stays() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache { folder: folder.path().to_owned() };
        let now = SystemTime::now();
        for number in 0..5 {
            cache.write(&Key(number), &image(&[7; 1000])).unwrap();
            let file = File::options().append(true).open(cache.path(&Key(number))).unwrap();
            file.set_modified(now - Duration::from_secs(7200 - number)).unwrap();
        }
        // The oldest is used once more.
        cache.read(&Key(0)).unwrap();
        fs::write(cache.folder.join("1.2.new"), "half").unwrap();
        File::options()
            .append(true)
            .open(cache.folder.join("1.2.new"))
            .unwrap()
            .set_modified(now - Duration::from_secs(7200))
            .unwrap();
        drop(cache.lock(&Key(7)).unwrap());
        let held = cache.lock(&Key(8)).unwrap();

        cache.prune(3, 1 << 20);
        let kept = |number: u64| cache.path(&Key(number)).exists();
        assert_eq!([0, 1, 2, 3, 4].map(kept), [true, false, false, true, true]);
        assert_eq!(names(&cache).len(), 4, "a lock that is held stays, what was half-written goes");
        drop(held);
        cache.prune(3, 1500);
        assert_eq!([0, 3, 4].map(kept), [true, false, false]);
        // One that is larger than all may be takes none with it.
        cache.write(&Key(5), &image(&[7; 9000])).unwrap();
        cache.prune(3, 1500);
        assert_eq!([0, 5].map(kept), [true, false]);
    }

    /// A build that needs another template holds two locks. With one that two entries share, it would wait for itself.
    #[test]
    fn entries_have_locks_of_their_own_and_leave_none_behind() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache { folder: folder.path().to_owned() };
        let held: Vec<_> = (0..40).map(|number| cache.lock(&Key(number)).unwrap()).collect();
        assert_eq!(names(&cache).len(), 40);
        drop(held);
        assert_eq!(names(&cache), Vec::<String>::new());
    }

    #[test]
    fn a_key_depends_on_every_part_and_on_where_it_ends() {
        let key = |parts: &[&str]| parts.iter().fold(KeyBuilder::new().unwrap(), |key, part| key.add(part)).finish();
        assert_eq!(key(&["a", "b"]), key(&["a", "b"]));
        assert_ne!(key(&["a", "b"]), key(&["ab", ""]));
        assert_ne!(key(&["a", "b"]), key(&["b", "a"]));
        assert_ne!(key(&["a"]), key(&["a", ""]));
    }
}
