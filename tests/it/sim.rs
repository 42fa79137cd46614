//! The coordinator's pure middle under faults: thousands of seeds, each a world that breaks in its own way.
//!
//! One seed alone, with its story: `RADLOOM_SIM_SEED=17 cargo test -p tests sim -- --nocapture`.
//! Other seeds than the suite's: `RADLOOM_SIM_SEEDS=5000..9000`.

mod arrows;
mod desk;
mod scale;
mod study;
mod world;

use world::{Tally, World};

/// A broken world: its seed and what broke, with the story before it.
struct Broken {
    seed: u64,
    what: String,
    story: String,
}

#[test]
fn every_world_comes_to_the_sequential_end() {
    let one = std::env::var("RADLOOM_SIM_SEED")
        .ok()
        .and_then(|text| text.parse::<u64>().ok());
    let range = std::env::var("RADLOOM_SIM_SEEDS").ok().and_then(|text| {
        let (first, end) = text.split_once("..")?;
        Some(first.parse().ok()?..end.parse().ok()?)
    });
    let seeds = one.map_or(range.unwrap_or(0..2_000), |seed| seed..seed + 1);
    let n = seeds.end - seeds.start;
    let halves: Vec<_> = (0..2)
        .map(|half| {
            let seeds = seeds.clone().filter(move |s| s % 2 == half);
            std::thread::spawn(move || seeds.map(live).collect::<Vec<_>>())
        })
        .collect();
    let lived = halves.into_iter().flat_map(|half| {
        half.join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    });
    let (mut tallies, mut broken) = (Vec::new(), Vec::new());
    for life in lived {
        match life {
            Ok(tally) => tallies.push(tally),
            Err(world) => broken.push(world),
        }
    }
    complain(broken, n);
    if n >= 1_000 {
        faults_happened(&tallies);
    }
}

fn live(seed: u64) -> Result<Tally, Broken> {
    let mut world = World::new(seed);
    let lived = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| world.live()));
    let what = match lived {
        Ok(Ok(())) => return Ok(world.tally),
        Ok(Err(what)) => what,
        Err(panic) => panic
            .downcast_ref::<String>()
            .cloned()
            .unwrap_or_else(|| "a panic".to_owned()),
    };
    Err(Broken {
        seed,
        what,
        story: world.story(),
    })
}

fn complain(mut broken: Vec<Broken>, n: u64) {
    broken.sort_by_key(|world| world.seed);
    for world in broken.iter().take(20) {
        eprintln!("seed {}: {}", world.seed, world.what);
    }
    if let Some(first) = broken.first() {
        panic!(
            "{} of {n} worlds broke. The first:\n{}seed {}: {}\nreplay: RADLOOM_SIM_SEED={} cargo test -p tests sim -- --nocapture",
            broken.len(),
            first.story,
            first.seed,
            first.what,
            first.seed
        );
    }
}

/// Faults that do not happen prove nothing.
fn faults_happened(tallies: &[Tally]) {
    let sum = |of: fn(&Tally) -> u64| tallies.iter().map(of).sum::<u64>();
    for (what, count) in [
        ("deaths", sum(|t| t.deaths)),
        ("restarts", sum(|t| t.restarts)),
        ("broken links", sum(|t| t.breaks)),
        ("lost bytes", sum(|t| t.losses)),
        ("cancelled runs", sum(|t| t.cancels)),
        ("paused runs", sum(|t| t.pauses)),
        ("missing inputs", sum(|t| t.missing)),
        ("work named again", sum(|t| t.reattached)),
    ] {
        let n = tallies.len() as u64;
        assert!(count > n / 4, "{what}: {count} in {n} worlds");
        eprintln!("{what}: {count}");
    }
    eprintln!(
        "{} worlds, {} events, {} leases",
        tallies.len(),
        sum(|t| t.events),
        sum(|t| t.leases)
    );
}
