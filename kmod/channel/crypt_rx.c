// SPDX-License-Identifier: GPL-2.0
/*
 * A channel's way in: what can be opened at once, and the work for the rest.
 * Who owns what of the state: crypt_priv.h.
 */
#include <asm/simd.h>
#include <crypto/internal/simd.h>
#include <linux/delay.h>
#include <linux/jiffies.h>
#include <linux/ktime.h>
#include <linux/random.h>
#include <linux/slab.h>

#include "channel/channel.h"
#include "compat/crypto.h"
#include "channel/crypt_priv.h"
#include "node/node.h"
#include "node/notify.h"
#include "router/sink.h"
#include "node/stats.h"

#define OCKAM_OVERHEAD		(OCKAM_NONCE_LEN + OCKAM_TAG_LEN)

/* Inline, what was a payload of OCKAM_LINEAR_MAX before the peer packed it. */
#define OCKAM_INLINE_MAX	(OCKAM_LINEAR_MAX + 1024)

/* Queued messages that nobody's account carries. */
#define OCKAM_LOOSE_MSGS	256
#define OCKAM_LOOSE_BYTES	(1U << 20)

/* Far ahead, per channel; one message may be larger. */
#define OCKAM_AHEAD_MSGS	256
#define OCKAM_AHEAD_BYTES	(256U << 10)
#define OCKAM_AHEAD_SLICE	NSEC_PER_MSEC	/* deriving at a stretch... */
#define OCKAM_AHEAD_REST	23		/* ...and that many times off */
#define OCKAM_WORK_MSGS		64		/* messages in one run */

#define OCKAM_FAR_RUN		16
#define OCKAM_AUTH_RUN		16
#define OCKAM_EVENT_EVERY	(10 * HZ)
#define OCKAM_RETRY		(HZ / 10)	/* after a failed allocation */

void ockam_rx_arm(struct ockam_crypt_rx *rx, unsigned long delay)
{
	const struct ockam_channel_crypt *cx =
		container_of(rx, struct ockam_channel_crypt, rx);
	unsigned long due = jiffies + delay;

	if (rx->dead || rx->held)
		return;
	if (rx->armed && !time_before(due, rx->due))
		return;

	rx->armed = true;
	rx->due = due;
	mod_delayed_work(cx->ch->node->wq, &rx->work, delay);
}

/* ---- receiving: what both ways share ---- */

static struct ockam_aead *crypt_rx_slot(struct ockam_crypt_rx *rx, u64 gen)
{
	u32 i;

	for (i = 0; i < OCKAM_SLOTS; i++) {
		if (rx->slot[i].ready && rx->slot[i].gen == gen)
			return &rx->slot[i];
	}
	return NULL;
}

static u64 crypt_rx_now_ms(void)
{
	return ktime_to_ms(ktime_get());
}

/* On a single carrier that keeps the order, old keys are of no use. */
static bool crypt_rx_keeps_old(const struct ockam_channel *ch)
{
	const struct ockam_channel_route *route;
	bool keeps;

	rcu_read_lock();
	route = rcu_dereference(ch->route);
	keeps = !READ_ONCE(route->ordered);
	rcu_read_unlock();
	return keeps;
}

/* Handles whose key is gone from the ring are no longer used. */
static void crypt_rx_retire(struct ockam_crypt_rx *rx)
{
	struct ockam_aead *a;

	for (a = rx->slot; a < rx->slot + OCKAM_SLOTS; a++) {
		if (a->ready && !ockam_keyring_get(&rx->ring, a->gen))
			a->ready = false;
	}
}

static int crypt_rx_no_derive(void *ctx, const u8 *key, u8 *next)
{
	return -EAGAIN;
}

static int crypt_rx_derive(void *ctx, const u8 *key, u8 *next)
{
	struct ockam_channel *ch = ctx;
	struct ockam_channel_crypt *cx = ch->crypt;
	struct ockam_crypt_rx *rx = &cx->rx;
	struct ockam_aead *a;
	int err;

	/* The usual case: the current key, which has a handle. */
	a = crypt_rx_slot(rx, rx->ring.gen);
	if (!a || memcmp(key, rx->ring.key, OCKAM_KEY_LEN)) {
		a = &rx->scratch;
		err = ockam_aead_set(a, cx->cipher, key);
		if (err)
			return err;
	}
	return ockam_crypt_derive(ch, a, rx->buf, next);
}

/*
 * A tag has verified: commit nonce and generation.  With the lock held and
 * the key at hand, or as owner and with @derive.
 */
