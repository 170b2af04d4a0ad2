//! `GET /network`: what programs asked of the network a moment ago, and what was decided.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Extension, State};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::api::NetworkLogEntry;
use crate::server::app::App;
use crate::server::caller::Caller;
use crate::server::decisions::{Decided, News};
use crate::server::extract::Params;

/// The query of `GET /network`.
#[derive(Deserialize, JsonSchema)]
pub(super) struct Since {
    /// What the last answer said in `next`; all that is still known when absent.
    #[serde(default)]
    since: u64,
}

/// The answer of `GET /network`.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "NetworkDecisions")]
pub(super) struct Network {
    /// What was decided since then, oldest first.
    entries: Vec<Entry>,
    /// The `since` of the next request.
    next: u64,
}

/// A request of a program, and what was decided.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "NetworkDecision")]
struct Entry {
    #[serde(flatten)]
    entry: NetworkLogEntry,
    /// Whose program it was; only told to holders of the master key.
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant_id: Option<String>,
}

pub(super) async fn since(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Params(Since { since }): Params<Since>,
) -> Json<Network> {
    let own = caller.tenant();
    let News { decisions, next } = app.metrics.decisions.since(&caller, since);
    let entry = |Decided { tenant, entry }: Decided| Entry {
        entry,
        tenant_id: if tenant == own { None } else { tenant.name().map(str::to_owned) },
    };
    Json(Network { entries: decisions.into_iter().map(entry).collect(), next })
}
