// SPDX-License-Identifier: GPL-2.0
/* Shares of links in what is parked at a sink: see share.h. */
#include <linux/jiffies.h>
#include <linux/slab.h>

#include "router/msg.h"
#include "router/share.h"
#include "router/sink.h"

void ockam_shares_init(struct ockam_shares *shares)
{
	shares->root = RB_ROOT;
	INIT_LIST_HEAD(&shares->turns);
	shares->own_used = false;
	shares->msgs = 0;
}

static struct ockam_source *share_source(const struct sk_buff *skb)
{
	const struct ockam_msg *m = ockam_msg(skb);

	return m->charge == OCKAM_CHARGE_SOURCE ? m->source : NULL;
}

static struct ockam_share *share_alloc(struct ockam_shares *shares)
{
	if (likely(!shares->own_used)) {
		shares->own_used = true;
		return &shares->own;
	}
	return kmalloc(sizeof(struct ockam_share), GFP_ATOMIC | __GFP_NOWARN);
}

static struct ockam_share *share_of(struct ockam_shares *shares,
				    struct ockam_source *src)
{
	struct rb_node **at = &shares->root.rb_node, *parent = NULL;
	struct ockam_share *share;

	while (*at) {
		parent = *at;
		share = rb_entry(parent, struct ockam_share, node);
		if (share->src == src)
			return share;
		at = src < share->src ? &parent->rb_left : &parent->rb_right;
	}
	share = share_alloc(shares);
	if (!share)
		return NULL;
	share->src = src;
	__skb_queue_head_init(&share->queue);
	share->bytes = 0;
	share->full = false;
	share->since = jiffies;
	share->taken = 0;
	rb_link_node(&share->node, parent, at);
	rb_insert_color(&share->node, &shares->root);
	list_add_tail(&share->turn, &shares->turns);
	return share;
}

static void share_end(struct ockam_shares *shares, struct ockam_share *share)
{
	if (share->full)
		ockam_source_release(share->src);
	rb_erase(&share->node, &shares->root);
	list_del(&share->turn);
	if (share == &shares->own)
		shares->own_used = false;
	else
		kfree(share);
}

static void share_judge(struct ockam_share *share)
{
	unsigned long room;

	if (!share->src)
		return;
	room = ockam_source_room(share->src);
	if (!share->full && share->bytes >= room) {
		share->full = true;
		ockam_source_hold(share->src);
	} else if (share->full &&
		   share->bytes + ockam_source_slack(share->src) <= room) {
		share->full = false;
		ockam_source_release(share->src);
	}
}

int ockam_shares_put(struct ockam_shares *shares, struct sk_buff *skb,
		     bool front)
{
	struct ockam_source *src = share_source(skb);
	struct ockam_share *share = share_of(shares, src);

	if (!share)
		return -ENOMEM;
	if (src && src->lossy &&
	    share->bytes + skb->truesize > ockam_source_room(src)) {
		if (skb_queue_empty(&share->queue))
			share_end(shares, share);
		return -ENOSPC;
	}
	if (front) {
		__skb_queue_head(&share->queue, skb);
		list_move(&share->turn, &shares->turns);
		share->taken -= min_t(unsigned long, share->taken,
				      skb->truesize);
	} else {
		__skb_queue_tail(&share->queue, skb);
	}
	share->bytes += skb->truesize;
	WRITE_ONCE(shares->msgs, shares->msgs + 1);
	if (!src || !src->lossy)
		share_judge(share);
	return 0;
}

struct sk_buff *ockam_shares_take(struct ockam_shares *shares)
{
	struct ockam_share *share;
	struct sk_buff *skb;

	share = list_first_entry_or_null(&shares->turns, struct ockam_share,
					 turn);
	if (!share)
		return NULL;
	skb = __skb_dequeue(&share->queue);
	WRITE_ONCE(shares->msgs, shares->msgs - 1);
	share->bytes -= skb->truesize;
	share->taken += skb->truesize;
	if (skb_queue_empty(&share->queue)) {
		share_end(shares, share);
	} else {
		list_move_tail(&share->turn, &shares->turns);
		if (unlikely(share->full))
			share_judge(share);
	}
	return skb;
}

/* Will what is there be gone in time, at the rate at which it goes? */
static bool share_is_slow(struct ockam_share *share, unsigned long patience)
{
	bool slow;

	/* Others, or the node, may have made it so, and have room again. */
	if (share->full)
		share_judge(share);
	if (!share->full || time_before(jiffies, share->since + patience))
		return false;
	slow = share->taken < share->bytes;
	share->since = jiffies;
	share->taken = 0;
	return slow;
}

bool ockam_shares_give_up(struct ockam_shares *shares, struct ockam_sink *sink,
			  struct sk_buff_head *gone, bool all,
			  unsigned long patience)
{
	struct ockam_share *share, *next;
	bool any = false;

	list_for_each_entry_safe(share, next, &shares->turns, turn) {
		if (!share_is_slow(share, patience) && !all)
			continue;
		if (share->full) {
			ockam_source_mark(share->src, sink);
			any = true;
		}
		WRITE_ONCE(shares->msgs,
			   shares->msgs - skb_queue_len(&share->queue));
		skb_queue_splice_tail_init(&share->queue, gone);
		share_end(shares, share);
	}
	return any;
}
