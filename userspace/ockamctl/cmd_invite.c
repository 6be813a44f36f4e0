// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * ockamctl invite, join: one word lets another node make a channel here.
 *
 * It has the way here, our identifier, and the key of an authority that exists for this
 * invitation.  Who joins issues himself a credential with it, which our listener takes
 * once: from then on it trusts the identifier that came.  ockamd sees to that; here is
 * what the two ends write into their key stores and configurations.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include <ockam/ockam.h>
#include <sodium.h>

#include "ident_err.h"
#include "invite_word.h"
#include "keystore.h"
#include "ockamctl.h"
#include "request.h"
#include "section.h"
#include "words.h"

#define DIR_DEFAULT	"/var/lib/ockam"
#define LISTENER	"api"
#define EXPIRES		3600
#define EXPIRES_MAX	2592000
#define CLOCKS		86400	/* two clocks may differ by so much */
#define JOIN_S		30
#define POLL_US		100000

/**
 * struct call - what the words say
 * @ctl: the invocation
 * @name: what the other one is called here
 * @at: HOST:PORT of a link of ours, for the other one
 * @listener: which takes him
 * @expires: seconds, as text
 * @identity: own one that joins
 * @dir: key store
 * @udp: @at is one over UDP
 * @ks: the open store
 * @opt: how to ask ockamd
 */
struct call {
	struct ctl	*ctl;
	const char	*name;
	const char	*at;
	const char	*listener;
	const char	*expires;
	const char	*identity;
	const char	*dir;
	bool		udp;
	struct keystore	*ks;
	struct ockam_secure_channel_options opt;
};

static int parse(struct call *c, struct ctl *ctl, const char *what, int argc,
		 char **argv)
{
	const char *daemon_uid = NULL;
	const struct word words[] = {
		{ "at", &c->at, NULL },
		{ "listener", &c->listener, NULL },
		{ "expires", &c->expires, NULL },
		{ "identity", &c->identity, NULL },
		{ "dir", &c->dir, NULL },
		{ "udp", NULL, &c->udp },
		{ "daemon-uid", &daemon_uid, NULL },
		{ NULL, NULL, NULL }
	};
	int err;

	memset(c, 0, sizeof(*c));
	c->ctl = ctl;
	c->listener = LISTENER;
	c->identity = "default";
	c->dir = DIR_DEFAULT;
	if (!argc)
		return ctl_usage("%s: a name for the other node is missing",
				 what);
	c->name = argv[0];
	err = words_parse(words, argc - 1, argv + 1);
	if (!err && daemon_uid)
		err = words_user("daemon-uid", daemon_uid,
				 &c->opt.daemon_uid);
	return err;
}

static int open_store(struct call *c)
{
	int err;

	if (sodium_init() < 0)
		return ctl_fail(c->ctl, "libsodium does not start");
	err = keystore_open(c->dir, false, 0, &c->ks);
	return err ? ctl_fail(c->ctl, "%s: %s", c->dir, strerror(-err)) : 0;
}

/* ---- invite ---- */

/* The identity that a listener shows, as ockamd's list says. */
static int identity_of(const struct call *c, char name[KEYSTORE_NAME_MAX + 1])
{
	char head[WORD_TEXT_MAX + 8], *text;
	const char *p;

	if (request_listeners(&c->opt, &text))
		return ctl_fail(c->ctl, "%s", ockam_error());
	snprintf(head, sizeof(head), "0#%s ", c->listener);
	for (p = text; *p; p += strcspn(p, "\n"), p += *p == '\n')
		if (!strncmp(p, head, strlen(head)))
			break;
	p = *p ? strstr(p, " identity ") : NULL;
	if (p)
		snprintf(name, KEYSTORE_NAME_MAX + 1, "%.*s",
			 (int)strcspn(p + strlen(" identity "), "\n "),
			 p + strlen(" identity "));
	free(text);
	return p ? 0 : ctl_fail(c->ctl, "there is no listener '%s'",
				c->listener);
}

