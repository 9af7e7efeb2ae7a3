//! Checks whether an operator's text is a safe Fluent pattern: it uses only the known variables,
//! refers to nothing else, and gives a single line.

use fluent_syntax::{
    ast::{Entry, Expression, InlineExpression, Pattern, PatternElement},
    parser,
    unicode::unescape_unicode_to_string,
};

use crate::error::{Error, Result};

/// The text in a form that can stand in a message without starting another one.
pub fn check(field: &str, text: &str, variables: &[&str]) -> Result<String> {
    let refuse = |why: String| Err(Error::invalid(field, why));
    let text = text.trim().replace("\r\n", "\n").replace('\n', "\n    ");
    let parsed = match parser::parse(format!("x = {text}\n")) {
        Ok(resource) => resource,
        Err((_, errors)) => {
            let why = errors.first().map(|error| error.kind.to_string()).unwrap_or_default();
            return refuse(format!("is not a Fluent pattern: {why}"));
        }
    };
    let pattern = match &parsed.body[..] {
        [Entry::Message(message)] if message.attributes.is_empty() => message.value.as_ref(),
        _ => None,
    };
    match pattern.map(|pattern| check_pattern(pattern, variables)) {
        Some(Ok(())) => Ok(text),
        Some(Err(why)) => refuse(why),
        None => refuse("is more than one Fluent pattern".into()),
    }
}

fn check_pattern(pattern: &Pattern<String>, variables: &[&str]) -> Result<(), String> {
    pattern.elements.iter().try_for_each(|element| match element {
        PatternElement::TextElement { value } => check_text(value),
        PatternElement::Placeable { expression } => check_expression(expression, variables),
    })
}

fn check_expression(expression: &Expression<String>, variables: &[&str]) -> Result<(), String> {
    match expression {
        Expression::Inline(inline) => check_inline(inline, variables),
        Expression::Select { selector, variants } => {
            check_inline(selector, variables)?;
            variants.iter().try_for_each(|variant| check_pattern(&variant.value, variables))
        }
    }
}

fn check_inline(inline: &InlineExpression<String>, variables: &[&str]) -> Result<(), String> {
    match inline {
        InlineExpression::StringLiteral { value } => check_text(&unescape_unicode_to_string(value)),
        InlineExpression::NumberLiteral { .. } => Ok(()),
        InlineExpression::Placeable { expression } => check_expression(expression, variables),
        InlineExpression::VariableReference { id } if variables.contains(&id.name.as_str()) => {
            Ok(())
        }
        InlineExpression::VariableReference { id } => {
            let known: Vec<_> = variables.iter().map(|name| format!("${name}")).collect();
            let known = if known.is_empty() { "none".into() } else { known.join(", ") };
            Err(format!("uses ${}, and has {known}", id.name))
        }
        InlineExpression::FunctionReference { id, .. }
        | InlineExpression::MessageReference { id, .. }
        | InlineExpression::TermReference { id, .. } => {
            Err(format!("refers to {}; patterns may only use variables", id.name))
        }
    }
}

fn check_text(text: &str) -> Result<(), String> {
    if text.contains(char::is_control) { Err("gives more than one line".into()) } else { Ok(()) }
}
