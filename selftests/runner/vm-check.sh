#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# vm-check.sh [KERNEL]: make vm as a person meets it: a greeting, and then a prompt;
# no boot log. The guide's first step works when it is typed.

. "$(dirname "$0")/lib.sh"

kernel=${1:-6.1}
dir=$BUILD/vm/typed
mkdir -p "$dir"
. "$VMDIR/ktap.sh"
cd "$dir"

# said WORDS: they come within ten minutes, or the machine has ended
said() {
	for ((i = 0; i < 600; i++)); do
		! grep -aqF -- "$1" "$dir/screen" || return 0
		kill -0 "$vm" 2>/dev/null || break
		sleep 1
	done
	cat "$dir/screen"
	return 1
}
type_in() { printf '%s\n' "$1" >&"$keys"; }

rm -f "$dir/keys"
mkfifo "$dir/keys"
: >"$dir/screen"
"$VMDIR/run.sh" --kernel "$kernel" --name typed-vm --shell <"$dir/keys" \
	>"$dir/screen" 2>"$dir/errors" &
vm=$!
exec {keys}>"$dir/keys"

check "it greets" said "'exit' powers off"
# What is there before anybody has typed anything: the greeting, a prompt.
sleep 1
cp "$dir/screen" "$dir/first"
check "in a few lines" [ "$(wc -l <"$dir/first")" -le 3 ]
check "none of the kernel" bash -c "! grep -aE '^\[ *[0-9]+\.[0-9]+\]' '$dir/first'"
type_in 'echoer & ockamctl wait worker echoer up; 01-worker'
check "it does what is typed" said 'App Received: Hello Ockam!'
check "nothing of the kernel in between" \
	bash -c "! grep -aE '^\[ *[0-9]+\.[0-9]+\]' '$dir/screen'"
type_in 'exit'
exec {keys}>&-
wait $vm
check "exit ends it" test $? -eq 0

echo "1..$n"
echo "$((n - failed)) passed, $failed failed, 0 skipped"
[ $failed -eq 0 ]