static int find_inviter(const struct call *c, uint8_t id[WORD_ID_LEN])
{
	char name[KEYSTORE_NAME_MAX + 1];
	struct identity *self;
	int err;

	err = identity_of(c, name);
	if (err)
		return err;
	err = keystore_load(c->ks, name, time(NULL), &self);
	if (err)
		return ctl_fail(c->ctl, "identity '%s' in %s: %s", name, c->dir,
				keystore_strerror(err));
	memcpy(id, self->history.identifier, WORD_ID_LEN);
	identity_put(self);
	return 0;
}

/* So that the listener can tell what the authority has signed. */
static int make_authority(const struct call *c, const struct invite_word *w,
			  char id[IDENT_ID_TEXT_LEN + 1])
{
	struct identity *authority;
	int err;

	err = identity_from_seed(w->seed, w->from, w->until, &authority);
	if (err)
		return ctl_fail(c->ctl, "%s", ident_strerror(err));
	ident_id_print(authority->history.identifier, id);
	err = keystore_peer_import(c->ks, authority->history.identifier,
				   authority->raw, authority->raw_len);
	identity_put(authority);
	return err ? ctl_fail(c->ctl, "%s: %s", c->dir,
			      keystore_strerror(err)) : 0;
}

static void forget_authority(const struct call *c, const char *text)
{
	uint8_t id[IDENT_ID_LEN];

	if (!ident_id_parse(text, id))
		keystore_peer_forget(c->ks, id);
}

static int add_invitation(const struct call *c, const struct invite_word *w)
{
	char id[IDENT_ID_TEXT_LEN + 1], expires[24];
	struct section s;
	int err;

	err = make_authority(c, w, id);
	if (err)
		return err;
	snprintf(expires, sizeof(expires), "%llu",
		 (unsigned long long)w->until);
	section_begin(&s, "invitation", c->name);
	section_put(&s, "authority", id);
	section_put(&s, "listener", c->listener);
	section_put(&s, "expires", expires);
	section_end(&s);
	err = section_change(c->ctl, &s, true, &c->opt);
	if (err)
		forget_authority(c, id);
	return err;
}

static int fill(const struct call *c, struct invite_word *w)
{
	struct ockam_nl_ip ip;
	uint64_t valid = EXPIRES;
	uint32_t scope_id;
	uint16_t port;
	int err = 0;

	if (c->expires)
		err = arg_number("expires", c->expires, EXPIRES_MAX, &valid);
	if (!err)
		err = arg_endpoint("at", c->at, &ip, &port, &scope_id);
	if (err)
		return err;
	if (!valid)
		return ctl_usage("expires: it would be over at once");
	if (strlen(c->name) > WORD_TEXT_MAX || strlen(c->at) > WORD_TEXT_MAX ||
	    strlen(c->listener) > WORD_TEXT_MAX)
		return ctl_usage("invite: a name of more than %d bytes",
				 WORD_TEXT_MAX);
	w->udp = c->udp;
	w->from = time(NULL) - CLOCKS;
	w->until = time(NULL) + valid;
	strcpy(w->name, c->name);
	strcpy(w->listener, c->listener);
	strcpy(w->endpoint, c->at);
	randombytes_buf(w->seed, sizeof(w->seed));
	return find_inviter(c, w->inviter);
}

static void print_word(const struct call *c, const struct invite_word *w)
{
	char text[WORD_MAX];

	invite_word_write(w, text);
	if (c->ctl->json)
		print_json(json_pack("{s:s, s:s, s:I}", "name", w->name, "word",
				     text, "expires", (json_int_t)w->until));
	else
		puts(text);
	sodium_memzero(text, sizeof(text));
}

static int invite(struct call *c)
{
	struct invite_word w = {};
	int err;

	err = fill(c, &w);
	if (!err)
		err = add_invitation(c, &w);
	if (!err)
		print_word(c, &w);
	sodium_memzero(&w, sizeof(w));
	return err;
}

/* Who has joined is a peer, who has not an invitation. */
static int withdraw(struct ctl *ctl, int argc, char **argv)
{
	struct section s;
	struct call c;
	int err;

	err = parse(&c, ctl, "invite delete", argc, argv);
	if (err)
		return err;
	section_begin(&s, "invitation", c.name);
	if (!request_change(s.text, false, &c.opt))
		return CTL_OK;
	if (errno != ENOENT)
		return ctl_fail(ctl, "%s", ockam_error());
	section_begin(&s, "peer", c.name);
	return section_change(ctl, &s, false, &c.opt);
}

