//! Notices templates that are built again and again, which no lint of the compiler finds.

use std::io::Write as _;
use std::sync::{Mutex, PoisonError};

use super::source::Source;
use crate::order::SortedMap;

/// Says on the terminal that templates of the same migrations are built again and again.
pub(super) fn count(source: &Source) {
    /// Enough that it is no chance, and few enough that little time is lost.
    const OFTEN: u32 = 20;
    static BUILT: Mutex<SortedMap<usize, u32>> = Mutex::new(SortedMap::new());
    let Some((address, name)) = source.address() else { return };
    let mut built = BUILT.lock().unwrap_or_else(PoisonError::into_inner);
    let times = built.get_or_default(address);
    *times += 1;
    if *times == OFTEN {
        // Not `eprintln!`, which tests capture: the output of a test that passes is not shown.
        let _ = writeln!(
            std::io::stderr(),
            "note: {name} was built {OFTEN} times in this process: keep it in a static, because a const is another template at \
             each use, as a local variable is"
        );
    }
}
