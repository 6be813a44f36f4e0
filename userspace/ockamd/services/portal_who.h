/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/* Who is behind a TCP connection of an outlet, for its target. */
#ifndef OCKAMD_PORTAL_WHO_H
#define OCKAMD_PORTAL_WHO_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "identity.h"

#define PROXY_HEADER_MAX	160

/**
 * proxy_header() - what the target hears first, by version 2 of the PROXY protocol
 * @fd: the connected TCP socket
 * @id: the verified identifier of the peer
 * @buf: room for it, PROXY_HEADER_MAX bytes
 *
 * The addresses are those of the connection itself; the identifier, as text, is in
 * the fields PP2_TYPE_AUTHORITY and 0xe0.
 *
 * Return: its length, or 0 if the socket is no connection any more.
 */
size_t proxy_header(int fd, const uint8_t id[IDENT_ID_LEN], uint8_t *buf);

/* Is this the socket's own address? */
bool is_own_address(int fd, const struct sockaddr_storage *address);

/* Does the other end of the connection, on this machine, belong to @uid? */
bool is_target_of(int fd, uid_t uid);

/* "10.0.0.1:80", "[::1]:80" */
bool address_parse(const char *text, struct sockaddr_storage *address);

#endif /* OCKAMD_PORTAL_WHO_H */
