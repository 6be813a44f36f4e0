// SPDX-License-Identifier: GPL-2.0
/*
 * AF_OCKAM: module init and exit.
 *
 * What user space can call comes last and goes first.  Sockets and links hold
 * references on the module, so when exit runs there are none; channels and
 * hops may be left and end with their nodes.
 */
#include <linux/module.h>
#include <linux/random.h>
#include <linux/rtnetlink.h>

#include "node/base.h"
#include "channel/channel.h"
#include "netlink/netlink.h"
#include "node/node.h"
#include "router/spare.h"
#include "socket/sock.h"
#include "transport/tcp.h"

/*
 * A copy of this machine runs somewhere with the same keys and nonces: no
 * channel may send another message.
 */
static int ockam_vmfork_notify(struct notifier_block *nb, unsigned long action,
			       void *data)
{
	struct net *net;

	down_read(&net_rwsem);
	for_each_net(net) {
		struct ockam_node *node = ockam_node(net);

		mutex_lock(&node->lock);
		ockam_channel_kill_all(node, OCKAM_CHANNEL_REASON_VM_FORK);
		mutex_unlock(&node->lock);
	}
	up_read(&net_rwsem);
	return NOTIFY_OK;
}

static struct notifier_block ockam_vmfork = {
	.notifier_call = ockam_vmfork_notify,
};

static int __init ockam_init(void)
{
	int err;

	err = ockam_base_init();
	if (err)
		return err;
	err = ockam_spare_init();
	if (err)
		goto base;
	ockam_nl_notify_init();
	err = register_pernet_subsys(&ockam_net_ops);
	if (err)
		goto spare;
	err = ockam_sock_init();
	if (err)
		goto pernet;
	err = ockam_netlink_init();
	if (err)
		goto sock;
	err = register_random_vmfork_notifier(&ockam_vmfork);
	if (err)
		goto netlink;
	return 0;

netlink:
	ockam_netlink_exit();
sock:
	ockam_sock_exit();
pernet:
	unregister_pernet_subsys(&ockam_net_ops);
spare:
	ockam_spare_exit();
base:
	ockam_base_exit();
	return err;
}

static void __exit ockam_exit(void)
{
	unregister_random_vmfork_notifier(&ockam_vmfork);
	ockam_netlink_exit();
	ockam_sock_exit();
	unregister_pernet_subsys(&ockam_net_ops);
	ockam_base_exit();
	ockam_tcp_exit();
	ockam_spare_exit();
}

module_init(ockam_init);
module_exit(ockam_exit);

MODULE_DESCRIPTION("AF_OCKAM: end-to-end encrypted, multi-hop messages");
MODULE_AUTHOR("The AF_OCKAM maintainers");
MODULE_VERSION("0.1.0");
MODULE_LICENSE("GPL");
#ifdef OCKAM_AUTOLOAD
/* Any user's socket() would load the module: a choice of who builds it. */
MODULE_ALIAS_NETPROTO(AF_OCKAM);
MODULE_ALIAS_GENL_FAMILY(OCKAM_FAMILY_NAME);
#endif
