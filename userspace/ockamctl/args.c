// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/* Words of the command line into fields. */
#include <arpa/inet.h>
#include <ctype.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>

#include "ockamctl.h"

int arg_number(const char *name, const char *text, uint64_t max, uint64_t *n)
{
	uint64_t v = 0;
	const char *p;

	if (!*text)
		return ctl_usage("%s: a number is missing", name);
	for (p = text; *p; p++) {
		if (!isdigit((unsigned char)*p))
			return ctl_usage("%s: '%s' is not a number", name,
					 text);
		if (__builtin_mul_overflow(v, 10, &v) ||
		    __builtin_add_overflow(v, *p - '0', &v) || v > max)
			return ctl_usage("%s: %s is too large", name, text);
	}
	*n = v;
	return 0;
}

int arg_address(const char *name, const char *text,
		struct ockam_nl_address *address)
{
	struct ockam_text_error e = { 0, "wrong" };
	size_t len;

	if (ockam_text_parse_address(text, address->data,
				     sizeof(address->data), &len, &e) < 0)
		return ctl_usage("%s: '%s': %s (at byte %zu)", name, text,
				 e.what, e.at);
	address->len = len;
	return 0;
}

int arg_route(const char *name, const char *text,
	      struct ockam_nl_route *route)
{
	struct ockam_text_error e = { 0, "wrong" };
	size_t len;

	if (ockam_text_parse_route(text, route->data, sizeof(route->data),
				   &len, &e) < 0)
		return ctl_usage("%s: '%s': %s (at byte %zu)", name, text,
				 e.what, e.at);
	route->len = len;
	return 0;
}

static int resolve(const char *name, const char *host, struct ockam_nl_ip *ip,
		   uint32_t *scope_id)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	struct sockaddr_in6 *in6;
	struct sockaddr_in *in;
	struct addrinfo *ai;
	int err;

	err = getaddrinfo(host, NULL, &hints, &ai);
	if (err)
		return ctl_usage("%s: '%s': %s", name, host, gai_strerror(err));
	*scope_id = 0;
	if (ai->ai_family == AF_INET) {
		in = (struct sockaddr_in *)ai->ai_addr;
		ip->len = sizeof(in->sin_addr);
		memcpy(ip->data, &in->sin_addr, ip->len);
	} else if (ai->ai_family == AF_INET6) {
		in6 = (struct sockaddr_in6 *)ai->ai_addr;
		ip->len = sizeof(in6->sin6_addr);
		memcpy(ip->data, &in6->sin6_addr, ip->len);
		*scope_id = in6->sin6_scope_id;
	} else {
		err = ctl_usage("%s: '%s' is no IP address", name, host);
	}
	freeaddrinfo(ai);
	return err;
}

int arg_endpoint(const char *name, const char *text, struct ockam_nl_ip *ip,
		 uint16_t *port, uint32_t *scope_id)
{
	const char *colon = strrchr(text, ':');
	const char *whole = text;
	char host[256];
	uint64_t n;
	size_t len;
	int err;

	if (!colon || colon == text)
		return ctl_usage("%s: '%s' is not HOST:PORT", name, text);
	err = arg_number(name, colon + 1, UINT16_MAX, &n);
	if (err)
		return err;
	len = colon - text;
	if (text[0] == '[' && colon[-1] == ']') {
		text++;
		len -= 2;
	} else if (memchr(text, ':', len)) {
		return ctl_usage("%s: IPv6 is written as [ADDRESS]:PORT", name);
	}
	if (!len || len >= sizeof(host))
		return ctl_usage("%s: the host is missing or too long", name);
	/* The kernel chooses one to listen at; there is none to connect to. */
	if (!n && !strcmp(name, "connect"))
		return ctl_usage("%s: '%s': there is no port 0 to connect to",
				 name, whole);
	memcpy(host, text, len);
	host[len] = 0;
	*port = n;
	return resolve(name, host, ip, scope_id);
}

