/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/* Sockets of the daemon's own workers. */
#ifndef OCKAMD_WORKER_H
#define OCKAMD_WORKER_H

/*
 * One for the event loop.  @scope: OCKAM_ACCEPT_*, whose messages it takes beside this
 * node's; @want: 1U << OCKAM_RECV_*, what it is told of each.  The descriptor, or a
 * negative errno.
 */
int worker_socket(unsigned int scope, unsigned int want);

#endif /* OCKAMD_WORKER_H */
