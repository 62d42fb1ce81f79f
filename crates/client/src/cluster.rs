//! The cluster: how its nodes are, who is a member, who leads, and a backup.

use bytes::Bytes;
use chronos_api::{
    AddNodeRequest, ClockRequest, ClusterEncryption, ClusterNode, ClusterStatus, ClusterTime,
    RotateKeyRequest, TimeWord, TransferRequest, TransferResponse,
};
use http::{Method, StatusCode, header};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;

use crate::jobs::consistently;
use crate::path::path;
use crate::{Client, Connection, Error, WriteOptions};

impl Client {
    /// How the cluster and each of its nodes are.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn cluster_status(&self) -> Result<ClusterStatus, Error> {
        self.get(&path(&["cluster", "status"])).await
    }

    /// Takes in the node that listens for others at `raft_address`. Answers when it has everything, with the
    /// node, and with whether it was no member before.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn add_node(&self, raft_address: &str) -> Result<(ClusterNode, bool), Error> {
        let request = AddNodeRequest { raft_address: raft_address.to_owned() };
        let expected = [StatusCode::CREATED, StatusCode::OK];
        let path = path(&["cluster", "nodes"]);
        let answer = self.call(Method::POST, &path, &[], Some(&request), &expected).await?;
        Ok((answer.json()?, answer.status == StatusCode::CREATED))
    }

    /// Removes a node, there or not.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn remove_node(&self, id: &str) -> Result<(), Error> {
        let path = path(&["cluster", "nodes", id]);
        let (write, done) = (WriteOptions::default(), StatusCode::NO_CONTENT);
        self.write::<()>(Method::DELETE, &path, write, None, done).await.map(drop)
    }

    /// Has another node lead: the one that is named, or any. Answers when it does.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn transfer_leadership(&self, to: Option<&str>) -> Result<TransferResponse, Error> {
        let request = TransferRequest { to: to.map(str::to_owned) };
        let path = path(&["cluster", "transfer-leadership"]);
        self.call(Method::POST, &path, &[], Some(&request), &[StatusCode::OK]).await?.json()
    }

    /// Says that the cluster's time is right though it jumped, or has it set back to the clock of the leader.
    /// Answers how it stands then.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn set_clock(&self, time: TimeWord) -> Result<ClusterTime, Error> {
        let path = path(&["cluster", "clock"]);
        self.call(Method::POST, &path, &[], Some(&ClockRequest { time }), &[StatusCode::OK]).await?.json()
    }

    /// Which key seals what is on record, and how far a change of it has come.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn encryption(&self) -> Result<ClusterEncryption, Error> {
        self.get(&path(&["cluster", "encryption"])).await
    }

    /// Has the first key of the node that is asked seal what is on record. Answers how it stands then: it goes on in the
    /// background. Where all other keys are `lost`, what they have sealed is given up.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn rotate_encryption_key(&self, lost: bool) -> Result<ClusterEncryption, Error> {
        let path = path(&["cluster", "encryption", "rotate"]);
        let request = RotateKeyRequest { lost };
        self.call(Method::POST, &path, &[], Some(&request), &[StatusCode::OK]).await?.json()
    }

    /// Takes a backup, which is read part by part: it may be larger than the memory. `consistent` where it
    /// must hold every write acknowledged before.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn backup(&self, consistent: bool) -> Result<Backup, Error> {
        let path = consistently(consistent).of(path(&["cluster", "backup"]));
        let request = self.server.request(Method::GET, &path, &[], Bytes::new())?;
        let deadline = self.deadline();
        let (connection, response) = self.send(request, deadline).await?;
        if response.status() != StatusCode::OK {
            return Err(self.by(deadline, self.server.read(response)).await??.refusal());
        }
        let length = response.headers().get(header::CONTENT_LENGTH);
        let length = length.and_then(|length| length.to_str().ok()).and_then(|length| length.parse().ok());
        Ok(Backup { client: self.clone(), _connection: connection, body: response.into_body(), length })
    }
}

/// A backup on its way.
#[derive(Debug)]
pub struct Backup {
    client: Client,
    /// The body comes as long as the connection is there.
    _connection: Connection,
    body: Incoming,
    length: Option<u64>,
}

impl Backup {
    /// How many bytes it has, where the server says so.
    #[must_use]
    pub fn length(&self) -> Option<u64> {
        self.length
    }

    /// The next part; none at the end. Each part may take as long as a call.
    ///
    /// # Errors
    /// [`Error::Unanswered`]: what came so far is no backup.
    pub async fn part(&mut self) -> Result<Option<Bytes>, Error> {
        loop {
            let frame = self.client.by(self.client.deadline(), self.body.frame()).await?;
            let Some(frame) = frame else { return Ok(None) };
            let frame = frame.map_err(|error| self.client.server.unanswered(error))?;
            // What is not data are trailers, which mean nothing here.
            if let Ok(data) = frame.into_data() {
                return Ok(Some(data));
            }
        }
    }
}
