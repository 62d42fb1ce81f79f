//! Request bodies: read whole, within limits of size and time, and then parsed. The
//! `Idempotency-Key` is taken here too, since its fingerprint covers the body.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::extract::{FromRequest, OptionalFromRequest, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, header};
use bytes::{Bytes, BytesMut};
use chronos_api::parse_json;
use chronos_engine::Principal;
use chronos_state::Idempotency;
use chronos_types::{Invalid, clip};
use http_body_util::BodyExt;
use serde_json::Value;
use sha2::{Digest, Sha256};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use utoipa::IntoParams;

use crate::app::Shared;
use crate::problem::ApiError;

/// Four times the largest webhook body, so a job with one fits whatever its escapes.
const MAX_BYTES: usize = 1 << 20;
/// Of a batch: ten thousand jobs of 1.6 KiB.
pub(crate) const MAX_BATCH_BYTES: usize = 16 << 20;
/// Longer than a slow uplink needs for a mebibyte.
const READ_SECONDS: u64 = 30;
const MAX_KEY_BYTES: usize = 255;
/// How a text in gzip begins (RFC 1952, section 2.3.1).
const GZIP: &[u8] = &[0x1f, 0x8b];
/// Bytes of all bodies that are being read, and of those that were read and whose requests are under way: as many
/// as 128 of the largest webhook bodies. More clients than that are told to come again.
pub(crate) const MAX_HELD_BYTES: usize = 32 << 20;
/// Of these, what batches may take together: whoever sends one job always finds room beside them.
pub(crate) const MAX_HELD_BY_BATCHES: usize = MAX_BATCH_BYTES;

/// A JSON body. As an `Option` it may be left out.
pub(crate) struct JsonBody {
    /// The value.
    pub(crate) value: Value,
    /// Set on a POST with an `Idempotency-Key`.
    pub(crate) idempotency: Option<Idempotency>,
    /// Its share of what bodies may hold together.
    pub(crate) held: Held,
}

/// The room that a body takes, for as long as this is kept.
pub(crate) type Held = Option<OwnedSemaphorePermit>;

/// The body of a batch, which is read elsewhere: that takes its time.
pub(crate) struct BatchBody {
    /// Its bytes.
    pub(crate) bytes: Bytes,
    parts: Parts,
    /// Its share of what bodies may hold together, and of what batches may.
    pub(crate) held: [Held; 2],
}

impl FromRequest<Shared> for BatchBody {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &Shared) -> Result<Self, ApiError> {
        let Whole { parts, bytes, held, of_batches } = read(request, app, MAX_BATCH_BYTES).await?;
        if !bytes.is_empty() {
            check_coding(&parts.headers, &bytes)?;
            check_media_type(&parts.headers)?;
        }
        Ok(Self { bytes, parts, held: [held, of_batches] })
    }
}

impl BatchBody {
    /// The key of the request, with what tells it from others. That reads all of the body.
    pub(crate) fn idempotency(&self) -> Result<Option<Idempotency>, ApiError> {
        idempotency(&self.parts, &self.bytes)
    }
}

/// A JSON body that may be left out, on what may be repeated.
pub(crate) struct MaybeBody {
    /// The value, where there is one.
    pub(crate) value: Option<Value>,
    /// Set on a POST with an `Idempotency-Key`.
    pub(crate) idempotency: Option<Idempotency>,
    /// Its share of what bodies may hold together.
    pub(crate) held: Held,
}

/// No body, or an empty object.
pub(crate) struct NoBody {
    /// Set on a POST with an `Idempotency-Key`.
    pub(crate) idempotency: Option<Idempotency>,
}

/// The header of what may be repeated.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "the document is made of it")]
pub(crate) struct RepeatKey {
    /// Makes a repeat of this request within a day harmless: it gets the answer of the first
    #[param(
        rename = "Idempotency-Key",
        required = false,
        min_length = 1,
        max_length = 255,
        example = "deploy-2026-11-23-1"
    )]
    idempotency_key: String,
}

impl FromRequest<Shared> for JsonBody {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &Shared) -> Result<Self, ApiError> {
        Self::parse(read(request, app, MAX_BYTES).await?)
    }
}

