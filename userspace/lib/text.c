// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/* Routes and identifiers as text. */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "text.h"

/**
 * struct reader - where reading is
 * @text: the whole text
 * @p: next byte
 * @end: end of the address being read
 * @err: for the caller
 */
struct reader {
	const char		*text;
	const char		*p;
	const char		*end;
	struct ockam_text_error	*err;
};

static int text_bad(struct reader *r, const char *what, int ret)
{
	if (r->err) {
		r->err->at = r->p - r->text;
		r->err->what = what;
	}
	return ret;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* The type and its '#', if there is one. */
static int read_type(struct reader *r, uint8_t *type)
{
	const char *mark = memchr(r->p, '#', r->end - r->p);
	const char *q;
	unsigned int n = 0;

	*type = OCKAM_TYPE_LOCAL;
	if (!mark)
		return 0;
	if (mark == r->p || mark - r->p > 3 ||
	    (*r->p == '0' && mark - r->p > 1))
		return text_bad(r, "a type from 0 to 255 must precede '#'",
				-EINVAL);
	for (q = r->p; q < mark; q++) {
		if (*q < '0' || *q > '9')
			return text_bad(r,
					"a type from 0 to 255 must precede '#'",
					-EINVAL);
		n = n * 10 + (*q - '0');
	}
	if (n > 255)
		return text_bad(r, "a type from 0 to 255 must precede '#'",
				-EINVAL);
	*type = n;
	r->p = mark + 1;
	return 0;
}

/* One byte of an address, perhaps escaped. */
static int read_byte(struct reader *r, uint8_t *byte)
{
	int hi, lo;

	if (*r->p != '\\') {
		*byte = *r->p++;
		return 0;
	}
	if (r->end - r->p >= 2 && r->p[1] == '\\') {
		*byte = '\\';
		r->p += 2;
		return 0;
	}
	if (r->end - r->p >= 4 && r->p[1] == 'x') {
		hi = hex_digit(r->p[2]);
		lo = hex_digit(r->p[3]);
		if (hi >= 0 && lo >= 0) {
			*byte = hi << 4 | lo;
			r->p += 4;
			return 0;
		}
	}
	return text_bad(r, "a backslash must begin \\xNN or \\\\", -EINVAL);
}

/* One address, between r->p and r->end without blanks around it. */
static int read_address(struct reader *r, uint8_t *flat, size_t size)
{
	size_t n = 0;
	uint8_t byte;
	int err;

	if (r->p == r->end)
		return text_bad(r, "an address is missing", -EINVAL);
	if (size < 2)
		return text_bad(r, "the route is too long", -EMSGSIZE);
	err = read_type(r, &flat[0]);
	if (err)
		return err;
	while (r->p < r->end) {
		if (n == OCKAM_ADDR_MAX)
			return text_bad(r, "the address is too long",
					-EMSGSIZE);
		if (n + 2 == size)
			return text_bad(r, "the route is too long", -EMSGSIZE);
		err = read_byte(r, &byte);
		if (err)
			return err;
		flat[2 + n++] = byte;
	}
	flat[1] = n;
	return 2 + n;
}

int ockam_text_parse_route(const char *text, uint8_t *flat, size_t size,
			   size_t *len, struct ockam_text_error *err)
{
	struct reader r = { .text = text, .p = text, .err = err };
	const char *next;
	size_t used = 0;
	int hops = 0;
	int n;

	if (size > OCKAM_ROUTE_MAX)
		size = OCKAM_ROUTE_MAX;
	do {
		next = strstr(r.p, "=>");
		r.end = next ? next : r.p + strlen(r.p);
		while (r.p < r.end && is_blank(*r.p))
			r.p++;
		while (r.end > r.p && is_blank(r.end[-1]))
			r.end--;

		if (hops == OCKAM_HOPS_MAX)
			return text_bad(&r, "too many addresses", -EMSGSIZE);
		n = read_address(&r, flat + used, size - used);
		if (n < 0)
			return n;
		used += n;
		hops++;
		if (next)
			r.p = next + 2;
	} while (next);

	*len = used;
	return hops;
}

int ockam_text_parse_address(const char *text, uint8_t *flat, size_t size,
			     size_t *len, struct ockam_text_error *err)
{
	int n = ockam_text_parse_route(text, flat, size, len, err);

	if (n > 1) {
		if (err)
			*err = (struct ockam_text_error){
				.at = strstr(text, "=>") - text,
				.what = "one address is wanted, not a route",
			};
		return -EINVAL;
	}
	return n;
}

/**
 * struct writer - text as far as it fits, and how long it would be
 */
struct writer {
	char	*text;
	size_t	size;
	size_t	len;
};

static void put_char(struct writer *w, char c)
{
	if (w->len + 1 < w->size)
		w->text[w->len] = c;
	w->len++;
}

static void put_string(struct writer *w, const char *s)
{
	while (*s)
		put_char(w, *s++);
}

static void put_byte(struct writer *w, uint8_t byte, bool escape)
{
	static const char digits[] = "0123456789abcdef";

	if (byte == '\\') {
		put_string(w, "\\\\");
	} else if (escape || byte <= ' ' || byte > '~' || byte == '#') {
		put_string(w, "\\x");
		put_char(w, digits[byte >> 4]);
		put_char(w, digits[byte & 15]);
	} else {
		put_char(w, byte);
	}
}

int ockam_text_print_route(const uint8_t *flat, size_t len, char *text,
			   size_t size)
{
	struct writer w = { .text = text, .size = size };
	const uint8_t *p = flat;
	char type[8];
	int i;

	while (len) {
		if (len < 2 || len - 2 < p[1])
			return -EINVAL;
		if (p != flat)
			put_string(&w, " => ");
		snprintf(type, sizeof(type), "%u#", p[0]);
		put_string(&w, type);
		for (i = 0; i < p[1]; i++)
			put_byte(&w, p[2 + i],
				 p[2 + i] == '>' && i && p[1 + i] == '=');
		len -= 2 + p[1];
		p += 2 + p[1];
	}
	if (size)
		text[w.len < size ? w.len : size - 1] = 0;
	return w.len;
}

int ockam_text_parse_identifier(const char *text,
				uint8_t id[OCKAM_IDENTIFIER_LEN])
{
	size_t i;
	int hi, lo;

	if (strlen(text) != OCKAM_TEXT_IDENTIFIER - 1 || text[0] != 'I')
		return -EINVAL;
	for (i = 0; i < OCKAM_IDENTIFIER_LEN; i++) {
		hi = hex_digit(text[1 + 2 * i]);
		lo = hex_digit(text[2 + 2 * i]);
		if (hi < 0 || lo < 0)
			return -EINVAL;
		id[i] = hi << 4 | lo;
	}
	return 0;
}

void ockam_text_print_identifier(const uint8_t id[OCKAM_IDENTIFIER_LEN],
				 char text[OCKAM_TEXT_IDENTIFIER])
{
	size_t i;

	text[0] = 'I';
	for (i = 0; i < OCKAM_IDENTIFIER_LEN; i++)
		snprintf(text + 1 + 2 * i, 3, "%02x", id[i]);
}
