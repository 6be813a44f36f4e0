// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Helper of shell tests, no test itself: a peer that lies in Noise XX.
 *
 *	lib_xx id			its identifier
 *	lib_xx lies			the lies it knows
 *	lib_xx serve ADDRESS		a responder; told from its own node by
 *					"lie NAME", "hold": M2 waits for "go",
 *					and asked by anybody with "report" for
 *					what came since
 *	lib_xx attack ROUTE LIE ECHOER	an initiator; behind M3 it sends a
 *					message to ECHOER under the keys that
 *					the handshake gives
 *	lib_xx late ROUTE ECHOER	likewise, without a lie; M3 waits for a
 *					line of its input
 *	lib_xx pass ADDRESS BEHIND	a responder on the same node, whose M2
 *					comes from BEHIND and is passed on by
 *					ADDRESS
 *	lib_xx nest ROUTE N		a message of N arrays in one another
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <sodium.h>

#include <ockam/ockam.h>

#include "exchange.h"
#include "known.h"
#include "noise.h"
#include "tap.h"

#define M2_MS		30000
#define NEST		1000000

/**
 * struct liar - what a handshake message is made of; starts out honest
 * @raw: change history
 * @raw_len: its length
 * @sk: key that signs the attestation
 * @subject: subject of the attestation
 * @latest: latest change hash in it
 * @key: attested key
 * @secret: static key that is used
 * @payload: the payload
 * @len: its length
 */
struct liar {
	uint8_t raw[NOISE_MSG_MAX];
	size_t raw_len;
	uint8_t sk[64];
	uint8_t subject[32];
	uint8_t latest[32];
	struct ident_purpose_key key;
	uint8_t secret[32];
	uint8_t payload[NOISE_MSG_MAX];
	size_t len;
};

/* What an honest peer has shown. */
static uint8_t stolen[NOISE_MSG_MAX];
static size_t stolen_len;

/* ---- lies before the attestation is written ---- */

static void use_history(struct liar *l)
{
	static struct ident_history h;

	MUST(!ident_history_verify(l->raw, l->raw_len, IDENT_CHANGES_MAX, NULL,
				   &h));
	memcpy(l->subject, h.identifier, 32);
	memcpy(l->latest, ident_history_latest(&h), 32);
}

static void changes(struct liar *l, unsigned int n)
{
	l->raw_len = craft_history(l->raw, sizeof(l->raw), n, l->sk);
	/* Beyond the greatest bound there is nothing to verify with. */
	if (n <= IDENT_CHANGES_MAX)
		use_history(l);
}

static void newer(struct liar *l)	{ changes(l, 2); }
static void history_33(struct liar *l)	{ changes(l, 33); }
static void history_280(struct liar *l)	{ changes(l, 280); }

static void fork_off(struct liar *l)
{
	l->raw_len = craft_fork(l->raw, sizeof(l->raw), l->sk);
	use_history(l);
}

static void static_key(struct liar *l)	{ l->secret[5] ^= 1; }
static void signer(struct liar *l)	{ craft_key(l->sk, 0x11); }

static void subject(struct liar *l)
{
	struct identity *other = known_identity(0x11);

	memcpy(l->subject, other->history.identifier, 32);
	identity_put(other);
}

static void old_key(struct liar *l)
{
	uint8_t latest[32], sk[64];

	memcpy(latest, l->latest, 32);
	memcpy(sk, l->sk, 64);
	changes(l, 2);
	memcpy(l->latest, latest, 32);
	memcpy(l->sk, sk, 64);
}

static void kind(struct liar *l)
{
	l->key.kind = IDENT_PURPOSE_CREDENTIALS;
	memcpy(l->key.verify.key, l->key.x25519, 32);
}

static void expired(struct liar *l)
{
	l->key.created -= 86400;
	l->key.expires = l->key.created + 3600;
}

static void future(struct liar *l)	{ l->key.created += 3600; }