static int crypt_rx_commit(struct ockam_channel *ch, u64 nonce,
			   ockam_derive_t derive, struct ockam_opened *how)
{
	struct ockam_crypt_rx *rx = &ch->crypt->rx;
	struct ockam_keyring *ring = &rx->ring;
	const struct ockam_window *keep = NULL;
	u64 gen = ockam_nonce_gen(nonce);
	int err;

	if (gen > ring->gen) {
		/*
		 * The keys to keep depend on the window with this nonce in it,
		 * but a commit that fails must leave no trace.
		 */
		struct ockam_window before = rx->window;
		u64 now = crypt_rx_now_ms();

		if (crypt_rx_keeps_old(ch))
			keep = &rx->window;
		ockam_window_commit(&rx->window, nonce);
		err = ockam_keyring_commit(ring, gen, keep, now, derive, ch);
		if (err == -ENOBUFS)
			err = ockam_keyring_commit(ring, gen, NULL, now,
						   derive, ch);
		if (err) {
			rx->window = before;
			return err;
		}
		how->newest = true;
		rx->expire_at = ockam_keyring_expire(ring, keep, now);
		crypt_rx_retire(rx);
	} else {
		how->newest = nonce >= rx->window.next;
		ockam_window_commit(&rx->window, nonce);
		if (gen < ring->gen) {
			rx->expire_at = ockam_keyring_expire(ring, &rx->window,
							     crypt_rx_now_ms());
			crypt_rx_retire(rx);
		}
	}

	how->nonce = nonce;
	how->first = !rx->any;
	rx->any = true;
	rx->stamp = jiffies;
	WRITE_ONCE(rx->far, 0);
	return 0;
}

/* After a commit, nothing locked. */
static void crypt_rx_count(struct ockam_channel *ch, const struct sk_buff *skb)
{
	if (unlikely(READ_ONCE(ch->state) == OCKAM_CHANNEL_STATE_STALLED) &&
	    ockam_crypt_set_state(ch, STATE_BIT(STALLED), OCKAM_CHANNEL_STATE_UP,
				  OCKAM_CHANNEL_REASON_NONE))
		ockam_notify_channel(ch, OCKAM_CHANNEL_EVENT_NONE, false);

	atomic64_inc(&ch->stats.rx_msgs);
	atomic64_add(skb->len, &ch->stats.rx_bytes);
	ockam_stat_inc(ch->node, OCKAM_STAT_DECRYPTED);
}

/* Off with nonce and tag. */
static int crypt_rx_strip(struct sk_buff *skb)
{
	if (!pskb_pull(skb, OCKAM_NONCE_LEN))
		return -ENOMEM;
	return pskb_trim(skb, skb->len - OCKAM_TAG_LEN);
}

/* May an event of this sort be told again?  @last 0: it never was. */
static bool crypt_rx_event(unsigned long *last)
{
	unsigned long now = jiffies ?: 1;

	if (*last && time_before(now, *last + OCKAM_EVENT_EVERY))
		return false;
	*last = now;
	return true;
}

/* Drops for whatever the checks before or after decryption gave. */
static int crypt_rx_refuse(struct ockam_channel *ch, struct sk_buff *skb, int err)
{
	struct ockam_crypt_rx *rx = &ch->crypt->rx;
	enum ockam_channel_event event = OCKAM_CHANNEL_EVENT_NONE;
	enum ockam_drop why;

	switch (err) {
	case -EEXIST:
		why = OCKAM_DROP_REPLAYED;
		atomic64_inc(&ch->stats.replayed);
		break;
	case -ERANGE:
	case -ENOKEY:
		why = OCKAM_DROP_TOO_OLD;
		break;
	case -EINVAL:
	case -EOVERFLOW:
		why = OCKAM_DROP_TOO_FAR;
		spin_lock_bh(&rx->lock);
		if (++rx->far >= OCKAM_FAR_RUN && crypt_rx_event(&rx->far_event)) {
			event = OCKAM_CHANNEL_EVENT_STALLED;
			ockam_crypt_set_state_locked(ch, STATE_BIT(UP),
					OCKAM_CHANNEL_STATE_STALLED,
					OCKAM_CHANNEL_REASON_STALLED);
		}
		spin_unlock_bh(&rx->lock);
		break;
	case -EBADMSG:
		why = OCKAM_DROP_AUTH_FAILED;
		atomic64_inc(&ch->stats.auth_failed);
		spin_lock_bh(&rx->lock);
		if (++rx->bad >= OCKAM_AUTH_RUN && crypt_rx_event(&rx->bad_event)) {
			event = OCKAM_CHANNEL_EVENT_AUTH_FAILURES;
			rx->bad = 0;
		}
		spin_unlock_bh(&rx->lock);
		break;
	case -ENOBUFS:
		why = OCKAM_DROP_QUEUE_FULL;
		break;
	case -ESHUTDOWN:
		why = OCKAM_DROP_NO_KEY;
		break;
	default:
		why = OCKAM_DROP_NO_MEMORY;
		break;
	}
	if (event != OCKAM_CHANNEL_EVENT_NONE)
		ockam_notify_channel(ch, event, false);
	ockam_drop(ch->node, skb, why);
	return err;
}

static u64 crypt_rx_nonce(const struct sk_buff *skb)
{
	return ockam_get_be64(skb->data);
}

/* ---- receiving: queues ---- */

static bool crypt_rx_is_loose(const struct sk_buff *skb)
{
	return ockam_msg(skb)->charge == OCKAM_CHARGE_NONE;
}

