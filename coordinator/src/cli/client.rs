//! The way to a coordinator: a served one, one that another process runs on the cache, or one of our own.

use std::path::{Path, PathBuf};
use std::time::Duration;

use hyper_util::rt::TokioIo;
use proto::control_client::ControlClient;
use proto::loom_client::LoomClient;
use tonic::transport::{Channel, Endpoint, Uri};

/// A channel to whoever coordinates.
#[derive(Clone, Debug)]
pub(super) struct Client {
    pub channel: Channel,
}

/// The socket on which a process that uses a cache can be asked.
pub(super) fn socket_of(cache: &Path) -> PathBuf {
    cache.join("control.sock")
}

impl Client {
    pub fn new(channel: Channel) -> Client {
        Client { channel }
    }

    pub fn served(url: &str) -> anyhow::Result<Client> {
        let connect = crate::serve::connector_to(url).map_err(anyhow::Error::msg)?;
        Ok(Client::new(connect()))
    }

    /// The process that runs on this cache now, if there is one.
    pub async fn beside(cache: &Path) -> Option<Client> {
        let path = socket_of(cache);
        if !path.exists() {
            return None;
        }
        let connector = tower::service_fn(move |_: Uri| {
            let path = path.clone();
            async move {
                tokio::net::UnixStream::connect(path)
                    .await
                    .map(TokioIo::new)
            }
        });
        let endpoint =
            Endpoint::from_static("http://beside").connect_timeout(Duration::from_secs(2));
        endpoint
            .connect_with_connector(connector)
            .await
            .ok()
            .map(Client::new)
    }

    pub fn control(&self) -> ControlClient<Channel> {
        ControlClient::new(self.channel.clone())
            .max_encoding_message_size(256 << 20)
            .max_decoding_message_size(256 << 20)
    }

    pub fn loom(&self) -> LoomClient<Channel> {
        LoomClient::new(self.channel.clone()).max_decoding_message_size(64 << 20)
    }

    /// An artefact, verified. A served coordinator may restart meanwhile: it is asked again for a while.
    pub async fn fetch(&self, digest: digest::Digest) -> anyhow::Result<Vec<u8>> {
        patiently(|| self.fetch_once(digest)).await.map_err(told)
    }

    async fn fetch_once(&self, digest: digest::Digest) -> Result<Vec<u8>, tonic::Status> {
        let request = proto::DownloadRequest {
            digest: proto::to_wire(&digest),
            offset: 0,
            worker: String::new(),
        };
        let mut stream = self.loom().download(request).await?.into_inner();
        let mut bytes = Vec::new();
        while let Some(chunk) = stream.message().await? {
            bytes.extend_from_slice(&chunk.data);
        }
        if digest::Digest::of(&bytes) == digest {
            Ok(bytes)
        } else {
            Err(tonic::Status::unavailable(format!("{digest} came damaged")))
        }
    }
}

/// How long a coordinator that went away is asked again.
const PATIENCE: Duration = Duration::from_secs(60);

/// Calls again while the link is broken.
pub(super) async fn patiently<T, F: Future<Output = Result<T, tonic::Status>>>(
    call: impl Fn() -> F,
) -> Result<T, tonic::Status> {
    let started = std::time::Instant::now();
    loop {
        match call().await {
            Err(status) if link_broke(&status) && started.elapsed() < PATIENCE => {
                tokio::time::sleep(Duration::from_millis(300)).await
            }
            other => return other,
        }
    }
}

/// Whether a status tells of the link and not of the request. A connection that dies in the middle of an answer shows as `Unknown` or `Internal`.
pub(super) fn link_broke(status: &tonic::Status) -> bool {
    use tonic::Code;
    matches!(
        status.code(),
        Code::Unavailable | Code::Unknown | Code::Cancelled
    ) || (status.code() == Code::Internal && status.message().contains("h2"))
}

/// A status in words for people.
pub(super) fn told(status: tonic::Status) -> anyhow::Error {
    match status.code() {
        tonic::Code::Unavailable => {
            anyhow::anyhow!("the coordinator does not answer: {}", status.message())
        }
        _ => anyhow::anyhow!("{}", status.message()),
    }
}
