// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Listens to what the kernel reports of the network's addresses and interfaces.
 * What exactly has changed matters little: whatever is missing is tried again.
 */
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/netlink.h>
#include <linux/rtnetlink.h>

#include "core/log.h"
#include "core/loop.h"
#include "core/network.h"
#include "core/wanted.h"

#define AT_ONCE		64	/* then others have their turn */

/* Going away makes nothing possible. */
static bool is_news(const char *buf, size_t len)
{
	const struct nlmsghdr *h = (const void *)buf;

	for (; NLMSG_OK(h, len); h = NLMSG_NEXT(h, len))
		if (h->nlmsg_type == RTM_NEWADDR ||
		    h->nlmsg_type == RTM_NEWLINK)
			return true;
	return false;
}

static void network_readable(struct watch *w, uint32_t events)
{
	char buf[8192] __attribute__((aligned(NLMSG_ALIGNTO)));
	bool news = false;
	unsigned int i;
	ssize_t n;

	(void)events;
	for (i = 0; i < AT_ONCE; i++) {
		n = recv(w->fd, buf, sizeof(buf), 0);
		if (n < 0 && errno == EAGAIN)
			break;
		/* Some were lost: they may have been news. */
		news |= n < 0 || is_news(buf, n);
	}
	if (news)
		wanted_retry();
}

static struct watch watch = { .fd = -1, .fn = network_readable };

/* Without it things come about a little later. */
int network_init(void)
{
	struct sockaddr_nl nl = {
		.nl_family = AF_NETLINK,
		.nl_groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR |
			     RTMGRP_IPV6_IFADDR,
	};

	watch.fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK,
			  NETLINK_ROUTE);
	if (watch.fd < 0 ||
	    bind(watch.fd, (const struct sockaddr *)&nl, sizeof(nl)) ||
	    loop_add(&watch, EPOLLIN)) {
		log_warn("addresses that come are not noticed at once: %s",
			 strerror(errno));
		network_end();
	}
	return 0;
}

void network_end(void)
{
	if (watch.fd < 0)
		return;
	loop_del(&watch);
	close(watch.fd);
	watch.fd = -1;
}
