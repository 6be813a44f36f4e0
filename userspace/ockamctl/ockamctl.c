// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/* ockamctl: look at and change AF_OCKAM nodes. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <sched.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ockamctl.h"

#define NETNS_DIR	"/run/netns"

/* Usage errors come from where there is no invocation at hand. */
static bool json_errors;

static void print_error(const char *text, const char *attribute)
{
	json_t *j;

	if (!json_errors) {
		fprintf(stderr, "ockamctl: %s\n", text);
		return;
	}
	j = json_pack("{s:s, s:s*}", "error", text, "attribute", attribute);
	if (!j)
		return;
	json_dumpf(j, stderr, JSON_COMPACT);
	fputc('\n', stderr);
	json_decref(j);
}

int ctl_usage(const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	print_error(text, NULL);
	return CTL_USAGE;
}

int ctl_fail(const struct ctl *ctl, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	(void)ctl;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	print_error(text, NULL);
	return CTL_FAIL;
}

int ctl_nl_fail(const struct ctl *ctl, const char *fmt, ...)
{
	char text[1024];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text) / 2, fmt, ap);
	va_end(ap);
	if (n >= (int)sizeof(text) / 2)
		n = sizeof(text) / 2 - 1;
	snprintf(text + n, sizeof(text) - n, ": %s", ockam_nl_error(ctl->nl));
	print_error(text, ockam_nl_bad_attribute(ctl->nl));
	return CTL_FAIL;
}

int ctl_open(struct ctl *ctl)
{
	int err;

	if (ctl->nl)
		return 0;
	err = ockam_nl_open(&ctl->nl);
	if (err == -ENOENT)
		return ctl_fail(ctl, "the kernel has no module 'ockam' loaded: modprobe ockam (ockamctl doctor says what is missing)");
	if (err)
		return ctl_fail(ctl, "netlink: %s", strerror(-err));
	return 0;
}

static int enter_netns(const struct ctl *ctl, const char *name)
{
	char path[256];
	int fd, err;

	if (!*name || strchr(name, '/') ||
	    snprintf(path, sizeof(path), NETNS_DIR "/%s", name) >=
	    (int)sizeof(path))
		return ctl_usage("-n: '%s' is no name of a network namespace",
				 name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		return ctl_fail(ctl, "-n: there is no network namespace '%s' in " NETNS_DIR " (ip netns lists them)",
				name);
	err = fd < 0 || setns(fd, CLONE_NEWNET) ? errno : 0;
	if (fd >= 0)
		close(fd);
	return err ? ctl_fail(ctl, "-n: network namespace '%s': %s", name,
			      strerror(err)) : 0;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "netns", required_argument, NULL, 'n' },
		{ "version", no_argument, NULL, 'V' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 }
	};
	const char *netns = NULL;
	struct ctl ctl = {};
	int status, opt;

	opterr = 0;
	while ((opt = getopt_long(argc, argv, "+:jn:Vh", options, NULL)) >= 0) {
		switch (opt) {
		case 'j':
			ctl.json = true;
			json_errors = true;
			break;
		case 'n':
			netns = optarg;
			break;
		case 'V':
			puts("ockamctl " OCKAM_VERSION);
			return CTL_OK;
		case 'h':
			table_help(stdout);
			return CTL_OK;
		case ':':
			return ctl_usage("%s: a value is missing",
					 argv[optind - 1]);
		default:
			return ctl_usage("unknown option '%s', see ockamctl -h",
					 argv[optind - 1]);
		}
	}
	argc -= optind;
	argv += optind;
	if (!argc && json_errors)
		return ctl_usage("a command is missing, see ockamctl -h");
	if (!argc) {
		table_help(stderr);
		return CTL_USAGE;
	}
	status = netns ? enter_netns(&ctl, netns) : 0;
	if (!status)
		status = table_run(&ctl, argc, argv);
	ockam_nl_close(ctl.nl);
	if (fflush(stdout) || ferror(stdout)) {
		perror("ockamctl: output");
		return CTL_FAIL;
	}
	return status;
}
