// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * A container of uid 1000 that takes all it can: 100 network namespaces, each
 * with its share of sockets, links, channels and hops, until every limit says
 * no, and frames for workers that do not read, until every link has stopped.
 * Says "full" then, with what it has, and stays until it is killed.
 *
 *	crowd SOCKETS LINKS CHANNELS HOPS	the limits, to be met exactly
 */
#include <err.h>
#include <sys/resource.h>

#include "kselftest_harness.h"
#include "link_test.h"
#include "channel_test.h"

#define NODES	100

#define must(cond) do {							\
	if (!(cond))							\
		err(1, "line %d: %s", __LINE__, #cond);			\
} while (0)

static unsigned int have[4], most[4];
enum { SOCKETS, LINKS, CHANNELS, HOPS };

/* Another one of @kind?  Each node has its share, the last one the rest. */
static bool wants(int kind, unsigned int node)
{
	return have[kind] < (uint64_t)most[kind] * (node + 1) / NODES;
}

static void to_userns(void)
{
	must(!ot_unroot());
	must(!unshare(CLONE_NEWUSER));
	must(!ot_write("/proc/self/setgroups", "deny"));
	must(!ot_write("/proc/self/uid_map", "0 1000 1"));
	must(!ot_write("/proc/self/gid_map", "0 1001 1"));
}

static int channel(const struct lt_node *node, unsigned int i)
{
	char enc[16], dec[16];
	struct ct_keys keys;

	ct_keys(&keys);
	snprintf(enc, sizeof(enc), "e%u", i);
	snprintf(dec, sizeof(dec), "d%u", i);
	return ct_new(node->nl, &keys, true, enc, dec, -1, "lazy");
}

/* Frames of 4 KiB until the link takes no more. */
static void stuff(int peer)
{
	static char payload[4096];
	struct ot_route onward = ot_route("lazy", NULL);
	struct ot_route ret = ot_route("app", NULL);
	struct lt_buf b = {};
	size_t off = 0;

	lt_put_frame(&b, &onward, &ret, payload, sizeof(payload));
	for (;;) {
		ssize_t n = send(peer, b.data + off, b.len - off,
				 MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0)
			break;
		off = (off + n) % b.len;
	}
	lt_buf_free(&b);
}

static void fill(unsigned int i)
{
	struct sockaddr_storage at = lt_addr("127.0.0.1", 0);
	struct lt_node node;
	int peer[64], n = 0, door;
	char name[16];

	must(!lt_node_new(&node));
	must(!lt_small_buffers());
	must(!lt_set(&node, OCKAM_A_NODE_STALL_MS, 3600000));
	must(lt_worker("lazy", OCKAM_ACCEPT_LINKS) >= 0);
	for (have[SOCKETS]++; wants(SOCKETS, i); have[SOCKETS]++)
		must(ot_socket(0) >= 0);
	for (; wants(HOPS, i); have[HOPS]++) {
		snprintf(name, sizeof(name), "h%u", have[HOPS]);
		must(!lt_hop(&node, name, NULL, OCKAM_ACCEPT_LINKS));
	}
	for (; wants(CHANNELS, i); have[CHANNELS]++)
		must(!channel(&node, have[CHANNELS]));

	door = lt_listen(&node, &at, lt_conf());
	must(door > 0);
	for (have[LINKS]++; wants(LINKS, i) && n < 64; have[LINKS]++, n++) {
		peer[n] = lt_tcp_connect(&at);
		must(peer[n] >= 0 && lt_greet(peer[n]));
	}
	while (n--)
		stuff(peer[n]);
	if (i < NODES - 1)
		return;

	must(ot_socket(0) == -ENOSPC);
	must(lt_hop(&node, "more", NULL, 0) == -ENOSPC);
	must(channel(&node, have[CHANNELS]) == -ENOSPC);
	at = lt_addr("127.0.0.1", 0);
	must(lt_listen(&node, &at, lt_conf()) == -ENOSPC);
	must(lt_stat(&node, OCKAM_STAT_USER_LIMIT) >= 4);
}

int main(int argc, char **argv)
{
	struct rlimit files = { 65536, 65536 };
	unsigned int i;

	if (argc != 5)
		errx(2, "usage: crowd SOCKETS LINKS CHANNELS HOPS");
	for (i = 0; i < 4; i++)
		most[i] = strtoul(argv[i + 1], NULL, 10);
	must(!setrlimit(RLIMIT_NOFILE, &files));
	to_userns();
	for (i = 0; i < NODES; i++)
		fill(i);
	printf("full: %u namespaces, %u sockets, %u links, %u channels, %u hops\n",
	       NODES, have[SOCKETS], have[LINKS], have[CHANNELS], have[HOPS]);
	fflush(stdout);
	for (;;)
		pause();
}
