// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * One workload per run: a ping-pong between two processes, or one way.
 * Prints the nanoseconds of one round trip (one way: of one message), which
 * under instruction counting are instructions.
 *
 *	bench [OPTIONS] unix SIZE	AF_UNIX datagrams, both unconnected
 *	bench [OPTIONS] tcp|ktls|nopad|udp SIZE CLIENT_NS SERVER_NS ADDR
 *	bench [OPTIONS] tcp-relay|udp-relay SIZE CLIENT_NS CLIENT_ADDR \
 *		MIDDLE_NS MIDDLE_ADDR SERVER_NS SERVER_ADDR
 *	bench [OPTIONS] ockam SIZE CLIENT_NS SERVER_NS HOP...
 *
 *	-o	one way: the other side answers each batch with a byte
 *	-m	and the sender hands over 16 messages at a time, by sendmmsg()
 *	-b N	messages of a batch (512); where more would be lost, fewer
 *	-q	quick: fewer messages
 *	-r	what a message costs more because of something that every 32nd does:
 *		the average round trip less the usual one, halved
 *	-p	mark what is measured for a profiler: an instruction that does nothing,
 *		with a number that is not likely to occur elsewhere
 *
 * "nopad" is kTLS with TLS_RX_EXPECT_NO_PAD.  A namespace is a name below
 * /run/netns, "-" is the current one.
 *
 * Both processes are SCHED_BATCH: otherwise a ping-pong has two stable patterns
 * of wake-ups, thousands of instructions apart, and which one it falls into is
 * chance.
 */
#include <arpa/inet.h>
#include <linux/tls.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "bench.h"

#ifndef TCP_ULP
#define TCP_ULP 31
#endif
#ifndef SOL_TLS
#define SOL_TLS 282
#endif
#ifndef TLS_RX_EXPECT_NO_PAD
#define TLS_RX_EXPECT_NO_PAD 4
#endif

#define PORT		4999
#define WARMUP		200
#define ROUNDS		2000
#define ONE_WAY_ROUNDS	2048
#define MMSG		16
#define LARGE		4096	/* fewer of these say as much */
#define RUNS		3
#define PERIOD		32	/* messages of a channel under one key */
#define PERIODS		64

static char buf[1 << 20];
static size_t size;
static int batch = 512;
static bool one_way;
static bool mmsg;
static bool marks;
static bool quick;
static bool every_32nd;

/* For whatever looks at each instruction of the machine, see -p. */
static void mark_begin(void)
{
#ifdef __x86_64__
	if (marks)
		__asm__ volatile("nopl 0x1ce10001(%%rax,%%rax,1)" ::: "memory");
#endif
}

static void mark_end(void)
{
#ifdef __x86_64__
	if (marks)
		__asm__ volatile("nopl 0x1ce10002(%%rax,%%rax,1)" ::: "memory");
#endif
}

/* Streams may give less than asked. */
static void read_all(int fd, size_t n)
{
	size_t done = 0;

	while (done < n) {
		ssize_t r = read(fd, buf + done, n - done);

		if (r <= 0)
			_exit(r ? 1 : 0);
		done += r;
	}
}

static void write_all(int fd, size_t n)
{
	size_t done = 0;

	while (done < n) {
		ssize_t r = write(fd, buf + done, n - done);

		if (r <= 0)
			_exit(1);
		done += r;
	}
}

/* ---- carriers: what one side of a ping-pong does ---- */

struct side {
	int fd;
	bool stream;
	struct sockaddr_storage to;
	socklen_t tolen;
};

static void send_one(struct side *s)
{
	if (s->stream) {
		write_all(s->fd, size);
		return;
	}
	if (sendto(s->fd, buf, size, 0, (struct sockaddr *)&s->to,
		   s->tolen) != (ssize_t)size)
		err(1, "sendto");
}

static void recv_one(struct side *s, bool learn)
{
	struct sockaddr_storage from;
	socklen_t len = sizeof(from);
	ssize_t n;

	if (s->stream) {
		read_all(s->fd, size);
		return;
	}
	n = recvfrom(s->fd, buf, sizeof(buf), 0, (struct sockaddr *)&from,
		     &len);
	if (n != (ssize_t)size)
		err(1, "recvfrom: %zd", n);
	if (learn) {
		memcpy(&s->to, &from, len);
		s->tolen = len;
	}
}

static void serve(struct side *s)
{
	for (;;) {
		recv_one(s, true);
		send_one(s);
	}
}

static int runs(void)
{
	return marks ? 1 : RUNS;
}

static void report(unsigned long long *run, int rounds)
{
	unsigned long long best = run[0];
	int i;

	for (i = 1; i < runs(); i++)
		if (run[i] < best)
			best = run[i];
	printf("%llu\n", best / rounds);
}

