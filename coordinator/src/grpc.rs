//! The wire's two services, as thin as they can be: messages become events, deliveries and questions.

use std::collections::BTreeMap;
use std::pin::Pin;

use cas::Naming;
use digest::Digest;
use futures_util::Stream;
use proto::control_server::Control;
use proto::loom_server::Loom;
use proto::{
    CHUNK_BYTES, DownloadChunk, DownloadRequest, FromWorker, PlanReply, Published, RunRef,
    RunResult, RunStatus, RunsReply, RunsRequest, SubmitReply, SubmitRequest, ToWorker,
    UploadChunk, UploadQuery, UploadState, WhyReply, WhyRequest, from_wire, from_worker, to_wire,
};
use tokio::sync::mpsc;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::{ReceiverStream, UnboundedReceiverStream};
use tonic::{Request, Response, Status, Streaming};

use crate::event::{Event, Hello};
use crate::hub::{Delivery, Hub, Message};
use crate::run_loop::{Control as Act, Question};
use crate::state::WorkerNo;
use crate::submit::{self, Submission, SubmitError};

/// Both services over one hub.
#[derive(Clone, Debug)]
pub struct Service {
    hub: Hub,
}

impl Service {
    /// Services of a coordinator.
    #[must_use]
    pub fn new(hub: Hub) -> Service {
        Service { hub }
    }
}

type Out<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

// ---- workers --------------------------------------------------------------------------------------------------------

#[tonic::async_trait]
impl Loom for Service {
    type SessionStream = Out<ToWorker>;
    type DownloadStream = Out<DownloadChunk>;

    async fn session(
        &self,
        request: Request<Streaming<FromWorker>>,
    ) -> Result<Response<Self::SessionStream>, Status> {
        let mut inbox = request.into_inner();
        let first = inbox.message().await?.and_then(|m| m.body);
        let Some(from_worker::Body::Hello(hello)) = first else {
            return Err(Status::invalid_argument("a session begins with hello"));
        };
        if hello.protocol != proto::PROTOCOL {
            return Err(Status::failed_precondition(format!(
                "worker {} speaks protocol {}, this coordinator {}; install the same version of both",
                hello.worker,
                hello.protocol,
                proto::PROTOCOL
            )));
        }
        if hello.worker.is_empty() || hello.site.is_empty() {
            return Err(Status::invalid_argument("a worker has a name and a site"));
        }
        let (no, session) = self.hub.worker_no(&hello.worker, &hello.site);
        let (sink, out) = mpsc::unbounded_channel();
        let (name, site, place) = (
            hello.worker.clone(),
            hello.site.clone(),
            hello.place.clone(),
        );
        self.hub.tell(Message::Join {
            worker: no,
            session,
            hello: greet(hello),
            sink,
        });
        let hub = self.hub.clone();
        tokio::spawn(async move {
            let who = Who {
                no,
                session,
                name,
                site,
                place,
            };
            while let Ok(Some(message)) = inbox.message().await {
                if !listen(&hub, &who, message).await {
                    break;
                }
            }
            hub.withdraw(&who.site, &who.name, session);
            hub.tell(Message::Part {
                worker: no,
                session,
            });
        });
        Ok(Response::new(Box::pin(
            UnboundedReceiverStream::new(out).map(Ok),
        )))
    }

    async fn upload_offset(
        &self,
        request: Request<UploadQuery>,
    ) -> Result<Response<UploadState>, Status> {
        let query = request.into_inner();
        let digest = shareable(&query.digest)?;
        let store = self.hub.store.clone();
        let upload = disk(move || store.upload(&digest, query.len)).await?;
        let offset = upload.offset();
        if offset == query.len {
            // All bytes came before the link broke, and nobody took them in.
            disk(move || upload.finish()).await?;
        }
        Ok(Response::new(UploadState {
            offset,
            complete: offset == query.len,
        }))
    }

    async fn upload(
        &self,
        request: Request<Streaming<UploadChunk>>,
    ) -> Result<Response<UploadState>, Status> {
        let mut chunks = request.into_inner();
        let mut open: Option<(cas::Upload, u64)> = None;
        while let Some(chunk) = chunks.message().await? {
            let (mut upload, len) = match open.take() {
                Some(open) => open,
                None => {
                    let (digest, store) = (shareable(&chunk.digest)?, self.hub.store.clone());
                    (
                        disk(move || store.upload(&digest, chunk.len)).await?,
                        chunk.len,
                    )
                }
            };
            if upload.offset() < len {
                upload =
                    disk(move || upload.write(chunk.offset, &chunk.data).map(|()| upload)).await?;
            }
            open = Some((upload, len));
        }
        let (upload, len) =
            open.ok_or_else(|| Status::invalid_argument("an upload has at least one chunk"))?;
        let offset = upload.offset();
        if offset == len {
            disk(move || upload.finish()).await?;
        }
        Ok(Response::new(UploadState {
            offset,
            complete: offset == len,
        }))
    }

