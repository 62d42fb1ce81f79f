//! The token of an attempt: it is fetched by the same connections, the same rules and within the same time as its target
//! is called.

use chronos_types::{Auth, ClientCredentials, ErrorKind, Webhook, clip};

use super::{Client, Head, Hop, MaySend, NoHead, Outcome, Received, Scrub, retry_after};
use crate::oauth::{Answer, Bearer, Grant, Granted, MAX_ANSWER_BYTES, NoToken};
use crate::outcome::TokenFault;

/// What a token is to be fetched with. None is for a webhook whose own header takes the token's place.
pub(super) fn wanted(webhook: &Webhook) -> Option<&ClientCredentials> {
    let auth = webhook.auth.as_ref().filter(|auth| webhook.headers.get(auth.header_name()).is_none());
    auth.and_then(Auth::client_credentials)
}

impl Client {
    /// The token of a grant. Nothing of it is in what the target answers from here on.
    pub(super) async fn bearer(
        &self,
        grant: &Grant,
        may_send: MaySend<'_>,
        received: &mut Received<'_>,
    ) -> Result<Bearer, NoToken> {
        received.awaits_token = Some(grant.endpoint());
        let bearer = self.tokens.of(grant.key, self.fetch(grant, may_send, received.scrub())).await;
        received.awaits_token = None;
        if let Ok(bearer) = &bearer {
            received.hide(bearer.token());
        }
        bearer
    }

    /// Asks for a token, once. Of this call there is no record: neither how long it took, nor what came.
    async fn fetch(
        &self,
        grant: &Grant,
        may_send: MaySend<'_>,
        scrub: &Scrub<'_>,
    ) -> Result<Granted, NoToken> {
        let failed = |kind, status, why: &str| none(&grant.endpoint(), (kind, status), why);
        let hop = Hop::own(grant.request());
        let hop = hop.map_err(|why| NoToken::from(Outcome::failed(ErrorKind::Secret, why)))?;
        let (mut received, mut has_sent) = (Received::nothing(0), false);
        let (mut connection, head) = match self.send(&hop, may_send, &mut has_sent, &mut received).await {
            Ok(answered) => answered,
            Err(NoHead::Withheld) => return Err(NoToken::Withheld),
            Err(NoHead::Failed(failure)) => {
                let Outcome { failure, shortage, .. } = self.failed(failure, &received);
                let (kind, why) = failure.unwrap_or((ErrorKind::Connect, "it was not reached".to_owned()));
                return Err(Outcome { shortage, ..failed(kind, 0, &why) }.into());
            }
        };
        let retry_after = retry_after(&head, self.env.now());
        let Head { status, framing, keep, location, is_cut, .. } = head;
        let code = status.as_u16();
        let mut framing = framing.map_err(|why| NoToken::from(failed(ErrorKind::Body, code, &why)))?;
        let (mut body, mut came, mut is_read) = (Vec::new(), 0, false);
        if !is_cut {
            let take = |data: &[u8]| {
                came += data.len();
                let room = MAX_ANSWER_BYTES - body.len();
                body.extend_from_slice(&data[..data.len().min(room)]);
            };
            let read = connection.body(&mut framing, MAX_ANSWER_BYTES, take).await;
            is_read = read.map_err(|why| NoToken::from(failed(ErrorKind::Body, code, &clip(&why))))?;
        }
        self.pool.put(connection, keep.filter(|_| framing.is_over()));
        let is_whole = is_read && came == body.len();
        let answer = Answer { status, location, body, is_whole };
        answer.granted(&scrub.and(grant.secrets())).map_err(|why| {
            let outcome = failed(ErrorKind::Status, code, &why);
            Outcome { retry_after, ..outcome }.into()
        })
    }
}

/// The outcome of an attempt for which there is no token. What went wrong at the endpoint, as a kind with a status, says
/// whether it may be tried again.
pub(super) fn none(endpoint: &str, (kind, status): (ErrorKind, u16), why: &str) -> Outcome {
    let message = format!("{endpoint} gave no token: {why}");
    match kind {
        // What the configuration forbids is that, whoever is called.
        ErrorKind::EgressDenied => Outcome::failed(kind, message),
        kind => {
            let token = Some(TokenFault::Missing { kind, status });
            Outcome { token, ..Outcome::failed(ErrorKind::Auth, message) }
        }
    }
}
