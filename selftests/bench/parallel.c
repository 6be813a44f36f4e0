// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Senders on different channels of one link, side by side: what a busy processor
 * sends while another one does the same.
 *
 *	parallel CLIENT_NS SERVER_NS CHANNEL CHANNEL
 *
 * Each sender has a processor and shares it with whoever takes its messages.  One
 * works alone, then both do, in short turns, so that whatever else this machine does
 * falls on both alike; what counts is the best turn of each.  Prints messages a second
 * of one, and of both.
 */
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "bench.h"

#define SIZE		64
#define TURNS		20
#define TURN_NS		500000000ULL

/* Shared by all processes. */
static struct {
	/* Sender @i sends in turns in which @on[i] is set. */
	atomic_bool on[2];
	atomic_ulong received[2];
} *shared;

static void use_processor(int i)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(i, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		err(1, "processor %d", i);
}

static void take(int i, int fd)
{
	char buf[SIZE];

	use_processor(i);
	for (;;) {
		if (recv(fd, buf, sizeof(buf), 0) != SIZE)
			err(1, "recv");
		atomic_fetch_add(&shared->received[i], 1);
	}
}

static void give(int i, const char *channel, const char *name)
{
	struct sockaddr_ockam to = { .sok_family = AF_OCKAM };
	int fd = bench_worker(NULL);
	char buf[SIZE] = {};
	size_t len = 0;

	use_processor(i);
	bench_add_hop(&to, &len, channel);
	bench_add_hop(&to, &len, name);
	len += offsetof(struct sockaddr_ockam, sok_hops);
	for (;;) {
		if (!atomic_load(&shared->on[i])) {
			usleep(1000);
			continue;
		}
		if (sendto(fd, buf, SIZE, 0, (struct sockaddr *)&to, len) != SIZE)
			err(1, "sendto");
	}
}

/* Messages a second with @n senders. */
static double turn(int n)
{
	unsigned long long t, took;
	unsigned long before;
	double rate;

	atomic_store(&shared->on[0], true);
	atomic_store(&shared->on[1], n == 2);
	usleep(50000);
	before = shared->received[0] + shared->received[1];
	t = bench_now();
	usleep(TURN_NS / 1000);
	took = bench_now() - t;
	rate = (shared->received[0] + shared->received[1] - before) * 1e9 / took;
	atomic_store(&shared->on[0], false);
	atomic_store(&shared->on[1], false);
	/* What is on its way is not the next turn's. */
	usleep(50000);
	return rate;
}

int main(int argc, char **argv)
{
	const char *name[2] = { "taker-0", "taker-1" };
	double best[2] = {};
	pid_t pid[4];
	int i, fd[2];

	if (argc != 5)
		errx(2, "usage: parallel CLIENT_NS SERVER_NS CHANNEL CHANNEL");
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		err(1, "mmap");
	bench_enter(argv[2]);
	for (i = 0; i < 2; i++)
		fd[i] = bench_worker(name[i]);
	bench_enter(argv[1]);
	for (i = 0; i < 2; i++) {
		pid[i] = fork();
		if (!pid[i])
			take(i, fd[i]);
		pid[2 + i] = fork();
		if (!pid[2 + i])
			give(i, argv[3 + i], name[i]);
	}
	for (i = 0; i < 2 * TURNS; i++) {
		double rate = turn(1 + i % 2);

		if (rate > best[i % 2])
			best[i % 2] = rate;
	}
	for (i = 0; i < 4; i++) {
		kill(pid[i], SIGKILL);
		waitpid(pid[i], NULL, 0);
	}
	printf("alone %.0f\nside_by_side %.0f\n", best[0], best[1]);
	return best[0] <= 0 || best[1] <= 0;
}
