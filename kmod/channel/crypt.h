/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Nonces, keys and AEAD calls of a channel.  channel.c is the only user.
 *
 * Sending is process context under a mutex.  Receiving is inline, in softirq,
 * while everything is at hand; whatever is not (a key to be derived, a large
 * message, a busy FPU, an asynchronous cipher) goes through one work item per
 * channel, and everything that comes later queues behind it.
 */
#ifndef _OCKAM_CRYPT_H
#define _OCKAM_CRYPT_H

#include <linux/skbuff.h>
#include <linux/types.h>

struct ockam_channel;
struct ockam_channel_config;

/**
 * struct ockam_opened - what is known of a message whose tag has verified
 * @nonce: its nonce
 * @newest: that is above all that verified before
 * @first: nothing had verified before
 */
struct ockam_opened {
	u64	nonce;
	bool	newest;
	bool	first;
};

/*
 * Keys and AEAD handles for @ch: 0, -EEXIST if a key is in use already,
 * -EINVAL, -ENOMEM, or what the crypto API says of the cipher.  May sleep.
 */
int ockam_crypt_new(struct ockam_channel *ch,
		    const struct ockam_channel_config *cfg);

/*
 * No more use of the keys: destroys them, and counts and frees what waits.
 * May sleep; not from this channel's work.
 */
void ockam_crypt_kill(struct ockam_channel *ch);

/* The rest, with the last reference.  May sleep. */
void ockam_crypt_free(struct ockam_channel *ch);

/*
 * Goes to state @to if the state is one of the bits in @from: true if so.
 * What is final cannot be undone by what happens at the same time.
 */
bool ockam_crypt_set_state(struct ockam_channel *ch, u32 from, u8 to,
			   u8 reason);

/*
 * Long enough for a ciphertext, and its nonce can be read?  0 or why it is to
 * be dropped.  Any context.
 */
int ockam_crypt_check(struct sk_buff *skb, u32 *reason);

/*
 * Between hold and release all that arrives is queued.  Release puts @first,
 * all of which passed ockam_crypt_check(), in front of it.
 */
void ockam_crypt_hold(struct ockam_channel *ch);
void ockam_crypt_release(struct ockam_channel *ch, struct sk_buff_head *first);

/*
 * Sending.  begin makes a key ready and takes the lock that end drops: 0,
 * -EKEYEXPIRED, -ENOMEM or what the cipher says, and then there is nothing to
 * end.  seal turns skb->data into a ciphertext with its nonce in front; room
 * for both was made.  -ENOMEM: no nonce was taken.  May sleep.
 */
int ockam_crypt_begin(struct ockam_channel *ch);
int ockam_crypt_seal(struct ockam_channel *ch, struct sk_buff *skb);
void ockam_crypt_end(struct ockam_channel *ch);

/*
 * Receiving: 0 and skb->data is the plaintext; -EINPROGRESS, the message was
 * taken and ockam_channel_resume() will be called; else the message was
 * counted and freed.  Any context.
 */
int ockam_crypt_open(struct ockam_channel *ch, struct sk_buff *skb,
		     struct ockam_opened *how);

/* In channel.c: a message that had been queued is open.  May sleep. */
void ockam_channel_resume(struct ockam_channel *ch, struct sk_buff *skb,
			  const struct ockam_opened *how);

void ockam_crypt_nonces(const struct ockam_channel *ch, u64 *tx, u64 *rx);

#endif /* _OCKAM_CRYPT_H */
