//! The settings: flags and environment variables, checked once, with secrets in a type that never prints.
//!
//! A setting that is missing or wrong does not keep the server from starting: clients hide the output of a server that
//! exits, while the error of a call reaches the person who can mend it.

mod arr;
pub mod permissions;
mod policy;
mod posters;
mod trakt;
pub mod writers;

pub use arr::{ArrServer, ArrServers, ArrSettings};
pub use policy::{PolicyFileError, PolicySource, Stamp, own_policy, read_policy, read_policy_file, write_policy};
pub use posters::PosterSettings;
pub use trakt::{TraktApp, TraktSettings};

use crate::{guard::Ledger, http::web::Web, plex::discover};
use policy::find_policy;
use reqwest::Url;
use std::{
    fmt, io,
    path::{Path, PathBuf},
    str::FromStr,
};

/// A text that must not be seen: it has no `Display`, and its `Debug` says nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The text itself, for the one place that sends it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

impl FromStr for Secret {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.to_owned()))
    }
}

/// Flags that every subcommand takes, each with the environment variable of its name. A flag wins over its variable.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Settings")]
pub struct Settings {
    /// Address of the Plex server, such as `http://192.168.1.2:32400`
    #[arg(long, env = "PLEX_URL", global = true, hide_env_values = true, value_name = "URL")]
    pub plex_url: Option<String>,
    /// Token of the Plex account; better set by its variable, which other users of the machine can't see
    #[arg(long, env = "PLEX_TOKEN", global = true, hide_env_values = true, value_name = "TOKEN")]
    pub plex_token: Option<Secret>,
    /// File that holds the token, in place of `PLEX_TOKEN`
    #[arg(long, env = "PLEX_TOKEN_FILE", global = true, hide_env_values = true, value_name = "FILE")]
    pub plex_token_file: Option<PathBuf>,
    /// Policy file; without it plex-mcp/policy.toml in your configuration directory, ./policy.toml, or the built-in one
    #[arg(long, env = "PLEX_POLICY", global = true, hide_env_values = true, value_name = "FILE")]
    pub policy: Option<PathBuf>,
    /// Ledger of all calls [default: plex-mcp/ledger.db in your state directory]
    #[arg(long, env = "PLEX_LEDGER", global = true, hide_env_values = true, value_name = "FILE")]
    pub ledger: Option<PathBuf>,
    /// File with the key that signs the ledger's rows [default: beside the ledger, with .key added]
    #[arg(long, env = "PLEX_LEDGER_KEY_FILE", global = true, hide_env_values = true, value_name = "FILE")]
    pub ledger_key_file: Option<PathBuf>,
    /// Directory that exports are written to
    #[arg(
        long,
        env = "PLEX_EXPORT_DIR",
        global = true,
        hide_env_values = true,
        value_name = "DIR",
        default_value = "./exports"
    )]
    pub export_dir: PathBuf,
    /// Name under which the policy counts this client's calls
    #[arg(
        long,
        env = "PLEX_GRANT",
        global = true,
        hide_env_values = true,
        value_name = "NAME",
        default_value = "default"
    )]
    pub grant: String,
    /// Certificates (PEM) to trust besides the system's
    #[arg(long, env = "PLEX_CA_FILE", global = true, hide_env_values = true, value_name = "FILE")]
    pub plex_ca_file: Option<PathBuf>,
    /// Address of Plex Discover, which keeps watchlists, where it is not Plex's own
    #[arg(long, env = "PLEX_DISCOVER_URL", global = true, hide_env_values = true, value_name = "URL")]
    pub plex_discover_url: Option<String>,
    /// Trust any certificate of the host in `PLEX_URL`, and of no other
    #[arg(
        long,
        env = "PLEX_INSECURE_TLS",
        global = true,
        hide_env_values = true,
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        value_name = "BOOL"
    )]
    pub plex_insecure_tls: Option<String>,
    /// Posters.
    #[command(flatten)]
    pub posters: PosterSettings,
    /// Trakt.
    #[command(flatten)]
    pub trakt: TraktSettings,
    /// Sonarr and Radarr.
    #[command(flatten)]
    pub arr: ArrSettings,
}

