// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/* Sockets of the family under io_uring, and corners of epoll. */
#include <sys/mman.h>
#include <linux/io_uring.h>

#include "kselftest_harness.h"
#include "ockam_test.h"

#define BIG	(1u << 20)
#define ENTRIES	32

struct ring {
	int fd;
	void *map;
	size_t size;
	size_t sqe_size;
	struct io_uring_sqe *sqe;
	uint32_t *sq_tail, *sq_mask, *sq_array;
	uint32_t *cq_head, *cq_tail, *cq_mask;
	struct io_uring_cqe *cqe;
	unsigned int queued;
};

static int ring_open(struct ring *r)
{
	struct io_uring_params p = {};
	size_t a, b;

	r->fd = OT_ERR((int)syscall(SYS_io_uring_setup, ENTRIES, &p));
	if (r->fd < 0)
		return r->fd;
	if (!(p.features & IORING_FEAT_SINGLE_MMAP))
		return -ENOSYS;
	a = p.sq_off.array + p.sq_entries * sizeof(uint32_t);
	b = p.cq_off.cqes + p.cq_entries * sizeof(struct io_uring_cqe);
	r->size = a > b ? a : b;
	r->sqe_size = p.sq_entries * sizeof(*r->sqe);
	r->map = mmap(NULL, r->size, PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_POPULATE, r->fd, IORING_OFF_SQ_RING);
	r->sqe = mmap(NULL, r->sqe_size, PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_POPULATE, r->fd, IORING_OFF_SQES);
	if (r->map == MAP_FAILED || r->sqe == MAP_FAILED)
		return -errno;
	r->sq_tail = r->map + p.sq_off.tail;
	r->sq_mask = r->map + p.sq_off.ring_mask;
	r->sq_array = r->map + p.sq_off.array;
	r->cq_head = r->map + p.cq_off.head;
	r->cq_tail = r->map + p.cq_off.tail;
	r->cq_mask = r->map + p.cq_off.ring_mask;
	r->cqe = r->map + p.cq_off.cqes;
	r->queued = 0;
	return 0;
}

/* The mappings hold it, too. */
static void ring_close(struct ring *r)
{
	if (r->fd < 0)
		return;
	munmap(r->map, r->size);
	munmap(r->sqe, r->sqe_size);
	close(r->fd);
	r->fd = -1;
}

static void ring_add(struct ring *r, uint8_t op, int fd, void *addr,
		     uint32_t len, uint32_t msg_flags, uint64_t data)
{
	uint32_t tail = *r->sq_tail, i = tail & *r->sq_mask;
	struct io_uring_sqe *sqe = &r->sqe[i];

	memset(sqe, 0, sizeof(*sqe));
	sqe->opcode = op;
	sqe->fd = fd;
	sqe->addr = (uintptr_t)addr;
	sqe->len = len;
	sqe->msg_flags = msg_flags;
	sqe->user_data = data;
	r->sq_array[i] = i;
	__atomic_store_n(r->sq_tail, tail + 1, __ATOMIC_RELEASE);
	r->queued++;
}

/* Submits what was added; waits for @wait completions. */
static int ring_enter(struct ring *r, unsigned int wait)
{
	int n;

	n = OT_ERR((int)syscall(SYS_io_uring_enter, r->fd, r->queued, wait,
				wait ? IORING_ENTER_GETEVENTS : 0, NULL, 0));
	if (n >= 0)
		r->queued -= n;
	return n;
}

static bool ring_take(struct ring *r, struct io_uring_cqe *cqe)
{
	uint32_t head = *r->cq_head;

	if (head == __atomic_load_n(r->cq_tail, __ATOMIC_ACQUIRE))
		return false;
	*cqe = r->cqe[head & *r->cq_mask];
	__atomic_store_n(r->cq_head, head + 1, __ATOMIC_RELEASE);
	return true;
}

