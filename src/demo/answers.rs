//! The lists and documents the server gives, without how they travel.

use crate::demo::catalog::{Catalog, Forest, Place};
use crate::demo::describe::{Detail, Scene};
use crate::demo::encode::{CONTAINER, DIRECTORY, Encoder, Piece, Tag};
use crate::demo::history::{ACCOUNTS, DEVICES};
use crate::demo::listing::{Recent, Rows};
use crate::demo::meta;
use crate::demo::query::Page;
use crate::demo::sections::{Kind, SECTIONS, Section};
use crate::demo::state::Overlay;
use crate::demo::{MACHINE, VERSION};
use std::sync::Arc;

/// A list of items with what stands around them.
#[derive(Clone, Debug)]
pub(crate) struct Listing {
    pub(crate) rows: Rows,
    pub(crate) page: Page,
    pub(crate) detail: Detail,
    pub(crate) section: Option<&'static Section>,
    /// The item whose children these are.
    pub(crate) parent: Option<Place>,
    /// The entry "All episodes" stands before the seasons.
    pub(crate) all_leaves: bool,
    /// The kind whose filters and sorts are told.
    pub(crate) meta: Option<Kind>,
    /// Elements that the client does not want.
    pub(crate) without: Arc<[String]>,
}

impl Listing {
    /// A room in bytes that the whole list will about need.
    pub(crate) fn estimate(&self) -> usize {
        let each = if self.detail.full { 8_000 } else { 4_000 };
        usize::try_from(self.page.size().saturating_mul(each)).unwrap_or(usize::MAX).saturating_add(8_000)
    }

    /// Writes what stands before the rows.
    pub(crate) fn begin(&self, out: &mut Encoder, catalog: &Catalog, overlay: &Overlay) {
        let scene = self.scene(catalog, overlay);
        out.open(CONTAINER);
        out.number("size", self.page.size() + u64::from(self.all_leaves));
        if let (Some(offset), Some(total)) = (self.page.offset, self.page.total) {
            out.number("totalSize", total);
            out.number("offset", offset);
        } else if let Some(offset) = self.page.offset {
            out.number("offset", offset);
        }
        out.flag("allowSync", true);
        out.text("identifier", "com.plexapp.plugins.library");
        if let Some(section) = self.section {
            out.number("librarySectionID", section.id);
            out.text("librarySectionTitle", section.title);
            out.text("librarySectionUUID", section.uuid);
        }
        out.text("mediaTagPrefix", "/system/bundle/media/flags/");
        out.number("mediaTagVersion", 1_700_000_000);
        if let Some(parent) = self.parent {
            out.joined("key", &[Piece::Number(parent.key())]);
            scene.title_attribute(out, "parentTitle", parent);
        }
        if let Some(section) = self.section {
            out.text("title1", section.title);
            out.text("viewGroup", section.kind);
        }
        if let Some((kind, section)) = self.meta.zip(self.section) {
            meta::meta(out, section, kind);
        }
        if let Some(parent) = self.parent.filter(|_| self.all_leaves) {
            let (leaves, viewed) = overlay.leaf_counts(catalog, parent);
            out.open(DIRECTORY);
            out.number("leafCount", leaves);
            out.number("viewedLeafCount", viewed);
            out.joined(
                "key",
                &[Piece::Text("/library/metadata/"), Piece::Number(parent.key()), Piece::Text("/allLeaves")],
            );
            out.text("title", "All episodes");
            out.close();
        }
    }

    /// Writes the rows from one place to another.
    pub(crate) fn write(
        &self,
        out: &mut Encoder,
        (catalog, overlay, recent): (&Catalog, &Overlay, &Recent),
        rows: std::ops::Range<u64>,
    ) {
        let scene = self.scene(catalog, overlay);
        for i in rows {
            self.rows.write(&scene, recent, out, i);
        }
    }

    fn scene<'a>(&self, catalog: &'a Catalog, overlay: &'a Overlay) -> Scene<'a> {
        Scene { catalog, overlay, detail: self.detail }
    }
}

