// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/* Boxes of a prekey service, in a directory of the key store that it makes. */
#include <errno.h>
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

int keystore_box_save(struct keystore *ks, const uint8_t id[IDENT_ID_LEN],
		      const uint8_t *buf, size_t len)
{
	char name[NAME_LEN + 1];
	int err;

	sodium_bin2hex(name, sizeof(name), id, IDENT_ID_LEN);
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

struct box_walk {
	void (*fn)(void *ctx, const char *name, const uint8_t *buf, size_t len,
		   int err);
	void *ctx;
	uint8_t *buf;
	size_t cap;
};

static int read_box(int dir, const char *name, void *ctx)
{
	struct box_walk *w = ctx;
	size_t len = 0;
	int err;

	if (strlen(name) != NAME_LEN)
		return 0;
	err = ks_read(dir, name, w->buf, w->cap, &len);
	w->fn(w->ctx, name, w->buf, len, err);
	return 0;
}

int keystore_boxes_read(struct keystore *ks, size_t max,
			void (*fn)(void *ctx, const char *name,
				   const uint8_t *buf, size_t len, int err),
			void *ctx)
{
	struct box_walk w = { .fn = fn, .ctx = ctx, .cap = max };
	int err;

	w.buf = malloc(max);
	if (!w.buf)
		return -ENOMEM;
	err = ks_for_each(ks->boxes, read_box, &w);
	free(w.buf);
	return err;
}
