//! Bodies that come compressed.

use std::io::Read;

use app::Error;
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use http::{HeaderMap, HeaderValue, header};

use super::Share;
use super::receive::too_long;
use crate::error::unsupported_encoding;

/// What bodies may be compressed with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Coding {
    Gzip,
    Zstd,
}

/// The same for clients.
const ACCEPTED: &str = "gzip, zstd, identity";

/// Bytes that are inflated between two looks at the bounds.
const STEP_BYTES: usize = 64 * 1024;

/// The most that zstd may look back on, as a power of two: 8 MiB, what RFC 9659 asks of every client. A body may name 128 MiB and more.
const ZSTD_WINDOW_LOG_MAX: u32 = 23;

/// Refuses bodies in a coding that nobody here knows, and says which are known.
pub(crate) async fn check_encoding(request: Request, next: Next) -> Response {
    match Coding::of(request.headers()) {
        Ok(_) => next.run(request).await,
        Err(_) => {
            let sent: Vec<_> = names(request.headers()).collect();
            let message = format!("Content-Encoding must be one of {ACCEPTED}, not {}", sent.join(", "));
            let mut response = unsupported_encoding(message);
            response.headers_mut().insert(header::ACCEPT_ENCODING, HeaderValue::from_static(ACCEPTED));
            response
        }
    }
}

fn names(headers: &HeaderMap) -> impl Iterator<Item = String> {
    let all = headers.get_all(header::CONTENT_ENCODING).iter().map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    all.flat_map(|value| value.split(',').map(|name| name.trim().to_ascii_lowercase()).collect::<Vec<_>>())
        .filter(|name| !name.is_empty() && name != "identity")
}

impl Coding {
    /// How a body is compressed, if it is.
    pub(super) fn of(headers: &HeaderMap) -> Result<Option<Self>, Error> {
        let mut names = names(headers);
        let coding = match names.next().as_deref() {
            None => None,
            Some("gzip" | "x-gzip") => Some(Self::Gzip),
            Some("zstd") => Some(Self::Zstd),
            Some(other) => {
                return Err(Error::field("Content-Encoding", format!("Content-Encoding {other} is unknown: use one of {ACCEPTED}")));
            }
        };
        // One in another would multiply what each of them multiplies.
        if names.next().is_some() { Err(Error::field("Content-Encoding", "a body is compressed once")) } else { Ok(coding) }
    }

    /// The bytes that were compressed, at most `bytes_max`, each counted in the share.
    pub(super) fn inflate(self, sent: &[u8], bytes_max: usize, share: &Share) -> Result<Vec<u8>, Error> {
        match self {
            // Several members are one body.
            Self::Gzip => inflated(flate2::read::MultiGzDecoder::new(sent), "gzip", bytes_max, share),
            Self::Zstd => {
                let broken = |_| not_in("zstd");
                let mut decoder = zstd::stream::read::Decoder::with_buffer(sent).map_err(broken)?;
                decoder.window_log_max(ZSTD_WINDOW_LOG_MAX).map_err(broken)?;
                inflated(decoder, "zstd", bytes_max, share)
            }
        }
    }
}

fn inflated(mut decoder: impl Read, name: &str, bytes_max: usize, share: &Share) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    let mut step = vec![0; STEP_BYTES];
    loop {
        let count = decoder.read(&mut step).map_err(|_| not_in(name))?;
        if count == 0 {
            return Ok(bytes);
        }
        if count > bytes_max - bytes.len() {
            return Err(too_long(bytes_max));
        }
        share.take(count)?;
        bytes.extend_from_slice(&step[..count]);
    }
}

fn not_in(name: &str) -> Error {
    Error::field("body", format!("the body is not {name}, or ends early, or looks back more than 8 MiB"))
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::io::Write as _;
    use std::sync::Arc;

    use super::super::Memory;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn zstd(bytes: &[u8], window_log: u32) -> Vec<u8> {
        let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 3).unwrap();
        encoder.window_log(window_log).unwrap();
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn inflate(coding: Coding, sent: &[u8], bytes_max: usize) -> Result<Vec<u8>, String> {
        let share = Share::new(Arc::new(Memory::new(1 << 20)));
        coding.inflate(sent, bytes_max, &share).map_err(|error| error.to_string())
    }

    #[test]
    fn codings_are_known_by_their_names() {
        for (sent, expected) in [
            (&[][..], Some(None)),
            (&["identity"], Some(None)),
            (&["gzip"], Some(Some(Coding::Gzip))),
            (&["GZIP"], Some(Some(Coding::Gzip))),
            (&["x-gzip"], Some(Some(Coding::Gzip))),
            (&["zstd"], Some(Some(Coding::Zstd))),
            (&["identity, zstd"], Some(Some(Coding::Zstd))),
            (&["br"], None),
            (&["deflate"], None),
            (&["gzip, gzip"], None),
            (&["gzip", "zstd"], None),
            (&["gzip;q=1"], None),
        ] {
            let mut headers = HeaderMap::new();
            for value in sent {
                headers.append(header::CONTENT_ENCODING, HeaderValue::from_static(value));
            }
            assert_eq!(Coding::of(&headers).ok(), expected, "{sent:?}");
        }
    }

    #[test]
    fn what_was_compressed_comes_out() {
        let text = "{}".repeat(1_000);
        for (coding, sent) in [(Coding::Gzip, gzip(text.as_bytes())), (Coding::Zstd, zstd(text.as_bytes(), 20))] {
            assert_eq!(inflate(coding, &sent, 2_000).unwrap(), text.as_bytes(), "{coding:?}");
            assert!(inflate(coding, &sent[..sent.len() - 9], 2_000).unwrap_err().contains("ends early"), "{coding:?}");
            assert!(inflate(coding, b"{\"name\":1}", 2_000).unwrap_err().contains("the body is not"), "{coding:?}");
        }
        assert_eq!(inflate(Coding::Gzip, &[gzip(b"{\"a\""), gzip(b":1}")].concat(), 10).unwrap(), b"{\"a\":1}");
    }

    #[test]
    fn what_comes_out_is_bounded() {
        let zeros = vec![b'0'; 4 << 20];
        for (coding, sent) in [(Coding::Gzip, gzip(&zeros)), (Coding::Zstd, zstd(&zeros, 20))] {
            assert!(sent.len() < 8_000, "{coding:?}: {}", sent.len());
            assert!(inflate(coding, &sent, 100_000).unwrap_err().contains("longer than 100000 bytes"), "{coding:?}");
            assert!(inflate(coding, &sent, 8 << 20).unwrap_err().contains("memory"), "{coding:?}");
        }
        let wide = zstd(&zeros, 27);
        assert!(inflate(Coding::Zstd, &wide, 100_000).is_err());
    }
}