/// Writes the server's own description, which is what clients connect by.
pub(crate) fn server(out: &mut Encoder, catalog: &Catalog) {
    out.open(CONTAINER);
    out.number("size", 2);
    for flag in ["allowCameraUpload", "allowChannelAccess", "allowMediaDeletion", "allowSharing", "allowSync"] {
        out.flag(flag, true);
    }
    out.flag("backgroundProcessing", true);
    out.flag("certificate", true);
    out.flag("companionProxy", true);
    out.text("diagnostics", "logs,databases");
    out.flag("eventStream", true);
    out.text("friendlyName", "Sample Plex");
    out.flag("hubSearch", true);
    out.text("machineIdentifier", MACHINE);
    out.flag("multiuser", true);
    out.flag("myPlex", true);
    out.text("myPlexMappingState", "mapped");
    out.text("myPlexSigninState", "ok");
    out.flag("myPlexSubscription", true);
    out.text("myPlexUsername", "owner@sample.invalid");
    out.text("ownerFeatures", "hardware_transcoding,pass");
    out.text("platform", "Linux");
    out.text("platformVersion", "6.1");
    out.flag("pluginHost", true);
    out.number("readOnlyLibraries", 0);
    out.number("streamingBrainABRVersion", 3);
    out.number("streamingBrainVersion", 2);
    out.flag("sync", true);
    out.number("transcoderActiveVideoSessions", 0);
    out.flag("transcoderAudio", true);
    out.flag("transcoderVideo", true);
    out.number("updatedAt", catalog.clock);
    out.flag("updater", true);
    out.text("version", VERSION);
    out.flag("voiceSearch", true);
    for key in ["hubs", "library"] {
        out.open(DIRECTORY);
        out.number("count", 1);
        out.text("key", key);
        out.text("title", key);
        out.close();
    }
    out.close();
}

/// Writes who the server is.
pub(crate) fn identity(out: &mut Encoder) {
    out.open(CONTAINER);
    out.number("size", 0);
    out.flag("claimed", true);
    out.text("machineIdentifier", MACHINE);
    out.text("version", VERSION);
    out.close();
}

/// Writes the way into the library.
pub(crate) fn library(out: &mut Encoder) {
    let entries =
        [("sections", "Library Sections"), ("recentlyAdded", "Recently Added Content"), ("onDeck", "On Deck Content")];
    out.open(CONTAINER);
    out.number("size", entries.len());
    out.flag("allowSync", false);
    out.text("art", "/:/resources/library-art.png");
    out.text("identifier", "com.plexapp.plugins.library");
    out.text("mediaTagPrefix", "/system/bundle/media/flags/");
    out.number("mediaTagVersion", 1_700_000_000);
    out.text("title1", "Plex Library");
    for (key, title) in entries {
        out.open(DIRECTORY);
        out.text("key", key);
        out.text("title", title);
        out.close();
    }
    out.close();
}

/// Writes the list of sections.
pub(crate) fn sections(out: &mut Encoder, catalog: &Catalog) {
    out.open(CONTAINER);
    out.number("size", SECTIONS.len());
    out.flag("allowSync", true);
    out.text("title1", "Plex Library");
    for section in SECTIONS {
        out.open(DIRECTORY);
        out.flag("allowSync", true);
        out.joined("art", &[Piece::Text("/:/resources/"), Piece::Text(section.kind), Piece::Text("-fanart.jpg")]);
        out.joined(
            "composite",
            &[Piece::Text("/library/sections/"), Piece::Number(section.id), Piece::Text("/composite/1")],
        );
        out.flag("filters", true);
        out.flag("refreshing", false);
        out.joined("thumb", &[Piece::Text("/:/resources/"), Piece::Text(section.kind), Piece::Text(".png")]);
        out.joined("key", &[Piece::Number(section.id)]);
        out.text("type", section.kind);
        out.text("title", section.title);
        out.text("agent", section.agent);
        out.text("scanner", section.scanner);
        out.text("language", "en-US");
        out.text("uuid", section.uuid);
        out.number("updatedAt", catalog.clock - 5_400);
        out.number("createdAt", 1_262_304_000);
        out.number("scannedAt", catalog.clock - 3_600);
        out.flag("content", true);
        out.flag("directory", true);
        out.number("contentChangedAt", 12_000 + section.id);
        out.number("hidden", 0);
        out.open(Tag::list("Location"));
        out.number("id", section.id);
        out.text("path", section.path);
        out.close();
        out.close();
    }
    out.close();
}

