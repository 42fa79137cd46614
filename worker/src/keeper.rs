//! Small outputs become durable together: one thread commits for every task that has ended meanwhile.
//!
//! A disk's sync costs as much as many small tasks. While one sync runs, tasks go on computing, and what they gave waits
//! for the next one. A task's result is sent only after its own outputs are durable here.

use std::sync::mpsc::{Receiver, Sender, channel};

use cas::{Batch, Store};
use tokio::sync::oneshot;

use crate::execute::without_paths;

/// Tasks whose outputs become durable together at most.
const GROUP: usize = 512;

/// The way to the thread that commits. The thread ends with the last of them.
#[derive(Clone, Debug)]
pub struct Keeper {
    orders: Sender<Order>,
}

#[derive(Debug)]
struct Order {
    batch: Batch<'static>,
    kept: oneshot::Sender<Result<(), String>>,
}

impl Keeper {
    /// Starts the thread of a store.
    #[must_use]
    pub fn start(store: Store) -> Keeper {
        let (orders, incoming) = channel();
        std::thread::spawn(move || run(&store, &incoming));
        Keeper { orders }
    }

    /// Returns when the batch is durable.
    ///
    /// # Errors
    /// Why it is not, in words that may leave the site: the store failed or the thread is gone.
    pub async fn keep(&self, batch: Batch<'static>) -> Result<(), String> {
        let (kept, answer) = oneshot::channel();
        let gone = || "the store is closed".to_owned();
        self.orders
            .send(Order { batch, kept })
            .map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }
}

fn run(store: &Store, incoming: &Receiver<Order>) {
    while let Ok(Order { mut batch, kept }) = incoming.recv() {
        let mut waiting = vec![kept];
        while waiting.len() < GROUP
            && let Ok(more) = incoming.try_recv()
        {
            batch.append(more.batch);
            waiting.push(more.kept);
        }
        let done = store.commit(batch).map(|_| ()).map_err(|error| {
            tracing::warn!(%error, "outputs could not be stored");
            without_paths(&error)
        });
        for kept in waiting {
            // Who does not wait any more has been told to stop.
            let _ = kept.send(done.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;
    use cas::{Naming, StoreConfig};

    #[tokio::test]
    async fn what_many_tasks_gave_is_there_when_each_is_told_so() {
        let dir = tempfile::tempdir().unwrap();
        let (store, _) = Store::open(StoreConfig {
            dir: dir.path().to_owned(),
            shared: None,
            create_key: false,
        })
        .unwrap();
        let keeper = Keeper::start(store.clone());
        let tasks: Vec<_> = (0..200u32)
            .map(|i| {
                let (store, keeper) = (store.clone(), keeper.clone());
                tokio::spawn(async move {
                    let mut batch = store.batch();
                    let digest = batch.put(i.to_le_bytes().to_vec(), Naming::Plain).unwrap();
                    keeper.keep(batch).await.unwrap();
                    store.get(&digest).unwrap().unwrap().to_vec() == i.to_le_bytes()
                })
            })
            .collect();
        for task in tasks {
            assert!(task.await.unwrap());
        }
    }
}
