// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * What the containers of one user may take together, the switch for other user
 * namespaces, and the memory control group of a link's maker.
 *
 * A container ("box") is a process with user and network namespaces of its own,
 * root in there. It meets the test at certain points, and says on stderr in
 * which line it found something wrong.
 */
#include <sys/mman.h>
#include <sys/stat.h>

#include "kselftest_harness.h"
#include "link_test.h"
#include "channel_test.h"

#define PARAMS		"/sys/module/ockam/parameters/"
#define CGROUP		"/sys/fs/cgroup/ockam-limits"
#define OTHER_UID	1001
#define REFUSED		"limit of the user namespace, of its owner, or of all users: No space left on device"
#define SWITCHED_OFF	"AF_OCKAM is switched off in this user namespace: Operation not permitted"
#define LEAST		(32 * 1024)	/* what a link may always have */
#define MIB		(1024 * 1024)

/* ---- module parameters ---- */

static int param_set(const char *name, long value)
{
	char path[128], text[32];

	snprintf(path, sizeof(path), PARAMS "%s", name);
	snprintf(text, sizeof(text), "%ld", value);
	return ot_write(path, text);
}

static long param_get(const char *name)
{
	char path[128], text[32] = {};
	int fd, n;

	snprintf(path, sizeof(path), PARAMS "%s", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0)
		return -1;
	return text[0] == 'Y' ? 1 : text[0] == 'N' ? 0 : atol(text);
}

/*
 * What the account has that begins with @who ("uid 1000:"), or -1 without one;
 * of several the sum.
 */
static long used(const char *who, const char *what)
{
	char line[512], word[32];
	FILE *f = fopen(PARAMS "users", "r");
	long sum = -1;

	snprintf(word, sizeof(word), " %s ", what);
	while (f && fgets(line, sizeof(line), f)) {
		if (strncmp(line, who, strlen(who)) || !strstr(line, word))
			continue;
		sum = (sum < 0 ? 0 : sum) +
		      atol(strstr(line, word) + strlen(word));
	}
	if (f)
		fclose(f);
	return sum;
}

#define USER	"uid 1000:"

/* ---- containers ---- */

/**
 * struct box - a container's process
 * @pid: it
 * @to: what it waits for
 * @from: what it says
 */
struct box {
	pid_t	pid;
	int	to;
	int	from;
};

static struct box box_me;

#define BOX(cond) do {							\
	errno = 0;							\
	if (!(cond)) {							\
		fprintf(stderr, "# box, line %d: %s (%m)\n", __LINE__,	\
			#cond);						\
		_exit(1);						\
	}								\
} while (0)

static int write_map(const char *file, int inside, int outside)
{
	char text[64];

	snprintf(text, sizeof(text), "%d %d 1", inside, outside);
	return ot_write(file, text);
}

/* Goes to new user and network namespaces and is root there. */
static int box_unshare(void)
{
	int uid = geteuid(), gid = getegid();

	if (unshare(CLONE_NEWUSER))
		return -errno;
	ot_write("/proc/self/setgroups", "deny");
	if (write_map("/proc/self/uid_map", 0, uid) ||
	    write_map("/proc/self/gid_map", 0, gid))
		return -EPERM;
	return 0;
}

static int box_become(int uid)
{
	if (uid && (setgroups(0, NULL) || setresgid(uid, uid, uid) ||
		    setresuid(uid, uid, uid)))
		return -errno;
	if (prctl(PR_SET_DUMPABLE, 1))
		return -errno;
	return box_unshare();
}

/* In the box: says that it is there, and waits for the test. */
static void box_meet(void)
{
	char c = 0;

	BOX(write(box_me.from, "m", 1) == 1);
	BOX(read(box_me.to, &c, 1) == 1);
}

static int box_start(struct box *box, int uid, void (*fn)(void *arg),
		     void *arg)
{
	int to[2], from[2];

	if (pipe2(to, O_CLOEXEC) || pipe2(from, O_CLOEXEC))
		return -errno;
	box->pid = fork();
	if (!box->pid) {
		close(to[1]);
		close(from[0]);
		box_me.to = to[0];
		box_me.from = from[1];
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		BOX(!box_become(uid));
		fn(arg);
		_exit(0);
	}
	close(to[0]);
	close(from[1]);
	box->to = to[1];
	box->from = from[0];
	return 0;
}

/* Waits until the box is where it meets us: true. */
static bool box_wait(struct box *box)
{
	char c;

	return read(box->from, &c, 1) == 1;
}

static bool box_go(struct box *box)
{
	return write(box->to, "g", 1) == 1;
}

/* Lets it go on to its end: 0 if it was content. */
static int box_end(struct box *box)
{
	int status = -1;

	if (write(box->to, "g", 1) != 1)
		status = -1;
	waitpid(box->pid, &status, 0);
	close(box->to);
	close(box->from);
	return status;
}

/* ---- limits as they were ---- */

static const char * const params[] = {
	"user_nodes", "user_sockets", "user_links", "user_channels",
	"user_hops", "user_buffer", "userns", "user_factor", "mem_limit",
};

#define PARAMETERS	(sizeof(params) / sizeof(params[0]))

FIXTURE(limits) {
	struct lt_node	host;
	long		before[PARAMETERS];
};

FIXTURE_SETUP(limits)
{
	unsigned int i;

	for (i = 0; i < PARAMETERS; i++) {
		self->before[i] = param_get(params[i]);
		ASSERT_LE(0, self->before[i]);
	}
	signal(SIGPIPE, SIG_IGN);
	ASSERT_EQ(0, lt_node_new(&self->host));
	/* Of the test before. */
	ASSERT_TRUE(OT_WAIT_LONG(used(USER, "sockets") == -1));
}

FIXTURE_TEARDOWN(limits)
{
	unsigned int i;

	for (i = 0; i < PARAMETERS; i++)
		EXPECT_EQ(0, param_set(params[i], self->before[i]));
	lt_node_free(&self->host);
}

/* The host makes as many as it likes. */
static bool host_makes(unsigned int n)
{
	bool good = true;
	int fd[64];
	unsigned int i;

	for (i = 0; i < n; i++) {
		fd[i] = ot_socket(0);
		good = good && fd[i] >= 0;
	}
	for (i = 0; i < n; i++)
		close(fd[i]);
	return good;
}

/* ---- sockets ---- */

