//! Calls that wait for a person, and what was said of them. They live in the ledger's file, so that an approval is used up
//! in the transaction that takes the call's limits and writes its row, whichever process that is.
//!
//! Every record carries a code of the ledger's key: one that another program wrote, or changed, counts as none.

use super::{
    LedgerError,
    key::{Code, Content, Key},
    row::{Decision, Row},
};
use crate::guard::{
    clock::{Boot, Moment},
    names::named,
    refusal::CallId,
};
use rusqlite::{Connection, Row as SqlRow, types::ValueRef};
use std::{fmt::Write as _, time::Duration};

/// So many questions of one grant may be open in clients at once.
pub(in crate::guard) const MAX_IN_CLIENTS: usize = 8;
/// So many calls of one grant may wait for the owner at once.
pub(in crate::guard) const MAX_FOR_OWNER: usize = 32;

/// How long an owner may take, and then how long the word holds.
pub(crate) const FOR_OWNER: Duration = Duration::from_secs(600);
/// How long a person may take whom the client asks.
pub(crate) const IN_CLIENT: Duration = Duration::from_secs(120);
/// How long a call may still take to look up again what it is about, once it was approved.
const TO_ACT: Duration = Duration::from_secs(60);

pub(super) const TABLE: &str = "
CREATE TABLE IF NOT EXISTS approvals (
  id TEXT PRIMARY KEY, way TEXT NOT NULL, state TEXT NOT NULL, grant TEXT NOT NULL, tool TEXT NOT NULL,
  binding TEXT NOT NULL, question TEXT NOT NULL, boot TEXT NOT NULL, uptime_ns INTEGER NOT NULL, wall_ns INTEGER NOT NULL,
  code BLOB NOT NULL
) STRICT;
";

named! {
    /// How a person is asked.
    pub enum Way {
        /// The call waits while its client asks.
        Waiting = "waiting",
        /// The client has the question, and calls again with the answer.
        Rounds = "rounds",
        /// The owner is to approve it from the command line, and the same call to come again.
        Owner = "owner",
    }
}

impl Way {
    /// How long a question, or the owner's word, holds.
    fn holds(self) -> Duration {
        match self {
            Self::Waiting => IN_CLIENT + TO_ACT,
            Self::Rounds => IN_CLIENT,
            Self::Owner => FOR_OWNER,
        }
    }
}

named! {
    /// What was said of a call.
    pub enum Said {
        /// Nothing yet; what a client's user says comes with the call itself.
        Nothing = "open",
        /// The owner approved it.
        Approved = "approved",
        /// The owner declined it.
        Declined = "declined",
    }
}

/// A question that is to be put to a person.
#[derive(Clone, Debug)]
pub(in crate::guard) struct NewQuestion {
    pub(in crate::guard) way: Way,
    pub(in crate::guard) grant: String,
    pub(in crate::guard) tool: &'static str,
    /// Stands for the call: its grant, tool, arguments and policy, and what it is about as that stands.
    pub(in crate::guard) binding: String,
    /// The effect, as it is shown.
    pub(in crate::guard) text: String,
    /// The question that this one takes the place of.
    pub(in crate::guard) instead_of: Option<String>,
}

/// What a question finds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::guard) enum Found {
    /// It waits under that name: as a new one, or, where the owner is to say, as the one that waits already.
    Open(String),
    /// The owner has approved it.
    Approved(String),
    /// The owner has declined it.
    Declined(String),
    /// Too many of this grant wait already.
    TooMany,
}

/// The approval that a call comes with. It is used up by the transaction that lets the call pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::guard) struct Granted {
    pub(in crate::guard) id: String,
    pub(in crate::guard) way: Way,
    pub(in crate::guard) binding: String,
}

impl Granted {
    /// Whether it ends with the call it came with, even if that is refused.
    pub(super) fn ends_with_call(&self) -> bool {
        self.way != Way::Owner
    }
}

/// A call that waits for a person, or was approved or declined by the owner lately.
#[derive(Clone, Debug)]
pub struct Approvable {
    /// Its name.
    pub id: String,
    /// How a person is asked.
    pub way: Way,
    /// What was said.
    pub said: Said,
    /// The grant of the call.
    pub grant: String,
    /// Its tool.
    pub tool: String,
    /// The effect as it is shown: lines, the first of which says it in short.
    pub text: String,
    /// How long ago it was asked, or what was said was said.
    pub age: Duration,
    /// How long it still holds.
    pub left: Duration,
    binding: String,
}

/// What the owner said of a call.
#[derive(Debug)]
pub(super) struct Word {
    /// The call as it stands.
    pub(super) of: Approvable,
    /// Whether it was said now, and not before.
    pub(super) is_new: bool,
}

/// What the ledger calls the rows of the owner's words.
const ROWS: &str = "approve";

/// How many characters of a row's note name an approval.
pub(super) const NOTE: u32 = 20;

/// What the row of a call says that a person was asked about.
pub(in crate::guard) fn note(id: &str) -> String {
    format!("approval {id}")
}