/* ---- lies about the payload as a whole ---- */

static void signature(struct liar *l)	{ l->payload[l->len - 2] ^= 1; }
static void trailing(struct liar *l)	{ l->payload[l->len++] = 0x80; }
static void cut(struct liar *l)		{ l->len--; }
static void empty(struct liar *l)	{ l->len = 0; }

static void any_byte(struct liar *l)
{
	size_t at = tap_random() % l->len;
	uint8_t bits = 1 + tap_random() % 255;

	fprintf(stderr, "# byte %zu of %zu ^ %02x\n", at, l->len, bits);
	l->payload[at] ^= bits;
}

static void nested(struct liar *l)
{
	l->len = NOISE_MSG_MAX - NOISE_M2_LEN;
	memset(l->payload, 0x81, l->len);
}

static void steal(struct liar *l)
{
	MUST(stolen_len);
	memcpy(l->payload, stolen, stolen_len);
	l->len = stolen_len;
}

/* ---- lies about the message ---- */

static void flip(uint8_t *msg, size_t *len)	{ msg[*len - 1] ^= 0x10; }
static void zero(uint8_t *msg, size_t *len)	{ memset(msg, 0, 32); }
static void shorter(uint8_t *msg, size_t *len)	{ *len = 31; }

static void million(uint8_t *msg, size_t *len)
{
	memset(msg, 0x81, NEST);
	*len = NEST;
}

static const struct lie {
	const char *name;
	void (*before)(struct liar *l);
	void (*after)(struct liar *l);
	void (*message)(uint8_t *msg, size_t *len);
	bool then_honest;	/* the true message follows */
} lies[] = {
	{ "none" },
	{ "newer", newer },
	{ "fork", fork_off },
	{ "history-33", history_33 },
	{ "history-280", history_280 },
	{ "static-key", static_key },
	{ "subject", subject },
	{ "signer", signer },
	{ "old-key", old_key },
	{ "kind", kind },
	{ "expired", expired },
	{ "future", future },
	{ "signature", NULL, signature },
	{ "any-byte", NULL, any_byte },
	{ "trailing", NULL, trailing },
	{ "cut", NULL, cut },
	{ "empty", NULL, empty },
	{ "nested", NULL, nested },
	{ "stolen", NULL, steal },
	{ "flip", NULL, NULL, flip },
	{ "zero", NULL, NULL, zero },
	{ "short", NULL, NULL, shorter },
	{ "million", NULL, NULL, million },
	{ "flip-first", NULL, NULL, flip, true },
};

#define N_LIES	(sizeof(lies) / sizeof(lies[0]))

static const struct lie *find_lie(const char *name)
{
	size_t i;

	for (i = 0; i < N_LIES; i++)
		if (!strcmp(lies[i].name, name))
			return &lies[i];
	return NULL;
}

static struct liar *make_liar(const struct lie *lie)
{
	static struct liar l;
	static uint8_t att[512];
	struct ocb_writer w;
	time_t now = time(NULL);

	memset(&l, 0, sizeof(l));
	changes(&l, 1);
	counting_key(l.secret, 0x70);
	MUST(!crypto_scalarmult_base(l.key.x25519, l.secret));
	l.key.kind = IDENT_PURPOSE_CHANNEL;
	l.key.created = now - 60;
	l.key.expires = now + 86400;
	if (lie->before)
		lie->before(&l);
	ocb_writer_init(&w, att, sizeof(att));
	craft_attestation(&w, l.sk, l.subject, l.latest, &l.key, false);
	{
		struct ocb_writer p;

		ocb_writer_init(&p, l.payload, sizeof(l.payload));
		MUST(!ident_payload_write(l.raw, l.raw_len, att, w.len, NULL,
					  0, 0, &p));
		l.len = p.len;
	}
	if (lie->after)
		lie->after(&l);
	return &l;
}

/* ---- messages ---- */

static uint8_t msg[NEST];
static uint8_t got[NOISE_MSG_MAX];

