//! How the body of a response ends (RFC 9112, section 6).
//!
//! Only what lies between the bytes of a body is judged here. What cannot be told apart from a body that was cut is
//! an error; all else that common clients take is taken: chunk extensions of any length, lines that end with a
//! bare line feed, trailers that never came. How much is read is bounded by whoever reads.

/// The rest of a body.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    /// So many bytes are to come.
    Length(u64),
    /// Chunks are to come.
    Chunked(Chunks),
    /// It ends where the connection ends.
    ToEnd,
}

/// What comes next in a chunked body.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Chunks {
    /// A digit of a chunk's size, or what ends the size. There is none before its first digit.
    Size(Option<u64>),
    /// The rest of the line with the size, which is passed over.
    Extension(u64),
    /// So many bytes of a chunk.
    Data(u64),
    /// The line break behind a chunk. Its carriage return may have come.
    DataEnd { has_return: bool },
    /// A trailer or the empty line at the end. Whether this line is empty so far.
    Trailer { is_empty: bool },
    /// Nothing.
    Over,
}

impl Framing {
    /// A chunked body of which nothing has come.
    pub(crate) fn chunked() -> Self {
        Self::Chunked(Chunks::Size(None))
    }

    /// Takes in bytes as far as they belong to the body, and hands on those that are its content. Returns how many
    /// were taken in.
    ///
    /// # Errors
    /// What is wrong with the chunks.
    pub(crate) fn decode(
        &mut self,
        bytes: &[u8],
        content: &mut impl FnMut(&[u8]),
    ) -> Result<usize, &'static str> {
        match self {
            Self::Length(left) => Ok(hand_on(left, bytes, content)),
            Self::Chunked(chunks) => chunks.decode(bytes, content),
            Self::ToEnd => {
                content(bytes);
                Ok(bytes.len())
            }
        }
    }

    /// Whether the body is whole, with nothing to come.
    pub(crate) fn is_over(&self) -> bool {
        matches!(self, Self::Length(0) | Self::Chunked(Chunks::Over))
    }

    /// Whether the body is whole where the connection ends now.
    ///
    /// # Errors
    /// What is missing.
    pub(crate) fn end(&self) -> Result<(), String> {
        match self {
            Self::Length(0) | Self::ToEnd => Ok(()),
            // The last chunk has come, and nothing of the body can be missing.
            Self::Chunked(Chunks::Trailer { .. } | Chunks::Over) => Ok(()),
            Self::Length(left) => Err(format!("the connection ended {left} bytes before its Content-Length")),
            Self::Chunked(_) => Err("the connection ended before the last chunk".to_owned()),
        }
    }
}

impl Chunks {
    fn decode(&mut self, bytes: &[u8], content: &mut impl FnMut(&[u8])) -> Result<usize, &'static str> {
        let mut at = 0;
        while at < bytes.len() && *self != Self::Over {
            if let Self::Data(left) = self {
                at += hand_on(left, &bytes[at..], content);
                if *left == 0 {
                    *self = Self::DataEnd { has_return: false };
                }
                continue;
            }
            *self = self.after(bytes[at])?;
            at += 1;
        }
        Ok(at)
    }

    /// What comes after this byte, which is not one of a chunk's content.
    fn after(&self, byte: u8) -> Result<Self, &'static str> {
        Ok(match (self, byte) {
            (Self::Size(Some(size)) | Self::Extension(size), b'\n') => match *size {
                0 => Self::Trailer { is_empty: true },
                size => Self::Data(size),
            },
            (Self::Size(size), byte) => match (char::from(byte).to_digit(16), *size) {
                (Some(digit), size) => {
                    let more =
                        size.unwrap_or(0).checked_mul(16).ok_or("a chunk's size is too great a number")?;
                    Self::Size(Some(more + u64::from(digit)))
                }
                (None, Some(size)) => Self::Extension(size),
                (None, None) => return Err("a chunk has no size"),
            },
            (Self::Extension(size), _) => Self::Extension(*size),
            (Self::DataEnd { has_return: false }, b'\r') => Self::DataEnd { has_return: true },
            (Self::DataEnd { .. }, b'\n') => Self::Size(None),
            (Self::DataEnd { .. }, _) => return Err("a chunk is longer than its size"),
            (Self::Trailer { is_empty: true }, b'\n') | (Self::Over, _) => Self::Over,
            (Self::Trailer { is_empty }, b'\r') => Self::Trailer { is_empty: *is_empty },
            (Self::Trailer { .. }, byte) => Self::Trailer { is_empty: byte == b'\n' },
            (Self::Data(left), _) => Self::Data(*left),
        })
    }
}

