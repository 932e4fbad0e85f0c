//! What a title is added with: what was asked for where that is possible, the only one there is, or a question.

use crate::{
    arr::{
        Dialect,
        records::{Named, QualityProfile, RootFolder},
    },
    tools::error::ToolError,
};

/// A root folder with less than this counts as full: the services themselves import nothing into one, as they are set up.
const LEAST_FREE_BYTES: i64 = 100_000_000;
/// As many choices as an error lists.
const LISTED: usize = 20;

/// The quality profile: its number and its name.
pub(super) fn profile(
    dialect: &Dialect,
    profiles: Vec<QualityProfile>,
    wanted: Option<i64>,
) -> Result<(i64, String), ToolError> {
    let named = profiles.into_iter().map(|profile| Named { id: profile.id, name: profile.name });
    one_of(dialect, "qualityProfileId", "quality profile", named.collect(), wanted)
}

/// The language profile: its number and its name.
pub(super) fn language(
    dialect: &Dialect,
    profiles: Vec<Named>,
    wanted: Option<i64>,
) -> Result<(i64, String), ToolError> {
    one_of(dialect, "languageProfileId", "language profile", profiles, wanted)
}

fn one_of(
    dialect: &Dialect,
    field: &str,
    what: &str,
    all: Vec<Named>,
    wanted: Option<i64>,
) -> Result<(i64, String), ToolError> {
    let known: Vec<(i64, String)> =
        all.into_iter().filter_map(|named| Some((named.id?, named.name.unwrap_or_default()))).collect();
    let name = dialect.name;
    let list = || listed(known.iter().map(|(id, name)| format!("{id} ({name})")));
    match (wanted, known.as_slice()) {
        (_, []) => Err(ToolError::argument(field, format!("can't be chosen: {name} has no {what}; make one there"))),
        (Some(wanted), _) => match known.iter().find(|(id, _)| *id == wanted) {
            Some(found) => Ok(found.clone()),
            None => Err(ToolError::argument(field, format!("is no {what} of {name}; there are {}", list()))),
        },
        (None, [only]) => Ok(only.clone()),
        (None, _) => Err(ToolError::argument(field, format!("is needed, since {name} has several: {}", list()))),
    }
}

/// The root folder's path.
pub(super) fn root(dialect: &Dialect, roots: Vec<RootFolder>, wanted: Option<&str>) -> Result<String, ToolError> {
    const FIELD: &str = "rootFolderPath";
    let roots: Vec<(String, RootFolder)> =
        roots.into_iter().filter_map(|root| Some((root.path.clone()?, root))).collect();
    let name = dialect.name;
    let list = || {
        listed(roots.iter().map(|(path, root)| match (unusable(root), root.free_space) {
            (Some(why), _) => format!("{path} ({why})"),
            (None, Some(free)) => format!("{path} ({} GB free)", free / 1_000_000_000),
            (None, None) => path.clone(),
        }))
    };
    let (path, root) = match (wanted, roots.as_slice()) {
        (_, []) => {
            return Err(ToolError::argument(
                FIELD,
                format!("can't be chosen: {name} has no root folder; add one there"),
            ));
        }
        (Some(wanted), _) => {
            // A slash at the end is no difference.
            let bare = |path: &str| path.trim().trim_end_matches(['/', '\\']).to_owned();
            let found = roots.iter().find(|(path, _)| bare(path) == bare(wanted));
            found.ok_or_else(|| {
                ToolError::argument(FIELD, format!("is no root folder of {name}; there are {}", list()))
            })?
        }
        (None, [only]) => only,
        (None, _) => {
            return Err(ToolError::argument(FIELD, format!("is needed, since {name} has several: {}", list())));
        }
    };
    match unusable(root) {
        None => Ok(path.clone()),
        Some(why) => {
            let others = if roots.len() > 1 { format!("; there are {}", list()) } else { String::new() };
            Err(ToolError::argument(FIELD, format!("can't be used: {path} is {why}{others}")))
        }
    }
}

/// Why nothing can be kept in the folder.
fn unusable(root: &RootFolder) -> Option<&'static str> {
    if !root.accessible {
        return Some("not accessible");
    }
    root.free_space.is_some_and(|free| free < LEAST_FREE_BYTES).then_some("full")
}

fn listed(choices: impl Iterator<Item = String>) -> String {
    let all: Vec<String> = choices.collect();
    let shown = all.iter().take(LISTED).map(String::as_str).collect::<Vec<_>>().join(", ");
    match all.len().saturating_sub(LISTED) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arr::SONARR;

    fn roots(all: &[(&str, bool, Option<i64>)]) -> Vec<RootFolder> {
        all.iter()
            .map(|(path, accessible, free_space)| RootFolder {
                path: Some((*path).to_owned()),
                accessible: *accessible,
                free_space: *free_space,
                ..RootFolder::default()
            })
            .collect()
    }

    #[test]
    fn the_only_one_is_taken_and_of_several_none() {
        let good = Some(5_000_000_000);
        assert_eq!(root(&SONARR, roots(&[("/tv/", true, good)]), None).unwrap(), "/tv/");
        assert_eq!(root(&SONARR, roots(&[("/a", true, good), ("/tv", true, None)]), Some("/tv/")).unwrap(), "/tv");
        for (all, wanted, expected) in [
            (vec![("/a", true, good), ("/b", false, None)], None, "several: /a (5 GB free), /b (not accessible)"),
            (vec![("/a", false, None)], None, "/a is not accessible"),
            (vec![("/a", true, Some(99_999_999))], None, "/a is full"),
            (
                vec![("/a", true, Some(0)), ("/b", true, good)],
                Some("/a"),
                "/a is full; there are /a (full), /b (5 GB free)",
            ),
            (vec![("/a", true, good)], Some("/A"), "is no root folder of Sonarr; there are /a"),
            (vec![], Some("/a"), "has no root folder"),
        ] {
            let text = root(&SONARR, roots(&all), wanted).unwrap_err().to_string();
            assert!(text.contains("rootFolderPath") && text.contains(expected), "{text}");
        }
    }

    #[test]
    fn profiles_are_asked_for_by_number_and_name() {
        let all = |names: &[&str]| {
            let profile = |(at, name): (usize, &&str)| QualityProfile {
                id: i64::try_from(at + 4).ok(),
                name: Some((*name).to_owned()),
                ..QualityProfile::default()
            };
            names.iter().enumerate().map(profile).collect::<Vec<_>>()
        };
        assert_eq!(profile(&SONARR, all(&["HD"]), None).unwrap(), (4, "HD".to_owned()));
        assert_eq!(profile(&SONARR, all(&["HD", "UHD"]), Some(5)).unwrap(), (5, "UHD".to_owned()));
        for (names, wanted, expected) in [
            (vec!["HD", "UHD"], None, "is needed, since Sonarr has several: 4 (HD), 5 (UHD)"),
            (vec!["HD"], Some(0), "is no quality profile of Sonarr; there are 4 (HD)"),
            (vec![], None, "has no quality profile"),
        ] {
            let text = profile(&SONARR, all(&names), wanted).unwrap_err().to_string();
            assert!(text.contains("qualityProfileId") && text.contains(expected), "{text}");
        }
        let many: Vec<String> = (0..30).map(|n| n.to_string()).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert!(profile(&SONARR, all(&many), None).unwrap_err().to_string().ends_with("and 10 more"));
    }
}
