//! Each target over its seeds, its kept findings, and seeded mutations of both.

use std::{
    fs,
    panic::catch_unwind,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use fastrand::Rng;
use sluice_fuzz::{TARGETS, Target, mutate};

/// All targets together stay below ten seconds on a busy machine.
const ROUNDS: usize = 200_000;
const AT_MOST: Duration = Duration::from_millis(450);
const SEED: u64 = 0x51_01_ce;

#[test]
fn no_bytes_harm_any_reader() {
    let harmed: Vec<String> = TARGETS.iter().filter_map(harm).collect();
    assert!(harmed.is_empty(), "{}", harmed.join("\n"));
}

#[test]
fn each_corpus_directory_belongs_to_a_target() {
    for entry in
        fs::read_dir(corpus()).expect("the corpus is there").flatten().filter(|entry| entry.path().is_dir())
    {
        let name = entry.file_name();
        assert!(
            TARGETS.iter().any(|target| *target.name == name),
            "corpus/{name:?} has no target in src/lib.rs"
        );
    }
}

/// The first input that breaks the target, in words.
#[expect(clippy::disallowed_methods, reason = "bounds the time that the search may take")]
fn harm(target: &Target) -> Option<String> {
    let mut inputs = target.seeds();
    assert!(!inputs.is_empty(), "{} has no seed", target.name);
    inputs.extend(kept(target));
    inputs.push(Vec::new());
    let mut random = Rng::with_seed(SEED);
    let end = Instant::now() + AT_MOST;
    let mutations = std::iter::repeat_with(|| mutate(&mut random, &inputs)).take(ROUNDS);
    let all: Vec<Vec<u8>> = inputs.clone();
    all.into_iter()
        .chain(mutations.take_while(|_| Instant::now() < end))
        .find_map(|input| broken(target, &input))
}

fn broken(target: &Target, input: &[u8]) -> Option<String> {
    catch_unwind(|| target.run(input)).err().map(|_| {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{}.bin", target.name));
        fs::write(&path, input).expect("the finding is written");
        format!(
            "{}: the input in {} breaks it (message above); repair the reader and keep the input as \
             tests/fuzz/corpus/{}/<what-it-is>.bin",
            target.name,
            path.display(),
            target.name
        )
    })
}

fn kept(target: &Target) -> Vec<Vec<u8>> {
    let Ok(entries) = fs::read_dir(corpus().join(target.name)) else { return Vec::new() };
    entries.flatten().map(|entry| fs::read(entry.path()).expect("a kept finding is read")).collect()
}

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus")
}
