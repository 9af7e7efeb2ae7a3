//! Traces: where spans are sent, with which headers, and which of them.

use axum::http::{HeaderMap, HeaderName, HeaderValue, Uri};

use super::Config;
use crate::{
    error::{Error, Result},
    fetch,
};

/// What the server adds to `otlp_endpoint`, by the specification of OTLP.
const PATH: &str = "/v1/traces";

/// What a request to the collector is made of.
#[derive(Clone)]
pub struct CollectorAddress {
    pub url: Uri,
    /// They are secret.
    pub headers: HeaderMap,
}

impl Config {
    /// Where spans are sent; None if they are not recorded.
    pub fn collector(&self) -> Result<Option<CollectorAddress>> {
        if !(0.0..=1.0).contains(&self.otlp_sample_ratio) {
            return Err(Error::invalid("otlp_sample_ratio", "must be from 0 to 1"));
        }
        let headers = self.otlp_headers()?;
        let Some(endpoint) = &self.otlp_endpoint else {
            return match headers.is_empty() {
                true => Ok(None),
                false => Err(Error::invalid("otlp_headers", "needs otlp_endpoint")),
            };
        };
        let refuse = |why: &str| Err(Error::invalid("otlp_endpoint", why));
        let read = if headers.is_empty() { fetch::url } else { fetch::private_url };
        let base = match read(endpoint) {
            Ok(url) => url,
            Err(why) if headers.is_empty() => return refuse(why),
            Err(why) => return refuse(&format!("{why}, since otlp_headers are secret")),
        };
        if base.query().is_some() {
            return refuse("must have no query");
        }
        let endpoint = endpoint.trim_end_matches('/');
        if endpoint.ends_with(PATH) {
            return refuse("must be without /v1/traces, which the server adds");
        }
        match format!("{endpoint}{PATH}").parse() {
            Ok(url) => Ok(Some(CollectorAddress { url, headers })),
            Err(_) => refuse("is not a URL"),
        }
    }

    /// No error shows a value.
    fn otlp_headers(&self) -> Result<HeaderMap> {
        let mut headers = HeaderMap::new();
        for header in &self.otlp_headers {
            let parsed = header.split_once('=').and_then(|(name, value)| {
                let name = HeaderName::try_from(name.trim()).ok()?;
                let mut value = HeaderValue::try_from(value.trim()).ok()?;
                value.set_sensitive(true);
                Some((name, value))
            });
            let Some((name, value)) = parsed else {
                return Err(Error::invalid("otlp_headers", "must be headers, as name=value"));
            };
            headers.append(name, value);
        }
        Ok(headers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(endpoint: &str, headers: &[&str]) -> Config {
        Config {
            otlp_endpoint: Some(endpoint.into()),
            otlp_headers: headers.iter().map(|header| (*header).into()).collect(),
            ..Config::default()
        }
    }

    #[test]
    fn the_path_is_added_to_the_endpoint() {
        for (endpoint, url) in [
            ("http://collector:4318", "http://collector:4318/v1/traces"),
            ("https://otlp.example.com/tenant/7/", "https://otlp.example.com/tenant/7/v1/traces"),
        ] {
            let address = config(endpoint, &[]).collector().unwrap().unwrap();
            assert_eq!(address.url.to_string(), url);
        }
        assert!(Config::default().collector().unwrap().is_none());
    }

    #[test]
    fn what_cannot_be_meant_is_refused_by_its_name() {
        let refused = |config: Config| match config.collector() {
            Err(Error::Invalid { field, message }) => {
                assert!(!message.contains("hush"), "{message}");
                field
            }
            Err(error) => panic!("{error:?}"),
            Ok(_) => String::new(),
        };
        for endpoint in [
            "collector:4318",
            "grpc://collector:4317",
            "http://user:hush@collector:4318",
            "http://collector:4318/v1/traces",
            "http://collector:4318/?key=hush",
        ] {
            assert_eq!(refused(config(endpoint, &[])), "otlp_endpoint", "{endpoint}");
        }
        assert_eq!(refused(config("http://collector:4318", &["key=hush"])), "otlp_endpoint");
        assert_eq!(refused(config("http://localhost:4318", &["key=hush"])), "");
        for header in ["hush", "a key=hush", "=hush", "key=hu\nsh"] {
            assert_eq!(refused(config("http://localhost:4318", &[header])), "otlp_headers");
        }
        let alone = Config { otlp_endpoint: None, ..config("", &["key=hush"]) };
        assert_eq!(refused(alone), "otlp_headers");
        for ratio in [-0.1, 1.1, f64::NAN] {
            let config = Config { otlp_sample_ratio: ratio, ..Config::default() };
            assert_eq!(refused(config), "otlp_sample_ratio", "{ratio}");
        }
    }
}
