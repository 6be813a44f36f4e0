// SPDX-License-Identifier: GPL-2.0
/* Messages: memory, routes, origin, accounting. */
#include <net/sock.h>

#include "router/msg.h"
#include "node/node.h"
#include "router/sink.h"
#include "router/spare.h"

#define MSG_AREA	ALIGN(sizeof(struct ockam_msg), 8)
/* Payload bytes in one skb of the frag_list. */
#define MSG_CHUNK	16000
#define MSG_TAIL_MIN	32

void ockam_ident_put(struct ockam_ident *id)
{
	if (refcount_dec_and_test(&id->ref))
		kfree(id);
}

void ockam_from_copy(struct ockam_from *to, const struct ockam_from *from)
{
	unsigned int i;

	to->kind = from->kind;
	to->flags = from->flags;
	to->nident = from->nident;
	to->link = from->link;
	to->peer = from->peer;
	to->uid = from->uid;
	to->gid = from->gid;
	to->pid = get_pid(from->pid);
	for (i = 0; i < from->nident; i++)
		to->ident[i] = ockam_ident_get(from->ident[i]);
}

void ockam_from_release(struct ockam_from *from)
{
	put_pid(from->pid);
	from->pid = NULL;
	while (from->nident)
		ockam_ident_put(from->ident[--from->nident]);
}

static void msg_uncharge(struct sk_buff *skb)
{
	struct ockam_msg *m = ockam_msg(skb);

	switch (m->charge) {
	case OCKAM_CHARGE_SENDER:
		sock_wfree(skb);
		break;
	case OCKAM_CHARGE_READER:
		sock_rfree(skb);
		break;
	case OCKAM_CHARGE_SOURCE:
		ockam_source_uncharge(m->source, m->charged);
		ockam_source_put(m->source);
		m->source = NULL;
		break;
	}
	m->charge = OCKAM_CHARGE_NONE;
	skb->sk = NULL;
}

/* The link's part of its user's account goes with the source, or its queue. */
static void msg_count(const struct ockam_msg *m, int bytes)
{
	ockam_mem_add(m->node, m->mem_kind, bytes);
	if (m->mem_kind == OCKAM_MEM_QUEUES)
		ockam_limit_queued(m->node->limit, bytes);
}

static void msg_destruct(struct sk_buff *skb)
{
	const struct ockam_msg *m = ockam_msg(skb);

	if (m->mem)
		msg_count(m, -(int)m->mem);
	msg_uncharge(skb);
	ockam_from_release(&ockam_msg(skb)->from);
}

void ockam_msg_strip(struct sk_buff *skb)
{
	msg_destruct(skb);
	skb->destructor = NULL;
}

static void region_init(struct ockam_region *r, u32 base, u32 size)
{
	r->base = base;
	r->start = base + size;
	r->end = base + size;
	r->limit = base + size;
	r->hops = 0;
}

static void msg_init(struct sk_buff *skb, u32 ret, u32 onward)
{
	struct ockam_msg *m = ockam_msg(skb);

	region_init(&m->ret, MSG_AREA, ret);
	region_init(&m->onward, MSG_AREA + ret, onward);
	m->from.kind = 0;
	m->from.flags = 0;
	m->from.nident = 0;
	m->from.link = 0;
	m->from.uid = INVALID_UID;
	m->from.gid = INVALID_GID;
	m->from.pid = NULL;
	m->from.peer = 0;
	m->source = NULL;
	m->unparked = NULL;
	m->node = NULL;
	m->mem = 0;
	m->mem_kind = OCKAM_MEM_LINKS;
	m->charged = 0;
	m->charge = OCKAM_CHARGE_NONE;
	m->decrypts = 0;
	m->steps = 0;
	m->seen = false;
	m->sealed = false;
	m->more = false;
	m->class = 0;
	m->mark = 0;
	m->priority = 0;
	skb->destructor = msg_destruct;
}

