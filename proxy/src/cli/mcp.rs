//! `crosswalk mcp`: the operations of a running proxy as tools for AI agents, by the Model Context Protocol.
//!
//! It is a client of the proxy like any other, so limits, keys, joins and the log are the proxy's. Over stdin and stdout
//! it has one caller, and stdout carries messages of the protocol alone; over HTTP every caller brings its own key.

use std::{
    io::{self, Write as _},
    net::SocketAddr,
};

use crosswalk::{
    config::{self, Level, LogFormat},
    log,
    route::Api,
};
use rmcp::{ServiceExt as _, service::ServerInitializeError};
use url::Url;

use super::{
    Failure,
    client::{Access, wire},
    runtime,
    signals::Signals,
};

mod arguments;
mod caller;
mod connections;
mod handler;
mod http;
mod schema;
mod tools;

use caller::Caller;
use handler::Handler;
use tools::Catalogue;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    access: Access,
    /// The connection of calls that name none. Unset: every call must name one.
    #[arg(
        long,
        value_name = "ID",
        env = "CROSSWALK_CONNECTION",
        hide_env_values = true
    )]
    connection: Option<String>,
    /// Where the proxy's admin port is: it tells the connections of the proxy's configuration. Unset: `admin_listen` of the
    /// configuration, or the demo's.
    #[arg(
        long,
        value_name = "URL",
        value_parser = wire::place,
        env = "CROSSWALK_ADMIN_URL",
        hide_env_values = true
    )]
    admin_url: Option<Url>,
    /// Offer the operations that write, too. Unset: those that read alone.
    #[arg(long, env = "CROSSWALK_MCP_ALLOW_WRITES", hide_env_values = true)]
    allow_writes: bool,
    /// Offer these operations alone, or all below a name, as in crm.account.
    #[arg(long, value_name = "OPERATION", value_delimiter = ',')]
    only: Vec<String>,
    /// Serve streamable HTTP at /mcp of this address instead of stdin and stdout; port 0 takes a free one. Each request
    /// must bring a key of the proxy: --api-key is not used.
    #[arg(
        long,
        value_name = "ADDRESS",
        env = "CROSSWALK_MCP_LISTEN",
        hide_env_values = true
    )]
    listen: Option<SocketAddr>,
    /// A further value of Host to answer to, with --listen; loopback and the address itself always are.
    #[arg(long, value_name = "NAME", requires = "listen")]
    allowed_host: Vec<String>,
}

pub(super) fn run(api: &Api, arguments: Arguments) -> Result<(), Failure> {
    // What is wrong is told before a client is kept waiting.
    let catalogue = Catalogue::new(api, arguments.allow_writes, &arguments.only)?;
    let mut proxy = arguments.access.proxy(api)?;
    proxy.admin = arguments.admin_url.or(proxy.admin);
    log::start(config::Log {
        format: Some(LogFormat::Human),
        level: Level::Error,
    });
    let tools = format!(
        "{} tools, {}, of the proxy at {}",
        catalogue.count(),
        if arguments.allow_writes {
            "writes among them"
        } else {
            "read-only"
        },
        proxy.url
    );
    let runtime = runtime()?;
    let ended = if let Some(listen) = arguments.listen {
        tell(&tools);
        if !listen.ip().is_loopback() {
            tell(
                "warning: keys and records go over this network as they are; put a proxy with TLS before it",
            );
        }
        let handler = Handler::new(*api, proxy.without_key(), catalogue);
        runtime.block_on(async {
            let signals = Signals::catch()?;
            let (hosts, connection) = (&arguments.allowed_host, arguments.connection);
            http::serve(handler, listen, hosts, connection, signals).await
        })
    } else {
        let caller = Caller::only(arguments.connection);
        let has_key = proxy.has_key();
        let handler = Handler::new(*api, proxy, catalogue).with_caller(caller);
        runtime.block_on(async {
            // Whoever reads the line may end it by a signal from then on.
            let signals = Signals::catch()?;
            tell(&format!("{tools}; MCP on stdin and stdout"));
            if !has_key {
                tell(
                    "warning: no API key is given, so the proxy will refuse every call; --api-key or CROSSWALK_API_KEY gives one",
                );
            }
            over_stdio(handler, signals).await
        })
    };
    // A thread may still wait for a line of stdin, which need not come.
    runtime.shutdown_background();
    ended
}

/// Serves until stdin ends or a signal comes.
async fn over_stdio(handler: Handler, mut signals: Signals) -> Result<(), Failure> {
    let transport = (tokio::io::stdin(), tokio::io::stdout());
    let served = async {
        match handler.serve(transport).await {
            // The client has left before it said anything.
            Err(ServerInitializeError::ConnectionClosed(_)) => Ok(()),
            Err(error) => Err(Failure::Call(error.to_string())),
            Ok(running) => match running.waiting().await {
                Ok(_) => Ok(()),
                Err(error) => Err(Failure::Call(error.to_string())),
            },
        }
    };
    tokio::select! {
        ended = served => ended,
        () = signals.next() => Ok(()),
    }
}

/// For who starts it: clients show it where something is wrong. Nothing can be done where even stderr is gone.
fn tell(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}
