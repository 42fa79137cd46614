//! What a recipe gave.

use digest::Digest;

/// One output of a task.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Output {
    /// Name of the port, as the step kind declares it.
    pub port: String,
    /// Name of the bytes.
    pub digest: Digest,
    /// Length in bytes.
    pub len: u64,
}

/// What a recipe gave: a result for the action cache, good or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It ran; stored and returned in the order of the ports' names.
    Outputs(Vec<Output>),
    /// The input was refused for the reason stored under this name; running it again would refuse again.
    Refused(Digest),
}

impl Outcome {
    /// The names of everything that the outcome points at.
    pub fn digests(&self) -> Vec<Digest> {
        match self {
            Outcome::Outputs(outputs) => outputs.iter().map(|output| output.digest).collect(),
            Outcome::Refused(reason) => vec![*reason],
        }
    }

    /// The same outcome with its outputs in the order of ports.
    pub(crate) fn in_port_order(mut self) -> Outcome {
        if let Outcome::Outputs(outputs) = &mut self {
            outputs.sort();
        }
        self
    }
}

/// What became of an outcome that was handed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recorded {
    /// It is the first for its recipe and is durable now.
    New,
    /// The same outcome was there already.
    Same,
    /// Another outcome is there; it stays, nothing was replaced.
    Diverged {
        /// The outcome that stays.
        existing: Outcome,
    },
}
