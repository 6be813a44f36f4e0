// SPDX-License-Identifier: GPL-2.0
/*
 * Nonces, keys and AEAD calls of a channel (protocol.rst: Data phase).
 *
 * Handles.  An AEAD handle holds one expanded key.  Sending has the current
 * generation's and, prepared ahead by a work item, the next one's; receiving
 * has up to three (an old one while it is of use, the current, the next) and
 * one more for whatever is rare.  A handle gets its key in process context
 * only, and is visible to softirq (`ready`) only when that is done.
 *
 * Who owns the receive state.  Inline, whoever holds rx->lock.  As soon as a
 * message cannot be opened inline it is queued; the work item then sets
 * `owned`, and until it clears it again nobody else touches window, key ring
 * or handles, so that it can derive and wait without a lock.  All that comes
 * meanwhile is queued behind: order survives.
 *
 * Far ahead.  A nonce two generations ahead or more may be the other side of
 * a gap, or forged.  Such messages wait in a queue of their own, short and
 * with the oldest dropped, while the work derives keys in slices of time of
 * which there is a bounded share; messages of the generations at hand pass
 * them.  Whatever is beyond the key ring's reach is dropped.  When
 * OCKAM_FAR_RUN messages of that sort came with none that verified between
 * them, the channel counts as stalled and says so at most every
 * OCKAM_EVENT_EVERY; anything that verifies later makes it good again.
 */
#include <asm/simd.h>
#include <crypto/aead.h>
#include <crypto/internal/simd.h>
#include <linux/delay.h>
#include <linux/hashtable.h>
#include <linux/jiffies.h>
#include <linux/ktime.h>
#include <linux/once.h>
#include <linux/scatterlist.h>
#include <linux/siphash.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#include "channel.h"
#include "compat/crypto.h"
#include "crypt.h"
#include "keyring.h"
#include "node.h"
#include "notify.h"
#include "sink.h"
#include "stats.h"
#include "window.h"

#define OCKAM_IV_LEN		12
#define OCKAM_SLOTS		3
#define OCKAM_OVERHEAD		(OCKAM_NONCE_LEN + OCKAM_TAG_LEN)
#define OCKAM_DERIVE_LEN	(OCKAM_KEY_LEN + OCKAM_TAG_LEN)

/* Inline, what was a payload of OCKAM_LINEAR_MAX before the peer packed it. */
#define OCKAM_INLINE_MAX	(OCKAM_LINEAR_MAX + 1024)

/* Queued messages that nobody's account carries. */
#define OCKAM_LOOSE_MSGS	256
#define OCKAM_LOOSE_BYTES	(1U << 20)

/* Far ahead, per channel; one message may be larger. */
#define OCKAM_AHEAD_MSGS	64
#define OCKAM_AHEAD_BYTES	(256U << 10)
#define OCKAM_AHEAD_SLICE	NSEC_PER_MSEC	/* deriving at a stretch... */
#define OCKAM_AHEAD_REST	23		/* ...and that many times off */
#define OCKAM_WORK_MSGS		64		/* messages in one run */

#define OCKAM_FAR_RUN		16
#define OCKAM_AUTH_RUN		16
#define OCKAM_EVENT_EVERY	(10 * HZ)
#define OCKAM_IDLE		(60 * HZ)	/* then handles are freed */
#define OCKAM_RETRY		(HZ / 10)	/* after a failed allocation */

/* From here on the daemon is told that nonces run out. */
#define OCKAM_NONCE_LIMIT	(U64_MAX - (1ULL << 16))

/**
 * struct ockam_cipher - a cipher suite
 * @name: what the crypto API calls it
 * @key_len: bytes of key
 * @little: the nonce is little endian in the IV
 */
struct ockam_cipher {
	const char	*name;
	u8		key_len;
	bool		little;
};

static const struct ockam_cipher ockam_ciphers[] = {
	[OCKAM_SUITE_AES256GCM]		= { "gcm(aes)", 32, false },
	[OCKAM_SUITE_CHACHA20POLY1305]	= { "rfc7539(chacha20,poly1305)",
					    32, true },
	[OCKAM_SUITE_AES128GCM]		= { "gcm(aes)", 16, false },
};

/**
 * struct ockam_aead - a handle with one key
 * @tfm: handle, or NULL
 * @req: its request; one call at a time
 * @sg: for linear data
 * @gen: generation of the key
 * @ready: key is set and may be used
 * @iv: of the call
 */
struct ockam_aead {
	struct crypto_aead	*tfm;
	struct aead_request	*req;
	struct scatterlist	sg;
	u64			gen;
	bool			ready;
	u8			iv[OCKAM_IV_LEN];
};

/**
 * struct ockam_tx - sending; all under @lock
 * @lock: held from begin to end
 * @key: nonce and key
 * @cur: handle in use
 * @next: the one after it, prepared ahead
 * @handle: the two
 * @next_key: key of @next, while that is ready
 * @buf: for derivations
 * @work: prepares @next
 * @stamp: jiffies of last use
 * @warned: the daemon was told of the limit
 * @dead: the channel is gone
 */
struct ockam_tx {
	struct mutex		lock;
	struct ockam_sendkey	key;
	struct ockam_aead	*cur;
	struct ockam_aead	*next;
	struct ockam_aead	handle[2];
	u8			next_key[OCKAM_KEY_LEN];
	u8			buf[OCKAM_DERIVE_LEN];
	struct work_struct	work;
	unsigned long		stamp;
	bool			warned;
	bool			dead;
};

/**
 * struct ockam_rx - receiving; see the top of this file
 * @lock: spinlock, bh
 * @window: nonces seen
 * @ring: keys
 * @slot: handles for generations at hand
 * @scratch: handle for derivations and the keys that have no slot
 * @queue: messages in order, waiting for the work
 * @ahead: messages with nonces far ahead
 * @ahead_bytes: bytes of them
 * @loose: messages in @queue on nobody's account
 * @loose_bytes: bytes of them
 * @pending: message of which an asynchronous cipher has hold
 * @pending_done: the cipher has finished
 * @pending_err: with this
 * @pending_nonce: nonce of that message
 * @work: see above; also expires old keys and idle handles
 * @turn: to derive keys far ahead
 * @due: when @work is to run, if @armed
 * @stamp: jiffies of last use
 * @ahead_at: ktime from which keys may be derived far ahead again
 * @expire_at: time in ms when old keys go, U64_MAX: there are none
 * @far: messages beyond reach since the last that verified
 * @bad: failed tags since the last event
 * @far_event: jiffies of the last event of that sort
 * @bad_event: likewise
 * @buf: for derivations
 * @armed: @work is queued, or its timer runs
 * @owned: see above
 * @held: owned by whoever called ockam_crypt_hold()
 * @any: some message has verified
 * @dead: the channel is gone
 */