static void ping(struct side *s)
{
	int rounds = size > LARGE || marks || quick ? ROUNDS / 8 : ROUNDS;
	unsigned long long run[RUNS];
	int i, r;

	for (i = 0; i < WARMUP; i++) {
		send_one(s);
		recv_one(s, false);
	}
	for (r = 0; r < runs(); r++) {
		unsigned long long t = bench_now();

		if (!r)
			mark_begin();
		for (i = 0; i < rounds; i++) {
			send_one(s);
			recv_one(s, false);
		}
		if (!r)
			mark_end();
		run[r] = bench_now() - t;
	}
	report(run, rounds);
}

static int smaller_first(const void *a, const void *b)
{
	unsigned long long x = *(unsigned long long *)a;
	unsigned long long y = *(unsigned long long *)b;

	return x < y ? -1 : x > y;
}

/* What comes by other clocks than the number of messages falls on all alike. */
static void ping_every_32nd(struct side *s)
{
	unsigned long long at[PERIOD] = {}, sum = 0;
	int i;

	for (i = 0; i < WARMUP; i++) {
		send_one(s);
		recv_one(s, false);
	}
	for (i = 0; i < PERIOD * PERIODS; i++) {
		unsigned long long t = bench_now();

		send_one(s);
		recv_one(s, false);
		at[i % PERIOD] += bench_now() - t;
	}
	for (i = 0; i < PERIOD; i++)
		sum += at[i];
	qsort(at, PERIOD, sizeof(at[0]), smaller_first);
	sum -= at[PERIOD / 2] * PERIOD;
	printf("%llu\n", sum / (2 * PERIOD * PERIODS));
}

static void answer(struct side *s)
{
	if (s->stream)
		write_all(s->fd, 1);
	else if (sendto(s->fd, buf, 1, 0, (struct sockaddr *)&s->to,
			s->tolen) != 1)
		err(1, "sendto");
}

static void sink(struct side *s)
{
	int i;

	for (;;) {
		for (i = 0; i < batch; i++)
			recv_one(s, true);
		answer(s);
	}
}

static void wait_answer(struct side *s)
{
	if (s->stream)
		read_all(s->fd, 1);
	else if (recv(s->fd, buf, sizeof(buf), 0) != 1)
		err(1, "answer");
}

static void send_many(struct side *s)
{
	struct iovec iov = { buf, size };
	struct mmsghdr m[MMSG] = {};
	int i;

	for (i = 0; i < MMSG; i++) {
		m[i].msg_hdr.msg_iov = &iov;
		m[i].msg_hdr.msg_iovlen = 1;
		if (!s->stream) {
			m[i].msg_hdr.msg_name = &s->to;
			m[i].msg_hdr.msg_namelen = s->tolen;
		}
	}
	for (i = 0; i < MMSG; ) {
		int n = sendmmsg(s->fd, m + i, MMSG - i, 0);

		if (n <= 0)
			err(1, "sendmmsg");
		if (m[i + n - 1].msg_len != size)
			errx(1, "sendmmsg: a part of a message");
		i += n;
	}
}

static void pour(struct side *s, int rounds)
{
	int i, n;

	for (n = 0; n < rounds; n += batch) {
		for (i = 0; i < batch; i += mmsg ? MMSG : 1) {
			if (mmsg)
				send_many(s);
			else
				send_one(s);
		}
		wait_answer(s);
	}
}

static void stream_one_way(struct side *s)
{
	int rounds = (marks || quick ? ONE_WAY_ROUNDS / 4 : ONE_WAY_ROUNDS) / batch * batch;
	unsigned long long run[RUNS];
	int r;

	pour(s, batch);
	for (r = 0; r < runs(); r++) {
		unsigned long long t = bench_now();

		if (!r)
			mark_begin();
		pour(s, rounds);
		if (!r)
			mark_end();
		run[r] = bench_now() - t;
	}
	report(run, rounds);
}

static void ktls_on(int fd, int server, int nopad)
{
	struct tls12_crypto_info_aes_gcm_256 info = {
		.info.version = TLS_1_3_VERSION,
		.info.cipher_type = TLS_CIPHER_AES_GCM_256,
	};

	if (setsockopt(fd, SOL_TCP, TCP_ULP, "tls", sizeof("tls")))
		err(1, "tls");
	memset(info.key, server, sizeof(info.key));
	if (setsockopt(fd, SOL_TLS, TLS_TX, &info, sizeof(info)))
		err(1, "TLS_TX");
	memset(info.key, !server, sizeof(info.key));
	if (setsockopt(fd, SOL_TLS, TLS_RX, &info, sizeof(info)))
		err(1, "TLS_RX");
	if (nopad && setsockopt(fd, SOL_TLS, TLS_RX_EXPECT_NO_PAD, &nopad,
				sizeof(nopad)))
		err(1, "TLS_RX_EXPECT_NO_PAD");
}

