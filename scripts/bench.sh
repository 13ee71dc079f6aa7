#!/usr/bin/env bash
# Measures the server beside its baselines, in one run of about two minutes: docs/performance.md. Options go to the benchmark
# (`scripts/bench.sh --events 1000000,10000000 --json figures.json`, `--help`). `scripts/bench.sh -p streams` runs the benches of
# one crate instead.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

if [[ ${1:-} == -p ]]; then
  exec cargo bench "$@"
fi
cargo build --release -p server -p bench
exec "$(scripts/target_dir.sh)/release/bench" "$@"