static int open_worker(const char *address, unsigned int scope)
{
	int fd = ockam_socket();

	if (fd < 0 || ockam_accept(fd, scope, NULL, 0) ||
	    ockam_want(fd, 1U << OCKAM_RECV_PEER | 1U << OCKAM_RECV_RETURN) ||
	    ockam_bind(fd, address)) {
		fprintf(stderr, "lib_xx: %s\n", ockam_error());
		exit(1);
	}
	return fd;
}

static void begin(struct noise_xx *n, enum noise_role role,
		  const struct liar *l)
{
	MUST(!noise_init(n, noise_proto_by_name(NOISE_NAME_OCKAM), role, NULL,
			 0, l->secret, NULL));
}

static int send_to(int fd, const struct ockam_path *to, size_t len)
{
	if (ockam_send_path(fd, to, msg, len) >= 0)
		return 0;
	fprintf(stderr, "lib_xx: send: %s\n", ockam_error());
	return -1;
}

/* M2 or M3, as the lie wants it. */
static int send_lie(int fd, const struct ockam_path *to, struct noise_xx *n,
		    const struct lie *lie, const struct liar *l)
{
	static uint8_t honest[NOISE_MSG_MAX];
	size_t len, honest_len;

	MUST(!noise_write(n, l->payload, l->len, honest, sizeof(honest),
			  &honest_len));
	len = honest_len;
	memcpy(msg, honest, len);
	if (lie->message) {
		lie->message(msg, &len);
		if (send_to(fd, to, len))
			return -1;
		if (!lie->then_honest)
			return 0;
		memcpy(msg, honest, honest_len);
	}
	return send_to(fd, to, honest_len);
}

static void remember(size_t len)
{
	memcpy(stolen, got, len);
	stolen_len = len;
}

/* ---- the responder ---- */

static struct {
	const struct lie *lie;
	struct noise_xx noise;
	int fd;			/* where M3 would come to; -1 before M1 */
	unsigned int m1;
	bool hold;
	struct ockam_path held;	/* where M2 goes that waits; nhops 0: none does */
	char peer[IDENT_ID_TEXT_LEN + 1];
} serving = { .lie = lies, .fd = -1 };

static void serve_m1(const struct ockam_info *info, size_t len)
{
	const struct liar *l = make_liar(serving.lie);
	size_t got_len;

	if (serving.fd >= 0)
		close(serving.fd);
	serving.fd = open_worker(NULL, OCKAM_ACCEPT_LINKS);
	serving.m1++;
	begin(&serving.noise, NOISE_RESPONDER, l);
	if (noise_read(&serving.noise, msg, len, got, sizeof(got), &got_len))
		return;
	if (serving.hold)
		serving.held = info->ret;
	else
		send_lie(serving.fd, &info->ret, &serving.noise, serving.lie,
			 l);
}

static void go_on(void)
{
	if (serving.held.nhops)
		send_lie(serving.fd, &serving.held, &serving.noise, serving.lie,
			 make_liar(serving.lie));
	memset(&serving.held, 0, sizeof(serving.held));
	serving.hold = false;
}

static void is_m3(size_t len)
{
	static struct ident_payload p;

	remember(len);
	if (!ident_payload_read(got, len, 0, &p))
		ident_id_print(p.history.identifier, serving.peer);
}

/* Messages that came behind M2: were they M3? */
static void count_m3(unsigned int *m3, unsigned int *other)
{
	size_t len;
	ssize_t n;

	*m3 = *other = 0;
	while (serving.fd >= 0) {
		n = ockam_recv(serving.fd, msg, sizeof(msg), NULL,
			       MSG_DONTWAIT);
		if (n < 0)
			return;
		if (noise_read(&serving.noise, msg, n, got, sizeof(got),
			       &len)) {
			++*other;
			continue;
		}
		++*m3;
		is_m3(len);
	}
}

