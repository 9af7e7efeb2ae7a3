//! The form in which a client wants its answer.

use std::str::FromStr;

use axum::http::{HeaderMap, HeaderValue, header};
use headers_accept::Accept;
use mediatype::{
    MediaType, Name,
    names::{APPLICATION, EVENT_STREAM, JSON, TEXT},
};

/// The media types of the GraphQL over HTTP specification, and that of server-sent events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `application/json`, the older one: a well-formed request is answered with 200.
    Json,
    /// `application/graphql-response+json`: a request that cannot be executed is answered with 400.
    GraphQL,
    /// `text/event-stream`: one event for each result.
    Events,
}

const FORMATS: [(MediaType<'static>, Format); 3] = [
    (MediaType::new(APPLICATION, JSON), Format::Json),
    (
        MediaType::from_parts(
            APPLICATION,
            Name::new_unchecked("graphql-response"),
            Some(JSON),
            &[],
        ),
        Format::GraphQL,
    ),
    (MediaType::new(TEXT, EVENT_STREAM), Format::Events),
];

impl Format {
    /// The form that a request asks for; `application/json` if it asks for none. None if it accepts
    /// none of these.
    pub fn of(headers: &HeaderMap) -> Option<Self> {
        let accepts =
            headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
        let accepts: Vec<_> =
            accepts.flat_map(|value| value.split(',')).map(without_parameters).collect();
        let accepts = accepts.join(",");
        if accepts.is_empty() {
            return Some(Format::Json);
        }
        let types = FORMATS.map(|(media_type, _)| media_type);
        let chosen = Accept::from_str(&accepts).ok()?.negotiate(&types)?.essence();
        FORMATS
            .into_iter()
            .find(|(media_type, _)| media_type.essence() == chosen)
            .map(|(_, format)| format)
    }

    /// The content type of an answer that is not a stream.
    pub fn content_type(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Format::GraphQL => "application/graphql-response+json; charset=utf-8",
            Format::Json | Format::Events => "application/json; charset=utf-8",
        })
    }
}

/// Parameters such as a charset would be compared, too; only the weight matters here.
fn without_parameters(accept: &str) -> String {
    let mut parts = accept.split(';').map(str::trim);
    let mut kept = parts.next().unwrap_or_default().to_owned();
    if let Some(weight) = parts.find(|part| part.starts_with("q=") || part.starts_with("Q=")) {
        kept = format!("{kept};q={}", &weight[2..]);
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_preferred_form_is_chosen() {
        for (accept, format) in [
            ("", Some(Format::Json)),
            ("*/*", Some(Format::Json)),
            ("application/*", Some(Format::Json)),
            ("application/json; charset=utf-8", Some(Format::Json)),
            ("application/graphql-response+json", Some(Format::GraphQL)),
            (
                "application/graphql-response+json; charset=utf-8, application/json; charset=utf-8",
                Some(Format::GraphQL),
            ),
            ("application/json;q=0.9, application/graphql-response+json", Some(Format::GraphQL)),
            ("text/event-stream", Some(Format::Events)),
            ("text/html, */*;q=0.1", Some(Format::Json)),
            ("text/html", None),
            ("application/json;q=0", None),
        ] {
            let headers =
                HeaderMap::from_iter([(header::ACCEPT, HeaderValue::from_static(accept))]);
            assert_eq!(Format::of(&headers), format, "{accept}");
        }
    }
}