/*
 * What a link or a local sender pays for is bounded there, and a TCP link
 * loses nothing; the rest is bounded here.
 */
static int crypt_rx_enqueue(struct ockam_crypt_rx *rx, struct sk_buff *skb)
{
	if (crypt_rx_is_loose(skb)) {
		if (rx->loose >= OCKAM_LOOSE_MSGS ||
		    rx->loose_bytes >= OCKAM_LOOSE_BYTES)
			return -ENOBUFS;
		rx->loose++;
		rx->loose_bytes += skb->truesize;
	}
	__skb_queue_tail(&rx->queue, skb);
	return 0;
}

static struct sk_buff *crypt_rx_dequeue(struct ockam_crypt_rx *rx)
{
	struct sk_buff *skb = __skb_dequeue(&rx->queue);

	if (skb && crypt_rx_is_loose(skb)) {
		rx->loose--;
		rx->loose_bytes -= skb->truesize;
	}
	return skb;
}

static void crypt_rx_requeue(struct ockam_crypt_rx *rx, struct sk_buff *skb)
{
	if (crypt_rx_is_loose(skb)) {
		rx->loose++;
		rx->loose_bytes += skb->truesize;
	}
	__skb_queue_head(&rx->queue, skb);
}

static u32 crypt_rx_nonce_group(const struct sk_buff *skb)
{
	return crypt_rx_nonce(skb) % OCKAM_AHEAD_GROUPS;
}

static void crypt_rx_ahead_note(struct ockam_crypt_rx *rx, const struct sk_buff *skb)
{
	rx->ahead_bytes += skb->truesize;
	rx->crowd[crypt_rx_nonce_group(skb)]++;
}

static void crypt_rx_ahead_forget(struct ockam_crypt_rx *rx,
				  const struct sk_buff *skb)
{
	rx->ahead_bytes -= skb->truesize;
	rx->crowd[crypt_rx_nonce_group(skb)]--;
}

static struct sk_buff *crypt_rx_ahead_next(struct ockam_crypt_rx *rx)
{
	struct sk_buff *skb = __skb_dequeue(&rx->ahead);

	if (skb)
		crypt_rx_ahead_forget(rx, skb);
	return skb;
}

static void crypt_rx_ahead_back(struct ockam_crypt_rx *rx, struct sk_buff *skb)
{
	crypt_rx_ahead_note(rx, skb);
	__skb_queue_head(&rx->ahead, skb);
}

/*
 * Which one makes room?  Of those that claim the same nonce at most one can
 * verify, so it is one out of the largest crowd, and chance says which: neither
 * being first nor being last is a way to push the genuine one out.
 */
static struct sk_buff *crypt_rx_ahead_victim(const struct ockam_crypt_rx *rx)
{
	u32 start = get_random_u32();
	struct sk_buff *skb;
	u32 most = start % OCKAM_AHEAD_GROUPS, i, g, n;

	for (i = 0; i < OCKAM_AHEAD_GROUPS; i++) {
		g = (start + i) % OCKAM_AHEAD_GROUPS;
		if (rx->crowd[g] > rx->crowd[most])
			most = g;
	}
	n = reciprocal_scale(get_random_u32(), rx->crowd[most]);
	skb_queue_reverse_walk(&rx->ahead, skb) {
		if (crypt_rx_nonce_group(skb) == most && !n--)
			return skb;
	}
	return skb_peek(&rx->ahead);
}

/* Those that had to make room go to @out; @skb may be one of them. */
static void crypt_rx_ahead_add(struct ockam_crypt_rx *rx, struct sk_buff *skb,
			       struct sk_buff_head *out)
{
	crypt_rx_ahead_note(rx, skb);
	__skb_queue_tail(&rx->ahead, skb);

	while (skb_queue_len(&rx->ahead) > 1 &&
	       (skb_queue_len(&rx->ahead) > OCKAM_AHEAD_MSGS ||
		rx->ahead_bytes > OCKAM_AHEAD_BYTES)) {
		skb = crypt_rx_ahead_victim(rx);
		__skb_unlink(skb, &rx->ahead);
		crypt_rx_ahead_forget(rx, skb);
		__skb_queue_tail(out, skb);
	}
}

/* Those that waited for keys far ahead come before what arrives from now on. */
static void crypt_rx_ahead_join(struct ockam_crypt_rx *rx)
{
	struct sk_buff *skb;

	while ((skb = __skb_dequeue_tail(&rx->ahead)))
		crypt_rx_requeue(rx, skb);
	rx->ahead_bytes = 0;
	memset(rx->crowd, 0, sizeof(rx->crowd));
}

static void crypt_rx_drop_list(struct ockam_channel *ch, struct sk_buff_head *list,
			       enum ockam_drop why)
{
	struct sk_buff *skb;

	while ((skb = __skb_dequeue(list)))
		ockam_drop(ch->node, skb, why);
}

