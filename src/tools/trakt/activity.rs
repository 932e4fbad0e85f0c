//! What goes on for Trakt beyond single calls: the sync that runs and the last one, and who is being followed.

/// What goes on.
#[derive(Debug, Default)]
pub(crate) struct Activity {}
