/* SPDX-License-Identifier: GPL-2.0 */
/* Differences of the crypto API between kernel releases. */
#ifndef _OCKAM_COMPAT_CRYPTO_H
#define _OCKAM_COMPAT_CRYPTO_H

#include <linux/crypto.h>

/*
 * 6.3: the completion gets its data instead of the request.  fn(data, err) is
 * wrapped both ways, and the compiler takes the one that fits.
 */
#define OCKAM_CRYPTO_COMPLETION(fn)					\
static void __maybe_unused fn##_req(struct crypto_async_request *req,	\
				    int err)				\
{									\
	fn(req->data, err);						\
}									\
static void __maybe_unused fn##_data(void *data, int err)		\
{									\
	fn(data, err);							\
}

#define OCKAM_CRYPTO_CALLBACK(fn)					\
	__builtin_choose_expr(						\
		__builtin_types_compatible_p(crypto_completion_t,	\
					     void (*)(void *, int)),	\
		fn##_data, fn##_req)

#endif /* _OCKAM_COMPAT_CRYPTO_H */
