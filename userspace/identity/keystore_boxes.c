// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/* Boxes of a prekey service, in a directory of the key store that it makes. */
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sodium.h>

#include "keystore.h"
#include "keystore_files.h"

#define NAME_LEN	(2 * IDENT_ID_LEN)

int keystore_boxes_open(struct keystore *ks)
{
	if (ks->boxes >= 0)
		close(ks->boxes);
	ks->boxes = ks_subdir(ks, "boxes");
	return ks->boxes < 0 ? ks->boxes : 0;
}

void keystore_boxes_close(struct keystore *ks)
{
	if (ks->boxes >= 0)
		close(ks->boxes);
	ks->boxes = -1;
}

static int save(struct keystore *ks, const char *name, const uint8_t *buf,
		size_t len)
{
	int err;

	if (!buf) {
		err = ks_remove(ks->boxes, name);
		return err == -ENOENT ? 0 : err;
	}
	err = ks_lock(ks->boxes);
	if (err)
		return err;
	err = ks_replace(ks->boxes, name, buf, len);
	ks_unlock(ks->boxes);
	return err;
}

int keystore_box_save(struct keystore *ks, const uint8_t id[IDENT_ID_LEN],
		      const uint8_t *buf, size_t len)
{
	char name[NAME_LEN + 1];

	sodium_bin2hex(name, sizeof(name), id, IDENT_ID_LEN);
	return save(ks, name, buf, len);
}

int keystore_letter_save(struct keystore *ks, const uint8_t id[IDENT_ID_LEN],
			 uint64_t number, const uint8_t *buf, size_t len)
{
	char name[NAME_LEN + 32];

	sodium_bin2hex(name, sizeof(name), id, IDENT_ID_LEN);
	snprintf(name + NAME_LEN, sizeof(name) - NAME_LEN, ".%" PRIu64, number);
	return save(ks, name, buf, len);
}

struct box_walk {
	void (*fn)(void *ctx, const struct keystore_box *box);
	void *ctx;
	bool letters;
	uint8_t *buf;
	size_t cap;
};

static bool is_box(const char *name, struct keystore_box *box)
{
	size_t n;

	if (strlen(name) < NAME_LEN)
		return false;
	box->name = name;
	box->letter = name[NAME_LEN] == '.';
	return !sodium_hex2bin(box->id, sizeof(box->id), name, NAME_LEN, NULL,
			       &n, NULL) &&
	       n == sizeof(box->id) && (box->letter || !name[NAME_LEN]);
}

static int read_box(int dir, const char *name, void *ctx)
{
	struct keystore_box box = { .len = 0 };
	struct box_walk *w = ctx;

	if (!is_box(name, &box) || box.letter != w->letters)
		return 0;
	box.buf = w->buf;
	box.err = ks_read(dir, name, w->buf, w->cap, &box.len);
	w->fn(w->ctx, &box);
	return 0;
}

int keystore_boxes_read(struct keystore *ks, size_t max,
			void (*fn)(void *ctx, const struct keystore_box *box),
			void *ctx)
{
	struct box_walk w = { .fn = fn, .ctx = ctx, .cap = max };
	int err;

	w.buf = malloc(max);
	if (!w.buf)
		return -ENOMEM;
	err = ks_for_each(ks->boxes, read_box, &w);
	w.letters = true;
	if (!err)
		err = ks_for_each(ks->boxes, read_box, &w);
	free(w.buf);
	return err;
}
