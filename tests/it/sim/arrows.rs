//! Each arrow of the diagrams at the head of `coordinator::state`, walked once.

use coordinator::event::{Event, Report};
use coordinator::state::{CompPhase, Phase};

use super::desk::Desk;

const IMAGE: &str = "image[patient=c1-001]";
const MASK: &str = "mask[patient=c1-001]";
const FEATURES: &str = "features[patient=c1-001]";

/// A desk where `w1` of site `c1` holds the image under lease 1.
fn leased() -> Desk {
    let mut desk = Desk::small();
    desk.submit();
    desk.join("w1", "c1/a", &[]);
    desk.give_work();
    assert!(matches!(
        desk.comp(IMAGE),
        Some(CompPhase::Leased { fence: 1, .. })
    ));
    desk
}

/// A desk where the image is made and the mask is leased to `w1` under lease 2.
fn mask_leased() -> Desk {
    let mut desk = leased();
    desk.end(1);
    desk.give_work();
    assert!(matches!(
        desk.comp(MASK),
        Some(CompPhase::Leased { fence: 2, .. })
    ));
    desk
}

#[test]
fn a_task_waits_until_the_last_above_it_ended() {
    let mut desk = leased();
    assert_eq!(
        (desk.phase(0, IMAGE), desk.phase(0, MASK)),
        (Phase::Bound, Phase::Waiting)
    );
    desk.end(1);
    assert_eq!(
        (
            desk.phase(0, IMAGE),
            desk.phase(0, MASK),
            desk.phase(0, FEATURES)
        ),
        (Phase::Ran, Phase::Bound, Phase::Waiting)
    );
}

#[test]
fn a_pinned_input_is_asked_for_before_a_task_is_bound() {
    let mut desk = Desk::large();
    desk.holds_pins = true;
    desk.submit();
    desk.join("h", "hub", &[]);
    for fence in 1..=3 {
        desk.give_work();
        desk.end(fence);
    }
    assert_eq!(desk.phase(0, "splits[split=r1f1]"), Phase::Pinning);
    let pins = std::mem::take(&mut desk.pins);
    for (task, digests) in pins {
        desk.feed(Event::Pinned {
            run: 0,
            task,
            digests,
        });
    }
    assert_eq!(desk.phase(0, "splits[split=r1f1]"), Phase::Bound);
}

#[test]
fn a_second_run_reuses_what_the_first_made() {
    let mut desk = leased();
    desk.end(1);
    desk.submit();
    assert_eq!(
        (desk.phase(1, IMAGE), desk.phase(1, MASK)),
        (Phase::Reused, Phase::Bound)
    );
}

#[test]
fn two_runs_wait_for_one_computation() {
    let mut desk = leased();
    desk.submit();
    assert_eq!(desk.phase(1, IMAGE), Phase::Bound);
    desk.end(1);
    assert_eq!(
        (desk.phase(0, IMAGE), desk.phase(1, IMAGE)),
        (Phase::Ran, Phase::Ran)
    );
}

#[test]
fn a_refusal_runs_down_but_a_gathering_step_goes_on_without() {
    let mut desk = leased();
    desk.report(
        1,
        Report::Ended(cas::Outcome::Refused(digest::Digest::of(b"too dark"))),
    );
    assert_eq!(
        [IMAGE, MASK, FEATURES].map(|t| desk.phase(0, t)),
        [Phase::Refused; 3]
    );
    assert_eq!(desk.phase(0, "table"), Phase::Bound);
}

