# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
$(foreach p,relay flood peer keys, \
	$(eval attack_$(p)_SRCS := userspace/lib/nl.c userspace/lib/nl_names.c) \
	$(eval attack_$(p)_CFLAGS := -I$(TOP)/userspace/lib) \
	$(eval attack_$(p)_LDLIBS := -lmnl -lcrypto))