/* Lets the kernel run what it has for us, then looks. */
static bool ring_poll(struct ring *r, struct io_uring_cqe *cqe)
{
	syscall(SYS_io_uring_enter, r->fd, 0, 0, IORING_ENTER_GETEVENTS, NULL,
		0);
	return ring_take(r, cqe);
}

FIXTURE(uring) {
	struct ot_nl nl;
	struct ot_node before;
	struct ring ring;
	int err;
	int app;
	int sink;
};

FIXTURE_SETUP(uring)
{
	OT_NODE(&self->nl);
	self->err = ring_open(&self->ring);
	if (self->err == -ENOSYS || self->err == -EPERM)
		return;
	ASSERT_EQ(0, self->err);
	self->app = ot_worker("app", 0);
	self->sink = ot_worker("sink", 0);
	ASSERT_LE(0, self->app);
	ASSERT_LE(0, self->sink);
	OT_MARK(&self->nl, &self->before);
}

FIXTURE_TEARDOWN(uring)
{
	ot_nl_close(&self->nl);
	if (self->err)
		return;
	ring_close(&self->ring);
	close(self->app);
	if (self->sink >= 0)
		close(self->sink);
}

#define NEEDS_URING() do {						\
	if (self->err)							\
		SKIP(return, "no io_uring: %s", strerror(-self->err));	\
} while (0)

struct packet {
	struct msghdr msg;
	struct sockaddr_ockam sa;
	struct iovec iov;
	_Alignas(struct cmsghdr) char control[256];
};

static void packet(struct packet *p, const char *to, void *buf, size_t len)
{
	memset(p, 0, sizeof(*p));
	if (to)
		p->sa = ot_name(to);
	p->iov = (struct iovec){ buf, len };
	p->msg.msg_name = &p->sa;
	p->msg.msg_namelen = sizeof(p->sa);
	p->msg.msg_iov = &p->iov;
	p->msg.msg_iovlen = 1;
	if (!to) {
		p->msg.msg_control = p->control;
		p->msg.msg_controllen = sizeof(p->control);
	}
}

/*
 * Root's name under an ordinary user's socket: a ring that lends it, as a
 * service with a personality for each client does by mistake.
 */
TEST_F(uring, personality_is_a_loan)
{
	struct ring *r = &self->ring;
	struct io_uring_cqe cqe;
	struct ot_in in = {};
	struct packet out;
	char buf[16];
	int root, fd;

	NEEDS_URING();
	ASSERT_EQ(0, ot_set(self->sink, SOL_OCKAM, OCKAM_RECV_PEER, 1));
	root = OT_ERR((int)syscall(SYS_io_uring_register, r->fd,
				   IORING_REGISTER_PERSONALITY, NULL, 0));
	ASSERT_LT(0, root);
	ASSERT_EQ(0, ot_unroot());
	fd = ot_worker("users", 0);
	ASSERT_LE(0, fd);
	packet(&out, "sink", "hello", 5);

	/* As it is, then with root's name. */
	ring_add(r, IORING_OP_SENDMSG, fd, &out.msg, 1, 0, 1);
	ASSERT_EQ(1, ring_enter(r, 1));
	ASSERT_TRUE(ring_take(r, &cqe));
	EXPECT_EQ(5, cqe.res);
	ASSERT_EQ(5, ot_recvx(self->sink, &in, buf, 5, MSG_DONTWAIT));
	EXPECT_EQ(OT_UID, in.peer.uid);
	EXPECT_EQ(0, in.peer.flags);
	ring_add(r, IORING_OP_SENDMSG, fd, &out.msg, 1, 0, 2);
	r->sqe[(*r->sq_tail - 1) & *r->sq_mask].personality = root;
	ASSERT_EQ(1, ring_enter(r, 1));
	ASSERT_TRUE(ring_take(r, &cqe));
	EXPECT_EQ(2, cqe.user_data);
	EXPECT_EQ(5, cqe.res);
	ASSERT_EQ(5, ot_recvx(self->sink, &in, buf, 5, MSG_DONTWAIT));
	EXPECT_EQ(0, in.peer.uid);
	EXPECT_EQ(OCKAM_PEER_LENT, in.peer.flags);
	close(fd);
}

