# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# AF_OCKAM: one entry for building, testing and running. `make help` lists the
# targets.

KERNEL ?= 6.1
TESTS ?=
MUTANTS ?=
V ?= 0

export OCKAM_BUILD ?= $(CURDIR)/build
BUILD := $(OCKAM_BUILD)
VM := selftests/runner

# Shared by sub-makes, but never more jobs than cores: VMs run beside them.
JOBS ?= $(shell nproc)
SUBMAKE = +@$(MAKE) --no-print-directory

say = @printf '  %-8s %s\n' $(1) $(2)

.DEFAULT_GOAL := all

# Every target runs its recipe in order; parallelism is inside the steps.
.NOTPARALLEL:

.PHONY: all
all: module userspace ##- Build the module for KERNEL and user space

.PHONY: help
help: ##- This text
	@echo 'AF_OCKAM: encrypted, routed messaging as a socket family'
	@echo
	@sed -n 's/^\([a-z-]*\):.*##- \(.*\)/  \1\t\2/p' $(MAKEFILE_LIST) | \
		expand -t 20
	@echo
	@echo 'Variables:'
	@echo '  KERNEL=6.1|6.12|7.3     the kernel to build for and to boot (6.1); with'
	@echo '                          -rt behind it PREEMPT_RT; or debug, debug-rt'
	@echo '  TESTS="a b.sh"          run only these VM tests'
	@echo '  W=1 C=1                 more compiler warnings, sparse, for the module'
	@echo '  ACCEL=tcg|kvm           do not probe for KVM, use this'
	@echo '  OCKAM_CACHE=DIR         kernels and sources (~/.cache/af_ockam)'
	@echo
	@echo 'Everything boots in QEMU: nothing is loaded into the running kernel.'

.PHONY: deps
deps: ##- Install missing packages (root), or say which
	@$(VM)/deps.sh

.PHONY: module
module: deps ##- Build ockam.ko for KERNEL in build/kmod-KERNEL
	$(call say,MODULE,'$(KERNEL)')
	+@$(VM)/module.sh $(KERNEL) $(BUILD)/kmod-$(KERNEL) -j$(JOBS) \
		$(if $(filter 0,$(V)),-s) V=$(V)

.PHONY: userspace
userspace: deps ##- Build libockam, ockamd, ockamctl and the examples
	$(call say,USER,'libockam ockamd ockamctl examples')
	$(SUBMAKE) -C userspace O=$(BUILD)/userspace -j$(JOBS)

.PHONY: kselftest-headers
kselftest-headers: deps
	@$(VM)/kselftest-headers.sh $(BUILD)/kselftest

.PHONY: selftests
selftests: userspace kselftest-headers ##- Build the tests that run in the VM
	$(call say,TESTS,'programs for the VM')
	$(SUBMAKE) -C selftests O=$(BUILD) -j$(JOBS) vmtests

.PHONY: host-check
host-check: kselftest-headers ##- Unit tests on this machine
	$(SUBMAKE) -C selftests O=$(BUILD) -j$(JOBS) host-check

.PHONY: fuzz
fuzz: kselftest-headers ##- Run the fuzzers, FUZZ_SECONDS each (10)
	$(SUBMAKE) -C selftests O=$(BUILD) -j$(JOBS) fuzz

.PHONY: check
check: ##- Build all and run every test: host, fuzzers, VM with KERNEL
	@rm -rf $(BUILD)/results && mkdir -p $(BUILD)/results
	@$(VM)/check.sh $(KERNEL)

.PHONY: check-all
check-all: ##- All VM tests on every kernel (KERNELS="6.12 7.3-rt": only these)
	@$(VM)/check-all.sh $(KERNELS)

.PHONY: fresh-check
FRESH ?= demo
fresh-check: ##- Targets on a fresh Debian (root; FRESH="demo check", FRESH_OPTS=)
	@$(VM)/fresh.sh $(FRESH_OPTS) $(FRESH)

