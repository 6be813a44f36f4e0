#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# languages.sh [KERNEL]: the examples in Go and Rust, which need nothing but socket
# calls: builds them, static, and has them talk to each other in the VM.

. "$(dirname "$0")/lib.sh"

dir=$BUILD/languages
mkdir -p "$dir/go"
examples=$TOP/userspace/examples

say GO worker.go
[ -z "$(gofmt -l "$examples/worker.go")" ] || die "gofmt would change worker.go"
GOCACHE=$dir/go GO111MODULE=off CGO_ENABLED=0 go vet "$examples/worker.go"
GOCACHE=$dir/go GO111MODULE=off CGO_ENABLED=0 \
	go build -trimpath -ldflags -s -o "$dir/worker-go" "$examples/worker.go"
say RUSTC worker.rs
rustc --edition 2021 -O -D warnings -C target-feature=+crt-static -C strip=symbols \
	-o "$dir/worker-rs" "$examples/worker.rs"

cat >"$dir/languages.sh" <<'SH'
#!/bin/sh
. /ockam/ktap.sh

plan 10
answers() { timeout 60 "$@" | grep -qx 'App Received: Hello Ockam!'; }
taken() { ockamctl worker show "$1"; }
check "a hop of the kernel" ockamctl hop add h1
for echoer in go rs; do
	worker-$echoer echoer >$echoer.log 2>&1 &
	pid=$!
	check "the echoer in $echoer" until_true taken echoer
	for app in go rs; do
		check "an app in $app" answers worker-$app app echoer
	done
	check "over a hop" answers worker-$app app "h1 => echoer"
	kill $pid
	wait $pid
done 2>/dev/null
refuse "an error has its name" 'No route to host\|no route to host' worker-rs app nobody
finished
SH
chmod +x "$dir/languages.sh"
"$VMDIR/run.sh" --kernel "${1:-6.1}" --name languages \
	--copy "$dir/worker-go:/ockam/bin/worker-go" \
	--copy "$dir/worker-rs:/ockam/bin/worker-rs" "$dir/languages.sh"
