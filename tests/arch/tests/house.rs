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
fn no_room_starts_another_program() {
    hold(&sluice_arch::programs(&tree().files));
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
    let cargo: Vec<_> = tree().files.iter().filter(|file| file.path.ends_with("Cargo.lock")).collect();
    assert!(cargo.iter().any(|file| file.path == "Cargo.lock"));
    cargo.iter().for_each(|file| hold(&sluice_arch::registries(&file.text, &npm)));
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

#[test]
fn every_link_of_a_document_leads_somewhere() {
    hold(&sluice_arch::dead_links(tree()));
}

#[test]
fn every_requirement_that_is_claimed_names_what_proves_it() {
    let requirements = text("docs/requirements.md");
    assert!(requirements.lines().filter(|line| line.starts_with("| ")).count() > 150, "the table is found");
    hold(&sluice_arch::unproven(tree(), requirements));
}

#[test]
fn every_example_of_a_configuration_is_read_by_a_test() {
    hold(&sluice_arch::unread_examples(tree()));
}

#[test]
fn the_reference_tells_every_key_of_both_programs() {
    let page = tree().file("docs/reference/config.md").expect("docs/reference/config.md");
    for (name, source) in
        [("hub.toml", "hub/server/src/config.rs"), ("edge.toml", "edge/agent/src/config.rs")]
    {
        let fences = sluice_arch::fences(page);
        let shown = fences.iter().find(|fence| fence.text.starts_with(&format!("# {name}")));
        let shown = shown.map_or("", |fence| &fence.text);
        let expected = sluice_arch::config_block(name, text(source), shown);
        assert!(shown == expected, "{source} changed; docs/reference/config.md must show:\n\n{expected}");
    }
}

#[test]
fn the_reference_tells_every_metric_of_both_programs() {
    let page = text("docs/reference/metrics.md");
    let mut known = Vec::new();
    for program in ["hub", "edge"] {
        let metrics = sluice_arch::metrics(tree(), program);
        let table = sluice_arch::metrics_table(&metrics);
        assert!(
            metrics.len() > 10 && !table.contains('?'),
            "the metrics of the {program} are read:\n{table}"
        );
        assert!(
            page.contains(&table),
            "metrics changed; docs/reference/metrics.md must show for the {program}:\n\n{table}"
        );
        known.extend(metrics.into_iter().map(|metric| metric.name));
    }
    hold(&sluice_arch::unknown_metrics(tree(), &known));
}
