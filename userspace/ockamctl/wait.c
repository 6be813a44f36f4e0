// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/* ockamctl wait: until an object is up, or gone. */
#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "ockamctl.h"

#define EVERY_US	50000
#define TIMEOUT		30

/**
 * struct waiting - what is waited for
 * @kind: of the object
 * @name: as written
 * @state: what it is now, for people
 */
struct waiting {
	enum ockam_nl_object	kind;
	const char		*name;
	char			state[128];
};

/* 1: up, 0: there, but not up, or a negative errno. */
static int link_now(struct ctl *ctl, struct waiting *w)
{
	const char *state, *reason = NULL;
	struct ockam_nl_link link = {};
	int err;

	if (arg_select(OCKAM_NL_LINK, &link, OCKAM_A_LINK_ID,
		       OCKAM_A_LINK_NAME, w->name))
		return -EINVAL;
	err = ockam_nl_link_get(ctl->nl, &link);
	if (err)
		return err;
	if (link.state == OCKAM_LINK_STATE_UP ||
	    link.state == OCKAM_LINK_STATE_LISTENING)
		return 1;
	state = ockam_nl_value_name(OCKAM_NL_LINK, OCKAM_A_LINK_STATE,
				    link.state);
	if (ockam_nl_has(&link, OCKAM_A_LINK_REASON) && link.reason)
		reason = ockam_nl_value_name(OCKAM_NL_LINK,
					     OCKAM_A_LINK_REASON, link.reason);
	snprintf(w->state, sizeof(w->state), "is %s%s%s", state ? state : "?",
		 reason ? ", the last time it ended because of: " : "",
		 reason ? reason : "");
	return 0;
}

/* A channel that is kept up is reached by a hop: to the encryptor in use. */
static int kept_channel(struct ctl *ctl, struct waiting *w,
			struct ockam_nl_channel *ch)
{
	struct ockam_nl_hop hop = {};
	size_t len;
	int err;

	if (arg_field(OCKAM_NL_HOP, &hop, OCKAM_A_HOP_ADDRESS, w->name))
		return -EINVAL;
	err = ockam_nl_hop_get(ctl->nl, &hop);
	if (err)
		return err;
	len = hop.route.len >= 2 ? 2 + hop.route.data[1] : 0;
	if (!ockam_nl_has(&hop, OCKAM_A_HOP_ROUTE) || len < 2 ||
	    len > hop.route.len || len > sizeof(ch->encryptor.data))
		return -ENOENT;
	memset(ch, 0, sizeof(*ch));
	ockam_nl_mark(ch, OCKAM_A_CHANNEL_ENCRYPTOR);
	memcpy(ch->encryptor.data, hop.route.data, len);
	ch->encryptor.len = len;
	return ockam_nl_channel_get(ctl->nl, ch);
}

static int channel_now(struct ctl *ctl, struct waiting *w)
{
	struct ockam_nl_channel ch = {};
	const char *state;
	int err;

	if (arg_select(OCKAM_NL_CHANNEL, &ch, OCKAM_A_CHANNEL_ID,
		       OCKAM_A_CHANNEL_ENCRYPTOR, w->name))
		return -EINVAL;
	err = ockam_nl_channel_get(ctl->nl, &ch);
	if (err == -ENOENT)
		err = kept_channel(ctl, w, &ch);
	if (err)
		return err;
	if (ch.state == OCKAM_CHANNEL_STATE_UP)
		return 1;
	state = ockam_nl_value_name(OCKAM_NL_CHANNEL, OCKAM_A_CHANNEL_STATE,
				    ch.state);
	snprintf(w->state, sizeof(w->state), "is %s", state ? state : "?");
	return 0;
}

static int hop_now(struct ctl *ctl, struct waiting *w)
{
	struct ockam_nl_hop hop = {};

	if (arg_select(OCKAM_NL_HOP, &hop, OCKAM_A_HOP_ID,
		       OCKAM_A_HOP_ADDRESS, w->name))
		return -EINVAL;
	return ockam_nl_hop_get(ctl->nl, &hop) ? : 1;
}

static int worker_now(struct ctl *ctl, struct waiting *w)
{
	struct ockam_nl_worker worker = {};

	if (arg_field(OCKAM_NL_WORKER, &worker, OCKAM_A_WORKER_ADDRESS,
		      w->name))
		return -EINVAL;
	return ockam_nl_worker_get(ctl->nl, &worker) ? : 1;
}

static int now(struct ctl *ctl, struct waiting *w)
{
	int ret;

	switch (w->kind) {
	case OCKAM_NL_LINK:
		ret = link_now(ctl, w);
		break;
	case OCKAM_NL_CHANNEL:
		ret = channel_now(ctl, w);
		break;
	case OCKAM_NL_HOP:
		ret = hop_now(ctl, w);
		break;
	default:
		ret = worker_now(ctl, w);
		break;
	}
	if (ret == -ENOENT)
		strcpy(w->state, "is not there");
	else if (ret == 1)
		strcpy(w->state, "is up");
	return ret;
}

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static int wait_args(struct waiting *w, bool *up, uint64_t *timeout, int argc,
		     char **argv)
{
	static const struct {
		const char *name;
		enum ockam_nl_object kind;
	} kinds[] = {
		{ "link", OCKAM_NL_LINK }, { "channel", OCKAM_NL_CHANNEL },
		{ "hop", OCKAM_NL_HOP }, { "worker", OCKAM_NL_WORKER },
	};
	size_t i;

	if (argc < 3)
		return ctl_usage("wait: link, channel, hop or worker, then which one, then up or gone, please");
	for (i = 0; i < ARRAY_SIZE(kinds); i++)
		if (!strcmp(kinds[i].name, argv[0]))
			break;
	if (i == ARRAY_SIZE(kinds))
		return ctl_usage("wait: link, channel, hop or worker, not '%s'",
				 argv[0]);
	w->kind = kinds[i].kind;
	w->name = argv[1];
	*up = !strcmp(argv[2], "up");
	if (!*up && strcmp(argv[2], "gone"))
		return ctl_usage("wait: up or gone, not '%s'", argv[2]);
	if (argc == 3)
		return 0;
	if (strcmp(argv[3], "timeout"))
		return ctl_usage("wait: unknown word '%s', there is timeout",
				 argv[3]);
	if (argc != 5)
		return ctl_usage("wait: timeout: one number of seconds, please");
	return arg_number("timeout", argv[4], 1000000, timeout);
}

static int run_wait(struct ctl *ctl, int argc, char **argv)
{
	struct waiting w = {};
	uint64_t timeout = TIMEOUT;
	double end;
	bool up = true;
	int err;

	err = wait_args(&w, &up, &timeout, argc, argv);
	if (!err)
		err = ctl_open(ctl);
	if (err)
		return err;
	end = seconds() + timeout;
	for (;;) {
		err = now(ctl, &w);
		if (err == -EINVAL)
			return CTL_USAGE;
		if (err < 0 && err != -ENOENT)
			return ctl_nl_fail(ctl, "wait");
		if (up ? err == 1 : err == -ENOENT)
			return CTL_OK;
		if (seconds() >= end)
			return ctl_fail(ctl, "wait: %s %s: after %llu s it %s",
					argv[0], w.name,
					(unsigned long long)timeout, w.state);
		usleep(EVERY_US);
	}
}

const struct command wait_commands[] = {
	{ "", "link | channel | hop | worker WHICH up | gone [timeout SECONDS]",
	  "end when the object is up, or no longer there (30 s at most)",
	  run_wait },
	{ }
};
