/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/*
 * Routes and identifiers as text.
 *
 *	route	= address *( "=>" address )
 *	address	= [ type "#" ] bytes
 *
 * The type is a decimal number, 0 if absent.  Blanks around an address do not
 * count.  In the bytes, "\xNN" stands for one byte in hex and "\\" for a
 * backslash; what is printed uses it for blanks, '#', "=>", control bytes and
 * bytes above 0x7e, so that it reads back as the same route.
 *
 * An identifier is "I" and 64 hex digits.
 */
#ifndef OCKAM_LIB_TEXT_H
#define OCKAM_LIB_TEXT_H

#include <stddef.h>
#include <stdint.h>

#include <linux/ockam.h>

/* Bytes that the longest route takes as text, with the final 0. */
#define OCKAM_TEXT_ROUTE_MAX	(OCKAM_ROUTE_MAX * 4 + OCKAM_HOPS_MAX * 8 + 1)
#define OCKAM_TEXT_IDENTIFIER	(1 + 2 * OCKAM_IDENTIFIER_LEN + 1)

/**
 * struct ockam_text_error - what is wrong with a text
 * @at: byte of the text
 * @what: a sentence
 */
struct ockam_text_error {
	size_t		at;
	const char	*what;
};

/**
 * ockam_text_parse_route() - read a route
 * @text: the text
 * @flat: room for the route in flat form
 * @size: bytes there
 * @len: set to the bytes used
 * @err: filled on failure; may be NULL
 *
 * Return: number of hops, at least 1; -EINVAL if it is no route, -EMSGSIZE if
 * it is too long.
 */
int ockam_text_parse_route(const char *text, uint8_t *flat, size_t size,
			   size_t *len, struct ockam_text_error *err);

/* The same for exactly one address. */
int ockam_text_parse_address(const char *text, uint8_t *flat, size_t size,
			     size_t *len, struct ockam_text_error *err);

/**
 * ockam_text_print_route() - write a route
 * @flat: the route in flat form
 * @len: its bytes
 * @text: room for the text
 * @size: bytes there
 *
 * Return: bytes the whole text has without the final 0, as snprintf() counts
 * (at most size - 1 of them were written); -EINVAL if @flat is no route.
 */
int ockam_text_print_route(const uint8_t *flat, size_t len, char *text,
			   size_t size);

/* 0 or -EINVAL. */
int ockam_text_parse_identifier(const char *text,
				uint8_t id[OCKAM_IDENTIFIER_LEN]);
void ockam_text_print_identifier(const uint8_t id[OCKAM_IDENTIFIER_LEN],
				 char text[OCKAM_TEXT_IDENTIFIER]);

#endif /* OCKAM_LIB_TEXT_H */
