/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/* BPF programs as bytes in this one, built from userspace/bpf (see the makefile). */
#ifndef OCKAMCTL_BPF_OBJECT_H
#define OCKAMCTL_BPF_OBJECT_H

#define BPF_OBJECT(name)						\
	extern const char object_##name[], object_##name##_end[];	\
	__asm__(".pushsection .rodata\n"				\
		".balign 16\n"						\
		"object_" #name ":\n"					\
		".incbin \"" OCKAM_BPF_DIR "/" #name ".bpf.o\"\n"	\
		"object_" #name "_end:\n"				\
		".popsection\n")

/* From, to. */
#define BPF_OBJECT_BYTES(name)	object_##name, object_##name##_end

#endif /* OCKAMCTL_BPF_OBJECT_H */
