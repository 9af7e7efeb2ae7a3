//! Scans the text of a document before the parser sees it: the parser recurses on nested values
//! without a limit, and a request of 4 KB would abort the process.

/// The greatest depth of brackets of any kind: a query of the greatest depth, with values in its
/// arguments.
const DEEPEST_NESTING: usize = 64;

/// The greatest length of a name, which an answer may have to repeat for each item of a list.
const LONGEST_WORD: usize = 256;

/// Counts tokens and brackets in one pass, and checks nothing else.
pub fn scan(text: &str, most_tokens: usize) -> Result<(), String> {
    let bytes = text.as_bytes();
    let (mut at, mut tokens, mut depth) = (0, 0, 0usize);
    while at < bytes.len() {
        let rest = &bytes[at..];
        let (is_token, length) = match rest[0] {
            b'#' => (
                false,
                rest.iter().position(|byte| matches!(byte, b'\n' | b'\r')).unwrap_or(rest.len()),
            ),
            b'"' => (true, string_length(rest)?),
            b' ' | b'\t' | b'\n' | b'\r' | b',' => (false, 1),
            byte if is_word(byte) => {
                let length = rest.iter().position(|byte| !is_word(*byte)).unwrap_or(rest.len());
                if length > LONGEST_WORD {
                    return Err(format!("a word has at most {LONGEST_WORD} characters"));
                }
                (true, length)
            }
            b'{' | b'[' | b'(' => {
                depth += 1;
                (true, 1)
            }
            b'}' | b']' | b')' => {
                depth = depth.saturating_sub(1);
                (true, 1)
            }
            _ => (true, 1),
        };
        tokens += usize::from(is_token);
        at += length;
        if depth > DEEPEST_NESTING {
            return Err(format!("brackets are nested at most {DEEPEST_NESTING} deep"));
        }
        if tokens > most_tokens {
            return Err(format!("a document has at most {most_tokens} tokens"));
        }
    }
    Ok(())
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'+')
}

/// The length in bytes of the string at the start of a text, including quotes.
fn string_length(text: &[u8]) -> Result<usize, String> {
    let is_block = text.starts_with(b"\"\"\"");
    let quote: &[u8] = if is_block { b"\"\"\"" } else { b"\"" };
    let mut at = quote.len();
    while at < text.len() {
        let rest = &text[at..];
        if rest.starts_with(quote) {
            return Ok(at + quote.len());
        }
        at += match rest[0] {
            b'\\' if is_block && rest[1..].starts_with(quote) => 1 + quote.len(),
            b'\\' if !is_block => 2,
            // A single-line string ends at the line break; what follows is scanned as ordinary
            // text.
            b'\n' | b'\r' if !is_block => return Ok(at),
            _ => 1,
        };
    }
    match is_block {
        // The parser takes its quotes for an empty string and continues after them, where nothing
        // has been checked.
        true => Err("a block string is not terminated".into()),
        false => Ok(text.len()),
    }
}
