/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Memory of messages that were delivered, for the next ones: the allocator, which
 * zeroes it on most kernels, would be a tenth of what a small message costs.  Each
 * processor has a few, of the sizes that the allocator would have taken anyway.
 * They go when memory is short (a shrinker) and with the processor.
 *
 * Not with KASAN, which could not tell any more who uses what is free, nor where a
 * message ends.
 *
 * Each processor's are its own, with interrupts off.
 */
#ifndef _OCKAM_SPARE_H
#define _OCKAM_SPARE_H

#include <linux/skbuff.h>

/* The class of an skb with @size bytes at its head, from 1 on; 0: none. */
u8 ockam_spare_class(u32 size);

/* Bytes of a class. */
u32 ockam_spare_size(u8 class);

/* As if it came from alloc_skb(); NULL: there is none. */
struct sk_buff *ockam_spare_take(u8 class);

/*
 * May it be kept, once nothing is in it?  It is of @class if it has not been changed
 * meanwhile and nobody else has it.
 */
bool ockam_spare_fits(const struct sk_buff *skb, u8 class);

/* False: there are enough, and it is still the caller's. */
bool ockam_spare_keep(struct sk_buff *skb, u8 class);

int ockam_spare_init(void);
/* No message is left. */
void ockam_spare_exit(void);

#endif /* _OCKAM_SPARE_H */