/* Jiffies until keys may be derived far ahead. */
static unsigned long crypt_rx_ahead_delay(const struct ockam_crypt_rx *rx)
{
	u64 now = ktime_get_ns();

	return now < rx->ahead_at ? nsecs_to_jiffies(rx->ahead_at - now) + 1 :
				    0;
}

/* ---- receiving: inline ---- */

static void crypt_rx_async_done(void *data, int err)
{
	struct ockam_channel *ch = data;
	struct ockam_crypt_rx *rx = &ch->crypt->rx;

	if (err == -EINPROGRESS)
		return;

	spin_lock_bh(&rx->lock);
	rx->pending_err = err;
	rx->pending_done = true;
	ockam_rx_arm(rx, 0);
	spin_unlock_bh(&rx->lock);
	ockam_channel_put(ch);
}

OCKAM_CRYPTO_COMPLETION(crypt_rx_async_done)

static bool crypt_rx_may_inline(const struct ockam_crypt_rx *rx,
				const struct sk_buff *skb)
{
	return !rx->owned && !rx->pending && skb_queue_empty(&rx->queue) &&
	       !skb_is_nonlinear(skb) && skb->len <= OCKAM_INLINE_MAX &&
	       crypto_simd_usable();
}

/* rx->lock held.  -EINPROGRESS: the cipher has the message. */
static int crypt_rx_open_inline(struct ockam_channel *ch, struct ockam_aead *a,
				struct sk_buff *skb, u64 nonce)
{
	struct ockam_crypt_rx *rx = &ch->crypt->rx;
	u32 len = skb->len - OCKAM_NONCE_LEN;
	int err;

	sg_set_buf(&a->sg, skb->data + OCKAM_NONCE_LEN, len);
	ockam_aead_prepare(a, ch->crypt->cipher, nonce, &a->sg, len);
	aead_request_set_callback(a->req, 0,
				  OCKAM_CRYPTO_CALLBACK(crypt_rx_async_done), ch);

	err = crypto_aead_decrypt(a->req);
	if (likely(err != -EINPROGRESS))
		return err;

	/* The callback takes our lock first, so this is in time. */
	refcount_inc(&ch->ref);
	rx->pending = skb;
	rx->pending_nonce = nonce;
	rx->pending_done = false;
	return err;
}

/* Takes rx->lock over and drops it. */
static void crypt_rx_set_aside(struct ockam_channel *ch, struct sk_buff *skb)
	__releases(&ch->crypt->rx.lock)
{
	struct ockam_crypt_rx *rx = &ch->crypt->rx;
	struct sk_buff_head out;

	__skb_queue_head_init(&out);
	crypt_rx_ahead_add(rx, skb, &out);
	/* If others are there already, the work comes for them. */
	if (!rx->owned && skb_queue_len(&rx->ahead) == 1)
		ockam_rx_arm(rx, crypt_rx_ahead_delay(rx));
	spin_unlock_bh(&rx->lock);
	crypt_rx_drop_list(ch, &out, OCKAM_DROP_QUEUE_FULL);
}

int ockam_crypt_check(struct sk_buff *skb, u32 *reason)
{
	if (unlikely(skb->len < OCKAM_OVERHEAD)) {
		*reason = OCKAM_DROP_SHORT;
		return -EBADMSG;
	}
	if (unlikely(!pskb_may_pull(skb, OCKAM_NONCE_LEN))) {
		*reason = OCKAM_DROP_NO_MEMORY;
		return -ENOMEM;
	}
	return 0;
}

int ockam_crypt_open(struct ockam_channel *ch, struct sk_buff *skb,
		     struct ockam_opened *how)
{
	struct ockam_crypt_rx *rx = &ch->crypt->rx;
	struct ockam_aead *a;
	u64 nonce, gen;
	u32 reason;
	int err;

	err = ockam_crypt_check(skb, &reason);
	if (unlikely(err)) {
		ockam_drop(ch->node, skb, reason);
		return err;
	}
	nonce = crypt_rx_nonce(skb);
	gen = ockam_nonce_gen(nonce);

	spin_lock_bh(&rx->lock);
	err = -ESHUTDOWN;
	if (unlikely(rx->dead))
		goto refuse;
	if (!crypt_rx_may_inline(rx, skb))
		goto queue;

	err = ockam_window_check(&rx->window, nonce);
	if (unlikely(err))
		goto refuse;

	a = crypt_rx_slot(rx, gen);
	if (unlikely(!a)) {
		if (gen <= rx->ring.gen + 1)
			goto queue;
		err = -EOVERFLOW;
		if (gen - rx->ring.gen > OCKAM_KEYRING_AHEAD)
			goto refuse;
		goto ahead;
	}

	err = crypt_rx_open_inline(ch, a, skb, nonce);
	if (err == -EINPROGRESS)
		goto taken;
	if (unlikely(err == -ENOSPC || err == -ENOMEM || err == -EBUSY))
		goto queue;	/* not begun; the work can wait */
	if (unlikely(err)) {
		err = -EBADMSG;
		goto refuse;
	}

