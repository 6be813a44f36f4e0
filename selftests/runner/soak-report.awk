# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# awk -f soak-report.awk PARTS RESULTS REPORT: the report anew. PARTS has the name of a
# part in each line, in the order of the table; RESULTS, with tabs between, the rows of
# those that have run: part, kernel, result, tests, time, date, commit. Every other row
# stays what it is in REPORT; a part that never ran says so.

BEGIN {
	FS = "\t"
	columns = 7
	split("Part\tKernel\tResult\tTests\tTime\tDate\tCommit", title)
}

FILENAME == ARGV[1] { part[++parts] = $1; next }
FILENAME == ARGV[2] {
	for (i = 2; i <= columns; i++)
		cell[$1, i] = $i
	has[$1] = fresh[$1] = 1
	next
}

# What stands above the table, and the rows of the old one.
/^\.\. results/ { print; in_table = 1; next }
!in_table { print; next }
/^   \* - / { name = substr($0, 8); at = 1; next }
/^     - / && name != "" {
	at++
	if (!fresh[name]) {
		cell[name, at] = substr($0, 8)
		has[name] = at == columns
	}
}

END {
	if (!in_table) {
		print "no line begins with \".. results\"" >"/dev/stderr"
		exit 1
	}
	print "\n.. list-table::\n   :header-rows: 1\n"
	for (i = 1; i <= columns; i++)
		print (i == 1 ? "   * - " : "     - ") title[i]
	for (p = 1; p <= parts; p++) {
		print "   * - " part[p]
		for (i = 2; i <= columns; i++)
			print "     - " (has[part[p]] ? cell[part[p], i] : \
				i == 3 ? "not run" : "\\-")
	}
}
