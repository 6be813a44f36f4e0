# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
# bash completion for ockamctl, which itself knows what may follow.

# Lines of standard input. Others have chosen some of these names: the shell must
# never expand them, as compgen -W would.
_ockamctl_offer()	# what the word begins with
{
	local word

	while IFS= read -r word; do
		[[ $word != "$1"* ]] || COMPREPLY+=("$(printf %q "$word")")
	done
}

_ockamctl()
{
	local i=1 cur
	local -a netns=()
	# As they were typed, or offered: without what quotes them.
	local -a words=("${COMP_WORDS[@]//\\\\/$'\1'}")

	words=("${words[@]//\\/}")
	words=("${words[@]//$'\1'/\\}")

	cur=${words[COMP_CWORD]}
	COMPREPLY=()
	while [ $i -lt "$COMP_CWORD" ]; do
		case ${words[i]} in
		-n|--netns)
			if [ $((i + 1)) -eq "$COMP_CWORD" ]; then
				_ockamctl_offer "$cur" \
					< <(ls /run/netns 2>/dev/null)
				return
			fi
			netns=(-n "${words[i + 1]}")
			i=$((i + 2)) ;;
		-*) i=$((i + 1)) ;;
		*) break ;;
		esac
	done
	if [ $i -eq "$COMP_CWORD" ] && [ "${cur#-}" != "$cur" ]; then
		_ockamctl_offer "$cur" < <(printf '%s\n' -j -n -V -h \
			--json --netns --version --help)
		return
	fi
	_ockamctl_offer "$cur" < <(ockamctl "${netns[@]}" complete-words \
		"${words[@]:i:COMP_CWORD-i}" 2>/dev/null | cut -f 1)
}
complete -F _ockamctl ockamctl