static void box_sockets(void *arg)
{
	struct lt_node node;
	int fd[5], i;

	BOX(!lt_node_new(&node));
	for (i = 0; i < 5; i++)
		BOX((fd[i] = ot_socket(0)) >= 0);
	BOX(ot_socket(0) == -ENOSPC);
	BOX(ot_socket(0) == -ENOSPC);
	BOX(lt_stat(&node, OCKAM_STAT_USER_LIMIT) == 2);
	box_meet();
	/* What is given back can be taken again, and no more. */
	close(fd[0]);
	BOX(OT_WAIT_LONG((fd[0] = ot_socket(0)) >= 0));
	BOX(ot_socket(0) == -ENOSPC);
}

TEST_F(limits, sockets)
{
	struct box box;

	ASSERT_EQ(0, param_set("user_sockets", 5));
	ASSERT_EQ(0, box_start(&box, OT_UID, box_sockets, NULL));
	ASSERT_TRUE(box_wait(&box));
	EXPECT_EQ(5, used(USER, "sockets"));
	EXPECT_EQ(5, used("userns", "sockets"));
	EXPECT_EQ(1, used(USER, "nodes"));
	/* The namespace's account says no first. */
	EXPECT_EQ(2, used("userns", "refused"));
	EXPECT_TRUE(host_makes(20));
	EXPECT_EQ(0, lt_stat(&self->host, OCKAM_STAT_USER_LIMIT));
	EXPECT_EQ(0, box_end(&box));
	EXPECT_TRUE(OT_WAIT_LONG(used(USER, "sockets") == -1));
	EXPECT_TRUE(OT_WAIT_LONG(used("userns", "sockets") == -1));
}

/* ---- links, channels, hops ---- */

static int box_channel(struct ockam_nl *nl, int i)
{
	char enc[16], dec[16];
	struct ct_keys keys;

	ct_keys(&keys);
	snprintf(enc, sizeof(enc), "enc%d", i);
	snprintf(dec, sizeof(dec), "dec%d", i);
	return ct_new(nl, &keys, true, enc, dec, -1, "nowhere");
}

static void box_objects(void *arg)
{
	struct sockaddr_storage at = lt_addr("127.0.0.1", 0);
	struct lt_children c;
	int door, peer[4], i;
	struct lt_node node;

	BOX(!lt_node_new(&node));

	/* A listening link and two that it makes; the next takes a place. */
	BOX((door = lt_listen(&node, &at, lt_conf())) > 0);
	for (i = 0; i < 2; i++)
		BOX((peer[i] = lt_tcp_connect(&at)) >= 0);
	BOX(OT_WAIT(lt_children(&node, door, &c) == 2));
	BOX((peer[2] = lt_tcp_connect(&at)) >= 0);
	BOX(lt_ended(peer[0]));
	BOX(lt_stat(&node, OCKAM_STAT_ACCEPTS_DISPLACED) == 1);
	BOX(OT_WAIT(lt_links(&node) == 3));
	BOX(lt_connect(&node, &at, lt_conf()) == -ENOSPC);
	BOX(!strcmp(ockam_nl_error(node.nl), REFUSED));
	BOX(lt_listen(&node, &(struct sockaddr_storage){ .ss_family = AF_INET },
		      lt_conf()) == -ENOSPC);
	BOX(lt_links(&node) == 3);

	for (i = 0; i < 4; i++)
		BOX(!box_channel(node.nl, i));
	BOX(box_channel(node.nl, 4) == -ENOSPC);
	BOX(!strcmp(ockam_nl_error(node.nl), REFUSED));

	for (i = 0; i < 2; i++)
		BOX(!lt_hop(&node, i ? "one" : "two", NULL, 0));
	BOX(lt_hop(&node, "three", NULL, 0) == -ENOSPC);
	BOX(!strcmp(ockam_nl_error(node.nl), REFUSED));

	BOX(lt_stat(&node, OCKAM_STAT_USER_LIMIT) == 5);
	box_meet();

	/* The names that were refused are free, the places come back. */
	BOX(!ct_del(node.nl, "enc0"));
	BOX(!box_channel(node.nl, 4));
	BOX(box_channel(node.nl, 0) == -ENOSPC);
	close(peer[1]);
	BOX(OT_WAIT(lt_links(&node) == 2));
	BOX(lt_connect(&node, &at, lt_conf()) > 0);
	BOX(!ockam_nl_hop_flush(node.nl));
	BOX(!lt_hop(&node, "three", NULL, 0));
}

TEST_F(limits, objects)
{
	struct sockaddr_storage at = lt_addr("127.0.0.1", 0);
	struct box box;
	char name[8];
	int i;

	ASSERT_EQ(0, param_set("user_links", 3));
	ASSERT_EQ(0, param_set("user_channels", 4));
	ASSERT_EQ(0, param_set("user_hops", 2));
	ASSERT_EQ(0, box_start(&box, OT_UID, box_objects, NULL));
	ASSERT_TRUE(box_wait(&box));
	EXPECT_EQ(3, used(USER, "links"));
	EXPECT_EQ(4, used(USER, "channels"));
	EXPECT_EQ(2, used(USER, "hops"));
	EXPECT_EQ(1, used(USER, "nodes"));
	for (i = 0; i < 6; i++) {
		snprintf(name, sizeof(name), "h%d", i);
		EXPECT_EQ(0, lt_hop(&self->host, name, NULL, 0));
		EXPECT_EQ(0, box_channel(self->host.nl, i));
		EXPECT_LT(0, lt_listen(&self->host, &at, lt_conf()));
		at = lt_addr("127.0.0.1", 0);
	}
	EXPECT_EQ(0, box_end(&box));
	EXPECT_TRUE(OT_WAIT_LONG(used(USER, "links") == -1));
}

/* ---- namespaces ---- */

static void box_nodes(void *arg)
{
	int fd[3];

	/* A namespace that has nothing of ours does not count. */
	BOX(!unshare(CLONE_NEWNET));
	BOX(!unshare(CLONE_NEWNET));
	BOX((fd[0] = ot_socket(0)) >= 0);
	BOX((fd[1] = ot_socket(0)) >= 0);
	BOX(!unshare(CLONE_NEWNET));
	BOX((fd[1] = ot_socket(0)) >= 0);
	BOX(!unshare(CLONE_NEWNET));
	BOX(ot_socket(0) == -ENOSPC);
	box_meet();
	close(fd[1]);
	BOX(OT_WAIT_LONG((fd[1] = ot_socket(0)) >= 0));
	BOX(!unshare(CLONE_NEWNET));
	BOX(ot_socket(0) == -ENOSPC);
}

