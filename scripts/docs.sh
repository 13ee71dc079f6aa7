#!/usr/bin/env bash
# Writes generated documents anew. A test fails while one of them is out of date.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# Through a file beside it: a failing command leaves the present document alone.
write() {
  local path=$1
  shift
  cargo run --quiet -p server -- "$@" >"$path.new"
  mv "$path.new" "$path"
  echo "wrote $path"
}

mkdir -p docs
# The document shows what is answered to the story of its examples.
WRITE_EXAMPLES=1 cargo test --quiet -p api --test it published::examples::every_operation >/dev/null
echo "wrote crates/api/examples.json"
write docs/configuration.md config reference
write config.example.yaml config example
write docs/metrics.md config metrics
write docs/openapi.json openapi
write docs/coverage.md openapi --coverage