static int run_invite(struct ctl *ctl, int argc, char **argv)
{
	struct call c;
	int err;

	if (argc && !strcmp(argv[0], "delete"))
		return withdraw(ctl, argc - 1, argv + 1);
	err = parse(&c, ctl, "invite", argc, argv);
	if (err)
		return err;
	if (!c.at)
		return ctl_usage("invite: at HOST:PORT is missing: a listening link of this node, as the other one reaches it");
	err = open_store(&c);
	if (err)
		return err;
	err = invite(&c);
	keystore_close(c.ks);
	return err;
}

/* ---- join ---- */

/* It is as good as a key: not shown. */
static bool read_text(char text[WORD_MAX])
{
	struct termios old, hidden;
	bool asked = !tcgetattr(STDIN_FILENO, &old);
	bool good;

	if (asked) {
		hidden = old;
		hidden.c_lflag &= ~ECHO;
		fputs("word: ", stderr);
		tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden);
	}
	good = fgets(text, WORD_MAX, stdin);
	if (asked) {
		tcsetattr(STDIN_FILENO, TCSAFLUSH, &old);
		fputs("\n", stderr);
	}
	text[good ? strcspn(text, " \t\r\n") : 0] = 0;
	return text[0];
}

static int read_word(const struct call *c, struct invite_word *w)
{
	char text[WORD_MAX];
	const char *why;

	if (!read_text(text))
		return ctl_usage("join: the word of the invitation is wanted on standard input");
	why = invite_word_read(text, w);
	sodium_memzero(text, sizeof(text));
	if (why)
		return ctl_fail(c->ctl, "that is not the word of an invitation: %s",
				why);
	if ((uint64_t)time(NULL) >= w->until)
		return ctl_fail(c->ctl, "the invitation has expired, at %s",
				date_text(w->until));
	return 0;
}

/**
 * struct joining - a credential that the word makes possible
 * @word: the word
 * @raw: the credential
 * @out: of its length
 */
struct joining {
	const struct invite_word *word;
	uint8_t raw[IDENT_CREDENTIAL_MAX];
	struct ocb_writer out;
};

static int add_credential(void *ctx, struct identity *self, bool *changed)
{
	struct joining *j = ctx;
	const struct invite_word *w = j->word;
	const struct ident_attr attr = {
		.name = (const uint8_t *)"invitation",
		.name_len = strlen("invitation"),
		.value = (const uint8_t *)w->name,
		.value_len = strlen(w->name),
	};
	struct identity *authority;
	uint64_t now = time(NULL);
	bool fresh;
	int err;

	ocb_writer_init(&j->out, j->raw, sizeof(j->raw));
	err = identity_from_seed(w->seed, w->from, w->until, &authority);
	if (err)
		return err;
	err = identity_refresh_purpose(authority, IDENT_PURPOSE_CREDENTIALS,
				       now, &fresh);
	if (!err)
		err = identity_issue(authority, &self->history, 0, &attr, 1,
				     now, w->until, &j->out);
	identity_put(authority);
	*changed = !err;
	return err ? err : identity_add_credential(self, j->raw, j->out.len);
}

/* It has done what it was for, and is nobody else's business. */
static int drop_credential(void *ctx, struct identity *self, bool *changed)
{
	const struct joining *j = ctx;
	const size_t len = j->out.len;
	size_t at;

	for (at = 0; len && at + len <= self->creds_len; at++)
		if (!memcmp(self->creds + at, j->raw, len))
			break;
	*changed = len && at + len <= self->creds_len;
	if (!*changed)
		return 0;
	memmove(self->creds + at, self->creds + at + len,
		self->creds_len - at - len);
	self->creds_len -= len;
	self->n_creds--;
	return 0;
}

