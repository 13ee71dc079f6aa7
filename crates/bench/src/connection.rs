//! One HTTP/1.1 connection over a plain socket: cheaper than any client library, and enough for a server we know.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, bail};

/// Longer than the server lets any request take.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(120);
/// Longest answer that is read.
const ANSWER_BYTES_MAX: usize = 64 << 20;
/// The public key of local use.
const API_KEY: &str = "sk_local_flexprice_test_key";

/// A connection that stays open.
pub(crate) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    pub(crate) fn open(address: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).with_context(|| format!("cannot connect to {address}"))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(ANSWER_TIMEOUT))?;
        stream.set_write_timeout(Some(ANSWER_TIMEOUT))?;
        Ok(Self { stream, buffer: Vec::with_capacity(64 << 10) })
    }

    /// Sends a whole request and reads the whole answer: status and body.
    pub(crate) fn exchange(&mut self, request: &[u8]) -> anyhow::Result<(u16, &[u8])> {
        self.stream.write_all(request)?;
        self.buffer.clear();
        let head = loop {
            if let Some(end) = self.buffer.windows(4).position(|window| window == b"\r\n\r\n") {
                break end + 4;
            }
            self.fill()?;
        };
        let (status, length) = parse_head(&self.buffer[..head])?;
        while self.buffer.len() < head + length {
            self.fill()?;
        }
        Ok((status, &self.buffer[head..head + length]))
    }

    fn fill(&mut self) -> anyhow::Result<()> {
        let mut piece = [0; 16 << 10];
        let read = self.stream.read(&mut piece)?;
        if read == 0 || self.buffer.len() > ANSWER_BYTES_MAX {
            bail!("the answer broke off after {} bytes", self.buffer.len());
        }
        self.buffer.extend_from_slice(&piece[..read]);
        Ok(())
    }

    /// Sends JSON and reads JSON; any refusal is an error.
    pub(crate) fn call(&mut self, method: &str, path: &str, body: Option<&serde_json::Value>) -> anyhow::Result<serde_json::Value> {
        let request = request(method, path, body);
        let (status, answer) = self.exchange(&request)?;
        if !(200..300).contains(&status) {
            bail!("{method} {path}: {status} {}", String::from_utf8_lossy(answer));
        }
        serde_json::from_slice(answer).with_context(|| format!("the answer to {method} {path}"))
    }
}

/// The lines of a request's head that all requests share.
pub(crate) fn head_lines() -> String {
    format!("Host: 127.0.0.1\r\nx-api-key: {API_KEY}\r\nContent-Type: application/json\r\n")
}

/// A whole request.
pub(crate) fn request(method: &str, path: &str, body: Option<&serde_json::Value>) -> Vec<u8> {
    let body = body.map(serde_json::Value::to_string).unwrap_or_default();
    format!("{method} /v1{path} HTTP/1.1\r\n{}Content-Length: {}\r\n\r\n{body}", head_lines(), body.len()).into_bytes()
}

/// Status and length of the body. The server always says the length.
fn parse_head(head: &[u8]) -> anyhow::Result<(u16, usize)> {
    let text = std::str::from_utf8(head).context("the head of an answer")?;
    let status = text.get(9..12).and_then(|digits| digits.parse().ok()).with_context(|| format!("no status in {text:?}"))?;
    let length = text
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .map_or(Ok(0), |(_, value)| value.trim().parse())
        .with_context(|| format!("no length in {text:?}"))?;
    if length > ANSWER_BYTES_MAX {
        bail!("an answer of {length} bytes");
    }
    Ok((status, length))
}