#[test]
fn a_failed_attempt_is_delayed_and_the_last_one_blocks_what_is_below() {
    let mut desk = leased();
    desk.fail(1, false);
    assert_eq!(desk.comp(IMAGE), Some(CompPhase::Delayed { until_ms: 100 }));
    desk.wait(100, &["w1"]);
    assert_eq!(desk.comp(IMAGE), Some(CompPhase::Ready));
    desk.give_work();
    desk.fail(2, false);
    assert_eq!(desk.comp(IMAGE), Some(CompPhase::Delayed { until_ms: 300 }));
    desk.wait(200, &["w1"]);
    desk.give_work();
    desk.fail(3, false);
    assert_eq!(
        [IMAGE, MASK, FEATURES, "table"].map(|t| desk.phase(0, t)),
        [
            Phase::Failed,
            Phase::Blocked,
            Phase::Blocked,
            Phase::Blocked
        ]
    );
    assert_eq!(desk.state.runs[&0].failures.len(), 1);
}

#[test]
fn a_panic_that_is_told_twice_counts_once() {
    let mut desk = leased();
    desk.fail(1, true);
    desk.lose_link("w1");
    desk.join("w1", "c1/a", &[1]);
    desk.fail(1, true);
    assert!(matches!(desk.comp(IMAGE), Some(CompPhase::Delayed { .. })));
}

#[test]
fn a_lease_that_expires_is_ready_again_and_its_late_result_is_welcome() {
    let mut desk = leased();
    desk.join("w2", "c1/a", &[]);
    desk.wait(999, &["w2"]);
    assert!(matches!(desk.comp(IMAGE), Some(CompPhase::Leased { .. })));
    desk.wait(1, &["w2"]);
    assert_eq!(desk.comp(IMAGE), Some(CompPhase::Ready));
    desk.give_work();
    desk.end(1);
    assert_eq!(desk.phase(0, IMAGE), Phase::Ran);
    assert!(
        desk.text
            .ends_with("mask[patient=c1-001] is not in the cache\n"),
        "{}",
        desk.text
    );
    assert!(
        desk.text.contains("w2 is told to stop lease 2"),
        "{}",
        desk.text
    );
}

#[test]
fn too_many_lost_leases_end_a_computation() {
    let mut desk = leased();
    desk.wait(1_000, &[]);
    for fence in 2..=3 {
        desk.beat("w1", &[]);
        desk.give_work();
        assert!(matches!(desk.comp(IMAGE), Some(CompPhase::Leased { fence: f, .. }) if f == fence));
        desk.wait(1_000, &[]);
    }
    assert_eq!(desk.phase(0, IMAGE), Phase::Failed);
}

#[test]
fn a_goodbye_gives_leases_back() {
    let mut desk = leased();
    desk.leave("w1");
    assert_eq!(desk.comp(IMAGE), Some(CompPhase::Ready));
}

#[test]
fn a_lease_that_a_worker_does_not_name_never_reached_it() {
    let mut desk = leased();
    desk.lose_link("w1");
    assert!(matches!(desk.comp(IMAGE), Some(CompPhase::Leased { .. })));
    desk.join("w1", "c1/a", &[]);
    assert_eq!(desk.comp(IMAGE), Some(CompPhase::Ready));
}

#[test]
fn lost_inputs_are_made_again() {
    let mut desk = mask_leased();
    let lost = desk.rot("c1/a", IMAGE);
    desk.report(2, Report::Missing(lost));
    desk.give_work();
    assert!(matches!(desk.comp(MASK), Some(CompPhase::Starved { .. })));
    assert_eq!(
        (desk.comp(IMAGE), desk.phase(0, IMAGE)),
        (Some(CompPhase::Ready), Phase::Ran)
    );
    desk.give_work();
    desk.end(3);
    assert_eq!(desk.comp(MASK), Some(CompPhase::Ready));
}

#[test]
fn what_nobody_has_named_yet_is_waited_for_as_long_as_a_lease() {
    let mut desk = mask_leased();
    desk.lose_link("w1");
    desk.join("w2", "c1/b", &[]);
    desk.wait(1_000, &["w2"]);
    desk.give_work();
    assert!(matches!(desk.comp(MASK), Some(CompPhase::Starved { .. })));
    assert_eq!(desk.comp(IMAGE), None);
    desk.wait(999, &["w2"]);
    assert_eq!(desk.comp(IMAGE), None);
    desk.wait(1, &["w2"]);
    assert_eq!(desk.comp(IMAGE), Some(CompPhase::Ready));
}

