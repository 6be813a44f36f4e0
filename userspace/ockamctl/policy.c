// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/* ockamctl policy */
#include <string.h>

#include "policy.h"

static int policy_list(struct ctl *ctl, int argc, char **argv)
{
	if (argc)
		return ctl_usage("policy list: unknown word '%s'", argv[0]);
	return print_list(ctl, OCKAM_NL_POLICY, NULL, NULL);
}

static int policy_select(struct ctl *ctl, const char *what, int argc,
			 char **argv, struct ockam_nl_policy *policy)
{
	int err;

	if (argc != 1)
		return ctl_usage("%s: one id, please", what);
	err = arg_field(OCKAM_NL_POLICY, policy, OCKAM_A_POLICY_ID, argv[0]);
	return err ? err : ctl_open(ctl);
}

static int policy_show(struct ctl *ctl, int argc, char **argv)
{
	struct ockam_nl_policy policy = {};
	int err;

	err = policy_select(ctl, "policy show", argc, argv, &policy);
	if (err)
		return err;
	if (ockam_nl_policy_get(ctl->nl, &policy))
		return ctl_nl_fail(ctl, "policy %s", argv[0]);
	print_object(ctl, OCKAM_NL_POLICY, &policy);
	return CTL_OK;
}

static int policy_del(struct ctl *ctl, int argc, char **argv)
{
	struct ockam_nl_policy policy = {};
	int err;

	err = policy_select(ctl, "policy del", argc, argv, &policy);
	if (err)
		return err;
	if (ockam_nl_policy_del(ctl->nl, &policy))
		return ctl_nl_fail(ctl, "policy del %s", argv[0]);
	return CTL_OK;
}

/* Links and channels have names, too. */
static int link_of(struct ctl *ctl, const char *text, uint32_t *id)
{
	struct ockam_nl_link link = {};
	int err;

	err = arg_select(OCKAM_NL_LINK, &link, OCKAM_A_LINK_ID,
			 OCKAM_A_LINK_NAME, text);
	if (err)
		return err;
	if (ockam_nl_link_get(ctl->nl, &link))
		return ctl_nl_fail(ctl, "link %s", text);
	*id = link.id;
	return CTL_OK;
}

static int channel_of(struct ctl *ctl, const char *text, uint32_t *id)
{
	static struct ockam_nl_channel ch;
	int err;

	err = arg_select(OCKAM_NL_CHANNEL, &ch, OCKAM_A_CHANNEL_ID,
			 OCKAM_A_CHANNEL_ENCRYPTOR, text);
	if (err)
		return err;
	if (ockam_nl_channel_get(ctl->nl, &ch))
		return ctl_nl_fail(ctl, "channel %s", text);
	*id = ch.id;
	return CTL_OK;
}

static int place_of(struct ctl *ctl, const char *kind, const char *text,
		    struct ockam_nl_policy *policy)
{
	if (!strcmp(kind, "worker"))
		return arg_field(OCKAM_NL_POLICY, policy,
				 OCKAM_A_POLICY_WORKER, text);
	if (!strcmp(kind, "link")) {
		ockam_nl_mark(policy, OCKAM_A_POLICY_LINK);
		return link_of(ctl, text, &policy->link);
	}
	if (!strcmp(kind, "channel")) {
		ockam_nl_mark(policy, OCKAM_A_POLICY_CHANNEL);
		return channel_of(ctl, text, &policy->channel);
	}
	return ctl_usage("policy add: worker, link or channel, not '%s'",
			 kind);
}

static int program_of(struct ctl *ctl, int argc, char **argv,
		      struct policy_program *p)
{
	if (!argc)
		return ctl_usage("policy add: which program?");
	if (!strcmp(argv[0], "allow"))
		return policy_load_allow(ctl, argc - 1, argv + 1, p);
	if (!strcmp(argv[0], "rate"))
		return policy_load_rate(ctl, argc - 1, argv + 1, p);
	if (argc != 2)
		return ctl_usage("policy add: allow, rate, program FILE or pinned PATH, please");
	if (!strcmp(argv[0], "program"))
		return policy_load_file(ctl, argv[1], p);
	if (!strcmp(argv[0], "pinned"))
		return policy_load_pinned(ctl, argv[1], p);
	return ctl_usage("policy add: unknown word '%s'", argv[0]);
}

static int policy_add(struct ctl *ctl, int argc, char **argv)
{
	struct ockam_nl_policy policy = {};
	struct policy_program program = {};
	int err;

	if (argc < 2)
		return ctl_usage("policy add: worker, link or channel, and which, please");
	err = ctl_open(ctl);
	if (!err)
		err = place_of(ctl, argv[0], argv[1], &policy);
	if (err)
		return err;
	argc -= 2;
	argv += 2;
	if (argc && !strcmp(argv[0], "replace")) {
		ockam_nl_mark(&policy, OCKAM_A_POLICY_REPLACE);
		argc--;
		argv++;
	}
	err = program_of(ctl, argc, argv, &program);
	if (!err) {
		policy.fd = program.fd;
		ockam_nl_mark(&policy, OCKAM_A_POLICY_FD);
		if (ockam_nl_policy_new(ctl->nl, &policy))
			err = ctl_nl_fail(ctl, "policy add");
		else
			print_object(ctl, OCKAM_NL_POLICY, &policy);
	}
	policy_unload(&program);
	return err;
}

const struct command policy_commands[] = {
	{ "list", "", "all", policy_list },
	{ "show", "ID", "one", policy_show },
	{ "add", "worker ADDRESS | link WHICH | channel WHICH [replace] "
	  "allow [local] [IDENTIFIER ...] | rate N/s [burst M] | "
	  "program FILE | pinned PATH", "attach one", policy_add },
	{ "del", "ID", "detach one", policy_del },
	{ }
};
