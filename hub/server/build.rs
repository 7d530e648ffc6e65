//! Builds again when the console was: its files are embedded, and their names change with their content.
#![expect(clippy::disallowed_macros, reason = "this is how a build script speaks to cargo")]

fn main() {
    println!("cargo:rerun-if-changed=../console/dist");
}