static void serve_command(int fd, const struct ockam_info *info, size_t len)
{
	unsigned int m3, other;
	const struct lie *lie;
	char text[256];

	msg[len] = 0;
	if (!strcmp((char *)msg, "report")) {
		count_m3(&m3, &other);
		snprintf(text, sizeof(text), "m1 %u m3 %u other %u %s",
			 serving.m1, m3, other, serving.peer);
	} else if (info->peer.origin == OCKAM_ORIGIN_LOCAL &&
		   !strcmp((char *)msg, "hold")) {
		serving.hold = true;
		snprintf(text, sizeof(text), "held");
	} else if (info->peer.origin == OCKAM_ORIGIN_LOCAL &&
		   !strcmp((char *)msg, "go")) {
		snprintf(text, sizeof(text), "m1 %u", serving.m1);
		go_on();
	} else if (info->peer.origin == OCKAM_ORIGIN_LOCAL &&
		   !strncmp((char *)msg, "lie ", 4)) {
		lie = find_lie((char *)msg + 4);
		snprintf(text, sizeof(text), "%s", lie ? lie->name : "what?");
		serving.lie = lie ? lie : lies;
		serving.m1 = 0;
		serving.peer[0] = 0;
	} else {
		return;
	}
	ockam_reply(fd, info, text, strlen(text));
}

static int serve(const char *address)
{
	int fd = open_worker(address, OCKAM_ACCEPT_LINKS);
	static struct ockam_info info;
	ssize_t n;

	printf("ready\n");
	fflush(stdout);
	for (;;) {
		n = ockam_recv(fd, msg, sizeof(msg) - 1, &info, 0);
		if (n < 0) {
			fprintf(stderr, "lib_xx: %s\n", ockam_error());
			return 1;
		}
		if (n == NOISE_M1_LEN && info.peer.origin == OCKAM_ORIGIN_LINK)
			serve_m1(&info, n);
		else
			serve_command(fd, &info, n);
	}
}

/*
 * What the front worker passes on has the origin of what came from behind, and the
 * payload that it likes.
 */
static int pass(const char *front, const char *behind)
{
	const unsigned int want = 1U << OCKAM_RECV_RETURN |
				  1U << OCKAM_RECV_ONWARD |
				  1U << OCKAM_RECV_TOKEN;
	int fd = open_worker(front, OCKAM_ACCEPT_FORWARDED);
	int back = open_worker(behind, OCKAM_ACCEPT_FORWARDED);
	const struct liar *l = make_liar(lies);
	static struct ockam_info m1, info;
	struct ockam_path to;
	size_t len, got_len;
	ssize_t n;

	MUST(!ockam_want(fd, want) && !ockam_path_parse(&to, front));
	printf("ready\n");
	fflush(stdout);
	n = ockam_recv(fd, msg, sizeof(msg), &m1, 0);
	MUST(n > 0);
	begin(&serving.noise, NOISE_RESPONDER, l);
	MUST(!noise_read(&serving.noise, msg, n, got, sizeof(got), &got_len));
	MUST(!noise_write(&serving.noise, l->payload, l->len, msg, sizeof(msg),
			  &len));
	/* Its onward route behind the front worker is the way to the initiator. */
	MUST(!ockam_path_join(&to, &m1.ret));
	if (send_to(back, &to, len))
		return 1;
	n = ockam_recv(fd, msg, sizeof(msg), &info, 0);
	if (n < 0 || ockam_forward(fd, &info, msg, n) < 0) {
		fprintf(stderr, "lib_xx: pass: %s\n", ockam_error());
		return 1;
	}
	puts("passed on");
	fflush(stdout);
	pause();
	return 0;
}

/* ---- the initiator ---- */

