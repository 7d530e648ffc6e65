//! Scenarios over real programs. They need the binaries: `make test` builds them first.

mod scenarios {
    mod herd;
    mod secrets;
    mod silence;
    mod support;
}
