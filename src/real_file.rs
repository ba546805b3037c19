//! Reads and writes files whose place somebody else may have prepared: a device, a named pipe, a link.
//!
//! Reading a named pipe waits for ever, and renaming a file over a device replaces the device.

use std::ffi::OsString;
use std::fs::{self, File, FileType, Metadata};
use std::io::{self, ErrorKind, Write};
use std::path::Path;

#[cfg(unix)]
use once_cell::sync::OnceCell;

/// Reads a file, which may be a link to one.
///
/// # Errors
/// If it is no ordinary file.
pub(crate) fn read(path: &Path) -> io::Result<Vec<u8>> {
    require_ordinary(fs::metadata(path)?.file_type())?;
    fs::read(path)
}

/// Like [`read`], for text.
///
/// # Errors
/// If it is no ordinary file, or not UTF-8.
pub(crate) fn read_to_string(path: &Path) -> io::Result<String> {
    require_ordinary(fs::metadata(path)?.file_type())?;
    fs::read_to_string(path)
}

/// Reads a file that this user has written, which is never a link.
///
/// # Errors
/// If it is no ordinary file, belongs to another user, or is longer than `most` bytes.
pub(crate) fn read_own(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let file = fs::symlink_metadata(path)?;
    require_ordinary(file.file_type())?;
    require_own(&file)?;
    if file.len() > most {
        return Err(ErrorKind::FileTooLarge.into());
    }
    fs::read(path)
}

/// Opens a file for reading and appending, and creates it if there is none. Nothing is written through a link, even one that
/// somebody puts there meanwhile.
///
/// # Errors
/// If what is there is no ordinary file.
pub(crate) fn open_or_create(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    options.append(true).read(true);
    let mut last = io::Error::other("it is exchanged again and again");
    for _ in 0..100 {
        let opened =
            if is_replaceable(path)? { options.open(path) } else { options.clone().create_new(true).open(path) };
        match opened {
            Ok(file) => {
                let (opened, there) = (file.metadata()?, fs::symlink_metadata(path));
                if there.is_ok_and(|there| is_same(&opened, &there)) {
                    return Ok(file);
                }
            }
            // Others create and delete it too.
            Err(error) if matches!(error.kind(), ErrorKind::AlreadyExists | ErrorKind::NotFound) => last = error,
            Err(error) => return Err(error),
        }
    }
    Err(last)
}

/// Writes a file as a whole: another one that is then renamed, so that neither a reader nor a process that dies sees half of it.
///
/// # Errors
/// If what is there is no ordinary file: it is not replaced.
pub(crate) fn replace(path: &Path, parts: &[&[u8]]) -> io::Result<()> {
    require_replaceable(path)?;
    let mut aside: OsString = path.as_os_str().to_owned();
    aside.push(format!(".{}.new", std::process::id()));
    let aside = Path::new(&aside);
    let write = || {
        let mut file = create(aside)?;
        for part in parts {
            file.write_all(part)?;
        }
        drop(file);
        fs::rename(aside, path)
    };
    write().inspect_err(|_| drop(fs::remove_file(aside)))
}

/// Creates an empty file in place of the ordinary file that may be there. Only its owner can read it.
///
/// # Errors
/// If what is there is no ordinary file.
pub(crate) fn create_private(path: &Path) -> io::Result<File> {
    if is_replaceable(path)? {
        fs::remove_file(path)?;
    }
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

fn create(path: &Path) -> io::Result<File> {
    // Left behind by a process with the same number.
    let _ = fs::remove_file(path);
    File::options().write(true).create_new(true).open(path)
}

/// Returns an error if there is something other than an ordinary file.
///
/// # Errors
/// See above.
pub(crate) fn require_replaceable(path: &Path) -> io::Result<()> {
    is_replaceable(path).map(drop)
}

/// Returns true if there is an ordinary file, and false if there is nothing.
fn is_replaceable(path: &Path) -> io::Result<bool> {
    match fs::symlink_metadata(path) {
        Ok(data) => require_ordinary(data.file_type()).map(|()| true),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

fn require_ordinary(file: FileType) -> io::Result<()> {
    match () {
        () if file.is_file() => Ok(()),
        () if file.is_dir() => Err(ErrorKind::IsADirectory.into()),
        () if file.is_symlink() => Err(io::Error::other("it is a symbolic link")),
        () => Err(io::Error::other(special(file))),
    }
}

#[cfg(unix)]
fn special(file: FileType) -> &'static str {
    use std::os::unix::fs::FileTypeExt;
    match () {
        () if file.is_fifo() => "it is a named pipe",
        () if file.is_socket() => "it is a socket",
        () => "it is a device",
    }
}

#[cfg(not(unix))]
fn special(_: FileType) -> &'static str {
    "it is no ordinary file"
}

/// Creates the folders that lead from `root` to `path`.
///
/// # Errors
/// If one of them is no folder or, below `root`, another user's link.
pub(crate) fn create_folders(root: &Path, path: &Path) -> io::Result<()> {
    fs::create_dir_all(root).map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => io::Error::other(format!("{} is no folder", root.display())),
        _ => error,
    })?;
    let mut folder = root.to_owned();
    for part in path.strip_prefix(root).unwrap_or(path) {
        folder.push(part);
        match fs::create_dir(&folder) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
            Err(_) => {
                let found = fs::symlink_metadata(&folder)?;
                if found.is_symlink() {
                    require_own(&found)?;
                }
                if !fs::metadata(&folder)?.is_dir() {
                    return Err(io::Error::other(format!("{} is no folder", folder.display())));
                }
            }
            Ok(()) => {}
        }
    }
    Ok(())
}

