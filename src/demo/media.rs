//! Files and what is in them: `Media`, `Part`, `Stream`, chapters, markers, roles.

use crate::demo::catalog::{Forest, Place};
use crate::demo::describe::{Scene, tag_id};
use crate::demo::encode::{Encoder, Piece, Tag, VIDEO};
use crate::demo::sections::section;
use crate::demo::titles::Phrase;

/// Keys of extras lie above all others.
const EXTRAS: u64 = 9_000_000_000;
const MEDIA: Tag = Tag::list("Media");
const PART: Tag = Tag::list("Part");
const STREAM: Tag = Tag::list("Stream");
const ROLE: Tag = Tag::list("Role");
/// What the cast is called in filters and edits.
pub(crate) const ACTOR: &str = "actor";

/// A version of a film or an episode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Version {
    FullHd,
    UltraHd,
}

impl Version {
    pub(crate) fn resolution(self) -> &'static str {
        match self {
            Self::FullHd => "1080",
            Self::UltraHd => "4k",
        }
    }
}

/// The versions of something that is watched.
pub(crate) fn versions(place: Place) -> &'static [Version] {
    match place {
        Place::Movie(n) if n % 11 == 4 => &[Version::FullHd, Version::UltraHd],
        Place::Movie(_) | Place::Leaf(Forest::Shows, ..) => &[Version::FullHd],
        _ => &[],
    }
}

/// Writes a video file: its `Media` with one `Part`, and in details its streams.
pub(crate) fn video(scene: &Scene<'_>, out: &mut Encoder, place: Place, version: Version, duration: u64) {
    let ultra = version == Version::UltraHd;
    let id = place.key() + if ultra { 2_000_000_000 } else { 0 };
    let (width, height) = if ultra { (3840, 2160) } else { (1920, 1080) };
    let resolution = version.resolution();
    let (codec, audio, channels) = if ultra { ("hevc", "truehd", 8) } else { ("h264", "eac3", 6) };
    let bitrate = if ultra { 48_000 } else { 7_000 } + id % 1_900;
    out.open(MEDIA);
    out.number("id", id);
    out.number("duration", duration);
    out.number("bitrate", bitrate);
    out.number("width", width);
    out.number("height", height);
    out.literal("aspectRatio", if id.is_multiple_of(3) { "2.35" } else { "1.78" });
    out.number("audioChannels", channels);
    out.text("audioCodec", audio);
    out.text("videoCodec", codec);
    out.text("videoResolution", resolution);
    out.text("container", "mkv");
    out.text("videoFrameRate", "24p");
    if ultra {
        out.text("videoDynamicRange", "HDR10");
    }
    out.text("videoProfile", if ultra { "main 10" } else { "high" });
    out.flag("hasVoiceActivity", false);
    let played = scene.detail.session.filter(|play| play.version == version);
    if played.is_some() {
        out.flag("selected", true);
    }
    out.open(PART);
    if let Some(play) = played {
        out.text("decision", play.decision());
    }
    part(scene, out, place, id, duration, ("mkv", resolution));
    out.number("size", duration / 1_000 * bitrate * 125);
    out.text("videoProfile", if ultra { "main 10" } else { "high" });
    if scene.detail.full {
        video_streams(out, id, version, bitrate);
    }
    out.close();
    out.close();
}

/// What all files have: id, address, path.
fn part(
    scene: &Scene<'_>,
    out: &mut Encoder,
    place: Place,
    id: u64,
    duration: u64,
    (container, quality): (&'static str, &'static str),
) {
    out.number("id", id);
    out.joined(
        "key",
        &[Piece::Text("/library/parts/"), Piece::Number(id), Piece::Text("/1700000000/file."), Piece::Text(container)],
    );
    if duration > 0 {
        out.number("duration", duration);
    }
    out.begin("file");
    out.piece(section(place.section()).map_or("/data", |section| section.path));
    out.piece("/");
    crate::demo::describe::base_title(scene.catalog, place).write(out);
    out.pieces(&[Piece::Text(" {"), Piece::Number(place.key()), Piece::Text("}")]);
    if !quality.is_empty() {
        out.pieces(&[Piece::Text(" - "), Piece::Text(quality)]);
    }
    out.pieces(&[Piece::Text("."), Piece::Text(container)]);
    out.end();
    out.text("container", container);
}