TEST_F(limits, nodes)
{
	struct box box;

	ASSERT_EQ(0, param_set("user_nodes", 2));
	ASSERT_EQ(0, box_start(&box, OT_UID, box_nodes, NULL));
	ASSERT_TRUE(box_wait(&box));
	EXPECT_EQ(2, used(USER, "nodes"));
	EXPECT_EQ(3, used(USER, "sockets"));
	EXPECT_EQ(0, box_end(&box));
	EXPECT_TRUE(OT_WAIT_LONG(used(USER, "nodes") == -1));
}

/* ---- shared by all of a user's ---- */

/* Takes *arg sockets; the next is refused if *arg is positive. */
static void box_take(void *arg)
{
	int n = *(int *)arg, i;

	BOX(!unshare(CLONE_NEWNET));
	for (i = 0; i < abs(n); i++)
		BOX(ot_socket(0) >= 0);
	BOX(n < 0 || ot_socket(0) == -ENOSPC);
	box_meet();
}

/* The same two levels further down. */
static void box_nested(void *arg)
{
	BOX(!box_unshare());
	BOX(!box_unshare());
	box_take(arg);
}

TEST_F(limits, shared_by_namespaces_of_a_user)
{
	struct box a, b, c, other, root;
	int two = -2, four = 4, six = 6, none = 0;

	ASSERT_EQ(0, param_set("user_sockets", 6));
	ASSERT_EQ(0, box_start(&a, OT_UID, box_take, &two));
	ASSERT_TRUE(box_wait(&a));
	ASSERT_EQ(0, box_start(&b, OT_UID, box_nested, &four));
	ASSERT_TRUE(box_wait(&b));
	EXPECT_EQ(6, used(USER, "sockets"));
	EXPECT_EQ(2, used(USER, "nodes"));
	ASSERT_EQ(0, box_start(&c, OT_UID, box_nested, &none));
	ASSERT_TRUE(box_wait(&c));

	/* Nobody else notices; root's containers have only their own account. */
	ASSERT_EQ(0, box_start(&other, OTHER_UID, box_take, &six));
	ASSERT_TRUE(box_wait(&other));
	ASSERT_EQ(0, box_start(&root, 0, box_nested, &six));
	ASSERT_TRUE(box_wait(&root));
	EXPECT_EQ(6, used("uid 1001:", "sockets"));
	EXPECT_EQ(-1, used("uid 0:", "sockets"));
	EXPECT_EQ(18, used("userns", "sockets"));

	EXPECT_EQ(0, box_end(&c));
	EXPECT_EQ(0, box_end(&a));
	EXPECT_TRUE(OT_WAIT_LONG(used(USER, "sockets") == 4));
	EXPECT_EQ(0, box_end(&b));
	EXPECT_EQ(0, box_end(&other));
	EXPECT_EQ(0, box_end(&root));
	EXPECT_TRUE(OT_WAIT_LONG(used(USER, "sockets") == -1));
	EXPECT_TRUE(OT_WAIT_LONG(used("userns", "sockets") == -1));
}

/* Many uids may be one user, who has a range of them: together they have less. */
TEST_F(limits, shared_by_all_users)
{
	struct box a, b, c, d, root;
	int six = 6, minus = -4, none = 0;

	ASSERT_EQ(0, param_set("user_sockets", 6));
	ASSERT_EQ(0, param_set("user_factor", 2));
	ASSERT_EQ(0, box_start(&a, OT_UID, box_take, &six));
	ASSERT_TRUE(box_wait(&a));
	ASSERT_EQ(0, box_start(&b, OTHER_UID, box_take, &minus));
	ASSERT_TRUE(box_wait(&b));
	EXPECT_EQ(10, used("all users:", "sockets"));
	ASSERT_EQ(0, param_set("user_sockets", 5));
	ASSERT_EQ(0, box_start(&c, OTHER_UID + 1, box_nested, &none));
	ASSERT_TRUE(box_wait(&c));
	EXPECT_EQ(10, used("all users:", "sockets"));
	EXPECT_EQ(0, used("uid 1002:", "sockets"));

	/* Who has a place of them gives it to whoever comes. */
	EXPECT_EQ(0, box_end(&b));
	EXPECT_TRUE(OT_WAIT_LONG(used("all users:", "sockets") == 6));
	minus = -3;
	ASSERT_EQ(0, box_start(&d, OTHER_UID + 1, box_take, &minus));
	ASSERT_TRUE(box_wait(&d));
	EXPECT_EQ(9, used("all users:", "sockets"));
	/* Containers of the host's root do not count. */
	ASSERT_EQ(0, param_set("user_sockets", 6));
	ASSERT_EQ(0, box_start(&root, 0, box_take, &six));
	ASSERT_TRUE(box_wait(&root));
	EXPECT_EQ(9, used("all users:", "sockets"));

	EXPECT_EQ(0, box_end(&root));
	EXPECT_EQ(0, box_end(&a));
	EXPECT_EQ(0, box_end(&c));
	EXPECT_EQ(0, box_end(&d));
	EXPECT_TRUE(OT_WAIT_LONG(used("all users:", "sockets") == -1));
}

/* Of several that want the last places at once, as many get one. */
static void box_race(void *arg)
{
	int *got = arg, i;

	BOX(!unshare(CLONE_NEWNET));
	box_meet();
	for (i = 0; i < 40; i++)
		if (ot_socket(0) >= 0)
			__atomic_add_fetch(got, 1, __ATOMIC_SEQ_CST);
	box_meet();
}

TEST_F(limits, race_for_the_last)
{
	int *got = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
			MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct box box[4];
	int i;

	ASSERT_NE(MAP_FAILED, got);
	ASSERT_EQ(0, param_set("user_sockets", 57));
	for (i = 0; i < 4; i++) {
		ASSERT_EQ(0, box_start(&box[i], OT_UID, box_race, got));
		ASSERT_TRUE(box_wait(&box[i]));
	}
	for (i = 0; i < 4; i++)
		ASSERT_TRUE(box_go(&box[i]));
	for (i = 0; i < 4; i++)
		ASSERT_TRUE(box_wait(&box[i]));
	/* While two were asking at once both may have been refused. */
	EXPECT_GE(57, *got);
	EXPECT_LE(50, *got);
	EXPECT_EQ(*got, used(USER, "sockets"));
	for (i = 0; i < 4; i++)
		EXPECT_EQ(0, box_end(&box[i]));
	EXPECT_TRUE(OT_WAIT_LONG(used(USER, "sockets") == -1));
	munmap(got, 4096);
}

