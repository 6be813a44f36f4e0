// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/* ockamctl identity: key files, handled by their owner. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <sodium.h>

#include "ident_err.h"
#include "keystore.h"
#include "ockamctl.h"
#include "words.h"

#define DIR_DEFAULT	"/var/lib/ockam"

/**
 * struct call - a command on a key store
 * @ctl: the invocation
 * @dir: the directory
 * @file: input, or NULL for stdin
 * @name: identity, or NULL
 * @valid: seconds that a credential is valid, as text
 * @full: print all of it
 * @ks: the open store
 */
struct call {
	struct ctl	*ctl;
	const char	*dir;
	const char	*file;
	const char	*name;
	const char	*valid;
	bool		full;
	struct keystore	*ks;
};

static int open_call(struct call *c, struct ctl *ctl, bool create, bool named,
		     int argc, char **argv)
{
	const struct word words[] = {
		{ "dir", &c->dir, NULL },
		{ "file", &c->file, NULL },
		{ "valid", &c->valid, NULL },
		{ "full", NULL, &c->full },
		{ NULL, NULL, NULL }
	};
	int err;

	memset(c, 0, sizeof(*c));
	c->ctl = ctl;
	c->dir = DIR_DEFAULT;
	if (named) {
		if (!argc)
			return ctl_usage("the name of an identity is missing");
		c->name = *argv++;
		argc--;
	}
	err = words_parse(words, argc, argv);
	if (err)
		return err;
	if (sodium_init() < 0)
		return ctl_fail(ctl, "libsodium does not start");
	err = keystore_open(c->dir, create, 0, &c->ks);
	if (err == -EPERM)
		return ctl_fail(ctl, "%s: a key store must be yours and closed to others (chmod 700)", c->dir);
	if (err)
		return ctl_fail(ctl, "%s: %s", c->dir, strerror(-err));
	return CTL_OK;
}

static int fail_name(const struct call *c, int err)
{
	return ctl_fail(c->ctl, "identity '%s' in %s: %s", c->name, c->dir,
			keystore_strerror(err));
}

static int show_identity(const struct call *c, const struct identity *self)
{
	char text[IDENT_ID_TEXT_LEN + 1];

	ident_id_print(self->history.identifier, text);
	if (c->ctl->json) {
		print_json(json_pack("{s:s, s:s, s:i, s:I, s:I}",
				     "name", c->name, "identifier", text,
				     "changes", (int)self->history.count,
				     "valid-until",
				     (json_int_t)self->history.valid_until,
				     "key-expires",
				     (json_int_t)self->channel.key.expires));
		return CTL_OK;
	}
	printf("%s\n", text);
	if (!c->full)
		return CTL_OK;
	printf("%-18s%d\n", "changes", (int)self->history.count);
	printf("%-18s%s\n", "valid-until",
	       date_text(self->history.valid_until));
	printf("%-18s%s\n", "key-expires",
	       date_text(self->channel.key.expires));
	return CTL_OK;
}

static int identity_create(struct ctl *ctl, int argc, char **argv)
{
	struct identity *self;
	struct call c;
	int err;

	err = open_call(&c, ctl, true, true, argc, argv);
	if (err)
		return err;
	err = keystore_create(c.ks, c.name, time(NULL), &self);
	err = err ? fail_name(&c, err) : show_identity(&c, self);
	if (!err)
		identity_put(self);
	keystore_close(c.ks);
	return err;
}

static int with_identity(struct ctl *ctl, int argc, char **argv,
			 int (*fn)(const struct call *c,
				   const struct identity *self))
{
	struct identity *self;
	struct call c;
	int err;

	err = open_call(&c, ctl, false, true, argc, argv);
	if (err)
		return err;
	err = keystore_load(c.ks, c.name, time(NULL), &self);
	if (err) {
		err = fail_name(&c, err);
	} else {
		err = fn(&c, self);
		identity_put(self);
	}
	keystore_close(c.ks);
	return err;
}

static int identity_show(struct ctl *ctl, int argc, char **argv)
{
	return with_identity(ctl, argc, argv, show_identity);
}

