# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
# bash completion for ockamctl, which itself knows what may follow.

_ockamctl()
{
	local cur=${COMP_WORDS[COMP_CWORD]} i=1
	local -a netns=()

	COMPREPLY=()
	while [ $i -lt "$COMP_CWORD" ]; do
		case ${COMP_WORDS[i]} in
		-n|--netns)
			if [ $((i + 1)) -eq "$COMP_CWORD" ]; then
				mapfile -t COMPREPLY < <(compgen -W \
					"$(ls /run/netns 2>/dev/null)" -- "$cur")
				return
			fi
			netns=(-n "${COMP_WORDS[i + 1]}")
			i=$((i + 2)) ;;
		-*) i=$((i + 1)) ;;
		*) break ;;
		esac
	done
	if [ $i -eq "$COMP_CWORD" ] && [ "${cur#-}" != "$cur" ]; then
		mapfile -t COMPREPLY < <(compgen -W \
			"-j -n -V -h --json --netns --version --help" -- "$cur")
		return
	fi
	mapfile -t COMPREPLY < <(compgen -W "$(ockamctl "${netns[@]}" \
		complete-words "${COMP_WORDS[@]:i:COMP_CWORD-i}" 2>/dev/null |
		cut -f 1)" -- "$cur")
}
complete -F _ockamctl ockamctl
