#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# Completion for bash: names that others chose are offered as they are, and nothing
# in them is run, neither when they are offered nor by the line they become part of.

. "$(dirname "$0")/lib_completion.sh"
# shellcheck source=/dev/null
. "$top/userspace/ockamctl/completion/ockamctl.bash"

complete_words() {
	COMP_WORDS=("$@")
	COMP_CWORD=$(($# - 1))
	_ockamctl
}

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
complete_words ockamctl worker show 'a\\'
check "of one with a backslash" [ "${COMPREPLY[*]}" = 'a\\b' ]
complete_words ockamctl -n 'net\ 1' worker 'a\ b' ''
check "words before go back without what quotes them" \
	[ "$(cat args)" = "$(printf '%s\n' -n 'net 1' complete-words worker 'a b')" ]
complete_words ockamctl --n
check "options" [ "${COMPREPLY[*]}" = --netns ]
check "still nothing is run" [ ! -e pwned ]
finished
