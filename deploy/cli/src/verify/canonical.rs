//! The canonical form of JSON (RFC 8785), checked in one pass over the text.
//!
//! Guarantees that a text that passes is the one form of what it says: no white space, names in the order of their UTF-16
//! code units and each once, nothing escaped but what has to be, numbers as ECMAScript writes them. Of numbers only integers
//! between -2^53 and 2^53 pass, because the ledger writes no others, and larger ones are not the same to every reader.

use std::borrow::Cow;

/// Deeper than any leaf, and far from the end of the stack.
const DEPTH_MAX: usize = 32;
/// Beyond it a double, which is what a number of JSON is to many readers, does not tell neighbours apart.
const INTEGER_MAX: u64 = 1 << 53;

/// Says where and in what a text is not canonical.
pub(crate) fn check(text: &str) -> Result<(), String> {
    let mut scanner = Scanner { text, at: 0 };
    let found = match scanner.value(0) {
        Ok(()) if scanner.at < text.len() => Err("something follows the end"),
        found => found,
    };
    found.map_err(|reason| format!("at byte {} {reason}", scanner.at))
}

type Scanned<T> = Result<T, &'static str>;

struct Scanner<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Scanner<'a> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn take(&mut self, byte: u8) -> bool {
        let is_next = self.peek() == Some(byte);
        self.at += usize::from(is_next);
        is_next
    }

    fn value(&mut self, depth: usize) -> Scanned<()> {
        if depth > DEPTH_MAX {
            return Err("it is nested too deep");
        }
        match self.peek() {
            Some(b'{') => self.object(depth),
            Some(b'[') => self.array(depth),
            Some(b'"') => self.string().map(drop),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.word("true"),
            Some(b'f') => self.word("false"),
            Some(b'n') => self.word("null"),
            Some(b' ' | b'\t' | b'\n' | b'\r') => Err("there is white space"),
            Some(_) => Err("there is no JSON value"),
            None => Err("it ends too early"),
        }
    }

    fn object(&mut self, depth: usize) -> Scanned<()> {
        self.at += 1;
        if self.take(b'}') {
            return Ok(());
        }
        let mut before: Option<Cow<'a, str>> = None;
        loop {
            if self.peek() != Some(b'"') {
                return Err("there is no name of a member");
            }
            let name = self.string()?;
            if before.as_ref().is_some_and(|before| !comes_before(before, &name)) {
                return Err("a name is repeated or not in its order");
            }
            before = Some(name);
            if !self.take(b':') {
                return Err("there is no colon right behind a name");
            }
            self.value(depth + 1)?;
            if self.take(b'}') {
                return Ok(());
            }
            if !self.take(b',') {
                return Err("there is neither a comma nor the end of the object");
            }
        }
    }

    fn array(&mut self, depth: usize) -> Scanned<()> {
        self.at += 1;
        if self.take(b']') {
            return Ok(());
        }
        loop {
            self.value(depth + 1)?;
            if self.take(b']') {
                return Ok(());
            }
            if !self.take(b',') {
                return Err("there is neither a comma nor the end of the array");
            }
        }
    }

    /// A string with its escapes understood.
    fn string(&mut self) -> Scanned<Cow<'a, str>> {
        self.at += 1;
        let mut read = Cow::Borrowed("");
        loop {
            let start = self.at;
            let rest = &self.text.as_bytes()[start..];
            let plain = rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..=0x1f));
            self.at += plain.unwrap_or(rest.len());
            let piece = &self.text[start..self.at];
            if read.is_empty() {
                read = Cow::Borrowed(piece);
            } else {
                read.to_mut().push_str(piece);
            }
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(read);
                }
                Some(b'\\') => {
                    let escaped = self.escape()?;
                    read.to_mut().push(escaped);
                }
                Some(_) => return Err("a control character is not escaped"),
                None => return Err("it ends within a string"),
            }
        }
    }

    fn escape(&mut self) -> Scanned<char> {
        let bytes = self.text.as_bytes();
        let escaped = match bytes.get(self.at + 1) {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'b') => '\u{8}',
            Some(b't') => '\t',
            Some(b'n') => '\n',
            Some(b'f') => '\u{c}',
            Some(b'r') => '\r',
            Some(b'u') => {
                let digits = self.text.get(self.at + 2..self.at + 6);
                let digits = digits
                    .filter(|digits| digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')));
                let code = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
                match code {
                    Some(0x8 | 0x9 | 0xa | 0xc | 0xd) | None => return Err("an escape is not the shortest"),
                    Some(code) if code < 0x20 => {
                        self.at += 6;
                        return Ok(char::from(code));
                    }
                    Some(_) => return Err("something is escaped that need not be"),
                }
            }
            Some(_) | None => return Err("something is escaped that need not be"),
        };
        self.at += 2;
        Ok(escaped)
    }

    fn number(&mut self) -> Scanned<()> {
        let is_negative = self.take(b'-');
        let rest = &self.text[self.at..];
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (digits, after) = rest.split_at(digits);
        let is_plain = !digits.is_empty() && (digits == "0" || !digits.starts_with('0'));
        if !is_plain || (is_negative && digits == "0") {
            return Err("a number is not written as ECMAScript does");
        }
        if after.starts_with(['.', 'e', 'E']) || !digits.parse().is_ok_and(|number: u64| number < INTEGER_MAX)
        {
            return Err("a number is no integer between -2^53 and 2^53");
        }
        self.at += digits.len();
        Ok(())
    }

    fn word(&mut self, word: &str) -> Scanned<()> {
        if !self.text[self.at..].starts_with(word) {
            return Err("there is no JSON value");
        }
        self.at += word.len();
        Ok(())
    }
}

