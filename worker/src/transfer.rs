//! Moving artefacts: in chunks, verified at both ends, resumed where a broken transfer stopped.

use bytes::Bytes;
use cas::Store;
use digest::Digest;
use proto::loom_client::LoomClient;
use proto::{CHUNK_BYTES, DownloadRequest, UploadChunk, UploadQuery, to_wire};
use tonic::Code;
use tonic::transport::Channel;

/// How a transfer ended when it did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum TransferError {
    /// The peer does not have it.
    #[error("the coordinator does not have {0}")]
    Absent(Digest),
    /// A site-bound artefact was asked for.
    #[error("{0} is bound to this site and does not leave it")]
    SiteBound(Digest),
    /// The coordinator will not have it, or not give it, however often it is asked.
    #[error("the coordinator refused the transfer: {0}")]
    Refused(String),
    /// The link broke; try again.
    #[error("transfer broke: {0}")]
    Link(String),
    /// The local disk failed.
    #[error(transparent)]
    Store(#[from] cas::StoreError),
}

impl From<tonic::Status> for TransferError {
    fn from(status: tonic::Status) -> TransferError {
        let message = format!("{:?}: {}", status.code(), status.message());
        match status.code() {
            Code::InvalidArgument | Code::PermissionDenied | Code::Unimplemented => {
                TransferError::Refused(message)
            }
            _ => TransferError::Link(message),
        }
    }
}

/// Sends an artefact from the local store. A site-bound one is refused here, whoever asks.
///
/// # Errors
/// See [`TransferError`].
pub async fn upload(
    client: &mut LoomClient<Channel>,
    store: &Store,
    digest: Digest,
) -> Result<(), TransferError> {
    if digest.is_keyed() {
        return Err(TransferError::SiteBound(digest));
    }
    let reader = {
        let store = store.clone();
        blocking(move || store.reader(&digest))
            .await??
            .ok_or(TransferError::Absent(digest))?
    };
    let len = reader.len();
    let state = client
        .upload_offset(UploadQuery {
            digest: to_wire(&digest),
            len,
        })
        .await?
        .into_inner();
    if state.complete {
        return Ok(());
    }
    let start = state.offset.min(len);
    let (tx, rx) = tokio::sync::mpsc::channel(4);
    let sending = tokio::task::spawn_blocking(move || {
        let mut offset = start;
        loop {
            let end = (offset + CHUNK_BYTES as u64).min(len);
            let data: Bytes = reader.read(offset..end)?;
            let chunk = UploadChunk {
                digest: to_wire(&digest),
                len,
                offset,
                data,
            };
            if tx.blocking_send(chunk).is_err() || end == len {
                return Ok::<(), cas::StoreError>(());
            }
            offset = end;
        }
    });
    let sent = client
        .upload(tokio_stream::wrappers::ReceiverStream::new(rx))
        .await;
    sending
        .await
        .map_err(|e| TransferError::Link(e.to_string()))??;
    match sent?.into_inner() {
        state if state.complete => Ok(()),
        state => Err(TransferError::Link(format!(
            "upload stopped at byte {} of {len}",
            state.offset
        ))),
    }
}

/// Fetches an artefact into the local store; what arrived of a broken transfer is kept and gone on from.
///
/// # Errors
/// See [`TransferError`].
pub async fn download(
    client: &mut LoomClient<Channel>,
    store: &Store,
    digest: Digest,
    worker: &str,
) -> Result<(), TransferError> {
    let mut attempt = 0;
    loop {
        match download_once(client, store, digest, worker).await {
            Err(TransferError::Link(_)) if attempt < 3 => {
                tokio::time::sleep(std::time::Duration::from_millis(100 << attempt)).await;
                attempt += 1;
            }
            other => return other,
        }
    }
}

async fn download_once(
    client: &mut LoomClient<Channel>,
    store: &Store,
    digest: Digest,
    worker: &str,
) -> Result<(), TransferError> {
    let request = |offset| DownloadRequest {
        digest: to_wire(&digest),
        offset,
        worker: worker.to_owned(),
    };
    let (mut stream, len, mut first) = open(client, request(0), digest).await?;
    let mut partial = {
        let store = store.clone();
        blocking(move || store.upload(&digest, len)).await??
    };
    if partial.offset() > 0 && partial.offset() < len {
        (stream, _, first) = open(client, request(partial.offset()), digest).await?;
    }
    let mut data = Some(first);
    while let Some(chunk) = data {
        if partial.offset() < len && !chunk.is_empty() {
            partial = blocking(move || partial.write(partial.offset(), &chunk).map(|()| partial))
                .await??;
        }
        data = stream.message().await?.map(|c| c.data);
    }
    if partial.offset() < len {
        return Err(TransferError::Link(format!(
            "download stopped at byte {} of {len}",
            partial.offset()
        )));
    }
    blocking(move || partial.finish()).await??;
    Ok(())
}

/// Opens a download: the stream, the whole length, the first chunk.
async fn open(
    client: &mut LoomClient<Channel>,
    request: DownloadRequest,
    digest: Digest,
) -> Result<(tonic::Streaming<proto::DownloadChunk>, u64, Bytes), TransferError> {
    let mut stream = match client.download(request).await {
        Ok(stream) => stream.into_inner(),
        Err(status) if status.code() == Code::NotFound => {
            return Err(TransferError::Absent(digest));
        }
        Err(status) => return Err(status.into()),
    };
    let first = stream
        .message()
        .await?
        .ok_or_else(|| TransferError::Link("the stream was empty".to_owned()))?;
    Ok((stream, first.len, first.data))
}

/// Runs disk work off the async threads.
///
/// # Errors
/// The thread panicked.
pub async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, TransferError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|e| TransferError::Link(e.to_string()))
}
