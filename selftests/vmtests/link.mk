# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
# These talk to the module over user space's own netlink code.
$(foreach p,link_wire link_udp link_flow link_life netlink_ops stress_ns sock_names link_send link_holder link_reset, \
	$(eval $(p)_SRCS := userspace/lib/nl.c userspace/lib/nl_names.c) \
	$(eval $(p)_CFLAGS := -I$(TOP)/userspace/lib) \
	$(eval $(p)_LDLIBS := -lmnl))
