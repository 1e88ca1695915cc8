//! What the types share that check a value once, on reading: their JSON Schema, and numbers from JSON and from text.

/// A JSON Schema that stands where the type is used, not in a list of definitions.
macro_rules! inline_schema {
    ($name:ident, $schema:tt) => {
        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn inline_schema() -> bool {
                true
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!($schema)
            }
        }
    };
}

/// A type that is made by `TryFrom<$number>`, read from text and from JSON. `$visit` lists the kinds of JSON number that
/// it is made of; `$unexpected` is the one that an error shows.
macro_rules! checked_number {
    ($name:ident, $number:ty, $expected:literal, $unexpected:ident, $($visit:ident($json:ty)),+) => {
        impl std::str::FromStr for $name {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, String> {
                let value: $number = text
                    .parse()
                    .map_err(|_| format!("expected {}, found {text:?}", $expected))?;
                Self::try_from(value)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct NumberVisitor;
                impl serde::de::Visitor<'_> for NumberVisitor {
                    type Value = $name;

                    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        f.write_str($expected)
                    }

                    $(fn $visit<E: serde::de::Error>(self, value: $json) -> Result<$name, E> {
                        let value = value as $number;
                        $name::try_from(value).map_err(|_| {
                            E::invalid_value(serde::de::Unexpected::$unexpected(value), &self)
                        })
                    })+
                }
                deserializer.deserialize_any(NumberVisitor)
            }
        }
    };
}

pub(crate) use {checked_number, inline_schema};
