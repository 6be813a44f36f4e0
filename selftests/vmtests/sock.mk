# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
# ockam_test.h talks to the module over libmnl.
$(foreach p,create bind msg block wait options iouring hop, \
	$(eval sock_$(p)_LDLIBS := -lmnl))