impl OptionalFromRequest<Shared> for JsonBody {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &Shared) -> Result<Option<Self>, ApiError> {
        let whole = read(request, app, MAX_BYTES).await?;
        if whole.bytes.is_empty() { Ok(None) } else { Self::parse(whole).map(Some) }
    }
}

/// A request that was read to its end.
struct Whole {
    parts: Parts,
    bytes: Bytes,
    held: Held,
    of_batches: Held,
}

impl JsonBody {
    fn parse(whole: Whole) -> Result<Self, ApiError> {
        let Whole { parts, bytes, held, of_batches: _ } = whole;
        if !bytes.is_empty() {
            check_coding(&parts.headers, &bytes)?;
            check_media_type(&parts.headers)?;
        }
        Ok(Self { value: parse_json(&bytes)?, idempotency: idempotency(&parts, &bytes)?, held })
    }
}

impl FromRequest<Shared> for MaybeBody {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &Shared) -> Result<Self, ApiError> {
        let whole = read(request, app, MAX_BYTES).await?;
        if whole.bytes.is_empty() {
            let Whole { parts, bytes, held, of_batches: _ } = whole;
            return Ok(Self { value: None, idempotency: idempotency(&parts, &bytes)?, held });
        }
        let JsonBody { value, idempotency, held } = JsonBody::parse(whole)?;
        Ok(Self { value: Some(value), idempotency, held })
    }
}

impl FromRequest<Shared> for NoBody {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &Shared) -> Result<Self, ApiError> {
        let Whole { parts, bytes, held: _held, of_batches: _ } = read(request, app, MAX_BYTES).await?;
        if !bytes.is_empty() {
            check_coding(&parts.headers, &bytes)?;
            check_media_type(&parts.headers)?;
            match parse_json(&bytes)? {
                Value::Null => {}
                Value::Object(fields) => {
                    let mut invalid = Invalid::default();
                    for name in fields.keys() {
                        invalid.add(name.as_str(), "unknown field; expected no body");
                    }
                    invalid.into_result()?;
                }
                _ => return Err(Invalid::one("", "is not empty; expected none").into()),
            }
        }
        Ok(Self { idempotency: idempotency(&parts, &bytes)? })
    }
}

/// Reads a body of `most` bytes.
async fn read(request: Request, app: &Shared, most: usize) -> Result<Whole, ApiError> {
    let (parts, mut body) = request.into_parts();
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    let mut room = Room { app, held: None, of_batches: None, is_batch: most > MAX_BYTES };
    let whole = async {
        if announced > most { Ok(None) } else { collect(&mut body, announced, most, &mut room).await }
    };
    match tokio::time::timeout(Duration::from_secs(READ_SECONDS), whole).await {
        Ok(Ok(Some(bytes))) => {
            let Room { held, of_batches, .. } = room;
            Ok(Whole { parts, bytes, held, of_batches })
        }
        Ok(Ok(None)) => Err(ApiError::body_too_large(most)),
        Ok(Err(error)) => Err(error),
        Err(_) => Err(ApiError::body_too_slow(READ_SECONDS)),
    }
}

/// The whole body; none where it is too large.
async fn collect(
    body: &mut Body,
    announced: usize,
    most: usize,
    room: &mut Room<'_>,
) -> Result<Option<Bytes>, ApiError> {
    let mut first: Option<Bytes> = None;
    let mut all = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| ApiError::body_broken())?.into_data() else { continue };
        if all.len() + first.as_ref().map_or(0, Bytes::len) + data.len() > most {
            return Ok(None);
        }
        room.take(data.len())?;
        // Most bodies come in one piece, which is then used as it is.
        match first.take() {
            None if all.is_empty() => first = Some(data),
            None => all.extend_from_slice(&data),
            Some(begin) => {
                all.reserve(announced.max(begin.len() + data.len()));
                all.extend_from_slice(&begin);
                all.extend_from_slice(&data);
            }
        }
    }
    Ok(Some(first.unwrap_or_else(|| all.freeze())))
}

/// The room that a body takes while it is read.
struct Room<'a> {
    app: &'a Shared,
    held: Held,
    of_batches: Held,
    is_batch: bool,
}

