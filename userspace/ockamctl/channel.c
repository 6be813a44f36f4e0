// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * ockamctl channel: channels as the kernel has them.  Making one by hand, with
 * keys from files, is for tests; programs and people use secure-channel.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "ockamctl.h"

static int channel_list(struct ctl *ctl, int argc, char **argv)
{
	static const int allowed[] = {
		OCKAM_A_CHANNEL_STATE, OCKAM_A_CHANNEL_ROLE,
		OCKAM_A_CHANNEL_CARRIER_KIND, OCKAM_A_CHANNEL_CARRIER,
		OCKAM_A_CHANNEL_IDENTIFIER, OCKAM_A_CHANNEL_OWNER, 0
	};
	struct ockam_nl_channel filter = {};
	int err;

	err = arg_fields(OCKAM_NL_CHANNEL, &filter, allowed, argc, argv);
	if (err)
		return err;
	return print_list(ctl, OCKAM_NL_CHANNEL, &filter, NULL);
}

static int channel_select(struct ctl *ctl, const char *what, int argc,
			  char **argv, struct ockam_nl_channel *ch)
{
	int err;

	if (argc < 1)
		return ctl_usage("channel %s: an id or an encryptor is missing",
				 what);
	err = arg_select(OCKAM_NL_CHANNEL, ch, OCKAM_A_CHANNEL_ID,
			 OCKAM_A_CHANNEL_ENCRYPTOR, argv[0]);
	return err ? err : ctl_open(ctl);
}

static int channel_show(struct ctl *ctl, int argc, char **argv)
{
	struct ockam_nl_channel ch = {};
	int err;

	err = channel_select(ctl, "show", argc, argv, &ch);
	if (err)
		return err;
	if (argc > 1)
		return ctl_usage("channel show: unknown word '%s'", argv[1]);
	if (ockam_nl_channel_get(ctl->nl, &ch))
		return ctl_nl_fail(ctl, "channel %s", argv[0]);
	print_object(ctl, OCKAM_NL_CHANNEL, &ch);
	return CTL_OK;
}

/* Exactly 32 bytes from a file, or from standard input if it is "-". */
static int read_key(const char *path, uint8_t key[OCKAM_NL_KEY_LEN])
{
	uint8_t buf[OCKAM_NL_KEY_LEN + 1];
	bool from_stdin = !strcmp(path, "-");
	size_t want = from_stdin ? OCKAM_NL_KEY_LEN : sizeof(buf);
	size_t len = 0;
	ssize_t n = 1;
	int err = 0;
	int fd;

	fd = from_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return ctl_usage("%s: %s", path, strerror(errno));
	/* From standard input both keys may come, one after the other. */
	while (len < want && n > 0) {
		n = read(fd, buf + len, want - len);
		if (n < 0 && errno == EINTR)
			n = 1;
		else if (n > 0)
			len += n;
	}
	if (n < 0)
		err = ctl_usage("%s: %s", path, strerror(errno));
	else if (len != OCKAM_NL_KEY_LEN)
		err = ctl_usage("%s: a key has %d bytes", path,
				OCKAM_NL_KEY_LEN);
	else
		memcpy(key, buf, OCKAM_NL_KEY_LEN);
	explicit_bzero(buf, sizeof(buf));
	if (!from_stdin)
		close(fd);
	return err;
}

/* Takes the key files out of the words; the others stay, *@argc of them. */
static int take_keys(int *argc, char **argv, struct ockam_nl_channel *ch)
{
	int in, out = 0;
	int err;

	for (in = 0; in < *argc; in += 2) {
		bool tx = !strcmp(argv[in], "tx-key-file");

		if (!tx && strcmp(argv[in], "rx-key-file")) {
			argv[out++] = argv[in];
			if (in + 1 < *argc)
				argv[out++] = argv[in + 1];
			continue;
		}
		if (in + 1 == *argc)
			return ctl_usage("%s: a file is missing", argv[in]);
		err = read_key(argv[in + 1], tx ? ch->tx_key : ch->rx_key);
		if (err)
			return err;
		if (tx)
			ockam_nl_mark(ch, OCKAM_A_CHANNEL_TX_KEY);
		else
			ockam_nl_mark(ch, OCKAM_A_CHANNEL_RX_KEY);
	}
	*argc = out;
	return 0;
}

