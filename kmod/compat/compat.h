/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Differences between kernel releases, probed by what the headers hold (see
 * Kbuild) and never by version number: distributions backport.  Written for 7.x; each
 * piece says from which release on it is dead.
 */
#ifndef _OCKAM_COMPAT_H
#define _OCKAM_COMPAT_H

#include <linux/kernel.h>
#include <net/sock.h>

/* 6.4: bin2hex() moved */
#ifdef HAVE_LINUX_HEX_H
#include <linux/hex.h>
#endif

/* 6.5: tracepoint in every sk_data_ready */
#ifdef HAVE_TRACE_EVENTS_SOCK_H
#include <trace/events/sock.h>
#else
#define trace_sk_data_ready(sk) do { } while (0)
#endif

#endif /* _OCKAM_COMPAT_H */
