//! The client of Sonarr and Radarr. The two are one program in origin: where they differ, the difference is data
//! ([`Dialect`]), not a second client.

pub mod client;
pub mod dialect;
mod elements;
pub mod error;
pub mod pages;
pub mod records;
mod text;

pub use client::Arr;
pub use dialect::{Dialect, RADARR, SONARR};
pub use error::{ArrError, Existing};
pub use text::{folded, names_same, year_in_brackets};