    async fn download(
        &self,
        request: Request<DownloadRequest>,
    ) -> Result<Response<Self::DownloadStream>, Status> {
        let request = request.into_inner();
        let digest =
            from_wire(&request.digest).map_err(|e| Status::invalid_argument(e.to_string()))?;
        let control = request.worker.is_empty();
        if !control && !self.hub.may_fetch(&request.worker, &digest) {
            return Err(Status::permission_denied(format!(
                "worker {} has no lease that reads {digest}",
                request.worker
            )));
        }
        let store = self.hub.store.clone();
        let reader = disk(move || store.reader(&digest)).await?;
        let reader = reader.ok_or_else(|| Status::not_found(format!("{digest} is not here")))?;
        let (tx, rx) = mpsc::channel(4);
        tokio::task::spawn_blocking(move || {
            let (len, mut at) = (reader.len(), request.offset.min(reader.len()));
            loop {
                let end = (at + CHUNK_BYTES as u64).min(len);
                let chunk = reader
                    .read(at..end)
                    .map(|data| DownloadChunk { len, data })
                    .map_err(|e| Status::unavailable(e.to_string()));
                let failed = chunk.is_err();
                if tx.blocking_send(chunk).is_err() || failed || end == len {
                    return;
                }
                at = end;
            }
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(rx))))
    }
}

struct Who {
    no: WorkerNo,
    session: u64,
    name: String,
    site: String,
    place: String,
}

/// Own source files of a worker are a holder of their own.
fn own_files(worker: &str) -> String {
    format!("files of {worker}")
}

/// Leases are numbered on from the largest that a worker names; no coordinator lives long enough to come to this one.
const FENCE_MAX: u64 = 1 << 62;

fn greet(hello: proto::Hello) -> Hello {
    Hello {
        holders: vec![hello.place, own_files(&hello.worker)],
        name: hello.worker,
        site: hello.site,
        cores: hello.cores,
        memory_mb: hello.memory_mb,
        kinds: hello
            .kinds
            .into_iter()
            .map(|k| (k.name, k.version))
            .collect(),
        running: hello
            .running
            .iter()
            .filter(|r| r.fence < FENCE_MAX)
            .filter_map(|r| Some((from_wire(&r.recipe).ok()?, r.fence)))
            .collect(),
    }
}

/// Passes on one message; `false` ends the session.
async fn listen(hub: &Hub, who: &Who, message: FromWorker) -> bool {
    match message.body {
        Some(from_worker::Body::Heartbeat(beat)) => {
            hub.tell(Message::Event(Event::Beat {
                worker: who.no,
                fences: beat.fences,
                now: hub.now(),
            }));
        }
        Some(from_worker::Body::Results(results)) => hub.deliver(Delivery {
            worker: who.no,
            results: results.results,
        }),
        Some(from_worker::Body::Inventory(inventory)) => {
            let digests = keyed(inventory.digests.iter());
            hub.tell(Message::Event(Event::Present {
                holder: who.place.clone(),
                digests,
            }));
        }
        Some(from_worker::Body::Announcement(part)) => return announce(hub, who, part).await,
        Some(from_worker::Body::Goodbye(_)) => {
            hub.tell(Message::Event(Event::Left { worker: who.no }));
            return false;
        }
        Some(from_worker::Body::Hello(_)) | None => {}
    }
    true
}

fn keyed<'a>(wire: impl Iterator<Item = &'a bytes::Bytes>) -> Vec<Digest> {
    wire.filter_map(|d| from_wire(d).ok())
        .filter(Digest::is_keyed)
        .collect()
}

async fn announce(hub: &Hub, who: &Who, part: proto::Announcement) -> bool {
    let patients: Vec<(String, BTreeMap<String, Digest>)> = part
        .patients
        .into_iter()
        .map(|p| {
            (
                p.patient_id,
                p.items
                    .into_iter()
                    .filter_map(|i| {
                        Some((i.name, from_wire(&i.digest).ok().filter(Digest::is_keyed)?))
                    })
                    .collect(),
            )
        })
        .collect();
    let digests: Vec<Digest> = patients
        .iter()
        .flat_map(|(_, items)| items.values().copied())
        .collect();
    hub.tell(Message::Event(Event::Present {
        holder: own_files(&who.name),
        digests,
    }));
    let mut table = None;
    if part.last && !part.shared_table_csv.is_empty() {
        let (store, csv, claimed) = (
            hub.store.clone(),
            part.shared_table_csv,
            from_wire(&part.shared_table).ok(),
        );
        match disk(move || store.put(&csv, Naming::Plain)).await {
            Ok(digest) if Some(digest) == claimed => table = Some(digest),
            other => {
                tracing::error!(
                    worker = who.name,
                    ?other,
                    "the announced table is not what its digest says"
                );
                return false;
            }
        }
    }
    hub.announce(
        (&who.site, &who.place, &who.name),
        who.session,
        patients,
        part.last.then_some(table),
    );
    true
}