TEST_F(uring, send_and_receive)
{
	struct io_uring_cqe cqe;
	struct packet out, in;
	struct cmsghdr *c;
	char buf[16];

	NEEDS_URING();
	ASSERT_EQ(0, ot_set(self->sink, SOL_OCKAM, OCKAM_RECV_PEER, 1));
	packet(&out, "sink", "hello", 5);
	packet(&in, NULL, buf, sizeof(buf));
	ring_add(&self->ring, IORING_OP_SENDMSG, self->app, &out.msg, 1, 0, 1);
	ASSERT_EQ(1, ring_enter(&self->ring, 1));
	ASSERT_TRUE(ring_take(&self->ring, &cqe));
	EXPECT_EQ(1, cqe.user_data);
	EXPECT_EQ(5, cqe.res);
	ring_add(&self->ring, IORING_OP_RECVMSG, self->sink, &in.msg, 1, 0, 2);
	ASSERT_EQ(1, ring_enter(&self->ring, 1));
	ASSERT_TRUE(ring_take(&self->ring, &cqe));
	EXPECT_EQ(2, cqe.user_data);
	ASSERT_EQ(5, cqe.res);
	EXPECT_EQ(0, memcmp(buf, "hello", 5));
	EXPECT_TRUE(ot_is(&in.sa, "app"));
	c = CMSG_FIRSTHDR(&in.msg);
	ASSERT_NE(NULL, c);
	EXPECT_EQ(OCKAM_CMSG_PEER, c->cmsg_type);
	EXPECT_EQ(getpid(), ((struct ockam_peer *)CMSG_DATA(c))->pid);
	EXPECT_EQ(0, ((struct ockam_peer *)CMSG_DATA(c))->uid);
	EXPECT_LOSSLESS(&self->nl, &self->before);
}

TEST_F(uring, refusals)
{
	struct io_uring_cqe cqe;
	struct packet out;

	NEEDS_URING();
	packet(&out, "nobody", "x", 1);
	ring_add(&self->ring, IORING_OP_SENDMSG, self->app, &out.msg, 1, 0, 1);
	ASSERT_EQ(1, ring_enter(&self->ring, 1));
	ASSERT_TRUE(ring_take(&self->ring, &cqe));
	EXPECT_EQ(-EHOSTUNREACH, cqe.res);
	EXPECT_DROPPED(&self->nl, &self->before, OCKAM_DROP_NO_WORKER, 1);
	out.sa.sok_flags = 4;
	ring_add(&self->ring, IORING_OP_SENDMSG, self->app, &out.msg, 1, 0, 2);
	ASSERT_EQ(1, ring_enter(&self->ring, 1));
	ASSERT_TRUE(ring_take(&self->ring, &cqe));
	EXPECT_EQ(-EINVAL, cqe.res);
	ring_add(&self->ring, IORING_OP_SEND, self->app, "x", 1, 0, 3);
	ASSERT_EQ(1, ring_enter(&self->ring, 1));
	ASSERT_TRUE(ring_take(&self->ring, &cqe));
	EXPECT_EQ(-EDESTADDRREQ, cqe.res);
	EXPECT_TRUE(ot_empty(self->sink));
}

TEST_F(uring, receive_waits_for_a_message)
{
	struct io_uring_cqe cqe;
	struct packet in;
	char buf[16];

	NEEDS_URING();
	packet(&in, NULL, buf, sizeof(buf));
	ring_add(&self->ring, IORING_OP_RECVMSG, self->sink, &in.msg, 1, 0, 7);
	ASSERT_EQ(1, ring_enter(&self->ring, 0));
	EXPECT_FALSE(ring_poll(&self->ring, &cqe));
	ASSERT_EQ(2, ot_say(self->app, "sink", "hi"));
	ASSERT_TRUE(OT_WAIT(ring_poll(&self->ring, &cqe)));
	EXPECT_EQ(7, cqe.user_data);
	EXPECT_EQ(2, cqe.res);
	EXPECT_TRUE(ot_is(&in.sa, "app"));
	EXPECT_TRUE(ot_empty(self->sink));
}