/* ---- who sets them ---- */

static void box_params(void *arg)
{
	/* As root of the box, which is uid 1000 or uid 0 outside. */
	int want = *(int *)arg;

	BOX(!unshare(CLONE_NEWNET));
	BOX(param_set("user_sockets", 1000) == want);
	BOX(param_set("userns", 0) == want);
	if (want == -EACCES)
		BOX(open(PARAMS "users", O_RDONLY) < 0);
	box_meet();
}

TEST_F(limits, only_the_hosts_root_sets_them)
{
	int eacces = -EACCES, eperm = -EPERM;
	struct box box;

	ASSERT_EQ(0, box_start(&box, OT_UID, box_params, &eacces));
	ASSERT_TRUE(box_wait(&box));
	EXPECT_EQ(0, box_end(&box));
	ASSERT_EQ(0, box_start(&box, 0, box_params, &eperm));
	ASSERT_TRUE(box_wait(&box));
	EXPECT_EQ(0, box_end(&box));
	EXPECT_EQ(self->before[1], param_get("user_sockets"));
	EXPECT_EQ(1, param_get("userns"));
	EXPECT_EQ(-EINVAL, ot_write(PARAMS "user_links", "many"));
	EXPECT_EQ(self->before[2], param_get("user_links"));
}

/* ---- the switch ---- */

static void box_switch(void *arg)
{
	struct sockaddr_storage at = lt_addr("127.0.0.1", 0);
	struct lt_node node;
	struct lt_wire w;
	int app, echoer;

	BOX(!lt_node_new(&node));
	BOX((app = lt_worker("app", 0)) >= 0);
	BOX((echoer = lt_worker("echoer", OCKAM_ACCEPT_LINKS)) >= 0);
	BOX(!lt_hop(&node, "hop", NULL, OCKAM_ACCEPT_LINKS));
	BOX(!box_channel(node.nl, 0));
	BOX(!lt_wire(&node, &w, lt_conf(.name = "wire")));
	box_meet();

	BOX(ot_socket(0) == -EACCES);
	BOX(lt_hop(&node, "hop2", NULL, 0) == -EPERM);
	BOX(!strcmp(ockam_nl_error(node.nl), SWITCHED_OFF));
	BOX(lt_listen(&node, &at, lt_conf()) == -EPERM);
	BOX(!strcmp(ockam_nl_error(node.nl), SWITCHED_OFF));
	BOX(box_channel(node.nl, 1) == -EPERM);
	BOX(!strcmp(ockam_nl_error(node.nl), SWITCHED_OFF));

	/* What is there goes on, and can be taken down. */
	BOX(ot_say(app, "echoer", "inside") == 6);
	BOX(ot_hears(echoer, "inside"));
	BOX(lt_tell(w.peer, "echoer", "outside", 7));
	BOX(OT_WAIT(!ot_empty(echoer)));
	BOX(ot_hears(echoer, "outside"));
	BOX(!ockam_nl_hop_flush(node.nl));
	BOX(!ct_del(node.nl, "enc0"));
	box_meet();

	BOX(ot_socket(0) >= 0);
	BOX(!lt_hop(&node, "hop2", NULL, 0));
}

TEST_F(limits, switch_for_other_user_namespaces)
{
	struct box box;

	ASSERT_EQ(0, box_start(&box, OT_UID, box_switch, NULL));
	ASSERT_TRUE(box_wait(&box));
	ASSERT_EQ(0, param_set("userns", 0));
	ASSERT_TRUE(box_go(&box));
	ASSERT_TRUE(box_wait(&box));
	/* The host, and namespaces that it made, do not notice. */
	EXPECT_TRUE(host_makes(3));
	EXPECT_EQ(0, lt_hop(&self->host, "hop", NULL, 0));
	EXPECT_EQ(0, box_channel(self->host.nl, 0));
	ASSERT_EQ(0, param_set("userns", 1));
	EXPECT_EQ(0, box_end(&box));
}

/* ---- bytes in links ---- */

#define CHUNK	8192

/* Frames until nothing is taken for a while; how many. */
static unsigned int stuff_by(int peer, struct ot_route onward,
			     unsigned int most)
{
	static char payload[CHUNK];
	struct ot_route ret = ot_route("app", NULL);
	struct lt_buf b = {};
	unsigned int n = 0, calm = 0;
	size_t off = 0;

	ot_fill(payload, sizeof(payload), 1);
	lt_put_frame(&b, &onward, &ret, payload, sizeof(payload));
	while (n < most) {
		ssize_t k = send(peer, b.data + off, b.len - off,
				 MSG_DONTWAIT | MSG_NOSIGNAL);

		if (k < 0 && errno == EAGAIN) {
			/* One silence may be that of the machine. */
			if (ot_poll(peer, POLLOUT, 700) > 0 ||
			    ++calm < 5)
				continue;
			break;
		}
		if (k < 0)
			break;
		calm = 0;
		off += k;
		if (off == b.len) {
			off = 0;
			n++;
		}
	}
	/* A whole number of them, whenever there is room. */
	if (off)
		n += 1000000;
	lt_buf_free(&b);
	return n;
}

static unsigned int stuff(int peer, const char *to, unsigned int most)
{
	return stuff_by(peer, ot_route(to, NULL), most);
}

static unsigned int drain(int worker, unsigned int n)
{
	static char buf[CHUNK + 1];
	unsigned int i;

	for (i = 0; i < n; i++)
		if (ot_recv(worker, buf, sizeof(buf), 0) != CHUNK ||
		    !ot_filled(buf, CHUNK, 1))
			break;
	return i;
}

#define BUFFER	(512 * 1024)

