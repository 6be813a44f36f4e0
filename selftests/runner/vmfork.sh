#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# vmfork.sh [KERNEL]: the state of a machine with channels goes on in two others: one
# that is told to be the same machine, where the channels go on, and a copy with a
# generation identifier of its own, which must not send another message through
# them.

. "$(dirname "$0")/lib.sh"

kernel=${1:-6.1}
dir=$BUILD/vm/vmfork-$kernel
first=324e6eaf-d1d1-4bf6-bf41-b9bb6c91fb87
second=5b6c1c1e-0c9e-4e0b-9a3a-6e6a2c9c9d51
sums=$dir.sums
n=0 pid=

mkdir -p "$dir"
"$VMDIR/run.sh" --kernel "$kernel" --name "vmfork-$kernel" --mem 512M --command "$dir.qemu" \
	"$VMDIR/vmfork-guest.sh"
qemu=()
# shellcheck source=/dev/null
. "$dir.qemu"
: >"$sums"

check() {	# what, command...
	local what=$1

	shift
	n=$((n + 1))
	if "$@"; then
		echo "ok $n vmfork: $what"
		echo 1 0 0 >>"$sums"
	else
		echo "not ok $n vmfork: $what"
		echo 0 1 0 >>"$sums"
		tail -n 20 "$dir"/console.* "$dir"/report.* |
			sed 's/^/# /'
		finish "vmfork-$kernel" "$sums"
		exit 1
	fi
}

# boot NUMBER IDENTIFIER ARGS...: in the background, its monitor on a pipe
boot() {
	local i=$1 id=$2

	shift 2
	rm -f "$dir/pipe.$i"
	mkfifo "$dir/pipe.$i"
	exec {monitor}<>"$dir/pipe.$i"
	: >"$dir/console.$i"
	: >"$dir/report.$i"
	"${qemu[@]}" -device vmgenid,guid="$id" \
		-chardev "file,id=con,path=$dir/console.$i" -serial chardev:con \
		-chardev "file,id=rep,path=$dir/report.$i" -serial chardev:rep \
		-monitor stdio "$@" \
		<"$dir/pipe.$i" >"$dir/monitor.$i" 2>&1 &
	pid=$!
}

# Tenths of a second of this machine's time: only so that nothing hangs for ever.
patience=18000

# said NUMBER TEXT [TIMES]: on the console, before the machine ends
said() {
	local i

	for ((i = 0; i < patience; i++)); do
		[ "$(grep -c "$2" "$dir/console.$1")" -lt "${3:-1}" ] || return 0
		kill -0 "$pid" 2>/dev/null || return 1
		sleep 0.1
	done
	return 1
}

ends() {
	wait "$pid" || true
	pid=
	exec {monitor}>&-
}

trap '[ -z "$pid" ] || kill "$pid" 2>/dev/null; rm -f "$dir/state"' EXIT

boot 1 $first
check "a channel is up" said 1 'vmfork: ready'
check "and carries messages" said 1 'vmfork: alive'
printf '%s\n' 'migrate_set_parameter max-bandwidth 8G' \
	"migrate \"exec:cat >$dir/state\"" quit >&"$monitor"
ends
check "the machine was written to a file" test -s "$dir/state"

boot 2 $first -incoming "exec:cat $dir/state"
check "the same machine goes on with its channel" said 2 'vmfork: alive' 5
echo quit >&"$monitor"
ends

boot 3 $second -incoming "exec:cat $dir/state"
check "a copy of it has the channel no more" said 3 'vmfork: the channel is gone'
for ((i = 0; i < patience; i++)); do
	! grep -q '^OCKAM-VM-DONE' "$dir/report.3" || break
	kill -0 "$pid" 2>/dev/null || break
	sleep 0.1
done
kill "$pid" 2>/dev/null || true
ends
sed -n '/^# /p' "$dir/report.3"
check "all is as it has to be there" grep -q '^OCKAM-VM-DONE [0-9]* 0 0' \
	"$dir/report.3"
tr -d '\r' <"$dir/console.3" | awk -f "$VMDIR/scan.awk" >"$dir/splats" || {
	sed 's/^/# /' "$dir/splats"
	check "no complaint of the kernel" false
}
finish "vmfork-$kernel" "$sums"
