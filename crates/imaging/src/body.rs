//! Body mask.