#[test]
fn a_remake_that_fails_ends_what_waits_for_it() {
    let mut desk = mask_leased();
    let lost = desk.rot("c1/a", IMAGE);
    desk.report(2, Report::Missing(lost));
    desk.give_work();
    for fence in 3..=4 {
        desk.give_work();
        desk.fail(fence, true);
        desk.wait(500, &["w1"]);
    }
    assert_eq!(
        (desk.phase(0, IMAGE), desk.phase(0, MASK)),
        (Phase::Ran, Phase::Failed)
    );
    assert_eq!(
        desk.state.runs[&0].failures[0].1,
        "an input was lost and cannot be made again: panicked"
    );
}

#[test]
fn a_paused_run_is_parked_unless_another_waits_too() {
    let mut desk = Desk::small();
    desk.submit();
    desk.feed(Event::Pause {
        run: 0,
        paused: true,
    });
    assert_eq!(desk.comp(IMAGE), Some(CompPhase::Parked));
    desk.submit();
    assert_eq!(desk.comp(IMAGE), Some(CompPhase::Ready));
    desk.feed(Event::Cancel { run: 1, now: 0 });
    assert_eq!(desk.comp(IMAGE), Some(CompPhase::Parked));
    desk.feed(Event::Pause {
        run: 0,
        paused: false,
    });
    assert_eq!(desk.comp(IMAGE), Some(CompPhase::Ready));
}

#[test]
fn a_cancelled_run_keeps_only_work_in_progress() {
    let mut desk = leased();
    desk.feed(Event::Cancel { run: 0, now: 5 });
    assert_eq!(
        [IMAGE, MASK, FEATURES, "table"].map(|t| desk.phase(0, t)),
        [Phase::Cancelled; 4]
    );
    assert_eq!(desk.state.runs[&0].ended_ms, Some(5));
    assert!(matches!(desk.comp(IMAGE), Some(CompPhase::Leased { .. })));
    desk.wait(1_000, &[]);
    assert_eq!(desk.comp(IMAGE), None);
}

#[test]
fn a_recovery_reads_like_this() {
    let mut desk = Desk::small();
    desk.submit();
    desk.join("w1", "c1/a", &[]);
    desk.join("hub", "hub", &[]);
    desk.give_work();
    desk.now = 400;
    desk.end(1);
    desk.give_work();
    desk.now = 600;
    desk.restart();
    desk.now = 800;
    desk.join("w1", "c1/a", &[2]);
    desk.now = 900;
    desk.submit();
    desk.give_work();
    desk.now = 1_000;
    desk.join("hub", "hub", &[]);
    desk.end(2);
    desk.give_work();
    desk.now = 1_200;
    let lost = desk.rot("c1/a", IMAGE);
    desk.report(1_001, Report::Missing(lost));
    desk.give_work();
    desk.give_work();
    desk.now = 1_500;
    desk.lose_link("w1");
    desk.wait(1_000, &["hub"]);
    desk.join("w2", "c1/a", &[]);
    desk.give_work();
    desk.now = 2_700;
    desk.end(1_003);
    desk.give_work();
    desk.now = 2_900;
    desk.end(1_004);
    desk.give_work();
    desk.now = 3_000;
    desk.end(1_005);
    golden("recovery.txt", &desk.text);
}

/// Compares with a file of `tests/it/golden`; `RADLOOM_BLESS=1` writes it.
fn golden(name: &str, text: &str) {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("it/golden")
        .join(name);
    if std::env::var_os("RADLOOM_BLESS").is_some() {
        std::fs::write(&path, text).unwrap_or_else(|e| panic!("{name}: {e}"));
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        kept == text,
        "{name} has changed; look at it, then RADLOOM_BLESS=1 cargo test -p tests sim\n{text}"
    );
}