static void box_buffer(void *arg)
{
	int lazy, keen, app, i;
	struct lt_wire w, x;
	unsigned int n, sent = 0;
	struct ot_route out;
	struct lt_node node;
	char buf[4096];

	BOX(!lt_node_new(&node));
	BOX(!lt_small_buffers());
	BOX(!lt_set(&node, OCKAM_A_NODE_PARK_LIMIT, 64 * MIB));
	BOX(!lt_set(&node, OCKAM_A_NODE_TXQ_LIMIT, 64 * MIB));
	BOX(!lt_set(&node, OCKAM_A_NODE_STALL_MS, 3600000));
	BOX((lazy = lt_worker("lazy", OCKAM_ACCEPT_LINKS)) >= 0);
	BOX((keen = lt_worker("keen", OCKAM_ACCEPT_LINKS)) >= 0);
	BOX((app = lt_worker("app", 0)) >= 0);
	BOX(!lt_wire(&node, &w, lt_conf(.name = "wire")));
	BOX(!lt_wire(&node, &x, lt_conf(.name = "xire")));

	/* A worker that does not read: the link stops, at the user's limit. */
	sent = stuff(w.peer, "lazy", 100000);
	BOX(sent % 1000000 > 20);
	BOX(lt_stat(&node, OCKAM_STAT_USER_LIMIT) > 0);
	BOX(!lt_drops(&node));
	box_meet();

	/* The other link goes on as long as it takes little. */
	for (i = 0; i < 50; i++) {
		BOX(lt_tell(x.peer, "keen", "still here", 10));
		BOX(ot_recv(keen, buf, sizeof(buf), 0) == 10);
	}

	/* What this node sends waits, on each link, from a little on. */
	out = ot_route("xire", "far", NULL);
	for (n = 0; n < 100000; n++)
		if (ot_sendx(app, ot_out(.to = &out, .flags = MSG_DONTWAIT),
			     buf, 1000) == -EAGAIN)
			break;
	BOX(n > 0 && n < 1000);
	box_meet();

	/* Nothing was lost: all comes as soon as somebody reads. */
	if (sent >= 1000000)
		sent -= 1000000;
	BOX(drain(lazy, sent) == sent);
	BOX(!lt_drops(&node));
	box_meet();
}

TEST_F(limits, buffered_bytes)
{
	struct box box;
	long buffer;

	ASSERT_EQ(0, param_set("user_buffer", BUFFER));
	ASSERT_EQ(0, box_start(&box, OT_UID, box_buffer, NULL));
	ASSERT_TRUE(box_wait(&box));
	buffer = used(USER, "buffer");
	EXPECT_LE(BUFFER, buffer);
	EXPECT_GE(BUFFER + 2 * LEAST + 4 * CHUNK, buffer);
	TH_LOG("%ld bytes buffered, the limit is %d", buffer, BUFFER);
	ASSERT_TRUE(box_go(&box));
	ASSERT_TRUE(box_wait(&box));
	/* The second link has its little, and one message beyond. */
	EXPECT_LT(buffer, used(USER, "buffer"));
	EXPECT_GE(buffer + LEAST + 4 * CHUNK, used(USER, "buffer"));
	EXPECT_EQ(used("userns", "buffer"), used(USER, "buffer"));
	ASSERT_TRUE(box_go(&box));
	ASSERT_TRUE(box_wait(&box));
	EXPECT_GE(LEAST + 4 * CHUNK, used(USER, "buffer"));
	EXPECT_EQ(0, box_end(&box));
	EXPECT_TRUE(OT_WAIT_LONG(used(USER, "buffer") == -1));
}

/* Messages that links have brought to many workers, none of which reads. */
#define LAZY	20

static void box_queues(void *arg)
{
	struct lt_wire w[LAZY];
	struct lt_node node;
	int lazy[LAZY], i;
	unsigned int sent[LAZY];
	char name[16];

	BOX(!lt_node_new(&node));
	BOX(!lt_small_buffers());
	BOX(!lt_set(&node, OCKAM_A_NODE_PARK_LIMIT, 65536));
	BOX(!lt_set(&node, OCKAM_A_NODE_STALL_MS, 3600000));
	for (i = 0; i < LAZY; i++) {
		snprintf(name, sizeof(name), "lazy%d", i);
		BOX((lazy[i] = lt_worker(name, OCKAM_ACCEPT_LINKS)) >= 0);
		snprintf(name, sizeof(name), "wire%d", i);
		BOX(!lt_wire(&node, &w[i], lt_conf(.name = name)));
	}
	for (i = 0; i < LAZY; i++) {
		snprintf(name, sizeof(name), "lazy%d", i);
		sent[i] = stuff(w[i].peer, name, 100) % 1000000;
	}
	BOX(!lt_drops(&node));
	box_meet();

	for (i = 0; i < LAZY; i++)
		BOX(drain(lazy[i], sent[i]) == sent[i]);
	BOX(!lt_drops(&node));
	box_meet();
}

TEST_F(limits, queues_of_workers)
{
	struct box box;
	long queues;

	ASSERT_EQ(0, param_set("user_buffer", BUFFER));
	ASSERT_EQ(0, box_start(&box, OT_UID, box_queues, NULL));
	ASSERT_TRUE(box_wait(&box));
	queues = used(USER, "queues");
	TH_LOG("%ld bytes in queues, the limit is %d", queues, BUFFER);
	EXPECT_LE(BUFFER, queues);
	EXPECT_GE(BUFFER + LAZY * (LEAST + 2 * CHUNK), queues);
	EXPECT_EQ(used("userns", "queues"), queues);
	ASSERT_TRUE(box_go(&box));
	ASSERT_TRUE(box_wait(&box));
	EXPECT_EQ(0, used(USER, "queues"));
	EXPECT_EQ(0, box_end(&box));
	EXPECT_TRUE(OT_WAIT_LONG(used(USER, "queues") == -1));
}

/* As much as he can, whatever the node's own limits are. */
#define TAKERS	40

static void box_takes_all(void *arg)
{
	static char payload[MIB];
	struct ot_route to = ot_route("lazy", NULL);
	struct ot_route ret = ot_route("peer", NULL);
	struct lt_wire w[TAKERS];
	size_t off[TAKERS] = {};
	struct lt_buf b = {};
	struct lt_node node;
	unsigned int calm;
	int i, lazy;

	BOX(!lt_node_new(&node));
	BOX(!lt_small_buffers());
	BOX(!lt_set(&node, OCKAM_A_NODE_MEM_LIMIT, 1024 * MIB));
	BOX(!lt_set(&node, OCKAM_A_NODE_PARK_LIMIT, 64 * MIB));
	BOX(!lt_set(&node, OCKAM_A_NODE_STALL_MS, 3600000));
	BOX((lazy = lt_worker("lazy", OCKAM_ACCEPT_LINKS)) >= 0);
	BOX(!ot_set(lazy, SOL_SOCKET, SO_RCVBUF, 4096));
	lt_put_frame(&b, &to, &ret, payload, sizeof(payload));
	for (i = 0; i < TAKERS; i++)
		BOX(!lt_wire(&node, &w[i], lt_conf(.frame_ms = 3600000)));
	/* A large message by each link, all of them at the same time. */
	for (calm = 0; calm < 20; calm++) {
		for (i = 0; i < TAKERS; i++) {
			ssize_t n = send(w[i].peer, b.data + off[i],
					 b.len - off[i],
					 MSG_DONTWAIT | MSG_NOSIGNAL);

			if (n <= 0)
				continue;
			off[i] += n;
			calm = 0;
		}
		usleep(10000);
	}
	lt_buf_free(&b);
	box_meet();
}