/// Writes what one can look at in a section.
pub(crate) fn section(out: &mut Encoder, section: &Section) {
    let entries = [
        ("all", "All"),
        ("unwatched", "Unplayed"),
        ("recentlyAdded", "Recently Added"),
        ("collections", "Collections"),
        ("search?type=1", "Search..."),
    ];
    out.open(CONTAINER);
    out.number("size", entries.len());
    out.flag("allowSync", false);
    out.text("content", "secondary");
    out.text("identifier", "com.plexapp.plugins.library");
    out.number("librarySectionID", section.id);
    out.text("librarySectionTitle", section.title);
    out.text("librarySectionUUID", section.uuid);
    out.text("title1", section.title);
    out.text("viewGroup", "secondary");
    for (key, title) in entries {
        out.open(DIRECTORY);
        out.text("key", key);
        out.text("title", title);
        out.close();
    }
    out.close();
}

/// Writes the household's accounts. Account 0 is the nameless one that every server has.
pub(crate) fn accounts(out: &mut Encoder) {
    out.open(CONTAINER);
    out.number("size", ACCOUNTS.len() + 1);
    out.text("identifier", "com.plexapp.system.accounts");
    for (id, name) in [(0, "")].iter().chain(ACCOUNTS) {
        out.open(Tag::list("Account"));
        out.number("id", *id);
        out.joined("key", &[Piece::Text("/accounts/"), Piece::Number(*id)]);
        out.text("name", name);
        out.text("defaultAudioLanguage", "en");
        out.flag("autoSelectAudio", true);
        out.text("defaultSubtitleLanguage", "en");
        out.number("subtitleMode", 0);
        out.text("thumb", "");
        out.close();
    }
    out.close();
}

/// Writes the devices that played something.
pub(crate) fn devices(out: &mut Encoder, catalog: &Catalog) {
    out.open(CONTAINER);
    out.number("size", DEVICES.len());
    out.text("identifier", "com.plexapp.system.devices");
    for (id, name, platform, client) in DEVICES {
        out.open(Tag::list("Device"));
        out.number("id", *id);
        out.text("name", name);
        out.text("platform", platform);
        out.text("clientIdentifier", client);
        out.number("createdAt", catalog.clock - 90_000_000);
        out.close();
    }
    out.close();
}

/// Writes the choices of a filter.
pub(crate) fn choices(out: &mut Encoder, section: &Section, filter: &'static str, choices: &[(String, String)]) {
    out.open(CONTAINER);
    out.number("size", choices.len());
    out.text("identifier", "com.plexapp.plugins.library");
    out.number("librarySectionID", section.id);
    for (key, title) in choices {
        out.open(DIRECTORY);
        out.joined(
            "fastKey",
            &[
                Piece::Text("/library/sections/"),
                Piece::Number(section.id),
                Piece::Text("/all?"),
                Piece::Text(filter),
                Piece::Text("="),
                Piece::Text(key),
            ],
        );
        out.text("key", key);
        out.text("title", title);
        out.text("type", filter);
        out.close();
    }
    out.close();
}

/// Whether an item has the extra entry "All episodes" before its seasons.
pub(crate) fn has_all_leaves(catalog: &Catalog, place: Place) -> bool {
    matches!(place, Place::Root(Forest::Shows, n) if catalog.tree(Forest::Shows).shape(n).len() > 1)
}