	err = crypt_rx_commit(ch, nonce, crypt_rx_no_derive, how);
	if (unlikely(err))
		goto refuse;
	/* One key further: the one after it is not there yet. */
	if (!crypt_rx_slot(rx, rx->ring.gen + 1))
		ockam_rx_arm(rx, 0);
	spin_unlock_bh(&rx->lock);

	crypt_rx_count(ch, skb);
	err = crypt_rx_strip(skb);
	if (unlikely(err))
		ockam_drop(ch->node, skb, OCKAM_DROP_NO_MEMORY);
	return err;

queue:
	err = crypt_rx_enqueue(rx, skb);
	if (err)
		goto refuse;
	if (!rx->owned && !rx->pending)
		ockam_rx_arm(rx, 0);
taken:
	spin_unlock_bh(&rx->lock);
	return -EINPROGRESS;

ahead:
	/* Nothing that is at hand has to wait for this one. */
	crypt_rx_set_aside(ch, skb);
	return -EINPROGRESS;

refuse:
	spin_unlock_bh(&rx->lock);
	return crypt_rx_refuse(ch, skb, err);
}

/* ---- receiving: the work, which owns the state ---- */

/* A handle that may be given another key: unused, else the oldest. */
static struct ockam_aead *crypt_rx_spare(struct ockam_crypt_rx *rx)
{
	struct ockam_aead *a, *oldest = NULL, *empty = NULL;

	for (a = rx->slot; a < rx->slot + OCKAM_SLOTS; a++) {
		if (!a->ready) {
			/* First those which still hold a key. */
			if (a->tfm)
				return a;
			empty = empty ?: a;
		} else if (a->gen < rx->ring.gen &&
			   (!oldest || a->gen < oldest->gen)) {
			oldest = a;
		}
	}
	return empty ?: oldest;
}

/* A handle with the key, in a slot of its own. */
static int crypt_rx_fill(struct ockam_channel *ch, u64 gen, struct ockam_aead **out)
{
	struct ockam_channel_crypt *cx = ch->crypt;
	struct ockam_crypt_rx *rx = &cx->rx;
	u8 key[OCKAM_KEY_LEN];
	struct ockam_aead *a;
	int err;

	*out = crypt_rx_slot(rx, gen);
	if (*out)
		return 0;

	err = ockam_keyring_derive(&rx->ring, gen, OCKAM_KEYRING_STRIDE,
				   crypt_rx_derive, ch, key);
	if (err)
		goto wipe;

	err = -ENOMEM;
	a = crypt_rx_spare(rx);
	if (!a)
		goto wipe;

	a->ready = false;
	err = ockam_aead_set(a, cx->cipher, key);
	if (err) {
		ockam_aead_destroy(a);
		goto wipe;
	}
	a->gen = gen;
	a->ready = true;
	*out = a;
wipe:
	memzero_explicit(key, sizeof(key));
	return err;
}

static int crypt_rx_attach(struct ockam_crypt_rx *rx)
{
	struct ockam_keyring_ext *ext;

	if (rx->ring.ext)
		return 0;

	ext = kzalloc(sizeof(*ext), GFP_KERNEL_ACCOUNT);
	if (!ext)
		return -ENOMEM;

	ockam_keyring_attach(&rx->ring, ext);
	return 0;
}

/* Unless it holds keys. */
static void crypt_rx_detach(struct ockam_crypt_rx *rx)
{
	struct ockam_keyring_ext *ext = ockam_keyring_detach(&rx->ring);

	kfree_sensitive(ext);
}

/* Decrypt with a handle, then commit. */
static int crypt_rx_open_with(struct ockam_channel *ch, struct ockam_aead *a,
			      struct sk_buff *skb, u64 nonce,
			      struct ockam_opened *how)
{
	u32 len = skb->len - OCKAM_NONCE_LEN;
	struct scatterlist *sg;
	int err;

	err = ockam_aead_map(a, skb, OCKAM_NONCE_LEN, len, &sg);
	if (err)
		return -ENOMEM;

	err = ockam_aead_run(a, ch->crypt->cipher, nonce, sg, len, false);
	ockam_aead_unmap(a, sg);
	if (err)
		return -EBADMSG;

	err = crypt_rx_commit(ch, nonce, crypt_rx_derive, how);
	if (err)
		return err;

	crypt_rx_count(ch, skb);
	return crypt_rx_strip(skb);
}

/*
 * One message.  0: open.  -ENOMEM before anything was changed: try again.
 * -EAGAIN: far ahead.  Otherwise it is to be refused.
 */
static int crypt_rx_open_queued(struct ockam_channel *ch, struct sk_buff *skb,
				struct ockam_opened *how, bool *began)
{
	struct ockam_channel_crypt *cx = ch->crypt;
	struct ockam_crypt_rx *rx = &cx->rx;
	u64 nonce = crypt_rx_nonce(skb);
	u64 gen = ockam_nonce_gen(nonce);
	struct ockam_aead *a;
	const u8 *key;
	int err;

	*began = false;
	err = ockam_window_check(&rx->window, nonce);
	if (err)
		return err;

