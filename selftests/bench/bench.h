/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/* What the programs of the benchmark have in common. */
#ifndef OCKAM_BENCH_H
#define OCKAM_BENCH_H

#include <err.h>
#include <fcntl.h>
#include <linux/ockam.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* Under instruction counting: instructions. */
static inline unsigned long long bench_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

/* A namespace is a name below /run/netns, "-" is the current one. */
static inline void bench_enter(const char *ns)
{
	char path[128];
	int fd;

	if (!strcmp(ns, "-"))
		return;
	snprintf(path, sizeof(path), "/run/netns/%s", ns);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || setns(fd, CLONE_NEWNET))
		err(1, "namespace %s", ns);
	close(fd);
}

/* One more address of this node; @off is how long the hops are, and will be. */
static inline void bench_add_hop(struct sockaddr_ockam *a, size_t *off,
				 const char *hop)
{
	size_t len = strlen(hop);

	if (*off + 2 + len > sizeof(a->sok_hops))
		errx(1, "route too long");
	a->sok_hops[(*off)++] = 0;
	a->sok_hops[(*off)++] = len;
	memcpy(a->sok_hops + *off, hop, len);
	*off += len;
	a->sok_nhops++;
}

/* A worker that anybody reaches; without a @name it has none yet. */
static inline int bench_worker(const char *name)
{
	struct ockam_accept any = {
		.scope = OCKAM_ACCEPT_LINKS | OCKAM_ACCEPT_CHANNELS,
	};
	struct sockaddr_ockam a = { .sok_family = AF_OCKAM };
	size_t off = 0;
	int fd;

	fd = socket(AF_OCKAM, SOCK_DGRAM, 0);
	if (fd < 0)
		err(1, "AF_OCKAM");
	if (name) {
		bench_add_hop(&a, &off, name);
		if (bind(fd, (struct sockaddr *)&a, sizeof(a)))
			err(1, "bind %s", name);
	}
	if (setsockopt(fd, SOL_OCKAM, OCKAM_ACCEPT, &any, sizeof(any)))
		err(1, "OCKAM_ACCEPT");
	return fd;
}

#endif
