//! An address to listen on, as people write it.

use std::{
    fmt, io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs},
    str::FromStr,
};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

/// A host and a port: `127.0.0.1:8080`, `localhost:8080`, or `:8080` for all addresses of this
/// machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    text: String,
    /// The first of these that can be bound is taken.
    candidates: Vec<SocketAddr>,
}

impl Address {
    pub fn candidates(&self) -> &[SocketAddr] {
        &self.candidates
    }

    /// Whether only this machine can connect.
    pub fn is_loopback(&self) -> bool {
        self.candidates.iter().all(|address| address.ip().is_loopback())
    }
}

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = |error: io::Error| {
            format!("“{text}” must be a host and a port, such as localhost:8080: {error}")
        };
        let mut candidates: Vec<SocketAddr> = match text.strip_prefix(':') {
            Some(port) => {
                let port = port.parse().map_err(io::Error::other).map_err(wrong)?;
                // The first is for IPv4, too, but not every machine has IPv6.
                vec![(Ipv6Addr::UNSPECIFIED, port).into(), (Ipv4Addr::UNSPECIFIED, port).into()]
            }
            None => {
                let mut resolved: Vec<_> = text.to_socket_addrs().map_err(wrong)?.collect();
                // Of localhost, 127.0.0.1 is what most programs try first.
                resolved.sort_by_key(SocketAddr::is_ipv6);
                resolved
            }
        };
        candidates.dedup();
        Ok(Address { text: text.to_owned(), candidates })
    }
}

impl<T: Into<SocketAddr>> From<T> for Address {
    fn from(address: T) -> Self {
        let address = address.into();
        Address { text: address.to_string(), candidates: vec![address] }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Serialize for Address {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for Address {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

impl JsonSchema for Address {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Address".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string"})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_people_write_them() {
        let first = |text: &str| text.parse::<Address>().unwrap().candidates()[0].to_string();
        assert_eq!(first("127.0.0.1:8080"), "127.0.0.1:8080");
        assert_eq!(first("localhost:8080"), "127.0.0.1:8080");
        assert_eq!(first("[::1]:8080"), "[::1]:8080");
        assert_eq!(first(":8080"), "[::]:8080");
        for text in ["", "8080", "localhost", "127.0.0.1", ":", ":http", "127.0.0.1:70000"] {
            assert!(text.parse::<Address>().is_err(), "{text}");
        }
    }

    #[test]
    fn an_address_is_loopback_only_if_no_other_machine_can_connect() {
        for (text, is_loopback) in [
            ("localhost:1", true),
            ("127.0.0.2:1", true),
            ("[::1]:1", true),
            (":1", false),
            ("0.0.0.0:1", false),
            ("[::]:1", false),
            ("192.0.2.1:1", false),
        ] {
            assert_eq!(text.parse::<Address>().unwrap().is_loopback(), is_loopback, "{text}");
        }
    }
}
