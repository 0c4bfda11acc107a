//! `crosswalk sandbox`

use std::fmt::Write as _;

use super::{
    Failure,
    players::{PLAYERS, Playing},
    progress::Progress,
    runtime, say,
    signals::Signals,
};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Take free ports instead of the usual ones.
    #[arg(long)]
    any_port: bool,
    /// Invent so many more contacts at each provider before it starts, and an account for every ten of them.
    #[arg(long, value_name = "COUNT", default_value_t = 0, value_parser = clap::value_parser!(u64).range(0..=1_000_000))]
    fill: u64,
}

/// Rows that are invented between two signs of life.
const AT_ONCE: u64 = 2_000;

/// Invents rows, the same ones each time.
fn fill(stage: &[Playing], count: u64) -> Result<(), Failure> {
    let all = count * u64::try_from(stage.len()).unwrap_or(1);
    let mut progress = Progress::of(all.div_ceil(AT_ONCE));
    for playing in stage {
        let mut made = 0;
        while made < count {
            let now = AT_ONCE.min(count - made);
            playing.fill(now)?;
            made += now;
            progress.step(&format!(
                "{}: {made} of {count} contacts",
                playing.player.title
            ));
        }
    }
    Ok(())
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    runtime()?.block_on(async {
        let mut signals = Signals::catch()?;
        let mut stage = Vec::new();
        for player in &PLAYERS {
            let port = if arguments.any_port { 0 } else { player.port };
            stage.push(Playing::start(player, port).await?);
        }
        fill(&stage, arguments.fill)?;
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
