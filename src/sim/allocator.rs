//! SQLite's allocator, which can be made to fail on one thread.
//!
//! The allocator is set once for the process, before SQLite is initialized. It is SQLite's own, with one check before
//! each allocation: does this thread count its allocations? Only a thread that injects failures does, so no other is
//! affected.

use std::cell::{Cell, RefCell};
use std::os::raw::{c_int, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::rc::Rc;
use std::sync::{Once, OnceLock};

use rusqlite::{Connection, ffi};

/// The allocator that SQLite would use without us.
static REAL: OnceLock<Methods> = OnceLock::new();

#[derive(Clone, Copy)]
struct Methods {
    malloc: unsafe extern "C" fn(c_int) -> *mut c_void,
    realloc: unsafe extern "C" fn(*mut c_void, c_int) -> *mut c_void,
}

thread_local! {
    /// True if this thread counts its allocations; a thread that does not reads nothing else. There is no destructor,
    /// so a thread that ends may still close its connections.
    static COUNTS: Cell<bool> = const { Cell::new(false) };
    static SO_FAR: Cell<u64> = const { Cell::new(0) };
    static FAILING: RefCell<Option<Failing>> = const { RefCell::new(None) };
}

/// The allocations that fail, by number, and what is called for each.
#[derive(Clone)]
struct Failing {
    from: u64,
    to: u64,
    on_failure: Rc<dyn Fn(u64)>,
}

/// Takes SQLite's allocator over, if the feature is on and nothing has initialized SQLite yet. Called before this
/// crate's first use of SQLite.
pub(crate) fn install() {
    static ONCE: Once = Once::new();
    if cfg!(feature = "out-of-memory") {
        ONCE.call_once(take_over);
    }
}

fn take_over() {
    // SAFETY: all fields are pointers that may be null, or functions that may be none.
    let mut methods: ffi::sqlite3_mem_methods = unsafe { std::mem::zeroed() };
    // SAFETY: SQLITE_CONFIG_GETMALLOC takes a pointer to the methods, which it fills in. Once SQLite is
    // initialized, it returns SQLITE_MISUSE and does nothing.
    if unsafe { ffi::sqlite3_config(ffi::SQLITE_CONFIG_GETMALLOC, &raw mut methods) } != ffi::SQLITE_OK {
        return;
    }
    let (Some(malloc), Some(realloc)) = (methods.xMalloc, methods.xRealloc) else { return };
    let _ = REAL.set(Methods { malloc, realloc });
    methods.xMalloc = Some(allocate);
    methods.xRealloc = Some(reallocate);
    // SAFETY: SQLITE_CONFIG_MALLOC takes a pointer to the methods and copies them. SQLite requires that no other thread
    // uses it meanwhile. One that initializes it at this very moment sees old and new methods, of which two pointers
    // differ; either may free what the other allocated, for both are the real allocator. `is_ours` finds out which of
    // them SQLite kept.
    unsafe { ffi::sqlite3_config(ffi::SQLITE_CONFIG_MALLOC, &raw mut methods) };
}

/// Returns true if SQLite allocates through us. This is tried, because another thread may have initialized SQLite at
/// the same time.
pub(crate) fn is_ours() -> bool {
    install();
    count(0, 0, |_| {});
    // SAFETY: what SQLite allocates is freed; `sqlite3_free` accepts NULL.
    unsafe { ffi::sqlite3_free(ffi::sqlite3_malloc(8)) };
    stop() > 0
}

/// Counts the allocations of this thread from here on, the first as 1, and makes those in `from..=to` fail. Calls
/// `on_failure` with the number of each that does; what that allocates itself is not counted.
pub(crate) fn count(from: u64, to: u64, on_failure: impl Fn(u64) + 'static) {
    SO_FAR.set(0);
    FAILING.replace(Some(Failing { from, to, on_failure: Rc::new(on_failure) }));
    COUNTS.set(true);
}

/// Stops counting and returns how many allocations there were.
pub(crate) fn stop() -> u64 {
    COUNTS.set(false);
    FAILING.take();
    SO_FAR.get()
}

/// Runs `f`, whose allocations neither count nor fail: for this crate's own calls of SQLite.
pub(crate) fn uncounted<R>(f: impl FnOnce() -> R) -> R {
    let counts = COUNTS.replace(false);
    let result = f();
    COUNTS.set(counts);
    result
}

/// Turns off lookaside memory, from which a connection would serve most of its allocations by itself. Returns false if
/// SQLite refuses, as it does while any of that memory is in use.
pub(crate) fn without_lookaside(connection: &Connection) -> bool {
    // SAFETY: the handle is the connection's, which is not used elsewhere during the call; SQLITE_DBCONFIG_LOOKASIDE
    // takes a pointer and two ints, and NULL with zeros means none.
    let code = unsafe {
        ffi::sqlite3_db_config(
            connection.handle(),
            ffi::SQLITE_DBCONFIG_LOOKASIDE,
            ptr::null_mut::<c_void>(),
            0 as c_int,
            0 as c_int,
        )
    };
    code == ffi::SQLITE_OK
}

/// Counts an allocation. Returns true if it has to fail.
fn fails() -> bool {
    let number = SO_FAR.get() + 1;
    SO_FAR.set(number);
    let failing = FAILING.with_borrow(Clone::clone);
    match failing {
        Some(failing) if (failing.from..=failing.to).contains(&number) => {
            uncounted(|| (failing.on_failure)(number));
            true
        }
        _ => false,
    }
}

/// Returns true if the allocation has to fail. No panic may cross into C: it makes the allocation fail.
fn refuses() -> bool {
    COUNTS.get() && catch_unwind(AssertUnwindSafe(fails)).unwrap_or(true)
}

unsafe extern "C" fn allocate(size: c_int) -> *mut c_void {
    match REAL.get() {
        // SAFETY: SQLite's own argument for SQLite's own allocator.
        Some(real) if !refuses() => unsafe { (real.malloc)(size) },
        _ => ptr::null_mut(),
    }
}

unsafe extern "C" fn reallocate(memory: *mut c_void, size: c_int) -> *mut c_void {
    match REAL.get() {
        // SAFETY: as for `allocate`; `memory` is from the same allocator. Where it fails, it stays as it was.
        Some(real) if !refuses() => unsafe { (real.realloc)(memory, size) },
        _ => ptr::null_mut(),
    }
}
