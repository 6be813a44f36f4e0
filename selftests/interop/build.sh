#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# build.sh: builds rust-peer in the cache, once for each version of its sources,
# and prints where it is. Status 3, with a reason on standard error, if this
# machine cannot: no Rust that is new enough, no crates, or not all of it done within
# INTEROP_BUILD_SECONDS if that is set.

. "$(dirname "$0")/../runner/lib.sh"

here=$TOP/selftests/interop
need=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' "$here/Cargo.toml")
limit=${INTEROP_BUILD_SECONDS:-0} status=0
cannot() { printf '%s\n' "$*" >&2; exit 3; }

# within COMMAND...: in what is left of the time
within() {
	# To timeout(1) 0 is for ever.
	[ "$limit" -eq 0 ] || [ "$limit" -gt $SECONDS ] || return 124
	timeout -k 30 $((limit > 0 ? limit - SECONDS : 0)) "$@"
}

# enough VERSION: at least what Cargo.toml says
enough() {
	[ -n "$1" ] && [ "$(printf '%s\n' "$need" "$1" | sort -V | head -n 1)" = "$need" ]
}

rust_version() { rustc --version 2>/dev/null | awk '{ print $2 }'; }

sources=$(cat "$here"/Cargo.* "$here"/src/*.rs | sha256sum | cut -c1-16)
cache=$CACHE/interop
peer=$cache/rust-peer-$sources
if [ -x "$peer" ]; then
	echo "$peer"
	exit 0
fi

cache_lock interop
if ! command -v cargo >/dev/null || ! enough "$(rust_version)"; then
	# Debian 12 has a newer Rust than its rustc under these names.
	[ "$(id -u)" -eq 0 ] ||
		cannot "rustc $need and cargo are missing (Debian 12: rustc-web, cargo-web)"
	say DEPS "installing rustc-web cargo-web"
	DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
		-o DPkg::Lock::Timeout=900 \
		rustc-web cargo-web </dev/null >"$cache.log" 2>&1 ||
		cannot "rustc-web and cargo-web cannot be installed, see $cache.log"
	enough "$(rust_version)" || cannot "rustc $(rust_version) is older than $need"
fi

# A build that ended in the middle goes on where it was.
mkdir -p "$cache"
say CARGO "rust-peer, the crates of selftests/interop/Cargo.lock"
# --locked: exactly those versions, by their checksums.
(cd "$here" && within cargo fetch --locked) >"$cache/fetch.log" 2>&1 ||
	cannot "the crates cannot be had: $(tail -n 1 "$cache/fetch.log")"
(cd "$here" && CARGO_TARGET_DIR=$cache/target within \
	nice -n 10 cargo build --release --locked --offline -j "$JOBS") 2>&1 |
	progress CARGO "$cache/build.log" || status=$?
[ $status -ne 124 ] || cannot "rust-peer is not built after $limit s (the next build goes on)"
[ $status -eq 0 ] || die "cargo failed:"$'\n'"$(tail -n 20 "$cache/build.log")"
rm -f "$cache"/rust-peer-*
cp "$cache/target/release/rust-peer" "$peer.new"
mv "$peer.new" "$peer"
cache_unlock
echo "$peer"
