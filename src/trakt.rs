//! The client of Trakt: signing in, lists page by page, the history and what may be added to it, and scrobbling.

pub mod auth;
pub mod error;
pub mod follow;
pub mod history;
pub mod http;
pub mod ids;
pub mod marks;
pub mod missing;
pub mod pages;
pub mod ratings;
pub mod scrobble;
pub mod search;
pub mod sign_in;
pub mod stats;
pub mod watched;
