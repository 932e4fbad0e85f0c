//! Deletes the ledger's rows that are older than the policy wants them kept.

use super::App;
use std::{sync::Arc, time::Duration};

/// When a server that has started looks for the first time: what clients wait for comes before that.
const FIRST: Duration = Duration::from_secs(2);

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

impl App {
    /// Deletes old rows now and every day, for as long as the server is there. The steps are small, so that calls go on in
    /// between; several servers of one ledger don't get in each other's way.
    pub fn prune_daily(self: &Arc<Self>) {
        let app = Arc::downgrade(self);
        tokio::spawn(async move {
            tokio::time::sleep(FIRST).await;
            loop {
                let Some(app) = app.upgrade() else { return };
                match app.guard.prune().await {
                    Ok(0) => {}
                    Ok(rows) => tracing::info!(rows, "deleted old rows of the ledger, as the policy's keep_days says"),
                    Err(error) => tracing::error!(%error, "old rows of the ledger could not be deleted"),
                }
                drop(app);
                tokio::time::sleep(DAY).await;
            }
        });
    }
}
