//! `crosswalk pipelines`: the pipelines of a running proxy, by its own API.

use std::{
    fmt::Write as _,
    io::{IsTerminal as _, stderr},
    time::{Duration, Instant},
};

use clap::Subcommand;
use crosswalk::route::Api;
use http::Method;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::{Value, json};
use tokio::time::sleep;

use super::{
    Failure,
    client::{Access, Call, Proxy},
    runtime, say,
};

/// How often the proxy is asked how far a sync is.
const ASKED_EVERY: Duration = Duration::from_millis(300);
/// How often a line tells it, where there is no terminal.
const TOLD_EVERY: Duration = Duration::from_secs(10);
const PAGE: usize = 500;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    access: Access,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List the pipelines and how they are.
    List,
    /// Sync a pipeline and show how far it is; ends with the sync.
    Sync {
        /// As in pipe_…
        id: String,
        /// Read everything again, from the beginning.
        #[arg(long)]
        full_resync: bool,
        /// Only bring the tables up to date, and no records.
        #[arg(long)]
        meta_only: bool,
        /// Ask for the sync and do not wait for it.
        #[arg(long)]
        no_wait: bool,
    },
}

pub(super) fn run(api: &Api, arguments: Arguments) -> Result<(), Failure> {
    let proxy = arguments.access.proxy(api)?;
    runtime()?.block_on(async {
        match arguments.command {
            Command::List => list(&proxy).await,
            Command::Sync {
                id,
                full_resync,
                meta_only,
                no_wait,
            } => {
                let body =
                    json!({ "async": true, "fullResync": full_resync, "metaOnly": meta_only });
                sync(&proxy, &id, &body, no_wait).await
            }
        }
    })
}

async fn list(proxy: &Proxy) -> Result<(), Failure> {
    let mut pipelines = Vec::new();
    loop {
        let call = Call::new(Method::GET, &["core", "pipeline"])
            .query("limit", PAGE)
            .query("offset", pipelines.len());
        let page = proxy.ask(call).await?;
        let page = page.as_array().cloned().unwrap_or_default();
        let is_last = page.len() < PAGE;
        pipelines.extend(page);
        if is_last {
            break;
        }
    }
    if pipelines.is_empty() {
        return say("There is no pipeline yet; POST /core/pipeline makes one.");
    }
    let mut text = String::new();
    for pipeline in &pipelines {
        // Writing to a String does not fail.
        let _ = writeln!(text, "{}", summary(pipeline));
    }
    say(text.trim_end())
}

/// A pipeline in one line, and its fault in a second.
fn summary(pipeline: &Value) -> String {
    let word = |name: &str| pipeline[name].as_str().unwrap_or("-");
    let progress = &pipeline["progress"];
    let state = match progress["state"].as_str() {
        _ if pipeline["disabled"] == true => "disabled",
        Some(state) => state,
        None => "never synced",
    };
    let every = match pipeline["syncIntervalSeconds"].as_u64() {
        Some(seconds) => format!("every {seconds} s"),
        None => "when asked".to_owned(),
    };
    let mut line = format!(
        "{}  {} -> {}  {state}, {every}, last completed {}",
        word("id"),
        word("sourceId"),
        word("destinationId"),
        pipeline["lastSyncCompletedAt"].as_str().unwrap_or("never"),
    );
    if let Some(message) = progress["error"]["message"].as_str() {
        let _ = write!(line, "\n    {message}");
    }
    line
}

