# The front door. `make help` says what there is. Anything longer than a line lives in scripts/.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# A toolchain installed for this user is found even when its directory is not on PATH.
export PATH := $(PATH):$(HOME)/.cargo/bin

# Programs are handed over by their whole path: scripts run them from directories of their own.
target = $(shell scripts/target_dir.sh)
release = $(target)/release/flexprice
tested = $(target)/debug/flexprice

# One set of features for all that is tested: the clients of a cluster, and not the allocator of what is shipped. Lints come from the same
# compilation, by clippy's own driver: `cargo clippy` would compile all dependencies once more (ADR 0011).
features := --workspace --no-default-features --features cluster
lint := RUSTC_WORKSPACE_WRAPPER=clippy-driver CLIPPY_ARGS=-Dwarnings__CLIPPY_HACKERY__

.PHONY: help setup setup-cluster demo run cluster cluster-down cluster-test fire fire-full tls hostile scaling mutants nightly test fmt build everyday servers unit checks bench docs contract

help: ## Say what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## Check for the tools a build needs; as root on Debian, install the missing system packages
	@scripts/setup.sh

setup-cluster: ## The same, for a build with the clients of a cluster, which the tests need
	@scripts/setup.sh cluster

demo: setup ## Build, then meter, rate and invoice a year of real events, and show the result
	cargo build --release -p server
	@FLEXPRICE_BIN="$(release)" scripts/demo.sh

run: setup ## Build and serve on 127.0.0.1:8080, data in ./data
	cargo build --release -p server
	@exec "$(release)" serve

cluster: setup-cluster ## Run the cluster here: servers, API replicas behind nginx, consumers, workers (API=2 CONSUMERS=3 WORKERS=2)
	@dev/cluster up

cluster-down: ## Stop what `make cluster` started but the servers, which tests use too: dev/services down
	@dev/cluster down

cluster-test: ## Kill API replicas behind nginx under traffic, on the real servers: nothing fails, nothing counts twice
	@dev/services up
	@tests/cluster/load_balancer.py

fire: build ## Kill processes and servers while events come in; every number must be right in the end (1 to 3 minutes)
	@FLEXPRICE_BIN="$(tested)" tests/cluster/under_fire.py --seed 20130101

tls: build ## PostgreSQL, Kafka and Redis over TLS: right certificates get in, others do not
	@FLEXPRICE_BIN="$(tested)" tests/cluster/tls.py

hostile: build ## Load a server with hostile requests for 15 s: memory stays bounded, everything honest is answered and counted
	@FLEXPRICE_BIN="$(tested)" tests/hostile/load.py --seconds 15

fire-full: setup-cluster ## The same with a release build, 1,000,000 events and three rounds of strikes
	cargo build --release -p server --features cluster
	@FLEXPRICE_BIN="$(release)" tests/cluster/under_fire.py --full

scaling: setup-cluster ## Measure the cluster with more consumers, API processes and workers; a table for docs/performance.md
	cargo build --release --workspace --all-features
	cargo bench --workspace --all-features --no-run --bench kafka_log --bench clickhouse_store --bench workflow_throughput
	@FLEXPRICE_BIN="$(release)" tests/cluster/scaling.py

mutants: setup ## Break the rules of billing one by one: domain's own tests must notice 90 in 100 (half an hour; installs cargo-mutants)
	@command -v cargo-mutants >/dev/null || cargo install cargo-mutants --locked
	@scripts/mutants.py

nightly: setup-cluster servers ## Ten minutes of hostile requests, then 100,000 random questions to every read path and 100 random worlds (hours)
	cargo build --release -p server
	@FLEXPRICE_BIN="$(release)" tests/hostile/load.py --seconds 600 --strict
	ORACLE_QUESTIONS=100000 cargo test --release -p api --test it oracle
	$(lint) CLUSTER_ORACLE_WORLDS=100 cargo test $(features) --test it cluster::oracle
	@$(MAKE) --no-print-directory mutants

test: setup-cluster ## Everything that must hold: format, lints, all tests, checks of the tree; says what each part took
	@scripts/test.sh

fmt:
	cargo fmt --all --check

build: setup-cluster ## Compile and lint everything that `make test` runs
	$(lint) cargo test $(features) --tests --benches --no-run

# The crates that the feature `cluster` changes, without it.
everyday: setup ## Lint the everyday build, which has no clients of a cluster
	cargo clippy -p storage -p streams -p app -p workflows -p testkit -p server --no-default-features --all-targets -- -D warnings

# PostgreSQL with its replica, Redis, Kafka, Temporal, ClickHouse: the suites of the cluster profile run against the real ones.
servers: setup-cluster
	@dev/services up postgres replica redis kafka temporal clickhouse

# Property tests draw the same cases in every run of this target; `cargo test` alone draws new ones.
unit: export PROPTEST_RNG_SEED ?= 20130101
# A test's stores wait for the disk at every commit, for data that goes with the test. Kills are survived in memory just so.
unit: export TMPDIR := $(shell scripts/scratch_dir.sh)
unit: build
	$(lint) cargo test $(features) --tests

checks: build ## Check dependencies, deployment files, the tree and the published SDK against the tests' binary
	@FLEXPRICE_BIN="$(tested)" scripts/checks.sh

bench: setup ## Measure; prints figures, fails on none
	@scripts/bench.sh

docs: ## Write anew what is generated: configuration, OpenAPI, coverage
	@scripts/docs.sh

contract: ## Write anew what the published API demands of what is built (after make docs)
	@scripts/checks/contract.py --write
