//! Whether some program is still at writing a file.

use std::path::Path;

/// Whether a program has the file open for writing, as far as this can be told: on Linux, of the programs whose files this
/// user may look at. What can't be told is no.
pub fn is_open_for_writing(path: &Path) -> bool {
    imp::is_open_for_writing(path)
}

#[cfg(target_os = "linux")]
mod imp {
    use std::path::Path;

    /// The two bits of `open(2)` flags that say how a file was opened; all zero for reading only.
    const ACCESS: u32 = 0o3;

    #[expect(clippy::disallowed_methods, reason = "proc(5) tells what programs have open")]
    pub(super) fn is_open_for_writing(path: &Path) -> bool {
        let Ok(path) = path.canonicalize() else { return false };
        let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
        let processes =
            processes.filter(|entry| entry.file_name().to_string_lossy().bytes().all(|b| b.is_ascii_digit()));
        for process in processes.map(|entry| entry.path()) {
            for file in std::fs::read_dir(process.join("fd")).into_iter().flatten().flatten() {
                // The link's text is compared, so that no file is touched, which might hang.
                if file.path().read_link().is_ok_and(|target| target == path)
                    && std::fs::read_to_string(process.join("fdinfo").join(file.file_name()))
                        .is_ok_and(|info| writes(&info))
                {
                    return true;
                }
            }
        }
        false
    }

    /// Whether a file of that `fdinfo` was opened for writing.
    fn writes(info: &str) -> bool {
        let flags = info.lines().find_map(|line| line.strip_prefix("flags:"));
        flags.and_then(|flags| u32::from_str_radix(flags.trim(), 8).ok()).is_some_and(|flags| flags & ACCESS != 0)
    }

    #[cfg(test)]
    mod tests {
        use super::*;
        use std::fs::{File, OpenOptions};

        #[test]
        #[expect(clippy::disallowed_methods, reason = "the programs that write and read")]
        fn who_writes_is_told_from_who_reads() {
            let dir = tempfile::tempdir().unwrap();
            let (path, other) = (dir.path().join("a"), dir.path().join("b"));
            let writer = File::create(&path).unwrap();
            drop(File::create(&other).unwrap());
            std::os::unix::fs::symlink(&path, dir.path().join("link")).unwrap();
            assert!(is_open_for_writing(&path) && is_open_for_writing(&dir.path().join("link")));
            assert!(!is_open_for_writing(&other) && !is_open_for_writing(&dir.path().join("none")));
            drop(writer);
            assert!(!is_open_for_writing(&path));
            let reader = File::open(&path).unwrap();
            assert!(!is_open_for_writing(&path));
            let both = OpenOptions::new().read(true).append(true).open(&path).unwrap();
            assert!(is_open_for_writing(&path));
            drop((reader, both));
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod imp {
    pub(super) fn is_open_for_writing(_: &std::path::Path) -> bool {
        false
    }
}