/// Creates a folder that only the user can enter, or checks that one that is there is such a folder.
///
/// # Errors
/// If it belongs to somebody else, or if others can enter it.
#[cfg(unix)]
pub(crate) fn private_folder(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::{DirBuilderExt, MetadataExt};
    match fs::DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    let folder = fs::symlink_metadata(path)?;
    require_own(&folder)?;
    match () {
        () if !folder.is_dir() => Err(io::Error::other("it is no folder")),
        () if folder.mode() & 0o077 != 0 => Err(io::Error::other("other users can enter it: chmod 700")),
        () => Ok(()),
    }
}

#[cfg(unix)]
fn require_own(file: &Metadata) -> io::Result<()> {
    use std::os::unix::fs::MetadataExt;
    match file.uid() == user()? {
        true => Ok(()),
        false => Err(io::Error::other("it belongs to another user")),
    }
}

/// Returns the number of the user whose files this process creates.
#[cfg(unix)]
fn user() -> io::Result<u32> {
    use std::os::unix::fs::MetadataExt;
    static USER: OnceCell<u32> = OnceCell::new();
    // Only Linux has the first, and only a folder for temporary files that can be written the second.
    let look_up = || fs::metadata("/proc/self").or_else(|_| tempfile::tempfile()?.metadata()).map(|file| file.uid());
    USER.get_or_try_init(look_up).copied()
}

/// Returns the number of this user as text, empty where users have none.
#[cfg(unix)]
pub(crate) fn user_number() -> String {
    user().map(|number| number.to_string()).unwrap_or_default()
}

#[cfg(unix)]
fn is_same(one: &Metadata, other: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

#[cfg(not(unix))]
pub(crate) fn user_number() -> String {
    String::new()
}

/// The folder for temporary files is the user's own.
#[cfg(not(unix))]
pub(crate) fn private_folder(path: &Path) -> io::Result<()> {
    fs::create_dir_all(path)
}

#[cfg(not(unix))]
fn require_own(_: &Metadata) -> io::Result<()> {
    Ok(())
}

#[cfg(not(unix))]
fn is_same(_: &Metadata, _: &Metadata) -> bool {
    true
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::path::Path;

    use super::{create_folders, create_private, open_or_create, private_folder, read, read_own, replace};

    fn says<T>(result: std::io::Result<T>) -> String {
        result.map(drop).unwrap_err().to_string()
    }

    #[test]
    fn what_is_no_ordinary_file_is_neither_read_nor_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        for (path, is) in [(pipe.as_path(), "it is a named pipe"), (Path::new("/dev/null"), "it is a device")] {
            assert_eq!(says(read(path)), is);
            assert_eq!(says(replace(path, &[b"text"])), is);
            assert_eq!(says(create_private(path)), is);
        }
        assert!(says(replace(folder.path(), &[])).contains("directory"));
    }

    #[test]
    fn a_link_is_read_only_where_a_user_may_have_made_it() {
        let folder = tempfile::tempdir().unwrap();
        let (target, link) = (folder.path().join("target"), folder.path().join("link"));
        fs::write(&target, "text").unwrap();
        symlink(&target, &link).unwrap();
        assert_eq!(read(&link).unwrap(), b"text");
        let is = "it is a symbolic link";
        assert_eq!(says(open_or_create(&link)), is);
        assert_eq!((says(read_own(&link, 9)), says(replace(&link, &[]))), (is.into(), is.into()));
        assert_eq!(fs::read_to_string(&target).unwrap(), "text");
        replace(&target, &[b"other ", b"text"]).unwrap();
        assert_eq!(fs::read_to_string(&target).unwrap(), "other text");
        assert_eq!(read_own(&target, 10).unwrap(), b"other text");
        assert_eq!(says(read_own(&target, 9)), "file too large");
        create_private(&target).unwrap();
        assert_eq!(fs::metadata(&target).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
        // A link of this user's own leads where it is meant to.
        fs::create_dir(folder.path().join("elsewhere")).unwrap();
        symlink("elsewhere", folder.path().join("kept")).unwrap();
        create_folders(folder.path(), &folder.path().join("kept/binary")).unwrap();
        assert!(folder.path().join("elsewhere/binary").is_dir());
    }

    #[test]
    fn a_folder_that_others_can_enter_is_not_private() {
        let folder = tempfile::tempdir().unwrap();
        let own = folder.path().join("own");
        private_folder(&own).unwrap();
        private_folder(&own).unwrap();
        fs::set_permissions(&own, fs::Permissions::from_mode(0o755)).unwrap();
        assert_eq!(says(private_folder(&own)), "other users can enter it: chmod 700");
        let link = folder.path().join("link");
        symlink("/", &link).unwrap();
        assert_eq!(says(private_folder(&link)), "it is no folder");
    }
}
