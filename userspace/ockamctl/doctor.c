// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/* ockamctl doctor: what is missing on this machine. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "doctor.h"
#include "ockamctl.h"

void doctor_report(struct doctor *d, const char *check, enum grade grade,
		   const char *fmt, ...)
{
	static const char * const word[] = { "ok", "note", "bad" };
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (grade == BAD)
		d->bad = true;
	if (d->json)
		json_array_append_new(d->json,
				      json_pack("{s:s, s:s, s:s}", "check",
						check, "grade", word[grade],
						"text", text));
	else
		printf("%-5s %-11s %s\n", word[grade], check, text);
}

/* Does a line of @path that begins with @prefix hold @word? */
static bool file_says(const char *path, const char *prefix, const char *word)
{
	char line[8192];
	bool found = false;
	FILE *f;

	f = fopen(path, "re");
	if (!f)
		return false;
	while (!found && fgets(line, sizeof(line), f))
		found = !strncmp(line, prefix, strlen(prefix)) &&
			strstr(line, word);
	fclose(f);
	return found;
}

static void check_kernel(struct doctor *d)
{
	unsigned int major = 0, minor = 0;
	struct utsname u;

	if (uname(&u) || sscanf(u.release, "%u.%u", &major, &minor) != 2) {
		doctor_report(d, "kernel", BAD, "version unknown");
		return;
	}
	if (major < 6 || (major == 6 && minor < 1)) {
		doctor_report(d, "kernel", BAD,
			      "%s: 6.1 or newer is needed", u.release);
		return;
	}
	doctor_report(d, "kernel", GOOD, "%s on %s", u.release, u.machine);
}

static void check_cpu(struct doctor *d)
{
	if (file_says("/proc/cpuinfo", "flags", " aes ") ||
	    file_says("/proc/cpuinfo", "Features", " aes "))
		doctor_report(d, "aes", GOOD, "the processor has AES instructions");
	else
		doctor_report(d, "aes", NOTE,
		       "no AES instructions: encryption will be slow");
	if (file_says("/proc/crypto", "name", "gcm(aes)"))
		doctor_report(d, "gcm", GOOD, "the kernel has gcm(aes)");
	else
		doctor_report(d, "gcm", NOTE,
		       "gcm(aes) is not loaded; the module asks for it");
}

static void check_permission(struct doctor *d)
{
	unsigned long long caps = 0;
	char line[256];
	FILE *f;

	f = fopen("/proc/self/status", "re");
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "CapEff: %llx", &caps) == 1)
			break;
	if (f)
		fclose(f);
	/* CAP_NET_ADMIN is number 12. */
	if (caps >> 12 & 1)
		doctor_report(d, "permission", GOOD, "CAP_NET_ADMIN");
	else
		doctor_report(d, "permission", NOTE,
		       "no CAP_NET_ADMIN: sockets work, changes do not");
}

static void check_socket(struct doctor *d, unsigned int family)
{
	int fd;

	fd = socket(family, SOCK_DGRAM, 0);
	if (fd < 0) {
		doctor_report(d, "socket", BAD, "family %u: %s", family,
			      strerror(errno));
		return;
	}
	close(fd);
	doctor_report(d, "socket", family == AF_OCKAM ? GOOD : NOTE,
		      "family %u", family);
}

/* Whether there is a node that can be looked at. */
static bool check_module(struct doctor *d)
{
	struct ockam_nl_node node;
	int err;

	err = ockam_nl_open(&d->ctl->nl);
	if (err == -ENOENT) {
		doctor_report(d, "module", BAD,
			      "not loaded: modprobe ockam; if that finds none, dkms status, or make install");
		return false;
	}
	if (err) {
		doctor_report(d, "module", BAD, "netlink: %s", strerror(-err));
		return false;
	}
	if (ockam_nl_node_get(d->ctl->nl, &node)) {
		doctor_report(d, "module", BAD, "node-get: %s",
			      ockam_nl_error(d->ctl->nl));
		return false;
	}
	if (node.abi != OCKAM_ABI) {
		doctor_report(d, "module", BAD,
			      "loaded, of interface version %u instead of %u: install module and tool of one version, then rmmod ockam and modprobe ockam",
			      node.abi, OCKAM_ABI);
		return false;
	}
	doctor_report(d, "module", GOOD, "loaded");
	check_socket(d, node.family);
	return true;
}

static int run_doctor(struct ctl *ctl, int argc, char **argv)
{
	struct doctor d = { .ctl = ctl };

	if (argc)
		return ctl_usage("doctor: unknown word '%s'", argv[0]);
	if (ctl->json)
		d.json = json_array();
	check_kernel(&d);
	check_cpu(&d);
	check_permission(&d);
	if (check_module(&d)) {
		doctor_daemon(&d);
		doctor_node(&d);
	}
	if (d.json)
		print_json(d.json);
	return d.bad ? CTL_FAIL : CTL_OK;
}

const struct command doctor_commands[] = {
	{ "", "",
	  "say what is missing or wrong on this machine, and what to do", run_doctor },
	{ }
};
