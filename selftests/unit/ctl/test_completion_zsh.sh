#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# Completion for zsh, in an interactive zsh: what a key makes of the line.

. "$(dirname "$0")/lib_completion.sh"

if ! command -v zsh >/dev/null; then
	echo "1..0 # SKIP there is no zsh"
	exit 0
fi
HOME=$tmp
export HOME

# The shell that is asked: Tab takes the next candidate, Control-X writes the line
# down and forgets it.
cat >setup <<END
PS1= RPS1=
fpath=("$top/userspace/ockamctl/completion" \$fpath)
autoload -U compinit
compinit -u -d "$tmp/dump"
setopt menu_complete
note() { print -r -- "\$BUFFER" >>"$tmp/lines"; BUFFER=; }
zle -N note
bindkey '^I' menu-complete '^X' note
: >"$tmp/ready"
END

# lines COMMAND-LINE TABS: what it becomes by that many
cat >drive <<'END'
zmodload zsh/zpty
zpty shell zsh -f -i
zpty -w shell "source $TMP/setup"
while [[ ! -e $TMP/ready ]]; do sleep 0.05; done
zpty -w -n shell "$1$(printf '\t%.0s' {1..$2})"$'\x18'
while [[ ! -s $TMP/lines ]]; do
	zpty -r -t shell out
	sleep 0.05
done
zpty -d shell
END

line() {
	rm -f lines ready
	timeout 120 zsh -f drive "$1" "$2" >err 2>&1
	line=$(cat lines 2>/dev/null)
}

# Without the blank that ends a word.
is() { [ "${line% }" = "$1" ]; }

echo TAP version 13
line 'ockamctl wo' 1
check "a command" is 'ockamctl worker'
line 'ockamctl --n' 1
check "an option that is none of ours is left alone" is 'ockamctl --n'

# What the shell makes of each line that is offered.
same=1
for ((i = 1; i <= ${#names[@]}; i++)); do
	line 'ockamctl worker show ' $i
	words=$(zsh -f -c "print -rl -- $line" 2>err)
	found=0
	for name in "${names[@]}"; do
		[ "$words" != "ockamctl
worker
show
$name" ] || found=1
	done
	[ $found -eq 1 ] || { same=0; echo "# $line"; }
	printf '%s\n' "$words" >>all
done
check "each name is a word of the line" [ $same -eq 1 ]
check "all of them are offered" [ "$(sort -u all | wc -l)" -eq $((${#names[@]} + 3)) ]
check "nothing is run" [ ! -e pwned ]
line 'ockamctl worker show a\ ' 1
check "the rest of a name" is 'ockamctl worker show a\ b'
line "ockamctl -n 'net 1' worker 'a b' x" 1
check "words before go back without what quotes them" \
	[ "$(cat args)" = "$(printf '%s\n' -n 'net 1' complete-words worker 'a b')" ]
check "still nothing is run" [ ! -e pwned ]
finished