impl Approvable {
    /// The row of the owner's word on it. `by` is who said it.
    pub(super) fn row_of_word(&self, by: &str) -> Row {
        let decision = if self.said == Said::Approved { Decision::Approved } else { Decision::Declined };
        let note = format!("{by} on {} of {}", note(&self.id), self.tool);
        // It names no policy: whoever says it need not know the one that asked.
        Row {
            note: Some(note),
            ..Row::new(CallId::generate().to_string(), self.grant.clone(), ROWS.to_owned(), decision)
        }
    }
}

/// The records as one transaction sees them.
pub(super) struct Approvals<'c> {
    pub(super) conn: &'c Connection,
    pub(super) key: &'c Key,
    pub(super) boot: &'c Boot,
    pub(super) now: Moment,
}

impl Approvals<'_> {
    /// Puts a question, or finds what was said of it, or that it waits already.
    pub(super) fn ask(&self, new: &NewQuestion) -> Result<Found, LedgerError> {
        let mut live = self.sweep()?;
        if let Some(old) = &new.instead_of {
            self.close(old)?;
            live.retain(|one| one.id != *old);
        }
        let of_grant = |one: &&Approvable| one.grant == new.grant && (one.way == Way::Owner) == (new.way == Way::Owner);
        if new.way == Way::Owner
            && let Some(same) =
                live.iter().filter(of_grant).find(|one| one.tool == new.tool && one.binding == new.binding)
        {
            let id = same.id.clone();
            return Ok(match same.said {
                Said::Nothing => Found::Open(id),
                Said::Approved => Found::Approved(id),
                Said::Declined => Found::Declined(id),
            });
        }
        let most = if new.way == Way::Owner { MAX_FOR_OWNER } else { MAX_IN_CLIENTS };
        if live.iter().filter(of_grant).filter(|one| one.said == Said::Nothing).count() >= most {
            return Ok(Found::TooMany);
        }
        let id = new_id()?;
        self.write(&Stored {
            id: id.clone(),
            way: new.way.as_str().to_owned(),
            state: Said::Nothing.as_str().to_owned(),
            grant: new.grant.clone(),
            tool: new.tool.to_owned(),
            binding: new.binding.clone(),
            question: new.text.clone(),
            boot: self.boot.id.clone(),
            uptime_ns: self.now.uptime_ns,
            wall_ns: self.now.wall_ns,
        })?;
        Ok(Found::Open(id))
    }

    /// Whether an approval holds: it is there, has not run out and is of this call.
    pub(super) fn hold(&self, granted: &Granted, grant: &str, tool: &str) -> Result<bool, LedgerError> {
        let said = if granted.way == Way::Owner { Said::Approved } else { Said::Nothing };
        Ok(self.live()?.iter().any(|one| {
            one.id == granted.id
                && one.way == granted.way
                && one.said == said
                && one.binding == granted.binding
                && one.grant == grant
                && one.tool == tool
        }))
    }

    /// Whether a call has passed by it: the call's row says so for good, while a record can be put back into the file.
    fn was_used(&self, id: &str) -> Result<bool, LedgerError> {
        let from = note(id);
        let mut statement = self.conn.prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM calls WHERE decision = 'approved' AND note >= ?1 AND note < ?2)",
        )?;
        Ok(statement.query_row((&from, format!("{from}~")), |row| row.get(0))?)
    }

    /// What the owner says of a call that waits. Gives the call, or none where there is no such one.
    pub(super) fn decide(&self, id: &str, approve: bool) -> Result<Option<Word>, LedgerError> {
        let live = self.sweep()?;
        let Some(one) = live.into_iter().find(|one| one.id == id) else { return Ok(None) };
        if one.way != Way::Owner || one.said != Said::Nothing {
            return Ok(Some(Word { of: one, is_new: false }));
        }
        let said = if approve { Said::Approved } else { Said::Declined };
        self.close(id)?;
        self.write(&Stored {
            id: one.id.clone(),
            way: one.way.as_str().to_owned(),
            state: said.as_str().to_owned(),
            grant: one.grant.clone(),
            tool: one.tool.clone(),
            binding: one.binding.clone(),
            question: one.text.clone(),
            // From now on it holds as long again.
            boot: self.boot.id.clone(),
            uptime_ns: self.now.uptime_ns,
            wall_ns: self.now.wall_ns,
        })?;
        let of = Approvable { said, age: Duration::ZERO, left: one.way.holds(), ..one };
        Ok(Some(Word { of, is_new: true }))
    }

    /// Forgets a question.
    pub(super) fn close(&self, id: &str) -> Result<(), LedgerError> {
        self.conn.prepare_cached("DELETE FROM approvals WHERE id = ?1")?.execute([id])?;
        Ok(())
    }

    /// What has not run out, the oldest first.
    pub(super) fn live(&self) -> Result<Vec<Approvable>, LedgerError> {
        self.stored()?.into_iter().filter_map(|(stored, code)| self.as_live(stored, &code).transpose()).collect()
    }

    /// The same; what has run out is deleted.
    fn sweep(&self) -> Result<Vec<Approvable>, LedgerError> {
        let mut live = Vec::new();
        for (stored, code) in self.stored()? {
            let id = stored.id.clone();
            match self.as_live(stored, &code)? {
                Some(one) => live.push(one),
                None => self.close(&id)?,
            }
        }
        Ok(live)
    }

    fn stored(&self) -> Result<Vec<(Stored, Code)>, LedgerError> {
        let mut statement = self.conn.prepare_cached(
            "SELECT id, way, state, grant, tool, binding, question, boot, uptime_ns, wall_ns, code FROM approvals \
             ORDER BY wall_ns, id",
        )?;
        let rows = statement.query_map([], |row| Ok((Stored::from_sql(row)?, row.get(10).unwrap_or_default())))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn write(&self, stored: &Stored) -> Result<(), LedgerError> {
        self.conn
            .prepare_cached("INSERT INTO approvals VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)")?
            .execute((
                &stored.id,
                &stored.way,
                &stored.state,
                &stored.grant,
                &stored.tool,
                &stored.binding,
                &stored.question,
                &stored.boot,
                stored.uptime_ns,
                stored.wall_ns,
                stored.code(self.key),
            ))?;
        Ok(())
    }

    /// None where it has run out, is not a server's, or was used before and put back.
    fn as_live(&self, stored: Stored, code: &Code) -> Result<Option<Approvable>, LedgerError> {
        if stored.code(self.key) != *code {
            tracing::error!(id = stored.id, "an approval in the ledger is not what a server wrote, and counts as none");
            return Ok(None);
        }
        if self.was_used(&stored.id)? {
            tracing::error!(id = stored.id, "an approval that was used is in the ledger again, and counts as none");
            return Ok(None);
        }
        Ok(self.in_time(stored))
    }

    fn in_time(&self, stored: Stored) -> Option<Approvable> {
        let (way, said) = (Way::from_name(&stored.way)?, Said::from_name(&stored.state)?);
        let age = self.age(&stored)?;
        let left = way.holds().checked_sub(age).filter(|left| !left.is_zero())?;
        Some(Approvable {
            id: stored.id,
            way,
            said,
            grant: stored.grant,
            tool: stored.tool,
            text: stored.question,
            age,
            left,
            binding: stored.binding,
        })
    }

    /// How old a record is: by the machine's uptime, which no one can set, and not at all beyond the boot. Only where boots
    /// have no names the wall clock has to do.
    fn age(&self, stored: &Stored) -> Option<Duration> {
        let age_ns = if stored.boot == self.boot.id {
            self.now.uptime_ns.saturating_sub(stored.uptime_ns)
        } else if self.boot.follows_others {
            return None;
        } else {
            self.now.wall_ns.saturating_sub(stored.wall_ns)
        };
        u64::try_from(age_ns).ok().map(Duration::from_nanos)
    }
}

