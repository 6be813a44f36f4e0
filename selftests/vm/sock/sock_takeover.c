// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Rare moments in the core of the family: who peeks at a message while a
 * reader, or a channel, takes it; who waits for a socket that is taken over;
 * tracing with the longest routes.
 *
 * Somebody who peeks is stopped in the middle of it by a page that is not
 * there yet.
 */
#include <linux/perf_event.h>
#include <linux/userfaultfd.h>
#include <sys/mman.h>

#include "kselftest_harness.h"
#include "nl.h"
#include "ockam_test.h"

static const char key1[] =
	"4349aa5f460aca550b37ce55d3f7ad8f2d4747084b6c62e15c523568ebafe860";
static const char key2[] =
	"831124fa3e1606b97f5cda4d81c3aa04c7c0151666f05f49a09cd0faf63a05d8";
/* "Hello Ockam!" to echoer with key2 and nonce 0 (protocol.rst). */
static const char nonce0[] =
	"0000000000000000730a7fb64a78d67042e6e239c46e13d84c96427982db8ee5"
	"27d457a5b1b46036fe83858cf8d5eb4e0a59a378f37ac53d75ea0431fb";

static size_t unhex(uint8_t *to, const char *hex)
{
	unsigned int v;
	size_t n;

	for (n = 0; sscanf(hex + 2 * n, "%2x", &v) == 1; n++)
		to[n] = v;
	return n;
}

/* ---- a page that is not there yet ---- */

struct late_page {
	int		fd;
	uint8_t		*addr;
	size_t		size;
};

static bool late_page_new(struct late_page *p)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = { .mode = UFFDIO_REGISTER_MODE_MISSING };

	p->size = sysconf(_SC_PAGESIZE);
	p->fd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	if (p->fd < 0)
		return false;
	p->addr = mmap(NULL, p->size, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p->addr == MAP_FAILED || ioctl(p->fd, UFFDIO_API, &api))
		return false;
	reg.range.start = (uintptr_t)p->addr;
	reg.range.len = p->size;
	return !ioctl(p->fd, UFFDIO_REGISTER, &reg);
}

/* Is somebody waiting for it? */
static bool late_page_wanted(struct late_page *p)
{
	return ot_poll(p->fd, POLLIN, ot_limit(10000)) & POLLIN;
}

static int late_page_comes(struct late_page *p)
{
	struct uffdio_zeropage zero = {
		.range = { .start = (uintptr_t)p->addr, .len = p->size },
	};

	return OT_ERR(ioctl(p->fd, UFFDIO_ZEROPAGE, &zero));
}

static void late_page_free(struct late_page *p)
{
	munmap(p->addr, p->size);
	close(p->fd);
}

struct peek {
	int			fd;
	struct late_page	page;
};

static long peek(void *arg)
{
	struct peek *p = arg;

	return ot_recv(p->fd, p->page.addr, p->page.size, MSG_PEEK);
}

static long send_big(void *arg)
{
	static uint8_t buf[4096];

	return ot_send(*(int *)arg, "w", buf, sizeof(buf), 0);
}

/* ---- a node of its own ---- */

FIXTURE(core)
{
	struct ockam_nl *nl;
	struct ot_nl stats;
};

FIXTURE_SETUP(core)
{
	ASSERT_EQ(0, unshare(CLONE_NEWNET));
	ASSERT_EQ(0, ockam_nl_open(&self->nl));
	ASSERT_EQ(0, ot_nl_open(&self->stats));
}

FIXTURE_TEARDOWN(core)
{
	/* The next test uses the same keys, and namespaces go slowly. */
	ockam_nl_channel_flush(self->nl);
	ockam_nl_close(self->nl);
	ot_nl_close(&self->stats);
}

