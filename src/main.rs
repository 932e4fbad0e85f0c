//! The program `plex-mcp`; everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    plex_mcp::cli::main()
}
