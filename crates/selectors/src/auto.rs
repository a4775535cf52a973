//! Settings that are a value or the word `auto`.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A value, or what the method makes of the pool.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Auto<T> {
    /// Left to the method: the word `auto`.
    #[default]
    Auto,
    /// This value.
    Value(T),
}

impl<T> Auto<T> {
    /// The value, or what stands in for it.
    pub(crate) fn or(self, auto: T) -> T {
        match self {
            Auto::Auto => auto,
            Auto::Value(value) => value,
        }
    }
}

impl Auto<f64> {
    /// Whether it is `auto` or a finite number above 0.
    pub(crate) fn is_positive(self) -> bool {
        let value = self.or(1.0);
        value.is_finite() && value > 0.0
    }
}

impl<T: Serialize> Serialize for Auto<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Auto::Auto => serializer.serialize_str("auto"),
            Auto::Value(value) => value.serialize(serializer),
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Auto<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "must be auto or a number")]
        enum Raw<T> {
            Value(T),
            Name(String),
        }
        match Raw::deserialize(deserializer)? {
            Raw::Value(value) => Ok(Auto::Value(value)),
            Raw::Name(name) if name == "auto" => Ok(Auto::Auto),
            _ => Err(de::Error::custom("must be auto or a number")),
        }
    }
}
