use std::{io::Write as _, sync::OnceLock};

use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};

/// One state of a playlist: rendered once, compressed at most once, read by every viewer.
#[derive(Debug, Default)]
pub(crate) struct Page {
    plain: Bytes,
    gzip: OnceLock<Bytes>,
}

impl Page {
    pub(crate) fn new(text: String) -> Self {
        Self { plain: text.into(), gzip: OnceLock::new() }
    }

    pub(crate) fn plain(&self) -> Bytes {
        self.plain.clone()
    }

    /// The same, compressed by the first who asks.
    pub(crate) fn gzip(&self) -> Bytes {
        self.gzip.get_or_init(|| compress(&self.plain)).clone()
    }

    /// Bytes it holds in memory.
    pub(crate) fn size(&self) -> usize {
        self.plain.len() + self.gzip.get().map_or(0, Bytes::len)
    }
}

/// RFC 1952. A playlist repeats itself line for line, so that the fastest level shrinks it as well as any.
fn compress(plain: &[u8]) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::with_capacity(plain.len() / 4), Compression::fast());
    // Writing into a vector cannot fail.
    let _ = encoder.write_all(plain);
    encoder.finish().unwrap_or_default().into()
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    #[test]
    fn the_compressed_page_says_the_same() {
        let text = "#EXT-X-PART:DURATION=0.2,URI=\"v1.0.m4s\"\n".repeat(50);
        let page = Page::new(text.clone());
        let mut plain = String::new();
        flate2::read::GzDecoder::new(page.gzip().as_ref()).read_to_string(&mut plain).unwrap();
        assert_eq!(plain, text);
        assert!(page.gzip().len() < page.plain().len() / 5);
    }
}
