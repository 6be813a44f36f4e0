// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/* Policy programs through libbpf: the two that ockamctl brings, and files. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "bpf_object.h"
#include "maps.h"
#include "policy.h"

BPF_OBJECT(allow);
BPF_OBJECT(rate);

/* What libbpf said last, for the case that it was important. */
static char said[256];

static int listen_to(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	if (level == LIBBPF_WARN)
		vsnprintf(said, sizeof(said), fmt, ap);
	said[strcspn(said, "\n")] = 0;
	return 0;
}

static int fail(const struct ctl *ctl, const char *what, int err)
{
	err = ctl_fail(ctl, "%s: %s%s%s", what, strerror(-err),
		       *said ? ": " : "", said);
	return err;
}

static int load(struct ctl *ctl, const char *what, struct bpf_object *object,
		struct policy_program *p)
{
	struct bpf_program *program;
	int err;

	if (!object)
		return fail(ctl, what, -errno);
	p->object = object;
	program = bpf_object__next_program(object, NULL);
	if (!program || bpf_object__next_program(object, program))
		return ctl_fail(ctl, "%s: does not hold one program", what);
	bpf_program__set_type(program, BPF_PROG_TYPE_SOCKET_FILTER);
	err = bpf_object__load(object);
	if (err)
		return fail(ctl, what, err);
	p->fd = bpf_program__fd(program);
	return CTL_OK;
}

static int load_own(struct ctl *ctl, const char *name, const char *from,
		    const char *to, struct policy_program *p)
{
	LIBBPF_OPTS(bpf_object_open_opts, opts, .object_name = name);

	libbpf_set_print(listen_to);
	return load(ctl, name, bpf_object__open_mem(from, to - from, &opts),
		    p);
}

static int set(struct ctl *ctl, const struct policy_program *p,
	       const char *map, const void *key, const void *value)
{
	int fd = bpf_object__find_map_fd_by_name(p->object, map);

	if (fd < 0 || bpf_map_update_elem(fd, key, value, BPF_ANY))
		return fail(ctl, map, -errno);
	return CTL_OK;
}

int policy_load_allow(struct ctl *ctl, int argc, char **argv,
		      struct policy_program *p)
{
	__u8 yes = 1;
	int i, err;

	if (!argc)
		return ctl_usage("allow: whom? 'local' or identifiers, please");
	err = load_own(ctl, "allow", object_allow, object_allow_end, p);
	for (i = 0; i < argc && !err; i++) {
		struct allow_key key = { .origin = OCKAM_ORIGIN_CHANNEL };

		if (!strcmp(argv[i], "local"))
			key.origin = OCKAM_ORIGIN_LOCAL;
		else if (ockam_text_parse_identifier(argv[i], key.identifier))
			return ctl_usage("allow: 'local', or 'I' and 64 hex digits, not '%s'",
					 argv[i]);
		err = set(ctl, p, "allowed", &key, &yes);
	}
	return err;
}

/* "N/s", "N/m" or "N/h": nanoseconds for each message. */
static int rate_of(const char *text, uint64_t *interval)
{
	static const char units[] = "smh";
	uint64_t unit = 1000000000, n;
	size_t len = strlen(text);
	char number[32];
	const char *u;
	int err;

	u = len > 2 && len < sizeof(number) && text[len - 2] == '/' ?
	    strchr(units, text[len - 1]) : NULL;
	if (!u)
		return ctl_usage("rate: messages a second, minute or hour, such as 100/s, not '%s'",
				 text);
	for (; u > units; u--)
		unit *= 60;
	memcpy(number, text, len - 2);
	number[len - 2] = 0;
	err = arg_number("rate", number, 1000000000, &n);
	if (err)
		return err;
	if (!n)
		return ctl_usage("rate: at least 1");
	*interval = unit / n;
	return CTL_OK;
}

int policy_load_rate(struct ctl *ctl, int argc, char **argv,
		     struct policy_program *p)
{
	uint64_t interval = 0, burst = 1;
	struct rate_limit limit;
	__u32 zero = 0;
	int err;

	if (argc != 1 && (argc != 3 || strcmp(argv[1], "burst")))
		return ctl_usage("rate: N/s [burst M], please");
	err = rate_of(argv[0], &interval);
	if (!err && argc == 3)
		err = arg_number("burst", argv[2], 1000000, &burst);
	if (!err && !burst)
		err = ctl_usage("burst: at least 1");
	if (err)
		return err;
	limit.interval = interval;
	limit.slack = (burst - 1) * interval;
	err = load_own(ctl, "rate", object_rate, object_rate_end, p);
	return err ? err : set(ctl, p, "limit", &zero, &limit);
}

int policy_load_file(struct ctl *ctl, const char *path,
		     struct policy_program *p)
{
	libbpf_set_print(listen_to);
	return load(ctl, path, bpf_object__open(path), p);
}

int policy_load_pinned(struct ctl *ctl, const char *path,
		       struct policy_program *p)
{
	p->fd = bpf_obj_get(path);
	if (p->fd < 0)
		return fail(ctl, path, -errno);
	return CTL_OK;
}

void policy_unload(struct policy_program *p)
{
	bpf_object__close(p->object);
}