/* A responder's channel that takes @fd over; its peer is worker "mallory". */
static int take_over(struct ockam_nl *nl, int fd)
{
	struct ockam_nl_channel ch = { .role = OCKAM_ROLE_RESPONDER };
	struct ot_route enc = ot_route("E", NULL);
	struct ot_route route = ot_route("mallory", NULL);

	unhex(ch.tx_key, key1);
	unhex(ch.rx_key, key2);
	ch.encryptor.len = enc.len;
	memcpy(ch.encryptor.data, enc.data, enc.len);
	ch.route.len = route.len;
	memcpy(ch.route.data, route.data, route.len);
	ch.handshake_fd = fd;
	memset(ch.identifier, 0x11, sizeof(ch.identifier));
	ockam_nl_mark(&ch, OCKAM_A_CHANNEL_TX_KEY);
	ockam_nl_mark(&ch, OCKAM_A_CHANNEL_RX_KEY);
	ockam_nl_mark(&ch, OCKAM_A_CHANNEL_ROLE);
	ockam_nl_mark(&ch, OCKAM_A_CHANNEL_ENCRYPTOR);
	ockam_nl_mark(&ch, OCKAM_A_CHANNEL_ROUTE);
	ockam_nl_mark(&ch, OCKAM_A_CHANNEL_IDENTIFIER);
	ockam_nl_mark(&ch, OCKAM_A_CHANNEL_HANDSHAKE_FD);
	return ockam_nl_channel_new(nl, &ch);
}

/* Fills worker "w" from @fd. */
static int fill(int fd)
{
	uint8_t buf[4096] = {};
	int i, n = 0;

	for (i = 0; i < 10000 && n >= 0; i++)
		n = ot_send(fd, "w", buf, sizeof(buf), MSG_DONTWAIT);
	return n;
}

TEST_F(core, takeover_frees_who_waits)
{
	int hs, blocked, polled;
	struct ot_task t;

	hs = ot_worker("w", 0);
	blocked = ot_worker("mallory", 0);
	polled = ot_worker(NULL, 0);
	ASSERT_EQ(0, ot_set(hs, SOL_OCKAM, OCKAM_HANDSHAKE, 1));
	ASSERT_EQ(-EAGAIN, fill(polled));
	ASSERT_EQ(0, ot_poll(polled, POLLOUT, 0));
	ASSERT_EQ(0, ot_task_start(&t, send_big, &blocked));
	ASSERT_EQ(true, ot_task_blocks(&t, SYS_sendmsg));

	ASSERT_EQ(0, take_over(self->nl, hs)) {
		TH_LOG("%s", ockam_nl_error(self->nl));
	}
	EXPECT_EQ(4096, ot_task_end(&t));
	EXPECT_EQ(POLLOUT, ot_poll(polled, POLLOUT, ot_limit(10000)));
	close(hs);
	close(blocked);
	close(polled);
}

/* Nobody sees a message change under him. */
TEST_F(core, takeover_while_peeking)
{
	uint8_t msg[sizeof(nonce0) / 2], buf[64];
	size_t len = unhex(msg, nonce0);
	int hs, mallory, echoer;
	struct peek p;
	struct ot_task t;

	if (!late_page_new(&p.page))
		SKIP(return, "no userfaultfd");
	hs = ot_worker("w", 0);
	mallory = ot_worker("mallory", 0);
	echoer = ot_worker("echoer", 0);
	ASSERT_EQ(0, ot_accept(echoer, OCKAM_ACCEPT_CHANNELS));
	ASSERT_EQ(0, ot_set(hs, SOL_OCKAM, OCKAM_HANDSHAKE, 1));
	ASSERT_EQ((ssize_t)len, ot_send(mallory, "w", msg, len, 0));

	p.fd = hs;
	ASSERT_EQ(0, ot_task_start(&t, peek, &p));
	ASSERT_EQ(true, late_page_wanted(&p.page));
	ASSERT_EQ(0, take_over(self->nl, hs)) {
		TH_LOG("%s", ockam_nl_error(self->nl));
	}
	/* That one was lost to the program; it may come again. */
	ASSERT_EQ((ssize_t)len, ot_send(mallory, "w", msg, len, 0));
	ASSERT_EQ(POLLIN, ot_poll(echoer, POLLIN, ot_limit(10000)));
	EXPECT_EQ(13, ot_recv(echoer, buf, sizeof(buf), MSG_DONTWAIT));
	EXPECT_EQ(1, ot_drop(&self->stats, OCKAM_DROP_NAME_GONE));
	EXPECT_EQ(0, ot_drop(&self->stats, OCKAM_DROP_REPLAYED));

	ASSERT_EQ(0, late_page_comes(&p.page) < 0);
	ASSERT_EQ((long)len, ot_task_end(&t));
	EXPECT_EQ(0, memcmp(p.page.addr, msg, len));
	late_page_free(&p.page);
	close(hs);
	close(mallory);
	close(echoer);
}

