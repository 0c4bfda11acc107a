//! A line for a shell that calls `curl`, carried out without either of them: fresh machines may have no curl.

use std::net::TcpStream;

use crate::http::{Answer, receive, send};

/// One `curl` command: what it would send, and where.
#[derive(Debug, PartialEq, Eq)]
pub struct Curl {
    pub method: String,
    /// Without the scheme.
    pub address: String,
    pub target: String,
    pub headers: Vec<String>,
    pub body: String,
}

impl Curl {
    /// Reads a command as a shell and curl would.
    ///
    /// # Panics
    ///
    /// When it uses more than the documents of this project do: words, single quotes, a backslash at a line's end, and
    /// the options `--request`, `--url`, `--header`, `--data`.
    pub fn read(command: &str) -> Self {
        let mut words = words(command).into_iter();
        assert_eq!(words.next().as_deref(), Some("curl"), "{command}");
        let (mut method, mut url, mut headers, mut body) = (None, None, Vec::new(), String::new());
        while let Some(word) = words.next() {
            let mut value = || words.next().expect("the option has a value");
            match word.as_str() {
                "--request" => method = Some(value()),
                "--url" => url = Some(value()),
                "--header" => headers.push(value()),
                "--data" => body = value(),
                option => {
                    assert!(!option.starts_with('-') && url.is_none(), "{option}");
                    url = Some(word);
                }
            }
        }
        let url = url.expect("a URL");
        let rest = url.strip_prefix("http://").expect("an http URL");
        let (address, path) = rest.split_once('/').expect("a path");
        // A body makes it a POST, as curl does.
        let method = method.unwrap_or_else(|| if body.is_empty() { "GET" } else { "POST" }.into());
        Self {
            method,
            address: address.to_owned(),
            target: format!("/{path}"),
            headers,
            body,
        }
    }

    /// Carries it out.
    pub fn run(&self) -> Answer {
        receive(&mut self.send())
    }

    fn send(&self) -> TcpStream {
        let mut headers = self.headers.join("\r\n");
        if !headers.is_empty() {
            headers.push_str("\r\n");
        }
        send(
            &self.address,
            &self.method,
            &self.target,
            &headers,
            &self.body,
        )
    }
}

/// A command's words, with quotes and escapes taken away.
fn words(command: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut characters = command.chars();
    while let Some(character) = characters.next() {
        match character {
            '\'' => {
                let quoted = characters.by_ref().take_while(|it| *it != '\'');
                word.get_or_insert_default().extend(quoted);
            }
            '\\' => match characters.next() {
                Some('\n') | None => {}
                Some(escaped) => word.get_or_insert_default().push(escaped),
            },
            _ if character.is_whitespace() => words.extend(word.take()),
            _ => {
                assert!(
                    !"\"$`|&;<>(){}*?#~".contains(character),
                    "{character} means something to a shell: {command}"
                );
                word.get_or_insert_default().push(character);
            }
        }
    }
    words.extend(word);
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_read_as_a_shell_and_curl_would() {
        let curl = Curl::read(
            "curl http://127.0.0.1:1/a/b \\\n  --header 'x-a: b c' \\\n  --data '{\"a\":\n \"b\"}'",
        );
        assert_eq!(curl.method, "POST");
        assert_eq!(
            (curl.address.as_str(), curl.target.as_str()),
            ("127.0.0.1:1", "/a/b")
        );
        assert_eq!(curl.headers, ["x-a: b c"]);
        assert_eq!(curl.body, "{\"a\":\n \"b\"}");
        assert_eq!(Curl::read("curl --url http://h/x").method, "GET");
    }
}