TEST_F(limits, leave_the_rest_to_others)
{
	const long machine = 16 * MIB;
	struct ockam_nl_node now = {};
	struct lt_wire w;
	struct box box;
	int echoer;

	echoer = lt_worker("echoer", OCKAM_ACCEPT_LINKS);
	ASSERT_LE(0, echoer);
	ASSERT_EQ(0, lt_wire(&self->host, &w, lt_conf(.name = "wire")));
	ASSERT_EQ(0, param_set("mem_limit", machine));
	ASSERT_EQ(0, box_start(&box, OT_UID, box_takes_all, NULL));
	EXPECT_TRUE(box_wait(&box));
	EXPECT_EQ(0, ockam_nl_node_get(self->host.nl, &now));
	TH_LOG("%ld bytes buffered by the user, %llu on the machine's account of %ld",
	       used(USER, "buffer"), (unsigned long long)now.machine_links,
	       machine);
	/* An eighth, a bit more in need, and the large one that was on its way. */
	EXPECT_GE(machine / 8 + 2 * MIB + MIB / 2, used(USER, "buffer"));
	EXPECT_GE(machine / 2, (long)now.machine_links);

	/* The host does not notice. */
	ASSERT_TRUE(lt_tell(w.peer, "echoer", "alive", 5));
	EXPECT_TRUE(OT_WAIT(!ot_empty(echoer)));
	EXPECT_TRUE(ot_hears(echoer, "alive"));
	EXPECT_EQ(0, box_end(&box));
	close(w.peer);
	close(echoer);
}

/* Those whom the host's root has made have nothing in common but the machine. */
#define ROOTS	7

TEST_F(limits, those_of_the_hosts_root_do_so_together)
{
	const long machine = 16 * MIB;
	struct ockam_nl_node now = {};
	struct box box[ROOTS];
	struct lt_wire w;
	int echoer, i;

	echoer = lt_worker("echoer", OCKAM_ACCEPT_LINKS);
	ASSERT_LE(0, echoer);
	ASSERT_EQ(0, lt_wire(&self->host, &w, lt_conf(.name = "wire")));
	ASSERT_EQ(0, param_set("mem_limit", machine));
	for (i = 0; i < ROOTS; i++)
		ASSERT_EQ(0, box_start(&box[i], 0, box_takes_all, NULL));
	for (i = 0; i < ROOTS; i++)
		EXPECT_TRUE(box_wait(&box[i]));
	EXPECT_EQ(0, ockam_nl_node_get(self->host.nl, &now));
	TH_LOG("%llu on the machine's account of %ld",
	       (unsigned long long)now.machine_links, machine);
	EXPECT_GE(machine / 4 * 3, (long)now.machine_links);
	ASSERT_TRUE(lt_tell(w.peer, "echoer", "alive", 5));
	EXPECT_TRUE(OT_WAIT(!ot_empty(echoer)));
	EXPECT_TRUE(ot_hears(echoer, "alive"));
	for (i = 0; i < ROOTS; i++)
		EXPECT_EQ(0, box_end(&box[i]));
	close(w.peer);
	close(echoer);
}

/* What little nodes have is the machine's to count, too. */
static void box_little(void *arg)
{
	struct sockaddr_storage at = lt_addr("127.0.0.1", 0);
	struct lt_node node;
	int fd[2], i;

	BOX(!lt_node_new(&node));
	BOX(lt_listen(&node, &at, lt_conf()) > 0);
	for (i = 0; i < 2; i++) {
		BOX((fd[i] = lt_tcp_connect(&at)) >= 0);
		BOX(lt_greet(fd[i]));
	}
	BOX(OT_WAIT(lt_links(&node) == 3));
	box_meet();
}

TEST_F(limits, little_nodes_are_counted)
{
	struct ockam_nl_node before = {}, now = {};
	struct box box;

	ASSERT_EQ(0, ockam_nl_node_get(self->host.nl, &before));
	ASSERT_EQ(0, box_start(&box, OT_UID, box_little, NULL));
	ASSERT_TRUE(box_wait(&box));
	ASSERT_EQ(0, ockam_nl_node_get(self->host.nl, &now));
	/* Two links of 6 KiB, but for what a processor may keep. */
	EXPECT_LE(11 * 1024, (long)(now.machine_links - before.machine_links));
	EXPECT_LE(2 * 6 * 1024, used(USER, "buffer"));
	EXPECT_EQ(0, box_end(&box));
}

/* What passes through from one link to another, whose peer does not read. */
static void box_transit(void *arg)
{
	static char skip[CHUNK];
	struct lt_wire w, x;
	struct lt_node node;
	unsigned int sent;
	size_t bytes, n;

	BOX(!lt_node_new(&node));
	BOX(!lt_small_buffers());
	BOX(!lt_set(&node, OCKAM_A_NODE_FORWARD,
		    1U << OCKAM_FORWARD_LINK_LINK));
	BOX(!lt_set(&node, OCKAM_A_NODE_MAX_MSG, CHUNK));
	BOX(!lt_set(&node, OCKAM_A_NODE_TXQ_LIMIT, 1024 * MIB));
	BOX(!lt_set(&node, OCKAM_A_NODE_PARK_LIMIT, 64 * MIB));
	BOX(!lt_set(&node, OCKAM_A_NODE_STALL_MS, 3600000));
	BOX(!lt_wire(&node, &w, lt_conf(.name = "wire")));
	BOX(!lt_wire(&node, &x, lt_conf(.name = "xire")));

	sent = stuff_by(w.peer, ot_route("xire", "far", NULL), 2000);
	BOX(sent % 1000000 > 20);
	BOX(!lt_drops(&node));
	box_meet();

	/* Whoever reads in the end gets all that was sent whole. */
	sent %= 1000000;
	for (bytes = (size_t)sent * CHUNK; bytes; bytes -= n) {
		n = bytes < sizeof(skip) ? bytes : sizeof(skip);
		BOX(lt_read(x.peer, skip, n));
	}
	BOX(!lt_drops(&node));
	box_meet();
}

