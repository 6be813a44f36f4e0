# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# Reads a console log, prints what a healthy kernel does not say, with what
# follows, and exits 1 when there was any.

function context() {
	left = 40
	hits++
	printf "console line %d:\n", NR
}

# Allowed, because it is true of every run and of no fault:
# - our module is built out of tree and not signed
# - the taint flags that follow from it
/ockam.*(loading out-of-tree module taints kernel|module verification failed)/ { next }
/: loading out-of-tree module taints kernel|: module verification failed: signature/ { next }
# - how the kernel was asked to behave
/Command line:|Kernel command line:/ { next }
# - boot-time self descriptions of the very checks looked for below
/RCU CPU stall|rcu:.*(restricting CPUs|Adjusting geometry|Hierarchical)/ && !/detected stall/ { next }
/KernelAddressSanitizer initialized|Lock dependency validator|kmemleak: Kernel memory leak detector initialized/ { next }
/\.\.\. MAX_LOCKDEP|RCU callback double-\/use-after-free debug is enabled/ { next }
/Running RCU self tests|Spectre|MDS|RETBleed|Speculative|SRSO|ITS:|TAA:|MMIO Stale|x86\/fpu/ { next }

/WARNING:|BUG:|BUG kmalloc|kernel BUG at|Oops|KASAN|KFENCE|UBSAN|KCSAN|KMSAN/ ||
/possible recursive locking|possible circular locking|possible irq lock inversion/ ||
/suspicious RCU usage|held lock freed|lock held when returning|still has locks held/ ||
/inconsistent lock state|bad unlock balance|Invalid wait context|HARDIRQ-safe|SOFTIRQ-safe/ ||
/MAX_LOCKDEP|MAX_STACK_TRACE|lockdep.*(too low|too many)|turning off the locking correctness/ ||
/unreferenced object|kmemleak disabled|kmemleak: .*stop/ ||
/scheduling while atomic|sleeping function called|DEBUG_LOCKS_WARN_ON/ ||
/refcount_t:|ref_tracker|leaked|use-after-free|list_(add|del) corruption|slab.*(corruption|inconsistent)/ ||
/ODEBUG:|stack-protector|stack overflow|stack guard page|corrupted stack end/ ||
/rcu.*(detected stall|self-detected stall|stalls on)|blocked for more than|soft lockup|hard LOCKUP|workqueue lockup/ ||
/general protection fault|unable to handle|invalid opcode|divide error|double fault|int3:/ ||
/Call Trace|Kernel panic|Out of memory|oom-kill|invoked oom-killer|page allocation failure/ ||
/segfault at|traps: |bad page state|Bad page|nobody cared|Objects remaining|Freeing active|unregister_netdevice: waiting/ ||
/Tainted: / {
	context()
}

left > 0 { print "    " $0; left-- }

END { exit hits ? 1 : 0 }
