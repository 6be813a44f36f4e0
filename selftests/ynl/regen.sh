#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# Generate the netlink policy and uapi header from the spec, with the kernel's
# own generator out of Debian's kernel source package, and what libockam has of it,
# with gen-user.py.
#
#   regen.sh		write the generated files
#   regen.sh --check	compare only: 0 the same, 1 they differ, 4 no generator
#   regen.sh --tool	print the directory that holds the generator and the
#			YNL command line tool (cli.py), after fetching it
#
# The package is looked for in OCKAM_KERNEL_SOURCE (a .deb, a tar file or an
# unpacked kernel tree), then among the installed ones, then with apt.

set -euo pipefail

# Pinned: another release's generator would write other files.
release=6.12
package=linux-source-$release

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
top=$(cd "$here/../.." && pwd)
cache=${OCKAM_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/af_ockam}
tree=$cache/ynl-$release
spec=Documentation/netlink/specs/ockam.yaml
want=(tools/net/ynl Documentation/netlink COPYING)

die() { echo "regen.sh: $*" >&2; exit 4; }

unpack_tar() {
	local tmp

	tmp=$(mktemp -d "$cache/ynl.XXXXXX")
	# The archive has one directory at its top; take only what is needed.
	tar -x -f "$1" -C "$tmp" --strip-components=1 --wildcards \
		"${want[@]/#/*\/}" 2>/dev/null || true
	[ -e "$tmp/tools/net/ynl/ynl-gen-c.py" ] ||
		{ rm -rf "$tmp"; die "no generator in $1"; }
	rm -rf "$tree"
	mv "$tmp" "$tree"
}

unpack_deb() {
	local tmp

	tmp=$(mktemp -d "$cache/deb.XXXXXX")
	dpkg-deb --fsys-tarfile "$1" |
		tar -x -C "$tmp" --wildcards '*/linux-source-*.tar.*'
	unpack_tar "$tmp"/usr/src/linux-source-*.tar.*
	rm -rf "$tmp"
}

get_tree() {
	local tmp given=${OCKAM_KERNEL_SOURCE:-}

	[ -e "$tree/tools/net/ynl/ynl-gen-c.py" ] && return
	mkdir -p "$cache"
	if [ -d "$given" ]; then
		tree=$given
	elif [[ $given = *.deb ]]; then
		unpack_deb "$given"
	elif [ -n "$given" ]; then
		unpack_tar "$given"
	elif [ -e "/usr/src/$package.tar.xz" ]; then
		unpack_tar "/usr/src/$package.tar.xz"
	else
		echo "regen.sh: fetching $package" >&2
		tmp=$(mktemp -d "$cache/deb.XXXXXX")
		(cd "$tmp" && apt-get -qq download "$package" >&2) ||
			{ rm -rf "$tmp"; die "apt has no $package"; }
		unpack_deb "$tmp"/*.deb
		rm -rf "$tmp"
	fi
}

# The header of two definitions is included once. (Their "scope: user", by which it
# would not be, is refused by the schema of earlier point releases.)
generate() {	# mode, --header or --source, output
	timeout 120 python3 "$tree/tools/net/ynl/ynl-gen-c.py" \
		--mode "$1" "$2" --spec "$work/$spec" -o "$work/all/$3"
	awk '!/^#include / || !seen[$0]++' "$work/all/$3" >"$work/$3"
}

check=
case ${1:-} in
'')		;;
--check)	check=1 ;;
--tool)		get_tree; echo "$tree/tools/net/ynl"; exit 0 ;;
*)		die "unknown option $1" ;;
esac

python3 -c 'import yaml, jsonschema' 2>/dev/null ||
	die "python3-yaml and python3-jsonschema are needed"
get_tree

# The tools look at it too, unless they are told not to, which is faster.
validate() {
	python3 - "$tree/Documentation/netlink" "$top/$spec" <<-'PY'
		import sys, yaml, jsonschema
		spec = yaml.safe_load(open(sys.argv[2]))
		name = "%s/%s.yaml" % (sys.argv[1], spec.get("protocol", "genetlink"))
		schema = yaml.safe_load(open(name))
		wrong = list(jsonschema.Draft7Validator(schema).iter_errors(spec))
		for e in wrong:
		    print("%s: %s: %s" % (sys.argv[2], "/".join(map(str, e.path)), e.message))
		sys.exit(bool(wrong))
	PY
}
validate || { echo "regen.sh: the spec is not valid under the schema of $package" >&2
	exit 1; }

# The generator looks for the root of a kernel tree above the spec, and for the
# schema beside it.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/Documentation/netlink/specs" "$work/all"
touch "$work/MAINTAINERS"
cp "$tree"/Documentation/netlink/*.yaml "$work/Documentation/netlink/"
cp "$top/$spec" "$work/$spec"

generate uapi --header ockam_netlink.h
generate kernel --header netlink-gen.h
generate kernel --source netlink-gen.c
"$here/gen-user.py" "$work/$spec" objects >"$work/nl_objects-gen.h"
"$here/gen-user.py" "$work/$spec" names >"$work/nl_names-gen.h"

status=0
while read -r new old; do
	if [ -n "$check" ]; then
		diff -u "$top/$old" "$work/$new" || status=1
	elif ! cmp -s "$top/$old" "$work/$new"; then
		cp "$work/$new" "$top/$old"
		echo "wrote $old"
	fi
done <<-LIST
	ockam_netlink.h	include/uapi/linux/ockam_netlink.h
	netlink-gen.h	kmod/netlink/netlink-gen.h
	netlink-gen.c	kmod/netlink/netlink-gen.c
	nl_objects-gen.h	userspace/lib/nl_objects-gen.h
	nl_names-gen.h	userspace/lib/nl_names-gen.h
LIST

if [ $status -ne 0 ]; then
	echo "regen.sh: generated files differ from $spec" >&2
fi
exit $status
