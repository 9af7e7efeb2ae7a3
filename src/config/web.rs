//! The web pages: how they sign people in, and whose pictures they show.

use axum::http::Uri;
use serde::Serialize;

use super::Config;
use crate::{
    error::{Error, Result},
    text,
};

/// What OpenID Connect must be asked for.
const OPENID: &str = "openid";

/// How the pages get a token for whoever opens them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase", rename_all_fields = "camelCase")]
pub enum SignIn {
    /// Visitors of the demo choose who they are.
    Demo,
    /// The host application gives one to whoever has its cookie.
    Url { url: String },
    /// An identity provider does, by OpenID Connect.
    Oidc {
        issuer: String,
        client_id: String,
        scope: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        audience: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        resource: Option<String>,
    },
    /// People enter one themselves.
    None,
}

impl Config {
    pub fn sign_in(&self) -> SignIn {
        match (&self.web_token_url, &self.auth_issuer, &self.web_client_id) {
            (Some(url), ..) => SignIn::Url { url: url.clone() },
            (None, Some(issuer), Some(client_id)) => SignIn::Oidc {
                issuer: issuer.clone(),
                client_id: client_id.clone(),
                scope: self.web_scope.clone(),
                audience: self.web_audience.clone(),
                resource: self.web_resource.clone(),
            },
            _ => SignIn::None,
        }
    }

    /// The origins that the pages connect to besides their own. An origin is a scheme, a host and,
    /// if it is not the usual one, a port.
    pub fn sign_in_origin(&self) -> Option<String> {
        match self.sign_in() {
            SignIn::Url { url } => origin(&url),
            SignIn::Oidc { issuer, .. } => origin(&issuer),
            SignIn::Demo | SignIn::None => None,
        }
    }

    /// Refuses settings with which nobody could sign in, or which would open the policy of the
    /// pages.
    pub fn check_web(&self) -> Result<()> {
        let refuse = |name: &str, why: &str| Err(Error::invalid(name, why));
        if let Some(url) = &self.web_token_url
            && !is_path(url)
            && origin(url).is_none()
        {
            return refuse(
                "web_token_url",
                "must be an https URL, an http URL on loopback, or a path that begins with one slash",
            );
        }
        if let Some(client_id) = &self.web_client_id {
            text::check_id("web_client_id", client_id, LONGEST)?;
            if self.web_token_url.is_some() {
                return refuse("web_client_id", "is one way to sign in, and web_token_url another");
            }
            if self.auth_issuer.as_deref().is_none_or(|issuer| origin(issuer).is_none()) {
                let why = "needs auth_issuer: an https URL, or an http URL on loopback";
                return refuse("web_client_id", why);
            }
        }
        text::check_id("web_scope", &self.web_scope, LONGEST)?;
        if !self.web_scope.split(' ').any(|scope| scope == OPENID) {
            return refuse("web_scope", "must contain openid");
        }
        for (name, value) in
            [("web_audience", &self.web_audience), ("web_resource", &self.web_resource)]
        {
            if let Some(value) = value {
                text::check_id(name, value, LONGEST)?;
                if self.web_client_id.is_none() {
                    return refuse(name, "is for OpenID Connect, which needs web_client_id");
                }
            }
        }
        if !self.web_image_sources.iter().all(|source| is_source(source)) {
            return refuse(
                "web_image_sources",
                "must be https: or origins such as https://pictures.example.com",
            );
        }
        Ok(())
    }
}

/// In bytes.
const LONGEST: usize = 255;

/// A path on the host of the pages, where a proxy has both.
fn is_path(url: &str) -> bool {
    url.starts_with('/') && !url.starts_with("//") && is_plain(url)
}

/// None for a URL whose answer could be changed on its way.
fn origin(url: &str) -> Option<String> {
    let uri: Uri = url.parse().ok().filter(|_| is_plain(url))?;
    let authority = uri.authority().filter(|authority| !authority.as_str().contains('@'))?;
    let scheme = uri.scheme_str()?;
    let is_safe = scheme == "https" || (scheme == "http" && text::is_loopback(authority.host()));
    is_safe.then(|| format!("{scheme}://{authority}"))
}

/// A source of the policy (CSP): `https:`, or an origin whose host may begin with `*.` and whose
/// port may be `*`.
fn is_source(source: &str) -> bool {
    let Some(host) = source.strip_prefix("https://").or_else(|| source.strip_prefix("http://"))
    else {
        return source == "https:";
    };
    let host = host.strip_prefix("*.").unwrap_or(host);
    let (name, port) = host.rsplit_once(':').unwrap_or((host, "*"));
    let is_name = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
    let is_port = port == "*" || port.parse::<u16>().is_ok();
    !name.is_empty() && name.chars().all(is_name) && is_port
}