/* The words that a field knows, for an error. */
static int bad_value(enum ockam_nl_object kind, const struct ockam_nl_field *f,
		     const char *value)
{
	char words[512] = "";
	size_t used = 0;
	const char *name;
	int i;

	for (i = 0; i < 64 && used < sizeof(words); i++) {
		name = ockam_nl_value_name(kind, f->attr, i);
		if (name)
			used += snprintf(words + used, sizeof(words) - used,
					 "%s%s", used ? ", " : "", name);
	}
	return ctl_usage("%s: unknown word '%s', there are %s", f->name, value,
			 words);
}

/* "a,b" into bits. */
static int arg_flags(enum ockam_nl_object kind,
		     const struct ockam_nl_field *f, const char *value,
		     uint32_t *bits)
{
	char *copy, *word, *save = NULL;
	int err = 0;
	int bit;

	*bits = 0;
	if (!strcmp(value, "none"))
		return 0;
	copy = strdup(value);
	if (!copy)
		return ctl_usage("out of memory");
	for (word = strtok_r(copy, ",", &save); word && !err;
	     word = strtok_r(NULL, ",", &save)) {
		bit = ockam_nl_value(kind, f->attr, word);
		if (bit < 0)
			err = bad_value(kind, f, word);
		else
			*bits |= 1U << bit;
	}
	free(copy);
	return err;
}

/* "a,b" into names; a comma in one is \x2c. */
static int arg_names(const char *name, const char *value,
		     struct ockam_nl_route *list)
{
	struct ockam_nl_address one;
	char *copy, *word, *save = NULL;
	int err = 0;

	list->len = 0;
	if (!strcmp(value, "none"))
		return 0;
	copy = strdup(value);
	if (!copy)
		return ctl_usage("out of memory");
	for (word = strtok_r(copy, ",", &save); word && !err;
	     word = strtok_r(NULL, ",", &save)) {
		err = arg_address(name, word, &one);
		if (err)
			break;
		if (list->len + one.len > (int)sizeof(list->data)) {
			err = ctl_usage("%s: too long", name);
			break;
		}
		memcpy(list->data + list->len, one.data, one.len);
		list->len += one.len;
	}
	if (!err && !list->len)
		err = ctl_usage("%s: a name is missing", name);
	free(copy);
	return err;
}

/* "1000,2000-2999", or "any": an empty list. */
static int arg_ranges(const char *name, const char *value,
		      struct ockam_nl_ranges *list)
{
	char *copy, *word, *dash, *save = NULL;
	uint64_t first, last;
	int err = 0;

	list->n = 0;
	if (!strcmp(value, "any"))
		return 0;
	copy = strdup(value);
	if (!copy)
		return ctl_usage("out of memory");
	for (word = strtok_r(copy, ",", &save); word;
	     word = strtok_r(NULL, ",", &save)) {
		if (list->n == OCKAM_NL_RANGES_MAX) {
			err = ctl_usage("%s: more than %d ranges", name,
					OCKAM_NL_RANGES_MAX);
			break;
		}
		dash = strchr(word, '-');
		if (dash)
			*dash++ = 0;
		err = arg_number(name, word, UINT32_MAX - 1, &first);
		if (!err)
			err = arg_number(name, dash ? dash : word,
					 UINT32_MAX - 1, &last);
		if (err)
			break;
		list->range[list->n].first = first;
		list->range[list->n++].last = last;
	}
	if (!err && !list->n)
		err = ctl_usage("%s: an id is missing", name);
	free(copy);
	return err;
}

static int arg_octal(const char *name, const char *text, uint32_t *out)
{
	if (strspn(text, "01234567") != strlen(text) || strlen(text) > 5)
		return ctl_usage("%s: '%s' is no octal number such as 0600",
				 name, text);
	*out = strtoul(text, NULL, 8);
	return 0;
}

