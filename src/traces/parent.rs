//! The ids of traces and spans, and the texts that carry them from one program to the next: W3C
//! Trace Context, <https://www.w3.org/TR/trace-context-2/>.

use std::fmt;

use axum::http::{HeaderMap, HeaderName, HeaderValue};

const TRACEPARENT: &str = "traceparent";
/// In the answer, the ids of the span that was made for the request.
pub const TRACERESPONSE: HeaderName = HeaderName::from_static("traceresponse");
/// The flags of a trace that is recorded, and of one whose id is random.
const SAMPLED: u8 = 1;
const RANDOM: u8 = 2;
/// The bits of a trace's id that are random, in all programs that keep to level 2.
const RANDOM_BITS: u32 = 56;

/// Which span of which trace. Neither is zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ids {
    pub trace: u128,
    pub span: u64,
}

/// The id of a trace, as it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceId(pub u128);

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl Ids {
    /// The first span of a new trace.
    pub fn random() -> Self {
        Ids { trace: rand::random::<u128>().max(1), span: 0 }.next()
    }

    /// A new span of the same trace.
    pub fn next(self) -> Self {
        Ids { span: rand::random::<u64>().max(1), ..self }
    }

    /// Whether this trace belongs to a share of all, from 0 to 1. All servers agree about it, and so
    /// do other programs that choose by the id as OpenTelemetry does: those with the highest ones.
    pub fn is_among(self, ratio: f64) -> bool {
        let all = 1_u64 << RANDOM_BITS;
        // Compared as integers: the highest numbers of 56 bits have no `f64` of their own.
        let wanted = (ratio * all as f64) as u64;
        self.trace as u64 & (all - 1) >= all - wanted
    }

    /// What the answer to a request says of its span.
    pub fn response(self, is_sampled: bool) -> Option<HeaderValue> {
        let flags = RANDOM | if is_sampled { SAMPLED } else { 0 };
        let Ids { trace, span } = self;
        HeaderValue::try_from(format!("00-{trace:032x}-{span:016x}-{flags:02x}")).ok()
    }
}

/// A span of another program, within which something happens here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parent {
    pub ids: Ids,
    /// Whether that program records it.
    pub is_sampled: bool,
}

impl Parent {
    /// The parent that the headers of a request name. Two of them are none.
    pub fn of(headers: &HeaderMap) -> Option<Self> {
        let mut all = headers.get_all(TRACEPARENT).iter();
        let text = all.next()?.to_str().ok()?;
        if all.next().is_some() { None } else { Self::parse(text.trim()) }
    }

    /// None for what is no `traceparent`: the trace then begins here. A later version may have more
    /// at its end.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.splitn(5, '-');
        let (version, trace) = (hex(parts.next()?, 2)?, hex(parts.next()?, 32)?);
        let (span, flags) = (hex(parts.next()?, 16)?, hex(parts.next()?, 2)?);
        let is_known = version == 0 && parts.next().is_none();
        if !(is_known || (1..0xff).contains(&version)) || trace == 0 || span == 0 {
            return None;
        }
        let is_sampled = flags as u8 & SAMPLED != 0;
        Some(Parent { ids: Ids { trace, span: span as u64 }, is_sampled })
    }
}

/// A number of this many digits, none of them in capitals.
fn hex(text: &str, digits: usize) -> Option<u128> {
    let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    let is_number = text.len() == digits && text.bytes().all(is_digit);
    is_number.then(|| u128::from_str_radix(text, 16).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
    const SPAN: &str = "b7ad6b7169203331";

    #[test]
    fn a_parent_is_read_as_the_specification_says() {
        let parent = |text: &str| Parent::parse(text);
        let ids = Ids { trace: 0x0af7651916cd43dd8448eb211c80319c, span: 0xb7ad6b7169203331 };
        let sampled = Some(Parent { ids, is_sampled: true });
        assert_eq!(parent(&format!("00-{TRACE}-{SPAN}-01")), sampled);
        assert_eq!(parent(&format!("00-{TRACE}-{SPAN}-03")), sampled);
        // Of a later version.
        assert_eq!(parent(&format!("cc-{TRACE}-{SPAN}-01")), sampled);
        assert_eq!(parent(&format!("cc-{TRACE}-{SPAN}-01-what-comes")), sampled);
        let unsampled = parent(&format!("00-{TRACE}-{SPAN}-02"));
        assert_eq!(unsampled, Some(Parent { ids, is_sampled: false }));
        for wrong in [
            String::new(),
            format!("00-{TRACE}-{SPAN}"),
            format!("00-{TRACE}-{SPAN}-01-more"),
            format!("ff-{TRACE}-{SPAN}-01"),
            format!("00-{}-{SPAN}-01", TRACE.to_uppercase()),
            format!("00-{}-{SPAN}-01", "0".repeat(32)),
            format!("00-{TRACE}-{}-01", "0".repeat(16)),
            format!("00-{TRACE}-{SPAN}-1"),
            format!("00-+{}-{SPAN}-01", &TRACE[1..]),
            format!("00_{TRACE}_{SPAN}_01"),
        ] {
            assert_eq!(parent(&wrong), None, "{wrong}");
        }
    }

    #[test]
    fn what_the_answer_says_is_a_parent() {
        for is_sampled in [true, false] {
            let ids = Ids::random();
            let text = ids.response(is_sampled).unwrap();
            let parent = Parent::parse(text.to_str().unwrap());
            assert_eq!(parent, Some(Parent { ids, is_sampled }));
        }
    }

    #[test]
    fn a_share_of_the_traces_is_chosen_by_their_ids() {
        let half = |trace| Ids { trace, span: 1 }.is_among(0.5);
        assert!(half(1 << 55) && half((1 << 56) - 1) && !half((1 << 55) - 1) && !half(1));
        // Only these bits have to be random.
        assert!(!half(u128::MAX << 56));
        for trace in [1, u128::MAX] {
            assert!(Ids { trace, span: 1 }.is_among(1.0) && !Ids { trace, span: 1 }.is_among(0.0));
        }
    }
}