/* A link and a channel, as one line: they come and go together. */
static int make_way(const struct call *c, const struct invite_word *w)
{
	char link[OCKAM_NAME_LEN + 1], route[2 * WORD_TEXT_MAX];
	char id[IDENT_ID_TEXT_LEN + 1];
	struct section s;

	ident_id_print(w->inviter, id);
	/* Names of links are short. */
	snprintf(link, sizeof(link), "j.%s", c->name);
	snprintf(route, sizeof(route), "%s => %s", link, w->listener);
	section_begin(&s, "channel", c->name);
	section_put(&s, "identity", c->identity);
	section_put(&s, "route", route);
	section_put(&s, "trust", id);
	section_end(&s);
	section_more(&s, "link", link);
	section_put(&s, "connect", w->endpoint);
	if (w->udp)
		section_put(&s, "kind", "udp");
	section_end(&s);
	return section_change(c->ctl, &s, true, &c->opt);
}

static int remove_way(const struct call *c)
{
	struct section s;

	section_begin(&s, "channel", c->name);
	return request_change(s.text, false, &c->opt);
}

static bool is_up(const struct call *c)
{
	char head[WORD_TEXT_MAX + 24], *text;
	bool up;

	if (request_channels(&c->opt, &text))
		return false;
	snprintf(head, sizeof(head), "0#%s state up ", c->name);
	up = strstr(text, head);
	free(text);
	return up;
}

static volatile sig_atomic_t stopped;

static void stop(int sig)
{
	stopped = sig;
}

/* What was begun is undone, whatever ends us. */
static void catch_signals(void)
{
	const struct sigaction sa = { .sa_handler = stop };

	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
	sigaction(SIGHUP, &sa, NULL);
}

static int wait_for_way(const struct call *c)
{
	unsigned int i;

	for (i = 0; i < JOIN_S * 1000000U / POLL_US && !stopped; i++) {
		if (is_up(c))
			return 0;
		usleep(POLL_US);
	}
	return ctl_fail(c->ctl, "join: the other node did not let us in: the word was used already or withdrawn, or the node cannot be reached");
}

static int join(struct call *c, const struct invite_word *w)
{
	static struct joining j;
	char text[REQUEST_TEXT_MAX + 1], id[IDENT_ID_TEXT_LEN + 1];
	int err;

	j.word = w;
	catch_signals();
	err = keystore_update(c->ks, c->identity, time(NULL), add_credential,
			      &j);
	if (err)
		return ctl_fail(c->ctl, "identity '%s' in %s: %s", c->identity,
				c->dir, err < 0 ? keystore_strerror(err) :
						  ident_strerror(err));
	err = make_way(c, w);
	if (!err) {
		err = wait_for_way(c);
		if (err)
			remove_way(c);
	}
	keystore_update(c->ks, c->identity, time(NULL), drop_credential, &j);
	request_reload(&c->opt, text);
	if (err)
		return err;
	ident_id_print(w->inviter, id);
	if (c->ctl->json)
		print_json(json_pack("{s:s, s:s}", "name", c->name,
				     "identifier", id));
	else
		printf("%s: a channel to %s\n", c->name, id);
	return CTL_OK;
}

static int run_join(struct ctl *ctl, int argc, char **argv)
{
	struct invite_word w;
	struct section s;
	struct call c;
	int err;

	if (argc && !strcmp(argv[0], "delete")) {
		err = parse(&c, ctl, "join delete", argc - 1, argv + 1);
		section_begin(&s, "channel", err ? "" : c.name);
		return err ? err : section_change(ctl, &s, false, &c.opt);
	}
	err = parse(&c, ctl, "join", argc, argv);
	if (!err)
		err = open_store(&c);
	if (err)
		return err;
	err = read_word(&c, &w);
	if (!err)
		err = join(&c, &w);
	sodium_memzero(&w, sizeof(w));
	keystore_close(c.ks);
	return err;
}

const struct command invite_commands[] = {
	{ "",
	  "NAME at HOST:PORT [udp] [listener ADDRESS] [expires SECONDS] [dir DIR] [daemon-uid USER] | delete NAME",
	  "print a word by which another node joins, once, to be called NAME here; delete: it may not (any more)",
	  run_invite },
	{ }
};

const struct command join_commands[] = {
	{ "",
	  "NAME [identity NAME] [dir DIR] [daemon-uid USER] | delete NAME",
	  "read the word of an invitation, and keep a channel NAME to who gave it; delete: no more",
	  run_join },
	{ }
};
