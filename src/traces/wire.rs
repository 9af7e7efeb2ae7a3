//! Spans as OTLP's messages.

use chrono::{DateTime, Utc};
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value},
    resource::v1::Resource,
    trace::v1::{
        ResourceSpans, ScopeSpans, Span, SpanFlags, Status, span::Link, status::StatusCode,
    },
};

use super::{
    parent::Ids,
    queue::{Ended, Value},
};

const NAME: &str = "tidings";

/// What this process is called.
pub fn resource() -> Resource {
    let instance = format!("{:032x}", rand::random::<u128>());
    let attributes = [
        ("service.name", NAME.into()),
        ("service.version", env!("CARGO_PKG_VERSION").into()),
        ("service.instance.id", instance.into()),
    ];
    Resource { attributes: attributes.into_iter().map(attribute).collect(), ..Default::default() }
}

/// The request that sends some spans.
pub fn request(resource: &Resource, spans: Vec<Ended>) -> ExportTraceServiceRequest {
    let spans = ScopeSpans {
        scope: Some(InstrumentationScope { name: NAME.to_owned(), ..Default::default() }),
        spans: spans.into_iter().map(span).collect(),
        ..Default::default()
    };
    let resource = Some(resource.clone());
    let spans = ResourceSpans { resource, scope_spans: vec![spans], ..Default::default() };
    ExportTraceServiceRequest { resource_spans: vec![spans] }
}

fn span(ended: Ended) -> Span {
    let Ended { ids, parent, is_remote, name, kind, start, time, .. } = ended;
    let of_parent = if is_remote { SpanFlags::ContextIsRemoteMask as u32 } else { 0 };
    let status = ended.has_failed.then(|| Status {
        code: StatusCode::Error.into(),
        // What went wrong is in the attributes, and its text in the log only.
        message: String::new(),
    });
    let start = nanoseconds(start);
    Span {
        trace_id: ids.trace.to_be_bytes().into(),
        span_id: ids.span.to_be_bytes().into(),
        parent_span_id: parent.map(|id| id.to_be_bytes().into()).unwrap_or_default(),
        flags: SpanFlags::ContextHasIsRemoteMask as u32 | of_parent | SAMPLED,
        name: name.into_owned(),
        kind: kind.into(),
        start_time_unix_nano: start,
        end_time_unix_nano: start + time.as_nanos() as u64,
        attributes: ended.attributes.into_iter().map(attribute).collect(),
        links: ended.links.into_iter().map(link).collect(),
        status,
        ..Default::default()
    }
}

/// As in `traceparent`.
const SAMPLED: u32 = 1;

fn link(ids: Ids) -> Link {
    Link {
        trace_id: ids.trace.to_be_bytes().into(),
        span_id: ids.span.to_be_bytes().into(),
        flags: SpanFlags::ContextHasIsRemoteMask as u32,
        ..Default::default()
    }
}

fn nanoseconds(time: DateTime<Utc>) -> u64 {
    time.timestamp_nanos_opt().unwrap_or_default().unsigned_abs()
}

fn attribute((key, value): (&'static str, Value)) -> KeyValue {
    let value = Some(match value {
        Value::Text(text) => any_value::Value::StringValue(text.into_owned()),
        Value::Number(number) => any_value::Value::IntValue(number),
    });
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value }), ..Default::default() }
}
