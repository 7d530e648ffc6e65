# Sluice: demo, test, bench, check. Each target installs the packages it misses (.ci/debian-packages).
.PHONY: demo test bench check console

BINARIES = -p sluice-hub-server -p sluice-edge-agent -p sluice-camsim -p sluice-testkit

demo: ## hub, edge and four virtual cameras, until Ctrl-C
	@.ci/packages build
	@.ci/console
	@echo "sluice: building hub, edge and virtual cameras; the first time takes some minutes"
	@cargo build --locked --quiet $(BINARIES) --bins
	@exec target/debug/sluice-demo

console: ## the web console and the player, into hub/console/dist
	@.ci/console

test: ## everything CI runs, real Chromium included
	@.ci/packages build test
	@.ci/console
	@.ci/test

bench: ## what docs/reference/bench.md is made of, to target/bench/bench.md; QUICK=1 for a first look
	@.ci/packages build test
	@.ci/console
	@cargo build --locked --quiet $(BINARIES) -p sluice-load --bins
	@rm -f target/bench/browser.json
	@node tests/browser/bench.mjs $(if $(QUICK),--quick) || echo "bench: not everything was measured in Chromium; the table says what"
	@target/debug/sluice-load bench $(if $(QUICK),--quick) --merge target/bench/browser.json

check: ## format, lints, types, licences
	@.ci/console
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	@if command -v cargo-deny >/dev/null; then cargo deny --offline check bans licenses sources; else echo "SKIPPED: cargo-deny is not installed"; fi
	npm --prefix hub/console run --silent check
