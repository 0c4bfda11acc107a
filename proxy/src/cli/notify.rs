//! Tells whoever started this process how it is: systemd's notifications (`sd_notify(3)`). Nobody is told where
//! `NOTIFY_SOCKET` is not set.

use std::time::Duration;

use sd_notify::NotifyState;

/// Calls are answered from now on.
pub(super) fn ready(place: &str) {
    let status = format!("listens on {place}");
    tell(&[NotifyState::Ready, NotifyState::Status(&status)]);
}

/// No further calls are taken, and those under way are answered.
pub(super) fn stopping() {
    tell(&[
        NotifyState::Stopping,
        NotifyState::Status("answers the calls that are under way"),
    ]);
}

/// Says that the first of the threads that answer calls still turns, as often as the watchdog wants to hear it; never ends.
pub(super) async fn keep_watch() {
    let Some(patience) = sd_notify::watchdog_enabled() else {
        return std::future::pending().await;
    };
    // Twice in the time, as the manual advises.
    let mut turn = tokio::time::interval((patience / 2).max(Duration::from_millis(1)));
    loop {
        turn.tick().await;
        tell(&[NotifyState::Watchdog]);
    }
}

fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!(%error, "the service manager could not be told");
    }
}
