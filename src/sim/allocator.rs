//! SQLite's allocator, which may refuse one thread.
//!
//! The allocator is set once for the process, before SQLite initialises. It is SQLite's own, with one question before each
//! allocation: does this thread count? Only a thread that looks for failures does, so that no other notices.

use std::cell::{Cell, RefCell};
use std::os::raw::{c_int, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::rc::Rc;
use std::sync::{Once, OnceLock};

use rusqlite::{Connection, ffi};

/// What SQLite would use without us.
static REAL: OnceLock<Methods> = OnceLock::new();

#[derive(Clone, Copy)]
struct Methods {
    malloc: unsafe extern "C" fn(c_int) -> *mut c_void,
    realloc: unsafe extern "C" fn(*mut c_void, c_int) -> *mut c_void,
}

thread_local! {
    /// Whether this thread counts: all that is read when it does not. Without a destructor, so that a thread that ends may
    /// still close its connections.
    static COUNTS: Cell<bool> = const { Cell::new(false) };
    static SO_FAR: Cell<u64> = const { Cell::new(0) };
    static REFUSED: RefCell<Option<Refused>> = const { RefCell::new(None) };
}

/// Which allocations fail, and who is told.
#[derive(Clone)]
struct Refused {
    from: u64,
    to: u64,
    told: Rc<dyn Fn(u64)>,
}

/// Takes SQLite's allocator over, if the feature is on and nothing has initialised SQLite yet. Called before this crate's
/// first use of SQLite.
pub(crate) fn install() {
    static ONCE: Once = Once::new();
    if cfg!(feature = "out-of-memory") {
        ONCE.call_once(take_over);
    }
}

fn take_over() {
    // SAFETY: all fields are pointers that may be null, or functions that may be none.
    let mut methods: ffi::sqlite3_mem_methods = unsafe { std::mem::zeroed() };
    // SAFETY: SQLITE_CONFIG_GETMALLOC takes a pointer to the methods, which it fills in. Once SQLite is initialised, it answers
    // SQLITE_MISUSE and does nothing.
    if unsafe { ffi::sqlite3_config(ffi::SQLITE_CONFIG_GETMALLOC, &raw mut methods) } != ffi::SQLITE_OK {
        return;
    }
    let (Some(malloc), Some(realloc)) = (methods.xMalloc, methods.xRealloc) else { return };
    let _ = REAL.set(Methods { malloc, realloc });
    methods.xMalloc = Some(allocate);
    methods.xRealloc = Some(reallocate);
    // SAFETY: SQLITE_CONFIG_MALLOC takes a pointer to the methods and copies them. SQLite wants no other thread to use it
    // meanwhile. One that initialises it at this very moment sees old and new methods, of which two pointers differ; either
    // may free what the other allocated, for both are the real allocator. Which of them it kept, `is_ours` tries.
    unsafe { ffi::sqlite3_config(ffi::SQLITE_CONFIG_MALLOC, &raw mut methods) };
}

/// Whether SQLite asks here before it allocates: tried, for another thread may have initialised SQLite at the same time.
pub(crate) fn is_ours() -> bool {
    install();
    count(0, 0, |_| {});
    // SAFETY: what SQLite allocates is given back; it takes NULL too.
    unsafe { ffi::sqlite3_free(ffi::sqlite3_malloc(8)) };
    stop() > 0
}

/// Counts the allocations of this thread from here on, the first as 1, and lets those in `from..=to` fail. `told` is called
/// with the number of each that does; what it allocates itself is not counted.
pub(crate) fn count(from: u64, to: u64, told: impl Fn(u64) + 'static) {
    SO_FAR.set(0);
    REFUSED.replace(Some(Refused { from, to, told: Rc::new(told) }));
    COUNTS.set(true);
}

/// Counts no more; answers how many allocations there were.
pub(crate) fn stop() -> u64 {
    COUNTS.set(false);
    REFUSED.take();
    SO_FAR.get()
}

/// What this crate asks of SQLite beside the app's code is neither counted nor refused.
pub(crate) fn uncounted<R>(f: impl FnOnce() -> R) -> R {
    let counts = COUNTS.replace(false);
    let result = f();
    COUNTS.set(counts);
    result
}

/// Turns off the small allocations that a connection serves by itself, or few were counted. `false` where SQLite refuses, as it
/// does while any of them is in use.
pub(crate) fn without_lookaside(connection: &Connection) -> bool {
    // SAFETY: the handle is the connection's, which is not used elsewhere during the call; SQLITE_DBCONFIG_LOOKASIDE takes a
    // pointer and two ints, and NULL with zeros means none.
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

/// Whether the allocation that is asked for fails.
fn fails() -> bool {
    let number = SO_FAR.get() + 1;
    SO_FAR.set(number);
    let refused = REFUSED.with_borrow(Clone::clone);
    match refused {
        Some(refused) if (refused.from..=refused.to).contains(&number) => {
            uncounted(|| (refused.told)(number));
            true
        }
        _ => false,
    }
}

/// No panic may cross into C: it lets the allocation fail.
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
