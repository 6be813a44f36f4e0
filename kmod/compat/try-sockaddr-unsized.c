// SPDX-License-Identifier: GPL-2.0
/* Does this compile? Not a part of the module: Kbuild asks so. */
#include <linux/net.h>

static int try_bind(struct socket *sock, struct sockaddr_unsized *addr, int len)
{
	return -EINVAL;
}

static const struct proto_ops try_ops __maybe_unused = {
	.bind	= try_bind,
};
