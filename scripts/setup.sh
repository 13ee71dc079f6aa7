#!/usr/bin/env bash
# Checks for the tools a build needs; `setup.sh cluster` also for those of a build with the clients of a cluster. As root on Debian or Ubuntu it installs the missing system packages; a missing Rust
# toolchain it leaves to you, and says how. Says nothing when all is there.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
PATH="$PATH:${HOME:-/root}/.cargo/bin"

say() { echo "setup: $*" >&2; }
have() { command -v "$1" >/dev/null 2>&1; }

# Tool, and the Debian package that brings it.
packages=()
missing=()
need() { have "$1" || { missing+=("$1"); packages+=("$2"); }; }
need cc "gcc libc6-dev"
need make make
need python3 python3
need curl curl
need git git
if [[ ${1:-} == cluster ]]; then
  need pkg-config pkg-config
  # Kafka's TLS is OpenSSL's, and Temporal's messages are compiled.
  pkg-config --exists openssl 2>/dev/null || { missing+=("openssl headers"); packages+=(libssl-dev); }
  need protoc protobuf-compiler
  # Debian keeps the well-known types (google/protobuf/*.proto) in a package of their own.
  proto_include=$(dirname "$(dirname "$(command -v protoc || echo /usr/bin/protoc)")")/include/google/protobuf
  [[ -f $proto_include/field_mask.proto ]] || { missing+=("protobuf's own types"); packages+=(libprotobuf-dev); }
fi

if ((${#missing[@]})); then
  # shellcheck disable=SC2206  # one entry may name two packages
  wanted=(${packages[@]} ca-certificates)
  if [[ $(id -u) == 0 ]] && have apt-get; then
    say "installing ${wanted[*]} (missing: ${missing[*]})"
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq >&2
    apt-get install -y -qq --no-install-recommends "${wanted[@]}" >&2
  elif have apt-get; then
    say "missing: ${missing[*]}"
    say "install them with: sudo apt-get install ${wanted[*]}"
    exit 1
  else
    say "missing: ${missing[*]}; install them with the packages of your system"
    exit 1
  fi
fi

# The version that Cargo.toml asks for.
least=""
while IFS= read -r line; do
  [[ $line =~ ^rust-version\ *=\ *\"([0-9.]+)\" ]] && least=${BASH_REMATCH[1]}
done <Cargo.toml

how_to_get_rust() {
  if have rustup; then
    say "  rustup toolchain install stable --component rustfmt,clippy"
  elif have apt-cache && apt-cache show rustup >/dev/null 2>&1; then
    say "  apt-get install rustup && rustup default stable      (as root)"
  else
    say "  follow https://rustup.rs, take the default (stable, with rustfmt and clippy), and open a new shell"
  fi
}

if ! have cargo || ! have rustc || ! version=$(rustc --version 2>/dev/null); then
  say "no Rust toolchain; FlexPrice needs $least or later. To get one:"
  how_to_get_rust
  exit 1
fi

# "rustc 1.95.0 (…)" -> 1 95
[[ $version =~ ^rustc\ ([0-9]+)\.([0-9]+) ]] || { say "cannot read the version of Rust from: $version"; exit 1; }
found=$((BASH_REMATCH[1] * 1000 + BASH_REMATCH[2]))
[[ $least =~ ^([0-9]+)\.([0-9]+) ]] || { say "Cargo.toml names no rust-version"; exit 1; }
if ((found < BASH_REMATCH[1] * 1000 + BASH_REMATCH[2])); then
  say "$version is too old; FlexPrice needs $least or later. To get it:"
  if have rustup; then say "  rustup update stable"; else how_to_get_rust; fi
  exit 1
fi

for part in fmt clippy; do
  if ! cargo "$part" --version >/dev/null 2>&1; then
    say "warning: 'cargo $part' is missing, which 'make test' needs: rustup component add rustfmt clippy"
  fi
done