async fn sync(proxy: &Proxy, id: &str, body: &Value, no_wait: bool) -> Result<(), Failure> {
    let call = Call::new(Method::POST, &["core", "pipeline", id, "_sync"]).json(body);
    let asked = proxy.ask(call).await?;
    let event = asked["sync_completed_event_id"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    if no_wait {
        return say(&format!("asked for; {event} will tell its end"));
    }
    let mut teller = Teller::new();
    loop {
        let call = Call::new(Method::GET, &["core", "pipeline", id]);
        let pipeline = proxy.ask(call).await?;
        let progress = &pipeline["progress"];
        let told = progress["sync_completed_event_id"]
            .as_str()
            .unwrap_or_default();
        let state = progress["state"].as_str().unwrap_or_default();
        if told == event {
            teller.tell(progress);
            if !matches!(state, "waiting" | "running") {
                teller.end();
                return ended(id, state, progress);
            }
        } else if told > event.as_str() {
            // Ids sort by age: a newer sync begins only after this one.
            teller.end();
            return say(&format!(
                "{id}: ended, and another sync has begun since; its events tell how"
            ));
        }
        sleep(ASKED_EVERY).await;
    }
}

fn ended(id: &str, state: &str, progress: &Value) -> Result<(), Failure> {
    let mut text = String::new();
    for stream in progress["streams"].as_array().into_iter().flatten() {
        let _ = writeln!(text, "{}", line(stream));
    }
    let _ = write!(text, "{id}: {state}");
    say(&text)?;
    if state == "completed" {
        return Ok(());
    }
    let message = progress["error"]["message"]
        .as_str()
        .unwrap_or("the sync failed");
    Err(Failure::Call(message.to_owned()))
}

/// A stream in one line.
fn line(stream: &Value) -> String {
    let count = |name: &str| stream[name].as_u64().unwrap_or_default();
    let mut line = format!(
        "{:<16} {:<10} {:>9} records, {} pages",
        stream["name"].as_str().unwrap_or("-"),
        stream["state"].as_str().unwrap_or("-"),
        count("records"),
        count("pages"),
    );
    if count("deleted") > 0 {
        let _ = write!(line, ", {} deleted", count("deleted"));
    }
    if let Some(rate) = stream["rate"].as_f64() {
        let _ = write!(line, ", {rate:.0}/s");
    }
    if let Some(message) = stream["error"]["message"].as_str() {
        let _ = write!(line, "; {message}");
    }
    line
}

/// Shows how far a sync is: bars on a terminal, lines elsewhere.
struct Teller {
    bars: Option<MultiProgress>,
    streams: Vec<(ProgressBar, String)>,
    told: Instant,
}

impl Teller {
    fn new() -> Self {
        let bars = stderr()
            .is_terminal()
            .then(|| MultiProgress::with_draw_target(ProgressDrawTarget::stderr()));
        Self {
            bars,
            streams: Vec::new(),
            told: Instant::now(),
        }
    }

    fn tell(&mut self, progress: &Value) {
        let streams = progress["streams"]
            .as_array()
            .map_or(&[][..], Vec::as_slice);
        let is_time = self.told.elapsed() >= TOLD_EVERY;
        if is_time {
            self.told = Instant::now();
        }
        for (at, stream) in streams.iter().enumerate() {
            let state = stream["state"].as_str().unwrap_or("-");
            if self.streams.len() <= at {
                self.streams.push((self.bar(), "waiting".to_owned()));
            }
            let (bar, before) = &mut self.streams[at];
            match &self.bars {
                Some(_) => {
                    bar.set_message(line(stream));
                    if matches!(state, "completed" | "failed") {
                        bar.finish();
                    } else {
                        bar.tick();
                    }
                }
                None if before != state || (is_time && state == "running") => {
                    use std::io::Write as _;
                    // Nothing can be done where even stderr is gone.
                    let _ = writeln!(stderr(), "{}", line(stream));
                }
                None => {}
            }
            state.clone_into(before);
        }
    }

    /// How many records there are in all no provider tells, so that the bars have no end to show.
    fn bar(&self) -> ProgressBar {
        let bar = ProgressBar::new_spinner();
        let style = ProgressStyle::with_template("{spinner} {msg}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
        match &self.bars {
            Some(bars) => bars.add(bar),
            None => ProgressBar::hidden(),
        }
    }

    /// Takes the bars away; what they showed is printed for good.
    fn end(&self) {
        if let Some(bars) = &self.bars {
            let _ = bars.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pipeline_is_summed_up() {
        let pipeline = json!({
            "id": "pipe_1", "sourceId": "conn_1", "destinationId": "conn_2", "disabled": false,
            "syncIntervalSeconds": 60, "lastSyncCompletedAt": null,
            "progress": { "state": "partial", "error": { "message": "1 of 2 streams failed" } },
        });
        assert_eq!(
            summary(&pipeline),
            "pipe_1  conn_1 -> conn_2  partial, every 60 s, last completed never\n    1 of 2 streams failed"
        );
    }

    #[test]
    fn a_stream_is_one_line() {
        let stream = json!({
            "name": "crm.account", "state": "failed", "records": 1200, "pages": 12, "deleted": 3, "rate": 99.6,
            "error": { "message": "no" },
        });
        assert_eq!(
            line(&stream),
            "crm.account      failed          1200 records, 12 pages, 3 deleted, 100/s; no"
        );
    }
}