	if (gen > rx->ring.gen + 1)
		return gen - rx->ring.gen > OCKAM_KEYRING_AHEAD ? -EOVERFLOW :
								   -EAGAIN;
	if (gen >= rx->ring.gen) {
		if (gen > rx->ring.gen && crypt_rx_keeps_old(ch) && crypt_rx_attach(rx))
			return -ENOMEM;
		err = crypt_rx_fill(ch, gen, &a);
		if (err)
			return -ENOMEM;
	} else {
		a = crypt_rx_slot(rx, gen);
		if (!a) {
			key = ockam_keyring_get(&rx->ring, gen);
			if (!key)
				return -ENOKEY;
			a = &rx->scratch;
			if (ockam_aead_set(a, cx->cipher, key))
				return -ENOMEM;
		}
	}
	*began = true;
	return crypt_rx_open_with(ch, a, skb, nonce, how);
}

/* Messages in order.  Jiffies after which to come again, 0: at once. */
static unsigned long crypt_rx_run_queue(struct ockam_channel *ch)
{
	struct ockam_crypt_rx *rx = &ch->crypt->rx;
	u32 budget = OCKAM_WORK_MSGS;
	struct ockam_opened how;
	struct sk_buff *skb;
	bool began;
	int err;

	while (budget--) {
		spin_lock_bh(&rx->lock);
		skb = rx->dead ? NULL : crypt_rx_dequeue(rx);
		spin_unlock_bh(&rx->lock);
		if (!skb)
			return MAX_JIFFY_OFFSET;

		err = crypt_rx_open_queued(ch, skb, &how, &began);
		if (err == -ENOMEM && !began) {
			spin_lock_bh(&rx->lock);
			crypt_rx_requeue(rx, skb);
			spin_unlock_bh(&rx->lock);
			return OCKAM_RETRY;
		}
		if (!err) {
			ockam_channel_resume(ch, skb, &how);
		} else if (err == -EAGAIN) {
			spin_lock_bh(&rx->lock);
			crypt_rx_set_aside(ch, skb);
		} else {
			crypt_rx_refuse(ch, skb, err);
		}
		cond_resched();
	}
	return 0;
}

/* What an asynchronous cipher has finished. */
static void crypt_rx_run_pending(struct ockam_channel *ch, struct sk_buff *skb)
{
	struct ockam_crypt_rx *rx = &ch->crypt->rx;
	u64 nonce = rx->pending_nonce;
	struct ockam_opened how;
	int err;

	err = rx->pending_err ? -EBADMSG : 0;
	if (!err)
		err = crypt_rx_commit(ch, nonce, crypt_rx_derive, &how);
	if (!err) {
		crypt_rx_count(ch, skb);
		err = crypt_rx_strip(skb);
	}
	if (err)
		crypt_rx_refuse(ch, skb, err);
	else
		ockam_channel_resume(ch, skb, &how);
}

/* The oldest message far ahead: true if it is open, and @how is filled. */
static bool crypt_rx_ahead_one(struct ockam_channel *ch, struct sk_buff *skb,
			       struct ockam_opened *how)
{
	struct ockam_channel_crypt *cx = ch->crypt;
	struct ockam_crypt_rx *rx = &cx->rx;
	u64 nonce = crypt_rx_nonce(skb);
	u8 key[OCKAM_KEY_LEN];
	int err;

	err = crypt_rx_attach(rx);
	if (!err)
		err = ockam_keyring_derive(&rx->ring, ockam_nonce_gen(nonce),
					   OCKAM_KEYRING_STRIDE, crypt_rx_derive, ch,
					   key);
	if (err == -EAGAIN) {
		spin_lock_bh(&rx->lock);
		crypt_rx_ahead_back(rx, skb);
		spin_unlock_bh(&rx->lock);
		return false;
	}
	if (!err) {
		err = ockam_aead_set(&rx->scratch, cx->cipher, key);
		memzero_explicit(key, sizeof(key));
		if (err)
			err = -ENOMEM;
	} else if (err == -ERANGE) {
		err = -EOVERFLOW;
	}
	if (!err)
		err = crypt_rx_open_with(ch, &rx->scratch, skb, nonce, how);
	if (!err)
		return true;

	crypt_rx_refuse(ch, skb, err);
	return false;
}

/* The oldest one, unless those that wait are within reach by now. */
static struct sk_buff *crypt_rx_ahead_take(struct ockam_crypt_rx *rx)
{
	struct sk_buff *skb;

	spin_lock_bh(&rx->lock);
	skb = rx->dead ? NULL : crypt_rx_ahead_next(rx);
	if (skb && ockam_nonce_gen(crypt_rx_nonce(skb)) <= rx->ring.gen + 1) {
		crypt_rx_ahead_back(rx, skb);
		crypt_rx_ahead_join(rx);
		skb = NULL;
	}
	spin_unlock_bh(&rx->lock);
	return skb;
}