/* "Hello" to a worker as the first message of the channel that there may be. */
static int hello(int fd, const struct ockam_path *to, const struct noise_xx *n,
		 const char *echoer)
{
	uint8_t tx[SUITE_KEY_LEN], rx[SUITE_KEY_LEN], plain[256];
	struct noise_split split;
	struct ocb_writer w;

	ocb_writer_init(&w, plain, sizeof(plain));
	craft_data(&w, echoer, "Hello");
	MUST(!w.full);
	MUST(!noise_split(n, &split));
	noise_ockam_key_order(&split, NOISE_INITIATOR, tx, rx);
	memset(msg, 0, 8);
	MUST(!suite_seal(n->proto->aead, tx, 0, NULL, 0, plain, w.len,
			 msg + 8));
	return send_to(fd, to, 8 + w.len + SUITE_TAG_LEN);
}

static int attack(const char *route, const char *name, const char *echoer,
		  bool late)
{
	struct pollfd pfd = { .events = POLLIN };
	const struct lie *lie = find_lie(name);
	static struct ockam_info info;
	const struct liar *l;
	struct ockam_path to;
	struct noise_xx n;
	size_t len;
	ssize_t m2;

	if (!lie || ockam_path_parse(&to, route))
		return 2;
	/* The static key is used after M2 only, the same for every lie. */
	pfd.fd = open_worker(NULL, OCKAM_ACCEPT_LINKS);
	l = make_liar(lie->after == steal ? lies : lie);
	begin(&n, NOISE_INITIATOR, l);
	MUST(!noise_write(&n, NULL, 0, msg, sizeof(msg), &len));
	if (send_to(pfd.fd, &to, len))
		return 1;
	if (poll(&pfd, 1, M2_MS) != 1) {
		fprintf(stderr, "lib_xx: no M2\n");
		return 1;
	}
	m2 = ockam_recv(pfd.fd, msg, sizeof(msg), &info, 0);
	if (m2 < 0 || noise_read(&n, msg, m2, got, sizeof(got), &len)) {
		fprintf(stderr, "lib_xx: no good M2\n");
		return 1;
	}
	remember(len);
	if (lie->after == steal)
		l = make_liar(lie);
	if (late) {
		puts("m2");
		fflush(stdout);
		getchar();
	}
	if (send_lie(pfd.fd, &info.ret, &n, lie, l))
		return 1;
	return hello(pfd.fd, &info.ret, &n, echoer) ? 1 : 0;
}

static int nest(const char *route, const char *n)
{
	struct ockam_path to;
	int fd = open_worker(NULL, 0);

	if (ockam_path_parse(&to, route))
		return 2;
	memset(msg, 0x81, sizeof(msg));
	return send_to(fd, &to, strtoul(n, NULL, 10)) ? 1 : 0;
}

static int print_id(void)
{
	char text[IDENT_ID_TEXT_LEN + 1];

	ident_id_print(make_liar(lies)->subject, text);
	puts(text);
	return 0;
}

static int print_lies(void)
{
	size_t i;

	for (i = 0; i < N_LIES; i++)
		puts(lies[i].name);
	return 0;
}

int main(int argc, char **argv)
{
	MUST(sodium_init() >= 0);
	if (argc == 2 && !strcmp(argv[1], "id"))
		return print_id();
	if (argc == 2 && !strcmp(argv[1], "lies"))
		return print_lies();
	if (argc == 4 && !strcmp(argv[1], "nest"))
		return nest(argv[2], argv[3]);
	/* What follows may be random; its seed is told. */
	tap_seed();
	fflush(stdout);
	if (argc == 3 && !strcmp(argv[1], "serve"))
		return serve(argv[2]);
	if (argc == 5 && !strcmp(argv[1], "attack"))
		return attack(argv[2], argv[3], argv[4], false);
	if (argc == 4 && !strcmp(argv[1], "late"))
		return attack(argv[2], "none", argv[3], true);
	if (argc == 4 && !strcmp(argv[1], "pass"))
		return pass(argv[2], argv[3]);
	fprintf(stderr, "usage: lib_xx id|lies|serve|attack|nest ...\n");
	return 2;
}
