//! SQLite's call of pwrite(2), which asks the node's disk first. See `xSetSystemCall` in
//! <https://www.sqlite.org/c3ref/vfs.html>.

use std::ffi::{CStr, c_int, c_void};
use std::ptr;
use std::sync::Once;

use errno::{Errno, set_errno};
use libc::off_t;
use rusqlite::ffi;

type Write = unsafe extern "C" fn(c_int, *const c_void, usize, off_t) -> isize;

/// The name under which SQLite has the call. As it is built here, it has no other one for writing.
const CALL: &CStr = c"pwrite";

/// Has SQLite write through this file from now on, in all of the process.
pub(super) fn install() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // SAFETY: the default file system of a Unix is `unix`, which has this method, and which calls what has that name
        // as pwrite(2).
        let set = unsafe {
            let files = ffi::sqlite3_vfs_find(ptr::null());
            let set = files.as_ref().and_then(|files| files.xSetSystemCall);
            let call = std::mem::transmute::<Write, unsafe extern "C" fn()>(write);
            set.map(|set| set(files, CALL.as_ptr(), Some(call)))
        };
        assert_eq!(set, Some(ffi::SQLITE_OK), "SQLite takes another pwrite(2)");
    });
}

/// # Safety
/// As for pwrite(2), `bytes` must have `length` bytes.
unsafe extern "C" fn write(file: c_int, bytes: *const c_void, length: usize, offset: off_t) -> isize {
    // SQLite extends its shared memory by writing single bytes, under a lock that its readers take too. They must not
    // wait for one who waits for simulated time.
    if length > 1 && super::write().is_err() {
        set_errno(Errno(libc::ENOSPC));
        return -1;
    }
    // SAFETY: the caller promises the bytes.
    unsafe { libc::pwrite(file, bytes, length, offset) }
}
