// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * One workload per run: a ping-pong between two processes, or bulk one way.
 * Prints the nanoseconds of one round trip (bulk: of one message), which
 * under instruction counting are instructions.
 *
 *	bench unix SIZE			AF_UNIX datagrams, both unconnected
 *	bench tcp|ktls|udp SIZE CLIENT_NS SERVER_NS ADDR
 *	bench relay SIZE CLIENT_NS MIDDLE_NS MIDDLE_ADDR SERVER_NS SERVER_ADDR
 *	bench ockam SIZE CLIENT_NS SERVER_NS HOP...
 *	bench tcp-bulk|ktls-bulk SIZE CLIENT_NS SERVER_NS ADDR
 *	bench ockam-bulk SIZE CLIENT_NS SERVER_NS HOP...
 *
 * A namespace is a name below /run/netns, "-" is the current one.
 */
#include <arpa/inet.h>
#include <err.h>
#include <fcntl.h>
#include <linux/ockam.h>
#include <linux/tls.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifndef TCP_ULP
#define TCP_ULP 31
#endif
#ifndef SOL_TLS
#define SOL_TLS 282
#endif

#define PORT		4999
#define WARMUP		200
#define ROUNDS		2000
#define BULK_WARMUP	64
#define BULK_ROUNDS	512
#define RUNS		3

static char buf[1 << 20];
static size_t size;

static unsigned long long now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

static void enter(const char *ns)
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

static void report(unsigned long long *run, int rounds)
{
	unsigned long long best = run[0];
	int i;

	for (i = 1; i < RUNS; i++)
		if (run[i] < best)
			best = run[i];
	printf("%llu\n", best / rounds);
}

static void ping(struct side *s)
{
	unsigned long long run[RUNS];
	int i, r;

	for (i = 0; i < WARMUP; i++) {
		send_one(s);
		recv_one(s, false);
	}
	for (r = 0; r < RUNS; r++) {
		unsigned long long t = now();

		for (i = 0; i < ROUNDS; i++) {
			send_one(s);
			recv_one(s, false);
		}
		run[r] = now() - t;
	}
	report(run, ROUNDS);
}

/* Bulk: the server answers each batch with one small message. */
static void sink(struct side *s, int batch)
{
	for (;;) {
		int i;

		for (i = 0; i < batch; i++)
			recv_one(s, true);
		if (s->stream)
			write_all(s->fd, 1);
		else if (sendto(s->fd, buf, 1, 0, (struct sockaddr *)&s->to,
				s->tolen) != 1)
			err(1, "sendto");
		batch = BULK_ROUNDS;
	}
}

static void wait_ack(struct side *s)
{
	if (s->stream)
		read_all(s->fd, 1);
	else if (recv(s->fd, buf, sizeof(buf), 0) != 1)
		err(1, "ack");
}

static void pour(struct side *s)
{
	unsigned long long run[RUNS];
	int i, r;

	for (i = 0; i < BULK_WARMUP; i++)
		send_one(s);
	wait_ack(s);
	for (r = 0; r < RUNS; r++) {
		unsigned long long t = now();

		for (i = 0; i < BULK_ROUNDS; i++)
			send_one(s);
		wait_ack(s);
		run[r] = now() - t;
	}
	report(run, BULK_ROUNDS);
}

static void ktls_on(int fd, int server)
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
}

