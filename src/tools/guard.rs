//! Tools about the guard itself.

mod get_policy;
mod undo_change;

use super::ToolDef;

/// The tools of this group.
pub const TOOLS: &[ToolDef] = &[ToolDef::of::<get_policy::GetPolicy>(), ToolDef::of::<undo_change::UndoChange>()];
