//! What is being played: one film, by a member of the household.

use crate::demo::catalog::{Catalog, Place};
use crate::demo::encode::{Encoder, Tag};
use crate::demo::history::{ACCOUNTS, DEVICES};

/// The film that is being played, in a library that has it.
pub(crate) fn playing(catalog: &Catalog) -> Option<Place> {
    (catalog.movies > 13).then_some(Place::Movie(13))
}

/// Writes who plays it, where and how.
pub(crate) fn children(out: &mut Encoder) {
    let (Some((account, name)), Some((_, device, platform, client))) = (ACCOUNTS.get(1), DEVICES.first()) else {
        return;
    };
    out.open(Tag::object("User"));
    out.text("id", &account.to_string());
    out.text("title", name);
    out.text("thumb", "");
    out.close();
    out.open(Tag::object("Player"));
    out.text("address", "192.0.2.20");
    out.text("device", device);
    out.text("machineIdentifier", client);
    out.text("platform", platform);
    out.text("product", "Plex for Sample TV");
    out.text("state", "playing");
    out.text("title", device);
    out.text("version", "9.0");
    out.flag("local", true);
    out.flag("relayed", false);
    out.flag("secure", true);
    out.number("userID", *account);
    out.close();
    out.open(Tag::object("Session"));
    out.text("id", "sample-session-1");
    out.number("bandwidth", 8_400);
    out.text("location", "lan");
    out.close();
    out.open(Tag::object("TranscodeSession"));
    out.text("key", "/transcode/sessions/sample-transcode-1");
    out.flag("throttled", true);
    out.flag("complete", false);
    out.literal("progress", "41.5");
    out.literal("speed", "3.2");
    out.text("videoDecision", "transcode");
    out.text("audioDecision", "copy");
    out.text("protocol", "hls");
    out.text("container", "mpegts");
    out.text("videoCodec", "h264");
    out.text("audioCodec", "aac");
    out.close();
}