TEST_F(limits, messages_passing_through)
{
	/* A message and what channels may put around it, twice (msg.h). */
	const long reserve = 2 * (CHUNK + 8 * 9216) + 2 * 64 * 1024;
	struct box box;
	long buffer;

	ASSERT_EQ(0, param_set("user_buffer", BUFFER));
	ASSERT_EQ(0, box_start(&box, OT_UID, box_transit, NULL));
	ASSERT_TRUE(box_wait(&box));
	buffer = used(USER, "buffer");
	TH_LOG("%ld bytes buffered, the limit is %d", buffer, BUFFER);
	EXPECT_LE(BUFFER, buffer);
	EXPECT_GE(BUFFER + reserve + 2 * LEAST + 8 * CHUNK, buffer);
	ASSERT_TRUE(box_go(&box));
	ASSERT_TRUE(box_wait(&box));
	EXPECT_EQ(0, box_end(&box));
	EXPECT_TRUE(OT_WAIT_LONG(used(USER, "buffer") == -1));
}

/* A node that takes little, and whose TCP may keep a lot: both ways. */
static void box_accepted(void *arg)
{
	struct ot_route to = {};
	unsigned int in, out;
	struct lt_node node;
	struct lt_wire w;
	char buf[CHUNK];
	int lazy, app;

	BOX(!lt_node_new(&node));
	BOX(!ot_write("/proc/sys/net/ipv4/tcp_rmem",
		      "4096 16777216 16777216"));
	BOX(!ot_write("/proc/sys/net/ipv4/tcp_wmem",
		      "4096 16777216 16777216"));
	BOX(!lt_set(&node, OCKAM_A_NODE_PARK_LIMIT, 65536));
	BOX(!lt_set(&node, OCKAM_A_NODE_TXQ_LIMIT, 65536));
	BOX(!lt_set(&node, OCKAM_A_NODE_STALL_MS, 3600000));
	BOX((lazy = lt_worker("lazy", OCKAM_ACCEPT_LINKS)) >= 0);
	BOX((app = lt_worker("app", 0)) >= 0);
	BOX(!lt_wire_accept(&node, &w, "127.0.0.1",
			    lt_conf(.frame_ms = 3600000)));
	BOX(!lt_wire_up(&node, &w));
	/* The peer itself keeps little. */
	BOX(!ot_set(w.peer, SOL_SOCKET, SO_SNDBUF, 32768));
	BOX(!ot_set(w.peer, SOL_SOCKET, SO_RCVBUF, 32768));

	/* Memory is a little more than bytes, and never less. */
	in = stuff(w.peer, "lazy", 20000) % 1000000;
	fprintf(stderr, "# %u messages of %d bytes taken\n", in, CHUNK);
	BOX(in > 8);
	BOX(in < 3 * MIB / CHUNK);

	ot_local(&to, w.name);
	ot_local(&to, "far");
	memset(buf, 0, sizeof(buf));
	for (out = 0; out < 20000; out++)
		if (ot_sendx(app, ot_out(.to = &to, .flags = MSG_DONTWAIT),
			     buf, sizeof(buf)) != sizeof(buf))
			break;
	fprintf(stderr, "# %u messages of %d bytes sent\n", out, CHUNK);
	BOX(out > 8);
	BOX(out < 3 * MIB / CHUNK);
	BOX(drain(lazy, in) == in);
	BOX(!lt_drops(&node));
	box_meet();
}

TEST_F(limits, buffers_of_accepted_connections)
{
	struct box box;

	ASSERT_EQ(0, box_start(&box, OT_UID, box_accepted, NULL));
	ASSERT_TRUE(box_wait(&box));
	EXPECT_EQ(0, box_end(&box));
}

/* ---- deferred work ---- */

#define DERIVERS	32
#define AHEAD		300	/* generations, at least, to a forged nonce */

/* A channel to which a local socket may pretend to be the peer. */
static int box_deriver(struct ockam_nl *nl, int i)
{
	char enc[16], dec[16];
	struct ct_keys keys;

	ct_keys(&keys);
	snprintf(enc, sizeof(enc), "enc%d", i);
	snprintf(dec, sizeof(dec), "dec%d", i);
	return ct_new(nl, &keys, true, enc, dec, -1, "app");
}

/* A forged ciphertext, far ahead. */
static void forge(int fd, int i)
{
	uint8_t junk[40] = { [6] = 40, [7] = i };
	char dec[16];

	snprintf(dec, sizeof(dec), "dec%d", i);
	ot_send(fd, dec, junk, sizeof(junk), MSG_DONTWAIT);
}

static void box_derive(void *arg)
{
	struct pollfd p = { .fd = box_me.to, .events = POLLIN };
	struct lt_node node;
	int app, i;

	BOX(!lt_node_new(&node));
	BOX((app = lt_worker("app", 0)) >= 0);
	for (i = 0; i < DERIVERS; i++)
		BOX(!box_deriver(node.nl, i));
	for (i = 0; i < DERIVERS; i++)
		forge(app, i);
	BOX(OT_WAIT(lt_stat(&node, OCKAM_STAT_DERIVATIONS) > 2 * AHEAD));
	BOX(write(box_me.from, "m", 1) == 1);
	while (!poll(&p, 1, 0))
		for (i = 0; i < DERIVERS; i++)
			forge(app, i);
	BOX(read(box_me.to, &(char){ 0 }, 1) == 1);
	/* All of them had turns. */
	BOX(OT_WAIT(lt_stat(&node, OCKAM_STAT_DERIVATIONS) >
		    DERIVERS * AHEAD));
	/* Channels that wait for their turn can go. */
	for (i = 0; i < DERIVERS; i++)
		forge(app, i);
	BOX(!ockam_nl_channel_flush(node.nl));
	BOX(!box_deriver(node.nl, 0));
	i = lt_stat(&node, OCKAM_STAT_DERIVATIONS);
	forge(app, 0);
	BOX(OT_WAIT(lt_stat(&node, OCKAM_STAT_DERIVATIONS) > i + AHEAD));
}

