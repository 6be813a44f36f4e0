#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# docs.sh: builds the documentation in build/docs, where a warning is an error, and
# asks whether it is complete: README links each page, libockam exports what its header
# declares and each of these functions has a manual, manuals are well-formed, and the
# picture is what its text says.

. "$(dirname "$0")/lib.sh"

cd "$TOP"
status=0
bad() { echo "docs: $*"; status=1; }

sphinx-build -q -W --keep-going -b html Documentation "$BUILD/docs" ||
	bad "sphinx-build, see above"

for page in Documentation/*.rst; do
	case $page in */index.rst|*/test-report.rst) continue ;; esac
	grep -q "($page)" README.md || bad "README.md does not link $page"
done
for page in $(grep -o '](\(Documentation\|[A-Z]\)[^)#]*)' README.md | tr -d '()]'); do
	[ -e "$page" ] || bad "README.md links $page, which is not there"
done

Documentation/picture/draw.py Documentation/picture/flow.txt |
	diff Documentation/picture/flow.svg - ||
	bad "Documentation/picture/flow.svg is not what draw.py makes of flow.txt"

sorted() { LC_ALL=C sort -u; }
declared() {
	sed -n 's/^[a-z].*[ *]\(ockam_[a-z_]*\)(.*/\1/p' include/ockam/ockam.h | sorted
}
exported() { sed -n 's/^\tockam_\([a-z_]*\);.*/ockam_\1/p' userspace/lib/libockam.map | sorted; }
described() { (cd Documentation/man && printf '%s\n' *.3) | sed 's/\.3$//' | sorted; }
diff <(declared) <(exported) ||
	bad "libockam.map does not export (<: only declared) what ockam.h declares"
diff <(declared) <(described) ||
	bad "manuals in Documentation/man (>) are not those of ockam.h's functions (<)"
for name in $(declared); do
	page=Documentation/man/$name.3
	[ -e "$page" ] || continue
	to=$(sed -n 's/^\.so man3\///p' "$page")
	[ -z "$to" ] || page=Documentation/man/$to
	grep -q "^\.Fo* \"*[^\"]*\<$name\>" "$page" && grep -q "^\.Nm $name\>" "$page" ||
		bad "$page does not name and declare $name()"
done

# Options and sections of the configuration, those that are read and those of its manual.
read_options() {
	sed -n 's/.*CFG_[A-Z_]*("\([a-z-]*\)".*/\1/p' userspace/ockamd/config/config*.c | sorted
}
told_options() {
	sed -n -e 's/^\.It Cm \([a-z-]*\) No = .*/\1/p' -e 's/^\.Ss \([a-z-]*\) .*dq.*/\1/p' \
		-e 's/^\.Ss \(relay\|prekey-service\)$/\1/p' Documentation/man/ockamd.conf.5 | sorted
}
diff <(read_options) <(told_options) ||
	bad "ockamd.conf.5 (>) does not have the options that ockamd reads (<)"
# shellcheck disable=SC2046
mandoc -T lint -W warning $(grep -L '^\.so ' Documentation/man/*) || bad "manuals, see above"

exit $status