/// Without what separates the parts of a policy.
fn is_plain(url: &str) -> bool {
    url.chars().all(|c| c.is_ascii_graphic() && !";,'\"\\".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(set: impl FnOnce(&mut Config)) -> Option<String> {
        let mut config = Config::default();
        set(&mut config);
        config.check_web().err().map(|error| match error {
            Error::Invalid { field, .. } => field,
            error => format!("{error:?}"),
        })
    }

    #[test]
    fn tokens_come_from_a_safe_address() {
        for url in [
            "https://app.example.com/inbox-token",
            "https://app.example.com:8443/t?for=inbox",
            "http://localhost:3000/token",
            "http://[::1]:3000/token",
            "/inbox-token",
        ] {
            assert_eq!(refused(|config| config.web_token_url = Some(url.into())), None, "{url}");
        }
        for url in [
            "",
            "token",
            "//evil.example/token",
            "http://app.example.com/token",
            "https://user:password@app.example.com/token",
            "https://app.example.com/a;script-src *",
            "https://app.example.com;script-src",
            "ftp://localhost/token",
            "javascript:alert(1)",
        ] {
            let refused = refused(|config| config.web_token_url = Some(url.into()));
            assert_eq!(refused.as_deref(), Some("web_token_url"), "{url}");
        }
    }

    #[test]
    fn openid_connect_needs_an_issuer_and_is_the_only_way() {
        let oidc = |config: &mut Config| {
            config.web_client_id = Some("inbox".into());
            config.auth_issuer = Some("https://id.example.com/realms/acme".into());
        };
        assert_eq!(refused(oidc), None);
        for issuer in [None, Some("acme"), Some("http://id.example.com")] {
            let refused = refused(|config| {
                oidc(config);
                config.auth_issuer = issuer.map(Into::into);
            });
            assert_eq!(refused.as_deref(), Some("web_client_id"), "{issuer:?}");
        }
        let both = refused(|config| {
            oidc(config);
            config.web_token_url = Some("/token".into());
        });
        assert_eq!(both.as_deref(), Some("web_client_id"));
        let alone =
            refused(|config| config.web_audience = Some("https://inbox.example.com".into()));
        assert_eq!(alone.as_deref(), Some("web_audience"));
        let empty = refused(|config| {
            oidc(config);
            config.web_resource = Some("".into());
        });
        assert_eq!(empty.as_deref(), Some("web_resource"));
        for scope in ["", "profile", "openidx"] {
            let refused = refused(|config| config.web_scope = scope.into());
            assert_eq!(refused.as_deref(), Some("web_scope"), "{scope}");
        }
        assert_eq!(refused(|config| config.web_scope = "openid offline_access".into()), None);
    }

    #[test]
    fn sources_of_pictures_cannot_open_the_policy() {
        let refused = |source: &str| {
            refused(|config| config.web_image_sources = vec!["https:".into(), source.into()])
        };
        for source in [
            "https://pictures.example.com",
            "https://*.example.com",
            "http://127.0.0.1:*",
            "http://intranet:8080",
        ] {
            assert_eq!(refused(source), None, "{source}");
        }
        for source in [
            "",
            "*",
            "'unsafe-inline'",
            "https://a.example; script-src *",
            "https://a.example b.example",
            "https://a.example/path",
            "https://",
            "https://*",
            "https://a.example:x",
            "data:",
        ] {
            assert_eq!(refused(source).as_deref(), Some("web_image_sources"), "{source}");
        }
        assert_eq!(
            super::Config { web_image_sources: vec![], ..Config::default() }.check_web().ok(),
            Some(())
        );
    }

    #[test]
    fn the_policy_names_origins_and_no_paths() {
        let origin = |set: fn(&mut Config)| {
            let mut config = Config::default();
            set(&mut config);
            config.sign_in_origin()
        };
        assert_eq!(origin(|_| {}), None);
        assert_eq!(origin(|config| config.web_token_url = Some("/token".into())), None);
        assert_eq!(
            origin(|config| config.web_token_url = Some("https://app.example.com:8443/t".into())),
            Some("https://app.example.com:8443".into())
        );
        let oidc = |config: &mut Config| {
            config.web_client_id = Some("inbox".into());
            config.auth_issuer = Some("https://id.example.com/realms/acme".into());
        };
        assert_eq!(origin(oidc), Some("https://id.example.com".into()));
    }
}
