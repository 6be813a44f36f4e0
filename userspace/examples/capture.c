// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Sees what a node on the way sees.
 *
 *   capture FILE
 *	Records what TCP over IPv4 carries through this network namespace,
 *	until SIGTERM; then writes the streams into FILE, and prints how many
 *	of Ockam's frames each one had.
 *
 *   capture -s STRING FILE
 *	Prints how often STRING occurs in FILE.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <getopt.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <sys/time.h>

#include "example.h"

#define STREAMS		32
#define STREAM_MAX	(1U << 20)

/**
 * struct stream - one direction of a connection
 * @src: sender, in network order
 * @dst: receiver
 * @sport: sender's port
 * @dport: receiver's port
 * @next: sequence number that comes next
 * @whole: it was seen from its start; else a frame comes first, if it was idle
 * @len: bytes in @data
 * @data: all that was sent
 */
struct stream {
	struct in_addr src;
	struct in_addr dst;
	uint16_t sport;
	uint16_t dport;
	uint32_t next;
	bool whole;
	uint32_t len;
	uint8_t *data;
};

static struct stream streams[STREAMS];
static int n_streams;
static const char *trouble;
static volatile sig_atomic_t done;

static void on_signal(int sig)
{
	(void)sig;
	done = 1;
}

static struct stream *find_stream(const struct iphdr *ip,
				  const struct tcphdr *tcp)
{
	struct stream *s;

	for (s = streams; s < streams + n_streams; s++)
		if (s->src.s_addr == ip->saddr && s->dst.s_addr == ip->daddr &&
		    s->sport == tcp->source && s->dport == tcp->dest)
			return s;
	if (n_streams == STREAMS) {
		trouble = "too many connections";
		return NULL;
	}
	s->src.s_addr = ip->saddr;
	s->dst.s_addr = ip->daddr;
	s->sport = tcp->source;
	s->dport = tcp->dest;
	s->next = ntohl(tcp->seq) + tcp->syn;
	s->whole = tcp->syn;
	s->data = malloc(STREAM_MAX);
	if (!s->data)
		die("malloc");
	n_streams++;
	return s;
}

static void take_segment(const struct iphdr *ip, const struct tcphdr *tcp,
			 const uint8_t *data, uint32_t len)
{
	struct stream *s;
	int32_t again;

	if (!len && !tcp->syn)
		return;
	s = find_stream(ip, tcp);
	if (!s || !len)
		return;
	again = s->next - ntohl(tcp->seq);
	if (again < 0 || s->len + len > STREAM_MAX) {
		trouble = "the capture has a gap";
		return;
	}
	if ((uint32_t)again >= len)
		return;
	len -= again;
	memcpy(s->data + s->len, data + again, len);
	s->len += len;
	s->next += len;
}

static void take_packet(const uint8_t *p, size_t n)
{
	const struct iphdr *ip = (const void *)p;
	const struct tcphdr *tcp;
	size_t total, head;

	if (n < sizeof(*ip) || ip->version != 4 || ip->protocol != IPPROTO_TCP)
		return;
	total = ntohs(ip->tot_len) ? ntohs(ip->tot_len) : n;
	head = ip->ihl * 4;
	if (total > n || head < sizeof(*ip) || head + sizeof(*tcp) > total)
		return;
	tcp = (const void *)(p + head);
	head += tcp->doff * 4;
	if (head <= total)
		take_segment(ip, tcp, p + head, total - head);
}

/* A byte of version, then frames: their length in four bytes, and that many. */
static int count_frames(const struct stream *s)
{
	uint32_t at = s->whole, len;
	int n = 0;

	while (at + 4 <= s->len) {
		memcpy(&len, s->data + at, 4);
		at += 4 + ntohl(len);
		n++;
	}
	if (s->len && ((s->whole && s->data[0] != 1) || at != s->len))
		trouble = "a stream does not end with a frame";
	return n;
}

static void report(FILE *out)
{
	struct stream *s;
	char from[32];

	for (s = streams; s < streams + n_streams; s++) {
		snprintf(from, sizeof(from), "%s", inet_ntoa(s->src));
		printf("%s > %s: %d frames, %u bytes\n", from,
		       inet_ntoa(s->dst), count_frames(s), s->len);
		if (fwrite(s->data, 1, s->len, out) != s->len)
			die("write");
	}
}

static int record(const char *path)
{
	static _Alignas(8) uint8_t packet[1 << 17];
	struct sigaction act = { .sa_handler = on_signal };
	struct tpacket_stats stats = { 0 };
	socklen_t len = sizeof(stats);
	const struct timeval wait = { .tv_usec = 100000 };
	int room = 16 << 20;
	FILE *out = fopen(path, "w");
	ssize_t n;
	int fd;

	if (!out)
		die(path);
	fd = socket(AF_PACKET, SOCK_DGRAM, htons(ETH_P_ALL));
	if (fd < 0)
		die("packet socket");
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room));
	/* SIGTERM may come just before recv() waits. */
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait)))
		die("SO_RCVTIMEO");
	sigaction(SIGTERM, &act, NULL);
	puts("capturing");
	fflush(stdout);
	/* What has come before SIGTERM is still read. */
	for (;;) {
		n = recv(fd, packet, sizeof(packet), done ? MSG_DONTWAIT : 0);
		if (n >= 0)
			take_packet(packet, n);
		else if (errno == EAGAIN && done)
			break;
		else if (errno != EAGAIN && errno != EINTR)
			die("recv");
	}
	if (getsockopt(fd, SOL_PACKET, PACKET_STATISTICS, &stats, &len))
		die("statistics");
	if (stats.tp_drops)
		trouble = "packets were lost";
	report(out);
	if (fclose(out))
		die(path);
	if (trouble)
		fprintf(stderr, "capture: %s\n", trouble);
	return trouble ? 1 : 0;
}

static int search(const char *path, const char *string)
{
	const size_t len = strlen(string);
	char *data, *p, *end;
	struct stat st;
	int fd, n = 0;

	fd = open(path, O_RDONLY);
	if (fd < 0 || fstat(fd, &st))
		die(path);
	data = malloc(st.st_size + 1);
	if (!data)
		die("malloc");
	if (read(fd, data, st.st_size) != st.st_size)
		die(path);
	end = data + st.st_size;
	for (p = data; len && (p = memmem(p, end - p, string, len)); p++)
		n++;
	printf("%d\n", n);
	return 0;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "help", no_argument, NULL, 'h' }, { }
	};
	const char *text = NULL;
	int opt;

	while ((opt = getopt_long(argc, argv, "hs:", options, NULL)) == 's')
		text = optarg;
	if (opt == -1 && optind == argc - 1)
		return text ? search(argv[optind], text) : record(argv[optind]);
	fputs("usage: capture [-s STRING] FILE\n\n"
	      "  -s STRING   how often it occurs in FILE; else record into FILE\n"
	      "  -h, --help  this text\n", opt == 'h' ? stdout : stderr);
	return opt == 'h' ? 0 : 2;
}
