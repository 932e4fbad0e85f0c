//! What killed exports left, and what there is beneath the directory.

use super::{
    MAX_DEPTH, Root, TEMPORARY_PREFIX, TEMPORARY_SUFFIX,
    cut::{self, STATE_SUFFIX},
    lock::{LOCK_SUFFIX, NameLock},
};
use cap_fs_ext::DirExt as _;
use cap_std::fs::{Dir, DirEntry, OpenOptions};
use std::{collections::HashSet, ops::ControlFlow};

/// Removes the temporary files that no process holds, but for those of exports that can be gone on with.
pub(super) fn sweep(root: &Root) {
    let kept = kept(root);
    let _ = for_each_file(&root.dir, "", 0, &mut |dir, folder, name, _| {
        if is_temporary(name) && !kept.contains(&format!("{folder}{name}")) {
            remove_unused(dir, name);
        }
        ControlFlow::Continue(())
    });
    for name in own_files(&root.dir, LOCK_SUFFIX) {
        // Taking it is enough: giving it up removes it.
        drop(NameLock::take_file(&root.dir, name));
    }
}

pub(super) fn is_temporary(name: &str) -> bool {
    name.starts_with(TEMPORARY_PREFIX) && name.ends_with(TEMPORARY_SUFFIX)
}

/// Removes a temporary file if no process holds it.
pub(super) fn remove_unused(dir: &Dir, name: &str) {
    let file = dir.open_with(name, OpenOptions::new().write(true));
    let unused = file.is_ok_and(|file| file.into_std().try_lock().is_ok());
    if unused && dir.remove_file(name).is_ok() {
        tracing::info!(name, "removed what an interrupted export left");
    }
}

/// The temporary files of exports that can be gone on with, by their paths. What is too old for that is forgotten here.
fn kept(root: &Root) -> HashSet<String> {
    let mut kept = HashSet::new();
    for name in own_files(&root.dir, STATE_SUFFIX) {
        let lock = format!("{}{LOCK_SUFFIX}", name.trim_end_matches(STATE_SUFFIX));
        // Of an export that is running: its files are locked, and it may be about to change its mind on them.
        let Ok(Some(_held)) = NameLock::take_file(&root.dir, lock) else {
            kept.extend(cut::temporary_of(&root.dir, &name));
            continue;
        };
        match cut::temporary_of(&root.dir, &name) {
            Some(temporary) => drop(kept.insert(temporary)),
            None => drop(root.dir.remove_file(&name)),
        }
    }
    kept
}

/// The names of this program's own files of one kind, which lie in the directory itself.
fn own_files(dir: &Dir, suffix: &str) -> Vec<String> {
    let entries = dir.entries().into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    names.filter(|name| name.starts_with(TEMPORARY_PREFIX) && name.ends_with(suffix)).collect()
}

/// Calls `visit` with each file beneath `dir` until it breaks off: its folder's handle and path, its name, and its entry.
/// Links are passed over.
pub(super) fn for_each_file(
    dir: &Dir,
    path: &str,
    depth: usize,
    visit: &mut dyn FnMut(&Dir, &str, &str, &DirEntry) -> ControlFlow<()>,
) -> ControlFlow<()> {
    let Ok(entries) = dir.entries() else { return ControlFlow::Continue(()) };
    for entry in entries.flatten() {
        let (Ok(kind), Ok(name)) = (entry.file_type(), entry.file_name().into_string()) else { continue };
        if kind.is_file() {
            visit(dir, path, &name, &entry)?;
        } else if kind.is_dir()
            && depth < MAX_DEPTH
            && let Ok(folder) = dir.open_dir_nofollow(&name)
        {
            for_each_file(&folder, &format!("{path}{name}/"), depth + 1, visit)?;
        }
    }
    ControlFlow::Continue(())
}
