//! The names that plays are joined with: people, devices and libraries.

use crate::{
    http::HttpError,
    plex::{error::PlexError, http::Plex, items::Section},
    tools::{arguments::PlexId, error::ToolError},
};
use std::collections::{BTreeMap, HashMap};

/// The people, devices and libraries of the server, as far as the token may see them.
#[derive(Debug, Default)]
pub(super) struct Audience {
    people: BTreeMap<u64, String>,
    devices: HashMap<u64, DeviceName>,
    libraries: BTreeMap<u64, Section>,
    notes: Vec<String>,
}

/// What a device is called.
#[derive(Clone, Debug, Default)]
pub(super) struct DeviceName {
    pub(super) name: Option<String>,
    pub(super) platform: Option<String>,
}

impl Audience {
    /// Asks for all names. People and devices are for the server's owner to see: another token's plays are told with their
    /// numbers alone, and the notes say so. An account or a library that is asked for must be there.
    pub(super) async fn load(
        plex: &Plex,
        account: Option<&PlexId>,
        library: Option<&PlexId>,
    ) -> Result<Self, ToolError> {
        // The libraries come first: a token that the server refuses is not to be tried three times.
        let mut audience = Self { libraries: Self::sections(plex, library).await?, ..Self::default() };
        let (accounts, devices) = tokio::join!(plex.accounts(), plex.devices());
        match accounts {
            Ok(accounts) => {
                let named = accounts.into_iter().filter_map(|account| {
                    let id = u64::try_from(account.id?).ok()?;
                    Some((id, account.name.filter(|name| !name.trim().is_empty())?))
                });
                audience.people = named.collect();
                audience.check_account(account)?;
            }
            Err(error) => audience.note("people", "accounts", &error),
        }
        match devices {
            Ok(devices) => {
                audience.devices = devices
                    .into_iter()
                    .filter_map(|device| {
                        let name = DeviceName { name: device.name, platform: device.platform };
                        Some((u64::try_from(device.id?).ok()?, name))
                    })
                    .collect();
            }
            Err(error) => audience.note("devices", "devices", &error),
        }
        Ok(audience)
    }

    /// All libraries by their keys, among which the one that is asked for must be.
    pub(super) async fn sections(plex: &Plex, library: Option<&PlexId>) -> Result<BTreeMap<u64, Section>, ToolError> {
        let sections = plex.sections().await?.into_iter();
        let sections: BTreeMap<u64, Section> =
            sections.filter_map(|section| Some((section.key.as_deref()?.parse().ok()?, section))).collect();
        match library {
            Some(key) if !key.as_str().parse().is_ok_and(|key: u64| sections.contains_key(&key)) => {
                Err(PlexError::not_found(format!("library {key}")).into())
            }
            _ => Ok(sections),
        }
    }

    fn note(&mut self, what: &str, list: &str, error: &PlexError) {
        self.notes.push(match error {
            PlexError::Http(HttpError::Unauthorized { .. }) => format!(
                "the names of {what} are missing, because this token may not see the list of {list}: only the server's \
                 owner may"
            ),
            error => format!("the names of {what} are missing, because the list of {list} could not be read: {error}"),
        });
    }

    fn check_account(&self, account: Option<&PlexId>) -> Result<(), ToolError> {
        let Some(account) = account else { return Ok(()) };
        if account.as_str().parse().is_ok_and(|id: u64| self.people.contains_key(&id)) {
            return Ok(());
        }
        Err(ToolError::argument("userId", "is no account of this server: get_user_stats lists them with their ids"))
    }

    /// What is missing, and why; none where nothing is.
    pub(super) fn note_text(&self) -> Option<String> {
        (!self.notes.is_empty()).then(|| self.notes.join("; "))
    }

    /// All people with a name, by their ids.
    pub(super) fn people(&self) -> &BTreeMap<u64, String> {
        &self.people
    }

    /// The name of a person; none where there is no such account, or where it may not be seen.
    pub(super) fn person(&self, id: u64) -> Option<&str> {
        self.people.get(&id).map(String::as_str)
    }

    /// The name of a person, or a text that tells them from others.
    pub(super) fn person_or_id(&self, id: u64) -> String {
        self.person(id).map_or_else(|| format!("account {id}"), str::to_owned)
    }

    /// What a device is called.
    pub(super) fn device(&self, id: u64) -> DeviceName {
        self.devices.get(&id).cloned().unwrap_or_default()
    }

    /// The libraries by their keys.
    pub(super) fn libraries(&self) -> &BTreeMap<u64, Section> {
        &self.libraries
    }

    /// The title of a library.
    pub(super) fn library(&self, key: u64) -> Option<&str> {
        self.libraries.get(&key)?.title.as_deref()
    }

    /// The title of a library, or a text that tells it from others.
    pub(super) fn library_or_key(&self, key: u64) -> String {
        self.library(key).map_or_else(|| format!("library {key}"), str::to_owned)
    }
}
