// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Who has a descriptor of a socket that was handed over, and with it the
 * socket's lock for as long as he likes: he asks for an option, to be copied
 * to a page that never comes.  Nobody else may wait for him.
 */
#include <linux/filter.h>
#include <linux/userfaultfd.h>
#include <sys/mman.h>

#include "kselftest_harness.h"
#include "link_test.h"

/**
 * struct page_ - a page that comes when the test says so
 * @at: where
 * @uffd: who touches it is told to this
 */
struct page_ {
	void	*at;
	int	uffd;
};

static int page_new(struct page_ *p)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = {
		.mode = UFFDIO_REGISTER_MODE_MISSING,
		.range.len = getpagesize(),
	};

	p->uffd = syscall(__NR_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	if (p->uffd < 0)
		return -errno;
	p->at = mmap(NULL, getpagesize(), PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p->at == MAP_FAILED)
		return -errno;
	reg.range.start = (unsigned long)p->at;
	return OT_ERR(ioctl(p->uffd, UFFDIO_API, &api)) ?:
	       OT_ERR(ioctl(p->uffd, UFFDIO_REGISTER, &reg));
}

/* Somebody touches it, and waits. */
static bool page_is_missed(const struct page_ *p)
{
	struct uffd_msg msg;

	return ot_poll(p->uffd, POLLIN, 10000) == POLLIN &&
	       read(p->uffd, &msg, sizeof(msg)) == sizeof(msg) &&
	       msg.event == UFFD_EVENT_PAGEFAULT;
}

static bool page_come(const struct page_ *p)
{
	struct uffdio_zeropage zero = {
		.range = { (unsigned long)p->at, getpagesize() },
	};

	return !ioctl(p->uffd, UFFDIO_ZEROPAGE, &zero);
}

static void page_free(struct page_ *p)
{
	if (p->uffd >= 0)
		close(p->uffd);
	if (p->at)
		munmap(p->at, getpagesize());
}

FIXTURE(holder) {
	struct lt_node	node;
	struct lt_node	other;
	struct page_	page;
	struct ot_task	task;
	int		echoer;
	int		app;
	int		fd[2];
};

FIXTURE_SETUP(holder)
{
	struct sock_filter all = BPF_STMT(BPF_RET | BPF_K, ~0U);
	struct sock_fprog filter = { .len = 1, .filter = &all };

	self->page.uffd = -1;
	ASSERT_EQ(0, lt_node_new(&self->other));
	ASSERT_EQ(0, lt_node_new(&self->node));
	self->echoer = lt_worker("echoer", OCKAM_ACCEPT_LINKS);
	self->app = lt_worker("app", 0);
	ASSERT_LE(0, self->echoer);
	ASSERT_LE(0, self->app);
	ASSERT_EQ(0, lt_tcp_pair("127.0.0.1", self->fd));
	ASSERT_EQ(0, setsockopt(self->fd[0], SOL_SOCKET, SO_ATTACH_FILTER,
				&filter, sizeof(filter)));
	if (page_new(&self->page) == -ENOSYS)
		SKIP(return, "this kernel has no userfaultfd");
	ASSERT_LE(0, self->page.uffd);
}

FIXTURE_TEARDOWN(holder)
{
	page_free(&self->page);
	lt_node_free(&self->node);
	lt_node_free(&self->other);
}

static ssize_t say(int fd)
{
	struct ot_route to = ot_route("peer", "there", NULL);

	return ot_sendx(fd, ot_out(.to = &to), "x", 1);
}

static long ask_filter(void *arg)
{
	FIXTURE_DATA(holder) *self = arg;
	socklen_t len = 1;

	/* Returns the number of instructions in @len. */
	return OT_ERR(getsockopt(self->fd[0], SOL_SOCKET, SO_GET_FILTER,
				 self->page.at, &len)) ?: (long)len;
}

static bool hold(FIXTURE_DATA(holder) *self)
{
	return !ot_task_start(&self->task, ask_filter, self) &&
	       page_is_missed(&self->page);
}

/* In a child, so that a request that never ends can be told: its errno. */
static int bounded(int (*fn)(void *arg), void *arg)
{
	int status = -1;
	pid_t child = fork();

	if (!child)
		_exit(-fn(arg));
	if (!OT_WAIT(waitpid(child, &status, WNOHANG) == child))
		return -ETIMEDOUT;
	return WIFEXITED(status) ? -WEXITSTATUS(status) : -EINTR;
}

struct del {
	const struct lt_node *node;
	int id;
};

