//! The repository keeps the rules of the house. Each failure says what to do.

use std::{path::Path, sync::OnceLock};

use sluice_arch::{House, Manifest, Tree};

fn tree() -> &'static Tree {
    static TREE: OnceLock<Tree> = OnceLock::new();
    TREE.get_or_init(|| Tree::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")))
}

fn house() -> House {
    House::parse(include_str!("../house.toml"))
}

fn manifests() -> Vec<Manifest> {
    sluice_arch::manifests(tree())
}

fn text(path: &str) -> &'static str {
    tree().file(path).map_or("", |file| &file.text)
}

fn hold(problems: &[String]) {
    assert!(problems.is_empty(), "\n{}\n", problems.join("\n"));
}

#[test]
fn rooms_depend_only_on_what_the_list_allows() {
    assert!(manifests().len() >= 20, "the rooms are found");
    hold(&sluice_arch::arrows(&house(), &manifests()));
}

#[test]
fn every_directory_is_a_room_with_code() {
    assert!(tree().files.len() > 200 && tree().rooms.len() > 20, "the whole tree is read");
    hold(&sluice_arch::rooms(&house(), tree(), &manifests()));
}

#[test]
fn foreign_crates_stay_in_the_rooms_that_stand_for_them() {
    hold(&sluice_arch::placement(&house(), &manifests(), &tree().files));
}

#[test]
fn pure_rooms_have_no_tokio_in_their_tree() {
    hold(&sluice_arch::pure_rooms(&house(), &manifests(), text("Cargo.lock")));
}

#[test]
fn each_dependency_has_one_version_and_each_room_the_same_lints() {
    hold(&sluice_arch::one_version(&manifests()));
}

#[test]
fn lock_files_name_public_registries_only() {
    let npm: Vec<_> = tree().files.iter().filter(|file| file.path.ends_with("package-lock.json")).collect();
    hold(&sluice_arch::registries(text("Cargo.lock"), &npm));
}

#[test]
fn files_can_be_read_in_one_go() {
    hold(&sluice_arch::sizes(&house().large_files, &tree().files));
}

#[test]
fn file_names_say_what_is_inside() {
    hold(&sluice_arch::names(&tree().files));
}

#[test]
fn nothing_is_left_undone_or_switched_off() {
    hold(&sluice_arch::unfinished(&tree().files));
}

#[test]
fn nothing_speaks_of_where_it_was_made() {
    hold(&sluice_arch::traces(&tree().files));
}
