#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# make soak's report: a part that runs replaces its own row, the others stay. In a tree of
# its own, with a make that runs nothing.

runner=$(cd "$(dirname "$0")/../../runner" && pwd)
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp" || exit 1
# shellcheck source=selftests/runner/ktap.sh
. "$runner/ktap.sh"

tree=$tmp/tree
report=$tree/Documentation/test-report.rst
mkdir -p "$tree/selftests/runner" "$tree/Documentation" "$tmp/bin" "$tmp/kernel"
cp "$runner"/{soak.sh,soak-report.awk,lib.sh} "$tree/selftests/runner/"
printf '#!/bin/sh\necho 6.x-test >%s/release; echo %s\n' "$tmp/kernel" "$tmp/kernel" \
	>"$tree/selftests/runner/kernel.sh"
# Fails where it is told to; says what it was asked for.
cat >"$tmp/bin/make" <<-'MAKE'
	#!/bin/sh
	echo "$*: KERNEL=${KERNEL-} TESTS=${TESTS-}" >>"$MADE"
	case " $* " in *" ${FAIL:-none} "*) echo '1 passed, 2 failed, 0 skipped'; exit 1 ;; esac
	echo '7 passed, 0 failed, 1 skipped'
MAKE
chmod +x "$tmp/bin/make" "$tree/selftests/runner/kernel.sh"
printf 'Report\n======\n\nWhat it is.\n\n.. results, written by make soak\n' >"$report"

in_git() {
	git -C "$tree" -c user.name=t -c user.email=t@example.org \
		-c commit.gpgsign=false "$@"
}
in_git init -q
in_git add . && in_git commit -qm one
first=$(in_git rev-parse --short=12 HEAD)

soak() {	# part...
	env -u OCKAM_BUILD PATH="$tmp/bin:$PATH" MADE="$tmp/made" FAIL="${fail-}" KERNEL=9.9 \
		TESTS=some "$tree/selftests/runner/soak.sh" "$@"
}
# row PART: its cells, one line
row() {
	awk -v part="   * - $1" '
		/^   \* - / { on = $0 == part }
		on { printf "%s|", substr($0, 8) }' "$report"
}
is_row() {	# part, pattern of the cells behind it
	row "$1"
	[[ "$(row "$1")" == "$1|"$2"|" ]]
}
today=$(date -u +%Y-%m-%d)

check "two parts" soak lint vm-7.3
check "one with its kernel, date and commit" is_row vm-7.3 \
	"6.x-test|passed|7 passed, 0 failed, 1 skipped|* min|$today|$first"
check "one without a kernel" is_row lint \
	"\\\\-|passed|7 passed, 0 failed, 1 skipped|* min|$today|$first"
check "what never ran says so" is_row mutants "\\\\-|not run|\\\\-|\\\\-|\\\\-|\\\\-"
check "what stands above stays" grep -qx 'What it is.' "$report"
check "nothing of what make was asked for is passed on" \
	grep -qx 'check-all KERNELS=7.3: KERNEL= TESTS=' "$tmp/made"

# The report itself is no change of what is tested.
sed -i "s/$today/2020-02-02/" "$report"
in_git commit -q --allow-empty -m two
second=$(in_git rev-parse --short=12 HEAD)
fails() { ! fail=mutants soak lint mutants; }
check "one that fails is told by the status" fails
check "and by its row" is_row mutants \
	"6.x-test|\\*\\*failed\\*\\*|1 passed, 2 failed, 0 skipped|* min|$today|$second"
check "one that ran again has a new row" is_row lint "*|$today|$second"
check "the others keep theirs" is_row vm-7.3 "6.x-test|passed|*|2020-02-02|$first"
echo '# a change' >>"$tree/selftests/runner/lib.sh"
check "a tree with changes" soak lint
check "says so" is_row lint "*|$second, changed"

# In any order, one row for each part, and rows of parts that are no more go.
sed -i 's/^   \* - demo$/   * - gone/' "$report"
check "again" soak demo
in_order() {
	sed -n 's/^   \* - //p' "$report" >"$tmp/order"
	printf '%s\n' Part check >"$tmp/first"
	cat "$tmp/order"
	head -n 2 "$tmp/order" | cmp - "$tmp/first" &&
		[ -z "$(sort "$tmp/order" | uniq -d)" ] && ! grep -qx gone "$tmp/order"
}
check "each part once" in_order
cp "$report" "$tmp/before"
wrong() { ! soak no-such lint && grep -q "no part 'no-such'.* lint" check.out; }
check "a part that is none is named" wrong
check "and nothing has run" cmp "$report" "$tmp/before"
[ $failed -eq 0 ] || sed 's/^/# /' "$report"
echo "1..$n"
exit $failed
