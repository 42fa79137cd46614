//! pipeline-defs