/* A full destination: the request is armed like a poller and goes on alone. */
TEST_F(uring, send_waits_for_room)
{
	static char big[BIG];
	struct io_uring_cqe cqe;
	struct packet out;
	char c;

	NEEDS_URING();
	ASSERT_EQ(BIG, ot_send(self->app, "sink", big, BIG, 0));
	packet(&out, "sink", "late", 4);
	ring_add(&self->ring, IORING_OP_SENDMSG, self->app, &out.msg, 1, 0, 9);
	ASSERT_EQ(1, ring_enter(&self->ring, 0));
	EXPECT_FALSE(ring_poll(&self->ring, &cqe));
	usleep(20000);
	EXPECT_FALSE(ring_poll(&self->ring, &cqe));
	ASSERT_EQ(1, ot_recv(self->sink, &c, 1, 0));
	ASSERT_TRUE(OT_WAIT(ring_poll(&self->ring, &cqe)));
	EXPECT_EQ(9, cqe.user_data);
	EXPECT_EQ(4, cqe.res);
	EXPECT_TRUE(ot_hears(self->sink, "late"));
	EXPECT_LOSSLESS(&self->nl, &self->before);
}

TEST_F(uring, send_ends_when_the_destination_closes)
{
	static char big[BIG];
	struct io_uring_cqe cqe;
	struct packet out;

	NEEDS_URING();
	ASSERT_EQ(BIG, ot_send(self->app, "sink", big, BIG, 0));
	packet(&out, "sink", "late", 4);
	ring_add(&self->ring, IORING_OP_SENDMSG, self->app, &out.msg, 1, 0, 9);
	ASSERT_EQ(1, ring_enter(&self->ring, 0));
	EXPECT_FALSE(ring_poll(&self->ring, &cqe));
	close(self->sink);
	self->sink = -1;
	ASSERT_TRUE(OT_WAIT(ring_poll(&self->ring, &cqe)));
	EXPECT_EQ(-EHOSTUNREACH, cqe.res);
}

/* ---- buffers that the ring chooses, several messages by one request ---- */

#define GROUP		3
#define BUFS		4
#define BUF		1024

static struct io_uring_sqe *ring_last(struct ring *r)
{
	return &r->sqe[(*r->sq_tail - 1) & *r->sq_mask];
}

static int ring_provide(struct ring *r, void *bufs)
{
	struct io_uring_cqe cqe;
	int n;

	ring_add(r, IORING_OP_PROVIDE_BUFFERS, BUFS, bufs, BUF, 0, 99);
	ring_last(r)->buf_group = GROUP;
	n = ring_enter(r, 1);
	if (n != 1 || !ring_take(r, &cqe))
		return -EPROTO;
	return cqe.res;
}

static void ring_select(struct ring *r, uint16_t ioprio)
{
	ring_last(r)->flags |= IOSQE_BUFFER_SELECT;
	ring_last(r)->buf_group = GROUP;
	ring_last(r)->ioprio = ioprio;
}

TEST_F(uring, provided_buffers)
{
	static char bufs[BUFS][BUF];
	struct ring *r = &self->ring;
	struct io_uring_cqe cqe;

	NEEDS_URING();
	ASSERT_LE(0, ring_provide(r, bufs));
	ring_add(r, IORING_OP_RECV, self->sink, NULL, BUF, 0, 1);
	ring_select(r, 0);
	ASSERT_EQ(1, ring_enter(r, 0));
	ASSERT_EQ(5, ot_say(self->app, "sink", "hello"));
	ASSERT_TRUE(OT_WAIT(ring_poll(r, &cqe)));
	EXPECT_EQ(1, cqe.user_data);
	ASSERT_EQ(5, cqe.res);
	ASSERT_TRUE(cqe.flags & IORING_CQE_F_BUFFER);
	EXPECT_EQ(0, memcmp(bufs[cqe.flags >> IORING_CQE_BUFFER_SHIFT],
			    "hello", 5));
}

