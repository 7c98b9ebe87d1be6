//! The receipt code: what a citizen keeps in order to track and rate a case.
//!
//! 20 characters of Crockford's base 32 (<https://www.crockford.com/base32.html>), which is 100 bits: read aloud and
//! copied by hand without mistaking O for 0. Where its bits come from is the business of `crate::sealing`.

use std::{fmt, str::FromStr};

/// Characters of a code, hyphens not counted.
pub const RECEIPT_CODE_LEN: usize = 20;

/// Longest input that is looked at, in characters: a code typed with a blank after every character still fits.
const INPUT_MAX_CHARS: usize = 64;

const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const GROUP_LEN: usize = 5;

/// A well-formed receipt code. `Debug` does not show it, so that it cannot get into a log.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ReceiptCode([u8; RECEIPT_CODE_LEN]);

/// The input is not a receipt code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReceiptCodeError {
    /// Too short or too long.
    #[error("has {found} characters; a receipt code has {RECEIPT_CODE_LEN}, such as 7K3QX-0M2HV-9TD4N-WB8CE")]
    Length {
        /// Characters found, hyphens and blanks not counted.
        found: usize,
    },
    /// A character that no receipt code has.
    #[error("has a character that no receipt code has; only digits and letters other than U are used")]
    Character,
}

impl ReceiptCode {
    /// The code made of the first 100 of these bits.
    pub fn from_bits(bits: &[u8; 32]) -> Self {
        let mut code = [0; RECEIPT_CODE_LEN];
        for (index, character) in code.iter_mut().enumerate() {
            let first_bit = index * 5;
            let pair = u16::from_be_bytes([bits[first_bit / 8], bits[first_bit / 8 + 1]]);
            let value = (pair >> (11 - first_bit % 8)) & 0b1_1111;
            *character = ALPHABET[usize::from(value)];
        }
        Self(code)
    }

    /// The 20 characters without hyphens, the one form that is ever hashed.
    pub fn as_bytes(&self) -> &[u8; RECEIPT_CODE_LEN] {
        &self.0
    }
}

impl FromStr for ReceiptCode {
    type Err = ReceiptCodeError;

    /// Reads a code as people type it: in any case, with or without hyphens and blanks, O for 0, I and L for 1, and
    /// in the full-width characters of a Chinese keyboard.
    fn from_str(text: &str) -> Result<Self, ReceiptCodeError> {
        let mut code = [0; RECEIPT_CODE_LEN];
        let mut found = 0;
        for (index, character) in text.chars().enumerate() {
            if index >= INPUT_MAX_CHARS {
                return Err(ReceiptCodeError::Length { found: text.chars().count() });
            }
            let Some(character) = canonical(character)? else { continue };
            if let Some(place) = code.get_mut(found) {
                *place = character;
            }
            found += 1;
        }
        if found != RECEIPT_CODE_LEN {
            return Err(ReceiptCodeError::Length { found });
        }
        Ok(Self(code))
    }
}

impl fmt::Display for ReceiptCode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, group) in self.0.chunks(GROUP_LEN).enumerate() {
            if index > 0 {
                formatter.write_str("-")?;
            }
            for byte in group {
                write!(formatter, "{}", char::from(*byte))?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for ReceiptCode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("ReceiptCode(…)")
    }
}

/// The character of the alphabet that was meant; `None` for what only separates.
fn canonical(character: char) -> Result<Option<u8>, ReceiptCodeError> {
    if character.is_whitespace() || matches!(character, '-' | '‐' | '‑' | '–' | '—' | '−' | '－' | '_')
    {
        return Ok(None);
    }
    let ascii = match character {
        // The full-width forms stand 0xFEE0 above ASCII.
        '！'..='～' => char::from_u32(u32::from(character) - 0xFEE0).ok_or(ReceiptCodeError::Character)?,
        other => other,
    };
    let upper = match ascii.to_ascii_uppercase() {
        'O' => '0',
        'I' | 'L' => '1',
        other => other,
    };
    let byte = u8::try_from(upper).map_err(|_| ReceiptCodeError::Character)?;
    if ALPHABET.contains(&byte) { Ok(Some(byte)) } else { Err(ReceiptCodeError::Character) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_code_is_shown_in_four_groups_of_five() {
        let shown = ReceiptCode::from_bits(&[0xFF; 32]).to_string();
        assert_eq!(shown, "ZZZZZ-ZZZZZ-ZZZZZ-ZZZZZ");
        assert_eq!(ReceiptCode::from_bits(&[0; 32]).to_string(), "00000-00000-00000-00000");
    }

    #[test]
    fn the_bits_are_taken_in_order() {
        let mut bits = [0; 32];
        bits[0] = 0b0000_1000; // 00001 000…
        bits[12] = 0b0001_0000; // the last of the 100 bits
        assert_eq!(ReceiptCode::from_bits(&bits).to_string(), "10000-00000-00000-00001");
    }

    #[test]
    fn people_may_type_it_their_way() {
        let code = ReceiptCode::from_str("01ABC-DEFGH-JKMNP-QRSTV").unwrap();
        for typed in [
            "01abcdefghjkmnpqrstv",
            " olabc defgh jkmnp qrstv ",
            "OIABC–DEFGH—JKMNP－QRSTV",
            "０１ＡＢＣ　ｄｅｆｇｈ　ＪＫＭＮＰ　ＱＲＳＴＶ",
        ] {
            assert_eq!(ReceiptCode::from_str(typed), Ok(code), "{typed}");
        }
    }

    #[test]
    fn what_is_no_code_is_refused_with_the_reason() {
        assert_eq!(ReceiptCode::from_str(""), Err(ReceiptCodeError::Length { found: 0 }));
        assert_eq!(ReceiptCode::from_str("01ABC"), Err(ReceiptCodeError::Length { found: 5 }));
        assert_eq!(
            ReceiptCode::from_str("01ABC-DEFGH-JKMNP-QRSTV-W"),
            Err(ReceiptCodeError::Length { found: 21 })
        );
        assert_eq!(ReceiptCode::from_str("01ABC-DEFGH-JKMNP-QRSTU"), Err(ReceiptCodeError::Character));
        assert_eq!(ReceiptCode::from_str("编号"), Err(ReceiptCodeError::Character));
        assert_eq!(ReceiptCode::from_str(&" ".repeat(1000)), Err(ReceiptCodeError::Length { found: 1000 }));
    }

    #[test]
    fn debug_does_not_tell_the_code() {
        assert_eq!(format!("{:?}", ReceiptCode::from_bits(&[7; 32])), "ReceiptCode(…)");
    }

    proptest! {
        #[test]
        fn what_is_shown_is_read_back(bits in any::<[u8; 32]>()) {
            let code = ReceiptCode::from_bits(&bits);
            prop_assert_eq!(code.to_string().parse(), Ok(code));
            prop_assert_eq!(code.to_string().to_lowercase().replace('-', " ").parse(), Ok(code));
            prop_assert_eq!(code.to_string().replace('0', "o").replace('1', "l").parse(), Ok(code));
        }

        #[test]
        fn no_input_upsets_the_parser(text in any::<String>()) {
            let _ = text.parse::<ReceiptCode>();
        }
    }
}
