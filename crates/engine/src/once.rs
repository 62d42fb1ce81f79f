//! Requests with an idempotency key: what was answered to the first one is looked up before anything else is. What the
//! first one named, demanded or said may be gone, changed or refused by now; a repeat gets its answer all the same.

use chronos_state::{Idempotency, Outcome, Reader, Refusal};

use crate::error::{ReadError, WriteError};
use crate::lookup;
use crate::read::Consistency;
use crate::sealing;
use crate::services::Services;

/// Asks for something, unless that was asked for before under the same key: then it answers what came of it.
/// `is_refusal` tells errors by which nothing was done, for a reason that this node found.
pub(crate) async fn once<T, E>(
    services: &Services,
    key: Option<&Idempotency>,
    is_refusal: fn(&E) -> bool,
    ask: impl Future<Output = Result<T, E>>,
) -> Result<T, E>
where
    T: From<Outcome>,
    E: From<WriteError>,
{
    let Some(key) = key else { return ask.await };
    if let Some(outcome) = answered(services, key).await? {
        return Ok(outcome.into());
    }
    match ask.await {
        // This node may not have applied the first request yet when it looked, and see what came after it by now.
        Err(refusal) if is_refusal(&refusal) => {
            lookup::catch_up(services, Consistency::Linearizable).await.map_err(WriteError::from)?;
            answered(services, key).await?.map_or(Err(refusal), |outcome| Ok(outcome.into()))
        }
        done => done,
    }
}

/// What was answered to the first request of a key, as far as this node knows.
pub(crate) async fn answered(services: &Services, key: &Idempotency) -> Result<Option<Outcome>, WriteError> {
    sealing::read_key(services).await?;
    let (plain, keyed) = (key.clone(), sealing::keyed(services, key));
    let look = move |reader: &Reader| {
        let found = reader.answer(&keyed)?;
        // It may have been asked for before fingerprints had a key.
        let is_other = found == Some(Outcome::Refused { refusal: Refusal::KeyReused });
        if is_other && sealing::is_keyed(&keyed) { reader.answer(&plain) } else { Ok(found) }
    };
    Ok(services.store.query(look).await.map_err(ReadError::from)?)
}