/// In the order of UTF-16 code units, which differs from that of UTF-8 bytes beyond the Basic Multilingual Plane.
fn comes_before(name: &str, next: &str) -> bool {
    if name.is_ascii() && next.is_ascii() {
        return name < next;
    }
    name.encode_utf16().lt(next.encode_utf16())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_canonical_passes() {
        for text in [
            "{}",
            "[]",
            "\"\"",
            "null",
            "-1",
            "9007199254740991",
            r#"{"a":[true,null,false,0,-7,""],"b":{"c":{}}}"#,
            "\"\\\"\\\\/\\b\\t\\n\\f\\r\\u0000\\u001f\u{7f}热😀\"",
            // U+1F600 is d83d de00 in UTF-16, and so before U+FB33.
            "{\"a\":1,\"😀\":2,\"\u{fb33}\":3}",
        ] {
            assert_eq!(check(text), Ok(()), "{text}");
        }
    }

    #[test]
    fn what_is_not_canonical_says_where() {
        let control = format!("\"{}\"", '\u{1}');
        for (text, byte) in [
            ("", 0),
            (" {}", 0),
            ("{} ", 2),
            (r#"{"a": 1}"#, 5),
            (r#"{"b":1,"a":2}"#, 10),
            (r#"{"a":1,"a":2}"#, 10),
            (r#"{"a":1,}"#, 7),
            (r#"{"a"}"#, 4),
            ("[1,]", 3),
            ("[1", 2),
            ("01", 0),
            ("-0", 1),
            ("-", 1),
            ("1.5", 0),
            ("1e3", 0),
            ("9007199254740992", 0),
            ("t", 0),
            ("nul]", 0),
            ("\"a", 2),
            (control.as_str(), 1),
            (r#""\/""#, 1),
            (r#""\u0061""#, 1),
            (r#""\u000a""#, 1),
            (r#""\u001F""#, 1),
            (r#""\ud83d""#, 1),
            (r#""\u00""#, 1),
            (r#""\"#, 1),
            ("\"\\u热\"", 1),
            ("{\"\u{fb33}\":1,\"😀\":2}", 15),
        ] {
            let error = check(text).unwrap_err();
            assert!(error.starts_with(&format!("at byte {byte} ")), "{text}: {error}");
        }
        assert!(check(&"[".repeat(1_000_000)).is_err());
    }

    #[test]
    fn names_are_compared_as_they_read_and_not_as_they_are_escaped() {
        assert!(check(r#"{"\n":1,"\u000b":2,"a":3}"#).is_ok());
        assert!(check(r#"{"a":1,"\n":2}"#).is_err());
    }
}
