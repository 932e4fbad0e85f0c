//! What the policy knows of a tool before any call: its name, what it may do, and whom it talks to.

use super::names::named;

named! {
    /// What a tool may do. Annotations and the policy's `kinds` come from it.
    pub enum Kind {
        /// It changes nothing.
        Read = "read",
        /// It adds or changes something that can be changed back.
        Write = "write",
        /// It removes or overwrites something.
        Destructive = "destructive",
    }
}

named! {
    /// Whom a tool talks to: the policy's `services`.
    pub enum Service {
        /// The Plex media server.
        Plex = "plex",
        /// The account services of plex.tv and Discover.
        PlexTv = "plex_tv",
        /// Trakt.
        Trakt = "trakt",
        /// Sonarr.
        Sonarr = "sonarr",
        /// Radarr.
        Radarr = "radarr",
        /// Both of them: its block applies to the tools of either.
        Arr = "arr",
    }
}

impl Service {
    /// The services whose blocks apply to a tool, those that name it most exactly first.
    pub const fn blocks(self) -> &'static [Self] {
        match self {
            Self::Plex => &[Self::Plex],
            Self::PlexTv => &[Self::PlexTv],
            Self::Trakt => &[Self::Trakt],
            Self::Sonarr => &[Self::Sonarr, Self::Arr],
            Self::Radarr => &[Self::Radarr, Self::Arr],
            Self::Arr => &[Self::Sonarr, Self::Radarr, Self::Arr],
        }
    }
}

/// A tool as the policy sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subject {
    /// The tool's name in the protocol.
    pub tool: &'static str,
    /// What it may do; a policy's `kinds` block of that name applies to it.
    pub kind: Kind,
    /// Whom it talks to; a policy's `services` block of that name applies to it.
    pub service: Service,
}