fn video_streams(out: &mut Encoder, id: u64, version: Version, bitrate: u64) {
    let ultra = version == Version::UltraHd;
    out.open(STREAM);
    out.number("id", id * 8 + 1);
    out.number("streamType", 1);
    out.flag("default", true);
    out.text("codec", if ultra { "hevc" } else { "h264" });
    out.number("index", 0);
    out.number("bitrate", bitrate - 700);
    out.number("bitDepth", if ultra { 10 } else { 8 });
    out.text("chromaSubsampling", "4:2:0");
    out.text("colorPrimaries", if ultra { "bt2020" } else { "bt709" });
    out.text("colorRange", "tv");
    out.text("colorSpace", if ultra { "bt2020nc" } else { "bt709" });
    out.text("colorTrc", if ultra { "smpte2084" } else { "bt709" });
    out.literal("frameRate", "23.976");
    out.number("height", if ultra { 2160 } else { 1080 });
    out.number("width", if ultra { 3840 } else { 1920 });
    out.text("displayTitle", if ultra { "4K HDR10 (HEVC Main 10)" } else { "1080p (H.264)" });
    out.text("extendedDisplayTitle", if ultra { "4K HDR10 (HEVC Main 10)" } else { "1080p (H.264)" });
    out.close();
    for (at, language, code, tag) in [(2, "English", "eng", "en"), (3, "Polski", "pol", "pl")] {
        out.open(STREAM);
        out.number("id", id * 8 + at);
        out.number("streamType", 2);
        out.flag("selected", at == 2);
        out.flag("default", at == 2);
        out.text("codec", if ultra { "truehd" } else { "eac3" });
        out.number("index", at - 1);
        out.number("channels", if ultra { 8 } else { 6 });
        out.text("language", language);
        out.text("languageTag", tag);
        out.text("languageCode", code);
        out.number("samplingRate", 48_000);
        out.joined(
            "displayTitle",
            &[Piece::Text(language), Piece::Text(if ultra { " (TRUEHD 7.1)" } else { " (EAC3 5.1)" })],
        );
        out.close();
    }
    out.open(STREAM);
    out.number("id", id * 8 + 4);
    out.number("streamType", 3);
    out.text("codec", "srt");
    out.number("index", 3);
    out.text("language", "English");
    out.text("languageTag", "en");
    out.text("languageCode", "eng");
    out.flag("hearingImpaired", true);
    out.text("displayTitle", "English SDH (SRT)");
    out.close();
}

/// Writes the file of a track.
pub(crate) fn audio(scene: &Scene<'_>, out: &mut Encoder, place: Place, duration: u64) {
    let id = place.key();
    out.open(MEDIA);
    out.number("id", id);
    out.number("duration", duration);
    out.number("bitrate", 900 + id % 200);
    out.number("audioChannels", 2);
    out.text("audioCodec", "flac");
    out.text("container", "flac");
    out.open(PART);
    part(scene, out, place, id, duration, ("flac", ""));
    out.number("size", duration * 115);
    if scene.detail.full {
        out.open(STREAM);
        out.number("id", id * 8 + 1);
        out.number("streamType", 2);
        out.flag("selected", true);
        out.text("codec", "flac");
        out.number("index", 0);
        out.number("channels", 2);
        out.number("bitrate", 900 + id % 200);
        out.number("samplingRate", 44_100);
        out.text("displayTitle", "FLAC (Stereo)");
        out.close();
    }
    out.close();
    out.close();
}

/// Writes the file of a photo.
pub(crate) fn picture(scene: &Scene<'_>, out: &mut Encoder, place: Place) {
    let id = place.key();
    out.open(MEDIA);
    out.number("id", id);
    out.number("width", 4_032);
    out.number("height", 3_024);
    out.literal("aspectRatio", "1.33");
    out.text("container", "jpeg");
    out.open(PART);
    part(scene, out, place, id, 0, ("jpeg", ""));
    out.number("size", 2_000_000 + id % 3_000_000);
    out.close();
    out.close();
}