static struct sk_buff *chunks_alloc(u32 len, u32 tail, u32 *truesize,
				    gfp_t gfp)
{
	struct sk_buff *list = NULL, **next = &list;

	while (len) {
		u32 n = min_t(u32, len, MSG_CHUNK);
		struct sk_buff *skb;

		len -= n;
		skb = alloc_skb(n + (len ? 0 : tail), gfp);
		if (!skb) {
			kfree_skb_list(list);
			return NULL;
		}
		*truesize += skb->truesize;
		*next = skb;
		next = &skb->next;
	}
	return list;
}

void ockam_msg_free(struct sk_buff *skb)
{
	u8 class = ockam_msg(skb)->class;

	if (likely(ockam_spare_fits(skb, class))) {
		msg_destruct(skb);
		skb->destructor = NULL;
		if (likely(ockam_spare_keep(skb, class)))
			return;
	}
	consume_skb(skb);
}

struct sk_buff *ockam_msg_alloc(u32 len, const struct ockam_room *room,
				gfp_t gfp)
{
	u32 onward = ALIGN(OCKAM_ROUTE_SLACK + room->onward, 8);
	u32 ret = ALIGN(OCKAM_ROUTE_SLACK + room->ret, 8);
	u32 linear = min_t(u32, len, OCKAM_LINEAR_MAX);
	u32 tail = max_t(u32, room->tail, MSG_TAIL_MIN);
	u32 head = MSG_AREA + ret + onward + room->head;
	u32 size = head + linear + (len > linear ? 0 : tail);
	u8 class = gfp & __GFP_ACCOUNT ? 0 : ockam_spare_class(size);
	struct sk_buff *skb = NULL;

	if (likely(class))
		skb = ockam_spare_take(class);
	if (!skb)
		skb = alloc_skb(class ? ockam_spare_size(class) : size, gfp);
	if (!skb)
		return NULL;

	skb_reserve(skb, head);
	msg_init(skb, ret, onward);
	ockam_msg(skb)->class = class;
	if (likely(len == linear))
		return skb;

	skb_shinfo(skb)->frag_list = chunks_alloc(len - linear, tail,
						  &skb->truesize, gfp);
	if (!skb_shinfo(skb)->frag_list) {
		kfree_skb(skb);
		return NULL;
	}
	return skb;
}

void ockam_msg_put(struct sk_buff *skb, u32 len)
{
	u32 linear = min_t(u32, len, OCKAM_LINEAR_MAX);
	struct sk_buff *chunk;

	skb_put(skb, linear);
	len -= linear;
	skb_walk_frags(skb, chunk) {
		u32 n = min_t(u32, len, MSG_CHUNK);

		skb_put(chunk, n);
		skb->len += n;
		skb->data_len += n;
		len -= n;
	}
	DEBUG_NET_WARN_ON_ONCE(len);
}

static struct sk_buff *msg_last(struct sk_buff *skb)
{
	struct sk_buff *last = skb_shinfo(skb)->frag_list;

	if (!last)
		return skb;
	while (last->next)
		last = last->next;
	return last;
}

u8 *ockam_msg_append(struct sk_buff *skb, u32 len)
{
	struct sk_buff *last = msg_last(skb);

	if (last != skb) {
		skb->len += len;
		skb->data_len += len;
	}
	return skb_put(last, len);
}

void ockam_msg_pop(struct sk_buff *skb)
{
	struct ockam_region *r = &ockam_msg(skb)->onward;

	r->start += 2 + skb->head[r->start + 1];
	r->hops--;
}

/* Moves a region's content, which lies @shift further on than it says. */
static void region_move(u8 *head, struct ockam_region *r, u32 shift, u32 base,
			u32 size)
{
	u32 len = r->end - r->start;
	u32 start = base + size - len;

	memmove(head + start, head + shift + r->start, len);
	r->base = base;
	r->start = start;
	r->end = base + size;
	r->limit = base + size;
}

