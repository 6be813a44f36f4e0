// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/* ockamctl doctor: what is missing on this machine. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "ockamctl.h"

/* Weight of a finding. */
enum grade { GOOD, NOTE, BAD };

struct doctor {
	const struct ctl	*ctl;
	json_t			*json;
	bool			bad;
};

static void report(struct doctor *d, const char *check, enum grade grade,
		   const char *text)
{
	static const char * const word[] = { "ok", "note", "bad" };

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
	char text[160];

	if (uname(&u) || sscanf(u.release, "%u.%u", &major, &minor) != 2) {
		report(d, "kernel", BAD, "version unknown");
		return;
	}
	snprintf(text, sizeof(text), "%s on %s", u.release, u.machine);
	if (major < 6 || (major == 6 && minor < 1)) {
		snprintf(text, sizeof(text), "%s: 6.1 or newer is needed",
			 u.release);
		report(d, "kernel", BAD, text);
		return;
	}
	report(d, "kernel", GOOD, text);
}

static void check_cpu(struct doctor *d)
{
	if (file_says("/proc/cpuinfo", "flags", " aes ") ||
	    file_says("/proc/cpuinfo", "Features", " aes "))
		report(d, "aes", GOOD, "the processor has AES instructions");
	else
		report(d, "aes", NOTE,
		       "no AES instructions: encryption will be slow");
	if (file_says("/proc/crypto", "name", "gcm(aes)"))
		report(d, "gcm", GOOD, "the kernel has gcm(aes)");
	else
		report(d, "gcm", NOTE,
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
		report(d, "permission", GOOD, "CAP_NET_ADMIN");
	else
		report(d, "permission", NOTE,
		       "no CAP_NET_ADMIN: sockets work, changes do not");
}

static void check_socket(struct doctor *d, unsigned int family)
{
	char text[160];
	int fd;

	fd = socket(family, SOCK_DGRAM, 0);
	if (fd < 0) {
		snprintf(text, sizeof(text), "family %u: %s", family,
			 strerror(errno));
		report(d, "socket", BAD, text);
		return;
	}
	close(fd);
	snprintf(text, sizeof(text), "family %u", family);
	report(d, "socket", family == AF_OCKAM ? GOOD : NOTE, text);
}

static void check_module(struct doctor *d)
{
	struct ockam_nl_node node;
	struct ockam_nl *nl;
	char text[320];
	int err;

	err = ockam_nl_open(&nl);
	if (err == -ENOENT) {
		report(d, "module", BAD,
		       "not loaded: modprobe ockam, or insmod kmod/ockam.ko");
		return;
	}
	if (err) {
		snprintf(text, sizeof(text), "netlink: %s", strerror(-err));
		report(d, "module", BAD, text);
		return;
	}
	err = ockam_nl_node_get(nl, &node);
	if (err) {
		snprintf(text, sizeof(text), "node-get: %s",
			 ockam_nl_error(nl));
		report(d, "module", BAD, text);
	} else if (node.abi != OCKAM_ABI) {
		snprintf(text, sizeof(text),
			 "loaded, of interface version %u instead of %u",
			 node.abi, OCKAM_ABI);
		report(d, "module", BAD, text);
	} else {
		report(d, "module", GOOD, "loaded");
		check_socket(d, node.family);
	}
	ockam_nl_close(nl);
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
	check_module(&d);
	if (d.json)
		print_json(d.json);
	return d.bad ? CTL_FAIL : CTL_OK;
}

const struct command doctor_commands[] = {
	{ "", "",
	  "say what is missing on this machine", run_doctor },
	{ }
};
