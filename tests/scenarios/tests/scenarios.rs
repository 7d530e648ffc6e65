//! Scenarios over real programs. They need the binaries: `make test` builds them first.

mod scenarios {
    mod cache;
    mod cameras;
    mod codecs;
    mod herd;
    mod recorder;
    mod secrets;
    mod silence;
    mod support;
}
