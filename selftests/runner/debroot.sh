# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# Sourced after lib.sh: root directories of a Debian release, made by mmdebstrap from
# the mirrors that apt is configured to use, and commands in them. Wants root. What
# is mounted there is so for these commands only, and goes with them.

# debian_uri CODENAME: the mirror of that suite, or of the one that this machine has
debian_uri() {
	local uri

	uri=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' \
		'Origin: Debian' "Codename: $1" | head -n 1)
	[ -n "$uri" ] || uri=$(apt-get indextargets --format '$(REPO_URI)' \
		'Created-By: Packages' 'Origin: Debian' "Codename: $(
			. /etc/os-release && echo "${VERSION_CODENAME:-}")" | head -n 1)
	echo "$uri"
}

# debian_sources SUITE: lines for sources.list. Security updates have a mirror of
# their own; where apt knows none, there are none.
debian_sources() {
	local uri security

	uri=$(debian_uri "$1")
	[ -n "$uri" ] || die "apt knows no Debian mirror; run apt-get update"
	security=$(apt-get indextargets --format '$(REPO_URI) $(CODENAME)' \
		'Created-By: Packages' 'Origin: Debian' |
		sed -n 's/ [a-z]*-security$//p' | head -n 1)
	echo "deb $uri $1 main"
	echo "deb $uri $1-updates main"
	[ -z "$security" ] || echo "deb $security $1-security main"
}

# root_make DIR SUITE PACKAGE,...
root_make() {
	local dir=$1 suite=$2 include=$3 line aptopts=()

	[ "$(id -u)" -eq 0 ] || die "making a root directory of $suite needs root"
	"$VMDIR/deps.sh" mmdebstrap
	# Without lists apt does not say which mirror has what.
	[ -n "$(debian_uri "$suite")" ] || apt-get update >/dev/null 2>&1 || true
	while read -r line; do
		aptopts+=(--aptopt="$line")
	done < <(apt-config dump | grep -E '^Acquire::(https?|ftp|Retries)\b.*"[^"]+";$')
	mkdir -p "${dir%/*}"
	say ROOT "$suite in $dir, with $include"
	# Docs and translations are most of the files.
	debian_sources "$suite" | mmdebstrap --quiet --mode=root --variant=apt \
		--include="$include" ${aptopts[@]+"${aptopts[@]}"} \
		--dpkgopt=force-unsafe-io --dpkgopt='path-exclude=/usr/share/man/*' \
		--dpkgopt='path-exclude=/usr/share/doc/*' \
		--dpkgopt='path-exclude=/usr/share/locale/*' \
		"$suite" "$dir" - >"$dir.log" 2>&1 ||
		die "mmdebstrap failed:" $'\n'"$(tail -n 10 "$dir.log")"
	cp -L /etc/resolv.conf /etc/hosts "$dir/etc/" 2>/dev/null || true
}

# root_run DIR COMMAND...: as root there, with an environment of its own. What it
# leaves running ends with it. BIND= names directories of this machine that are to
# be seen there under the same name.
root_run() {
	local dir=$1

	shift
	# shellcheck disable=SC2016
	BIND=${BIND:-} unshare --mount --pid --fork --kill-child --propagation private \
		sh -ec '
			root=$1
			shift
			mount -t proc proc "$root/proc"
			mount -t sysfs -o ro sysfs "$root/sys"
			mount --rbind /dev "$root/dev"
			for d in $BIND; do
				mkdir -p "$root$d"
				mount --rbind "$d" "$root$d"
			done
			exec chroot "$root" /usr/bin/env -i HOME=/root LC_ALL=C.UTF-8 \
				PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
				TERM="${TERM:-linux}" "$@"
		' sh "$dir" "$@"
}

# build_root SUITE: one with what builds kernel modules, in the cache
build_root() {
	local dir=$CACHE/roots/$1

	cache_lock "root-$1"
	if [ ! -e "$dir.complete" ]; then
		rm -rf --one-file-system "$dir"
		root_make "$dir" "$1" gcc,make,libelf1t64,libssl3t64,zlib1g >&2
		touch "$dir.complete"
	fi
	cache_unlock
	echo "$dir"
}
