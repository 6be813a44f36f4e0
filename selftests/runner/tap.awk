# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# Judges one test program: reads its TAP, repeats it as the nested part of the
# outer TAP, and adds one line "passed failed skipped" to the file `sums`.
# Runs on the build machine and, in busybox, in the VM.
#
#	awk -v name=N -v num=K -v rcfile=F -v sums=S -f tap.awk
#
# A skip without a reason, a missing or unkept plan, a result out of order and
# an exit status that the results do not explain are failures.

function bad(why) {
	failed++
	print "# # FAILED: " why
}

# What follows "# SKIP": "" when there is no reason worth the name.
function reason(line,	at) {
	at = match(line, /# *(SKIP|XFAIL)/)
	line = substr(line, at + RLENGTH)
	gsub(/^[:, \t]+|[ \t\r]+$/, "", line)
	return (line == "unknown") ? "" : line
}

BEGIN { plan = -1 }

{
	sub(/\r$/, "")
	print "# " $0
	fflush()
}

/^1\.\.[0-9]+/ {
	if (plan >= 0)
		bad("a second plan")
	plan = substr($1, 4) + 0
	if (plan == 0) {
		if (/# *SKIP/ && reason($0) != "")
			skipped++
		else
			bad("an empty plan without a reason")
	}
	next
}

/^ok [0-9]+/ || /^not ok [0-9]+/ {
	seen++
	n = ($1 == "ok") ? $2 : $3
	if (n + 0 != seen)
		bad("result " n + 0 " where " seen " was due")
	if ($1 == "not")
		failed++
	else if (/# *(SKIP|XFAIL)/) {
		if (reason($0) != "")
			skipped++
		else
			bad("skipped without a reason")
	} else
		passed++
}

END {
	rc = "none"
	getline rc < rcfile
	if (rc == "timeout")
		bad("timed out")
	else if (plan < 0)
		bad("no plan, exit status " rc)
	else if (plan > 0 && plan != seen + 0)
		bad("planned " plan " tests, saw " seen + 0)
	if (rc != "timeout" && rc != 0 && !failed && !(rc == 4 && skipped))
		bad("exit status " rc " without a failed test")
	printf "%s %d %s", failed ? "not ok" : "ok", num, name
	if (!failed && !passed && skipped)
		printf " # SKIP %d tests skipped", skipped
	printf "\n"
	fflush()
	print passed + 0, failed + 0, skipped + 0 >> sums
}
