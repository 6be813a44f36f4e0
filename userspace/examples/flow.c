// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Makes the kernel's trace of ockam events readable:
 *
 *   flow [-l] [-x ADDRESS] [NODE=NETNS...] </sys/kernel/tracing/trace
 *
 * NETNS is the number of a network namespace, NODE what to call it. Messages
 * from or to ADDRESS are left out.
 */
#include <ctype.h>
#include <getopt.h>
#include <stdbool.h>

#include "example.h"

static const struct {
	const char *event;
	const char *what;
} events[] = {
	{ " ockam_send: ", "sends" },
	{ " ockam_deliver: ", "delivers" },
	{ " ockam_hop: ", "hop" },
	{ " ockam_link_tx: ", "link out" },
	{ " ockam_link_rx: ", "link in" },
	{ " ockam_encrypt: ", "encrypts" },
	{ " ockam_decrypt: ", "decrypts" },
	{ " ockam_drop: ", "DROPS" },
};

static const char *left_out;
static bool whole;
static char **nodes;
static int n_nodes;

static const char *node_name(const char *line)
{
	const char *num = strstr(line, "netns=");
	const char *eq;
	int i;

	if (!num)
		return "?";
	for (i = 0; i < n_nodes; i++) {
		eq = strchr(nodes[i], '=');
		if (eq && strtoul(eq + 1, NULL, 10) ==
			  strtoul(num + strlen("netns="), NULL, 10))
			return strndup(nodes[i], eq - nodes[i]);
	}
	return "?";
}

static int hex(char c)
{
	return isdigit((unsigned char)c) ? c - '0' : tolower(c) - 'a' + 10;
}

static bool read_route(const char *line, const char *key,
		       struct ockam_path *path)
{
	const char *p = strstr(line, key);
	size_t used;

	memset(path, 0, sizeof(*path));
	if (!p)
		return false;
	for (p += strlen(key); isxdigit((unsigned char)p[0]) &&
	     isxdigit((unsigned char)p[1]); p += 2) {
		if (path->len == sizeof(path->hops))
			return false;
		path->hops[path->len++] = hex(p[0]) << 4 | hex(p[1]);
	}
	for (used = 0; used + 1 < path->len; path->nhops++)
		used += 2 + path->hops[used + 1];
	return used == path->len;
}

/* Random addresses are long: their first digits tell them apart. */
static void shorten(char *text)
{
	size_t run = 0;
	char *p;

	for (p = text;; p++) {
		if (isxdigit((unsigned char)*p)) {
			run++;
			continue;
		}
		if (run == OCKAM_RANDOM_LEN) {
			memmove(p - run + 8, p - 2, strlen(p - 2) + 1);
			p -= run - 8;
			memcpy(p, "..", 2);
			p += 2;
		}
		if (!*p)
			return;
		run = 0;
	}
}

static const char *print_route(const struct ockam_path *path, char *text,
			       size_t size)
{
	int n = path->nhops ? ockam_path_print(path, text, size) : 0;

	if (!path->nhops)
		return "-";
	if (n < 0 || (size_t)n >= size)
		return "?";
	if (!whole)
		shorten(text);
	return text;
}

static bool mentions(const struct ockam_path *path, const char *name)
{
	size_t used, len = name ? strlen(name) : 0;

	for (used = 0; name && used < path->len; used += 2 + path->hops[used + 1])
		if (path->hops[used + 1] == len &&
		    !memcmp(path->hops + used + 2, name, len))
			return true;
	return false;
}

static void print_line(const char *line, const char *what)
{
	static struct ockam_path onward, ret;
	static char a[20000], b[20000];
	const char *len = strstr(line, " len=");

	if (!read_route(line, "onward=", &onward) ||
	    !read_route(line, "return=", &ret) || !len) {
		printf("  ? %s", line);
		return;
	}
	if (mentions(&onward, left_out) || mentions(&ret, left_out))
		return;
	printf("  %-9s %-8s %4lu B  to [%s]  back [%s]\n", node_name(line),
	       what, strtoul(len + strlen(" len="), NULL, 10),
	       print_route(&onward, a, sizeof(a)),
	       print_route(&ret, b, sizeof(b)));
}

static int usage(bool asked)
{
	fputs("usage: flow [-l] [-x ADDRESS] [NODE=NETNS...] </sys/kernel/tracing/trace\n\n"
	      "  -l          addresses in full\n"
	      "  -x ADDRESS  leave out messages from or to this one\n"
	      "  -h, --help  this text\n", asked ? stdout : stderr);
	return asked ? 0 : 2;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "help", no_argument, NULL, 'h' }, { }
	};
	static char line[65536];
	size_t i;
	int opt;

	while ((opt = getopt_long(argc, argv, "hlx:", options, NULL)) != -1) {
		if (opt == 'l')
			whole = true;
		else if (opt == 'x')
			left_out = optarg;
		else
			return usage(opt == 'h');
	}
	nodes = argv + optind;
	n_nodes = argc - optind;
	while (fgets(line, sizeof(line), stdin))
		for (i = 0; i < sizeof(events) / sizeof(events[0]); i++)
			if (strstr(line, events[i].event))
				print_line(line, events[i].what);
	return 0;
}
