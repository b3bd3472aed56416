# Every task of the house by its name; the work itself is in scripts/ and bench/.

.DEFAULT_GOAL := help
.PHONY: help demo dist test lint fmt bench bench-media bench-runs bench-callbacks test-power test-comfyui fuzz doc setup

help: ## list the tasks
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

demo: ## build Runnel and watch it do its whole job on a photo
	@scripts/setup.sh build
	cargo build --release --locked -p runnel
	@"$${CARGO_TARGET_DIR:-target}/release/runnel" demo

dist: ## build what is handed out, optimised as a whole: target/dist/runnel
	@scripts/setup.sh build
	cargo build --profile dist --locked -p runnel

test: ## set up, then every check and every test
	@scripts/setup.sh test
	@scripts/test.sh

test-power: ## cut the power of a server's disk while clients upload; CUTS=4; as root, for it mounts file systems
	@scripts/setup.sh test
	cargo build --release --locked -p runnel
	@scripts/power-cut.sh $(or $(CUTS),4)

test-comfyui: ## the engine against ComfyUI's own server, which it installs (6 GB)
	@scripts/setup.sh comfyui
	cargo test --workspace --locked --lib comfyui -- --include-ignored --test-threads 1

lint: ## the checks without the tests
	@scripts/setup.sh build
	@scripts/lint.sh

fmt: ## format the code
	cargo fmt --all

bench: ## the figures of the README, from a release build
	@scripts/setup.sh test
	cargo build --release --locked -p runnel
	@bench/run.sh

bench-media: ## uploads, large files and long lists beside other servers, which it installs
	@scripts/setup.sh test
	cargo build --profile dist --locked -p runnel
	@RUNNEL_BIN="$${CARGO_TARGET_DIR:-target}/dist/runnel" bench/media/run.sh

bench-runs: ## runs a second and one background removal beside LitServe, Cog and a Python script, which it installs
	@scripts/setup.sh test
	cargo build --release --locked -p runnel
	@bench/runs/run.sh

bench-callbacks: ## callbacks a second after an outage, and what a dead receiver costs another one
	@scripts/setup.sh build
	cargo build --release --locked -p runnel
	@bench/callbacks/run.sh

fuzz: ## throw inputs at the readers of strangers' bytes, led by coverage; SECONDS=60 for each
	@scripts/fuzz.sh $(or $(SECONDS),60)

doc: ## the documentation of the code, private items included
	cargo doc --workspace --no-deps --document-private-items --locked

setup: ## install the Debian packages that are missing
	@scripts/setup.sh test