TEST_F(uring, multishot_recv)
{
	static char bufs[BUFS][BUF];
	struct ring *r = &self->ring;
	struct io_uring_cqe cqe;
	char text[2] = "a";
	int i;

	NEEDS_URING();
	ASSERT_LE(0, ring_provide(r, bufs));
	ring_add(r, IORING_OP_RECV, self->sink, NULL, 0, 0, 1);
	ring_select(r, IORING_RECV_MULTISHOT);
	ASSERT_EQ(1, ring_enter(r, 0));
	for (i = 0; i < BUFS; i++) {
		text[0] = 'a' + i;
		ASSERT_EQ(1, ot_say(self->app, "sink", text));
		ASSERT_TRUE(OT_WAIT(ring_poll(r, &cqe)));
		EXPECT_EQ(1, cqe.user_data);
		ASSERT_EQ(1, cqe.res);
		ASSERT_TRUE(cqe.flags & IORING_CQE_F_BUFFER);
		EXPECT_TRUE(cqe.flags & IORING_CQE_F_MORE);
		EXPECT_EQ(text[0],
			  bufs[cqe.flags >> IORING_CQE_BUFFER_SHIFT][0]);
	}
	/* No buffer is left: it ends, and the message stays. */
	ASSERT_EQ(1, ot_say(self->app, "sink", "z"));
	ASSERT_TRUE(OT_WAIT(ring_poll(r, &cqe)));
	EXPECT_EQ(-ENOBUFS, cqe.res);
	EXPECT_FALSE(cqe.flags & IORING_CQE_F_MORE);
	EXPECT_TRUE(ot_hears(self->sink, "z"));
}

TEST_F(uring, multishot_recvmsg)
{
	static _Alignas(8) char bufs[BUFS][BUF];
	struct ring *r = &self->ring;
	struct msghdr msg = { .msg_namelen = sizeof(struct sockaddr_ockam) };
	const struct io_uring_recvmsg_out *out;
	struct io_uring_cqe cqe;
	const char *p;
	int i;

	NEEDS_URING();
	ASSERT_LE(0, ring_provide(r, bufs));
	ring_add(r, IORING_OP_RECVMSG, self->sink, &msg, 1, 0, 1);
	ring_select(r, IORING_RECV_MULTISHOT);
	ASSERT_EQ(1, ring_enter(r, 0));
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(5, ot_say(self->app, "sink", "hello"));
		ASSERT_TRUE(OT_WAIT(ring_poll(r, &cqe)));
		ASSERT_LT(0, cqe.res);
		EXPECT_TRUE(cqe.flags & IORING_CQE_F_MORE);
		out = (void *)bufs[cqe.flags >> IORING_CQE_BUFFER_SHIFT];
		p = (const char *)(out + 1);
		EXPECT_EQ(OT_HEAD + 2 + 3, out->namelen);
		EXPECT_EQ(5, out->payloadlen);
		EXPECT_EQ(0, memcmp(p + OT_HEAD, "\0\3app", 5));
		EXPECT_EQ(0, memcmp(p + sizeof(struct sockaddr_ockam), "hello",
				    5));
	}
}

/* As sockets that do not know it: nothing is sent, and the buffer is free. */
TEST_F(uring, zero_copy_is_refused)
{
	struct sockaddr_ockam sa = ot_name("sink");
	struct ring *r = &self->ring;
	struct io_uring_cqe cqe;

	NEEDS_URING();
	ring_add(r, IORING_OP_SEND_ZC, self->app, "hello", 5, 0, 1);
	ring_last(r)->addr2 = (uintptr_t)&sa;
	ring_last(r)->addr_len = sizeof(sa);
	ASSERT_EQ(1, ring_enter(r, 1));
	ASSERT_TRUE(ring_take(r, &cqe));
	EXPECT_EQ(-EOPNOTSUPP, cqe.res);
	if (cqe.flags & IORING_CQE_F_MORE) {
		ASSERT_TRUE(OT_WAIT(ring_poll(r, &cqe)));
		EXPECT_TRUE(cqe.flags & IORING_CQE_F_NOTIF);
	}
	EXPECT_TRUE(ot_empty(self->sink));
	EXPECT_EQ(-EOPNOTSUPP, ot_set(self->app, SOL_SOCKET, SO_ZEROCOPY, 1));
	EXPECT_UNCOUNTED(&self->nl, &self->before);
}

