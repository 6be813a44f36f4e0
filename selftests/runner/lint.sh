#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# lint.sh: checkpatch (from the kernel source package), the module with W=1 and
# sparse, a licence line in every file, nothing that ties the tree to one machine,
# the netlink spec by the schema of the kernel source that is served, and builds to
# be broken that can still be broken. All are run; any finding fails.

. "$(dirname "$0")/lib.sh"

cd "$TOP"
status=0
bad() { echo "lint: $*"; status=1; }

if [ -e .git ]; then
	mapfile -t files < <(git ls-files -co --exclude-standard)
else
	mapfile -t files < <(find . -path ./build -prune -o -type f -printf '%P\n')
fi

say LINT "licence lines"
for f in "${files[@]}"; do
	[ -f "$f" ] || continue
	case $f in
	COPYING|LICENSES/*|debian/changelog|debian/copyright|debian/source/*|*/daemon-user|*/py.typed|*/picture/*.txt|*/corpus*/*|*.json|*.bin|*.png|*.svg|debian/*.symbols) continue ;;
	kmod/*) want='GPL-2\.0' ;;
	include/uapi/*) want='GPL-2\.0.*WITH Linux-syscall-note' ;;
	Documentation/*|*.md|.gitignore) want='' ;;
	*) want='(GPL-2\.0.* OR BSD-3-Clause)' ;;
	esac
	head -n 4 "$f" | grep -Eq "SPDX-License-Identifier: .*$want" ||
		bad "$f: no SPDX line $want"
done

say LINT "paths and hosts of one machine"
if grep -nIE '(/root/\.|/home/[a-z])|https?://[a-z.]*(debian\.org/debian|snapshot\.)' \
		"${files[@]}" 2>/dev/null | grep -v '^selftests/runner/lint.sh:'; then
	bad "the lines above name a path or host of one machine"
fi

say LINT "kernel version checks outside kmod/compat"
if grep -nI LINUX_VERSION_CODE "${files[@]}" 2>/dev/null |
		grep -vE '^(kmod/compat/|selftests/runner/lint.sh:)'; then
	bad "version checks belong in kmod/compat"
fi

# What no longer fits would be found only by make mutants, which takes long.
say LINT "mutants still apply"
for f in selftests/mutants/*.patch; do
	patch -d "$TOP" -p1 -F0 -s -f --dry-run <"$f" >/dev/null ||
		bad "$f: does not apply"
done

say LINT "netlink spec, by its schema, and what is generated from it"
"$VMDIR/ynl.sh" >/dev/null && "$TOP/selftests/ynl/regen.sh" --check ||
	bad "Documentation/netlink/specs/ockam.yaml: see above"

say LINT "documentation: Sphinx without a warning, links, manuals, exports"
"$VMDIR/docs.sh" || bad "documentation, see above"

say LINT "Python: types"
mypy --strict --no-error-summary --cache-dir "$BUILD/mypy" \
	"$TOP/userspace/python/ockam" || bad "userspace/python, see above"

say LINT "tests that nothing builds"
make -s --no-print-directory -C selftests O="$BUILD" unbuilt ||
	bad "the tests above would never run"

say LINT "checkpatch"
src=$("$VMDIR/kernel-source.sh" 6.1)
mapfile -t c_files < <(printf '%s\n' "${files[@]}" |
	grep -E '^(kmod|include)/.*\.[ch]$' | grep -v -- '-gen\.[ch]$' |
	grep -v 'ockam_netlink\.h$')
# Files are judged as files. What it cannot know: the family's own operations
# are filled in at run time; some asserts compare constants; ground.h is where
# user space gets its noinline. It keeps a cache where it runs.
ignore=CONFIG_DESCRIPTION,SPDX_LICENSE_TAG,FILE_PATH_CHANGES,MACRO_ARG_REUSE
ignore+=,SPLIT_STRING,CONST_STRUCT,CONSTANT_COMPARISON
ignore+=,PREFER_DEFINED_ATTRIBUTE_MACRO
mkdir -p "$BUILD/lint"
(cd "$BUILD/lint" && "$src/scripts/checkpatch.pl" --no-tree --no-summary --terse \
	--quiet --file --max-line-length=100 --ignore "$ignore" \
	"${c_files[@]/#/$TOP/}") | sed "s|^$TOP/||"
[ "${PIPESTATUS[0]}" -eq 0 ] || bad "checkpatch"

say LINT "module with W=1 and sparse"
log=$BUILD/lint-module.log
mkdir -p "$BUILD"
if "$VMDIR/module.sh" "${KERNEL:-6.1}" "$BUILD/kmod-lint" -j"$JOBS" W=1 C=2 \
		CF="-D__CHECK_ENDIAN__" >"$log" 2>&1; then
	# What the kernel's own headers say is not ours.
	if grep -E "(warning|error):" "$log" | grep -F "$BUILD/kmod-lint/"; then
		bad "warnings in the module"
	fi
else
	tail -n 30 "$log"
	bad "the module does not build with W=1 C=2"
fi

# In a trace or a profile a name is all there is.
say LINT "functions of the module: each name once, and none of one word"
twice=$(find kmod -name '*.c' ! -path 'kmod/compat/*' | while read -r f; do
	grep -oE '^static [^;=()]*\b[a-z_0-9]+\(' "$f" | grep -oE '[a-z_0-9]+\($' | sort -u
done | grep -v '^static_assert($' | sort |
	awk '$0 == last || !/_/ { sub(/\($/, "()"); print; next } { last = $0 }')
[ -z "$twice" ] || bad "two functions of the module, or no prefix: ${twice//$'\n'/ }"

say LINT "calls of the module run one way"
python3 "$VMDIR/floors.py" "$VMDIR/floors.txt" "$BUILD/kmod-lint" ||
	bad "floors.txt in $VMDIR says which way"

say LINT "calls of ockamd run one way"
if make -s --no-print-directory -C userspace O="$BUILD/userspace" bin >"$log" 2>&1; then
	python3 "$VMDIR/floors.py" "$VMDIR/floors-ockamd.txt" \
		"$BUILD/userspace/obj/ockamd" userspace/ockamd ||
		bad "floors-ockamd.txt in $VMDIR says which way"
else
	tail -n 30 "$log"
	bad "ockamd does not build"
fi

[ $status -eq 0 ] && echo "lint: clean"
exit $status
