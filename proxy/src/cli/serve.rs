//! `crosswalk serve`

use std::path::Path;

use crosswalk::{
    config, log,
    route::Api,
    server::{Drained, Handed, Server, StartError},
};
use tokio::sync::oneshot;

use super::{Failure, background, notify, runtime_of, signals::Signals};

pub(super) fn run(api: &Api, path: &Path) -> Result<(), Failure> {
    let config = config::read(path, api)?;
    log::start(config.log);
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    let background = match config.state.store {
        Some(_) => Some(background()?),
        None => None,
    };
    runtime_of(config.limits.threads)?.block_on(async {
        let signals = Signals::catch()?;
        let handed = Handed::take().map_err(StartError::Handed)?;
        let mut server = Server::bind_handed(*api, &config, None, handed).await?;
        if let Some(background) = &background {
            server = server.with_background(background.handle().clone());
        }
        tracing::info!(
            address = server.place(),
            admin = server.admin_place(),
            connections = config.connections.len(),
            "listening"
        );
        until_stopped(server, signals).await
    })
}

/// Serves until a signal, then drains; a second signal ends that as well.
pub(super) async fn until_stopped(server: Server, mut signals: Signals) -> Result<(), Failure> {
    let place = server.place();
    let (stop, stopped) = oneshot::channel::<()>();
    let mut running = std::pin::pin!(server.run(async {
        let _ = stopped.await;
    }));
    notify::ready(&place);
    let mut watch = std::pin::pin!(notify::keep_watch());
    tokio::select! {
        _ = &mut running => return Ok(()),
        () = signals.next() => {}
        () = &mut watch => {}
    }
    notify::stopping();
    tracing::info!("draining; another signal stops at once");
    let _ = stop.send(());
    tokio::select! {
        drained = running => match drained {
            Drained::Fully => Ok(()),
            Drained::Partly => Err(Failure::Cut),
        },
        () = signals.next() => Err(Failure::Stopped),
        () = watch => Ok(()),
    }
}