static int print_history(const struct call *c, const struct identity *self)
{
	char *hex = malloc(2 * self->raw_len + 1);

	if (!hex)
		return ctl_fail(c->ctl, "out of memory");
	sodium_bin2hex(hex, 2 * self->raw_len + 1, self->raw, self->raw_len);
	if (c->ctl->json)
		print_json(json_pack("{s:s}", "history", hex));
	else
		puts(hex);
	free(hex);
	return CTL_OK;
}

static int identity_export(struct ctl *ctl, int argc, char **argv)
{
	return with_identity(ctl, argc, argv, print_history);
}

static int identity_rotate_key(struct ctl *ctl, int argc, char **argv)
{
	struct identity *self;
	struct call c;
	int err;

	err = open_call(&c, ctl, false, true, argc, argv);
	if (err)
		return err;
	err = keystore_rotate(c.ks, c.name, time(NULL), &self);
	err = err ? fail_name(&c, err) : show_identity(&c, self);
	if (!err)
		identity_put(self);
	keystore_close(c.ks);
	return err;
}

/* What @fill finds in the store, with @print a line for each. */
static int list_store(struct ctl *ctl, int argc, char **argv,
		      int (*fill)(struct keystore *ks, json_t *list),
		      void (*print)(const json_t *one))
{
	json_t *list = json_array(), *one;
	struct call c;
	size_t i;
	int err;

	err = open_call(&c, ctl, false, false, argc, argv);
	if (err)
		goto out;
	err = fill(c.ks, list);
	keystore_close(c.ks);
	if (err) {
		err = ctl_fail(ctl, "%s: %s", c.dir, strerror(-err));
		goto out;
	}
	if (ctl->json) {
		print_json(list);
		return CTL_OK;
	}
	json_array_foreach(list, i, one)
		print(one);
out:
	json_decref(list);
	return err;
}

static int add_identity(void *ctx, const char *name)
{
	json_t *list = ctx;

	return json_array_append_new(list, json_string(name)) ? -ENOMEM : 0;
}

static int fill_identities(struct keystore *ks, json_t *list)
{
	return keystore_list(ks, add_identity, list);
}

static void print_name(const json_t *one)
{
	puts(json_string_value(one));
}

static int identity_list(struct ctl *ctl, int argc, char **argv)
{
	return list_store(ctl, argc, argv, fill_identities, print_name);
}

static int read_hex(const struct call *c, const char *what, uint8_t *buf,
		    size_t cap, size_t *len)
{
	FILE *f = c->file ? fopen(c->file, "r") : stdin;
	size_t n, size = 2 * cap + 16;
	char *text;
	int err;

	if (!f)
		return ctl_fail(c->ctl, "%s: %s", c->file, strerror(errno));
	text = malloc(size);
	n = text ? fread(text, 1, size, f) : 0;
	if (c->file)
		fclose(f);
	err = n && !sodium_hex2bin(buf, cap, text, n, " \n\r\t", len, NULL) ?
	      CTL_OK : ctl_fail(c->ctl, "this is no %s in hex", what);
	free(text);
	return err;
}

static int import_history(const struct call *c, const uint8_t *raw, size_t len)
{
	static struct ident_history h;
	char text[IDENT_ID_TEXT_LEN + 1];
	int err;

	err = ident_history_verify(raw, len, 0, NULL, &h);
	if (err)
		return ctl_fail(c->ctl, "change history: %s",
				ident_strerror(err));
	err = keystore_peer_import(c->ks, h.identifier, raw, len);
	if (err > 0)
		return ctl_fail(c->ctl, "change history: %s",
				ident_strerror(err));
	if (err)
		return ctl_fail(c->ctl, "%s: %s", c->dir, strerror(-err));
	ident_id_print(h.identifier, text);
	puts(text);
	return CTL_OK;
}

static int identity_import_peer(struct ctl *ctl, int argc, char **argv)
{
	static uint8_t raw[IDENT_HISTORY_MAX];
	struct call c;
	size_t len;
	int err;

	err = open_call(&c, ctl, true, false, argc, argv);
	if (err)
		return err;
	err = read_hex(&c, "change history", raw, sizeof(raw), &len);
	if (!err)
		err = import_history(&c, raw, len);
	keystore_close(c.ks);
	return err;
}

static int add_peer(void *ctx, const uint8_t id[IDENT_ID_LEN], bool kept)
{
	char text[IDENT_ID_TEXT_LEN + 1];
	json_t *list = ctx;

	ident_id_print(id, text);
	return json_array_append_new(list, json_pack("{s:s, s:b}", "identifier",
						     text, "imported", kept)) ?
	       -ENOMEM : 0;
}

