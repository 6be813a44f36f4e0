// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Memory of delivered messages is kept for the next ones (kmod/router/spare.c): how
 * much, that nothing of one is in the next, and that it goes when memory is short.
 */
#include "kselftest_harness.h"
#include "ockam_test.h"

#define BURST	200
/* Of small, middle and large ones, on each processor. */
#define MOST	(64 + 8 + 2)

static const size_t sizes[] = { 0, 1, 64, 700, 3000, 16500, 100000 };

FIXTURE(spare) {
	int from;
	int to;
};

FIXTURE_SETUP(spare)
{
	self->from = ot_worker("from", 0);
	self->to = ot_worker("to", 0);
	ASSERT_LE(0, self->from);
	ASSERT_LE(0, self->to);
}

FIXTURE_TEARDOWN(spare)
{
	close(self->from);
	close(self->to);
}

static long kept(void)
{
	FILE *f = fopen("/sys/module/ockam/parameters/spares", "r");
	long n = -1;

	if (!f)
		return -1;
	if (fscanf(f, "%ld", &n) != 1)
		n = -1;
	fclose(f);
	return n;
}

static int drop_caches(void)
{
	return ot_write("/proc/sys/vm/drop_caches", "2");
}

/* As many as there is room for at a time, until there were @n. */
static bool talk(int from, int to, size_t size, unsigned int n)
{
	static char out[100000], in[100001];
	unsigned int sent = 0, got = 0;

	while (got < n) {
		while (sent < n) {
			ot_fill(out, size, sent);
			if (ot_send(from, "to", out, size,
				    MSG_DONTWAIT) != (ssize_t)size)
				break;
			sent++;
		}
		if (ot_recv(to, in, sizeof(in), MSG_DONTWAIT) !=
		    (ssize_t)size || !ot_filled(in, size, got))
			return false;
		got++;
	}
	return true;
}

TEST_F(spare, is_given_back)
{
	const char *kernel = getenv("OCKAM_VM_KERNEL");
	bool kasan = kernel && !strcmp(kernel, "debug");
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	unsigned int i;

	ASSERT_LE(0, kept());
	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		ASSERT_TRUE(talk(self->from, self->to, sizes[i], BURST));
	EXPECT_EQ(kasan, !kept());
	EXPECT_GE(MOST * cpus, kept());

	ASSERT_EQ(0, drop_caches());
	EXPECT_EQ(0, kept());
	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		ASSERT_TRUE(talk(self->from, self->to, sizes[i], BURST));
	EXPECT_GE(MOST * cpus, kept());
}

static long drop_often(void *arg)
{
	volatile bool *stop = arg;
	long n = 0;

	for (; !*stop; n++)
		if (drop_caches())
			return -1;
	return n;
}

/* Meanwhile messages come and go. */
TEST_F(spare, goes_at_any_time)
{
	volatile bool stop = false;
	struct ot_task task;
	unsigned int i;

	ASSERT_EQ(0, ot_task_start(&task, drop_often, (void *)&stop));
	for (i = 0; i < 20; i++)
		EXPECT_TRUE(talk(self->from, self->to, 64 + i, 50));
	stop = true;
	EXPECT_LE(0, ot_task_end(&task));
}

TEST_HARNESS_MAIN
