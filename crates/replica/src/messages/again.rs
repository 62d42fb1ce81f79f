//! Messages between nodes, for those outside this crate who make messages up.

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::payload::{Accepted, Appended, Changed, Compared, CopyAnswer, JoinRequest, Standing};
use super::raft::{TransferAnswer, VoteAnswer};
use super::request::Request;
use super::wire::{self, Part};
use crate::{ChangeError, NodeReport, ProposeError};

/// Reads a request of this kind as the node that gets it does, and writes it again as the node that sends it does. The
/// fuzz target of messages between nodes asks for this.
///
/// # Errors
/// Why a node refuses the request.
pub fn request_again(kind: &str, message: &Bytes) -> Result<Bytes, String> {
    let request = Request::decode("another node", kind, message).map_err(|error| error.to_string())?;
    Ok(request.encode()?.bytes)
}

/// The same for the answer to a request of this kind.
///
/// # Errors
/// Why a node refuses the answer.
pub fn answer_again(kind: &str, message: &Bytes) -> Result<Bytes, String> {
    let again = match kind {
        "append" => again::<Appended>,
        "vote" | "pre_vote" => again::<VoteAnswer>,
        "transfer_leader" => again::<TransferAnswer>,
        "snapshot_offset" => again::<u64>,
        "snapshot" => again::<CopyAnswer>,
        "propose" => again::<Result<Accepted, ProposeError>>,
        "read_index" => again::<Result<u64, ProposeError>>,
        "change" | "join" | "update" => again::<Result<Changed, ChangeError>>,
        "leave" => again::<()>,
        "invite" => again::<Result<JoinRequest, String>>,
        "standing" => again::<Standing>,
        "report" => again::<NodeReport>,
        "compared" => again::<Vec<Compared>>,
        other => return Err(format!("the message {other} is not known; expected one that nodes send")),
    };
    again(kind, message)
}

fn again<T: Serialize + DeserializeOwned>(kind: &str, message: &Bytes) -> Result<Bytes, String> {
    let part = Part::Answer(kind);
    wire::encode(part, &wire::decode::<T>(part, message)?)
}