static int del(void *arg)
{
	struct del *d = arg;

	return lt_del(d->node, d->id);
}

/* A veth whose other end is in a namespace that ends: until it is gone. */
static bool namespaces_end(FIXTURE_DATA(holder) *self)
{
	struct lt_node gone;
	bool ended;

	if (lt_node_new(&gone) || lt_cable(&self->node, &gone, 7) ||
	    lt_enter(&self->node))
		return false;
	lt_node_free(&gone);
	ended = OT_WAIT_LONG(!if_nametoindex("v7"));
	return ended;
}

TEST_F(holder, delays_nobody)
{
	struct sockaddr_storage at = lt_addr("127.0.0.1", 0);
	struct ockam_nl_node now = {};
	struct del d;
	int id;
	char c;

	id = lt_handover(&self->node, self->fd[0], lt_conf(.name = "peer"));
	ASSERT_LT(0, id);
	ASSERT_TRUE(lt_greet(self->fd[1]));
	ASSERT_TRUE(lt_is_up(&self->node, id));
	ASSERT_TRUE(hold(self));

	/* Both directions want the lock, and senders do not wait for it. */
	ASSERT_TRUE(lt_tell(self->fd[1], "echoer", "in", 2));
	EXPECT_EQ(1, say(self->app));
	EXPECT_EQ(-EAGAIN, ot_recv(self->echoer, &c, 1, MSG_DONTWAIT));

	/* A namespace with a link ends, and then another one. */
	ASSERT_EQ(0, lt_enter(&self->other));
	ASSERT_LT(0, lt_listen(&self->other, &at, lt_conf(0)));
	ASSERT_EQ(0, lt_enter(&self->node));
	lt_node_free(&self->other);
	EXPECT_TRUE(namespaces_end(self));
	EXPECT_TRUE(namespaces_end(self));

	/* The link can be deleted, and the node goes on. */
	d = (struct del){ &self->node, id };
	EXPECT_EQ(0, bounded(del, &d));
	EXPECT_EQ(0, lt_links(&self->node));
	EXPECT_EQ(0, ockam_nl_node_get(self->node.nl, &now));
	EXPECT_LT(0, lt_listen(&self->node, &at, lt_conf(.name = "peer")));
	EXPECT_FALSE(ot_task_done(&self->task));

	/* He goes on as well, and has his socket back, at its end. */
	ASSERT_TRUE(page_come(&self->page));
	EXPECT_EQ(1, ot_task_end(&self->task));
	EXPECT_TRUE(OT_WAIT(OT_ERR(recv(self->fd[0], &c, 1, MSG_DONTWAIT)) !=
			    -EBUSY));
	while (recv(self->fd[0], &c, 1, 0) > 0)
		;
	EXPECT_EQ(0, OT_ERR(recv(self->fd[0], &c, 1, 0)));
	EXPECT_TRUE(lt_ended(self->fd[1]));
}

TEST_F(holder, goes_on_and_so_does_the_link)
{
	char text[8] = {};
	int id;

	id = lt_handover(&self->node, self->fd[0], lt_conf(.name = "peer"));
	ASSERT_LT(0, id);
	ASSERT_TRUE(lt_greet(self->fd[1]));
	ASSERT_TRUE(lt_is_up(&self->node, id));
	ASSERT_TRUE(hold(self));
	ASSERT_TRUE(lt_tell(self->fd[1], "echoer", "in", 2));
	EXPECT_EQ(1, say(self->app));
	usleep(100000);
	ASSERT_TRUE(page_come(&self->page));
	EXPECT_EQ(1, ot_task_end(&self->task));

	EXPECT_EQ(2, ot_recv(self->echoer, text, sizeof(text), 0));
	EXPECT_STREQ("in", text);
	EXPECT_LT(0, ot_poll(self->fd[1], POLLIN, ot_limit(10000)));
	EXPECT_EQ(OCKAM_LINK_STATE_UP, lt_state(&self->node, id));
}

TEST_F(holder, hands_nothing_over)
{
	ASSERT_TRUE(hold(self));
	EXPECT_EQ(-EBUSY, lt_handover(&self->node, self->fd[0], lt_conf(0)));
	EXPECT_NE(NULL, strstr(ockam_nl_error(self->node.nl),
			       "a call on the socket is running"));
	EXPECT_EQ(0, lt_links(&self->node));
	ASSERT_TRUE(page_come(&self->page));
	EXPECT_EQ(1, ot_task_end(&self->task));
	EXPECT_LT(0, lt_handover(&self->node, self->fd[0], lt_conf(0)));
}

TEST_HARNESS_MAIN