TEST_F(uring, not_waiting_when_told_so)
{
	static char big[BIG];
	struct io_uring_cqe cqe;
	struct packet out;

	NEEDS_URING();
	ASSERT_EQ(BIG, ot_send(self->app, "sink", big, BIG, 0));
	packet(&out, "sink", "late", 4);
	ring_add(&self->ring, IORING_OP_SENDMSG, self->app, &out.msg, 1,
		 MSG_DONTWAIT, 9);
	ASSERT_EQ(1, ring_enter(&self->ring, 1));
	ASSERT_TRUE(ring_take(&self->ring, &cqe));
	EXPECT_EQ(-EAGAIN, cqe.res);
}

/* Closed with requests under way. */
TEST_F(uring, closing_the_ring)
{
	static char big[BIG];
	struct packet out, in;
	char buf[8], c;

	NEEDS_URING();
	ASSERT_EQ(BIG, ot_send(self->app, "sink", big, BIG, 0));
	packet(&out, "sink", "late", 4);
	packet(&in, NULL, buf, sizeof(buf));
	ring_add(&self->ring, IORING_OP_SENDMSG, self->app, &out.msg, 1, 0, 1);
	ring_add(&self->ring, IORING_OP_RECVMSG, self->app, &in.msg, 1, 0, 2);
	ASSERT_EQ(2, ring_enter(&self->ring, 0));
	ring_close(&self->ring);
	/* The requests are cancelled later; then messages come here again. */
	ASSERT_EQ(1, ot_recv(self->sink, &c, 1, 0));
	EXPECT_TRUE(OT_WAIT(ot_say(self->sink, "app", "x") == 1 &&
			    ot_hears(self->app, "x")));
	/* All or nothing of what was to be sent. */
	EXPECT_TRUE(ot_empty(self->sink) || ot_hears(self->sink, "late"));
	EXPECT_TRUE(ot_empty(self->sink));
}

/* ---- epoll ---- */

FIXTURE(ep) {
	struct ot_nl nl;
	int app;
	int sink;
	int ep;
};

FIXTURE_SETUP(ep)
{
	OT_NODE(&self->nl);
	self->app = ot_worker("app", SOCK_NONBLOCK);
	self->sink = ot_worker("sink", SOCK_NONBLOCK);
	self->ep = epoll_create1(EPOLL_CLOEXEC);
	ASSERT_LE(0, self->app);
	ASSERT_LE(0, self->sink);
	ASSERT_LE(0, self->ep);
}

FIXTURE_TEARDOWN(ep)
{
	close(self->ep);
	close(self->app);
	close(self->sink);
	ot_nl_close(&self->nl);
}

static int watch(int ep, int fd, uint32_t events)
{
	struct epoll_event ev = { .events = events, .data.fd = fd };

	return OT_ERR(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev));
}

/* Events at once, or -1. */
static int now(int ep)
{
	struct epoll_event ev;

	return epoll_wait(ep, &ev, 1, 0) == 1 ? (int)ev.events : -1;
}

TEST_F(ep, an_edge_for_each_message)
{
	ASSERT_EQ(0, watch(self->ep, self->sink, EPOLLIN | EPOLLET));
	EXPECT_EQ(-1, now(self->ep));
	ASSERT_EQ(1, ot_say(self->app, "sink", "1"));
	EXPECT_EQ(EPOLLIN, now(self->ep));
	EXPECT_EQ(-1, now(self->ep));
	ASSERT_EQ(1, ot_say(self->app, "sink", "2"));
	EXPECT_EQ(EPOLLIN, now(self->ep));
	EXPECT_TRUE(ot_hears(self->sink, "1"));
	EXPECT_EQ(-1, now(self->ep));
	EXPECT_TRUE(ot_hears(self->sink, "2"));
	EXPECT_EQ(-1, now(self->ep));
}