static int channel_install(struct ctl *ctl, int argc, char **argv,
			   struct ockam_nl_channel *ch)
{
	static const int allowed[] = {
		OCKAM_A_CHANNEL_ROLE, OCKAM_A_CHANNEL_SUITE,
		OCKAM_A_CHANNEL_ENCRYPTOR, OCKAM_A_CHANNEL_DECRYPTOR,
		OCKAM_A_CHANNEL_HANDSHAKE_FD, OCKAM_A_CHANNEL_ROUTE,
		OCKAM_A_CHANNEL_TX_NONCE, OCKAM_A_CHANNEL_RX_NONCE,
		OCKAM_A_CHANNEL_IDENTIFIER, OCKAM_A_CHANNEL_OWNER,
		OCKAM_A_CHANNEL_MODE, OCKAM_A_CHANNEL_PINNED,
		OCKAM_A_CHANNEL_EARLY_OF, OCKAM_A_CHANNEL_SUCCEEDS, 0
	};
	int err;

	err = take_keys(&argc, argv, ch);
	if (!err)
		err = arg_fields(OCKAM_NL_CHANNEL, ch, allowed, argc, argv);
	if (!err)
		err = ctl_open(ctl);
	if (err)
		return err;
	if (ockam_nl_channel_new(ctl->nl, ch))
		return ctl_nl_fail(ctl, "channel add");
	print_object(ctl, OCKAM_NL_CHANNEL, ch);
	return CTL_OK;
}

static int channel_add(struct ctl *ctl, int argc, char **argv)
{
	struct ockam_nl_channel ch = {};
	int err;

	err = channel_install(ctl, argc, argv, &ch);
	explicit_bzero(&ch, sizeof(ch));
	return err;
}

static int channel_set(struct ctl *ctl, int argc, char **argv)
{
	static const int allowed[] = {
		OCKAM_A_CHANNEL_ROUTE, OCKAM_A_CHANNEL_OWNER,
		OCKAM_A_CHANNEL_MODE, OCKAM_A_CHANNEL_PINNED, 0
	};
	struct ockam_nl_channel ch = {};
	int err;

	err = channel_select(ctl, "set", argc, argv, &ch);
	if (!err)
		err = arg_fields(OCKAM_NL_CHANNEL, &ch, allowed, argc - 1,
				 argv + 1);
	if (err)
		return err;
	if (ockam_nl_channel_set(ctl->nl, &ch))
		return ctl_nl_fail(ctl, "channel set %s", argv[0]);
	return CTL_OK;
}

static int channel_del(struct ctl *ctl, int argc, char **argv)
{
	struct ockam_nl_channel ch = {};
	int err;

	err = channel_select(ctl, "del", argc, argv, &ch);
	if (err)
		return err;
	if (argc == 2 && !strcmp(argv[1], "quiet"))
		ockam_nl_mark(&ch, OCKAM_A_CHANNEL_QUIET);
	else if (argc > 1)
		return ctl_usage("channel del: unknown word '%s'", argv[1]);
	if (ockam_nl_channel_del(ctl->nl, &ch))
		return ctl_nl_fail(ctl, "channel del %s", argv[0]);
	return CTL_OK;
}

static int channel_flush(struct ctl *ctl, int argc, char **argv)
{
	int err;

	if (argc)
		return ctl_usage("channel flush: unknown word '%s'", argv[0]);
	err = ctl_open(ctl);
	if (err)
		return err;
	if (ockam_nl_channel_flush(ctl->nl))
		return ctl_nl_fail(ctl, "channel flush");
	return CTL_OK;
}

const struct command channel_commands[] = {
	{ "list", "[state S] [role R] [carrier-kind K] [carrier ID] "
	  "[identifier I] [owner UID]", "all, or some", channel_list },
	{ "show", "ID | ENCRYPTOR", "one", channel_show },
	{ "add", "role R route ROUTE tx-key-file FILE "
	  "rx-key-file FILE identifier I "
	  "decryptor ADDRESS | handshake-fd N [encryptor ADDRESS] "
	  "[suite S] [tx-nonce N] [rx-nonce N] [owner UID] [mode M] "
	  "[pinned yes|no] [early-of ID] [succeeds ID]",
	  "install one, for tests", channel_add },
	{ "set", "ID | ENCRYPTOR [route ROUTE] [owner UID] [mode M] "
	  "[pinned yes|no]", "change one", channel_set },
	{ "del", "ID | ENCRYPTOR [quiet]", "delete one", channel_del },
	{ "flush", "", "delete all", channel_flush },
	{ }
};
