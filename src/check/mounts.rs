//! Detects network file systems. SQLite's locks and shared memory need a file system of this machine, see
//! <https://www.sqlite.org/useovernet.html>.

use std::path::Path;

/// File systems whose files are on another machine.
const NETWORK: [&str; 22] = [
    "9p",
    "afs",
    "beegfs",
    "ceph",
    "cifs",
    "coda",
    "davfs",
    "fuse.cephfs",
    "fuse.davfs2",
    "fuse.gcsfuse",
    "fuse.glusterfs",
    "fuse.rclone",
    "fuse.s3fs",
    "fuse.smbnetfs",
    "fuse.sshfs",
    "glusterfs",
    "lustre",
    "ncpfs",
    "nfs",
    "nfs4",
    "smb3",
    "smbfs",
];

/// Returns the network file system that holds `path`, by the text of `/proc/self/mountinfo`. `path` must be canonical.
pub(super) fn network_file_system<'a>(mountinfo: &'a str, path: &Path) -> Option<&'a str> {
    let mut deepest = None;
    let mut depth = 0;
    for (place, kind) in mountinfo.lines().filter_map(mount) {
        // A later mount hides an earlier one at the same place.
        if path.starts_with(&place) && place.len() >= depth {
            depth = place.len();
            deepest = Some(kind);
        }
    }
    deepest.filter(|kind| NETWORK.contains(kind))
}

/// Returns the mount point and the type in a line, see proc_pid_mountinfo(5).
fn mount(line: &str) -> Option<(String, &str)> {
    let place = line.split(' ').nth(4)?;
    // The number of optional fields varies, and a single hyphen ends them.
    let (_, behind) = line.split_once(" - ")?;
    Some((unescaped(place), behind.split(' ').next()?))
}

/// Decodes the octal numbers for spaces, tabs, line ends and backslashes.
fn unescaped(place: &str) -> String {
    [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")]
        .iter()
        .fold(place.to_owned(), |text, (escaped, plain)| text.replace(escaped, plain))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::network_file_system;

    const MOUNTS: &str = "\
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
30 22 0:26 / /srv rw,relatime shared:2 master:1 - nfs4 server:/export rw,vers=4.2
31 30 0:27 / /srv/local\\040disk rw,relatime - xfs /dev/sdb1 rw
32 22 0:28 / /home/me/remote rw - fuse.sshfs me@host: rw
33 22 0:29 / /mnt rw - cifs //server/share rw
34 33 0:30 / /mnt rw - tmpfs tmpfs rw
35 22 0:31 / /fuse rw - fuse.encfs encfs rw
";

    #[track_caller]
    fn check(path: &str, expected: Option<&str>) {
        assert_eq!(network_file_system(MOUNTS, Path::new(path)), expected, "{path}");
    }

    #[test]
    fn the_deepest_mount_decides() {
        check("/srv/app.db", Some("nfs4"));
        check("/srv/local disk/app.db", None);
        check("/srv/local/app.db", Some("nfs4"));
        check("/home/me/remote/a/b.db", Some("fuse.sshfs"));
        check("/home/me/remote2/b.db", None);
        check("/app.db", None);
    }

    #[test]
    fn a_later_mount_hides_an_earlier_one() {
        check("/mnt/app.db", None);
        check("/fuse/app.db", None);
    }

    #[test]
    fn malformed_lines_are_skipped() {
        assert_eq!(network_file_system("nonsense\n1 2 - nfs\n\n", Path::new("/a")), None);
    }
}
