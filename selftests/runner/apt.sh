# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# Sourced after lib.sh: packages of the distribution, fetched and unpacked in
# the cache instead of installed. Works without root and leaves the machine's
# apt configuration alone: lists and archives are private, and the mirror is
# whatever apt is configured to use.

# The suite that carries a kernel series, relative to the release's codename.
apt_suite() {
	local codename
	codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
	case "$codename:$1" in
	bookworm:6.1) echo "$codename" ;;
	bookworm:6.12) echo "$codename-backports" ;;
	bookworm:7.3) echo trixie-backports ;;
	*) die "no source for kernel $1 on '${codename:-unknown release}'" ;;
	esac
}

# apt_setup SERIES: private apt state for the suite of that series; the release it
# belongs to is apt_codename.
apt_setup() {
	local suite base key="" apt_base=$CACHE/apt/base

	suite=$(apt_suite "$1")
	apt_codename=${suite%-backports}
	mkdir -p "$apt_base"/{lists,cache/archives}/partial
	: >"$CACHE/apt/status"
	apt_opts=(-q -o Dir::State::lists="$apt_base/lists"
		-o Dir::Cache="$apt_base/cache" -o Dir::State::status="$CACHE/apt/status"
		-o APT::Sandbox::User="$(id -un)")

	say APT "lists of $suite"
	# A third-party source that fails is no concern of ours.
	apt-get "${apt_opts[@]}" update >"$CACHE/apt/log" 2>&1 || true
	[ "$suite" != "${suite%-backports}" ] || return 0

	base=$(apt-get "${apt_opts[@]}" indextargets --format '$(REPO_URI)' \
		'Created-By: Packages' 'Origin: Debian' \
		"Codename: $(. /etc/os-release && echo "$VERSION_CODENAME")" | head -n1)
	[ -n "$base" ] || die "apt knows no Debian mirror, see $CACHE/apt/log"

	mkdir -p "$CACHE/apt/$suite"/{etc,lists/partial,cache/archives/partial}
	[ ! -e /usr/share/keyrings/debian-archive-keyring.gpg ] ||
		key="Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg"
	printf 'Types: deb\nURIs: %s\nSuites: %s\nComponents: main\n%s\n' \
		"$base" "$suite" "$key" >"$CACHE/apt/$suite/etc/debian.sources"
	apt_opts+=(-o Dir::Etc::sourcelist=/dev/null
		-o Dir::Etc::sourceparts="$CACHE/apt/$suite/etc"
		-o Dir::State::lists="$CACHE/apt/$suite/lists"
		-o Dir::Cache="$CACHE/apt/$suite/cache")
	apt-get "${apt_opts[@]}" update >"$CACHE/apt/log" 2>&1 ||
		die "no package lists for $suite:" $'\n'"$(tail -n5 "$CACHE/apt/log")"
}

apt_field() {
	apt-cache "${apt_opts[@]}" --no-all-versions show "$1" 2>/dev/null |
		sed -n "s/^$2: //p" | head -n1
}

# apt_depends PACKAGE PATTERN: the dependency whose name matches.
apt_depends() {
	local dep
	dep=$(apt_field "$1" Depends | tr ',|' '\n\n' |
		sed 's/^ *//; s/[ :].*//' | grep -E -m1 "^$2\$") || true
	[ -n "$dep" ] || die "package $1 has no dependency like $2"
	echo "$dep"
}

# apt_unpack DIR PACKAGE...: download and unpack, versions in DIR/PACKAGE.version
apt_unpack() {
	local dir=$1 pkg

	shift
	for pkg; do
		say FETCH "$pkg $(apt_field "$pkg" Version)"
		mkdir -p "$dir/debs"
		(cd "$dir/debs" && apt-get "${apt_opts[@]}" download "$pkg") \
			>"$CACHE/apt/log" 2>&1 ||
			die "cannot fetch $pkg:" $'\n'"$(tail -n5 "$CACHE/apt/log")"
		dpkg-deb -x "$dir"/debs/*.deb "$dir"
		dpkg-deb -f "$dir"/debs/*.deb Version >"$dir/$pkg.version"
		rm -rf "$dir/debs"
	done
}

apt_fetch() {
	local series=$1

	shift
	apt_setup "$series"
	apt_unpack "$@"
}