impl Room<'_> {
    /// Takes room for so many bytes more. A body takes it as it comes, so that announcing one holds nothing up.
    fn take(&mut self, bytes: usize) -> Result<(), ApiError> {
        let Self { app, held, of_batches, is_batch } = self;
        if *is_batch {
            hold(of_batches, &app.limits.batches, bytes, app)?;
        }
        hold(held, &app.limits.bodies, bytes, app)
    }
}

fn hold(held: &mut Held, of: &Arc<Semaphore>, bytes: usize, app: &Shared) -> Result<(), ApiError> {
    let Ok(more) = Arc::clone(of).try_acquire_many_owned(u32::try_from(bytes).unwrap_or(u32::MAX)) else {
        app.metrics.refused("bodies");
        return Err(ApiError::no_room_for_body());
    };
    match held {
        Some(held) => held.merge(more),
        None => *held = Some(more),
    }
    Ok(())
}

/// Refuses a compressed body, whether its header or its first bytes say so: no JSON begins like gzip.
fn check_coding(headers: &HeaderMap, body: &[u8]) -> Result<(), ApiError> {
    for value in headers.get_all(header::CONTENT_ENCODING) {
        let text = value.to_str().unwrap_or("not ASCII");
        let is_plain = |coding: &str| coding.is_empty() || coding.eq_ignore_ascii_case("identity");
        if !text.split(',').map(str::trim).all(is_plain) {
            return Err(ApiError::wrong_coding(text));
        }
    }
    if body.starts_with(GZIP) { Err(ApiError::wrong_coding("gzip")) } else { Ok(()) }
}

/// Takes `application/json`, and JSON of any kind (`application/merge-patch+json`). A body that does not say is refused: a
/// form of any web page could send it, and a browser would not ask first.
fn check_media_type(headers: &HeaderMap) -> Result<(), ApiError> {
    let mut values = headers.get_all(header::CONTENT_TYPE).iter();
    let Some(value) = values.next() else { return Err(ApiError::wrong_media_type("is missing")) };
    if values.next().is_some() {
        return Err(ApiError::wrong_media_type("is given more than once"));
    }
    let text = value.to_str().unwrap_or("not ASCII");
    let essence = text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if is_json(&essence) { Ok(()) } else { Err(ApiError::wrong_media_type(&format!("is {:?}", clip(text)))) }
}

/// Whether a media type, in lower case, is one of JSON (RFC 6838, section 4.2.8).
fn is_json(essence: &str) -> bool {
    let is_token = |part: &str| {
        let known = |b: u8| b.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&b);
        !part.is_empty() && part.bytes().all(known)
    };
    let is_suffixed =
        |(kind, name): (&str, &str)| is_token(kind) && is_token(name) && name.ends_with("+json");
    essence == "application/json" || essence.split_once('/').is_some_and(is_suffixed)
}

fn idempotency(parts: &Parts, body: &[u8]) -> Result<Option<Idempotency>, ApiError> {
    const NAME: &str = "idempotency-key";
    if parts.method != Method::POST {
        return Ok(None);
    }
    let mut keys = parts.headers.get_all(NAME).iter();
    let Some(key) = keys.next() else { return Ok(None) };
    let refuse = |message: String| Err(Invalid::one("Idempotency-Key", message).into());
    if keys.next().is_some() {
        return refuse("is given more than once; expected one key".into());
    }
    let bytes = key.as_bytes();
    if bytes.is_empty() || bytes.len() > MAX_KEY_BYTES || !bytes.iter().all(u8::is_ascii_graphic) {
        let shown = String::from_utf8_lossy(bytes);
        let expected = format!("expected 1 to {MAX_KEY_BYTES} visible ASCII characters");
        return refuse(format!("{:?} is not a key; {expected}", clip(&shown)));
    }
    let mut hash = Sha256::new();
    for part in [parts.method.as_str().as_bytes(), parts.uri.path().as_bytes(), body] {
        hash.update(part.len().to_be_bytes());
        hash.update(part);
    }
    let fingerprint = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    let key = String::from_utf8_lossy(bytes);
    // The layer around all pages puts it there.
    let asker = parts.extensions.get::<Principal>();
    let key = asker.map_or_else(|| key.clone().into_owned(), |asker| asker.idempotency_key(&key));
    Ok(Some(Idempotency { key, fingerprint }))
}