struct ockam_rx {
	spinlock_t		lock;
	struct ockam_window	window;
	struct ockam_keyring	ring;
	struct ockam_aead	slot[OCKAM_SLOTS];
	struct ockam_aead	scratch;
	struct sk_buff_head	queue;
	struct sk_buff_head	ahead;
	u32			ahead_bytes;
	u32			loose;
	u32			loose_bytes;
	struct sk_buff		*pending;
	u64			pending_nonce;
	int			pending_err;
	bool			pending_done;
	struct delayed_work	work;
	struct ockam_turn	turn;
	unsigned long		due;
	unsigned long		stamp;
	u64			ahead_at;
	u64			expire_at;
	u32			far;
	u32			bad;
	unsigned long		far_event;
	unsigned long		bad_event;
	u8			buf[OCKAM_DERIVE_LEN];
	bool			armed;
	bool			owned;
	bool			held;
	bool			any;
	bool			dead;
};

/**
 * struct ockam_live - says that a key is in use
 * @node: in ockam_live
 * @print: keyed hash of the key and its direction
 */
struct ockam_live {
	struct hlist_node	node;
	u64			print;
};

/**
 * struct ockam_channel_crypt - all of it
 * @ch: the channel
 * @cipher: its suite
 * @tx: sending
 * @rx: receiving
 * @live: first keys of the two directions
 */
struct ockam_channel_crypt {
	struct ockam_channel		*ch;
	const struct ockam_cipher	*cipher;
	struct ockam_tx			tx;
	struct ockam_rx			rx;
	struct ockam_live		live[2];
};

/* ---- keys in use ---- */

/*
 * The same key twice for sending means that nonces repeat, whichever node
 * does it, so there is one table.  It holds keyed hashes, which tell nothing
 * of the keys.
 */
static DEFINE_HASHTABLE(ockam_live, 12);
static DEFINE_SPINLOCK(ockam_live_lock);

static u64 live_print(const u8 *key, u64 dir)
{
	static siphash_aligned_key_t secret;
	u64 print;

	get_random_once(&secret, sizeof(secret));
	print = siphash(key, OCKAM_KEY_LEN, &secret);
	return siphash_2u64(print, dir, &secret);
}

static int live_add(struct ockam_live *l, const u8 *key, u64 dir)
{
	struct ockam_live *other;
	int err = 0;

	l->print = live_print(key, dir);
	spin_lock(&ockam_live_lock);
	hash_for_each_possible(ockam_live, other, node, l->print) {
		if (other->print == l->print) {
			err = -EEXIST;
			break;
		}
	}
	if (!err)
		hash_add(ockam_live, &l->node, l->print);
	spin_unlock(&ockam_live_lock);
	return err;
}

static void live_del(struct ockam_live *l)
{
	spin_lock(&ockam_live_lock);
	if (!hlist_unhashed(&l->node))
		hlist_del_init(&l->node);
	spin_unlock(&ockam_live_lock);
}

/* ---- handles ---- */

static int aead_init(struct ockam_aead *a, const struct ockam_cipher *cipher)
{
	struct crypto_aead *tfm;
	int err;

	if (a->tfm)
		return 0;

	/* Masking asynchronous ones out would leave the slow ones. */
	tfm = crypto_alloc_aead(cipher->name, 0, 0);
	if (IS_ERR(tfm))
		return PTR_ERR(tfm);

	err = crypto_aead_setauthsize(tfm, OCKAM_TAG_LEN);
	if (err)
		goto free;

	err = -ENOMEM;
	a->req = aead_request_alloc(tfm, GFP_KERNEL_ACCOUNT);
	if (!a->req)
		goto free;

	a->tfm = tfm;
	return 0;

free:
	crypto_free_aead(tfm);
	return err;
}

/* Wipes the expanded key, too. */
static void aead_destroy(struct ockam_aead *a)
{
	aead_request_free(a->req);
	crypto_free_aead(a->tfm);
	memset(a, 0, sizeof(*a));
}

static int aead_set(struct ockam_aead *a, const struct ockam_cipher *cipher,
		    const u8 *key)
{
	int err;

	err = aead_init(a, cipher);
	if (err)
		return err;

	return crypto_aead_setkey(a->tfm, key, cipher->key_len);
}

static void aead_prepare(struct ockam_aead *a,
			 const struct ockam_cipher *cipher, u64 nonce,
			 struct scatterlist *sg, u32 len)
{
	__le64 little = cpu_to_le64(nonce);

	memset(a->iv, 0, 4);
	if (cipher->little)
		memcpy(a->iv + 4, &little, sizeof(little));
	else
		ockam_put_be64(a->iv + 4, nonce);

	aead_request_set_ad(a->req, 0);
	aead_request_set_crypt(a->req, sg, sg, len, a->iv);
}

/* Process context: waits for the end of it. */
static int aead_run(struct ockam_aead *a, const struct ockam_cipher *cipher,
		    u64 nonce, struct scatterlist *sg, u32 len, bool encrypt)
{
	DECLARE_CRYPTO_WAIT(wait);
	int err;

	aead_prepare(a, cipher, nonce, sg, len);
	aead_request_set_callback(a->req, CRYPTO_TFM_REQ_MAY_BACKLOG |
				  CRYPTO_TFM_REQ_MAY_SLEEP,
				  crypto_req_done, &wait);
	err = encrypt ? crypto_aead_encrypt(a->req) :
			crypto_aead_decrypt(a->req);
	return crypto_wait_req(err, &wait);
}

/* A step of the ratchet with a handle that holds the key. */
static int aead_derive(struct ockam_channel *ch, struct ockam_aead *a,
		       u8 *buf, u8 *next)
{
	int err;

	memset(buf, 0, OCKAM_KEY_LEN);
	sg_init_one(&a->sg, buf, OCKAM_DERIVE_LEN);
	err = aead_run(a, ch->crypt->cipher, U64_MAX, &a->sg, OCKAM_KEY_LEN,
		       true);
	if (!err)
		memcpy(next, buf, OCKAM_KEY_LEN);
	memzero_explicit(buf, OCKAM_DERIVE_LEN);
	if (err)
		return err;

	atomic64_inc(&ch->stats.derivations);
	ockam_stat_inc(ch->node, OCKAM_STAT_DERIVATIONS);
	return 0;
}

