//! The client of a Plex Media Server: HTTP, XML, and lists read page by page.

mod attributes;
pub mod change;
pub mod csv;
pub mod discover;
pub mod error;
pub mod fields;
pub mod history;
pub mod household;
pub mod http;
mod iso;
pub mod items;
pub mod json;
pub mod lenient;
pub mod lookup;
pub mod pager;
pub mod playlists;
pub mod posters;
pub mod selection;
pub mod sessions;
pub mod stream;
mod tags;
mod vocabulary;
mod window;
pub mod xml;
