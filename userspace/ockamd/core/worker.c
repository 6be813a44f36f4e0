// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/* Sockets of the daemon's own workers. */
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include <ockam/ockam.h>

#include "core/worker.h"

int worker_socket(unsigned int scope, unsigned int want)
{
	int fd, err;

	fd = socket(ockam_family(), SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
		    0);
	if (fd < 0)
		return -errno;
	if ((!scope || !ockam_accept(fd, scope, NULL, 0)) &&
	    !ockam_want(fd, want))
		return fd;
	err = -errno;
	close(fd);
	return err;
}
