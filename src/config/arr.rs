//! The settings of Sonarr and Radarr, which differ in their names alone.

use super::{Secret, SettingError, TlsTrust, address, secret};
use reqwest::Url;
use std::path::PathBuf;

/// Flags of Sonarr and Radarr.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct ArrSettings {
    /// Address of Sonarr with its URL base, such as `http://192.168.1.2:8989`
    #[arg(long, env = "SONARR_URL", global = true, hide_env_values = true, value_name = "URL")]
    pub sonarr_url: Option<String>,
    /// Sonarr's API key; better set by its variable, which other users of the machine can't see
    #[arg(long, env = "SONARR_API_KEY", global = true, hide_env_values = true, value_name = "KEY")]
    pub sonarr_api_key: Option<Secret>,
    /// File that holds Sonarr's API key, in place of `SONARR_API_KEY`
    #[arg(long, env = "SONARR_API_KEY_FILE", global = true, hide_env_values = true, value_name = "FILE")]
    pub sonarr_api_key_file: Option<PathBuf>,
    /// Address of Radarr with its URL base, such as `http://192.168.1.2:7878`
    #[arg(long, env = "RADARR_URL", global = true, hide_env_values = true, value_name = "URL")]
    pub radarr_url: Option<String>,
    /// Radarr's API key; better set by its variable, which other users of the machine can't see
    #[arg(long, env = "RADARR_API_KEY", global = true, hide_env_values = true, value_name = "KEY")]
    pub radarr_api_key: Option<Secret>,
    /// File that holds Radarr's API key, in place of `RADARR_API_KEY`
    #[arg(long, env = "RADARR_API_KEY_FILE", global = true, hide_env_values = true, value_name = "FILE")]
    pub radarr_api_key_file: Option<PathBuf>,
}

/// Where a Sonarr or Radarr is and how to sign in.
#[derive(Clone, Debug)]
pub struct ArrServer {
    /// Address, possibly with the URL base below which the API is.
    pub url: Url,
    /// The API key.
    pub key: Secret,
    /// Which certificates are trusted.
    pub tls: TlsTrust,
}

/// Both, each as it is set up or with what is wrong.
#[derive(Clone, Debug)]
pub struct ArrServers {
    /// Sonarr.
    pub sonarr: Result<ArrServer, SettingError>,
    /// Radarr.
    pub radarr: Result<ArrServer, SettingError>,
}

impl ArrServers {
    pub(super) fn new(settings: &ArrSettings, tls: &Result<TlsTrust, SettingError>) -> Self {
        let server =
            |url, key| -> Result<ArrServer, SettingError> { Ok(ArrServer { url: url?, key: key?, tls: tls.clone()? }) };
        let ArrSettings { sonarr_url, sonarr_api_key, sonarr_api_key_file, .. } = settings;
        let ArrSettings { radarr_url, radarr_api_key, radarr_api_key_file, .. } = settings;
        Self {
            sonarr: server(
                address("SONARR_URL", sonarr_url.as_deref(), "such as http://192.168.1.2:8989").map(bare),
                secret(
                    ["SONARR_API_KEY", "SONARR_API_KEY_FILE"],
                    sonarr_api_key.as_ref(),
                    sonarr_api_key_file.as_deref(),
                    "Sonarr shows it under Settings, General",
                ),
            ),
            radarr: server(
                address("RADARR_URL", radarr_url.as_deref(), "such as http://192.168.1.2:7878").map(bare),
                secret(
                    ["RADARR_API_KEY", "RADARR_API_KEY_FILE"],
                    radarr_api_key.as_ref(),
                    radarr_api_key_file.as_deref(),
                    "Radarr shows it under Settings, General",
                ),
            ),
        }
    }
}

/// The address without the path of the API, which some people put there, and with no empty segments.
fn bare(mut url: Url) -> Url {
    let segments: Vec<String> =
        url.path().split('/').filter(|segment| !segment.is_empty()).map(str::to_owned).collect();
    let api = segments.iter().position(|segment| segment == "api");
    let kept = match api {
        Some(at) if segments.get(at + 1..).is_some_and(|rest| rest.is_empty() || rest == ["v3"]) => at,
        _ => segments.len(),
    };
    // Segments as they were written: encoded ones stay so.
    url.set_path(&segments.get(..kept).unwrap_or_default().join("/"));
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    fn servers(settings: &ArrSettings) -> ArrServers {
        ArrServers::new(settings, &Ok(TlsTrust::System))
    }

    #[test]
    fn base_paths_are_kept_and_slashes_and_the_apis_own_path_are_not() {
        for (url, expected) in [
            ("192.168.1.2:7878", "http://192.168.1.2:7878/"),
            ("http://h/radarr/", "http://h/radarr"),
            ("https://h:1//media//radarr//", "https://h:1/media/radarr"),
            ("http://h/radarr/api/v3/", "http://h/radarr"),
            ("http://h/api", "http://h/"),
            ("http://h/api/radarr", "http://h/api/radarr"),
            ("http://h/a%20b", "http://h/a%20b"),
        ] {
            let settings = ArrSettings {
                radarr_url: Some(url.into()),
                radarr_api_key: "abc".parse().ok(),
                ..ArrSettings::default()
            };
            assert_eq!(servers(&settings).radarr.unwrap().url.as_str(), expected, "{url}");
        }
    }

    #[test]
    fn each_service_names_its_own_variables_and_no_values() {
        let none = servers(&ArrSettings::default());
        assert!(none.sonarr.unwrap_err().to_string().starts_with("SONARR_URL is not set"));
        assert!(none.radarr.unwrap_err().to_string().starts_with("RADARR_URL is not set"));
        let settings = ArrSettings {
            sonarr_url: Some("http://h".into()),
            sonarr_api_key: "${CANARY}".parse().ok(),
            radarr_url: Some("http://user:CANARY@h".into()),
            radarr_api_key_file: Some("/nowhere/at/all".into()),
            ..ArrSettings::default()
        };
        let ArrServers { sonarr, radarr } = servers(&settings);
        let (sonarr, radarr) = (sonarr.unwrap_err().to_string(), radarr.unwrap_err().to_string());
        assert!(sonarr.starts_with("SONARR_API_KEY holds an unfilled"), "{sonarr}");
        assert!(radarr.starts_with("RADARR_URL can't be used"), "{radarr}");
        assert!(!sonarr.contains("CANARY") && !radarr.contains("CANARY"));
        let settings = ArrSettings { radarr_url: Some("http://h".into()), ..settings };
        let radarr = servers(&settings).radarr.unwrap_err().to_string();
        assert!(radarr.starts_with("the file that RADARR_API_KEY_FILE names can't be read"), "{radarr}");
    }
}
