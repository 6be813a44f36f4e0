# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
$(foreach p,channel_long channel_takeover, \
	$(eval $(p)_SRCS := userspace/lib/nl.c userspace/lib/nl_names.c) \
	$(eval $(p)_CFLAGS := -I$(TOP)/userspace/lib) \
	$(eval $(p)_LDLIBS := -lmnl))
