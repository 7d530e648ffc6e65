use fastrand::Rng;

/// A few random changes to one of `inputs`, some of them with pieces of another.
#[must_use]
pub fn mutate(random: &mut Rng, inputs: &[Vec<u8>]) -> Vec<u8> {
    let pick =
        |random: &mut Rng| inputs.get(random.usize(..inputs.len().max(1))).cloned().unwrap_or_default();
    let mut bytes = pick(random);
    let other = pick(random);
    for _ in 0..random.usize(1..6) {
        change(random, &mut bytes, &other);
    }
    bytes.truncate(MAX_LEN);
    bytes
}

fn change(random: &mut Rng, bytes: &mut Vec<u8>, other: &[u8]) {
    let at = random.usize(..=bytes.len());
    let len = random.usize(..32).min(bytes.len() - at);
    match random.u8(..9) {
        0 => flip(random, bytes),
        1 if at < bytes.len() => bytes[at] = INTERESTING[random.usize(..INTERESTING.len())],
        2 => bytes.truncate(at),
        3 => drop(bytes.drain(at..at + len)),
        4 => {
            let piece = bytes[at..at + len].to_vec();
            bytes.splice(at..at, piece);
        }
        5 => {
            let from = random.usize(..=other.len());
            let piece = &other[from..(from + random.usize(..64)).min(other.len())];
            bytes.splice(at..at, piece.iter().copied());
        }
        6 if at + 2 <= bytes.len() => bytes[at..at + 2].copy_from_slice(&random.u16(..).to_be_bytes()),
        7 => bytes.splice(at..at, (0..len).map(|_| random.u8(..))).for_each(drop),
        _ => flip(random, bytes),
    }
}

fn flip(random: &mut Rng, bytes: &mut [u8]) {
    if !bytes.is_empty() {
        let at = random.usize(..bytes.len());
        bytes[at] ^= 1 << random.u8(..8);
    }
}

const INTERESTING: [u8; 10] = [0, 1, 2, 3, 0x7f, 0x80, 0xbf, 0xc0, 0xfe, 0xff];
const MAX_LEN: usize = 64 * 1024;
