#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# Boots a kernel in QEMU with the module, the user programs and tests, and
# reports what the tests said. See README.md beside this file.

. "$(dirname "$0")/lib.sh"
. "$VMDIR/initramfs.sh"

usage() {
	cat <<-USAGE
	usage: run.sh [options] [TEST...]

	TEST is a test of selftests/vm (by name), a file to copy into the VM and
	run, or a command line (with a space) to run there. None: all of selftests/vm.

	  --kernel KERNEL           ${KERNELS// /, } (6.1)
	  --name NAME               results in build/vm/NAME (the kernel)
	  --timeout S               of this machine, for the whole run (7200)
	  --test-timeout S          of the VM's clock, for each test, over settings
	  --smp N                   N processors, side by side, in this machine's time
	                            (1, in counted time)
	  --mem SIZE                memory (1G)
	  --append "ARGS"           to the kernel's command line
	  --module FILE             another module, loaded at boot (repeatable)
	  --module-args "ARGS"      for ockam.ko
	  --no-ockam                without ockam.ko
	  --modules "NAMES"         more stock modules to take along
	  --copy FILE:GUEST         a file or directory to take along (repeatable)
	  --python                  python3, yaml and the YNL tool in /ockam/ynl
	  --env NAME=VALUE          environment of the tests (repeatable)
	  --raw                     TESTs are no TAP programs: only their status counts
	  --icount                  counted time and one processor, what is usual
	  --accel tcg|kvm|auto      where time is not counted; auto: kvm if a probe booted
	  --out DIR                 what tests leave in /ockam/out (build/vm/NAME/out)
	  --shell                   an interactive shell instead of tests
	  --command FILE            do not boot: write QEMU's command there, an array
	USAGE
}

kernel=${KERNEL:-6.1} name= timeout= test_timeout= smp=1 mem=1G append=
modules=() module_args= use_ockam=1 stock= copies=() python= envs=() raw=
icount= accel=${ACCEL:-auto} out= shell= command_file=
while [ $# -gt 0 ]; do
	case $1 in
	--kernel) kernel=$2; shift ;;
	--name) name=$2; shift ;;
	--timeout) timeout=$2; shift ;;
	--test-timeout) test_timeout=$2; shift ;;
	--smp) smp=$2; shift ;;
	--mem) mem=$2; shift ;;
	--append) append=$2; shift ;;
	--module) modules+=("$2"); shift ;;
	--module-args) module_args=$2; shift ;;
	--no-ockam) use_ockam= ;;
	--modules) stock=$2; shift ;;
	--copy) copies+=("$2"); shift ;;
	--python) python=1 ;;
	--env) envs+=("$2"); shift ;;
	--raw) raw=1 ;;
	--icount) icount=1 ;;
	--accel) accel=$2; shift ;;
	--out) out=$2; shift ;;
	--shell) shell=1 ;;
	--command) command_file=$2; shift ;;
	-h|--help) usage; exit 0 ;;
	--) shift; break ;;
	-*) usage >&2; die "unknown option $1" ;;
	*) break ;;
	esac
	shift
done

[ -z "$use_ockam" ] || [ -e "$BUILD/kmod-$kernel/ockam.ko" ] ||
	die "there is no $BUILD/kmod-$kernel/ockam.ko: make module KERNEL=$kernel," \
		"or --no-ockam"
[ -z "$icount" ] || smp=1
# Counted time is that of the guest's own instructions: nothing that happens on this
# machine makes it run faster. With several processors there is no such thing, and
# who types wants a clock that does not jump.
[ "$smp" -gt 1 ] || [ "$accel" = kvm ] || [ -n "$shell" ] || icount=1
# On this machine's clock only so that nothing hangs for ever.
timeout=${timeout:-${VM_TIMEOUT:-7200}}
name=${name:-$kernel}
dir=$BUILD/vm/$name
out=${out:-$dir/out}