static u32 region_grow(const struct ockam_region *r, u32 want)
{
	u32 have = r->limit - r->base;

	return want <= have ? have : ALIGN(want + OCKAM_ROUTE_SLACK, 8);
}

/* Its sender pays for what a message grows by, too. */
static int msg_expand(struct sk_buff *skb, struct sk_buff *part, u32 head,
		      u32 tail)
{
	/* Asked now: with the head, where it stands moves as well. */
	bool pays = ockam_msg(skb)->charge == OCKAM_CHARGE_SENDER;
	u32 size = skb_end_offset(part);
	int err;

	err = pskb_expand_head(part, head, tail, GFP_ATOMIC);
	if (unlikely(err) || !pays)
		return err;
	size = skb_end_offset(part) - size;
	skb->truesize += size;
	refcount_add(size, &skb->sk->sk_wmem_alloc);
	return 0;
}

static int msg_relayout(struct sk_buff *skb, u32 ret, u32 onward, u32 more)
{
	struct ockam_msg *m = ockam_msg(skb);
	u32 grow;
	int err;

	grow = ret - (m->ret.limit - m->ret.base) +
	       onward - (m->onward.limit - m->onward.base) + more;
	err = msg_expand(skb, skb, ALIGN(grow, 8), 0);
	if (err)
		return err;

	/* All the head moved up; what is ours goes back to its beginning. */
	grow = ALIGN(grow, 8);
	memmove(skb->head, skb->head + grow, sizeof(*m));
	m = ockam_msg(skb);
	region_move(skb->head, &m->ret, grow, MSG_AREA, ret);
	region_move(skb->head, &m->onward, grow, MSG_AREA + ret, onward);
	return 0;
}

int ockam_msg_reserve(struct sk_buff *skb, const struct ockam_room *room)
{
	struct ockam_msg *m = ockam_msg(skb);
	u32 ret = region_grow(&m->ret, room->ret);
	u32 onward = region_grow(&m->onward, room->onward);
	u32 headroom = ockam_msg_headroom(skb);
	struct sk_buff *last = msg_last(skb);
	u32 tailroom = last->end - last->tail;
	int err;

	if (unlikely(tailroom < room->tail)) {
		err = msg_expand(skb, last, 0, room->tail - tailroom);
		if (err)
			return err;
		m = ockam_msg(skb);
	}
	if (likely(ret == m->ret.limit - m->ret.base &&
		   onward == m->onward.limit - m->onward.base &&
		   headroom >= room->head))
		return 0;

	return msg_relayout(skb, ret, onward, headroom >= room->head ? 0 :
			    room->head - headroom);
}

/* Makes @n bytes free in front of a route of the message. */
static noinline int msg_front(struct sk_buff *skb, bool onward, u32 n, u32 hops)
{
	struct ockam_msg *m = ockam_msg(skb);
	struct ockam_region *r = onward ? &m->onward : &m->ret;
	u32 len = r->end - r->start;
	struct ockam_room room = {};
	int err;

	if (len + n > OCKAM_ROUTE_MAX || r->hops + hops > OCKAM_HOPS_MAX)
		return -EMSGSIZE;
	if (r->start - r->base >= n)
		return 0;
	if (r->limit - r->base >= len + n) {
		region_move(skb->head, r, 0, r->base, r->limit - r->base);
		return 0;
	}
	if (onward)
		room.onward = len + n;
	else
		room.ret = len + n;
	err = ockam_msg_reserve(skb, &room);
	return err;
}

