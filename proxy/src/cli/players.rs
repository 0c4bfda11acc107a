//! The providers that the sandbox plays, and what the demo says to each.

use std::{net::SocketAddr, sync::Arc};

use crosswalk::sandbox::{
    http::{Provider, serve},
    hubspot::{self, HubSpot},
    salesforce::{self, Salesforce},
};
use serde_json::json;
use tokio::{net::TcpListener, task::JoinHandle};

use super::Failure;

/// One provider of the sandbox.
pub(super) struct Player {
    /// As in a connection's `provider:`.
    pub(super) name: &'static str,
    pub(super) title: &'static str,
    /// Where it is unless told otherwise.
    pub(super) port: u16,
    /// The setting of a connection that says where its API is.
    pub(super) url_setting: &'static str,
    pub(super) access_token: &'static str,
    pub(super) client_id: &'static str,
    pub(super) client_secret: &'static str,
    pub(super) refresh_token: &'static str,
    /// Where its consent page is.
    pub(super) authorize: &'static str,
    /// The body of an account's upsert, with values that this provider takes.
    pub(super) upsert: &'static str,
    play: fn() -> Arc<dyn Provider>,
}

pub(super) static PLAYERS: [Player; 2] = [
    Player {
        name: "hubspot",
        title: "HubSpot",
        port: 4041,
        url_setting: "base_url",
        access_token: hubspot::PRIVATE_APP_TOKEN,
        client_id: hubspot::CLIENT_ID,
        client_secret: hubspot::CLIENT_SECRET,
        refresh_token: hubspot::REFRESH_TOKEN,
        authorize: "/oauth/authorize",
        upsert: include_str!("demo/hubspot.json"),
        play: || Arc::new(HubSpot::new(hubspot::Options::default())),
    },
    Player {
        name: "salesforce",
        title: "Salesforce",
        port: 4042,
        url_setting: "instance_url",
        access_token: salesforce::ACCESS_TOKEN,
        client_id: salesforce::CLIENT_ID,
        client_secret: salesforce::CLIENT_SECRET,
        refresh_token: salesforce::REFRESH_TOKEN,
        authorize: "/services/oauth2/authorize",
        upsert: include_str!("demo/salesforce.json"),
        play: || Arc::new(Salesforce::new(&salesforce::Options::default())),
    },
];

/// A provider that is being played; stops when dropped.
pub(super) struct Playing {
    pub(super) player: &'static Player,
    pub(super) address: SocketAddr,
    provider: Arc<dyn Provider>,
    task: JoinHandle<()>,
}

impl Playing {
    /// Port 0 takes a free one.
    pub(super) async fn start(player: &'static Player, port: u16) -> Result<Self, Failure> {
        let listener = TcpListener::bind(("127.0.0.1", port))
            .await
            .map_err(|error| {
                std::io::Error::new(
                    error.kind(),
                    format!(
                        "{} cannot be played on 127.0.0.1:{port}: {error}",
                        player.title
                    ),
                )
            })?;
        let address = listener.local_addr()?;
        let provider = (player.play)();
        let served = Arc::clone(&provider);
        let task = tokio::spawn(serve(listener, served, std::future::pending()));
        Ok(Self {
            player,
            address,
            provider,
            task,
        })
    }

    /// Invents so many contacts, and an account for every ten of them.
    pub(super) fn fill(&self, contacts: u64) -> Result<(), Failure> {
        let wanted =
            json!({ "contacts": contacts, "accounts": contacts.div_ceil(10), "linked": true });
        match self.provider.command("fill", &wanted) {
            Some(Ok(_)) => Ok(()),
            Some(Err(reason)) => Err(Failure::Call(reason)),
            None => Err(Failure::Call(format!(
                "{} cannot be filled",
                self.player.title
            ))),
        }
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Playing {
    fn drop(&mut self) {
        self.task.abort();
    }
}