/* Our turn to derive keys. */
static void crypt_rx_turn(struct ockam_turn *turn)
{
	struct ockam_crypt_rx *rx = container_of(turn, struct ockam_crypt_rx, turn);

	spin_lock_bh(&rx->lock);
	ockam_rx_arm(rx, 0);
	spin_unlock_bh(&rx->lock);
}

/*
 * Keys far ahead.  Makes way for messages that came meanwhile.  All channels
 * of a node, or of one user's containers, derive on one CPU at a time.
 */
static unsigned long crypt_rx_run_ahead(struct ockam_channel *ch)
{
	struct ockam_turns *turns = ch->node->turns;
	struct ockam_crypt_rx *rx = &ch->crypt->rx;
	unsigned long delay = MAX_JIFFY_OFFSET;
	struct ockam_opened how;
	bool across = false;
	struct sk_buff *skb;
	u64 spent = 0;
	u64 start;

	if (!skb_queue_empty_lockless(&rx->ahead))
		delay = crypt_rx_ahead_delay(rx);
	if (delay) {
		ockam_turn_drop(turns, &rx->turn);
		return delay;
	}
	if (!ockam_turn_take(turns, &rx->turn))
		return MAX_JIFFY_OFFSET;

	do {
		start = ktime_get_ns();
		skb = crypt_rx_ahead_take(rx);
		if (!skb)
			break;
		across = crypt_rx_ahead_one(ch, skb, &how);
		/* The rest of a long stretch was others' time on this CPU. */
		spent += min_t(u64, ktime_get_ns() - start, OCKAM_AHEAD_SLICE);
		cond_resched();
	} while (!across && spent < OCKAM_AHEAD_SLICE &&
		 skb_queue_empty_lockless(&rx->queue));
	rx->ahead_at = ktime_get_ns() + spent * OCKAM_AHEAD_REST;
	ockam_turn_drop(turns, &rx->turn);

	if (across) {
		/* The others may be within reach now. */
		spin_lock_bh(&rx->lock);
		crypt_rx_ahead_join(rx);
		spin_unlock_bh(&rx->lock);
		ockam_channel_resume(ch, skb, &how);
	}
	if (!skb_queue_empty_lockless(&rx->queue))
		return 0;
	return skb_queue_empty_lockless(&rx->ahead) ? MAX_JIFFY_OFFSET :
						      crypt_rx_ahead_delay(rx);
}

/* Old keys, in time. */
static unsigned long crypt_rx_run_expire(struct ockam_channel *ch)
{
	struct ockam_crypt_rx *rx = &ch->crypt->rx;
	u64 now = crypt_rx_now_ms();

	if (rx->expire_at != U64_MAX && now >= rx->expire_at) {
		rx->expire_at = ockam_keyring_expire(&rx->ring, &rx->window,
						     now);
		crypt_rx_retire(rx);
	}
	if (rx->expire_at == U64_MAX)
		return MAX_JIFFY_OFFSET;
	return rx->expire_at > now ?
	       msecs_to_jiffies(rx->expire_at - now) + 1 : 1;
}

/* Handles for the current key and the next; none whose key is gone. */
static void crypt_rx_run_handles(struct ockam_channel *ch)
{
	struct ockam_crypt_rx *rx = &ch->crypt->rx;
	struct ockam_aead *a;

	/* Where old keys are kept, there is room for them before it is needed. */
	if (crypt_rx_keeps_old(ch))
		crypt_rx_attach(rx);
	else
		crypt_rx_detach(rx);

	/* Failure costs speed only: the queue does it again. */
	if (!crypt_rx_fill(ch, rx->ring.gen, &a))
		crypt_rx_fill(ch, rx->ring.gen + 1, &a);

	for (a = rx->slot; a < rx->slot + OCKAM_SLOTS; a++) {
		if (!a->ready && a->tfm)
			ockam_aead_destroy(a);
	}
	if (rx->scratch.tfm && skb_queue_empty_lockless(&rx->ahead))
		ockam_aead_destroy(&rx->scratch);
}

void ockam_rx_free_handles(struct ockam_crypt_rx *rx)
{
	u32 i;

	for (i = 0; i < OCKAM_SLOTS; i++)
		ockam_aead_destroy(&rx->slot[i]);
	ockam_aead_destroy(&rx->scratch);
}

/* Idle directions give their handles back; the keys stay. */
static unsigned long crypt_rx_run_idle(struct ockam_channel *ch, bool rx_busy)
{
	struct ockam_channel_crypt *cx = ch->crypt;
	unsigned long now = jiffies, left = MAX_JIFFY_OFFSET;
	struct ockam_crypt_rx *rx = &cx->rx;
	struct ockam_crypt_tx *tx = &cx->tx;

	if (rx_busy || time_before(now, rx->stamp + OCKAM_IDLE)) {
		crypt_rx_run_handles(ch);
		left = OCKAM_IDLE;
	} else {
		ockam_rx_free_handles(rx);
		crypt_rx_detach(rx);
	}

	/* A sender that has the lock is not idle. */
	if (!mutex_trylock(&tx->lock))
		return OCKAM_IDLE;
	if (tx->aead.tfm) {
		if (time_before(now, tx->stamp + OCKAM_IDLE))
			left = OCKAM_IDLE;
		else
			ockam_tx_free_handles(tx);
	}
	mutex_unlock(&tx->lock);
	return left;
}

