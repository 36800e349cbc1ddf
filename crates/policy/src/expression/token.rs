//! The tokens of an expression.

use super::syntax::Literal;

/// A token, and where it begins.
#[derive(Debug, Clone)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) at: usize,
}

#[derive(Debug, Clone)]
pub(super) enum Kind {
    Literal(Literal),
    Name(String),
    /// An operator or a bracket.
    Sign(&'static str),
    End,
}

/// Longer ones first: `<=` is not `<`.
const SIGNS: &[&str] = &[
    "&&", "||", "==", "!=", "<=", ">=", "<", ">", "+", "-", "*", "/", "%", "!", "?", ":", ".", ",", "(", ")",
    "[", "]", "{", "}",
];

/// Words of other languages that CEL keeps for itself (cel-spec, "Syntax", `RESERVED`).
const RESERVED: &[&str] = &[
    "as",
    "break",
    "const",
    "continue",
    "else",
    "for",
    "function",
    "if",
    "import",
    "let",
    "loop",
    "package",
    "namespace",
    "return",
    "var",
    "void",
    "while",
];

/// Where something is wrong, and what.
pub(super) type Wrong = (usize, String);

/// The tokens of `text`, of which the last is the end.
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, Wrong> {
    let mut tokens = Vec::new();
    let mut rest = text;
    loop {
        rest = skip(rest);
        let at = text.len() - rest.len();
        let Some(first) = rest.chars().next() else {
            tokens.push(Token { kind: Kind::End, at });
            return Ok(tokens);
        };
        let (kind, after) = if first.is_ascii_digit() {
            number(rest).map_err(|wrong| (at, wrong))?
        } else if let Some((raw, quoted)) = quote(rest) {
            string(raw, quoted).map_err(|wrong| (at, wrong))?
        } else if first.is_ascii_alphabetic() || first == '_' {
            let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(rest.len());
            let (name, after) = rest.split_at(end);
            let kind = match name {
                "true" => Kind::Literal(Literal::Bool(true)),
                "false" => Kind::Literal(Literal::Bool(false)),
                "null" => Kind::Literal(Literal::Null),
                name if RESERVED.contains(&name) => return Err((at, format!("`{name}` is a reserved word"))),
                name => Kind::Name(name.to_owned()),
            };
            (kind, after)
        } else if let Some(sign) = SIGNS.iter().find(|sign| rest.starts_with(**sign)) {
            (Kind::Sign(sign), rest.get(sign.len()..).unwrap_or_default())
        } else {
            return Err((at, format!("unexpected character {first:?}")));
        };
        tokens.push(Token { kind, at });
        rest = after;
    }
}

/// Without blanks and comments.
fn skip(mut rest: &str) -> &str {
    loop {
        rest = rest.trim_start_matches([' ', '\t', '\n', '\r', '\u{c}']);
        match rest.strip_prefix("//") {
            Some(comment) => rest = comment.find('\n').and_then(|end| comment.get(end..)).unwrap_or_default(),
            None => return rest,
        }
    }
}

fn number(rest: &str) -> Result<(Kind, &str), String> {
    if let Some(hex) = rest.strip_prefix("0x") {
        let end = hex.find(|c: char| !c.is_ascii_hexdigit()).unwrap_or(hex.len());
        let (digits, after) = hex.split_at(end);
        let number = i64::from_str_radix(digits, 16).map_err(|error| error.to_string())?;
        return ended(Kind::Literal(Literal::Int(number)), after);
    }
    let digits = |text: &str| text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let mut end = digits(rest);
    let mut is_double = false;
    let from = |at: usize| rest.get(at..).unwrap_or_default();
    if from(end).starts_with('.') && from(end + 1).starts_with(|c: char| c.is_ascii_digit()) {
        is_double = true;
        end += 1 + digits(from(end + 1));
    }
    if let Some(exponent) = from(end).strip_prefix(['e', 'E']) {
        let unsigned = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        if unsigned.starts_with(|c: char| c.is_ascii_digit()) {
            is_double = true;
            end += 1 + (exponent.len() - unsigned.len()) + digits(unsigned);
        }
    }
    let (written, after) = rest.split_at(end);
    let wrong = |_| format!("{written} is out of range");
    if is_double {
        let number: f64 = written.parse().map_err(|_| format!("{written} is not a number"))?;
        return ended(Kind::Literal(Literal::Double(number)), after);
    }
    if let Some(after) = after.strip_prefix(['u', 'U']) {
        return ended(Kind::Literal(Literal::Uint(written.parse().map_err(wrong)?)), after);
    }
    ended(Kind::Literal(Literal::Int(written.parse().map_err(wrong)?)), after)
}

/// A number does not run into a name.
fn ended(kind: Kind, after: &str) -> Result<(Kind, &str), String> {
    if after.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_') {
        return Err("a letter follows a number".to_owned());
    }
    Ok((kind, after))
}

/// Whether a text begins here, raw or not, and what follows the letters before its quote.
fn quote(rest: &str) -> Option<(bool, &str)> {
    let is_quote = |text: &str| text.starts_with(['"', '\'']);
    if is_quote(rest) {
        return Some((false, rest));
    }
    rest.strip_prefix(['r', 'R']).filter(|rest| is_quote(rest)).map(|rest| (true, rest))
}

fn string(raw: bool, quoted: &str) -> Result<(Kind, &str), String> {
    let closing = ["\"\"\"", "'''", "\"", "'"].into_iter().find(|quote| quoted.starts_with(quote));
    let closing = closing.ok_or("expected a quote")?;
    let inner = quoted.get(closing.len()..).unwrap_or_default();
    let mut text = String::new();
    let mut rest = inner;
    loop {
        if let Some(after) = rest.strip_prefix(closing) {
            return Ok((Kind::Literal(Literal::Text(text)), after));
        }
        let mut chars = rest.chars();
        match chars.next() {
            None => return Err("the text has no closing quote".to_owned()),
            Some('\n' | '\r') if closing.len() == 1 => return Err("the text has no closing quote".to_owned()),
            Some('\\') if !raw => rest = escape(chars.as_str(), &mut text)?,
            Some(c) => {
                text.push(c);
                rest = chars.as_str();
            }
        }
    }
}

/// What follows a backslash (cel-spec, "Syntax", `ESCAPE`).
fn escape<'t>(rest: &'t str, text: &mut String) -> Result<&'t str, String> {
    let mut chars = rest.chars();
    let plain = match chars.next() {
        Some(c @ ('\\' | '"' | '\'' | '`' | '?')) => c,
        Some('n') => '\n',
        Some('r') => '\r',
        Some('t') => '\t',
        Some('a') => '\u{7}',
        Some('b') => '\u{8}',
        Some('f') => '\u{c}',
        Some('v') => '\u{b}',
        Some(letter @ ('x' | 'X' | 'u' | 'U')) => {
            let length = match letter {
                'u' => 4,
                'U' => 8,
                _ => 2,
            };
            let digits = chars.as_str().get(..length).filter(|it| it.bytes().all(|b| b.is_ascii_hexdigit()));
            let number = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok());
            let c = number.and_then(char::from_u32).ok_or("an escape is not a character")?;
            text.push(c);
            return Ok(chars.as_str().get(length..).unwrap_or_default());
        }
        other => return Err(format!("unknown escape {:?}", other.unwrap_or('\\'))),
    };
    text.push(plain);
    Ok(chars.as_str())
}
