//! Telling clients that other tools are listed since the policy changed: by a notification to those that made a handshake,
//! and through the subscriptions of those that speak the protocol of 2026-07-28, which has none.

use crate::app::App;
use rmcp::{
    ErrorData, RoleServer,
    model::SubscriptionFilter,
    service::{Peer, SubscriptionContext},
};
use std::{sync::Arc, time::Duration};

/// How soon a connection that was closed is forgotten.
const LOOK: Duration = Duration::from_secs(60);

/// Tells a client that made a handshake of every change, until its connection is closed. Holds on to neither of them.
pub(super) fn tell(app: &Arc<App>, peer: Peer<RoleServer>) {
    let mut relisted = app.relisted.subscribe();
    tokio::spawn(async move {
        while !peer.is_transport_closed() {
            match tokio::time::timeout(LOOK, relisted.changed()).await {
                Err(_) => {}
                Ok(Err(_)) => return,
                Ok(Ok(())) => {
                    if peer.notify_tool_list_changed().await.is_err() {
                        return;
                    }
                }
            }
        }
    });
}

/// What of a subscription is served.
pub(super) fn accepted(requested: &SubscriptionFilter) -> SubscriptionFilter {
    let mut accepted = SubscriptionFilter::new();
    accepted.tools_list_changed = requested.tools_list_changed.filter(|wanted| *wanted);
    accepted
}

/// Serves a subscription until it is given up.
pub(super) async fn serve(app: &App, subscription: &SubscriptionContext) -> Result<(), ErrorData> {
    let mut relisted = app.relisted.subscribe();
    loop {
        tokio::select! {
            () = subscription.cancelled() => return Ok(()),
            changed = relisted.changed() => {
                if changed.is_err() || subscription.sink().notify_tool_list_changed().await.is_err() {
                    return Ok(());
                }
            }
        }
    }
}