static struct sockaddr_in inet(const char *addr, int port)
{
	struct sockaddr_in a = {
		.sin_family = AF_INET,
		.sin_port = htons(port),
	};

	if (inet_pton(AF_INET, addr, &a.sin_addr) != 1)
		errx(1, "address %s", addr);
	return a;
}

static int tcp_listen(int port)
{
	struct sockaddr_in a = inet("0.0.0.0", port);
	int one = 1, fd;

	fd = socket(AF_INET, SOCK_STREAM, 0);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)) ||
	    listen(fd, 1))
		err(1, "listen");
	return fd;
}

static int tcp_accept(int fd)
{
	int one = 1, conn = accept(fd, NULL, NULL);

	if (conn < 0)
		err(1, "accept");
	setsockopt(conn, SOL_TCP, TCP_NODELAY, &one, sizeof(one));
	return conn;
}

static int tcp_connect(const char *addr, int port)
{
	struct sockaddr_in a = inet(addr, port);
	int one = 1, fd, i;

	for (i = 0; i < 200; i++) {
		fd = socket(AF_INET, SOCK_STREAM, 0);
		setsockopt(fd, SOL_TCP, TCP_NODELAY, &one, sizeof(one));
		if (!connect(fd, (struct sockaddr *)&a, sizeof(a)))
			return fd;
		close(fd);
		usleep(10000);
	}
	err(1, "connect %s", addr);
}

static void run(struct side *server, struct side *client)
{
	pid_t pid = fork();

	if (!pid) {
		/* Who waits for the figure waits for the last to close it. */
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (one_way)
			sink(server);
		serve(server);
	}
	if (one_way)
		stream_one_way(client);
	else if (every_32nd)
		ping_every_32nd(client);
	else
		ping(client);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

/* Makes both ends in this process; sockets keep their namespaces. */
static void bench_tcp(char **argv, bool tls, bool nopad)
{
	struct side server = { .stream = true }, client = { .stream = true };
	int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	int l;

	bench_enter(argv[1]);
	l = tcp_listen(PORT);
	setns(home, CLONE_NEWNET);
	bench_enter(argv[0]);
	client.fd = tcp_connect(argv[2], PORT);
	server.fd = tcp_accept(l);
	if (tls) {
		ktls_on(server.fd, 1, nopad);
		ktls_on(client.fd, 0, nopad);
	}
	run(&server, &client);
}

/* A UDP socket in @ns, bound to @port if that is not 0. */
static int udp_socket(int home, const char *ns, int port)
{
	struct sockaddr_in a = inet("0.0.0.0", port);
	int fd;

	bench_enter(ns);
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)))
		err(1, "udp socket");
	setns(home, CLONE_NEWNET);
	return fd;
}

static void bench_udp(char **argv)
{
	struct sockaddr_in a = inet(argv[2], PORT);
	int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	struct side server = {}, client = {};

	server.fd = udp_socket(home, argv[1], PORT);
	client.fd = udp_socket(home, argv[0], 0);
	memcpy(&client.to, &a, sizeof(a));
	client.tolen = sizeof(a);
	run(&server, &client);
}

static void relay(int from, int to)
{
	for (;;) {
		ssize_t n = read(from, buf, sizeof(buf));

		if (n <= 0)
			_exit(0);
		write_all(to, n);
	}
}

static void udp_connect(int fd, const char *addr, int port)
{
	struct sockaddr_in a = inet(addr, port);

	if (connect(fd, (struct sockaddr *)&a, sizeof(a)))
		err(1, "connect %s", addr);
}

/* One task a direction. */
static void run_relayed(struct side *server, struct side *client, int in, int out)
{
	pid_t a, b;

	a = fork();
	if (!a)
		relay(in, out);
	b = fork();
	if (!b)
		relay(out, in);
	run(server, client);
	kill(a, SIGKILL);
	kill(b, SIGKILL);
}

static void bench_tcp_relay(char **argv)
{
	struct side server = { .stream = true }, client = { .stream = true };
	int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	int l, lm, in, out;

	bench_enter(argv[4]);
	l = tcp_listen(PORT);
	setns(home, CLONE_NEWNET);
	bench_enter(argv[2]);
	lm = tcp_listen(PORT + 1);
	out = tcp_connect(argv[5], PORT);
	server.fd = tcp_accept(l);
	setns(home, CLONE_NEWNET);
	bench_enter(argv[0]);
	client.fd = tcp_connect(argv[3], PORT + 1);
	in = tcp_accept(lm);
	run_relayed(&server, &client, in, out);
}

