#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# The guide does what it says: its commands, as they stand there, are typed into the
# shell that `make vm` is, one block after the other. None may fail, none may hang, no
# program that a block started may end with an error, and each app gets its answer.

# In a node of its own: what other tests had here is held for its users for a while.
if [ -z "${GUIDE_NODE:-}" ]; then
	GUIDE_NODE=1 exec unshare --net sh -c 'ip link set lo up && exec "$0"' "$0"
fi

# shellcheck source=selftests/runner/ktap.sh
. /ockam/ktap.sh

guide=/ockam/doc/guide.rst
dir=$(mktemp -d) && cd "$dir" || exit 1
chmod 755 .

# Each block in a file of its own, named by the line that it begins in.
awk '
	/^\.\. code-block:: sh$/ { on = 1; file = sprintf("block.%04d", NR + 2); next }
	on && /^[^\t]/ { on = 0 }
	on && (text || NF) { text = 1; sub(/^\t/, ""); print >file }
	!on { text = 0 }' $guide
set -- block.*
[ -e "$1" ] || { echo "Bail out! no commands in $guide"; exit 1; }

echo "TAP version 13"

# What is run, and behind each block what became of it.
shell() {
	# shellcheck disable=SC2016
	printf '%s\n' 'PS1= PS2=' \
		"trap 'echo \"failed: \$BASH_COMMAND (status \$?)\"' ERR"
	for block; do
		echo "echo '@@ $block'"
		cat "$block"
		echo 'jobs'
	done
	echo "echo '@@ end'"
	# shellcheck disable=SC2016
	echo 'kill $(jobs -p)'
}
shell "$@" >input
timeout 400 bash --norc -i <input >output 2>&1
clean() {
	ockamctl flush
	for ns in app middle responder; do
		ip netns exec $ns ockamctl flush
		ip netns del $ns
	done
} >/dev/null 2>&1
clean

# said BLOCK: what was printed while it ran
said() {
	awk -v block="$1" '$1 == "@@" { on = $2 == block; next } on' output
}

went_well() {	# BLOCK
	apps=$(grep -v '&$' "$1" | grep -cE '(^|[ \t])0[0-9]-[a-z-]+|^wait \$app')
	said "$1" >said
	if ! grep -q "^@@ $1\$" output; then
		echo "it was not come to"
	elif grep '^failed: ' said; then
		:
	elif grep -E '^\[[0-9]+\].*Exit ' said; then
		:
	elif [ "$(grep -c '^App Received: Hello Ockam!$' said)" -ne "$apps" ]; then
		echo "not $apps answers"
	else
		return 0
	fi
	cat said
	return 1
}
for block; do
	check "guide.rst:$((10#${block#block.})): $(grep -v '^$' "$block" | tail -n 1)" \
		went_well "$block"
done
check "the last command ended" grep -q '^@@ end$' output
[ "$failed" -eq 0 ] || tail -n 20 output | sed 's/^/# /'
cd / && rm -rf "$dir"
echo "1..$n"
exit "$failed"
