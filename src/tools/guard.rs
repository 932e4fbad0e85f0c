//! Tools of the guard itself.

mod undo_change;

use super::ToolDef;

/// The tools, in the order in which they are listed.
pub const TOOLS: &[ToolDef] = &[ToolDef::of::<undo_change::UndoChange>()];