/*
 * The scatterlist for @len bytes of a message from @off on: *sg is the
 * handle's own, or one to be freed with kvfree().  May sleep.
 */
static int aead_map(struct ockam_aead *a, struct sk_buff *skb, u32 off,
		    u32 len, struct scatterlist **sg)
{
	struct sk_buff *frag;
	u32 n = 1;
	int err;

	if (!skb_is_nonlinear(skb)) {
		sg_init_one(&a->sg, skb->data + off, len);
		*sg = &a->sg;
		return 0;
	}

	n += skb_shinfo(skb)->nr_frags;
	skb_walk_frags(skb, frag)
		n += 1 + skb_shinfo(frag)->nr_frags;

	*sg = kvmalloc_array(n, sizeof(**sg), GFP_KERNEL);
	if (!*sg)
		return -ENOMEM;

	sg_init_table(*sg, n);
	err = skb_to_sgvec(skb, *sg, off, len);
	if (err > 0)
		return 0;

	kvfree(*sg);
	return err ? err : -EINVAL;
}

static void aead_unmap(struct ockam_aead *a, struct scatterlist *sg)
{
	if (sg != &a->sg)
		kvfree(sg);
}

/* ---- state ---- */

#define STATE(s)	(1U << OCKAM_CHANNEL_STATE_##s)

/* rx->lock held. */
static bool crypt_set_state(struct ockam_channel *ch, u32 from, u8 to,
			    u8 reason)
{
	if (!(from & 1U << ch->state))
		return false;
	WRITE_ONCE(ch->state, to);
	WRITE_ONCE(ch->reason, reason);
	return true;
}

bool ockam_crypt_set_state(struct ockam_channel *ch, u32 from, u8 to,
			   u8 reason)
{
	struct ockam_rx *rx = &ch->crypt->rx;
	bool changed;

	spin_lock_bh(&rx->lock);
	changed = crypt_set_state(ch, from, to, reason);
	spin_unlock_bh(&rx->lock);
	return changed;
}

/* rx->lock held.  Runs the work after @delay jiffies or earlier. */
static void rx_arm(struct ockam_rx *rx, unsigned long delay)
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

/* ---- sending ---- */

static int tx_derive(void *ctx, const u8 *key, u8 *next)
{
	struct ockam_channel *ch = ctx;
	struct ockam_tx *tx = &ch->crypt->tx;
	int err;

	if (tx->next->ready && tx->next->gen == tx->key.gen + 1) {
		memcpy(next, tx->next_key, OCKAM_KEY_LEN);
		return 0;
	}
	if (!tx->cur->ready || tx->cur->gen != tx->key.gen) {
		tx->cur->ready = false;
		err = aead_set(tx->cur, ch->crypt->cipher, key);
		if (err)
			return err;
		tx->cur->gen = tx->key.gen;
		tx->cur->ready = true;
	}
	return aead_derive(ch, tx->cur, tx->buf, next);
}

/* The current handle is used up: its key goes when the next is prepared. */
static int tx_switch(struct ockam_channel *ch)
{
	struct ockam_channel_crypt *cx = ch->crypt;
	struct ockam_tx *tx = &cx->tx;
	int err;

	if (tx->next->ready && tx->next->gen == tx->key.gen) {
		swap(tx->cur, tx->next);
	} else {
		tx->cur->ready = false;
		err = aead_set(tx->cur, cx->cipher, tx->key.key);
		if (err)
			return err;
		tx->cur->gen = tx->key.gen;
		tx->cur->ready = true;

		/* Woken up, perhaps: the idle timer sleeps while we did. */
		spin_lock_bh(&cx->rx.lock);
		rx_arm(&cx->rx, OCKAM_IDLE);
		spin_unlock_bh(&cx->rx.lock);
	}

	tx->next->ready = false;
	memzero_explicit(tx->next_key, OCKAM_KEY_LEN);
	queue_work(ch->node->wq, &tx->work);
	return 0;
}

static void tx_work(struct work_struct *work)
{
	struct ockam_tx *tx = container_of(work, struct ockam_tx, work);
	struct ockam_channel_crypt *cx =
		container_of(tx, struct ockam_channel_crypt, tx);
	u64 gen;

	mutex_lock(&tx->lock);
	gen = tx->key.gen + 1;
	if (tx->dead || tx->next->ready || !tx->cur->ready ||
	    tx->cur->gen != tx->key.gen)
		goto out;

	/* What fails here is done again by the sender, who reports it. */
	if (!aead_derive(cx->ch, tx->cur, tx->buf, tx->next_key) &&
	    !aead_set(tx->next, cx->cipher, tx->next_key)) {
		tx->next->gen = gen;
		tx->next->ready = true;
	} else {
		memzero_explicit(tx->next_key, OCKAM_KEY_LEN);
		/* The key before the current one must not stay in there. */
		aead_destroy(tx->next);
	}
out:
	mutex_unlock(&tx->lock);
}

static void tx_exhausted(struct ockam_channel *ch)
{
	if (ockam_crypt_set_state(ch, STATE(UP) | STATE(STALLED),
				  OCKAM_CHANNEL_STATE_EXHAUSTED,
				  OCKAM_CHANNEL_REASON_EXHAUSTED))
		ockam_notify_channel(ch, OCKAM_CHANNEL_EVENT_NONCE_LIMIT,
				     false);
}

int ockam_crypt_begin(struct ockam_channel *ch)
{
	struct ockam_tx *tx = &ch->crypt->tx;
	int err;

	mutex_lock(&tx->lock);
	err = ockam_channel_can_encrypt(ch);
	if (tx->dead)
		err = -EKEYEXPIRED;
	if (err)
		goto unlock;

	err = ockam_sendkey_ready(&tx->key, tx_derive, ch);
	if (err == -EKEYEXPIRED) {
		tx_exhausted(ch);
		goto unlock;
	}
	if (err)
		goto unlock;

	if (unlikely(!tx->cur->ready || tx->cur->gen != tx->key.gen)) {
		err = tx_switch(ch);
		if (err)
			goto unlock;
	}
	return 0;

unlock:
	mutex_unlock(&tx->lock);
	return err;
}

