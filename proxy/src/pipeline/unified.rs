//! One unified operation on one connection: translator and driver, for callers from outside and from within.

use std::sync::Arc;

use jiff::Timestamp;
use tokio::{sync::OwnedSemaphorePermit, time::Instant};

use super::drive::{Call, Driver};
use crate::{
    error::Error,
    idempotency::Running,
    log::CallLog,
    route::{Api, UnifiedRequest},
    translate::Context,
    upstream::{Connection, provider::Effect},
};

/// Answers unified operations.
#[derive(Debug)]
pub struct Unified {
    api: Api,
    driver: Arc<Driver>,
}

/// The surroundings of one call.
#[derive(Debug)]
pub struct UnifiedCall {
    /// As in `crm.account.list`.
    pub operation: &'static str,
    pub effect: Effect,
    pub connection: Arc<Connection>,
    /// When it has to be at its end.
    pub deadline: Instant,
    pub log: Arc<CallLog>,
    /// Is told before something is written, where the caller gave an idempotency key.
    pub keyed: Option<Arc<Running>>,
    /// The place among the calls in flight, given back at the end of the drive, which may be later than that of the
    /// request. None for calls from within.
    pub place: Option<OwnedSemaphorePermit>,
}

impl Unified {
    pub(super) fn new(api: Api, driver: Driver) -> Self {
        Self {
            api,
            driver: Arc::new(driver),
        }
    }

    pub(super) fn forget(&self, connection: &str) {
        self.driver.forget(connection);
    }

    /// The body of the answer.
    pub async fn answer(
        &self,
        call: UnifiedCall,
        request: &UnifiedRequest,
    ) -> Result<Vec<u8>, Error> {
        let UnifiedCall {
            operation,
            effect,
            connection,
            deadline,
            log,
            keyed,
            place,
        } = call;
        let context = Context {
            provider: connection.provider,
            operation,
            connection: Arc::<Connection>::clone(&connection),
            now: Timestamp::now(),
            hidden: self.driver.hidden(&connection.settings.id),
            objects: Arc::default(),
            fields: None,
        };
        let translator = (self.api.translator)(operation, context, request)?;
        let call = Call {
            connection,
            deadline,
            log,
            keyed,
            place,
        };
        self.driver.drive(effect, translator, call).await
    }
}
