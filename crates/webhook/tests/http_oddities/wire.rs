//! A connection to the target, plain or by TLS.

use std::io;
use std::sync::{Arc, LazyLock};

use rcgen::{CertificateParams, KeyPair};
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::PrivateKeyDer;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// A connection to the target.
pub enum Wire {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Wire {
    /// Takes a connection, and shakes hands where the target speaks TLS.
    pub async fn accept(stream: TcpStream, speaks_tls: bool) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        Ok(match speaks_tls {
            true => Self::Tls(Box::new(ACCEPTOR.accept(stream).await?)),
            false => Self::Plain(stream),
        })
    }

    /// Reads some bytes, none at the end.
    pub async fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.read(buffer).await,
            Self::Tls(stream) => stream.read(buffer).await,
        }
    }

    pub async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Plain(stream) => stream.write_all(bytes).await,
            Self::Tls(stream) => {
                stream.write_all(bytes).await?;
                stream.flush().await
            }
        }
    }

    /// Waits until something comes, and leaves it unread.
    pub async fn touched(&mut self) -> io::Result<()> {
        self.tcp().peek(&mut [0]).await.map(|_| ())
    }

    /// Sends no more.
    pub async fn finish(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(stream) => stream.shutdown().await,
            Self::Tls(stream) => stream.shutdown().await,
        }
    }

    /// Closes with a reset.
    pub fn reset(self) -> io::Result<()> {
        self.tcp().set_zero_linger()
    }

    fn tcp(&self) -> &TcpStream {
        match self {
            Self::Plain(stream) => stream,
            Self::Tls(stream) => stream.get_ref().0,
        }
    }
}

/// With a certificate that signs itself.
static ACCEPTOR: LazyLock<TlsAcceptor> = LazyLock::new(|| {
    let key = KeyPair::generate().unwrap();
    let names = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
    let certificate = names.self_signed(&key).unwrap().der().clone();
    let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
});
