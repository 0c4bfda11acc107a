//! `crosswalk serve`

use crosswalk::{
    log,
    reload::Watch,
    route::Api,
    server::{Drained, Handed, Server, StartError},
};
use tokio::{runtime::Handle, sync::oneshot};

use super::{
    Failure, ServeArguments, notify, runtime,
    signals::{Hangup, Signals},
    thread::Thread,
};

pub(super) fn run(api: &Api, arguments: &ServeArguments) -> Result<(), Failure> {
    let layers = arguments.layers();
    // Before it is read, so that no change is missed.
    let watch = Watch::new(layers.path());
    let config = layers.read(api)?;
    let (layers, watch) = (layers.started(), watch.with(&config.files));
    log::start(config.log);
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    // What is done beside calls never keeps one waiting.
    let background = match config.state.store {
        Some(_) => Some(Thread::start("background")?),
        None => None,
    };
    // The first thread is this one.
    let hands = (1..config.limits.threads).map(|number| Thread::start(&format!("calls-{number}")));
    let mut hands: Vec<_> = hands.collect::<Result<_, _>>()?;
    let ended = runtime()?.block_on(async {
        let (signals, hangups) = (Signals::catch()?, Hangup::catch()?);
        let handed = Handed::take().map_err(StartError::Handed)?;
        let mut server = Server::bind_handed(*api, &config, None, handed).await?;
        if let Some(background) = &background {
            server = server.with_background(background.handle().clone());
        }
        let hands = hands.iter().map(|hand| hand.handle().clone());
        let server = server.with_hands(hands.collect());
        tracing::info!(
            address = server.place(),
            admin = server.admin_place(),
            connections = config.connections.len(),
            "listening"
        );
        let reloader = server.reloader(config);
        let beside = background
            .as_ref()
            .map_or_else(Handle::current, |it| it.handle().clone());
        let reloading = beside.spawn(reloader.run(*api, layers, watch, hangups));
        let ended = until_stopped(server, signals).await;
        reloading.abort();
        ended
    });
    hands.iter_mut().for_each(Thread::stop);
    ended
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