fn shareable(wire: &[u8]) -> Result<Digest, Status> {
    let digest = from_wire(wire).map_err(|e| Status::invalid_argument(e.to_string()))?;
    if digest.is_keyed() {
        return Err(Status::permission_denied(
            "a site-bound artefact does not leave its site",
        ));
    }
    Ok(digest)
}

/// Disk work off the async threads, with the store's errors in the wire's terms.
async fn disk<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, cas::StoreError> + Send + 'static,
) -> Result<T, Status> {
    let done = tokio::task::spawn_blocking(work)
        .await
        .map_err(|e| Status::internal(e.to_string()))?;
    done.map_err(|error| match error {
        cas::StoreError::UploadOffset { .. } => Status::out_of_range(error.to_string()),
        cas::StoreError::UploadBusy { .. } => Status::unavailable(error.to_string()),
        cas::StoreError::UploadLength { .. } => Status::invalid_argument(error.to_string()),
        other => Status::data_loss(other.to_string()),
    })
}

// ---- the command line -----------------------------------------------------------------------------------------------

#[tonic::async_trait]
impl Control for Service {
    type WatchStream = Out<RunStatus>;

    async fn submit(
        &self,
        request: Request<SubmitRequest>,
    ) -> Result<Response<SubmitReply>, Status> {
        let request = request.into_inner();
        let hub = self.hub.clone();
        let (id, submission) = tokio::task::spawn_blocking(move || {
            let tables: BTreeMap<String, bytes::Bytes> = request.tables.into_iter().collect();
            let (study, digests) = submit::prepare(
                &hub,
                &request.study_toml,
                &request.file,
                &request.sets,
                &tables,
            )?;
            let submission = Submission {
                study_toml: request.study_toml,
                file: request.file,
                sets: request.sets,
                tables: digests
                    .into_iter()
                    .map(|(name, digest)| (name, digest.to_string()))
                    .collect(),
                repin: request.repin,
                snapshot: None,
            };
            let id = submit::accept(&hub, &study, &submission)?;
            Ok::<_, SubmitError>((id, submission))
        })
        .await
        .map_err(|e| Status::internal(e.to_string()))?
        .map_err(refused)?;
        self.hub.tell(Message::Phase {
            run: id.clone(),
            phase: crate::run_loop::Outside::Waiting(Vec::new()),
        });
        tokio::spawn(submit::launch(self.hub.clone(), id.clone(), submission));
        Ok(Response::new(SubmitReply { run: id }))
    }

    async fn plan(&self, request: Request<SubmitRequest>) -> Result<Response<PlanReply>, Status> {
        let (hub, request) = (self.hub.clone(), request.into_inner());
        let reply = tokio::task::spawn_blocking(move || crate::preview::preview(&hub, &request))
            .await
            .map_err(|e| Status::internal(e.to_string()))?;
        reply.map(Response::new).map_err(refused)
    }

    async fn runs(&self, _request: Request<RunsRequest>) -> Result<Response<RunsReply>, Status> {
        let runs = self.hub.ask(Question::Runs).await.ok_or_else(gone)?;
        Ok(Response::new(RunsReply { runs }))
    }

    async fn status(&self, request: Request<RunRef>) -> Result<Response<RunStatus>, Status> {
        let run = request.into_inner().run;
        let status = self
            .hub
            .ask(|tx| Question::Status(run.clone(), tx))
            .await
            .ok_or_else(gone)?;
        status.map(Response::new).ok_or_else(|| no_run(&run))
    }

