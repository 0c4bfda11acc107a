//! One call of a client, without blocking a thread for it.

use std::{io, time::Duration};

use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

/// A whole request.
#[derive(Debug, Clone)]
pub(super) struct Request {
    pub(super) method: &'static str,
    pub(super) target: String,
    /// Whole lines with their ends.
    pub(super) headers: String,
    pub(super) body: Option<Value>,
}

/// How a call ended.
#[derive(Debug)]
pub(super) enum Ended {
    Answered(u16, String),
    /// The client had no more patience.
    HungUp,
    /// There was none within the time in which there must be one.
    TooLate,
    Broken(String),
}

/// Makes a call. An answer must be there within `most`; who hangs up earlier leaves the socket.
pub(super) async fn call(
    address: &str,
    request: &Request,
    hangs_up: Option<Duration>,
    most: Duration,
) -> Ended {
    let patience = hangs_up.unwrap_or(most);
    match tokio::time::timeout(patience, exchange(address, request)).await {
        Ok(Ok((status, body))) => Ended::Answered(status, body),
        Ok(Err(error)) => Ended::Broken(error.to_string()),
        Err(_) if hangs_up.is_some() => Ended::HungUp,
        Err(_) => Ended::TooLate,
    }
}

async fn exchange(address: &str, request: &Request) -> io::Result<(u16, String)> {
    let mut stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let body = request.body.as_ref().map(Value::to_string);
    let length = body.as_ref().map(|body| {
        let length = body.len();
        format!("content-type: application/json\r\ncontent-length: {length}\r\n")
    });
    let text = format!(
        "{} {} HTTP/1.1\r\nhost: {address}\r\n{}{}connection: close\r\n\r\n{}",
        request.method,
        request.target,
        request.headers,
        length.unwrap_or_default(),
        body.unwrap_or_default(),
    );
    stream.write_all(text.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    let wrong = || io::Error::new(io::ErrorKind::InvalidData, "the answer is not HTTP");
    let answer = String::from_utf8(answer).map_err(|_| wrong())?;
    let (head, body) = answer.split_once("\r\n\r\n").ok_or_else(wrong)?;
    let status = head.split(' ').nth(1).and_then(|word| word.parse().ok());
    Ok((status.ok_or_else(wrong)?, body.to_owned()))
}
