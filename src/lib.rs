//! plex-mcp: a Model Context Protocol server for Plex with its guards inside.
//!
//! No tool touches Plex or the disk before the policy has admitted the call. The road of a call, and so the map of the
//! crate: `server` takes it from the client, `tools` decodes it and runs the tool's body, `guard` judges and records
//! it, and `plex` and `export` act, the changing half of them only for a clearance that the guard gave.

pub mod app;
pub mod arr;
pub mod cli;
pub mod config;
pub mod demo;
pub mod export;
pub mod guard;
pub mod http;
pub mod plex;
pub mod server;
pub mod tools;
pub mod trakt;
mod unseen;