void ockam_crypt_end(struct ockam_channel *ch)
{
	mutex_unlock(&ch->crypt->tx.lock);
}

int ockam_crypt_seal(struct ockam_channel *ch, struct sk_buff *skb)
{
	struct ockam_channel_crypt *cx = ch->crypt;
	struct ockam_tx *tx = &cx->tx;
	u32 len = skb->len;
	struct scatterlist *sg;
	u64 nonce;
	u8 *head;
	int err;

	ockam_msg_append(skb, OCKAM_TAG_LEN);
	head = skb_push(skb, OCKAM_NONCE_LEN);
	err = aead_map(tx->cur, skb, OCKAM_NONCE_LEN, len + OCKAM_TAG_LEN,
		       &sg);
	if (err)
		return -ENOMEM;

	/*
	 * From here on the nonce counts as used, even though only a cipher
	 * that does not work can fail now.
	 */
	nonce = ockam_sendkey_take(&tx->key);
	ockam_put_be64(head, nonce);
	err = aead_run(tx->cur, cx->cipher, nonce, sg, len, true);
	aead_unmap(tx->cur, sg);
	if (err)
		return err;

	tx->stamp = jiffies;
	atomic64_inc(&ch->stats.tx_msgs);
	atomic64_add(skb->len, &ch->stats.tx_bytes);
	ockam_stat_inc(ch->node, OCKAM_STAT_ENCRYPTED);

	if (unlikely(nonce >= OCKAM_NONCE_LIMIT && !tx->warned)) {
		tx->warned = true;
		ockam_notify_channel(ch, OCKAM_CHANNEL_EVENT_NONCE_LIMIT,
				     false);
	}
	return 0;
}

/* ---- receiving: what both ways share ---- */

static struct ockam_aead *rx_slot(struct ockam_rx *rx, u64 gen)
{
	u32 i;

	for (i = 0; i < OCKAM_SLOTS; i++) {
		if (rx->slot[i].ready && rx->slot[i].gen == gen)
			return &rx->slot[i];
	}
	return NULL;
}

static u64 rx_now_ms(void)
{
	return ktime_to_ms(ktime_get());
}

/* On a single carrier that keeps the order, old keys are of no use. */
static bool rx_keeps_old(const struct ockam_channel *ch)
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
static void rx_retire(struct ockam_rx *rx)
{
	struct ockam_aead *a;

	for (a = rx->slot; a < rx->slot + OCKAM_SLOTS; a++) {
		if (a->ready && !ockam_keyring_get(&rx->ring, a->gen))
			a->ready = false;
	}
}

static int rx_no_derive(void *ctx, const u8 *key, u8 *next)
{
	return -EAGAIN;
}

static int rx_derive(void *ctx, const u8 *key, u8 *next)
{
	struct ockam_channel *ch = ctx;
	struct ockam_channel_crypt *cx = ch->crypt;
	struct ockam_rx *rx = &cx->rx;
	struct ockam_aead *a;
	int err;

	/* The usual case: the current key, which has a handle. */
	a = rx_slot(rx, rx->ring.gen);
	if (!a || memcmp(key, rx->ring.key, OCKAM_KEY_LEN)) {
		a = &rx->scratch;
		err = aead_set(a, cx->cipher, key);
		if (err)
			return err;
	}
	return aead_derive(ch, a, rx->buf, next);
}

/*
 * A tag has verified: commit nonce and generation.  With the lock held and
 * the key at hand, or as owner and with @derive.
 */
