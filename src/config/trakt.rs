//! The settings of Trakt: an app that its user registered there, and where Trakt is.

use super::{Secret, SettingError, TlsTrust, address, secret};
use reqwest::Url;
use std::path::PathBuf;

/// Flags of Trakt.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct TraktSettings {
    /// Client id of your app on Trakt, which shows it under Settings, Your API Apps
    #[arg(long, env = "TRAKT_CLIENT_ID", global = true, hide_env_values = true, value_name = "ID")]
    pub trakt_client_id: Option<Secret>,
    /// File that holds the client id, in place of `TRAKT_CLIENT_ID`
    #[arg(long, env = "TRAKT_CLIENT_ID_FILE", global = true, hide_env_values = true, value_name = "FILE")]
    pub trakt_client_id_file: Option<PathBuf>,
    /// Client secret of your app on Trakt; better set by its variable, which other users of the machine can't see
    #[arg(long, env = "TRAKT_CLIENT_SECRET", global = true, hide_env_values = true, value_name = "SECRET")]
    pub trakt_client_secret: Option<Secret>,
    /// File that holds the client secret, in place of `TRAKT_CLIENT_SECRET`
    #[arg(long, env = "TRAKT_CLIENT_SECRET_FILE", global = true, hide_env_values = true, value_name = "FILE")]
    pub trakt_client_secret_file: Option<PathBuf>,
    /// Address of Trakt's API, for tests and proxies [default: <https://api.trakt.tv>]
    #[arg(long, env = "TRAKT_BASE_URL", global = true, hide_env_values = true, value_name = "URL")]
    pub trakt_base_url: Option<String>,
}

/// The user's app on Trakt, and where Trakt is.
#[derive(Clone, Debug)]
pub struct TraktApp {
    /// Address of the API.
    pub url: Url,
    /// The app's id, which Trakt wants with each request.
    pub client_id: Secret,
    /// The app's secret, for signing in.
    pub client_secret: Secret,
    /// Which certificates are trusted.
    pub tls: TlsTrust,
}

const HINT: &str = "of the app that you register at https://trakt.tv/oauth/applications";

impl TraktApp {
    pub(super) fn new(settings: &TraktSettings, tls: Result<TlsTrust, SettingError>) -> Result<Self, SettingError> {
        let TraktSettings {
            trakt_client_id,
            trakt_client_id_file,
            trakt_client_secret,
            trakt_client_secret_file,
            trakt_base_url,
        } = settings;
        let client_id = secret(
            ["TRAKT_CLIENT_ID", "TRAKT_CLIENT_ID_FILE"],
            trakt_client_id.as_ref(),
            trakt_client_id_file.as_deref(),
            HINT,
        )?;
        let client_secret = secret(
            ["TRAKT_CLIENT_SECRET", "TRAKT_CLIENT_SECRET_FILE"],
            trakt_client_secret.as_ref(),
            trakt_client_secret_file.as_deref(),
            HINT,
        )?;
        let base = trakt_base_url.as_deref().filter(|url| !url.trim().is_empty()).unwrap_or("https://api.trakt.tv");
        let url = address("TRAKT_BASE_URL", Some(base), "Trakt's own address is the default")?;
        Ok(Self { url, client_id, client_secret, tls: tls? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn app(id: &str, secret: &str, url: Option<&str>) -> Result<TraktApp, SettingError> {
        let settings = TraktSettings {
            trakt_client_id: id.parse().ok(),
            trakt_client_secret: secret.parse().ok(),
            trakt_base_url: url.map(Into::into),
            ..TraktSettings::default()
        };
        TraktApp::new(&settings, Ok(TlsTrust::System))
    }

    #[test]
    fn trakts_own_address_is_the_default() {
        assert_eq!(app("abc", "def", None).unwrap().url.as_str(), "https://api.trakt.tv/");
        assert_eq!(app("abc", "def", Some(" ")).unwrap().url.as_str(), "https://api.trakt.tv/");
        assert_eq!(app("abc", "def", Some("http://h:1/t/")).unwrap().url.as_str(), "http://h:1/t/");
    }

    #[test]
    fn what_is_missing_or_not_filled_in_is_named_without_its_value() {
        for (id, secret, url, variable) in [
            ("", "def", None, "TRAKT_CLIENT_ID "),
            ("abc", " ", None, "TRAKT_CLIENT_SECRET "),
            ("${TRAKT_CLIENT_ID}", "def", None, "TRAKT_CLIENT_ID "),
            ("abc", "\"CANARY\"", None, "TRAKT_CLIENT_SECRET "),
            ("abc", "def", Some("ftp://CANARY"), "TRAKT_BASE_URL "),
        ] {
            let text = app(id, secret, url).unwrap_err().to_string();
            assert!(text.starts_with(variable) && !text.contains("CANARY}") && !text.contains("\"CANARY"), "{text}");
        }
        let debug = format!("{:?}", app("id-CANARY", "secret-CANARY", None));
        assert!(!debug.contains("CANARY"), "{debug}");
    }
}
