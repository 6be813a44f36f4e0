#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# Completion for bash: names that others chose are offered as they are, and nothing
# in them is run, neither when they are offered nor by the line they become part of.

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
cat "$TMP/names"
END
chmod +x "$tmp/bin/ockamctl"
PATH=$tmp/bin:$PATH
export TMP=$tmp
# shellcheck source=/dev/null
. "$top/userspace/ockamctl/completion/ockamctl.bash"
cd "$tmp" || exit 1

complete_words() {
	COMP_WORDS=("$@")
	COMP_CWORD=$(($# - 1))
	_ockamctl
}

names=("\$(touch\${IFS}$tmp/pwned)" "\`touch $tmp/pwned\`" 'a b' '*' '$HOME'
	"it's" '"' 'a\b')
printf '%s\tsome help\n' "${names[@]}" >names

echo TAP version 13
complete_words ockamctl worker show ''
check "all are offered" [ ${#COMPREPLY[@]} -eq ${#names[@]} ]
check "nothing is run" [ ! -e pwned ]

# What the shell makes of the line.
same=1
for ((i = 0; i < ${#names[@]}; i++)); do
	eval "word=${COMPREPLY[i]}"
	[[ $word == "${names[i]}" ]] || same=0
done
check "as words of a line they are those names" [ $same -eq 1 ]
check "and run nothing" [ ! -e pwned ]

complete_words ockamctl worker show 'a\ '
check "the rest of a name" [ "${COMPREPLY[*]}" = 'a\ b' ]
complete_words ockamctl worker show "\\\$\\(tou"
check "of one that looks like a command" [ ${#COMPREPLY[@]} -eq 1 ]
complete_words ockamctl -n 'net\ 1' worker 'a\ b' ''
check "words before go back without what quotes them" \
	[ "$(cat args)" = "$(printf '%s\n' -n 'net 1' complete-words worker 'a b')" ]
complete_words ockamctl --n
check "options" [ "${COMPREPLY[*]}" = --netns ]
check "still nothing is run" [ ! -e pwned ]
echo "1..$num"
exit $failed
