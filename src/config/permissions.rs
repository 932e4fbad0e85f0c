//! Whose word the policy and the ledger are: files that others may write to are not taken for their owner's.
//!
//! On Unix, what may decide over an agent has to belong to the user that runs the server, or to root, and nobody else may
//! write to it or replace it in its directory. The same is asked of every link on the way. Nothing is changed here: a fault
//! is told with the command that mends it. Other systems are not checked.
//!
//! Write permission of a group is let pass in one case: the group is the user's private one, which many systems make for
//! every user and then let have what the user has (a umask of 002). It has the user's number, is the process's own group,
//! and `/etc/group` names no members of it.

use std::{
    fs::OpenOptions,
    io,
    path::{Path, PathBuf},
};

/// Options that open a file which, where they make it, only its owner may read and write.
pub fn private_file() -> OpenOptions {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Why a file is not trusted.
#[derive(Debug, thiserror::Error)]
pub enum PermissionError {
    /// Someone else may change it.
    #[error("{} can be written to by {who} (mode {mode:04o}): `chmod {mend} {}` mends that", .path.display(), .path.display())]
    Writable {
        /// The file or directory.
        path: PathBuf,
        /// Who.
        who: &'static str,
        /// Its mode.
        mode: u32,
        /// What to say to `chmod`.
        mend: &'static str,
    },
    /// Someone else may read a secret.
    #[error("{} can be read by {who} (mode {mode:04o}): `chmod 600 {}` mends that", .path.display(), .path.display())]
    Readable {
        /// The file.
        path: PathBuf,
        /// Who.
        who: &'static str,
        /// Its mode.
        mode: u32,
    },
    /// It belongs to someone else, who may change it.
    #[error("{} belongs to user {owner}, who is neither root nor the one that runs this program ({user}): `chown {user} {}` mends that", .path.display(), .path.display())]
    Owner {
        /// The file or directory.
        path: PathBuf,
        /// Its owner's number.
        owner: u32,
        /// The number of the user that runs this program.
        user: u32,
    },
    /// It is no file.
    #[error("{} is no regular file", .path.display())]
    Kind {
        /// What is there.
        path: PathBuf,
    },
    /// It can't be looked at.
    #[error("{} can't be looked at: {cause}", .path.display())]
    Look {
        /// What is there.
        path: PathBuf,
        /// What the system says.
        cause: io::Error,
    },
}

/// Whether nobody else may change this file or put another one in its place. What is not there is no fault.
pub fn check_unchangeable(path: &Path) -> Result<(), PermissionError> {
    imp::check(path, imp::Wanted::Unchangeable)
}

/// The same, and whether nobody else may read it.
pub fn check_secret(path: &Path) -> Result<(), PermissionError> {
    imp::check(path, imp::Wanted::Secret)
}

/// Who runs this program, as the ledger names them: the system's number of the user where it has one.
pub fn user() -> String {
    #[cfg(unix)]
    return format!("user {}", rustix::process::getuid().as_raw());
    #[cfg(not(unix))]
    "the owner".to_owned()
}

#[cfg(unix)]
mod imp {
    use super::PermissionError;
    use std::{
        fs::Metadata,
        io,
        os::unix::fs::MetadataExt as _,
        path::{Path, PathBuf},
    };

    /// As many links as Linux follows from one to the next.
    const MAX_LINKS: usize = 40;

    const GROUP_WRITES: u32 = 0o020;
    const OTHERS_WRITE: u32 = 0o002;
    const GROUP_READS: u32 = 0o040;
    const OTHERS_READ: u32 = 0o004;
    const STICKY: u32 = 0o1000;

    #[derive(Clone, Copy, PartialEq, Eq)]
    pub(super) enum Wanted {
        Unchangeable,
        Secret,
    }

    /// Who runs this program.
    struct User {
        uid: u32,
        private_group: Option<u32>,
    }

    impl User {
        fn current() -> Self {
            let (uid, gid) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
            let private = uid == gid && uid != 0 && group_file().is_ok_and(|groups| has_no_members(&groups, gid));
            Self { uid, private_group: private.then_some(gid) }
        }

        /// Who else may write to it, and what to say to `chmod`.
        fn others_who_write(&self, found: &Metadata) -> Option<(&'static str, &'static str)> {
            let private = self.private_group == Some(found.gid());
            match (found.mode() & OTHERS_WRITE != 0, found.mode() & GROUP_WRITES != 0 && !private) {
                (true, true) => Some(("everyone", "go-w")),
                (true, false) => Some(("everyone", "o-w")),
                (false, true) => Some(("its group", "g-w")),
                (false, false) => None,
            }
        }

        fn owns(&self, path: &Path, found: &Metadata) -> Result<(), PermissionError> {
            if found.uid() == self.uid || found.uid() == 0 {
                return Ok(());
            }
            Err(PermissionError::Owner { path: path.to_owned(), owner: found.uid(), user: self.uid })
        }
    }

    #[expect(clippy::disallowed_methods, reason = "the system's list of groups is read here only")]
    fn group_file() -> io::Result<String> {
        std::fs::read_to_string("/etc/group")
    }

    /// Whether a group is there, and nobody is named as a member of it.
    pub(super) fn has_no_members(groups: &str, gid: u32) -> bool {
        let mut found = groups.lines().filter_map(|line| {
            let mut fields = line.split(':').skip(2);
            let number: u32 = fields.next()?.parse().ok()?;
            (number == gid).then(|| fields.next().unwrap_or_default().trim().is_empty())
        });
        found.next() == Some(true) && found.all(|empty| empty)
    }

    pub(super) fn check(path: &Path, wanted: Wanted) -> Result<(), PermissionError> {
        let user = User::current();
        let mut link = path.to_owned();
        for _ in 0..MAX_LINKS {
            let Some(found) = look(&link, Path::symlink_metadata)? else { return Ok(()) };
            let folder = link.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
            check_directory(&user, folder)?;
            user.owns(&link, &found)?;
            if !found.is_symlink() {
                return check_file(&user, &link, &found, wanted);
            }
            let target = link.read_link().map_err(|cause| PermissionError::Look { path: link.clone(), cause })?;
            link = folder.join(target);
        }
        let cause = io::Error::other("too many links lead from one to the next");
        Err(PermissionError::Look { path: path.to_owned(), cause })
    }

    fn look(path: &Path, how: impl FnOnce(&Path) -> io::Result<Metadata>) -> Result<Option<Metadata>, PermissionError> {
        match how(path) {
            Ok(found) => Ok(Some(found)),
            Err(cause) if matches!(cause.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
            Err(cause) => Err(PermissionError::Look { path: path.to_owned(), cause }),
        }
    }

    /// In a directory that others may write to they can put another file in this one's place, unless it is sticky.
    fn check_directory(user: &User, folder: &Path) -> Result<(), PermissionError> {
        let Some(found) = look(folder, Path::metadata)? else { return Ok(()) };
        let path = || folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
        if found.mode() & STICKY == 0
            && let Some((who, mend)) = user.others_who_write(&found)
        {
            return Err(PermissionError::Writable { path: path(), who, mode: found.mode() & 0o7777, mend });
        }
        user.owns(&path(), &found)
    }

    fn check_file(user: &User, path: &Path, found: &Metadata, wanted: Wanted) -> Result<(), PermissionError> {
        let mode = found.mode() & 0o7777;
        let at = || -> PathBuf { path.to_owned() };
        if !found.is_file() {
            return Err(PermissionError::Kind { path: at() });
        }
        if let Some((who, mend)) = user.others_who_write(found) {
            return Err(PermissionError::Writable { path: at(), who, mode, mend });
        }
        if wanted == Wanted::Secret && mode & (OTHERS_READ | GROUP_READS) != 0 {
            let who = if mode & OTHERS_READ != 0 { "everyone" } else { "its group" };
            return Err(PermissionError::Readable { path: at(), who, mode });
        }
        Ok(())
    }
}

#[cfg(not(unix))]
mod imp {
    use super::PermissionError;
    use std::path::Path;

    #[derive(Clone, Copy)]
    pub(super) enum Wanted {
        Unchangeable,
        Secret,
    }

    pub(super) fn check(_: &Path, _: Wanted) -> Result<(), PermissionError> {
        Ok(())
    }
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        fs,
        os::unix::fs::{PermissionsExt as _, symlink},
    };

    fn mode(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    fn file(dir: &Path, name: &str, bits: u32) -> PathBuf {
        let path = dir.join(name);
        #[expect(clippy::disallowed_methods, reason = "a test makes the files it looks at")]
        fs::write(&path, "x").unwrap();
        mode(&path, bits);
        path
    }

    fn fault(path: &Path) -> String {
        check_unchangeable(path).expect_err("not trusted").to_string()
    }

    #[test]
    fn a_file_that_others_may_write_is_refused_with_the_command_that_mends_it() {
        let dir = tempfile::tempdir().unwrap();
        for (bits, right) in
            [(0o600, true), (0o644, true), (0o444, true), (0o646, false), (0o666, false), (0o602, false)]
        {
            let path = file(dir.path(), "p", bits);
            assert_eq!(check_unchangeable(&path).is_ok(), right, "{bits:o}");
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        }
        let path = file(dir.path(), "p", 0o646);
        let text = fault(&path);
        assert!(text.contains("by everyone (mode 0646)") && text.contains("`chmod o-w "), "{text}");
        mode(&path, 0o600);
        assert!(matches!(check_unchangeable(dir.path()), Err(PermissionError::Kind { .. })));
        assert!(check_unchangeable(&dir.path().join("none")).is_ok());
        assert!(check_unchangeable(&path.join("none")).is_ok());
    }

    #[test]
    fn a_directory_where_others_may_replace_it_is_refused_unless_it_is_sticky() {
        let dir = tempfile::tempdir().unwrap();
        let inner = dir.path().join("d");
        fs::create_dir(&inner).unwrap();
        let path = file(&inner, "p", 0o600);
        for (bits, right) in [(0o700, true), (0o755, true), (0o757, false), (0o777, false), (0o1777, true)] {
            mode(&inner, bits);
            assert_eq!(check_unchangeable(&path).is_ok(), right, "{bits:o}");
        }
        mode(&inner, 0o757);
        assert!(fault(&path).contains("/d` mends that"), "{}", fault(&path));
    }

    #[test]
    fn links_are_no_way_round() {
        let dir = tempfile::tempdir().unwrap();
        let open = dir.path().join("open");
        fs::create_dir(&open).unwrap();
        let target = file(dir.path(), "target", 0o600);
        let (first, second) = (dir.path().join("first"), open.join("second"));
        symlink("open/second", &first).unwrap();
        symlink(&target, &second).unwrap();
        assert!(check_unchangeable(&first).is_ok());
        mode(&open, 0o777);
        assert!(fault(&first).contains("open"), "the middle link can be replaced: {}", fault(&first));
        mode(&open, 0o755);
        mode(&target, 0o666);
        assert!(fault(&first).contains("target"), "{}", fault(&first));
        symlink("open/none", dir.path().join("nowhere")).unwrap();
        symlink("nowhere", dir.path().join("round")).unwrap();
        assert!(check_unchangeable(&dir.path().join("round")).is_ok(), "a link that leads nowhere is nothing");
        symlink("circle", dir.path().join("circle")).unwrap();
        assert!(matches!(check_unchangeable(&dir.path().join("circle")), Err(PermissionError::Look { .. })));
    }

    #[test]
    fn a_secret_is_its_owners_alone() {
        let dir = tempfile::tempdir().unwrap();
        for (bits, right) in [(0o600, true), (0o400, true), (0o640, false), (0o604, false), (0o644, false)] {
            let path = file(dir.path(), "k", bits);
            assert_eq!(check_secret(&path).is_ok(), right, "{bits:o}");
            mode(&path, 0o600);
        }
    }

    #[test]
    fn a_private_group_is_one_without_members() {
        let groups = "root:x:0:\njo:x:1000:\nstaff:x:1001:jo,ann\nempty:x:1002\n\nnonsense\n";
        for (gid, private) in [(1000, true), (1001, false), (1002, true), (7, false)] {
            assert_eq!(imp::has_no_members(groups, gid), private, "{gid}");
        }
        assert!(!imp::has_no_members("a:x:5:\nb:x:5:ann\n", 5), "two names of one group");
    }
}
