//! One policy in place of another while the server runs.

use super::{Action, Policy, Verdict, Verdicts};
use crate::guard::{gate::Burst, limit::Limit, subject::Kind};
use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

impl Policy {
    fn levels(&self) -> impl Iterator<Item = &Verdicts> {
        std::iter::once(&self.verdicts).chain(self.grants.values())
    }

    fn limits(&self) -> impl Iterator<Item = &Arc<Limit>> {
        self.levels().flat_map(Verdicts::values).flat_map(|verdict| &verdict.limits)
    }

    /// Goes on with what the bursts of `old` have counted, where a limit stands in the same place with the same numbers.
    /// Before its first call.
    pub(in crate::guard) fn go_on_from(&self, old: &Self) {
        let bursts: HashMap<&str, (&Arc<Limit>, &Burst)> =
            old.limits().filter_map(|limit| Some((limit.rule.as_str(), (limit, limit.burst.as_ref()?)))).collect();
        for limit in self.limits() {
            if let Some(burst) = &limit.burst
                && let Some((before, counted)) = bursts.get(limit.rule.as_str())
                && (&before.counter, before.window, before.max, before.scope)
                    == (&limit.counter, limit.window, limit.max, limit.scope)
            {
                burst.go_on_from(counted);
            }
        }
    }

    /// Whether both list the same tools, to every grant.
    pub(in crate::guard) fn lists_as(&self, other: &Self) -> bool {
        let listed = |policy: &Self, grant: &str| -> HashSet<&'static str> {
            policy.verdicts(grant).filter(|verdict| !verdict.hidden).map(|verdict| verdict.subject.tool).collect()
        };
        // No grant has an empty name: it stands for those that neither names.
        let grants = self.grants.keys().chain(other.grants.keys()).map(String::as_str).chain([""]);
        grants.collect::<HashSet<_>>().into_iter().all(|grant| listed(self, grant) == listed(other, grant))
    }

    /// The same policy, but for that it refuses whatever would change something.
    pub(in crate::guard) fn refusing_changes(&self, reason: &str) -> Self {
        let refuse = |verdict: &Verdict| {
            let mut verdict = verdict.clone();
            if verdict.subject.kind != Kind::Read && verdict.action != Action::Deny {
                verdict.action = Action::Deny;
                verdict.by_default = false;
                // The whole policy, as a JSON pointer.
                verdict.rule = String::new();
                verdict.reason = Some(reason.to_owned());
            }
            verdict
        };
        let level = |verdicts: &Verdicts| verdicts.iter().map(|(tool, verdict)| (*tool, refuse(verdict))).collect();
        Self {
            hash: self.hash.clone(),
            default: self.default,
            verdicts: level(&self.verdicts),
            grants: self.grants.iter().map(|(grant, verdicts)| (grant.clone(), level(verdicts))).collect(),
            attempts: self.attempts,
            exports: self.exports.clone(),
            keep_days: self.keep_days,
            warnings: self.warnings.clone(),
        }
    }
}
