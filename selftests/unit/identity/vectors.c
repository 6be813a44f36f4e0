// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#include "tap.h"
#include "vectors.h"

json_t *load_vectors(const char *name)
{
	const char *dir = getenv("VECTORS_DIR");
	char path[4096];
	json_t *root;

	snprintf(path, sizeof(path), "%s/%s", dir ? dir : VECTORS_DIR, name);
	root = json_load_file(path, 0, NULL);
	MUST(root);
	return root;
}