TEST_F(ep, one_shot)
{
	struct epoll_event ev = { .events = EPOLLIN | EPOLLONESHOT };

	ASSERT_EQ(0, watch(self->ep, self->sink, EPOLLIN | EPOLLONESHOT));
	ASSERT_EQ(1, ot_say(self->app, "sink", "1"));
	EXPECT_EQ(EPOLLIN, now(self->ep));
	ASSERT_EQ(1, ot_say(self->app, "sink", "2"));
	EXPECT_EQ(-1, now(self->ep));
	ASSERT_EQ(0, epoll_ctl(self->ep, EPOLL_CTL_MOD, self->sink, &ev));
	EXPECT_EQ(EPOLLIN, now(self->ep));
}

/* An edge for room comes once, when there is some. */
TEST_F(ep, an_edge_for_room)
{
	static char big[BIG];
	char c;

	ASSERT_EQ(0, watch(self->ep, self->app, EPOLLOUT | EPOLLET));
	EXPECT_EQ(EPOLLOUT, now(self->ep));
	EXPECT_EQ(-1, now(self->ep));
	ASSERT_EQ(BIG, ot_send(self->app, "sink", big, BIG, 0));
	ASSERT_EQ(-EAGAIN, ot_say(self->app, "sink", "x"));
	EXPECT_EQ(-1, now(self->ep));
	ASSERT_EQ(1, ot_recv(self->sink, &c, 1, 0));
	EXPECT_EQ(EPOLLOUT, now(self->ep));
	EXPECT_EQ(-1, now(self->ep));
	EXPECT_EQ(1, ot_say(self->app, "sink", "x"));
}

/* Epoll in epoll, and the blocked socket watched twice. */
TEST_F(ep, nested)
{
	int outer = epoll_create1(EPOLL_CLOEXEC);
	int other = epoll_create1(EPOLL_CLOEXEC);
	static char big[BIG];
	char c;

	ASSERT_LE(0, outer);
	ASSERT_LE(0, other);
	ASSERT_EQ(0, watch(self->ep, self->app, EPOLLOUT));
	ASSERT_EQ(0, watch(other, self->app, EPOLLOUT));
	ASSERT_EQ(0, watch(outer, self->ep, EPOLLIN));
	EXPECT_EQ(EPOLLIN, now(outer));
	ASSERT_EQ(BIG, ot_send(self->app, "sink", big, BIG, 0));
	ASSERT_EQ(-EAGAIN, ot_say(self->app, "sink", "x"));
	EXPECT_EQ(-1, now(self->ep));
	EXPECT_EQ(-1, now(outer));
	EXPECT_EQ(-1, now(other));
	ASSERT_EQ(1, ot_recv(self->sink, &c, 1, 0));
	EXPECT_EQ(EPOLLOUT, now(self->ep));
	EXPECT_EQ(EPOLLIN, now(outer));
	EXPECT_EQ(EPOLLOUT, now(other));
	close(outer);
	close(other);
}

TEST_F(ep, closed_while_watched_and_blocked)
{
	static char big[BIG];
	char c;

	ASSERT_EQ(0, watch(self->ep, self->app, EPOLLOUT | EPOLLIN));
	ASSERT_EQ(BIG, ot_send(self->app, "sink", big, BIG, 0));
	ASSERT_EQ(-EAGAIN, ot_say(self->app, "sink", "x"));
	close(self->app);
	self->app = -1;
	ASSERT_EQ(1, ot_recv(self->sink, &c, 1, 0));
	EXPECT_EQ(-1, now(self->ep));
}

TEST_HARNESS_MAIN