kdir=$("$VMDIR/kernel.sh" "$kernel")
mkdir -p "$dir"
exec {run_lock_fd}>"$dir/.lock"
flock -n "$run_lock_fd" || die "a run named '$name' is under way; use --name"
rm -rf "$dir"/{root,initramfs,console.log,report.log,summary,out.tgz,sums}
root=$dir/root

vm_tree "$root" "$kdir" $stock
release=$(cat "$kdir/release")
extra=$root/lib/modules/$release/extra
mkdir -p "$extra"
if [ -n "$use_ockam" ]; then
	# Debug information would be most of what the VM has to load.
	strip -g -o "$extra/ockam.ko" "$BUILD/kmod-$kernel/ockam.ko"
fi
load=
for m in ${modules[@]+"${modules[@]}"}; do
	cp "$m" "$extra/"
	load="$load $(basename "${m%.ko}")"
done
# Modules that ours depend on are resolved among all of the kernel's.
for m in "$extra"/*.ko; do
	[ -e "$m" ] || continue
	deps=$(PATH=$PATH:/sbin:/usr/sbin modinfo -F depends "$m" | tr , ' ')
	soft=$(PATH=$PATH:/sbin:/usr/sbin modinfo -F softdep "$m" | sed 's/pre:\|post://g')
	# shellcheck disable=SC2086
	vm_modules_into "$root" "$kdir/lib/modules/$release" "$release" $deps $soft
done
PATH=$PATH:/sbin:/usr/sbin depmod -b "$root" "$release" 2>"$dir/depmod.log" ||
	die "depmod: $(cat "$dir/depmod.log")"

# User space: programs flat in /ockam/bin, libraries beside the system's.
if [ -d "$BUILD/userspace" ]; then
	LD_LIBRARY_PATH=$(find "$BUILD/userspace" -name '*.so*' -printf '%h\n' |
		sort -u | paste -sd:)
	export LD_LIBRARY_PATH
	find "$BUILD/userspace" -type f -perm -u+x ! -name '*.so*' ! -name '*.o' |
		while read -r f; do
			vm_program "$root" "$f" /ockam/bin
		done
	find "$BUILD/userspace" -name '*.bpf.o' -exec cp -t "$root/ockam/lib" {} +
	find "$BUILD/userspace" -name '*.so*' \( -type f -o -type l \) |
		while read -r f; do
			install -D "$f" "$root/usr/lib/x86_64-linux-gnu/${f##*/}"
		done