static int fill_peers(struct keystore *ks, json_t *list)
{
	return keystore_peer_list(ks, add_peer, list);
}

static void print_peer(const json_t *one)
{
	printf("%s%s\n", json_string_value(json_object_get(one, "identifier")),
	       json_is_true(json_object_get(one, "imported")) ?
	       " imported" : "");
}

static int peer_list(struct ctl *ctl, int argc, char **argv)
{
	return list_store(ctl, argc, argv, fill_peers, print_peer);
}

static int peer_forget(struct ctl *ctl, int argc, char **argv)
{
	uint8_t id[IDENT_ID_LEN];
	struct call c;
	int err;

	err = open_call(&c, ctl, false, true, argc, argv);
	if (err)
		return err;
	if (ident_id_parse(c.name, id))
		err = ctl_usage("'%s' is no identifier: I and 64 hexadecimal digits",
				c.name);
	else if ((err = keystore_peer_forget(c.ks, id)))
		err = ctl_fail(ctl, "%s: %s", c.name, err == -ENOENT ?
			       "this peer is not known" : strerror(-err));
	keystore_close(c.ks);
	return err;
}

static int identity_peer(struct ctl *ctl, int argc, char **argv)
{
	if (argc && !strcmp(argv[0], "list"))
		return peer_list(ctl, argc - 1, argv + 1);
	if (argc && !strcmp(argv[0], "forget"))
		return peer_forget(ctl, argc - 1, argv + 1);
	return ctl_usage("peer: list or forget is wanted");
}

/* ---- credentials ---- */

#define VALID_DEFAULT	86400

/* Takes the pairs "attribute NAME=VALUE" out of the words. */
static int take_attributes(int *argc, char **argv, struct ident_attr *attrs,
			   unsigned int *n)
{
	int i, left = 0;
	char *eq;

	*n = 0;
	for (i = 0; i < *argc; i++) {
		if (strcmp(argv[i], "attribute") || i + 1 == *argc) {
			argv[left++] = argv[i];
			continue;
		}
		eq = strchr(argv[++i], '=');
		if (!eq || eq == argv[i])
			return ctl_usage("attribute: NAME=VALUE is wanted");
		if (*n == IDENT_ATTRS_MAX)
			return ctl_usage("more than %d attributes",
					 IDENT_ATTRS_MAX);
		attrs[*n].name = (const uint8_t *)argv[i];
		attrs[*n].name_len = eq - argv[i];
		attrs[*n].value = (const uint8_t *)eq + 1;
		attrs[(*n)++].value_len = strlen(eq + 1);
	}
	*argc = left;
	return *n ? CTL_OK : ctl_usage("no attribute");
}

/* Positive errors are those of identities. */
static int fail_update(const struct call *c, int err)
{
	return err > 0 ? ctl_fail(c->ctl, "%s", ident_strerror(err)) :
			 fail_name(c, err);
}

/**
 * struct issue - a credential to be made
 * @subject: of whom
 * @attrs: what is said of it
 * @n: their number
 * @valid: for so many seconds
 * @out: takes it
 */
struct issue {
	const struct ident_history *subject;
	const struct ident_attr *attrs;
	unsigned int n;
	uint64_t valid;
	struct ocb_writer out;
};

static int issue(void *ctx, struct identity *self, bool *changed)
{
	uint64_t now = time(NULL);
	struct issue *i = ctx;
	int err;

	err = identity_refresh_purpose(self, IDENT_PURPOSE_CREDENTIALS, now,
				       changed);
	return err ? err : identity_issue(self, i->subject, 0, i->attrs, i->n,
					  now, now + i->valid, &i->out);
}

static void print_credential(const struct ctl *ctl, const uint8_t *cred,
			     size_t len)
{
	static char hex[2 * IDENT_CREDENTIAL_MAX + 1];

	sodium_bin2hex(hex, sizeof(hex), cred, len);
	if (ctl->json)
		print_json(json_pack("{s:s}", "credential", hex));
	else
		puts(hex);
}

