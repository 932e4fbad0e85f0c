use super::{Radarr, Sonarr, Twin, twin};
use crate::{
    arr::records::{QualityProfile, RootFolder},
    guard::{Affected, Read},
    tools::{call::Call, error::ToolError, public_keys::PublicKey},
};
use futures_util::try_join;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

twin! {
    /// List Sonarr's quality profiles and root folders, which `sonarr_add_series` chooses from.
    SonarrGetProfiles: "sonarr_get_profiles", "List Sonarr's profiles", Sonarr, Read, Args => Out, list::<Sonarr>, {
        const PUBLIC_KEYS: &'static [(&'static str, PublicKey)] = &[("success", PublicKey::Success)];
    }
}

twin! {
    /// List Radarr's quality profiles and root folders, which `radarr_add_movie` chooses from.
    RadarrGetProfiles: "radarr_get_profiles", "List Radarr's profiles", Radarr, Read, Args => Out, list::<Radarr>, {
        const PUBLIC_KEYS: &'static [(&'static str, PublicKey)] = &[("success", PublicKey::Success)];
    }
}

/// No arguments.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Args {}

/// What titles can be added with.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Out {
    /// What is taken, and what is looked for.
    quality_profiles: Vec<Profile>,
    /// Where titles are kept.
    root_folders: Vec<Root>,
    /// Languages that are taken; only Sonarr 3 has them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    language_profiles: Vec<Language>,
}

/// A quality profile.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Profile {
    /// The number that adding takes as qualityProfileId.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<i64>,
    /// Its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    /// Whether a file is replaced by a better one.
    upgrade_allowed: bool,
    /// The quality beyond which nothing better is looked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    cutoff: Option<String>,
    /// Qualities that are taken, worst first.
    qualities: Vec<String>,
    /// The least sum of scores that a release needs.
    #[serde(skip_serializing_if = "Option::is_none")]
    min_format_score: Option<i64>,
    /// The sum of scores beyond which nothing better is looked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    cutoff_format_score: Option<i64>,
    /// Custom formats that count.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    custom_formats: Vec<Format>,
}

/// A custom format.
#[derive(Serialize, JsonSchema)]
struct Format {
    /// Its name.
    name: String,
    /// What it counts; below 0 it counts against a release.
    score: i64,
}

/// A root folder.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Root {
    /// Its number.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<i64>,
    /// The path that adding takes as rootFolderPath.
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    /// Whether the service can write to it.
    accessible: bool,
    /// Bytes that are free; absent where that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    free_space: Option<i64>,
    /// How many folders in it belong to no title.
    unmapped_folders: usize,
}

/// A language profile.
#[derive(Serialize, JsonSchema)]
struct Language {
    /// The number that adding takes as languageProfileId.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<i64>,
    /// Its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
}

impl From<QualityProfile> for Profile {
    fn from(profile: QualityProfile) -> Self {
        // A group has a number and a name of its own.
        let items = || {
            profile.items.iter().map(|item| match &item.quality {
                Some(quality) => (quality.id, quality.name.as_ref(), item.allowed),
                None => (item.id, item.name.as_ref(), item.allowed),
            })
        };
        let formats = profile.format_items.iter().filter_map(|item| {
            let score = item.score.filter(|score| *score != 0)?;
            Some(Format { name: item.name.clone()?, score })
        });
        Self {
            cutoff: items()
                .find(|(id, ..)| id.is_some() && *id == profile.cutoff)
                .and_then(|(_, name, _)| name.cloned()),
            qualities: items().filter(|(.., allowed)| *allowed).filter_map(|(_, name, _)| name.cloned()).collect(),
            custom_formats: formats.collect(),
            id: profile.id,
            name: profile.name,
            upgrade_allowed: profile.upgrade_allowed,
            min_format_score: profile.min_format_score,
            cutoff_format_score: profile.cutoff_format_score,
        }
    }
}

impl From<RootFolder> for Root {
    fn from(root: RootFolder) -> Self {
        Self {
            id: root.id,
            path: root.path,
            accessible: root.accessible,
            free_space: root.free_space,
            unmapped_folders: root.unmapped_folders.len(),
        }
    }
}

async fn list<T: Twin>(call: &Call<'_, Read>, Args {}: Args) -> Result<Out, ToolError> {
    let client = T::client(call).await?;
    let (profiles, roots, languages) =
        try_join!(client.quality_profiles(), client.root_folders(), client.language_profiles())?;
    call.affects(Affected { items: Some((profiles.len() + roots.len()) as u64), ..Affected::default() });
    let language = |named: crate::arr::records::Named| Language { id: named.id, name: named.name };
    Ok(Out {
        quality_profiles: profiles.into_iter().map(Profile::from).collect(),
        root_folders: roots.into_iter().map(Root::from).collect(),
        language_profiles: languages.unwrap_or_default().into_iter().map(language).collect(),
    })
}
