/* SPDX-License-Identifier: GPL-2.0 */
/* What the module has once, for all nodes; set before any of them is made. */
#ifndef _OCKAM_BASE_H
#define _OCKAM_BASE_H

struct ockam_notify_ops;
struct workqueue_struct;

/* The socket family's number, a module parameter. */
extern int ockam_family;

/* Deferred work of nodes in the initial user namespace, and all frees. */
extern struct workqueue_struct *ockam_wq;

/* Who hears of changes of objects, notify.h. */
extern const struct ockam_notify_ops *ockam_notify;

/*
 * Bytes that only a grace period keeps.  Whoever replaces things in a loop is faster
 * than that, and waits for it when there are too many: ockam_late_wait(), which may
 * sleep, before something is put in the place of something else.
 */
void ockam_late_add(long bytes);
void ockam_late_wait(void);

int ockam_base_init(void);
void ockam_base_exit(void);

#endif /* _OCKAM_BASE_H */