/// Writes who played whom, as edited or as it began; listings tell only the names.
pub(crate) fn roles(scene: &Scene<'_>, out: &mut Encoder, place: Place, people: &[(u64, Phrase)]) {
    let mut one = |id: u64, name: &dyn Fn(&mut Encoder), part: Option<&str>| {
        out.open(ROLE);
        if scene.detail.full {
            out.number("id", id);
            out.joined("filter", &[Piece::Text(ACTOR), Piece::Text("="), Piece::Number(id)]);
        }
        out.begin("tag");
        name(out);
        out.end();
        if scene.detail.full {
            if let Some(part) = part {
                out.text("role", part);
            }
            out.joined(
                "thumb",
                &[Piece::Text("https://pictures.sample.invalid/people/"), Piece::Number(id), Piece::Text(".jpg")],
            );
        }
        out.close();
    };
    if let Some(edited) = scene.overlay.changed(place).and_then(|changed| changed.tags.get(ACTOR)) {
        for (name, part) in edited {
            one(tag_id(name), &|out| out.piece(name), part.as_deref());
        }
        return;
    }
    for ((id, person), part) in people.iter().zip(parts(people)) {
        one(*id, &|out| person.write(out), Some(part));
    }
}

/// The parts that a cast plays.
pub(crate) fn parts(people: &[(u64, Phrase)]) -> impl Iterator<Item = &'static str> {
    (0_u64..).zip(people).map(|(at, (id, _))| crate::demo::dice::pick(crate::demo::words::GIVEN, *id + at))
}

/// Writes chapters and markers where they were asked for.
pub(crate) fn chapters(scene: &Scene<'_>, out: &mut Encoder, duration: u64) {
    if scene.detail.full && scene.detail.chapters {
        for at in 0..4 {
            out.open(Tag::list("Chapter"));
            out.number("id", at + 1);
            out.joined("tag", &[Piece::Text("Chapter "), Piece::Number(at + 1)]);
            out.number("index", at + 1);
            out.number("startTimeOffset", duration / 4 * at);
            out.number("endTimeOffset", duration / 4 * (at + 1));
            out.close();
        }
    }
    if scene.detail.full && scene.detail.markers {
        for (id, kind, from, to) in [(1, "intro", 30_000, 95_000), (2, "credits", duration - 180_000, duration)] {
            out.open(Tag::list("Marker"));
            out.number("id", id);
            out.text("type", kind);
            out.number("startTimeOffset", from);
            out.number("endTimeOffset", to);
            if kind == "credits" {
                out.flag("final", true);
            }
            out.open(Tag::object("Attributes"));
            out.number("id", id);
            out.text("version", "4");
            out.close();
            out.close();
        }
    }
}

/// Writes an item's trailer where it was asked for.
pub(crate) fn extras(scene: &Scene<'_>, out: &mut Encoder, place: Place) {
    if !scene.detail.full || !scene.detail.extras {
        return;
    }
    let id = EXTRAS + place.key();
    out.open(Tag::object("Extras"));
    out.number("size", 1);
    out.open(VIDEO);
    out.joined("ratingKey", &[Piece::Number(id)]);
    out.text("type", "clip");
    out.text("subtype", "trailer");
    out.text("title", "Trailer");
    out.number("extraType", 1);
    out.number("duration", 120_000);
    out.open(MEDIA);
    out.number("id", id);
    out.text("videoResolution", "1080");
    out.open(PART);
    part(scene, out, place, id, 120_000, ("mp4", " - Trailer"));
    out.close();
    out.close();
    out.close();
    out.close();
}

/// Writes the colours that clients draw behind an item.
pub(crate) fn colours(out: &mut Encoder, id: u64) {
    out.open(Tag::object("UltraBlurColors"));
    for (key, shift) in [("topLeft", 0), ("topRight", 11), ("bottomRight", 23), ("bottomLeft", 37)] {
        out.joined(key, &[Piece::Number(100_000 + (id >> shift) % 900_000)]);
    }
    out.close();
}
