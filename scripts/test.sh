#!/usr/bin/env bash
# Runs the parts of `make test` in order, each as `make PART`, until one fails; says in the end how long each took. The servers that the
# tests need are installed and started while the build goes on.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

dir=$(mktemp -d)
make --no-print-directory servers >"$dir/servers.log" 2>&1 &
servers=$!
table=()

finish() {
  local code=$?
  trap - EXIT
  # Half a server, or half an installation, is not left behind.
  wait "$servers" || true
  printf '\n%-10s %8s\n' part seconds
  printf '%-10s %8s\n' "${table[@]}" all "$SECONDS"
  if ((code != 0)); then echo "test: make $part failed" >&2; fi
  rm -rf "$dir"
  exit "$code"
}
trap finish EXIT

wait_for_servers() {
  if ! wait "$servers"; then
    cat "$dir/servers.log" >&2
    return 1
  fi
  cat "$dir/servers.log"
}

for part in fmt build everyday servers unit fire tls hostile checks; do
  echo "== $part"
  began=$SECONDS failed=0
  if [[ $part == servers ]]; then
    wait_for_servers || failed=$?
  else
    make --no-print-directory "$part" || failed=$?
  fi
  table+=("$part" "$((SECONDS - began))")
  ((failed == 0)) || exit "$failed"
done
