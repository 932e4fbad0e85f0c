//! What the tools that change something on Plex share: the road from the plan to the act, and what is said of it.
//!
//! A tool resolves what it is about, states it as an [`Intent`], and gets either a clearance or the answer to stop with:
//! because it was only asked what would happen (`dryRun`), or because there is nothing to change. After the act it reads
//! what is true now; where the connection broke off, that reading decides what became of the change.

pub mod before;
pub mod facts;

use super::{call::Call, error::ToolError, text};
use crate::{
    guard::{Affected, Amounts, Change, Cleared, Facts, Foreseen, Plan},
    plex::{change::Made, error::PlexError},
};
use before::{Before, Kept};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

/// Values of one fact that are shown.
const MAX_SHOWN: usize = 20;
/// Characters of a title that are shown in a sentence.
const MAX_TITLE: usize = 80;

/// A change that a tool is about to make.
#[derive(Debug)]
pub struct Intent {
    /// One sentence for the person who may have to approve it.
    pub summary: String,
    /// What the policy's conditions may look at.
    pub facts: Facts,
    /// What will be touched, for the ledger. Its items are what limits on items count.
    pub affected: Affected,
    /// How things stand, so that the change can be taken back; none for one that can't be.
    pub before: Option<Before>,
    /// The change that this one takes back.
    pub undoes: Option<String>,
    /// Whether there is anything to change.
    pub needed: bool,
    /// Whether it is only asked what would happen.
    pub dry_run: bool,
}

/// Where the road leads.
#[derive(Debug)]
pub enum Road<'c> {
    /// The change may be made.
    Act(Cleared<'c>, Account),
    /// Nothing is to be done.
    Stop(Account),
}

/// What every tool that changes something says of its call.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Account {
    /// What was done, or with dryRun would be done, in a sentence.
    pub summary: String,
    /// Whether anything was changed. False for a dry run and where it was so already.
    pub changed: bool,
    /// The change's name, for `undo_change`. Absent where nothing was changed or it can't be undone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub change_id: Option<String>,
    /// What would be decided; only with dryRun.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dry_run: Option<DryRun>,
    /// What else is worth knowing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// What would become of a change.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DryRun {
    /// allow: it would be made; ask: a person would be asked; refuse: the policy would refuse it.
    pub decision: &'static str,
    /// Where the policy asks or refuses, as a JSON pointer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// Why it would be refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When it would pass, in seconds from now, where a limit refuses.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after_seconds: Option<u64>,
    /// What the policy looks at: names such as item.library, and for several items the list of their values.
    pub facts: Map<String, Value>,
    /// Whether the change could be undone.
    pub undoable: bool,
}

/// Has a change judged, and recorded if it is to be made.
pub async fn begin<'c, E: Change>(call: &'c Call<'_, E>, intent: Intent) -> Result<Road<'c>, ToolError> {
    let Intent { summary, facts, affected, before, undoes, needed, dry_run } = intent;
    if let Some(undone) = &undoes {
        call.undoes(undone);
    }
    let before = before.and_then(|change| Kept::new(change, undoes).recordable());
    let mut account = Account { summary: summary.clone(), ..Account::default() };
    let undoable = before.is_some();
    let reserve = Amounts { items: affected.items.unwrap_or_default(), bytes: affected.bytes.unwrap_or_default() };
    let plan = Plan { summary, facts, affected, reserve, before };
    if dry_run || !needed {
        let preview = call.preview(&plan).await?;
        if !needed && !dry_run && preview.decision == Foreseen::Refuse {
            // Who may not change it does not learn here how it stands either: the refusal is the one that a change gets.
            call.clear(plan).await?;
            return Ok(Road::Stop(account));
        }
        call.remark(if dry_run { "dry run: nothing was to be changed" } else { "there was nothing to change" });
        let refusal = preview.refusal;
        account.dry_run = dry_run.then(|| DryRun {
            decision: preview.decision.as_str(),
            rule: preview.rule,
            reason: refusal.as_ref().map(|refusal| refusal.reason.clone()),
            retry_after_seconds: refusal.and_then(|refusal| refusal.retry_after_seconds()),
            facts: shown(&plan.facts),
            undoable,
        });
        if !needed {
            account.warnings.push("there is nothing to change: it is so already".to_owned());
        }
        return Ok(Road::Stop(account));
    }
    let cleared = call.clear(plan).await?;
    account.changed = true;
    if undoable {
        account.change_id = Some(cleared.call_id().to_string());
    } else {
        account.warnings.push("this change can't be undone by undo_change".to_owned());
    }
    Ok(Road::Act(cleared, account))
}