/// A setting that can't be used, told to whoever can mend it.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum SettingError {
    /// The variable is not there, or is empty.
    #[error(
        "{variable} is not set: put it into the env block of this server's entry in your MCP client's configuration ({hint})"
    )]
    Unset {
        /// The variable's name.
        variable: &'static str,
        /// What it should hold.
        hint: &'static str,
    },
    /// The client handed on a template's text.
    #[error("{variable} holds {found} in place of its value: put the real value into your MCP client's configuration")]
    Placeholder {
        /// The variable's name.
        variable: &'static str,
        /// What gave it away; never the value.
        found: &'static str,
    },
    /// The address can't be one of a server.
    #[error("{variable} can't be used: {problem}")]
    Url {
        /// The variable's name.
        variable: &'static str,
        /// What is wrong with it; never the value.
        problem: String,
    },
    /// The value is neither yes nor no.
    #[error("{variable} must be 1 or 0")]
    NotBoolean {
        /// The variable's name.
        variable: &'static str,
    },
    /// A file that a variable names can't be read.
    #[error("the file that {variable} names can't be read: {cause}")]
    File {
        /// The variable's name.
        variable: &'static str,
        /// What the system said.
        cause: String,
    },
}

impl SettingError {
    /// Whether the service was not set up at all: it has no address.
    pub fn is_unset_address(&self) -> bool {
        matches!(self, Self::Unset { variable, .. } if variable.ends_with("_URL"))
    }
}

/// Which server certificates are trusted.
#[derive(Clone, Debug)]
pub enum TlsTrust {
    /// Those of the system's certificate authorities.
    System,
    /// Those, and the ones of an authority in PEM form.
    Authority(Vec<u8>),
    /// Any, for the one host of `PLEX_URL`.
    Anything,
}

/// Where Plex is and how to sign in.
#[derive(Clone, Debug)]
pub struct PlexServer {
    /// Address, possibly with a path below which the API is.
    pub url: Url,
    /// Token of the account.
    pub token: Secret,
    /// Which certificates are trusted.
    pub tls: TlsTrust,
}

/// What the program runs with.
#[derive(Clone, Debug)]
pub struct Config {
    /// The Plex server, or what is wrong with its settings.
    pub plex: Result<PlexServer, SettingError>,
    /// The Trakt app, or what is wrong with its settings.
    pub trakt: Result<TraktApp, SettingError>,
    /// The file with the sign-in to Trakt: beside the ledger.
    pub trakt_sign_in: PathBuf,
    /// Where Plex Discover is.
    pub discover: Result<Url, SettingError>,
    /// The web as far as posters may come from it, or what is wrong with its settings.
    pub posters: Result<Web, SettingError>,
    /// Sonarr and Radarr.
    pub arr: ArrServers,
    /// Where the policy comes from.
    pub policy: PolicySource,
    /// Where a policy that appears later rules in place of that one: the user's own, unless a setting names the file.
    pub better_policy: Option<PathBuf>,
    /// The ledger's file.
    pub ledger: PathBuf,
    /// The file with the key of the ledger's chain.
    pub ledger_key: PathBuf,
    /// The exports directory, as it was named.
    pub exports: PathBuf,
    /// The grant of this client.
    pub grant: String,
}