fi
for f in "$TOP"/userspace/examples/*.sh; do
	[ ! -e "$f" ] || install "$f" "$root/ockam/"
done

# Tests, and what lies beside them.
find "$TOP/selftests/vm" -type f ! -name '*.[ch]' ! -name '*.mk' ! -name settings \
	-exec cp -t "$root/ockam/tests/" {} +
cp -r "$TOP/selftests/vectors" "$root/ockam/tests/"
chmod -f +x "$root"/ockam/tests/*.sh || true
cp "$TOP/README.md" "$root/ockam/"
mkdir -p "$root/ockam/include" "$root/ockam/doc"
cp "$TOP"/Documentation/*.rst "$TOP"/Documentation/man/*.[578] "$root/ockam/doc/"
cp "$TOP"/include/uapi/linux/*.h "$root/ockam/include/"
if [ -d "$BUILD/selftests" ]; then
	find "$BUILD/selftests" -type f -perm -u+x | while read -r f; do
		vm_program "$root" "$f" /ockam/tests
	done
fi
if [ $# -eq 0 ] && [ -z "$shell" ]; then
	# shellcheck disable=SC2046
	set -- $(vm_tests)
	[ $# -gt 0 ] || die "no tests in selftests/vm"
fi
: >"$root/ockam/plan"
for t; do
	# Without counted time no limit may depend on what this machine has to do.
	limit=${test_timeout:-$(test_setting "$(basename "$t")" timeout 600)}
	[ -n "$icount" ] || limit=$((limit > 3600 ? limit : 3600))
	case $t in
	*' '*)
		echo "$limit '${t//[^A-Za-z0-9 ._\/=-]/_}' $t" >>"$root/ockam/plan"
		continue ;;
	esac
	base=$(basename "$t")
	if [ -f "$t" ] && [ -x "$t" -o "${t%.sh}" != "$t" ]; then
		vm_program "$root" "$t" /ockam/tests
		chmod +x "$root/ockam/tests/$base"
	fi
	[ -n "$(test_setting "$base" python '')" ] && python=1
	[ -e "$root/ockam/tests/$base" ] || [ -e "$root/ockam/bin/$base" ] ||
		die "no test '$t' (not built?)"
	echo "$limit '$base' '$base'" >>"$root/ockam/plan"
done

if [ -n "$python" ]; then
	vm_python "$root"
	ynl=$("$VMDIR/ynl.sh")
	mkdir -p "$root/ockam/ynl/tools/net" "$root/ockam/ynl/Documentation/netlink/specs"
	cp -r "$ynl" "$root/ockam/ynl/tools/net/"
	cp "$ynl"/../../../Documentation/netlink/*.yaml \
		"$root/ockam/ynl/Documentation/netlink/"
	cp "$TOP"/Documentation/netlink/specs/*.yaml \
		"$root/ockam/ynl/Documentation/netlink/specs/"
fi
for c in ${copies[@]+"${copies[@]}"}; do
	mkdir -p "$root$(dirname "${c#*:}")"
	cp -rL "${c%%:*}" "$root${c#*:}"
	[ ! -f "${c%%:*}" ] || vm_libs "$root" "${c%%:*}"
done

{
	echo "OCKAM_SHELL=$shell OCKAM_RAW=$raw OCKAM_MODPROBE='$load'"
	echo "OCKAM_SMP=$smp OCKAM_MODULE_ARGS='$module_args'"
	echo "export OCKAM_VM=1 OCKAM_VM_KERNEL=$kernel"
	[ -n "$icount" ] || echo "export OCKAM_VM_PARALLEL=1"
	for e in ${envs[@]+"${envs[@]}"}; do
		printf "export %s='%s'\n" "${e%%=*}" "${e#*=}"
	done
} >"$root/ockam/env"
vm_pack "$root" "$dir/initramfs"
rm -rf "$root"

if [ -n "$icount" ]; then
	accel=tcg
elif [ "$accel" = auto ]; then
	accel=$("$VMDIR/kvm-probe.sh" "$kdir")
fi
case $accel in
kvm) machine=(-accel kvm -cpu host) ;;
tcg) machine=(-accel tcg,thread=multi -cpu max) ;;
*) die "unknown accelerator $accel" ;;
esac
# Its day begins at noon, so that no test can meet the end of a minute or of a day by
# luck, and after what it runs was built.
[ -z "$icount" ] ||
	machine=(-accel tcg -icount shift=0,sleep=off -cpu max,-erms,-fsrm
		-rtc "base=$(date -u -d tomorrow +%Y-%m-%dT12:00:00),clock=vm")

cmdline="console=ttyS0 panic=-1 nokaslr random.trust_cpu=on"
if [ -z "$icount" ]; then
	# Time limits of the kernel's watchdogs that a busy host does not reach, where
	# the timer may also seem not to tick while it is looked for.
	cmdline+=" rcupdate.rcu_cpu_stall_timeout=300 watchdog_thresh=60 no_timer_check"
fi
[ -z "$shell" ] || cmdline+=" quiet loglevel=1"
image=$kdir/vmlinuz
[ ! -e "$kdir/vmlinux" ] || image=$kdir/vmlinux
qemu=(qemu-system-x86_64 -nodefaults -no-user-config -display none -no-reboot
	-nic none -M pc,usb=off,vmport=off "${machine[@]}" -smp "$smp" -m "$mem"
	-kernel "$image" -initrd "$dir/initramfs"
	-append "$cmdline $append")

if [ -n "$command_file" ]; then
	declare -p qemu >"$command_file"
	exit 0
fi
if [ -n "$shell" ]; then
	say VM "$release, $accel; leave with 'exit', or ctrl-a x"
	exec "${qemu[@]}" -chardev \
		"stdio,id=con,mux=on,signal=off,logfile=$dir/console.log" \
		-mon chardev=con -serial chardev:con
fi

how="$smp processors"
[ -z "$icount" ] || how="counted time"
say VM "$release, $accel, $how, $# tests, log $dir/console.log"
started=$SECONDS
rc=0
rm -f "$dir/pid"
# What each test cost on this machine is told behind its seconds in the VM.
timeout --foreground -k 5 "$timeout" "${qemu[@]}" -pidfile "$dir/pid" \
	-chardev "file,id=con,path=$dir/console.log" -serial chardev:con \
	-chardev stdio,id=rep,signal=off -serial chardev:rep </dev/null 2>"$dir/qemu.log" |
	live_awk -v log_file="$dir/report.log" -v out="$dir/out.b64" \
		-v done_file="$dir/summary" -v pid_file="$dir/pid" '
		function cost(	stat, part, n, last) {
			if (!pid)
				getline pid <pid_file
			stat = "/proc/" (pid + 0) "/stat"
			n = (getline n <stat) > 0 ? split(n, part, " ") : 0
			close(stat)
			last = used
			used = n > 15 ? (part[14] + part[15]) / 100 : used
			return used - last
		}
		{ sub(/\r$/, "") }
		/^1\.\.[0-9]+$/ { cost() }
		/^# [0-9]+\.[0-9] s$/ { $0 = sprintf("%s, %.1f s of a processor", $0, cost()) }
		/^OCKAM-OUT-BEGIN$/ { copying = 1; next }
		/^OCKAM-OUT-END$/ { copying = 0; close(out); next }
		copying { print > out; next }
		{ print > log_file; fflush(log_file) }
		/^OCKAM-VM-DONE [0-9]+ [0-9]+ [0-9]+$/ { print $2, $3, $4 > done_file; next }
		{ print; fflush() }' || rc=$?

touch "$dir/console.log"
: >"$dir/sums"
if [ -s "$dir/summary" ]; then
	cat "$dir/summary" >>"$dir/sums"
else
	why="the VM ended without a result (QEMU status $rc)"
	[ $rc -ne 124 ] && [ $rc -ne 137 ] || why="no result within $timeout s, killed"
	# Results so far count, so that the sum is not smaller than the truth.
	awk '/^# ok [0-9]/ { p++ } /^# not ok [0-9]/ { f++ }
		END { print p + 0, f + 1, 0 }' "$dir/report.log" >>"$dir/sums" 2>/dev/null ||
		echo 0 1 0 >>"$dir/sums"
	echo "not ok vm: $why"
	sed 's/^/# qemu: /' "$dir/qemu.log"
	echo "# it last started: $(sed -n 's/.*ockam-vm: start //p' "$dir/console.log" |
		tail -n 1)"
	echo "# last of the console:"
	tail -n 30 "$dir/console.log" | sed 's/^/#   /'
fi
if [ -s "$dir/out.b64" ]; then
	mkdir -p "$out"
	base64 -d "$dir/out.b64" | tar -xz -C "$out"
	rm "$dir/out.b64"
fi

tr -d '\r' <"$dir/console.log" | awk -f "$VMDIR/scan.awk" >"$dir/splats" || {
	echo 0 1 0 >>"$dir/sums"
	echo "not ok vm: the kernel complained, see $dir/console.log"
	head -n 200 "$dir/splats" | sed 's/^/# /'
}
say VM "ran $((SECONDS - started)) s"
finish "vm-$name" "$dir/sums"