fn shown(facts: &Facts) -> Map<String, Value> {
    let short = |value: &Value| match value {
        Value::Array(values) if values.len() > MAX_SHOWN => {
            let more = format!("and {} more", values.len() - MAX_SHOWN);
            values.iter().take(MAX_SHOWN).cloned().chain([more.into()]).collect()
        }
        other => other.clone(),
    };
    facts.iter().map(|(name, value)| (name.to_owned(), short(value))).collect()
}

/// What became of a change of `total` parts. `sent` is the end of its last request: an error there says that this one
/// certainly did nothing. `now` is what is true now, and `done` how many of the parts show in it.
///
/// What was confirmed but could not be read back counts as made, with a warning. What nothing was heard of counts as made
/// only where it shows. Gives what is true now, where it could be read.
pub fn settle<T, E: Change>(
    call: &Call<'_, E>,
    account: &mut Account,
    sent: Result<Made, PlexError>,
    now: Result<T, PlexError>,
    total: u64,
    done: impl FnOnce(&T) -> u64,
) -> Result<Option<T>, ToolError> {
    let (cause, certain) = match sent {
        Ok(Made::Yes(_)) => (None, true),
        Ok(Made::Unsure(error)) => (Some(error), false),
        Err(error) => (Some(error), true),
    };
    let (done, now, cause) = match (now, cause) {
        (Ok(now), Some(cause)) => (done(&now), now, cause),
        (Ok(now), None) => {
            let shown = done(&now);
            if shown >= total {
                return Ok(Some(now));
            }
            call.reached(shown);
            if shown == 0 {
                return Err(ToolError::NotApplied { summary: account.summary.clone() });
            }
            return Err(partly(
                account,
                shown,
                total,
                "Plex accepted the requests, but not all of it shows".to_owned(),
            ));
        }
        (Err(error), None) => {
            account.warnings.push(format!("Plex confirmed the change, but it could not be read back: {error}"));
            return Ok(None);
        }
        (Err(_), Some(cause)) => return Err(unsettled(account, &cause)),
    };
    if done >= total {
        account.warnings.push(format!("no clear answer came ({cause}), but the change shows on the server"));
        return Ok(Some(now));
    }
    call.reached(done);
    match (done, certain) {
        (0, true) => Err(cause.into()),
        (0, false) => Err(unsettled(account, &cause)),
        _ => Err(partly(account, done, total, cause.to_string())),
    }
}

fn unsettled(account: &Account, cause: &PlexError) -> ToolError {
    ToolError::Unsettled {
        summary: account.summary.clone(),
        cause: cause.to_string(),
        change_id: account.change_id.clone(),
    }
}

fn partly(account: &Account, done: u64, total: u64, cause: String) -> ToolError {
    ToolError::Partly { summary: account.summary.clone(), done, total, cause, change_id: account.change_id.clone() }
}

/// A title in a sentence: cleaned, short, in quotes of which it has none itself, so that it can't go on as the sentence.
pub fn quoted(title: &str) -> String {
    format!("\"{}\"", text::shorten(text::cleaned(title).replace(['\n', '\t'], " ").replace('"', "'"), MAX_TITLE))
}

/// Titles in a sentence: the first three, and how many more there are.
pub fn quoted_list<'t>(titles: impl IntoIterator<Item = &'t str>) -> String {
    const FIRST: usize = 3;
    let titles: Vec<&str> = titles.into_iter().collect();
    let first = titles.iter().take(FIRST).map(|title| quoted(title)).collect::<Vec<_>>().join(", ");
    match titles.len().saturating_sub(FIRST) {
        0 => first,
        more => format!("{first} and {more} more"),
    }
}

/// "1 item", "2 items".
pub fn counted(count: u64, one: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {one}{plural}")
}
