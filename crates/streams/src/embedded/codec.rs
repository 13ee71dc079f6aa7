//! Bytes of the store's values: variable-length integers, length-prefixed texts. Every read checks its bounds.

use crate::EventStoreError;

/// Appends an unsigned number, seven bits a byte, lowest first.
pub(super) fn put_number(out: &mut Vec<u8>, number: impl Into<u128>) {
    let mut rest: u128 = number.into();
    loop {
        let low = rest.to_le_bytes()[0] & 0x7f;
        rest >>= 7;
        if rest == 0 {
            out.push(low);
            return;
        }
        out.push(low | 0x80);
    }
}

/// Appends a signed number so that small sizes of either sign are short.
pub(super) fn put_signed(out: &mut Vec<u8>, number: impl Into<i128>) {
    let number: i128 = number.into();
    put_number(out, (number.wrapping_shl(1) ^ (number >> 127)).cast_unsigned());
}

/// Appends bytes with their length.
pub(super) fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_number(out, bytes.len() as u128);
    out.extend_from_slice(bytes);
}

/// Appends a text with its length.
pub(super) fn put_text(out: &mut Vec<u8>, text: &str) {
    put_bytes(out, text.as_bytes());
}

/// Reads what the functions above wrote.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bytes<'a>(pub(super) &'a [u8]);

impl<'a> Bytes<'a> {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn take(&mut self, length: usize) -> Result<&'a [u8], EventStoreError> {
        let Some((head, tail)) = self.0.split_at_checked(length) else { return Err(corrupt("a value ends too early")) };
        self.0 = tail;
        Ok(head)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], EventStoreError> {
        self.take(N)?.try_into().map_err(|_| corrupt("a value ends too early"))
    }

    pub(super) fn byte(&mut self) -> Result<u8, EventStoreError> {
        let Some((first, tail)) = self.0.split_first() else { return Err(corrupt("a value ends too early")) };
        self.0 = tail;
        Ok(*first)
    }

    pub(super) fn u128(&mut self) -> Result<u128, EventStoreError> {
        // Nearly all numbers fit in 63 bits, and shifting half as many is several times as quick.
        let mut low = 0_u64;
        for position in 0..9 {
            let byte = self.byte()?;
            low |= u64::from(byte & 0x7f) << (7 * position);
            if byte & 0x80 == 0 {
                return Ok(low.into());
            }
        }
        let mut number = u128::from(low);
        for position in 9..19 {
            let byte = self.byte()?;
            number |= u128::from(byte & 0x7f) << (7 * position);
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(corrupt("a number is too long"))
    }

    pub(super) fn skip_number(&mut self) -> Result<(), EventStoreError> {
        while self.byte()? & 0x80 != 0 {}
        Ok(())
    }

    pub(super) fn number<T: TryFrom<u128>>(&mut self) -> Result<T, EventStoreError> {
        T::try_from(self.u128()?).map_err(|_| corrupt("a number is out of range"))
    }

    pub(super) fn i128(&mut self) -> Result<i128, EventStoreError> {
        let coded = self.u128()?;
        Ok((coded >> 1).cast_signed() ^ -(coded & 1).cast_signed())
    }

    pub(super) fn i64(&mut self) -> Result<i64, EventStoreError> {
        i64::try_from(self.i128()?).map_err(|_| corrupt("a time is out of range"))
    }

    pub(super) fn bytes(&mut self) -> Result<&'a [u8], EventStoreError> {
        let length = self.number()?;
        self.take(length)
    }

    pub(super) fn text(&mut self) -> Result<&'a str, EventStoreError> {
        std::str::from_utf8(self.bytes()?).map_err(|_| corrupt("a text is not UTF-8"))
    }
}

/// What was read makes no sense.
pub(super) fn corrupt(what: &str) -> EventStoreError {
    EventStoreError::Corrupt(what.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_texts_survive() {
        let mut out = Vec::new();
        let signed = [0, 1, -1, 63, -64, i128::from(i64::MIN), i128::MAX, i128::MIN];
        let unsigned = [0, 127, 128, (1 << 63) - 1, 1 << 63, u128::from(u64::MAX), u128::MAX];
        signed.iter().for_each(|number| put_signed(&mut out, *number));
        unsigned.iter().for_each(|number| put_number(&mut out, *number));
        put_text(&mut out, "grüße");
        let mut bytes = Bytes(&out);
        assert!(signed.iter().all(|number| bytes.i128().unwrap() == *number));
        assert!(unsigned.iter().all(|number| bytes.u128().unwrap() == *number));
        assert_eq!(bytes.text().unwrap(), "grüße");
        assert!(bytes.is_empty() && bytes.byte().is_err());
    }

    #[test]
    fn cut_values_are_refused() {
        assert!(Bytes(&[0x80]).u128().is_err());
        assert!(Bytes(&[5, b'a']).text().is_err());
        assert!(Bytes(&[0xff; 20]).u128().is_err());
        assert!(Bytes(&[0x80, 0x02]).number::<u8>().is_err());
    }
}
