#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# Completion for fish, in fish: what ockamctl offers is offered, with its help, and
# nothing in it is run.

. "$(dirname "$0")/lib_completion.sh"

if ! command -v fish >/dev/null; then
	echo "1..0 # SKIP there is no fish"
	exit 0
fi
HOME=$tmp
export HOME

# offers LINE: what fish would offer at its end
offers() {
	fish --no-config -c 'source $argv[1]; complete -C $argv[2]' \
		"$top/userspace/ockamctl/completion/ockamctl.fish" "$1" >offers 2>err
}

echo TAP version 13
offers 'ockamctl '
check "the commands, with what they are for" grep -qP '^worker\tbound sockets$' offers
check "all of them" [ "$(wc -l <offers)" -eq 2 ]
offers 'ockamctl wo'
check "those that begin so" [ "$(cat offers)" = $'worker\tbound sockets' ]
offers 'ockamctl worker show '
check "all names are offered" [ "$(cut -f 1 offers | sort)" = "$(printf '%s\n' "${names[@]}" | sort)" ]
check "nothing is run" [ ! -e pwned ]
offers "ockamctl -n 'net 1' worker 'a b' "
check "words before go back without what quotes them" \
	[ "$(cat args)" = "$(printf '%s\n' -n 'net 1' complete-words worker 'a b')" ]
offers 'ockamctl --netns blue worker '
check "long options" \
	[ "$(cat args)" = "$(printf '%s\n' -n blue complete-words worker)" ]
offers 'ockamctl --n'
check "options" grep -q '^--netns' offers
check "still nothing is run" [ ! -e pwned ]
check "fish has nothing to complain about" [ ! -s err ]
finished
