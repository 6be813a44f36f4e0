/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/* What the daemon may do, and what it gives up. */
#ifndef OCKAMD_PRIVILEGES_H
#define OCKAMD_PRIVILEGES_H

#include <stddef.h>

#include <ockam/ockam.h>

struct config;

/* No dumps, and limits as high as they may ever have to be. */
void privileges_harden(void);
/* So many files are going to be open; says so if they may not be. */
void privileges_allow_files(size_t want);
/* 0, or something else: logged. */
int privileges_drop(const struct config *c);

/*
 * Binds a socket without the right to reserved names and to those that are held
 * for somebody, which whom it is for does not have.
 */
int bind_as_anyone(int fd, const struct ockam_path *address);

#endif /* OCKAMD_PRIVILEGES_H */