static int rx_commit(struct ockam_channel *ch, u64 nonce,
		     ockam_derive_t derive, struct ockam_opened *how)
{
	struct ockam_rx *rx = &ch->crypt->rx;
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
		u64 now = rx_now_ms();

		if (rx_keeps_old(ch))
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
		rx_retire(rx);
	} else {
		how->newest = nonce >= rx->window.next;
		ockam_window_commit(&rx->window, nonce);
		if (gen < ring->gen) {
			rx->expire_at = ockam_keyring_expire(ring, &rx->window,
							     rx_now_ms());
			rx_retire(rx);
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
static void rx_count(struct ockam_channel *ch, const struct sk_buff *skb)
{
	if (unlikely(READ_ONCE(ch->state) == OCKAM_CHANNEL_STATE_STALLED) &&
	    ockam_crypt_set_state(ch, STATE(STALLED), OCKAM_CHANNEL_STATE_UP,
				  OCKAM_CHANNEL_REASON_NONE))
		ockam_notify_channel(ch, OCKAM_CHANNEL_EVENT_NONE, false);

	atomic64_inc(&ch->stats.rx_msgs);
	atomic64_add(skb->len, &ch->stats.rx_bytes);
	ockam_stat_inc(ch->node, OCKAM_STAT_DECRYPTED);
}

/* Off with nonce and tag. */
static int rx_strip(struct sk_buff *skb)
{
	if (!pskb_pull(skb, OCKAM_NONCE_LEN))
		return -ENOMEM;
	return pskb_trim(skb, skb->len - OCKAM_TAG_LEN);
}

/* May an event of this sort be told again?  @last 0: it never was. */
static bool rx_event(unsigned long *last)
{
	unsigned long now = jiffies ?: 1;

	if (*last && time_before(now, *last + OCKAM_EVENT_EVERY))
		return false;
	*last = now;
	return true;
}

/* Drops for whatever the checks before or after decryption gave. */
static int rx_refuse(struct ockam_channel *ch, struct sk_buff *skb, int err)
{
	struct ockam_rx *rx = &ch->crypt->rx;
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
		if (++rx->far >= OCKAM_FAR_RUN && rx_event(&rx->far_event)) {
			event = OCKAM_CHANNEL_EVENT_STALLED;
			crypt_set_state(ch, STATE(UP),
					OCKAM_CHANNEL_STATE_STALLED,
					OCKAM_CHANNEL_REASON_STALLED);
		}
		spin_unlock_bh(&rx->lock);
		break;
	case -EBADMSG:
		why = OCKAM_DROP_AUTH_FAILED;
		atomic64_inc(&ch->stats.auth_failed);
		spin_lock_bh(&rx->lock);
		if (++rx->bad >= OCKAM_AUTH_RUN && rx_event(&rx->bad_event)) {
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

static u64 rx_nonce(const struct sk_buff *skb)
{
	return ockam_get_be64(skb->data);
}

/* ---- receiving: queues ---- */

static bool rx_is_loose(const struct sk_buff *skb)
{
	return ockam_msg(skb)->charge == OCKAM_CHARGE_NONE;
}

/*
 * What a link or a local sender pays for is bounded there, and a TCP link
 * loses nothing; the rest is bounded here.
 */
static int rx_enqueue(struct ockam_rx *rx, struct sk_buff *skb)
{
	if (rx_is_loose(skb)) {
		if (rx->loose >= OCKAM_LOOSE_MSGS ||
		    rx->loose_bytes >= OCKAM_LOOSE_BYTES)
			return -ENOBUFS;
		rx->loose++;
		rx->loose_bytes += skb->truesize;
	}
	__skb_queue_tail(&rx->queue, skb);
	return 0;
}

static struct sk_buff *rx_dequeue(struct ockam_rx *rx)
{
	struct sk_buff *skb = __skb_dequeue(&rx->queue);

	if (skb && rx_is_loose(skb)) {
		rx->loose--;
		rx->loose_bytes -= skb->truesize;
	}
	return skb;
}

static void rx_requeue(struct ockam_rx *rx, struct sk_buff *skb)
{
	if (rx_is_loose(skb)) {
		rx->loose++;
		rx->loose_bytes += skb->truesize;
	}
	__skb_queue_head(&rx->queue, skb);
}

static struct sk_buff *rx_ahead_next(struct ockam_rx *rx)
{
	struct sk_buff *skb = __skb_dequeue(&rx->ahead);

	if (skb)
		rx->ahead_bytes -= skb->truesize;
	return skb;
}

static void rx_ahead_back(struct ockam_rx *rx, struct sk_buff *skb)
{
	rx->ahead_bytes += skb->truesize;
	__skb_queue_head(&rx->ahead, skb);
}

/* Those that had to make room go to @out. */
static void rx_ahead_add(struct ockam_rx *rx, struct sk_buff *skb,
			 struct sk_buff_head *out)
{
	while (!skb_queue_empty(&rx->ahead) &&
	       (skb_queue_len(&rx->ahead) >= OCKAM_AHEAD_MSGS ||
		rx->ahead_bytes + skb->truesize > OCKAM_AHEAD_BYTES))
		__skb_queue_tail(out, rx_ahead_next(rx));

	rx->ahead_bytes += skb->truesize;
	__skb_queue_tail(&rx->ahead, skb);
}

/* Those that waited for keys far ahead come before what arrives from now on. */
static void rx_ahead_join(struct ockam_rx *rx)
{
	struct sk_buff *skb;

	while ((skb = __skb_dequeue_tail(&rx->ahead)))
		rx_requeue(rx, skb);
	rx->ahead_bytes = 0;
}

static void rx_drop_list(struct ockam_channel *ch, struct sk_buff_head *list,
			 enum ockam_drop why)
{
	struct sk_buff *skb;

	while ((skb = __skb_dequeue(list)))
		ockam_drop(ch->node, skb, why);
}

/* Jiffies until keys may be derived far ahead. */
static unsigned long rx_ahead_delay(const struct ockam_rx *rx)
{
	u64 now = ktime_get_ns();

	return now < rx->ahead_at ? nsecs_to_jiffies(rx->ahead_at - now) + 1 :
				    0;
}

/* ---- receiving: inline ---- */

static void rx_async_done(void *data, int err)
{
	struct ockam_channel *ch = data;
	struct ockam_rx *rx = &ch->crypt->rx;

	if (err == -EINPROGRESS)
		return;

	spin_lock_bh(&rx->lock);
	rx->pending_err = err;
	rx->pending_done = true;
	rx_arm(rx, 0);
	spin_unlock_bh(&rx->lock);
	ockam_channel_put(ch);
}

OCKAM_CRYPTO_COMPLETION(rx_async_done)

static bool rx_may_inline(const struct ockam_rx *rx, const struct sk_buff *skb)
{
	return !rx->owned && !rx->pending && skb_queue_empty(&rx->queue) &&
	       !skb_is_nonlinear(skb) && skb->len <= OCKAM_INLINE_MAX &&
	       crypto_simd_usable();
}

/* rx->lock held.  -EINPROGRESS: the cipher has the message. */
static int rx_open_inline(struct ockam_channel *ch, struct ockam_aead *a,
			  struct sk_buff *skb, u64 nonce)
{
	struct ockam_rx *rx = &ch->crypt->rx;
	u32 len = skb->len - OCKAM_NONCE_LEN;
	int err;

	sg_init_one(&a->sg, skb->data + OCKAM_NONCE_LEN, len);
	aead_prepare(a, ch->crypt->cipher, nonce, &a->sg, len);
	aead_request_set_callback(a->req, 0,
				  OCKAM_CRYPTO_CALLBACK(rx_async_done), ch);

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
static void rx_set_aside(struct ockam_channel *ch, struct sk_buff *skb)
	__releases(&ch->crypt->rx.lock)
{
	struct ockam_rx *rx = &ch->crypt->rx;
	struct sk_buff_head out;

	__skb_queue_head_init(&out);
	rx_ahead_add(rx, skb, &out);
	/* If others are there already, the work comes for them. */
	if (!rx->owned && skb_queue_len(&rx->ahead) == 1)
		rx_arm(rx, rx_ahead_delay(rx));
	spin_unlock_bh(&rx->lock);
	rx_drop_list(ch, &out, OCKAM_DROP_QUEUE_FULL);
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
	struct ockam_rx *rx = &ch->crypt->rx;
	struct ockam_aead *a;
	u64 nonce, gen;
	u32 reason;
	int err;

	err = ockam_crypt_check(skb, &reason);
	if (unlikely(err)) {
		ockam_drop(ch->node, skb, reason);
		return err;
	}
	nonce = rx_nonce(skb);
	gen = ockam_nonce_gen(nonce);

	spin_lock_bh(&rx->lock);
	err = -ESHUTDOWN;
	if (unlikely(rx->dead))
		goto refuse;
	if (!rx_may_inline(rx, skb))
		goto queue;

	err = ockam_window_check(&rx->window, nonce);
	if (unlikely(err))
		goto refuse;

	a = rx_slot(rx, gen);
	if (unlikely(!a)) {
		if (gen <= rx->ring.gen + 1)
			goto queue;
		err = -EOVERFLOW;
		if (gen - rx->ring.gen > OCKAM_KEYRING_AHEAD)
			goto refuse;
		goto ahead;
	}

	err = rx_open_inline(ch, a, skb, nonce);
	if (err == -EINPROGRESS)
		goto taken;
	if (unlikely(err == -ENOSPC || err == -ENOMEM || err == -EBUSY))
		goto queue;	/* not begun; the work can wait */
	if (unlikely(err)) {
		err = -EBADMSG;
		goto refuse;
	}

	err = rx_commit(ch, nonce, rx_no_derive, how);
	if (unlikely(err))
		goto refuse;
	/* One key further: the one after it is not there yet. */
	if (!rx_slot(rx, rx->ring.gen + 1))
		rx_arm(rx, 0);
	spin_unlock_bh(&rx->lock);

	rx_count(ch, skb);
	err = rx_strip(skb);
	if (unlikely(err))
		ockam_drop(ch->node, skb, OCKAM_DROP_NO_MEMORY);
	return err;

queue:
	err = rx_enqueue(rx, skb);
	if (err)
		goto refuse;
	if (!rx->owned && !rx->pending)
		rx_arm(rx, 0);
taken:
	spin_unlock_bh(&rx->lock);
	return -EINPROGRESS;

ahead:
	/* Nothing that is at hand has to wait for this one. */
	rx_set_aside(ch, skb);
	return -EINPROGRESS;

refuse:
	spin_unlock_bh(&rx->lock);
	return rx_refuse(ch, skb, err);
}

/* ---- receiving: the work, which owns the state ---- */

/* A handle that may be given another key: unused, else the oldest. */
static struct ockam_aead *rx_spare(struct ockam_rx *rx)
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
static int rx_fill(struct ockam_channel *ch, u64 gen, struct ockam_aead **out)
{
	struct ockam_channel_crypt *cx = ch->crypt;
	struct ockam_rx *rx = &cx->rx;
	u8 key[OCKAM_KEY_LEN];
	struct ockam_aead *a;
	int err;

	*out = rx_slot(rx, gen);
	if (*out)
		return 0;

	err = ockam_keyring_derive(&rx->ring, gen, OCKAM_KEYRING_STRIDE,
				   rx_derive, ch, key);
	if (err)
		goto wipe;

	err = -ENOMEM;
	a = rx_spare(rx);
	if (!a)
		goto wipe;

	a->ready = false;
	err = aead_set(a, cx->cipher, key);
	if (err) {
		aead_destroy(a);
		goto wipe;
	}
	a->gen = gen;
	a->ready = true;
	*out = a;
wipe:
	memzero_explicit(key, sizeof(key));
	return err;
}

static int rx_attach(struct ockam_rx *rx)
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
static void rx_detach(struct ockam_rx *rx)
{
	struct ockam_keyring_ext *ext = ockam_keyring_detach(&rx->ring);

	kfree_sensitive(ext);
}

/* Decrypt with a handle, then commit. */
static int rx_open_with(struct ockam_channel *ch, struct ockam_aead *a,
			struct sk_buff *skb, u64 nonce,
			struct ockam_opened *how)
{
	u32 len = skb->len - OCKAM_NONCE_LEN;
	struct scatterlist *sg;
	int err;

	err = aead_map(a, skb, OCKAM_NONCE_LEN, len, &sg);
	if (err)
		return -ENOMEM;

	err = aead_run(a, ch->crypt->cipher, nonce, sg, len, false);
	aead_unmap(a, sg);
	if (err)
		return -EBADMSG;

	err = rx_commit(ch, nonce, rx_derive, how);
	if (err)
		return err;

	rx_count(ch, skb);
	return rx_strip(skb);
}

/*
 * One message.  0: open.  -ENOMEM before anything was changed: try again.
 * -EAGAIN: far ahead.  Otherwise it is to be refused.
 */
static int rx_open_queued(struct ockam_channel *ch, struct sk_buff *skb,
			  struct ockam_opened *how, bool *began)
{
	struct ockam_channel_crypt *cx = ch->crypt;
	struct ockam_rx *rx = &cx->rx;
	u64 nonce = rx_nonce(skb);
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
		if (gen > rx->ring.gen && rx_keeps_old(ch) && rx_attach(rx))
			return -ENOMEM;
		err = rx_fill(ch, gen, &a);
		if (err)
			return -ENOMEM;
	} else {
		a = rx_slot(rx, gen);
		if (!a) {
			key = ockam_keyring_get(&rx->ring, gen);
			if (!key)
				return -ENOKEY;
			a = &rx->scratch;
			if (aead_set(a, cx->cipher, key))
				return -ENOMEM;
		}
	}
	*began = true;
	return rx_open_with(ch, a, skb, nonce, how);
}

/* Messages in order.  Jiffies after which to come again, 0: at once. */
static unsigned long rx_run_queue(struct ockam_channel *ch)
{
	struct ockam_rx *rx = &ch->crypt->rx;
	u32 budget = OCKAM_WORK_MSGS;
	struct ockam_opened how;
	struct sk_buff *skb;
	bool began;
	int err;

	while (budget--) {
		spin_lock_bh(&rx->lock);
		skb = rx->dead ? NULL : rx_dequeue(rx);
		spin_unlock_bh(&rx->lock);
		if (!skb)
			return MAX_JIFFY_OFFSET;

		err = rx_open_queued(ch, skb, &how, &began);
		if (err == -ENOMEM && !began) {
			spin_lock_bh(&rx->lock);
			rx_requeue(rx, skb);
			spin_unlock_bh(&rx->lock);
			return OCKAM_RETRY;
		}
		if (!err) {
			ockam_channel_resume(ch, skb, &how);
		} else if (err == -EAGAIN) {
			spin_lock_bh(&rx->lock);
			rx_set_aside(ch, skb);
		} else {
			rx_refuse(ch, skb, err);
		}
		cond_resched();
	}
	return 0;
}

/* What an asynchronous cipher has finished. */
static void rx_run_pending(struct ockam_channel *ch, struct sk_buff *skb)
{
	struct ockam_rx *rx = &ch->crypt->rx;
	u64 nonce = rx->pending_nonce;
	struct ockam_opened how;
	int err;

	err = rx->pending_err ? -EBADMSG : 0;
	if (!err)
		err = rx_commit(ch, nonce, rx_derive, &how);
	if (!err) {
		rx_count(ch, skb);
		err = rx_strip(skb);
	}
	if (err)
		rx_refuse(ch, skb, err);
	else
		ockam_channel_resume(ch, skb, &how);
}

/* The oldest message far ahead: true if it is open, and @how is filled. */
static bool rx_ahead_one(struct ockam_channel *ch, struct sk_buff *skb,
			 struct ockam_opened *how)
{
	struct ockam_channel_crypt *cx = ch->crypt;
	struct ockam_rx *rx = &cx->rx;
	u64 nonce = rx_nonce(skb);
	u8 key[OCKAM_KEY_LEN];
	int err;

	err = rx_attach(rx);
	if (!err)
		err = ockam_keyring_derive(&rx->ring, ockam_nonce_gen(nonce),
					   OCKAM_KEYRING_STRIDE, rx_derive, ch,
					   key);
	if (err == -EAGAIN) {
		spin_lock_bh(&rx->lock);
		rx_ahead_back(rx, skb);
		spin_unlock_bh(&rx->lock);
		return false;
	}
	if (!err) {
		err = aead_set(&rx->scratch, cx->cipher, key);
		memzero_explicit(key, sizeof(key));
		if (err)
			err = -ENOMEM;
	} else if (err == -ERANGE) {
		err = -EOVERFLOW;
	}
	if (!err)
		err = rx_open_with(ch, &rx->scratch, skb, nonce, how);
	if (!err)
		return true;

	rx_refuse(ch, skb, err);
	return false;
}

/* The oldest one, unless those that wait are within reach by now. */
static struct sk_buff *rx_ahead_take(struct ockam_rx *rx)
{
	struct sk_buff *skb;

	spin_lock_bh(&rx->lock);
	skb = rx->dead ? NULL : rx_ahead_next(rx);
	if (skb && ockam_nonce_gen(rx_nonce(skb)) <= rx->ring.gen + 1) {
		rx_ahead_back(rx, skb);
		rx_ahead_join(rx);
		skb = NULL;
	}
	spin_unlock_bh(&rx->lock);
	return skb;
}

/* Our turn to derive keys. */
static void rx_turn(struct ockam_turn *turn)
{
	struct ockam_rx *rx = container_of(turn, struct ockam_rx, turn);

	spin_lock_bh(&rx->lock);
	rx_arm(rx, 0);
	spin_unlock_bh(&rx->lock);
}

/*
 * Keys far ahead.  Makes way for messages that came meanwhile.  All channels
 * of a node, or of one user's containers, derive on one CPU at a time.
 */
static unsigned long rx_run_ahead(struct ockam_channel *ch)
{
	struct ockam_turns *turns = ch->node->turns;
	struct ockam_rx *rx = &ch->crypt->rx;
	unsigned long delay = MAX_JIFFY_OFFSET;
	struct ockam_opened how;
	bool across = false;
	struct sk_buff *skb;
	u64 start, spent;

	if (!skb_queue_empty_lockless(&rx->ahead))
		delay = rx_ahead_delay(rx);
	if (delay) {
		ockam_turn_drop(turns, &rx->turn);
		return delay;
	}
	if (!ockam_turn_take(turns, &rx->turn))
		return MAX_JIFFY_OFFSET;

	start = ktime_get_ns();
	do {
		skb = rx_ahead_take(rx);
		if (!skb)
			break;
		across = rx_ahead_one(ch, skb, &how);
		cond_resched();
		spent = ktime_get_ns() - start;
	} while (!across && spent < OCKAM_AHEAD_SLICE &&
		 skb_queue_empty_lockless(&rx->queue));
	spent = ktime_get_ns() - start;
	rx->ahead_at = start + spent + spent * OCKAM_AHEAD_REST;
	ockam_turn_drop(turns, &rx->turn);

	if (across) {
		/* The others may be within reach now. */
		spin_lock_bh(&rx->lock);
		rx_ahead_join(rx);
		spin_unlock_bh(&rx->lock);
		ockam_channel_resume(ch, skb, &how);
	}
	if (!skb_queue_empty_lockless(&rx->queue))
		return 0;
	return skb_queue_empty_lockless(&rx->ahead) ? MAX_JIFFY_OFFSET :
						      rx_ahead_delay(rx);
}

/* Old keys, in time. */
static unsigned long rx_run_expire(struct ockam_channel *ch)
{
	struct ockam_rx *rx = &ch->crypt->rx;
	u64 now = rx_now_ms();

	if (rx->expire_at != U64_MAX && now >= rx->expire_at) {
		rx->expire_at = ockam_keyring_expire(&rx->ring, &rx->window,
						     now);
		rx_retire(rx);
	}
	if (rx->expire_at == U64_MAX)
		return MAX_JIFFY_OFFSET;
	return rx->expire_at > now ?
	       msecs_to_jiffies(rx->expire_at - now) + 1 : 1;
}

/* Handles for the current key and the next; none whose key is gone. */
static void rx_run_handles(struct ockam_channel *ch)
{
	struct ockam_rx *rx = &ch->crypt->rx;
	struct ockam_aead *a;

	/* Where old keys are kept, there is room for them before it is needed. */
	if (rx_keeps_old(ch))
		rx_attach(rx);
	else
		rx_detach(rx);

	/* Failure costs speed only: the queue does it again. */
	if (!rx_fill(ch, rx->ring.gen, &a))
		rx_fill(ch, rx->ring.gen + 1, &a);

	for (a = rx->slot; a < rx->slot + OCKAM_SLOTS; a++) {
		if (!a->ready && a->tfm)
			aead_destroy(a);
	}
	if (rx->scratch.tfm && skb_queue_empty_lockless(&rx->ahead))
		aead_destroy(&rx->scratch);
}

static void rx_free_handles(struct ockam_rx *rx)
{
	u32 i;

	for (i = 0; i < OCKAM_SLOTS; i++)
		aead_destroy(&rx->slot[i]);
	aead_destroy(&rx->scratch);
}

static void tx_free_handles(struct ockam_tx *tx)
{
	aead_destroy(&tx->handle[0]);
	aead_destroy(&tx->handle[1]);
	memzero_explicit(tx->next_key, OCKAM_KEY_LEN);
}

/* Idle directions give their handles back; the keys stay. */
static unsigned long rx_run_idle(struct ockam_channel *ch, bool rx_busy)
{
	struct ockam_channel_crypt *cx = ch->crypt;
	unsigned long now = jiffies, left = MAX_JIFFY_OFFSET;
	struct ockam_rx *rx = &cx->rx;
	struct ockam_tx *tx = &cx->tx;

	if (rx_busy || time_before(now, rx->stamp + OCKAM_IDLE)) {
		rx_run_handles(ch);
		left = OCKAM_IDLE;
	} else {
		rx_free_handles(rx);
		rx_detach(rx);
	}

	/* A sender that has the lock is not idle. */
	if (!mutex_trylock(&tx->lock))
		return OCKAM_IDLE;
	if (tx->handle[0].tfm || tx->handle[1].tfm) {
		if (time_before(now, tx->stamp + OCKAM_IDLE))
			left = OCKAM_IDLE;
		else
			tx_free_handles(tx);
	}
	mutex_unlock(&tx->lock);
	return left;
}

static void rx_work(struct work_struct *work)
{
	struct ockam_rx *rx = container_of(to_delayed_work(work),
					   struct ockam_rx, work);
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
		rx_run_pending(ch, done);
	queue = rx_run_queue(ch);
	next = min(queue, rx_run_ahead(ch));
	next = min(next, rx_run_expire(ch));
	next = min(next, rx_run_idle(ch, busy));

	spin_lock_bh(&rx->lock);
	rx->owned = false;
	if (queue != OCKAM_RETRY && !skb_queue_empty(&rx->queue))
		next = 0;
	if (next != MAX_JIFFY_OFFSET)
		rx_arm(rx, next);
	spin_unlock_bh(&rx->lock);
}

/* ---- life ---- */

void ockam_crypt_hold(struct ockam_channel *ch)
{
	struct ockam_rx *rx = &ch->crypt->rx;

	spin_lock_bh(&rx->lock);
	rx->held = true;
	rx->owned = true;
	spin_unlock_bh(&rx->lock);
}

void ockam_crypt_release(struct ockam_channel *ch, struct sk_buff_head *first)
{
	struct ockam_rx *rx = &ch->crypt->rx;
	struct sk_buff *skb;

	spin_lock_bh(&rx->lock);
	while ((skb = __skb_dequeue_tail(first)))
		rx_requeue(rx, skb);
	rx->held = false;
	rx->owned = false;
	rx_arm(rx, skb_queue_empty(&rx->queue) ? OCKAM_IDLE : 0);
	spin_unlock_bh(&rx->lock);
}

static void tx_init(struct ockam_tx *tx)
{
	mutex_init(&tx->lock);
	INIT_WORK(&tx->work, tx_work);
	tx->cur = &tx->handle[0];
	tx->next = &tx->handle[1];
	tx->stamp = jiffies;
}

static void rx_init(struct ockam_rx *rx)
{
	spin_lock_init(&rx->lock);
	__skb_queue_head_init(&rx->queue);
	__skb_queue_head_init(&rx->ahead);
	INIT_DELAYED_WORK(&rx->work, rx_work);
	ockam_turn_init(&rx->turn, rx_turn);
	rx->stamp = jiffies;
	rx->expire_at = U64_MAX;
}

/* What the first message each way needs, so that errors come out now. */
static int crypt_first_keys(struct ockam_channel_crypt *cx,
			    const struct ockam_channel_config *cfg)
{
	struct ockam_rx *rx = &cx->rx;
	struct ockam_tx *tx = &cx->tx;
	struct ockam_aead *a;
	int err;

	ockam_sendkey_init(&tx->key, cfg->tx_key, cfg->tx_nonce);
	err = aead_set(tx->cur, cx->cipher, tx->key.key);
	if (err)
		return err;
	tx->cur->gen = tx->key.gen;
	tx->cur->ready = true;

	ockam_window_init(&rx->window, cfg->rx_nonce);
	ockam_keyring_init(&rx->ring, cfg->rx_key,
			   ockam_nonce_gen(cfg->rx_nonce));
	if (rx_keeps_old(cx->ch)) {
		err = rx_attach(rx);
		if (err)
			return err;
	}
	err = rx_fill(cx->ch, rx->ring.gen, &a);
	if (err)
		return err;
	return rx_fill(cx->ch, rx->ring.gen + 1, &a);
}

static void crypt_wipe(struct ockam_channel_crypt *cx)
{
	struct ockam_keyring_ext *ext;

	live_del(&cx->live[0]);
	live_del(&cx->live[1]);

	tx_free_handles(&cx->tx);
	ockam_sendkey_wipe(&cx->tx.key);

	rx_free_handles(&cx->rx);
	ext = ockam_keyring_wipe(&cx->rx.ring);
	kfree_sensitive(ext);
}

int ockam_crypt_new(struct ockam_channel *ch,
		    const struct ockam_channel_config *cfg)
{
	struct ockam_channel_crypt *cx;
	int err;

	if (cfg->suite <= 0 || cfg->suite >= ARRAY_SIZE(ockam_ciphers) ||
	    !memcmp(cfg->tx_key, cfg->rx_key, OCKAM_KEY_LEN))
		return -EINVAL;

	cx = kzalloc(sizeof(*cx), GFP_KERNEL_ACCOUNT);
	if (!cx)
		return -ENOMEM;

	cx->ch = ch;
	cx->cipher = &ockam_ciphers[cfg->suite];
	tx_init(&cx->tx);
	rx_init(&cx->rx);
	ch->crypt = cx;

	err = live_add(&cx->live[0], cfg->tx_key, 0);
	if (!err)
		err = live_add(&cx->live[1], cfg->rx_key, 1);
	if (!err)
		err = crypt_first_keys(cx, cfg);
	if (!err)
		return 0;

	crypt_wipe(cx);
	ockam_crypt_free(ch);
	return err;
}

void ockam_crypt_kill(struct ockam_channel *ch)
{
	struct ockam_channel_crypt *cx = ch->crypt;
	struct ockam_rx *rx = &cx->rx;
	struct ockam_tx *tx = &cx->tx;
	struct sk_buff_head left;

	mutex_lock(&tx->lock);
	tx->dead = true;
	mutex_unlock(&tx->lock);
	cancel_work_sync(&tx->work);

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
	rx_drop_list(ch, &left, OCKAM_DROP_NO_KEY);

	mutex_lock(&tx->lock);
	crypt_wipe(cx);
	mutex_unlock(&tx->lock);
}

void ockam_crypt_free(struct ockam_channel *ch)
{
	kfree_sensitive(ch->crypt);
	ch->crypt = NULL;
}

void ockam_crypt_nonces(const struct ockam_channel *ch, u64 *tx, u64 *rx)
{
	*tx = READ_ONCE(ch->crypt->tx.key.nonce);
	*rx = READ_ONCE(ch->crypt->rx.window.next);
}