static int tcp_listen(int port)
{
	struct sockaddr_in a = {
		.sin_family = AF_INET,
		.sin_port = htons(port),
	};
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
	struct sockaddr_in a = {
		.sin_family = AF_INET,
		.sin_port = htons(port),
	};
	int one = 1, fd, i;

	if (inet_pton(AF_INET, addr, &a.sin_addr) != 1)
		errx(1, "address %s", addr);
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

static void run(struct side *server, struct side *client, bool bulk)
{
	pid_t pid = fork();

	if (!pid) {
		if (bulk)
			sink(server, BULK_WARMUP);
		serve(server);
	}
	if (bulk)
		pour(client);
	else
		ping(client);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

/* Makes both ends in this process; sockets keep their namespaces. */
static void bench_tcp(char **argv, bool tls, bool bulk)
{
	struct side server = { .stream = true }, client = { .stream = true };
	int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	int l;

	enter(argv[1]);
	l = tcp_listen(PORT);
	setns(home, CLONE_NEWNET);
	enter(argv[0]);
	client.fd = tcp_connect(argv[2], PORT);
	server.fd = tcp_accept(l);
	if (tls) {
		ktls_on(server.fd, 1);
		ktls_on(client.fd, 0);
	}
	run(&server, &client, bulk);
}

static void bench_udp(char **argv)
{
	struct sockaddr_in a = {
		.sin_family = AF_INET,
		.sin_port = htons(PORT),
	};
	int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	struct side server = {}, client = {};

	enter(argv[1]);
	server.fd = socket(AF_INET, SOCK_DGRAM, 0);
	if (bind(server.fd, (struct sockaddr *)&a, sizeof(a)))
		err(1, "bind");
	setns(home, CLONE_NEWNET);
	enter(argv[0]);
	client.fd = socket(AF_INET, SOCK_DGRAM, 0);
	inet_pton(AF_INET, argv[2], &a.sin_addr);
	memcpy(&client.to, &a, sizeof(a));
	client.tolen = sizeof(a);
	run(&server, &client, false);
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

/* A middle process that reads and writes, one task per direction. */
static void bench_relay(char **argv)
{
	struct side server = { .stream = true }, client = { .stream = true };
	int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	int l, lm, in, out;
	pid_t a, b;

	enter(argv[3]);
	l = tcp_listen(PORT);
	setns(home, CLONE_NEWNET);
	enter(argv[1]);
	lm = tcp_listen(PORT + 1);
	out = tcp_connect(argv[4], PORT);
	server.fd = tcp_accept(l);
	setns(home, CLONE_NEWNET);
	enter(argv[0]);
	client.fd = tcp_connect(argv[2], PORT + 1);
	in = tcp_accept(lm);
	a = fork();
	if (!a)
		relay(in, out);
	b = fork();
	if (!b)
		relay(out, in);
	run(&server, &client, false);
	kill(a, SIGKILL);
	kill(b, SIGKILL);
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
	run(&server, &client, false);
}

static void add_hop(struct sockaddr_ockam *a, size_t *off, const char *hop)
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

static int worker(const char *name)
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
		add_hop(&a, &off, name);
		if (bind(fd, (struct sockaddr *)&a, sizeof(a)))
			err(1, "bind %s", name);
	}
	if (setsockopt(fd, SOL_OCKAM, OCKAM_ACCEPT, &any, sizeof(any)))
		err(1, "OCKAM_ACCEPT");
	return fd;
}

static void bench_ockam(int argc, char **argv, bool bulk)
{
	struct sockaddr_ockam *a;
	int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	struct side server = {}, client = {};
	size_t off = 0;
	int i;

	enter(argv[1]);
	server.fd = worker("echoer");
	setns(home, CLONE_NEWNET);
	enter(argv[0]);
	client.fd = worker(NULL);
	a = (struct sockaddr_ockam *)&client.to;
	a->sok_family = AF_OCKAM;
	for (i = 2; i < argc; i++)
		add_hop(a, &off, argv[i]);
	add_hop(a, &off, "echoer");
	client.tolen = offsetof(struct sockaddr_ockam, sok_hops) + off;
	run(&server, &client, bulk);
}

int main(int argc, char **argv)
{
	if (argc < 3)
		errx(2, "usage: see the head of the source");
	size = strtoul(argv[2], NULL, 10);
	if (!size || size > sizeof(buf) / 2)
		errx(2, "size");

	if (!strcmp(argv[1], "unix"))
		bench_unix();
	else if (!strcmp(argv[1], "tcp") && argc == 6)
		bench_tcp(argv + 3, false, false);
	else if (!strcmp(argv[1], "ktls") && argc == 6)
		bench_tcp(argv + 3, true, false);
	else if (!strcmp(argv[1], "tcp-bulk") && argc == 6)
		bench_tcp(argv + 3, false, true);
	else if (!strcmp(argv[1], "ktls-bulk") && argc == 6)
		bench_tcp(argv + 3, true, true);
	else if (!strcmp(argv[1], "udp") && argc == 6)
		bench_udp(argv + 3);
	else if (!strcmp(argv[1], "relay") && argc == 8)
		bench_relay(argv + 3);
	else if (!strcmp(argv[1], "ockam") && argc >= 5)
		bench_ockam(argc - 3, argv + 3, false);
	else if (!strcmp(argv[1], "ockam-bulk") && argc >= 5)
		bench_ockam(argc - 3, argv + 3, true);
	else
		errx(2, "usage: see the head of the source");
	return 0;
}