static void bench_udp_relay(char **argv)
{
	int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	struct sockaddr_in a = inet(argv[3], PORT + 1);
	struct side server = {}, client = {};
	int in, out;

	server.fd = udp_socket(home, argv[4], PORT);
	client.fd = udp_socket(home, argv[0], PORT + 2);
	in = udp_socket(home, argv[2], PORT + 1);
	out = udp_socket(home, argv[2], PORT);
	udp_connect(in, argv[1], PORT + 2);
	udp_connect(out, argv[5], PORT);
	memcpy(&client.to, &a, sizeof(a));
	client.tolen = sizeof(a);
	run_relayed(&server, &client, in, out);
}

static void bench_unix(void)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	struct sockaddr_un b = { .sun_family = AF_UNIX };
	struct side server = {}, client = {};

	strcpy(a.sun_path + 1, "bench-server");
	strcpy(b.sun_path + 1, "bench-client");
	server.fd = socket(AF_UNIX, SOCK_DGRAM, 0);
	client.fd = socket(AF_UNIX, SOCK_DGRAM, 0);
	if (bind(server.fd, (struct sockaddr *)&a,
		 offsetof(struct sockaddr_un, sun_path) + 13) ||
	    bind(client.fd, (struct sockaddr *)&b,
		 offsetof(struct sockaddr_un, sun_path) + 13))
		err(1, "bind");
	memcpy(&client.to, &a, sizeof(a));
	client.tolen = offsetof(struct sockaddr_un, sun_path) + 13;
	run(&server, &client);
}

static void bench_ockam(int argc, char **argv)
{
	struct sockaddr_ockam *a;
	int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	struct side server = {}, client = {};
	size_t off = 0;
	int i;

	bench_enter(argv[1]);
	server.fd = bench_worker("echoer");
	setns(home, CLONE_NEWNET);
	bench_enter(argv[0]);
	client.fd = bench_worker(NULL);
	a = (struct sockaddr_ockam *)&client.to;
	a->sok_family = AF_OCKAM;
	for (i = 2; i < argc; i++)
		bench_add_hop(a, &off, argv[i]);
	bench_add_hop(a, &off, "echoer");
	client.tolen = offsetof(struct sockaddr_ockam, sok_hops) + off;
	run(&server, &client);
}

static int usage(void)
{
	errx(2, "usage: see the head of the source");
}

static void options(int argc, char **argv)
{
	int c;

	while ((c = getopt(argc, argv, "+ompqrb:")) >= 0) {
		switch (c) {
		case 'o':
			one_way = true;
			break;
		case 'm':
			mmsg = true;
			break;
		case 'p':
			marks = true;
			break;
		case 'q':
			quick = true;
			break;
		case 'r':
			every_32nd = true;
			break;
		case 'b':
			batch = atoi(optarg);
			break;
		default:
			usage();
		}
	}
	if (batch <= 0 || batch > ONE_WAY_ROUNDS || (mmsg && batch % MMSG))
		errx(2, "batch %d: 1 to %d, with -m a multiple of %d", batch,
		     ONE_WAY_ROUNDS, MMSG);
}

int main(int argc, char **argv)
{
	struct sched_param batch_class = {};
	const char *what;

	options(argc, argv);
	argc -= optind;
	argv += optind;
	if (argc < 2)
		usage();
	what = argv[0];
	size = strtoul(argv[1], NULL, 10);
	if (!size || size > sizeof(buf) / 2)
		errx(2, "size %s: 1 to %zu", argv[1], sizeof(buf) / 2);
	if (sched_setscheduler(0, SCHED_BATCH, &batch_class))
		err(1, "SCHED_BATCH");
	argc -= 2;
	argv += 2;

	if (!strcmp(what, "unix"))
		bench_unix();
	else if (!strcmp(what, "tcp") && argc == 3)
		bench_tcp(argv, false, false);
	else if (!strcmp(what, "ktls") && argc == 3)
		bench_tcp(argv, true, false);
	else if (!strcmp(what, "nopad") && argc == 3)
		bench_tcp(argv, true, true);
	else if (!strcmp(what, "udp") && argc == 3)
		bench_udp(argv);
	else if (!strcmp(what, "tcp-relay") && argc == 6)
		bench_tcp_relay(argv);
	else if (!strcmp(what, "udp-relay") && argc == 6)
		bench_udp_relay(argv);
	else if (!strcmp(what, "ockam") && argc >= 2)
		bench_ockam(argc, argv);
	else
		usage();
	return 0;
}