/* The change history on standard input. */
static int read_subject(const struct call *c, struct ident_history *subject)
{
	static uint8_t raw[IDENT_HISTORY_MAX];
	size_t len;
	int err;

	err = read_hex(c, "change history", raw, sizeof(raw), &len);
	if (err)
		return err;
	err = ident_history_verify(raw, len, 0, NULL, subject);
	return err ? ctl_fail(c->ctl, "%s", ident_strerror(err)) : 0;
}

static int identity_issue_credential(struct ctl *ctl, int argc, char **argv)
{
	static uint8_t cred[IDENT_CREDENTIAL_MAX];
	static struct ident_history subject;
	struct ident_attr attrs[IDENT_ATTRS_MAX];
	struct issue i = {
		.subject = &subject,
		.attrs = attrs,
		.valid = VALID_DEFAULT,
	};
	struct call c;
	int err;

	err = take_attributes(&argc, argv, attrs, &i.n);
	if (!err)
		err = open_call(&c, ctl, false, true, argc, argv);
	if (err)
		return err;
	if (c.valid)
		err = arg_number("valid", c.valid, IDENT_VALID_SECONDS,
				 &i.valid);
	/* Before the store is locked: it may take its time. */
	if (!err)
		err = read_subject(&c, &subject);
	if (err)
		goto out;
	ocb_writer_init(&i.out, cred, sizeof(cred));
	err = keystore_update(c.ks, c.name, time(NULL), issue, &i);
	if (err)
		err = fail_update(&c, err);
	else
		print_credential(ctl, cred, i.out.len);
out:
	keystore_close(c.ks);
	return err;
}

/**
 * struct credential - one that others have issued
 * @raw: its bytes
 * @len: their number
 */
struct credential {
	uint8_t raw[IDENT_CREDENTIAL_MAX];
	size_t len;
};

static int add_credential(void *ctx, struct identity *self, bool *changed)
{
	const struct credential *cred = ctx;

	*changed = true;
	return identity_add_credential(self, cred->raw, cred->len);
}

static int drop_credentials(void *ctx, struct identity *self, bool *changed)
{
	(void)ctx;
	*changed = self->n_creds;
	free(self->creds);
	self->creds = NULL;
	self->creds_len = 0;
	self->n_creds = 0;
	return 0;
}

static int change_credentials(struct ctl *ctl, int argc, char **argv, bool add)
{
	static struct credential cred;
	struct call c;
	int err;

	err = open_call(&c, ctl, false, true, argc, argv);
	if (err)
		return err;
	err = add ? read_hex(&c, "credential", cred.raw, sizeof(cred.raw),
			     &cred.len) : 0;
	if (!err) {
		err = keystore_update(c.ks, c.name, time(NULL), add ?
				      add_credential : drop_credentials, &cred);
		if (err)
			err = fail_update(&c, err);
	}
	keystore_close(c.ks);
	return err;
}

static int identity_take_credential(struct ctl *ctl, int argc, char **argv)
{
	return change_credentials(ctl, argc, argv, true);
}

static int identity_drop_credentials(struct ctl *ctl, int argc, char **argv)
{
	return change_credentials(ctl, argc, argv, false);
}

const struct command identity_commands[] = {
	{ "list", "[dir DIR]", "names of the identities",
	  identity_list },
	{ "create", "NAME [dir DIR]", "make an identity",
	  identity_create },
	{ "show", "NAME [full] [dir DIR]",
	  "its identifier; full: and until when its keys are valid",
	  identity_show },
	{ "export", "NAME [dir DIR]",
	  "its change history in hex, which is public",
	  identity_export },
	{ "import-peer", "[file FILE] [dir DIR]",
	  "remember the change history of a peer",
	  identity_import_peer },
	{ "peer", "list | forget IDENTIFIER [dir DIR]",
	  "peers whose change history is known; forget one of them",
	  identity_peer },
	{ "issue",
	  "NAME attribute NAME=VALUE ... [file FILE] [valid SECONDS] [dir DIR]",
	  "say something, in hex, of whose change history is in FILE",
	  identity_issue_credential },
	{ "add-credential", "NAME [file FILE] [dir DIR]",
	  "what others have said of it, to be shown to peers",
	  identity_take_credential },
	{ "drop-credentials", "NAME [dir DIR]",
	  "show none of them any more", identity_drop_credentials },
	{ "rotate", "NAME [dir DIR]", "give it a new key",
	  identity_rotate_key },
	{ }
};
