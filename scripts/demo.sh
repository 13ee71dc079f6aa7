#!/usr/bin/env bash
# The demonstration: serves from a fresh directory on a free port of the loopback address, bills a year of flights over HTTP, and
# fails when a figure differs from the independent check. `make demo` builds the binary first and names it in FLEXPRICE_BIN; options
# go to `flexprice demo` (`scripts/demo.sh --every 10`). KEEP=1 leaves the server up, to look around, until it is interrupted.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

target=$(scripts/target_dir.sh)
bin=${FLEXPRICE_BIN:-$target/release/flexprice}
if [[ ! -x $bin ]]; then
  cargo build --release -p server
fi
invoices=$target/demo-invoices.json

dir=$(mktemp -d)
server=
finish() {
  local code=$?
  trap - EXIT
  if [[ -n $server ]]; then
    kill -TERM "$server" 2>/dev/null || true
    wait "$server" 2>/dev/null || true
  fi
  if ((code != 0)) && [[ -s $dir/serve.log ]]; then
    echo "demo: failed; the last lines of the server's log:" >&2
    tail -n 20 "$dir/serve.log" >&2
  fi
  rm -rf "$dir"
  exit "$code"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

"$bin" serve --address 127.0.0.1:0 --data-dir "$dir/data" >"$dir/banner" 2>"$dir/serve.log" &
server=$!

# The server says its address once it listens; /ready says that its stores work.
url=
for ((tries = 0; tries < 300; tries++)); do
  kill -0 "$server" 2>/dev/null || { echo "demo: the server did not start" >&2; exit 1; }
  url=$(sed -n 's/.*listening on \(http:[^ ]*\).*/\1/p' "$dir/banner")
  if [[ -n $url ]] && curl -sf --max-time 5 -o /dev/null "$url/ready"; then
    break
  fi
  url=
  sleep 0.1
done
[[ -n $url ]] || { echo "demo: the server was not ready within half a minute" >&2; exit 1; }
echo "Serving on $url, data in a directory of its own" >&2

# Those may name another server.
unset FLEXPRICE_URL FLEXPRICE_API_KEY
"$bin" demo --url "$url" --json "$invoices" "$@"

if [[ -n ${KEEP:-} ]]; then
  echo "The server runs on at $url until Ctrl-C." >&2
  wait "$server"
fi
