/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/* Which user ockamd runs as, according to this machine's administrator. */
#ifndef OCKAM_LIB_DAEMON_H
#define OCKAM_LIB_DAEMON_H

#include <sys/types.h>

/**
 * daemon_uid() - whose answers count beside root's
 * @uid: the uid, OCKAM_DAEMON_ROOT if nothing says otherwise
 *
 * The first of these files that is there has a user's name, or a uid, in its first
 * line: /etc/ockam/daemon-user, /usr/lib/ockam/daemon-user,
 * /usr/local/lib/ockam/daemon-user.  It has to be root's, and nobody else may write
 * to it.  Root's answers alone count if it names nobody that there is, and in a user
 * namespace in which its owner is nobody.
 *
 * Return: 0, or -1 with errno and ockam_error().
 */
int daemon_uid(uid_t *uid);

#endif /* OCKAM_LIB_DAEMON_H */
