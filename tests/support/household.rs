//! A Plex server whose every item and play a test states, so that the right answer is known.

use super::{
    Home,
    trouble::{Seen, Trouble, answer, xml},
};
use axum::response::Response;
use std::{fmt::Write as _, sync::Arc};

/// What the server has. Rows are XML as Plex writes it.
#[derive(Clone, Default)]
pub struct Household {
    libraries: Vec<(u64, &'static str, &'static str)>,
    items: Vec<Item>,
    plays: Vec<Play>,
    /// Answered instead of the accounts and devices.
    pub refuse_names: Option<u16>,
    /// Answered instead of the history.
    pub refuse_history: Option<u16>,
    /// Give every play, whatever was asked for, and in the order of their making.
    pub ignore_filters: bool,
}

#[derive(Clone)]
struct Item {
    library: u64,
    kind: &'static str,
    key: u64,
    row: String,
}

#[derive(Clone)]
struct Play {
    library: Option<u64>,
    account: u64,
    at: i64,
    row: String,
}

/// The second at which the household's plays are counted from: so many days before now.
pub fn days_ago(days: i64) -> i64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    i64::try_from(now).unwrap() - days * 86_400 - 600
}

impl Household {
    pub fn library(mut self, key: u64, kind: &'static str, title: &'static str) -> Self {
        self.libraries.push((key, kind, title));
        self
    }

    /// An item with these further attributes and these children.
    pub fn item(mut self, library: u64, kind: &'static str, key: u64, attributes: &str, children: &str) -> Self {
        let element = if kind == "show" { "Directory" } else { "Video" };
        let row = format!(
            "<{element} ratingKey=\"{key}\" key=\"/library/metadata/{key}\" type=\"{kind}\" {attributes}>{children}</{element}>"
        );
        self.items.push(Item { library, kind, key, row });
        self
    }

    /// A play of an item that is there.
    pub fn play(self, key: u64, account: u64, at: i64) -> Self {
        let item = self.items.iter().find(|item| item.key == key).unwrap();
        let (library, kind) = (item.library, item.kind);
        let attribute = |name: &str| {
            let rest = item.row.split(&format!(" {name}=\"")).nth(1)?;
            Some(format!("{name}=\"{}\"", rest.split('"').next()?))
        };
        let titles = ["title", "grandparentTitle", "grandparentKey", "parentIndex", "index"];
        let titles: Vec<_> = titles.into_iter().filter_map(attribute).collect();
        let row = format!("ratingKey=\"{key}\" key=\"/library/metadata/{key}\" type=\"{kind}\" {}", titles.join(" "));
        self.row(Some(library), account, at, &row)
    }

    /// A row of the history as it is given.
    pub fn row(mut self, library: Option<u64>, account: u64, at: i64, attributes: &str) -> Self {
        let id = self.plays.len() + 1;
        let mut row = format!(
            "<Video historyKey=\"/status/sessions/history/{id}\" {attributes} viewedAt=\"{at}\" accountID=\"{account}\" deviceID=\"1\""
        );
        if let Some(library) = library {
            write!(row, " librarySectionID=\"{library}\"").unwrap();
        }
        self.plays.push(Play { library, account, at, row: row + "/>" });
        self
    }

    pub async fn start(self) -> (Trouble, Home) {
        let shared = Arc::new(self);
        let server = Trouble::start(move |seen| {
            let shared = Arc::clone(&shared);
            async move { shared.answer(&seen) }
        })
        .await;
        let home = Home::at(server.url());
        (server, home)
    }

    fn answer(&self, seen: &Seen) -> Response {
        match seen.path.split('/').skip(1).collect::<Vec<_>>().as_slice() {
            ["accounts" | "devices"] if self.refuse_names.is_some() => {
                answer(self.refuse_names.unwrap(), "text/html", "<html>no</html>")
            }
            ["accounts"] => list(&[
                r#"<Account id="0" name=""/>"#.into(),
                r#"<Account id="1" name="Orsolinde"/>"#.into(),
                r#"<Account id="2" name="Peregrine"/>"#.into(),
            ]),
            ["devices"] => list(&[r#"<Device id="1" name="Attic" platform="webOS"/>"#.into()]),
            ["library", "sections"] => {
                let row = |(key, kind, title): &(u64, &str, &str)| {
                    format!(r#"<Directory key="{key}" type="{kind}" title="{title}"/>"#)
                };
                list(&self.libraries.iter().map(row).collect::<Vec<_>>())
            }
            ["library", "sections", key, "all"] => {
                let library: u64 = key.parse().unwrap();
                let kind = match seen.parameter("type").unwrap_or(1) {
                    2 => "show",
                    3 => "season",
                    4 => "episode",
                    _ => "movie",
                };
                let items = self.items.iter().filter(|item| item.library == library && item.kind == kind);
                page(&items.map(|item| item.row.clone()).collect::<Vec<_>>(), seen)
            }
            ["library", "metadata", keys] => {
                let found =
                    keys.split(',').filter_map(|key| self.items.iter().find(|item| item.key.to_string() == key));
                let found: Vec<String> = found.map(|item| item.row.clone()).collect();
                if found.is_empty() { answer(404, "text/html", "<html>Not Found</html>") } else { list(&found) }
            }
            ["status", "sessions", "history", "all"] if self.refuse_history.is_some() => {
                answer(self.refuse_history.unwrap(), "text/html", "<html>no</html>")
            }
            ["status", "sessions", "history", "all"] => {
                let mut plays: Vec<&Play> = self.plays.iter().filter(|play| self.admits(play, seen)).collect();
                if !self.ignore_filters {
                    plays.sort_by_key(|play| std::cmp::Reverse(play.at));
                }
                page(&plays.into_iter().map(|play| play.row.clone()).collect::<Vec<_>>(), seen)
            }
            _ => answer(404, "text/html", "<html>Not Found</html>"),
        }
    }

    fn admits(&self, play: &Play, seen: &Seen) -> bool {
        let fits =
            |name: &str, value: Option<u64>| seen.parameter(name).is_none_or(|wanted| value == Some(wanted as u64));
        let since = seen.parameter("viewedAt%3E").map(|since| i64::try_from(since).unwrap());
        self.ignore_filters
            || fits("accountID", Some(play.account))
                && fits("librarySectionID", play.library)
                && since.is_none_or(|since| play.at >= since)
    }
}

fn list(rows: &[String]) -> Response {
    xml(format!(r#"<MediaContainer size="{}">{}</MediaContainer>"#, rows.len(), rows.concat()))
}

fn page(rows: &[String], seen: &Seen) -> Response {
    let start = seen.parameter("X-Plex-Container-Start").expect("a start").min(rows.len());
    let size = seen.parameter("X-Plex-Container-Size").expect("a size").min(rows.len() - start);
    let (total, page) = (rows.len(), rows[start..start + size].concat());
    xml(format!(r#"<MediaContainer size="{size}" totalSize="{total}" offset="{start}">{page}</MediaContainer>"#))
}