impl Config {
    /// Checks `settings`. Only reads files that they name.
    pub fn new(settings: Settings) -> Self {
        let plex = plex_server(&settings);
        let trakt = TraktApp::new(&settings.trakt, authorities(&settings));
        let posters = settings.posters.web(authorities(&settings));
        let arr = ArrServers::new(&settings.arr, &authorities(&settings));
        let ledger = settings.ledger.unwrap_or_else(|| default_ledger(&settings.export_dir));
        let is_named = settings.policy.is_some();
        let policy = settings.policy.map_or_else(find_policy, PolicySource::File);
        let better_policy = own_policy().filter(|own| !is_named && policy != PolicySource::File(own.clone()));
        Self {
            plex,
            trakt,
            trakt_sign_in: ledger.with_file_name("trakt.json"),
            discover: discover_url(settings.plex_discover_url.as_deref()),
            posters,
            arr,
            policy,
            better_policy,
            ledger_key: settings.ledger_key_file.unwrap_or_else(|| Ledger::key_beside(&ledger)),
            ledger,
            exports: settings.export_dir,
            grant: settings.grant,
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "this is where settings are read from files")]
fn read_file(path: &Path) -> io::Result<String> {
    std::fs::read_to_string(path)
}

fn plex_server(settings: &Settings) -> Result<PlexServer, SettingError> {
    let url = address("PLEX_URL", settings.plex_url.as_deref(), "such as http://192.168.1.2:32400")?;
    let token = secret(
        ["PLEX_TOKEN", "PLEX_TOKEN_FILE"],
        settings.plex_token.as_ref(),
        settings.plex_token_file.as_deref(),
        "the X-Plex-Token of your account",
    )?;
    let tls = if is_on("PLEX_INSECURE_TLS", settings.plex_insecure_tls.as_deref())? {
        TlsTrust::Anything
    } else {
        authorities(settings)?
    };
    Ok(PlexServer { url, token, tls })
}

/// The certificates that every service is trusted by: the system's, and those of an authority of the user's own.
fn authorities(settings: &Settings) -> Result<TlsTrust, SettingError> {
    let Some(file) = &settings.plex_ca_file else { return Ok(TlsTrust::System) };
    let read =
        read_file(file).map_err(|cause| SettingError::File { variable: "PLEX_CA_FILE", cause: cause.to_string() });
    Ok(TlsTrust::Authority(read?.into_bytes()))
}

/// The address that `variable` holds.
fn address(variable: &'static str, value: Option<&str>, hint: &'static str) -> Result<Url, SettingError> {
    let url = value.map(str::trim).filter(|url| !url.is_empty()).ok_or(SettingError::Unset { variable, hint })?;
    check_filled_in(variable, url)?;
    parse_url(url).map_err(|problem| SettingError::Url { variable, problem })
}

/// The secret that the first variable holds, or the file that the second one names.
fn secret(
    [variable, file_variable]: [&'static str; 2],
    value: Option<&Secret>,
    file: Option<&Path>,
    hint: &'static str,
) -> Result<Secret, SettingError> {
    let text = match (value, file) {
        (Some(value), _) if !value.reveal().trim().is_empty() => value.reveal().trim().to_owned(),
        (_, Some(file)) => read_file(file)
            .map_err(|cause| SettingError::File { variable: file_variable, cause: cause.to_string() })?
            .trim()
            .to_owned(),
        _ => String::new(),
    };
    if text.is_empty() {
        return Err(SettingError::Unset { variable, hint });
    }
    check_filled_in(variable, &text)?;
    Ok(Secret(text))
}

fn discover_url(given: Option<&str>) -> Result<Url, SettingError> {
    let given = given.filter(|url| !url.trim().is_empty()).unwrap_or(discover::ADDRESS);
    address("PLEX_DISCOVER_URL", Some(given), discover::ADDRESS)
}

fn is_on(variable: &'static str, value: Option<&str>) -> Result<bool, SettingError> {
    match value.unwrap_or_default().trim().to_ascii_lowercase().as_str() {
        "" | "0" | "false" | "f" | "no" | "n" | "off" => Ok(false),
        "1" | "true" | "t" | "yes" | "y" | "on" => Ok(true),
        value => check_filled_in(variable, value).and(Err(SettingError::NotBoolean { variable })),
    }
}

/// Refuses what clients pass on when a template was not filled in, or was filled in with its quotes.
fn check_filled_in(variable: &'static str, value: &str) -> Result<(), SettingError> {
    let wrapped = |open, close| value.starts_with(open) && value.ends_with(close);
    let lower = value.to_ascii_lowercase();
    let found = if value.contains("${") || value.contains("{{") {
        "an unfilled ${...} placeholder"
    } else if wrapped('%', '%') {
        "an unfilled %...% placeholder"
    } else if wrapped('<', '>') {
        "a <...> placeholder"
    } else if lower.starts_with("your_")
        || lower.starts_with("your-")
        || lower.contains("your_plex")
        || lower.contains("token_here")
        || lower.contains("key_here")
    {
        "the example's text"
    } else if value.contains(['"', '\'', '`']) {
        "quotation marks"
    } else if value.chars().any(|c| c.is_control() || c.is_whitespace()) {
        "spaces or line ends"
    } else {
        return Ok(());
    };
    Err(SettingError::Placeholder { variable, found })
}

fn parse_url(text: &str) -> Result<Url, String> {
    let refuse = |why: &str| Err(why.to_owned());
    // People write `192.168.1.2:32400`, which a URL parser takes for a scheme.
    let with_scheme = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
    let mut url = match Url::parse(&with_scheme) {
        Ok(url) => url,
        Err(error) => return refuse(&format!("{error}; it should look like http://192.168.1.2:32400")),
    };
    if !matches!(url.scheme(), "http" | "https") {
        return refuse("it must begin with http:// or https://");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return refuse("it must not hold a user name or password; the token or key has a setting of its own");
    }
    if url.query().is_some() {
        return refuse("it must not hold a query; the token or key has a setting of its own");
    }
    url.set_fragment(None);
    Ok(url)
}

fn default_ledger(exports: &Path) -> PathBuf {
    use etcetera::BaseStrategy as _;
    // Without a home the ledger must still be found by the next process that serves the same exports.
    let base = etcetera::choose_base_strategy().ok().filter(|base| base.home_dir().is_dir());
    match base {
        Some(base) => base.state_dir().unwrap_or_else(|| base.data_dir()).join("plex-mcp/ledger.db"),
        None => exports.parent().unwrap_or(Path::new(".")).join(".plex-mcp/ledger.db"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(url: &str, token: &str) -> Settings {
        Settings {
            plex_url: Some(url.into()),
            plex_token: token.parse().ok(),
            plex_token_file: None,
            policy: None,
            ledger: None,
            ledger_key_file: None,
            export_dir: "./exports".into(),
            grant: "default".into(),
            plex_ca_file: None,
            plex_insecure_tls: None,
            posters: PosterSettings::default(),
            trakt: TraktSettings::default(),
            arr: ArrSettings::default(),
            plex_discover_url: None,
        }
    }

    fn error(url: &str, token: &str) -> String {
        plex_server(&settings(url, token)).expect_err("unusable").to_string()
    }

    #[test]
    fn placeholders_are_called_out_by_variable_and_never_shown() {
        for token in ["${PLEX_TOKEN}", "%PLEX_TOKEN%", "<your token>", "your_plex_token_here", "\"abc\"", "a\nb"] {
            let text = error("http://localhost:32400", token);
            assert!(text.starts_with("PLEX_TOKEN holds "), "{text}");
            assert!(!text.contains(token), "{text}");
        }
        assert!(error("\"http://127.0.0.1:32400\"", "abc").starts_with("PLEX_URL holds quotation marks"));
        assert!(error("", "abc").starts_with("PLEX_URL is not set"));
        assert!(error("http://localhost:32400", " ").starts_with("PLEX_TOKEN is not set"));
    }

    #[test]
    fn addresses_of_every_form_are_taken() {
        for (url, expected) in [
            ("192.168.1.2:32400", "http://192.168.1.2:32400/"),
            (" http://localhost:32400/ ", "http://localhost:32400/"),
            ("https://example.org/plex/", "https://example.org/plex/"),
            ("http://[::1]:32400", "http://[::1]:32400/"),
            ("plex.example.org", "http://plex.example.org/"),
        ] {
            assert_eq!(plex_server(&settings(url, " abc ")).expect("usable").url.as_str(), expected);
        }
        for url in ["ftp://host", "http://", "http://user:secret@host", "http://host/?X-Plex-Token=secret"] {
            let text = error(url, "abc");
            assert!(text.starts_with("PLEX_URL can't be used") && !text.contains("secret"), "{text}");
        }
    }

    #[test]
    fn certificates_go_unchecked_for_a_clear_yes_only() {
        let tls = |value: &str| {
            let settings = Settings { plex_insecure_tls: Some(value.into()), ..settings("https://h", "abc") };
            plex_server(&settings)
                .map(|server| matches!(server.tls, TlsTrust::Anything))
                .map_err(|error| error.to_string())
        };
        for (value, expected) in [("1", true), ("True", true), (" on ", true), ("0", false), ("", false), ("no", false)]
        {
            assert_eq!(tls(value), Ok(expected), "{value:?}");
        }
        for odd in ["${INSECURE}", "maybe", "2"] {
            assert!(tls(odd).unwrap_err().starts_with("PLEX_INSECURE_TLS "), "{odd}");
        }
    }

    #[test]
    fn secrets_do_not_print() {
        let debug = format!("{:?}", plex_server(&settings("http://h", "tok-CANARY-123")));
        assert!(debug.contains("[secret]") && !debug.contains("CANARY"), "{debug}");
    }
}
