//! Writing recipes. Everything that does not change is rendered when the plan is made; a recipe is put together from it.

use super::{Entry, Origin, Plan, PlannedAxis, Resolved, SITE_AXIS, TaskIdx};
use crate::recipe::RECIPE_FORMAT;

impl Plan {
    /// The canonical recipe of a task; see [`crate::recipe`].
    pub fn recipe(&self, t: TaskIdx, resolve: &mut dyn FnMut(&Origin) -> Resolved) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(256);
        self.write_recipe(t, resolve, false, &mut bytes);
        bytes
    }

    /// For a task with pinned ports (`make-splits`): the bytes under whose digest its first result is to be found
    /// again. They are the recipe without the pinned ports, and name the study and the task. `None` for other tasks.
    pub fn pin_key(
        &self,
        t: TaskIdx,
        resolve: &mut dyn FnMut(&Origin) -> Resolved,
    ) -> Option<Vec<u8>> {
        self.ports(t).iter().any(|p| p.pinned).then(|| {
            let mut bytes = format!("pin {} {}\n", self.study_name, self.address(t)).into_bytes();
            self.write_recipe(t, resolve, true, &mut bytes);
            bytes
        })
    }

    fn write_recipe(
        &self,
        t: TaskIdx,
        resolve: &mut dyn FnMut(&Origin) -> Resolved,
        without_pinned: bool,
        bytes: &mut Vec<u8>,
    ) {
        let kind = self.kind_of(t);
        bytes.extend_from_slice(b"{\"inputs\":{");
        let mut first = true;
        for port in self
            .ports(t)
            .iter()
            .filter(|p| !(without_pinned && p.pinned))
        {
            bytes.extend_from_slice(if first { b"\"" } else { b",\"" });
            first = false;
            bytes.extend_from_slice(port.name.as_bytes());
            bytes.extend_from_slice(b"\":[");
            for (i, entry) in self.entries(port).iter().enumerate() {
                if i > 0 {
                    bytes.push(b',');
                }
                self.write_entry(entry, resolve(&entry.origin), bytes);
            }
            bytes.push(b']');
        }
        bytes.extend_from_slice(b"},\"kind\":\"");
        bytes.extend_from_slice(kind.name.as_bytes());
        bytes.extend_from_slice(b"\",\"params\":");
        bytes.extend_from_slice(self.params_of(t).as_bytes());
        bytes.extend_from_slice(format!(",\"recipe\":{}", RECIPE_FORMAT).as_bytes());
        if let Some(seed) = self.seed_of(t) {
            bytes.extend_from_slice(format!(",\"seed\":{seed}").as_bytes());
        }
        bytes.extend_from_slice(format!(",\"version\":{}}}", kind.version).as_bytes());
    }

    fn write_entry(&self, entry: &Entry, resolved: Resolved, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(b"{\"axes\":{");
        let mut first = true;
        self.each_gathered(entry, |axis, v| {
            if !first {
                bytes.push(b',');
            }
            first = false;
            bytes.extend_from_slice(axis.name_json.as_bytes());
            bytes.push(b':');
            bytes.extend_from_slice(axis.values_json[v].as_bytes());
        });
        bytes.extend_from_slice(b"},\"digest\":\"");
        let (digest, refused) = match resolved {
            Resolved::Digest(digest) => (digest, false),
            Resolved::Refused(digest) => (digest, true),
        };
        bytes.extend_from_slice(digest.to_string().as_bytes());
        bytes.extend_from_slice(if refused {
            b"\",\"refused\":true}"
        } else {
            b"\"}"
        });
    }

    /// Calls `visit` with each (axis, value) along which an entry was gathered, sorted by axis name. A gathered patient
    /// brings its site along.
    pub(super) fn each_gathered<'a>(
        &'a self,
        entry: &Entry,
        mut visit: impl FnMut(&'a PlannedAxis, usize),
    ) {
        let mut along = self.gathered(entry);
        let patient = along
            .iter()
            .find(|(axis, _)| self.axes[*axis].patients)
            .map(|(_, patient)| *patient);
        if let Some(patient) = patient
            && along.iter().all(|(axis, _)| *axis != SITE_AXIS)
        {
            along.push((SITE_AXIS, self.patient_sites[patient] as usize));
        }
        along.sort_unstable_by_key(|(axis, _)| self.axes[*axis].name.as_str());
        for (axis, value) in along {
            visit(&self.axes[axis], value);
        }
    }
}
