//! Tools about the guard itself.

mod get_policy;

use super::ToolDef;

/// The tools of this group.
pub const TOOLS: &[ToolDef] = &[ToolDef::of::<get_policy::GetPolicy>()];
