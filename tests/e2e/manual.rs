//! Guides as their readers follow them: each indented paragraph is run, in its order, by the shell and against the sandbox.

use std::{
    collections::VecDeque,
    fs,
    path::Path,
    process::{Command, Stdio},
};

use crosswalk_tests::{Answer, Process, Ran, binary, exchange_text};

/// What the shell leaves to the next command: its variables.
const VARIABLES: &str = ".variables";

/// A paragraph that is indented.
#[derive(Debug)]
enum Block {
    /// For the shell.
    Shell(String),
    /// A file to write, whose name is in its first line, or what is added to it.
    File {
        name: String,
        text: String,
        is_added: bool,
    },
}

/// Somebody with a guide, a shell and a folder.
pub(crate) struct Reader {
    blocks: VecDeque<Block>,
    folder: tempfile::TempDir,
    instead: Vec<(String, String)>,
    environment: Vec<(String, String)>,
    served: Option<Process>,
    pub(crate) address: String,
}

impl Reader {
    /// `127.0.0.1:4040` and `:4043` are ports that are free.
    pub(crate) fn of(guide: &str) -> Self {
        let (address, admin) = (free(), free());
        let folder = tempfile::tempdir().unwrap();
        let path = binary();
        let path = path.parent().unwrap().display();
        let path = format!("{path}:{}", std::env::var("PATH").unwrap_or_default());
        let state = folder.path().join("state").display().to_string();
        let environment = [
            ("PATH", path.as_str()),
            ("CROSSWALK_LISTEN", &address),
            ("CROSSWALK_TLS_ROOTS", "bundled"),
            ("CROSSWALK_LOG_FORMAT", "json"),
            ("XDG_STATE_HOME", &state),
        ];
        let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned()));
        Self {
            blocks: blocks(guide),
            folder,
            instead: vec![
                ("127.0.0.1:4040".to_owned(), address.clone()),
                ("127.0.0.1:4043".to_owned(), admin),
            ],
            environment: environment.into(),
            served: None,
            address,
        }
    }

    /// From now on these words are read for those.
    pub(crate) fn instead(&mut self, of: &str, these: impl Into<String>) {
        self.instead.insert(0, (of.to_owned(), these.into()));
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Does what comes next; it must end well.
    pub(crate) fn next(&mut self) -> String {
        let ran = self.try_next();
        assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
        ran.out
    }

    /// The same, and it has these words in it.
    pub(crate) fn expect(&mut self, command: &str) -> String {
        match self.blocks.front() {
            Some(Block::Shell(text)) if text.contains(command) => self.next(),
            other => panic!("expected `{command}` next, found {other:?}"),
        }
    }

    pub(crate) fn try_next(&mut self) -> Ran {
        let block = self.blocks.pop_front().expect("the guide goes on");
        match block {
            Block::File {
                name,
                text,
                is_added,
            } => {
                let file = self.folder().join(name);
                let before = if is_added {
                    fs::read_to_string(&file).unwrap()
                } else {
                    String::new()
                };
                fs::write(file, format!("{before}{}", self.read(&text))).unwrap();
                Ran {
                    code: 0,
                    out: String::new(),
                    err: String::new(),
                }
            }
            Block::Shell(text) if text == "crosswalk serve" => {
                self.serve();
                Ran {
                    code: 0,
                    out: String::new(),
                    err: String::new(),
                }
            }
            Block::Shell(text) => self.shell(&text),
        }
    }

    /// Runs what is not in the guide.
    pub(crate) fn shell(&self, text: &str) -> Ran {
        let script = format!(
            "set -euo pipefail\n[ ! -e {VARIABLES} ] || . ./{VARIABLES}\nset -a\n{}\nexport -p > {VARIABLES}",
            self.read(text)
        );
        let output = Command::new("bash")
            .args(["-c", &script])
            .current_dir(self.folder())
            .env_remove("CROSSWALK_CONFIG")
            .env_remove("STATE_DIRECTORY")
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .output()
            .expect("there is a shell");
        Ran {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Starts a proxy with the variables of the shell, in the place of the one that runs.
    pub(crate) fn serve(&mut self) -> &mut Process {
        self.served = None;
        let variables = self.shell("env -0").out;
        let variables = variables.split('\0').filter_map(|it| it.split_once('='));
        let variables: Vec<_> = variables.collect();
        let process = Process::start(&["serve"], self.folder(), &variables);
        process.err.wait_for("listening");
        self.served.insert(process)
    }

    pub(crate) fn served(&mut self) -> &mut Process {
        self.served.as_mut().expect("a proxy runs")
    }

    /// Ends the proxy as a supervisor does.
    pub(crate) fn stop(&mut self) {
        let mut process = self.served.take().expect("a proxy runs");
        process.terminate();
        assert_eq!(process.exit_code(), 0);
    }

    /// Writes what is not in the guide.
    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.folder().join(name), self.read(text)).unwrap();
    }

    /// Nothing of the guide was left out.
    pub(crate) fn end(self) {
        assert!(self.blocks.is_empty(), "not run: {:#?}", self.blocks);
    }

    fn read(&self, text: &str) -> String {
        let mut read = text.to_owned();
        for (of, these) in &self.instead {
            read = read.replace(of, these);
        }
        read
    }
}