static __always_inline int msg_put_front(struct sk_buff *skb, bool onward,
					 const u8 *route, u32 len, u32 hops)
{
	struct ockam_region *r;
	int err;

	r = onward ? &ockam_msg(skb)->onward : &ockam_msg(skb)->ret;
	/* Nearly always there is room. */
	if (unlikely(r->start - r->base < len ||
		     r->end - r->start + len > OCKAM_ROUTE_MAX ||
		     r->hops + hops > OCKAM_HOPS_MAX)) {
		err = msg_front(skb, onward, len, hops);
		if (unlikely(err))
			return err;
	}

	r = onward ? &ockam_msg(skb)->onward : &ockam_msg(skb)->ret;
	r->start -= len;
	r->hops += hops;
	memcpy(skb->head + r->start, route, len);
	return 0;
}

int ockam_msg_push_return(struct sk_buff *skb, const u8 *hop)
{
	return msg_put_front(skb, false, hop, 2 + hop[1], 1);
}

int ockam_msg_prepend(struct sk_buff *skb, const u8 *route, u32 len, u32 hops)
{
	return msg_put_front(skb, true, route, len, hops);
}

static __always_inline int msg_set(struct sk_buff *skb, bool onward,
				   const u8 *route, u32 len, u32 hops)
{
	struct ockam_msg *m = ockam_msg(skb);
	struct ockam_region *r = onward ? &m->onward : &m->ret;
	struct ockam_region old = *r;
	int err;

	r->start = r->limit;
	r->end = r->limit;
	r->hops = 0;
	err = msg_put_front(skb, onward, route, len, hops);
	if (unlikely(err)) {
		/* The content is where it was: nothing was moved yet. */
		m = ockam_msg(skb);
		*(onward ? &m->onward : &m->ret) = old;
	}
	return err;
}

int ockam_msg_set_onward(struct sk_buff *skb, const u8 *route, u32 len,
			 u32 hops)
{
	return msg_set(skb, true, route, len, hops);
}

int ockam_msg_set_return(struct sk_buff *skb, const u8 *route, u32 len,
			 u32 hops)
{
	return msg_set(skb, false, route, len, hops);
}

void ockam_msg_charge_none(struct sk_buff *skb)
{
	msg_uncharge(skb);
}

void ockam_msg_charge_sender(struct sk_buff *skb, struct sock *sk, u32 claim)
{
	DEBUG_NET_WARN_ON_ONCE(claim > skb->truesize);
	skb->sk = sk;
	refcount_add(skb->truesize - claim, &sk->sk_wmem_alloc);
	ockam_msg(skb)->charge = OCKAM_CHARGE_SENDER;
}

void ockam_msg_charge_reader(struct sk_buff *skb, struct sock *sk)
{
	msg_uncharge(skb);
	skb->sk = sk;
	atomic_add(skb->truesize, &sk->sk_rmem_alloc);
	ockam_msg(skb)->charge = OCKAM_CHARGE_READER;
}

void ockam_msg_charge_source(struct sk_buff *skb, struct ockam_source *src)
{
	struct ockam_msg *m = ockam_msg(skb);

	msg_uncharge(skb);
	ockam_source_get(src);
	m->source = src;
	m->charged = skb->truesize;
	m->charge = OCKAM_CHARGE_SOURCE;
	ockam_source_charge(src, m->charged);
}

void ockam_msg_hold(struct sk_buff *skb, struct ockam_node *node)
{
	struct ockam_msg *m = ockam_msg(skb);

	if (m->mem)
		return;
	m->node = node;
	m->mem = skb->truesize;
	m->mem_kind = OCKAM_MEM_LINKS;
	msg_count(m, m->mem);
}

static void msg_move(struct sk_buff *skb, enum ockam_mem_kind kind)
{
	struct ockam_msg *m = ockam_msg(skb);

	if (!m->mem || m->mem_kind == kind)
		return;
	msg_count(m, -(int)m->mem);
	m->mem_kind = kind;
	msg_count(m, m->mem);
}

void ockam_msg_queued(struct sk_buff *skb)
{
	msg_move(skb, OCKAM_MEM_QUEUES);
}

void ockam_msg_unqueued(struct sk_buff *skb)
{
	msg_move(skb, OCKAM_MEM_LINKS);
}
