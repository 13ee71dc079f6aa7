#!/usr/bin/env bash
# Prints the directory that cargo builds into, whole, wherever CARGO_TARGET_DIR or a configuration file put it: who runs a binary of it may
# stand in another directory.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
PATH="$PATH:${HOME:-/root}/.cargo/bin"

cargo metadata --no-deps --format-version 1 | python3 -c 'import json, sys; print(json.load(sys.stdin)["target_directory"])'