/// Free a moment ago, and nobody else takes just this one.
fn free() -> String {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    free.local_addr().unwrap().to_string()
}

fn blocks(guide: &str) -> VecDeque<Block> {
    let mut blocks = VecDeque::new();
    for paragraph in guide.split("\n\n") {
        let lines = paragraph.trim_matches('\n').lines();
        let lines: Option<Vec<&str>> = lines.map(|line| line.strip_prefix("    ")).collect();
        let Some(lines) = lines.filter(|lines| !lines.is_empty()) else {
            continue;
        };
        let name = lines[0].strip_prefix("# ").unwrap_or_default();
        let (name, rest) = name.split_once(',').unwrap_or((name, ""));
        blocks.push_back(if name.rsplit('.').next() == Some("yaml") {
            Block::File {
                name: name.to_owned(),
                text: format!("{}\n", lines[1..].join("\n")),
                is_added: !rest.is_empty(),
            }
        } else {
            Block::Shell(lines.join("\n"))
        });
    }
    blocks
}

/// The cells of a table below a heading: its rows' first columns, as parts between code marks.
pub(crate) fn sayings(guide: &str, heading: &str) -> Vec<String> {
    let (_, section) = guide.split_once(heading).expect("the section is there");
    let rows = section.lines().filter_map(|line| line.strip_prefix("| `"));
    rows.map(|row| row.split('`').next().unwrap().to_owned())
        .collect()
}

/// The links of a guide, to files beside it and to their headings, that lead nowhere.
pub(crate) fn broken_links(guide: &str) -> Vec<String> {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../proxy/docs");
    let leads = |link: &str| {
        let (file, heading) = link.split_once('#').unwrap_or((link, ""));
        let text = match file {
            "" => guide.to_owned(),
            file => fs::read_to_string(docs.join(file)).unwrap_or_default(),
        };
        !text.is_empty() && (heading.is_empty() || headings(&text).contains(&heading.to_owned()))
    };
    let links = guide.split("](").skip(1);
    let links = links.filter_map(|rest| rest.split(')').next());
    let links = links.filter(|link| !link.starts_with("http"));
    links
        .filter(|link| !leads(link))
        .map(str::to_owned)
        .collect()
}

/// What a text's headings are called in links.
pub(crate) fn headings(text: &str) -> Vec<String> {
    let headings = text.lines().filter(|line| line.starts_with('#'));
    headings
        .map(|line| {
            let words = line.trim_start_matches('#').trim().to_lowercase();
            let letters = words
                .chars()
                .filter(|it| it.is_alphanumeric() || " -_".contains(*it));
            letters.map(|it| if it == ' ' { '-' } else { it }).collect()
        })
        .collect()
}

/// What a customer does in a browser, with a provider that says yes at once.
pub(crate) fn consent(address: &str, provider: &str, link: &str, config: &str) {
    let (_, secret) = link.split_once('#').expect("the link has its secret");
    let origin = link.split("/connect").next().expect("a page of ours");
    let send = |target: &str, cookie: &str, form: &str| -> Answer {
        let headers = format!(
            "origin: {origin}\r\ncookie: {cookie}\r\ncontent-type: application/x-www-form-urlencoded\r\n"
        );
        let method = if form.is_empty() { "GET" } else { "POST" };
        exchange_text(address, method, target, &headers, form)
    };
    let opened = send("/connect/open", "", &format!("link={secret}"));
    let cookie = opened.header("set-cookie").expect("a visit begins");
    let (cookie, _) = cookie.split_once(';').expect("a cookie has its limits");
    let onward = send("/connect/start", cookie, &format!("config={config}"));
    let (_, rest) = onward
        .text
        .split_once("content=\"0;url=")
        .unwrap_or_else(|| {
            panic!(
                "it leads to the provider: {} {:?}",
                onward.text,
                onward.header("location")
            )
        });
    let to = rest.split('"').next().unwrap().replace("&amp;", "&");
    let target = to
        .strip_prefix(&format!("http://{provider}"))
        .unwrap_or_else(|| panic!("the sandbox is asked: {to}"));
    let back = exchange_text(provider, "GET", target, "", "");
    let back = back.header("location").expect("it leads back").to_owned();
    let target = back.strip_prefix(origin).expect("it leads back to us");
    let done = send(target, cookie, "");
    assert!(done.status < 400, "{}", done.text);
}
