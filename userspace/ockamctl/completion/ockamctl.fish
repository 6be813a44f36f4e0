# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
# fish completion for ockamctl, which itself knows what may follow.

function __ockamctl_words
	set -l words (commandline -opc)
	set -l netns
	set -e words[1]
	while set -q words[1]; and string match -q -- '-*' $words[1]
		if contains -- $words[1] -n --netns
			set -q words[2]; or return
			set netns -n $words[2]
			set -e words[1]
		end
		set -e words[1]
	end
	ockamctl $netns complete-words $words 2>/dev/null
end

complete -c ockamctl -f -a '(__ockamctl_words)'
complete -c ockamctl -s j -l json -d 'print JSON'
complete -c ockamctl -s n -l netns -x -a '(ls /run/netns 2>/dev/null)' -d 'network namespace'
complete -c ockamctl -s V -l version -d 'print the version'
complete -c ockamctl -s h -l help -d 'print help'