static int arg_u32(enum ockam_nl_object kind, const struct ockam_nl_field *f,
		   const char *value, uint32_t *out)
{
	uint64_t n;
	int err;
	int v;

	if (ockam_nl_is_flags(kind, f->attr))
		return arg_flags(kind, f, value, out);
	v = ockam_nl_value(kind, f->attr, value);
	if (v >= 0) {
		*out = v;
		return 0;
	}
	/* Does the field have names at all? */
	if (ockam_nl_value_name(kind, f->attr, 1))
		return bad_value(kind, f, value);
	/* As chmod(1) has it: a mode is octal. */
	if (kind == OCKAM_NL_CHANNEL && f->attr == OCKAM_A_CHANNEL_MODE &&
	    value[0] == '0')
		return arg_octal(f->name, value, out);
	err = arg_number(f->name, value, UINT32_MAX, &n);
	*out = n;
	return err;
}

static int arg_value(enum ockam_nl_object kind, const struct ockam_nl_field *f,
		     const char *value, void *p)
{
	uint64_t n = 0;
	int err;

	switch (f->type) {
	case OCKAM_NL_U8:
		if (strcmp(value, "yes") && strcmp(value, "no"))
			return ctl_usage("%s: yes or no, not '%s'", f->name,
					 value);
		*(uint8_t *)p = !strcmp(value, "yes");
		return 0;
	case OCKAM_NL_U16:
		err = arg_number(f->name, value, UINT16_MAX, &n);
		*(uint16_t *)p = n;
		return err;
	case OCKAM_NL_U32:
		return arg_u32(kind, f, value, p);
	case OCKAM_NL_U64:
		return arg_number(f->name, value, UINT64_MAX, p);
	case OCKAM_NL_ADDRESS:
		return arg_address(f->name, value, p);
	case OCKAM_NL_ROUTE:
		return arg_route(f->name, value, p);
	case OCKAM_NL_RANGES:
		return arg_ranges(f->name, value, p);
	case OCKAM_NL_NAMES:
		return arg_names(f->name, value, p);
	case OCKAM_NL_IDENTIFIER:
		if (ockam_text_parse_identifier(value, p))
			return ctl_usage("%s: 'I' and 64 hex digits, not '%s'",
					 f->name, value);
		return 0;
	default:
		return ctl_usage("%s: cannot be given", f->name);
	}
}

static const struct ockam_nl_field *find_field(enum ockam_nl_object kind,
					       int attr)
{
	const struct ockam_nl_field *f;
	size_t n;

	for (f = ockam_nl_fields(kind, &n); n; f++, n--)
		if (f->attr == attr)
			return f;
	return NULL;
}

int arg_field(enum ockam_nl_object kind, void *object, int attr,
	      const char *value)
{
	const struct ockam_nl_field *f = find_field(kind, attr);
	uint64_t *present = object;
	int err;

	err = arg_value(kind, f, value, (char *)object + f->offset);
	if (!err)
		*present |= 1ULL << attr;
	return err;
}

static int bad_field(enum ockam_nl_object kind, const int *allowed,
		     const char *word)
{
	char words[512] = "";
	size_t used = 0;

	for (; *allowed && used < sizeof(words); allowed++)
		used += snprintf(words + used, sizeof(words) - used, "%s%s",
				 used ? ", " : "",
				 find_field(kind, *allowed)->name);
	return ctl_usage("unknown word '%s', there are %s", word, words);
}

int arg_fields(enum ockam_nl_object kind, void *object, const int *allowed,
	       int argc, char **argv)
{
	uint64_t *present = object;
	const int *attr;
	int err;

	for (; argc; argc -= 2, argv += 2) {
		for (attr = allowed; *attr; attr++)
			if (!strcmp(find_field(kind, *attr)->name, argv[0]))
				break;
		if (!*attr)
			return bad_field(kind, allowed, argv[0]);
		if (argc < 2)
			return ctl_usage("%s: a value is missing", argv[0]);
		if (*present >> *attr & 1)
			return ctl_usage("%s: given twice", argv[0]);
		err = arg_field(kind, object, *attr, argv[1]);
		if (err)
			return err;
	}
	return 0;
}

int arg_select(enum ockam_nl_object kind, void *object, int id, int address,
	       const char *text)
{
	bool digits = *text && strspn(text, "0123456789") == strlen(text);

	return arg_field(kind, object, digits ? id : address, text);
}
