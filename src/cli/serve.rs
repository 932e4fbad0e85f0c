//! `plex-mcp serve`: MCP on standard input and output.

use super::{Failure, start};
use crate::{config::Settings, server};
use std::{io::IsTerminal as _, sync::Arc};

pub(super) async fn run(settings: Settings) -> Result<(), Failure> {
    let app = start(settings)?;
    if std::io::stdin().is_terminal() {
        tracing::warn!("waiting for an MCP client on standard input; `plex-mcp --help` says what else there is");
    }
    app.watch_policy();
    app.prune_daily();
    // The disk may be slow; the client's first request need not wait for it.
    let reported = Arc::clone(&app);
    tokio::task::spawn_blocking(move || reported.report_settings());
    server::serve_stdio(app).await.map_err(|error| Failure::Failed(anyhow::anyhow!(error)))
}
