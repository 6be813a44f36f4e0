// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * The word of an invitation: bytes as URL-safe base64.
 *
 *	version 1, flags (1: UDP), from and until in 8 bytes each, the seed,
 *	the inviter, then name, listener and endpoint, each behind its length,
 *	and four bytes of a hash of all that
 *
 * The hash is for people who copy: who changes the word makes a new one, and comes to
 * nobody who would believe it.
 */
#include <string.h>

#include <sodium.h>

#include "invite_word.h"

#define VERSION		1
#define FLAG_UDP	1
#define SUM_LEN		4
#define RAW_MAX		(2 + 16 + WORD_SEED_LEN + WORD_ID_LEN + \
			 3 * (1 + WORD_TEXT_MAX) + SUM_LEN)

static uint8_t *put(uint8_t *p, const void *data, size_t len)
{
	memcpy(p, data, len);
	return p + len;
}

static uint8_t *put_u64(uint8_t *p, uint64_t v)
{
	int i;

	for (i = 56; i >= 0; i -= 8)
		*p++ = v >> i;
	return p;
}

static uint8_t *put_text(uint8_t *p, const char *text)
{
	*p++ = strlen(text);
	return put(p, text, strlen(text));
}

static void sum(uint8_t out[SUM_LEN], const uint8_t *raw, size_t len)
{
	uint8_t hash[crypto_generichash_BYTES];

	crypto_generichash(hash, sizeof(hash), raw, len, NULL, 0);
	memcpy(out, hash, SUM_LEN);
	sodium_memzero(hash, sizeof(hash));
}

void invite_word_write(const struct invite_word *w, char text[WORD_MAX])
{
	uint8_t raw[RAW_MAX], *p = raw;

	*p++ = VERSION;
	*p++ = w->udp ? FLAG_UDP : 0;
	p = put_u64(p, w->from);
	p = put_u64(p, w->until);
	p = put(p, w->seed, sizeof(w->seed));
	p = put(p, w->inviter, sizeof(w->inviter));
	p = put_text(p, w->name);
	p = put_text(p, w->listener);
	p = put_text(p, w->endpoint);
	sum(p, raw, p - raw);
	p += SUM_LEN;
	sodium_bin2base64(text, WORD_MAX, raw, p - raw,
			  sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	sodium_memzero(raw, sizeof(raw));
}

/**
 * struct in - what is read
 * @p: where
 * @left: bytes; -1: there were too few
 */
struct in {
	const uint8_t *p;
	ssize_t left;
};

static void get(struct in *in, void *out, size_t len)
{
	if (in->left < (ssize_t)len) {
		in->left = -1;
		memset(out, 0, len);
		return;
	}
	memcpy(out, in->p, len);
	in->p += len;
	in->left -= len;
}

static uint64_t get_u64(struct in *in)
{
	uint8_t b[8];
	uint64_t v = 0;
	int i;

	get(in, b, sizeof(b));
	for (i = 0; i < 8; i++)
		v = v << 8 | b[i];
	return v;
}

static void get_text(struct in *in, char text[WORD_TEXT_MAX + 1])
{
	uint8_t len;

	get(in, &len, 1);
	get(in, text, len);
	text[len] = 0;
	if (!len || strlen(text) != len)
		in->left = -1;
}

static const char *read_raw(const uint8_t *raw, size_t len,
			    struct invite_word *w)
{
	struct in in = { raw, len };
	uint8_t head[2], want[SUM_LEN];

	if (len < SUM_LEN + sizeof(head))
		return "it is too short";
	in.left -= SUM_LEN;
	sum(want, raw, in.left);
	if (memcmp(want, raw + in.left, SUM_LEN))
		return "something in it is missing or was changed";
	get(&in, head, sizeof(head));
	if (head[0] != VERSION || head[1] & ~FLAG_UDP)
		return "it is one of another version";
	w->udp = head[1] & FLAG_UDP;
	w->from = get_u64(&in);
	w->until = get_u64(&in);
	get(&in, w->seed, sizeof(w->seed));
	get(&in, w->inviter, sizeof(w->inviter));
	get_text(&in, w->name);
	get_text(&in, w->listener);
	get_text(&in, w->endpoint);
	return in.left ? "it is not one" : NULL;
}

const char *invite_word_read(const char *text, struct invite_word *w)
{
	uint8_t raw[RAW_MAX];
	const char *why;
	size_t len;

	memset(w, 0, sizeof(*w));
	if (sodium_base642bin(raw, sizeof(raw), text, strlen(text), NULL, &len,
			      NULL, sodium_base64_VARIANT_URLSAFE_NO_PADDING))
		return "it has other characters than letters, digits, '-' and '_', or is cut short";
	why = read_raw(raw, len, w);
	sodium_memzero(raw, sizeof(raw));
	if (why)
		sodium_memzero(w, sizeof(*w));
	return why;
}
