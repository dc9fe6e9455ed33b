//! The fuzzers' corpus and what they found once, replayed through the functions that they call.

use std::{fs, path::Path};

use anyhow::{Context as _, Result, ensure};
use tests::torture::targets;

/// What is committed stays small.
const MOST_FILES: usize = 300;
const MOST_BYTES: usize = 200_000;

#[test]
fn committed_inputs_do_no_harm() -> Result<()> {
    let (mut files, mut bytes) = (0, 0);
    for (name, target) in targets::ALL {
        let corpus = inputs(&format!("corpus/{name}"))?;
        ensure!(!corpus.is_empty(), "{name} has no corpus");
        files += corpus.len();
        bytes += corpus.iter().map(Vec::len).sum::<usize>();
        for input in corpus.iter().chain(&inputs(&format!("regressions/{name}"))?) {
            target(input);
        }
    }
    ensure!(files < MOST_FILES && bytes < MOST_BYTES, "the corpus has {files} files and {bytes} bytes");
    Ok(())
}

/// The vectors are inputs, too, in every way in which the first byte can have them read.
#[test]
fn vectors_do_no_harm() -> Result<()> {
    for (name, target) in targets::ALL {
        for mut seed in targets::seeds(name)? {
            for upper in 0..8 {
                seed[0] = seed[0] & 0x1f | upper << 5;
                target(&seed);
            }
        }
    }
    Ok(())
}

/// The files of a directory; none where there is no directory.
fn inputs(path: &str) -> Result<Vec<Vec<u8>>> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz").join(path);
    let Ok(entries) = fs::read_dir(&directory) else { return Ok(Vec::new()) };
    entries
        .map(|entry| {
            let file = entry?.path();
            fs::read(&file).with_context(|| format!("reading {}", file.display()))
        })
        .collect()
}
