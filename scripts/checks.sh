#!/usr/bin/env bash
# Runs every check of scripts/checks/, all of them even when one fails.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

failed=()
for check in scripts/checks/*.py; do
  echo "== $check"
  python3 "$check" || failed+=("$check")
done
if ((${#failed[@]})); then
  echo "failed: ${failed[*]}" >&2
  exit 1
fi
