//! What the entries of the registry are put together from: ports, costs and beginnings of a kind.

use super::ArtefactType::*;
use super::Class::Hub;
use super::{ArtefactType, Class, Cost, InPort, KindSpec, OutPort, Role, RowRule};

pub(super) const MODEL: OutPort = out("model", Model, Hub, "json", RowRule::Fitted);
pub(super) const TABLE: OutPort = out("table", Table, Hub, "csv", RowRule::OfTable);
pub(super) const APPLY: &[InPort] = &[one("model", &[Model]), one("table", &[Table])];
pub(super) const HARMONISE: &[InPort] = &[one("table", &[Table]), maybe("covariates", &[Table])];
pub(super) const APPLY_HARMONISED: &[InPort] = &[
    one("model", &[Model]),
    one("table", &[Table]),
    maybe("covariates", &[Table]),
];
/// Probabilities of the event: one minus survival at the horizon, or risks that are probabilities.
pub(super) const JUDGE: &[InPort] = &[
    one("survival", &[Survival, Risk]),
    one("followup", &[FollowUp]),
];
pub(super) const LEARN: &[InPort] = &[one("table", &[Table]), one("followup", &[FollowUp])];

pub(super) const fn one(name: &'static str, types: &'static [ArtefactType]) -> InPort {
    InPort {
        name,
        types,
        optional: false,
        gathers: false,
        pinned: false,
    }
}

pub(super) const fn maybe(name: &'static str, types: &'static [ArtefactType]) -> InPort {
    InPort {
        name,
        types,
        optional: true,
        gathers: false,
        pinned: false,
    }
}

pub(super) const fn many(name: &'static str, types: &'static [ArtefactType]) -> InPort {
    InPort {
        name,
        types,
        optional: false,
        gathers: true,
        pinned: false,
    }
}

pub(super) const fn many_maybe(name: &'static str, types: &'static [ArtefactType]) -> InPort {
    InPort {
        name,
        types,
        optional: true,
        gathers: true,
        pinned: false,
    }
}

pub(super) const fn out(
    name: &'static str,
    ty: ArtefactType,
    class: Class,
    ext: &'static str,
    rows: RowRule,
) -> OutPort {
    OutPort {
        name,
        ty,
        like: None,
        class,
        ext,
        rows,
    }
}

pub(super) const fn cost(cores: u16, memory_mb: u32, seconds: f32) -> Cost {
    Cost {
        cores,
        memory_mb,
        seconds,
    }
}

pub(super) const fn hub(name: &'static str, role: Role, about: &'static str) -> KindSpec {
    KindSpec {
        name,
        version: 1,
        role,
        seeded: false,
        by_hand_only: false,
        releases: false,
        inputs: &[],
        outputs: &[],
        cost: cost(1, 64, 0.1),
        about,
    }
}

pub(super) const fn pointwise(name: &'static str, about: &'static str) -> KindSpec {
    hub(name, Role::Pointwise, about)
}