/// Hands on what belongs to the next `left` bytes.
fn hand_on(left: &mut u64, bytes: &[u8], content: &mut impl FnMut(&[u8])) -> usize {
    let some = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
    content(&bytes[..some]);
    *left -= some as u64;
    some
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::test_runner::RngSeed;
    use proptest::{collection::vec, sample::select};

    use super::*;

    /// What is read of a chunked body that arrives in pieces of this size, and how much of it was taken in.
    fn read(bytes: &[u8], piece: usize) -> (Result<usize, &'static str>, Vec<u8>, Framing) {
        let (mut framing, mut content, mut taken) = (Framing::chunked(), Vec::new(), 0);
        let result = bytes.chunks(piece).try_for_each(|part| {
            taken += framing.decode(part, &mut |data| content.extend_from_slice(data))?;
            Ok(())
        });
        (result.map(|()| taken), content, framing)
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2_000, rng_seed: RngSeed::Fixed(13), ..ProptestConfig::default() })]

        #[test]
        fn it_does_not_matter_in_which_pieces_a_body_arrives(
            bytes in vec(select(b"00123af;x \r\r\n\n\n".to_vec()), 0..60),
            piece in 1..9_usize,
        ) {
            prop_assert_eq!(read(&bytes, piece), read(&bytes, 60));
        }
    }

    /// What is read of a chunked body that arrives in pieces of every size, with how many bytes were taken in, or
    /// what is wrong with it. The connection ends behind it.
    fn check(bytes: &str, expected: Result<(&str, usize), &str>) {
        for piece in 1..=bytes.len().max(1) {
            let (mut framing, mut content, mut taken) = (Framing::chunked(), Vec::new(), 0);
            let read = bytes.as_bytes().chunks(piece).try_for_each(|part| {
                taken += framing.decode(part, &mut |data| content.extend_from_slice(data))?;
                Ok::<_, String>(())
            });
            let read = read.and_then(|()| framing.end());
            let read = read.map(|()| (String::from_utf8(content).expect("text"), taken));
            let expected = expected.map(|(text, taken)| (text.to_owned(), taken)).map_err(str::to_owned);
            assert_eq!(read, expected, "{bytes:?} in pieces of {piece}");
        }
    }

    #[test]
    fn chunks_are_put_together() {
        check("5\r\nhello\r\n0\r\n\r\n", Ok(("hello", 15)));
        check("2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\nHTTP", Ok(("hello", 20)));
        check("0\r\n\r\n", Ok(("", 5)));
        check("a\r\n0123456789\r\n000\r\n\r\n", Ok(("0123456789", 22)));
        check("A;name=\"a;b\"\r\n0123456789\r\n0;x\r\nX-Sum: 1\r\nY: 2\r\n\r\n", Ok(("0123456789", 49)));
        check("5 \t\r\nhello\r\n0\r\n\r\n", Ok(("hello", 17)));
        check("5\nhello\n0\n\n", Ok(("hello", 11)));
        let extension = "x".repeat(28 * 1024);
        check_whole(&format!("5;{extension}\r\nhello\r\n0\r\n\r\n"), "hello");
    }

    fn check_whole(bytes: &str, expected: &str) {
        let (mut framing, mut content) = (Framing::chunked(), Vec::new());
        let taken = framing.decode(bytes.as_bytes(), &mut |data| content.extend_from_slice(data));
        assert_eq!((taken, content.as_slice()), (Ok(bytes.len()), expected.as_bytes()));
        assert!(framing.is_over());
    }

    #[test]
    fn trailers_that_never_came_are_missed_by_nobody() {
        check("5\r\nhello\r\n0\r\n", Ok(("hello", 13)));
        check("5\r\nhello\r\n0\r\nX-Sum: 1\r\n", Ok(("hello", 23)));
    }

    #[test]
    fn what_is_no_chunk_and_what_is_cut_is_an_error() {
        let cut = Err("the connection ended before the last chunk");
        for bytes in ["", "5", "5\r", "5\r\n", "5\r\nhell", "5\r\nhello", "5\r\nhello\r\n", "5\r\nhello\r\n0"]
        {
            check(bytes, cut);
        }
        check("\r\nhello", Err("a chunk has no size"));
        check("x\r\nhello", Err("a chunk has no size"));
        check("-5\r\nhello", Err("a chunk has no size"));
        check("4\r\nhello\r\n0\r\n\r\n", Err("a chunk is longer than its size"));
        check("5\r\nhello\r\r\n0\r\n\r\n", Err("a chunk is longer than its size"));
        check("10000000000000000\r\n", Err("a chunk's size is too great a number"));
        check("ffffffffffffffff\r\nhello", cut);
    }

    #[test]
    fn a_length_is_kept_to() {
        let (mut framing, mut content) = (Framing::Length(5), Vec::new());
        assert_eq!(framing.decode(b"he", &mut |data| content.extend_from_slice(data)), Ok(2));
        assert_eq!(framing.end(), Err("the connection ended 3 bytes before its Content-Length".to_owned()));
        assert_eq!(framing.decode(b"lloHTTP", &mut |data| content.extend_from_slice(data)), Ok(3));
        assert!(framing.is_over() && content == b"hello");
        assert_eq!(Framing::ToEnd.end(), Ok(()));
    }
}
