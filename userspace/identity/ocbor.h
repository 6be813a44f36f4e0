/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
#ifndef OCKAM_OCBOR_H
#define OCKAM_OCBOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Nesting of items that are skipped without being understood. */
#define OCB_SKIP_DEPTH	16

/**
 * struct ocb_writer - CBOR into a fixed buffer, shortest form only
 * @buf:  output
 * @cap:  room
 * @len:  bytes written
 * @full: something did not fit; everything after that is dropped
 */
struct ocb_writer {
	uint8_t *buf;
	size_t cap;
	size_t len;
	bool full;
};

void ocb_writer_init(struct ocb_writer *w, uint8_t *buf, size_t cap);
void ocb_put_array(struct ocb_writer *w, size_t items);
void ocb_put_map(struct ocb_writer *w, size_t pairs);
void ocb_put_uint(struct ocb_writer *w, uint64_t v);
void ocb_put_bytes(struct ocb_writer *w, const void *data, size_t len);
void ocb_put_bool(struct ocb_writer *w, bool v);
void ocb_put_null(struct ocb_writer *w);
/* Bytes that are CBOR already. */
void ocb_put_raw(struct ocb_writer *w, const void *data, size_t len);

/**
 * struct ocb_reader - CBOR out of a buffer, without allocation
 * @p:    next byte
 * @left: bytes left
 *
 * Work is linear in the number of bytes and nothing recurses. Every function
 * returns 0 or IDENT_E_DECODE; after an error the reader is not to be used.
 */
struct ocb_reader {
	const uint8_t *p;
	size_t left;
};

/**
 * struct ocb_list - an array that is being read, definite or indefinite
 * @left:       items left, when definite
 * @indefinite: ends with a break instead
 * @ended:      the end was seen
 */
struct ocb_list {
	uint64_t left;
	bool indefinite;
	bool ended;
};

void ocb_reader_init(struct ocb_reader *r, const uint8_t *buf, size_t len);

/* Definite byte string; @data points into the input. */
int ocb_get_bytes(struct ocb_reader *r, const uint8_t **data, size_t *len);
/* Definite byte string of exactly @len bytes. */
int ocb_get_fixed(struct ocb_reader *r, uint8_t *out, size_t len);
int ocb_get_uint(struct ocb_reader *r, uint64_t *v);
int ocb_get_bool(struct ocb_reader *r, bool *v);
/* Takes a null if one is next. */
bool ocb_take_null(struct ocb_reader *r);
int ocb_get_map(struct ocb_reader *r, uint64_t *pairs);
/* One complete item of any kind. */
int ocb_skip(struct ocb_reader *r);

int ocb_list_begin(struct ocb_reader *r, struct ocb_list *l);
/* True if another item follows; false at the end (then consumed) or on error,
 * which ocb_list_end() reports.
 */
bool ocb_list_more(struct ocb_reader *r, struct ocb_list *l);
/* An item must follow. */
int ocb_list_need(struct ocb_reader *r, struct ocb_list *l);
/* Skips what follows, as a struct's unknown later fields are skipped. */
int ocb_list_end(struct ocb_reader *r, struct ocb_list *l);

/**
 * ocb_enum_begin() - head of an enum: array(2), variant number, fields
 * @r:       reader
 * @variant: variant number
 * @fields:  list of fields, to be closed with ocb_list_end()
 */
int ocb_enum_begin(struct ocb_reader *r, uint64_t *variant,
		   struct ocb_list *fields);

#endif
