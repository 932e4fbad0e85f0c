//! What type a field has in Plex's JSON. In Plex's XML everything is text, so the transcoder looks here.
//!
//! Plex itself is not consistent (`hasThumbnail` is the text `"1"`, `selected` is `true`): the table follows what servers
//! answer to `Accept: application/json`. A name that is not here is text, and a value that does not fit its type
//! stays text, so nothing is ever lost.

use super::attributes::fingerprint;

/// The JSON type of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldType {
    /// A JSON string.
    Text,
    /// A whole number.
    Integer,
    /// A number that may have a fraction.
    Number,
    /// `true` or `false`; `1` and `0` in XML.
    Boolean,
}

/// The type of the field `name` of an element. Few names mean something else on another element.
pub fn field_type(element: &str, name: &str) -> FieldType {
    match (element, name) {
        ("Part", "optimizedForStreaming") => FieldType::Boolean,
        ("Setting", "default" | "value") => FieldType::Text,
        _ => field_type_everywhere(name),
    }
}

/// Whether an element is a single object in Plex's JSON rather than a member of a list.
pub fn is_single(element: &str) -> bool {
    matches!(
        element,
        "Attributes"
            | "Extras"
            | "OnDeck"
            | "Player"
            | "PopularLeaves"
            | "Preferences"
            | "Related"
            | "Session"
            | "TranscodeSession"
            | "UltraBlurColors"
            | "User"
    )
}

/// Fields that are whole numbers.
#[rustfmt::skip]
const INTEGERS: &[&str] = &[
    "absoluteIndex", "accountID", "addedAt", "audioChannels", "bandwidth", "bitDepth", "bitrate", "channels",
    "childCount", "codedHeight", "codedWidth", "contentChangedAt", "count", "createdAt", "deviceID", "DOVILevel",
    "DOVIProfile", "duration", "durationTotal", "endTimeOffset", "expiresAt", "extraType", "height", "id", "index",
    "lastRatedAt", "lastSeenAt", "lastViewedAt", "leafCount", "leafCountAdded", "leafCountRequested", "level",
    "librarySectionID", "mediaTagVersion", "offset", "optimizedForStreaming", "parentIndex", "parentYear",
    "playlistItemID", "playQueueItemID", "ratingCount", "refFrames", "samplingRate", "scannedAt", "size",
    "skipCount", "startTimeOffset", "streamIdentifier", "streamType", "tagType", "totalSize", "updatedAt",
    "viewCount", "viewedAt", "viewedLeafCount", "viewMode", "viewOffset", "width", "year",
];

/// Fields that are numbers with a fraction.
#[rustfmt::skip]
const NUMBERS: &[&str] = &[
    "aspectRatio", "audienceRating", "confidence", "distance", "frameRate", "percent", "progress", "rating", "score",
    "speed", "userRating", "value",
];

/// Fields that are true or false.
#[rustfmt::skip]
const BOOLEANS: &[&str] = &[
    "allowSync", "anamorphic", "content", "default", "directory", "DOVIBLPresent", "DOVIELPresent", "DOVIPresent",
    "DOVIRPUPresent", "filters", "final", "forced", "has64bitOffsets", "hasScalingMatrix", "hasVoiceActivity",
    "hearingImpaired", "hidden", "locked", "more", "nocache", "premium", "promoted", "random", "refreshing",
    "search", "secondary", "selected", "skipChildren", "skipParent", "smart",
];

/// Places in the table; four times the number of names, so that most searches end at the first look.
const PLACES: usize = 512;

/// All names with their types, each at the place that its fingerprint says or behind it.
static TABLE: [Option<(&str, FieldType)>; PLACES] = {
    let mut table = [None; PLACES];
    table = fill(table, INTEGERS, FieldType::Integer);
    table = fill(table, NUMBERS, FieldType::Number);
    fill(table, BOOLEANS, FieldType::Boolean)
};

type Table = [Option<(&'static str, FieldType)>; PLACES];

#[expect(clippy::indexing_slicing, reason = "runs at compile time, where a wrong index is a compile error")]
const fn fill(mut table: Table, names: &[&'static str], of: FieldType) -> Table {
    let mut n = 0;
    while n < names.len() {
        let mut place = fingerprint(names[n].as_bytes()) % PLACES;
        while table[place].is_some() {
            place = (place + 1) % PLACES;
        }
        table[place] = Some((names[n], of));
        n += 1;
    }
    table
}

fn field_type_everywhere(name: &str) -> FieldType {
    let mut place = fingerprint(name.as_bytes()) % PLACES;
    while let Some(Some((known, field_type))) = TABLE.get(place) {
        if *known == name {
            return *field_type;
        }
        place = (place + 1) % PLACES;
    }
    FieldType::Text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_has_its_type_and_stands_in_one_list() {
        let mut names = std::collections::HashSet::new();
        for (list, expected) in
            [(INTEGERS, FieldType::Integer), (NUMBERS, FieldType::Number), (BOOLEANS, FieldType::Boolean)]
        {
            for &name in list {
                assert_eq!(field_type("Video", name), expected, "{name}");
                assert!(names.insert(name), "{name} stands twice");
            }
        }
        assert!(names.len() * 4 <= PLACES, "the table wants more places");
        for text in ["title", "ratingKey", "hasThumbnail", "", "YEAR", "x"] {
            assert_eq!(field_type("Video", text), FieldType::Text, "{text}");
        }
        assert_eq!(field_type("Part", "optimizedForStreaming"), FieldType::Boolean);
        assert_eq!(field_type("Media", "optimizedForStreaming"), FieldType::Integer);
    }
}