static void crypt_rx_work(struct work_struct *work)
{
	struct ockam_crypt_rx *rx = container_of(to_delayed_work(work),
					   struct ockam_crypt_rx, work);
	struct ockam_channel_crypt *cx =
		container_of(rx, struct ockam_channel_crypt, rx);
	struct ockam_channel *ch = cx->ch;
	struct sk_buff *done = NULL;
	unsigned long next, queue;
	bool busy;

	spin_lock_bh(&rx->lock);
	rx->armed = false;
	if (rx->dead || rx->held || (rx->pending && !rx->pending_done)) {
		spin_unlock_bh(&rx->lock);
		return;
	}
	rx->owned = true;
	swap(done, rx->pending);
	busy = done || !skb_queue_empty(&rx->queue);
	spin_unlock_bh(&rx->lock);

	if (done)
		crypt_rx_run_pending(ch, done);
	queue = crypt_rx_run_queue(ch);
	next = min(queue, crypt_rx_run_ahead(ch));
	next = min(next, crypt_rx_run_expire(ch));
	next = min(next, crypt_rx_run_idle(ch, busy));

	spin_lock_bh(&rx->lock);
	rx->owned = false;
	if (queue != OCKAM_RETRY && !skb_queue_empty(&rx->queue))
		next = 0;
	if (next != MAX_JIFFY_OFFSET)
		ockam_rx_arm(rx, next);
	spin_unlock_bh(&rx->lock);
}

/* ---- beginning and end ---- */

void ockam_crypt_hold(struct ockam_channel *ch)
{
	struct ockam_crypt_rx *rx = &ch->crypt->rx;

	spin_lock_bh(&rx->lock);
	rx->held = true;
	rx->owned = true;
	spin_unlock_bh(&rx->lock);
}

void ockam_crypt_release(struct ockam_channel *ch, struct sk_buff_head *first)
{
	struct ockam_crypt_rx *rx = &ch->crypt->rx;
	struct sk_buff *skb;

	spin_lock_bh(&rx->lock);
	while ((skb = __skb_dequeue_tail(first)))
		crypt_rx_requeue(rx, skb);
	rx->held = false;
	rx->owned = false;
	ockam_rx_arm(rx, skb_queue_empty(&rx->queue) ? OCKAM_IDLE : 0);
	spin_unlock_bh(&rx->lock);
}

void ockam_rx_init(struct ockam_crypt_rx *rx)
{
	spin_lock_init(&rx->lock);
	__skb_queue_head_init(&rx->queue);
	__skb_queue_head_init(&rx->ahead);
	INIT_DELAYED_WORK(&rx->work, crypt_rx_work);
	ockam_turn_init(&rx->turn, crypt_rx_turn);
	rx->stamp = jiffies;
	rx->expire_at = U64_MAX;
}

int ockam_rx_first_keys(struct ockam_channel_crypt *cx,
			const struct ockam_channel_config *cfg)
{
	struct ockam_crypt_rx *rx = &cx->rx;
	struct ockam_aead *a;
	int err;

	ockam_window_init(&rx->window, cfg->rx_nonce);
	ockam_keyring_init(&rx->ring, cfg->rx_key,
			   ockam_nonce_gen(cfg->rx_nonce));
	if (crypt_rx_keeps_old(cx->ch)) {
		err = crypt_rx_attach(rx);
		if (err)
			return err;
	}
	err = crypt_rx_fill(cx->ch, rx->ring.gen, &a);
	if (err)
		return err;
	return crypt_rx_fill(cx->ch, rx->ring.gen + 1, &a);
}

void ockam_rx_stop(struct ockam_channel *ch)
{
	struct ockam_crypt_rx *rx = &ch->crypt->rx;
	struct sk_buff_head left;

	spin_lock_bh(&rx->lock);
	rx->dead = true;
	spin_unlock_bh(&rx->lock);
	cancel_delayed_work_sync(&rx->work);
	/* Whoever is woken does not come back. */
	ockam_turn_drop(ch->node->turns, &rx->turn);

	/* An asynchronous cipher ends by itself, and soon. */
	__skb_queue_head_init(&left);
	spin_lock_bh(&rx->lock);
	while (rx->pending && !rx->pending_done) {
		spin_unlock_bh(&rx->lock);
		usleep_range(1000, 2000);
		spin_lock_bh(&rx->lock);
	}
	if (rx->pending)
		__skb_queue_tail(&left, rx->pending);
	rx->pending = NULL;
	skb_queue_splice_tail_init(&rx->queue, &left);
	skb_queue_splice_tail_init(&rx->ahead, &left);
	spin_unlock_bh(&rx->lock);
	crypt_rx_drop_list(ch, &left, OCKAM_DROP_NO_KEY);
}
