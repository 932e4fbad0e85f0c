//! What type a field has in Plex's JSON. In Plex's XML everything is text, so the transcoder looks here.
//!
//! Plex itself is not consistent (`hasThumbnail` is the text `"1"`, `selected` is `true`): the table follows what servers
//! answer to `Accept: application/json`. A name that is not here is text, and a value that does not fit its type
//! stays text, so nothing is ever lost.

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
        "Extras"
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

fn field_type_everywhere(name: &str) -> FieldType {
    match name {
        "absoluteIndex"
        | "accountID"
        | "addedAt"
        | "audioChannels"
        | "bandwidth"
        | "bitDepth"
        | "bitrate"
        | "channels"
        | "childCount"
        | "codedHeight"
        | "codedWidth"
        | "contentChangedAt"
        | "count"
        | "createdAt"
        | "deviceID"
        | "DOVILevel"
        | "DOVIProfile"
        | "duration"
        | "durationTotal"
        | "endTimeOffset"
        | "expiresAt"
        | "extraType"
        | "height"
        | "id"
        | "index"
        | "lastRatedAt"
        | "lastSeenAt"
        | "lastViewedAt"
        | "leafCount"
        | "leafCountAdded"
        | "leafCountRequested"
        | "level"
        | "librarySectionID"
        | "mediaTagVersion"
        | "offset"
        | "optimizedForStreaming"
        | "parentIndex"
        | "parentYear"
        | "playlistItemID"
        | "playQueueItemID"
        | "ratingCount"
        | "refFrames"
        | "samplingRate"
        | "scannedAt"
        | "size"
        | "skipCount"
        | "startTimeOffset"
        | "streamIdentifier"
        | "streamType"
        | "tagType"
        | "totalSize"
        | "updatedAt"
        | "viewCount"
        | "viewedAt"
        | "viewedLeafCount"
        | "viewMode"
        | "viewOffset"
        | "width"
        | "year" => FieldType::Integer,
        "aspectRatio" | "audienceRating" | "confidence" | "distance" | "frameRate" | "percent" | "progress"
        | "rating" | "score" | "speed" | "userRating" | "value" => FieldType::Number,
        "allowSync" | "anamorphic" | "content" | "default" | "directory" | "filters" | "forced"
        | "hasScalingMatrix" | "hasVoiceActivity" | "has64bitOffsets" | "hearingImpaired" | "hidden" | "locked"
        | "more" | "nocache" | "premium" | "promoted" | "random" | "refreshing" | "search" | "secondary"
        | "selected" | "skipChildren" | "skipParent" | "smart" | "DOVIPresent" | "DOVIBLPresent" | "DOVIELPresent"
        | "DOVIRPUPresent" => FieldType::Boolean,
        _ => FieldType::Text,
    }
}