/* Who peeked had the last message, so it was he who made room. */
TEST_F(core, last_one_was_peeking)
{
	static uint8_t buf[4096];
	struct ot_task peeker, sender;
	struct peek p;
	int w, s;

	if (!late_page_new(&p.page))
		SKIP(return, "no userfaultfd");
	w = ot_worker("w", 0);
	s = ot_worker(NULL, 0);
	/* So little that one message fills it. */
	ASSERT_EQ(0, ot_set(w, SOL_SOCKET, SO_RCVBUF, 1024));
	ASSERT_EQ(4096, ot_send(s, "w", buf, sizeof(buf), 0));
	ASSERT_EQ(-EAGAIN, ot_send(s, "w", buf, sizeof(buf), MSG_DONTWAIT));

	p.fd = w;
	ASSERT_EQ(0, ot_task_start(&peeker, peek, &p));
	ASSERT_EQ(true, late_page_wanted(&p.page));
	ASSERT_EQ(4096, ot_recv(w, buf, sizeof(buf), 0));
	ASSERT_EQ(0, ot_task_start(&sender, send_big, &s));
	ASSERT_EQ(true, ot_task_blocks(&sender, SYS_sendmsg));

	ASSERT_EQ(0, late_page_comes(&p.page) < 0);
	EXPECT_EQ(4096, ot_task_end(&peeker));
	EXPECT_EQ(4096, ot_task_end(&sender));
	late_page_free(&p.page);
	close(w);
	close(s);
}

/* ---- tracing ---- */

static int event_open(const char *name)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_TRACEPOINT,
		.size = sizeof(attr),
		.sample_period = 1,
		.sample_type = PERF_SAMPLE_RAW,
	};
	char path[128];
	unsigned int id;
	FILE *f;

	snprintf(path, sizeof(path),
		 "/sys/kernel/tracing/events/ockam/%s/id", name);
	f = fopen(path, "r");
	if (!f)
		return -errno;
	if (fscanf(f, "%u", &id) != 1)
		id = 0;
	fclose(f);
	attr.config = id;
	return OT_ERR((int)syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0));
}

/* As long as a route can be. */
static struct ot_route longest(const char *first)
{
	struct ot_route r = {};
	uint8_t name[255];

	memset(name, 'x', sizeof(name));
	ot_local(&r, first);
	while (r.len + 2 + 254 <= OCKAM_ROUTE_MAX)
		ot_hop(&r, OCKAM_TYPE_LOCAL, name, 254);
	if (OCKAM_ROUTE_MAX - r.len > 2)
		ot_hop(&r, OCKAM_TYPE_LOCAL, name, OCKAM_ROUTE_MAX - r.len - 2);
	return r;
}

TEST_F(core, longest_event)
{
	struct ot_route onward = longest("w"), ret = longest("me");
	uint64_t count = 0;
	int w, s, event;

	event = event_open("ockam_send");
	if (event < 0)
		SKIP(return, "no trace events for perf");
	w = ot_worker("w", 0);
	s = ot_worker(NULL, 0);
	ASSERT_EQ(OCKAM_ROUTE_MAX, onward.len);
	ASSERT_EQ(0, ot_accept(w, OCKAM_ACCEPT_FORWARDED));
	ASSERT_EQ(1, ot_sendx(s, ot_out(.onward = &onward, .ret = &ret), "x",
			      1));
	ASSERT_EQ(sizeof(count), read(event, &count, sizeof(count)));
	EXPECT_EQ(1, count);
	close(event);
	close(w);
	close(s);
}

TEST_HARNESS_MAIN
