# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
# shellcheck shell=bash
#
# For the tests of completion, which source it: names that others chose, and an
# ockamctl that offers them.

top=$(cd "$(dirname "$0")/../../.." && pwd)
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
num=0
failed=0

check() {	# what, command...
	local what=$1

	shift
	num=$((num + 1))
	if "$@"; then
		echo "ok $num $what"
	else
		echo "not ok $num $what"
		declare -p COMPREPLY 2>/dev/null | sed 's/^/# /'
		failed=1
	fi
}

# Instead of ockamctl: it notes how it is called, and tells what is in a file.
mkdir "$tmp/bin"
cat >"$tmp/bin/ockamctl" <<'END'
#!/bin/sh
printf '%s\n' "$@" >"$TMP/args"
case "$*" in
*complete-words)
	printf 'worker\tbound sockets\nlink\ttransport connections\n' ;;
*)
	cat "$TMP/names" ;;
esac
END
chmod +x "$tmp/bin/ockamctl"
PATH=$tmp/bin:$PATH
export TMP=$tmp
cd "$tmp" || exit 1

names=("\$(touch\${IFS}$tmp/pwned)" "\`touch $tmp/pwned\`" 'a b' '*' '$HOME'
	"it's" '"' 'a\b')
printf '%s\tsome help\n' "${names[@]}" >names

finished() {
	echo "1..$num"
	exit $failed
}
