//! What `kubectl get svc -A -o json` prints, as far as it matters here.
//!
//! Text is borrowed from the input and everything else is passed over without being kept: a large cluster prints tens of
//! megabytes, of which this needs little.

use cluster::invalid::Invalid;
use serde::Deserialize;
use serde::de::{Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use std::borrow::Cow;
use std::fmt;
use std::ops::Deref;

/// The prefix of this tool's annotations.
pub const PREFIX: &str = "cloud-at-home/";

/// What kubectl prints: a list, or one service.
#[derive(Debug, Deserialize)]
struct Printed<'a> {
    #[serde(borrow)]
    kind: Option<Text<'a>>,
    #[serde(borrow)]
    items: Option<Vec<Service<'a>>>,
}

/// A Kubernetes service (`v1`).
#[derive(Debug, Deserialize)]
pub struct Service<'a> {
    #[serde(borrow)]
    kind: Option<Text<'a>>,
    /// Who it is.
    #[serde(borrow, default)]
    pub metadata: Metadata<'a>,
    /// What is wanted.
    #[serde(borrow, default)]
    pub spec: Spec<'a>,
    /// What is.
    #[serde(borrow)]
    pub status: Option<Status<'a>>,
}

/// Who a service is.
#[derive(Debug, Default, Deserialize)]
pub struct Metadata<'a> {
    /// Its name.
    #[serde(borrow)]
    pub name: Option<Text<'a>>,
    /// Its namespace; absent for `default` in files written by hand.
    #[serde(borrow)]
    pub namespace: Option<Text<'a>>,
    /// This tool's annotations, without their prefix.
    #[serde(borrow)]
    pub annotations: Option<Annotations<'a>>,
}

/// What is wanted of a service.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Spec<'a> {
    /// `ClusterIP` (the default), `NodePort`, `LoadBalancer` or `ExternalName`.
    #[serde(borrow, rename = "type")]
    pub kind: Option<Text<'a>>,
    /// Its address inside the cluster; `None` where it has none.
    #[serde(borrow, rename = "clusterIP")]
    pub cluster_ip: Option<Text<'a>>,
    /// Its ports.
    #[serde(borrow)]
    pub ports: Option<Vec<Port<'a>>>,
    /// The load-balancer address that it asks for.
    #[serde(borrow, rename = "loadBalancerIP")]
    pub load_balancer_ip: Option<Text<'a>>,
    /// Who may connect.
    #[serde(borrow)]
    pub load_balancer_source_ranges: Option<Vec<Text<'a>>>,
    /// `Cluster` (the default) or `Local`.
    #[serde(borrow)]
    pub external_traffic_policy: Option<Text<'a>>,
    /// Addresses that lead to the nodes and that Kubernetes answers on.
    #[serde(borrow, rename = "externalIPs")]
    pub external_ips: Option<Vec<Text<'a>>>,
}

/// A port of a service.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Port<'a> {
    /// Its name; absent where it is the only one.
    #[serde(borrow)]
    pub name: Option<Text<'a>>,
    /// `TCP` (the default), `UDP` or `SCTP`.
    #[serde(borrow)]
    pub protocol: Option<Text<'a>>,
    /// The port itself.
    pub port: Number,
    /// The port on every node, for NodePort and LoadBalancer.
    pub node_port: Option<Number>,
}

/// What a service is.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Status<'a> {
    /// Its load balancer.
    #[serde(borrow)]
    pub load_balancer: Option<LoadBalancer<'a>>,
}

/// A service's load balancer.
#[derive(Debug, Deserialize)]
pub struct LoadBalancer<'a> {
    /// Its addresses.
    #[serde(borrow)]
    pub ingress: Option<Vec<Ingress<'a>>>,
}

/// An address of a load balancer.
#[derive(Debug, Deserialize)]
pub struct Ingress<'a> {
    /// The address; absent where there is only a host name.
    #[serde(borrow)]
    pub ip: Option<Text<'a>>,
    /// The host name.
    #[serde(borrow)]
    pub hostname: Option<Text<'a>>,
}

/// A port number, 1 to 65535.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Number(pub u16);

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = i64::deserialize(deserializer)?;
        match u16::try_from(number) {
            Ok(port) if port > 0 => Ok(Self(port)),
            _ => Err(D::Error::custom(format!(
                "expected a port number from 1 to 65535, found {number}"
            ))),
        }
    }
}

/// Text, borrowed from the input where it holds no escape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text<'a>(Cow<'a, str>);

impl Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextVisitor;
        impl<'de> Visitor<'de> for TextVisitor {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("text")
            }

            fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(TextVisitor)
    }
}

/// This tool's annotations: names without the prefix, and values.
#[derive(Debug, Default)]
pub struct Annotations<'a>(pub Vec<(Text<'a>, Text<'a>)>);

impl Annotations<'_> {
    /// The value of an annotation.
    pub fn get(&self, name: &str) -> Option<&str> {
        let mut found = self.0.iter().filter(|(known, _)| &**known == name);
        found.next().map(|(_, value)| &**value)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Annotations<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct MapVisitor;
        impl<'de> Visitor<'de> for MapVisitor {
            type Value = Annotations<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut own = Vec::new();
                while let Some(key) = map.next_key::<Text<'de>>()? {
                    match key.strip_prefix(PREFIX) {
                        Some(name) => {
                            let name = Text(Cow::Owned(name.to_owned()));
                            own.push((name, map.next_value()?));
                        }
                        None => {
                            map.next_value::<IgnoredAny>()?;
                        }
                    }
                }
                Ok(Annotations(own))
            }
        }
        deserializer.deserialize_map(MapVisitor)
    }
}

/// Whether the input begins as kubectl's output does; a cluster document has neither key.
pub fn looks_like(input: &[u8]) -> bool {
    let body = input.trim_ascii_start();
    let first = body.strip_prefix(b"{").map(<[u8]>::trim_ascii_start);
    ["\"apiVersion\"", "\"kind\""]
        .iter()
        .any(|key| first.is_some_and(|first| first.starts_with(key.as_bytes())))
}

/// The services in kubectl's output, with their positions in its list. Other kinds of objects are passed over.
///
/// # Errors
/// Not what kubectl prints; the path of the first value that is not valid.
pub fn parse(input: &[u8]) -> Result<Vec<(usize, Service<'_>)>, Invalid> {
    let printed: Printed<'_> = serde_json::from_slice(input).map_err(|_| locate(input))?;
    match (printed.kind.as_deref(), printed.items) {
        (Some("List" | "ServiceList"), Some(items)) => Ok(items
            .into_iter()
            .enumerate()
            .filter(|(_, item)| matches!(item.kind.as_deref(), None | Some("Service")))
            .collect()),
        (Some("Service"), None) => {
            let one = serde_json::from_slice(input).map_err(|_| locate(input))?;
            Ok(vec![(0, one)])
        }
        _ => Err(Invalid::new(
            "",
            "expected what `kubectl get svc -A -o json` prints, found another object",
        )),
    }
}

/// Reads again with the path kept, which takes longer: only once something is known to be wrong.
fn locate(input: &[u8]) -> Invalid {
    let mut reader = serde_json::Deserializer::from_slice(input);
    match serde_path_to_error::deserialize::<_, Printed<'_>>(&mut reader) {
        Err(error) => {
            let path = error.path().to_string();
            let path = if path == "." { String::new() } else { path };
            Invalid::new(path, error.inner().to_string())
        }
        Ok(_) => match reader.end() {
            Err(error) => Invalid::new("", error.to_string()),
            Ok(()) => Invalid::new("", "expected what `kubectl get svc -A -o json` prints"),
        },
    }
}
