//! What is being played: a film that is transcoded, one of whose versions the second is played, an episode in another
//! container, and music as it is.

use crate::demo::catalog::{Catalog, Forest, Place};
use crate::demo::encode::{Encoder, Piece, Tag};
use crate::demo::history::{ACCOUNTS, DEVICES};
use crate::demo::media::Version;

/// What the server does to a file while it is played.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Work {
    /// Video is made anew.
    Video,
    /// The streams are put into another container.
    Container,
}

/// A play that is under way.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Play {
    /// From 1.
    pub(crate) number: u64,
    pub(crate) place: Place,
    /// The version that is played.
    pub(crate) version: Version,
    /// How far it is, in tenths.
    pub(crate) tenths: u64,
    account: usize,
    device: usize,
    state: &'static str,
    location: &'static str,
    /// Kilobits a second.
    bandwidth: u64,
    work: Option<Work>,
}

impl Play {
    /// What the server says of the part that is played.
    pub(crate) fn decision(&self) -> &'static str {
        if self.work.is_some() { "transcode" } else { "directplay" }
    }
}

/// The plays that are under way, in a library that has their items.
pub(crate) fn plays(catalog: &Catalog) -> Vec<Play> {
    let first = |forest: Forest| {
        let tree = catalog.tree(forest);
        if tree.count > 0 { catalog.leaves(Place::Root(forest, 0)).first().copied() } else { None }
    };
    let film = |n: u64| (n < catalog.movies).then_some(Place::Movie(n));
    let play = Play {
        number: 1,
        place: Place::Movie(13),
        version: Version::FullHd,
        tenths: 6,
        account: 1,
        device: 0,
        state: "playing",
        location: "lan",
        bandwidth: 8_400,
        work: Some(Work::Video),
    };
    let all = [
        film(13).map(|place| Play { place, ..play }),
        film(15).map(|place| Play {
            number: 2,
            place,
            version: Version::UltraHd,
            tenths: 1,
            account: 0,
            device: 2,
            state: "paused",
            location: "wan",
            bandwidth: 48_000,
            work: None,
        }),
        first(Forest::Shows).map(|place| Play {
            number: 3,
            place,
            tenths: 5,
            account: 2,
            device: 1,
            bandwidth: 7_100,
            work: Some(Work::Container),
            ..play
        }),
        first(Forest::Music).map(|place| Play {
            number: 4,
            place,
            tenths: 2,
            account: 0,
            device: 2,
            bandwidth: 960,
            work: None,
            ..play
        }),
    ];
    all.into_iter().flatten().collect()
}

/// Writes who plays it, where and how.
pub(crate) fn children(out: &mut Encoder, play: &Play) {
    let (Some((account, name)), Some((_, device, platform, client))) =
        (ACCOUNTS.get(play.account), DEVICES.get(play.device))
    else {
        return;
    };
    out.open(Tag::object("User"));
    out.text("id", &account.to_string());
    out.text("title", name);
    out.text("thumb", "");
    out.close();
    out.open(Tag::object("Player"));
    out.joined("address", &[Piece::Text("192.0.2."), Piece::Number(19 + play.number)]);
    out.text("device", device);
    out.text("machineIdentifier", client);
    out.text("platform", platform);
    out.text("product", "Plex for Sample TV");
    out.text("state", play.state);
    out.text("title", device);
    out.text("version", "9.0");
    out.flag("local", play.location == "lan");
    out.flag("relayed", false);
    out.flag("secure", true);
    out.number("userID", *account);
    out.close();
    out.open(Tag::object("Session"));
    out.joined("id", &[Piece::Text("sample-session-"), Piece::Number(play.number)]);
    out.number("bandwidth", play.bandwidth);
    out.text("location", play.location);
    out.close();
    let Some(work) = play.work else { return };
    let video = work == Work::Video;
    out.open(Tag::object("TranscodeSession"));
    out.joined("key", &[Piece::Text("/transcode/sessions/sample-transcode-"), Piece::Number(play.number)]);
    out.flag("throttled", video);
    out.flag("complete", false);
    out.literal("progress", "41.5");
    out.literal("speed", if video { "3.2" } else { "18.6" });
    out.text("videoDecision", if video { "transcode" } else { "copy" });
    out.text("audioDecision", "copy");
    out.text("protocol", "hls");
    out.text("container", "mpegts");
    out.text("videoCodec", "h264");
    out.text("audioCodec", "aac");
    out.close();
}
