//! The web servers of the owner's own that posters may come from, beside public ones.

use super::{SettingError, TlsTrust, check_filled_in, parse_url};
use crate::http::web::Web;

/// Flags of posters.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct PosterSettings {
    /// Web servers of your own network that posters may be fetched from, such as `http://192.168.1.5:8080`, with commas
    /// between them; without it only public ones, over https
    #[arg(long, env = "PLEX_POSTER_SERVERS", global = true, hide_env_values = true, value_name = "URLS")]
    pub plex_poster_servers: Option<String>,
}

impl PosterSettings {
    /// The web as far as posters may come from it. Servers of one's own are trusted as `tls` says.
    pub(super) fn web(&self, tls: Result<TlsTrust, SettingError>) -> Result<Web, SettingError> {
        const VARIABLE: &str = "PLEX_POSTER_SERVERS";
        let listed = self.plex_poster_servers.as_deref().unwrap_or_default().split(',').map(str::trim);
        let mut own = Vec::new();
        for text in listed.filter(|text| !text.is_empty()) {
            check_filled_in(VARIABLE, text)?;
            let url = parse_url(text).map_err(|problem| SettingError::Url { variable: VARIABLE, problem })?;
            if url.path() != "/" {
                let problem = "it must hold no path: all of a server is meant".to_owned();
                return Err(SettingError::Url { variable: VARIABLE, problem });
            }
            own.push(url);
        }
        Ok(Web::new(own, tls?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn web(servers: &str) -> Result<Web, String> {
        let settings = PosterSettings { plex_poster_servers: Some(servers.into()) };
        settings.web(Ok(TlsTrust::System)).map_err(|error| error.to_string())
    }

    #[test]
    fn servers_are_named_without_a_path() {
        assert!(web("").is_ok_and(|web| web.address("http://192.168.1.5/a.jpg").is_err()));
        let web_of_two = web(" http://192.168.1.5:8080 , https://nas.lan/,").expect("good servers");
        assert!(web_of_two.address("http://192.168.1.5:8080/a.jpg").is_ok());
        assert!(web_of_two.address("https://nas.lan/a.jpg").is_ok());
        for wrong in ["http://nas.lan/posters", "ftp://nas.lan", "${POSTERS}", "http://user@nas.lan", "http://a b"] {
            assert!(web(wrong).is_err_and(|text| text.starts_with("PLEX_POSTER_SERVERS ")), "{wrong}");
        }
    }
}
