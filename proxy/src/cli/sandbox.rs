//! `crosswalk sandbox`

use std::fmt::Write as _;

use super::{
    Failure,
    players::{PLAYERS, Playing},
    runtime, say,
    signals::Signals,
};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Take free ports instead of the usual ones.
    #[arg(long)]
    any_port: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    runtime()?.block_on(async {
        let mut signals = Signals::catch()?;
        let mut stage = Vec::new();
        for player in &PLAYERS {
            let port = if arguments.any_port { 0 } else { player.port };
            stage.push(Playing::start(player, port).await?);
        }
        let mut text = String::new();
        for playing in &stage {
            let player = playing.player;
            // Writing to a String does not fail.
            let _ = writeln!(
                text,
                "{}\n  url            {}\n  access_token   {}\n  client_id      {}\n  client_secret  {}\n  refresh_token  {}\n  authorize      {}{}\n  control        {}/_sandbox/calls, faults, settings, reset, expire_tokens, grants, revoke, fill, churn, records\n",
                player.title,
                playing.url(),
                player.access_token,
                player.client_id,
                player.client_secret,
                player.refresh_token,
                playing.url(),
                player.authorize,
                playing.url(),
            );
        }
        text.push_str("Everything is in memory and on loopback. Ctrl-C ends it.");
        say(&text)?;
        signals.next().await;
        Ok(())
    })
}
