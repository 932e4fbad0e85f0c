//! Reading values of the wrong JSON type: Plex sends numbers as text on one endpoint and as numbers on the next, and one
//! odd field must not lose an item. What can't be read is taken for absent.

use serde::{Deserialize, Deserializer, de::DeserializeOwned};
use serde_json::Value;

/// A whole number, or text that is one.
pub fn integer<'de, D: Deserializer<'de>>(from: D) -> Result<Option<i64>, D::Error> {
    Ok(match Value::deserialize(from)? {
        Value::Number(number) => number.as_i64().or_else(|| number.as_f64().and_then(whole)),
        Value::String(text) => {
            let text = text.trim();
            text.parse().ok().or_else(|| text.parse().ok().and_then(whole))
        }
        Value::Bool(flag) => Some(flag.into()),
        _ => None,
    })
}

/// A number, or text that is one.
pub fn number<'de, D: Deserializer<'de>>(from: D) -> Result<Option<f64>, D::Error> {
    Ok(match Value::deserialize(from)? {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok().filter(|number: &f64| number.is_finite()),
        _ => None,
    })
}

/// Text, or a number as its text.
pub fn text<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    Ok(match Value::deserialize(from)? {
        Value::String(text) => Some(text),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        _ => None,
    })
}

/// `true`, `1`, `"1"`, `"true"`; everything else is false.
pub fn flag<'de, D: Deserializer<'de>>(from: D) -> Result<bool, D::Error> {
    Ok(match Value::deserialize(from)? {
        Value::Bool(flag) => flag,
        Value::Number(number) => number.as_i64() == Some(1),
        Value::String(text) => matches!(text.as_str(), "1" | "true"),
        _ => false,
    })
}

/// A list, or the one object that was sent in place of a list of one. Members that can't be read are left out.
pub fn list<'de, D: Deserializer<'de>, T: DeserializeOwned>(from: D) -> Result<Vec<T>, D::Error> {
    let members = match Value::deserialize(from)? {
        Value::Array(members) => members,
        Value::Null => Vec::new(),
        one => vec![one],
    };
    Ok(members.into_iter().filter_map(|member| serde_json::from_value(member).ok()).collect())
}

fn whole(number: f64) -> Option<i64> {
    // Beyond 2^53 a float no longer tells whole numbers apart.
    let exact = number.fract() == 0.0 && number.abs() <= 9_007_199_254_740_992.0;
    #[expect(clippy::cast_possible_truncation, reason = "checked to be whole and within range")]
    exact.then_some(number as i64)
}

#[cfg(test)]
mod tests {
    #[derive(serde::Deserialize, Debug, Default, PartialEq)]
    #[serde(default)]
    struct Odd {
        #[serde(deserialize_with = "super::integer")]
        count: Option<i64>,
        #[serde(deserialize_with = "super::number")]
        rating: Option<f64>,
        #[serde(deserialize_with = "super::text")]
        key: Option<String>,
        #[serde(deserialize_with = "super::flag")]
        smart: bool,
        #[serde(deserialize_with = "super::list")]
        media: Vec<Odd>,
    }

    fn read(value: serde_json::Value) -> Odd {
        serde_json::from_value(value).expect("nothing is too odd")
    }

    #[test]
    fn values_of_another_type_are_read() {
        let odd =
            read(serde_json::json!({"count": "2", "rating": "7.5", "key": 11, "smart": "1", "media": {"count": 3}}));
        assert_eq!((odd.count, odd.rating, odd.key.as_deref(), odd.smart), (Some(2), Some(7.5), Some("11"), true));
        assert_eq!(odd.media[0].count, Some(3));
        for (text, count) in [(" 007 ", Some(7)), ("3.0", Some(3)), ("3.5", None), ("", None), ("1e30", None)] {
            assert_eq!(read(serde_json::json!({"count": text})).count, count, "{text}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_absent_and_loses_nothing_beside_it() {
        let odd = read(
            serde_json::json!({"count": "many", "rating": [], "key": {}, "smart": null, "media": [7, {"count": 1.0}]}),
        );
        assert_eq!(odd, Odd { media: vec![Odd { count: Some(1), ..Odd::default() }], ..Odd::default() });
    }
}