    async fn watch(&self, request: Request<RunRef>) -> Result<Response<Self::WatchStream>, Status> {
        let run = request.into_inner().run;
        let hub = self.hub.clone();
        if hub
            .ask(|tx| Question::Status(run.clone(), tx))
            .await
            .flatten()
            .is_none()
        {
            return Err(no_run(&run));
        }
        let (tx, rx) = mpsc::channel(4);
        tokio::spawn(async move {
            let mut last = None;
            let mut pause = std::time::Duration::from_millis(2);
            while let Some(Some(status)) = hub.ask(|tx| Question::Status(run.clone(), tx)).await {
                let ended = ended(&status.phase);
                if last.as_ref() != Some(&status) {
                    last = Some(status.clone());
                    if tx.send(Ok(status)).await.is_err() {
                        return;
                    }
                }
                if ended {
                    return;
                }
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(std::time::Duration::from_millis(200));
            }
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(rx))))
    }

    async fn cancel(&self, request: Request<RunRef>) -> Result<Response<RunStatus>, Status> {
        self.act(request.into_inner().run, Act::Cancel).await
    }

    async fn pause(&self, request: Request<RunRef>) -> Result<Response<RunStatus>, Status> {
        self.act(request.into_inner().run, Act::Pause).await
    }

    async fn resume(&self, request: Request<RunRef>) -> Result<Response<RunStatus>, Status> {
        self.act(request.into_inner().run, Act::Resume).await
    }

    async fn why(&self, request: Request<WhyRequest>) -> Result<Response<WhyReply>, Status> {
        let request = request.into_inner();
        let view = self
            .hub
            .ask(|tx| Question::Task(request.run.clone(), request.task.clone(), tx))
            .await
            .ok_or_else(gone)?;
        let hub = self.hub.clone();
        let reply = tokio::task::spawn_blocking(move || crate::why::why(&hub, &request, view))
            .await
            .map_err(|e| Status::internal(e.to_string()))?;
        reply.map(Response::new)
    }

    async fn result(&self, request: Request<RunRef>) -> Result<Response<RunResult>, Status> {
        let run = request.into_inner().run;
        let found = self
            .hub
            .ask(|tx| Question::Result(run.clone(), tx))
            .await
            .ok_or_else(gone)?;
        let (status, result) = found.ok_or_else(|| no_run(&run))?;
        let result = result
            .ok_or_else(|| Status::failed_precondition(format!("run {run} is {}", status.phase)))?;
        let wire = |text: &str| {
            text.parse::<Digest>()
                .map(|d| to_wire(&d))
                .map_err(|e| Status::internal(e.to_string()))
        };
        let published = result
            .published
            .iter()
            .map(|(path, digest, bundle)| {
                Ok(Published {
                    path: path.clone(),
                    digest: wire(digest)?,
                    bundle: *bundle,
                })
            })
            .collect::<Result<Vec<_>, Status>>()?;
        Ok(Response::new(RunResult {
            record: wire(&result.record)?,
            published,
            status: Some(status),
        }))
    }
}

impl Service {
    async fn act(&self, run: String, act: Act) -> Result<Response<RunStatus>, Status> {
        let status = self
            .hub
            .ask(|tx| Question::Control(run.clone(), act, tx))
            .await
            .ok_or_else(gone)?;
        status.map(Response::new).ok_or_else(|| no_run(&run))
    }
}

/// Whether nothing more will happen to a run in this phase.
#[must_use]
pub fn ended(phase: &str) -> bool {
    matches!(phase, "done" | "incomplete" | "refused" | "cancelled")
}

fn refused(error: SubmitError) -> Status {
    match error {
        SubmitError::Problems(_) | SubmitError::NoTable(_) => {
            Status::invalid_argument(error.to_string())
        }
        SubmitError::Snapshot(_) | SubmitError::Dropped => {
            Status::failed_precondition(error.to_string())
        }
        SubmitError::Store(_) | SubmitError::Stored { .. } => Status::data_loss(error.to_string()),
    }
}

fn no_run(run: &str) -> Status {
    Status::not_found(format!(
        "there is no run `{run}`; `radloom runs` lists them"
    ))
}

fn gone() -> Status {
    Status::unavailable("the coordinator is stopping")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    #[tokio::test]
    async fn bytes_that_all_came_before_the_link_broke_are_taken_in_when_asked_for() {
        let dir = tempfile::tempdir().unwrap();
        let store = crate::serve::open_store(dir.path(), None, false).unwrap();
        let bytes = vec![7; 100_000];
        let digest = Digest::of(&bytes);
        let mut upload = store.upload(&digest, 100_000).unwrap();
        upload.write(0, &bytes).unwrap();
        drop(upload); // the stream broke before its end
        assert!(!store.has(&digest).unwrap());
        let (to_loop, to_intake) = (std::sync::mpsc::channel().0, std::sync::mpsc::channel().0);
        let service = Service::new(Hub::new(store.clone(), to_loop, to_intake));
        let query = UploadQuery {
            digest: to_wire(&digest),
            len: 100_000,
        };
        let state = service.upload_offset(Request::new(query)).await.unwrap();
        assert!(state.into_inner().complete);
        assert!(store.has(&digest).unwrap());
    }
}