.PHONY: check-debug
check-debug: ##- All VM tests on the debug kernel
	@rm -rf $(BUILD)/results && mkdir -p $(BUILD)/results
	@$(VM)/check.sh --vm-only debug

.PHONY: soak
soak: deps ##- What takes hours, into Documentation/test-report.rst (SOAK="vm-7.3": a part)
	@$(VM)/soak.sh $(SOAK)

.PHONY: mutants
mutants: module selftests ##- Broken builds that tests must catch (MUTANTS="a b")
	@selftests/mutants/run.sh $(MUTANTS)

.PHONY: vmfork
vmfork: module selftests ##- Copy a VM that has channels (part of check)
	@$(VM)/vmfork.sh $(KERNEL)

.PHONY: debug-kernel
debug-kernel: deps ##- Build the debug kernel (once; about 7 minutes)
	@$(VM)/kernel.sh debug >/dev/null

.PHONY: debug-rt-kernel
debug-rt-kernel: deps ##- And the one with PREEMPT_RT
	@$(VM)/kernel.sh debug-rt >/dev/null

.PHONY: demo
demo: module userspace ##- The guide's nine examples, in the VM (V=1: each step)
	@$(VM)/run.sh --kernel $(KERNEL) --name demo --icount --raw --env V=$(V) \
		--timeout 3600 --test-timeout 900 userspace/examples/demo.sh

.PHONY: interop
interop: module selftests ##- Against nodes of the stock Rust crate (built once)
	@selftests/interop/run.sh $(KERNEL) $(TESTS)

.PHONY: languages-check
languages-check: module userspace ##- The examples in Go and Rust talk in the VM
	@$(VM)/deps.sh golang-go rustc
	@$(VM)/languages.sh $(KERNEL)

.PHONY: dissector-check
dissector-check: module selftests ##- Wireshark's dissector, with tshark (installed)
	@selftests/wireshark/run.sh $(KERNEL)

.PHONY: bench
bench: module selftests ##- Guest instructions, beside rivals (ROWS="chan_* ktls_*": only these)
	@ROWS="$(ROWS)" selftests/bench/run.sh $(KERNEL)

.PHONY: bench-check
bench-check: module selftests ##- Fails if a row costs 3 % more than is recorded
	@selftests/bench/run.sh $(KERNEL) gate

.PHONY: bench-record
bench-record: module selftests ##- Record what all rows cost, for bench-check and bench-figures
	@selftests/bench/run.sh $(KERNEL) record

.PHONY: bench-figures
bench-figures: ##- Tables and charts of what is recorded, in Documentation
	@$(VM)/deps.sh python3-matplotlib
	@selftests/bench/figures.py selftests/bench/recorded.json Documentation

.PHONY: bench-containers
bench-containers: module selftests ##- The host's cost beside a container at every limit
	@$(VM)/run.sh --kernel $(KERNEL) --name bench-containers --icount --raw \
		--copy selftests/bench/bench.sh:/ockam/tests/bench.sh \
		--timeout 1800 --test-timeout 1700 "bench.sh containers"

.PHONY: bench-flood
bench-flood: module selftests ##- Rate of honest messages among forged nonces
	@$(VM)/run.sh --kernel $(KERNEL) --name bench-flood --icount --raw \
		--copy selftests/bench/bench.sh:/ockam/tests/bench.sh \
		--timeout 1800 --test-timeout 1700 "bench.sh flood"

.PHONY: vm
vm: module userspace ##- A shell in the VM, module loaded, programs installed
	@$(VM)/run.sh --kernel $(KERNEL) --name shell --shell

.PHONY: vm-check
vm-check: module userspace ##- That shell, typed in: a greeting, no boot log
	@$(VM)/vm-check.sh $(KERNEL)

.PHONY: lint
lint: deps ##- checkpatch, sparse and W=1, licences, stray paths, documentation
	@$(VM)/deps.sh python3-sphinx mandoc mypy
	@$(VM)/lint.sh

include packaging/packaging.mk

.PHONY: clean
clean: ##- Remove build/ (the cache stays)
	@rm -rf $(BUILD)