/* While a container's channels all want to derive, the host's does. */
TEST_F(limits, deferred_work)
{
	struct box box;
	int app;

	ASSERT_EQ(0, box_start(&box, OT_UID, box_derive, NULL));
	ASSERT_TRUE(box_wait(&box));
	app = lt_worker("app", 0);
	ASSERT_LE(0, app);
	ASSERT_EQ(0, box_deriver(self->host.nl, 0));
	forge(app, 0);
	EXPECT_TRUE(OT_WAIT(lt_stat(&self->host, OCKAM_STAT_DERIVATIONS) >
			    AHEAD));
	EXPECT_EQ(0, box_end(&box));
	close(app);
}

/* ---- memory control group ---- */

#define GROUP_MAX	(40L * MIB)

static long group_read(const char *file, const char *field)
{
	char path[128], line[128], name[64];
	long v, found = -1;
	FILE *f;

	snprintf(path, sizeof(path), CGROUP "/%s", file);
	f = fopen(path, "r");
	if (!f)
		return -1;
	while (fgets(line, sizeof(line), f)) {
		if (field ? sscanf(line, "%63s %ld", name, &v) == 2 &&
			    !strcmp(name, field) :
			    sscanf(line, "%ld", &v) == 1)
			found = v;
	}
	fclose(f);
	return found;
}

struct box_group {
	uint16_t	port;
	unsigned int	sent;
	unsigned int	heard;
};

static void box_group(void *arg)
{
	struct sockaddr_storage at = lt_addr("127.0.0.1", 0);
	struct box_group *g = arg;
	struct lt_node node;
	int lazy;

	BOX(!lt_node_new(&node));
	BOX(!lt_set(&node, OCKAM_A_NODE_PARK_LIMIT, 1024 * MIB));
	BOX(!lt_set(&node, OCKAM_A_NODE_STALL_MS, 3600000));
	BOX((lazy = lt_worker("lazy", OCKAM_ACCEPT_LINKS)) >= 0);
	BOX(lt_listen(&node, &at, lt_conf(.frame_ms = 3600000)) > 0);
	/* In a full group a page that is touched first would be its end. */
	drain(lazy, 0);
	BOX(!mlockall(MCL_CURRENT));
	g->port = ntohs(((struct sockaddr_in *)&at)->sin_port);
	box_meet();

	BOX(!lt_drops(&node));
	g->heard = drain(lazy, g->sent);
	BOX(!lt_drops(&node));
	box_meet();
}

TEST_F(limits, memory_control_group)
{
	struct box_group *g = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
				   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct sockaddr_storage at;
	long before, full;
	struct lt_wire w;
	char text[64];
	struct box box;
	int peer, echoer, ns;

	ASSERT_NE(MAP_FAILED, g);
	/* The group shall be full before the user has his part of that. */
	ASSERT_EQ(0, param_set("mem_limit", 1024L * MIB));
	if (access("/sys/fs/cgroup/cgroup.controllers", F_OK))
		SKIP(return, "no control groups, version 2");
	rmdir(CGROUP);
	ASSERT_EQ(0, mkdir(CGROUP, 0755));
	if (access(CGROUP "/memory.max", F_OK)) {
		rmdir(CGROUP);
		SKIP(return, "no memory controller");
	}
	snprintf(text, sizeof(text), "%ld", GROUP_MAX);
	ASSERT_EQ(0, ot_write(CGROUP "/memory.max", text));

	/* The box begins in the group: what it makes is the group's. */
	ASSERT_EQ(0, ot_write(CGROUP "/cgroup.procs", "0"));
	ASSERT_EQ(0, box_start(&box, OT_UID, box_group, g));
	ASSERT_EQ(0, ot_write("/sys/fs/cgroup/cgroup.procs", "0"));
	ASSERT_TRUE(box_wait(&box));

	/* The peer's socket is in the box's network, and not in its group. */
	snprintf(text, sizeof(text), "/proc/%d/ns/net", box.pid);
	ns = open(text, O_RDONLY | O_CLOEXEC);
	ASSERT_EQ(0, OT_ERR(setns(ns, CLONE_NEWNET)));
	close(ns);
	at = lt_addr("127.0.0.1", g->port);
	peer = lt_tcp_connect(&at);
	ASSERT_LE(0, peer);
	ASSERT_EQ(0, lt_enter(&self->host));
	ASSERT_TRUE(lt_greet(peer));

	before = group_read("memory.current", NULL);
	g->sent = stuff(peer, "lazy", 500);
	ASSERT_EQ(500, g->sent);
	ASSERT_TRUE(OT_WAIT(group_read("memory.current", NULL) >=
			    before + 300L * CHUNK));
	/* Then without an end: the group's limit ends it, killing nobody. */
	g->sent += stuff(peer, "lazy", 20000);
	full = group_read("memory.current", NULL);
	TH_LOG("%u messages; the group has %ld KiB, before %ld KiB",
	       g->sent % 1000000, full / 1024, before / 1024);
	EXPECT_GT(20000, g->sent % 1000000);
	/* What must not fail may be charged beyond it. */
	EXPECT_GE(GROUP_MAX + 65536, full);
	EXPECT_LE(GROUP_MAX / 2, full);
	EXPECT_EQ(0, group_read("memory.events", "oom_kill"));

	/* The host does not notice. */
	echoer = lt_worker("echoer", OCKAM_ACCEPT_LINKS);
	ASSERT_LE(0, echoer);
	ASSERT_EQ(0, lt_wire(&self->host, &w, lt_conf(.name = "wire")));
	ASSERT_TRUE(lt_tell(w.peer, "echoer", "alive", 5));
	EXPECT_TRUE(OT_WAIT(!ot_empty(echoer)));
	EXPECT_TRUE(ot_hears(echoer, "alive"));

	/* Who reads gets all of it. */
	g->sent %= 1000000;
	ASSERT_TRUE(box_go(&box));
	ASSERT_TRUE(box_wait(&box));
	EXPECT_EQ(g->sent, g->heard);
	EXPECT_GT(full, group_read("memory.current", NULL));
	EXPECT_EQ(0, box_end(&box));
	close(peer);
	close(echoer);
	EXPECT_TRUE(OT_WAIT_LONG(!rmdir(CGROUP)));
	munmap(g, 4096);
}

TEST_HARNESS_MAIN
