/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/* ockamctl policy: loading programs. */
#ifndef OCKAMCTL_POLICY_H
#define OCKAMCTL_POLICY_H

#include "ockamctl.h"

struct bpf_object;

/**
 * struct policy_program - a loaded program
 * @object: libbpf's, or NULL
 * @fd: the program's descriptor
 */
struct policy_program {
	struct bpf_object	*object;
	int			fd;
};

/* Exit statuses; policy_unload() in any case. */
int policy_load_allow(struct ctl *ctl, int argc, char **argv,
		      struct policy_program *p);
int policy_load_rate(struct ctl *ctl, int argc, char **argv,
		     struct policy_program *p);
int policy_load_file(struct ctl *ctl, const char *path,
		     struct policy_program *p);
int policy_load_pinned(struct ctl *ctl, const char *path,
		       struct policy_program *p);
/* The attachment holds program and maps. */
void policy_unload(struct policy_program *p);

#endif /* OCKAMCTL_POLICY_H */
