// SPDX-License-Identifier: GPL-2.0
/* Does this compile? Not a part of the module: Kbuild asks so. */
#include <linux/net.h>

extern int ockam_try_bind(struct socket *sock, struct sockaddr_unsized *addr,
			  int len);
extern const struct proto_ops ockam_try_ops;

const struct proto_ops ockam_try_ops = {
	.bind	= ockam_try_bind,
};