/// A record as the file holds it.
struct Stored {
    id: String,
    way: String,
    state: String,
    grant: String,
    tool: String,
    binding: String,
    question: String,
    boot: String,
    uptime_ns: i64,
    wall_ns: i64,
}

impl Stored {
    fn from_sql(row: &SqlRow<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: row.get(0)?,
            way: row.get(1)?,
            state: row.get(2)?,
            grant: row.get(3)?,
            tool: row.get(4)?,
            binding: row.get(5)?,
            question: row.get(6)?,
            boot: row.get(7)?,
            uptime_ns: row.get(8)?,
            wall_ns: row.get(9)?,
        })
    }

    fn code(&self, key: &Key) -> Code {
        let mut content = Content::default();
        content.of("approval").number(self.uptime_ns).number(self.wall_ns);
        let texts =
            [&self.id, &self.way, &self.state, &self.grant, &self.tool, &self.binding, &self.question, &self.boot];
        for text in texts {
            content.value(ValueRef::Text(text.as_bytes()));
        }
        key.code(&content)
    }
}

/// Letters and digits that are not mistaken for one another; 32, so that each is five random bits.
const LETTERS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// A name of ten letters, fifty random bits, which a person can type.
fn new_id() -> Result<String, LedgerError> {
    let mut bytes = [0; 10];
    getrandom::fill(&mut bytes).map_err(|_| LedgerError::NoRandomness)?;
    let mut id = String::with_capacity(11);
    for (i, byte) in bytes.iter().enumerate() {
        let letter = LETTERS.get(usize::from(byte & 31)).copied().unwrap_or(b'0');
        // Writing to a String can't fail.
        let _ = write!(id, "{}{}", if i == 5 { "-" } else { "" }, char::from(letter));
    }
    Ok(id)
}

/// The key that sealed states are made with: it follows from the ledger's, so all servers of a ledger have the same.
pub(super) fn seal_key(key: &Key) -> Code {
    let mut content = Content::default();
    content.of("sealed state");
    key.code(&content)
}
