/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the ground rooms (route, codec, window, keyring) need of their
 * surroundings.  The same files build into the module and, for unit tests
 * and fuzzing, into ordinary programs.  They allocate nothing, take no lock
 * and never sleep: callers serialise access to each object.
 */
#ifndef OCKAM_GROUND_H
#define OCKAM_GROUND_H

#ifdef __KERNEL__

#include <linux/compiler.h>
#include <linux/errno.h>
#include <linux/limits.h>
#include <linux/string.h>
#include <linux/types.h>

#else /* user space */

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/cdefs.h>	/* __always_inline */

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;

#ifndef U32_MAX
#define U32_MAX		UINT32_MAX
#endif
#ifndef U64_MAX
#define U64_MAX		UINT64_MAX
#endif
#ifndef likely
#define likely(x)	__builtin_expect(!!(x), 1)
#endif
#ifndef unlikely
#define unlikely(x)	__builtin_expect(!!(x), 0)
#endif
#ifndef noinline
#define noinline	__attribute__((__noinline__))
#endif

static inline void memzero_explicit(void *p, size_t n)
{
	memset(p, 0, n);
	/* The compiler must believe that somebody looks at the zeros. */
	__asm__ __volatile__("" : : "r"(p) : "memory");
}

#endif /* __KERNEL__ */

/* Byte by byte, so that alignment and byte order never matter. */
static __always_inline u16 ockam_get_be16(const u8 *p)
{
	return (u16)(p[0] << 8 | p[1]);
}

static __always_inline u32 ockam_get_be32(const u8 *p)
{
	return (u32)p[0] << 24 | (u32)p[1] << 16 | (u32)p[2] << 8 | p[3];
}

static __always_inline u64 ockam_get_be64(const u8 *p)
{
	return (u64)ockam_get_be32(p) << 32 | ockam_get_be32(p + 4);
}

static __always_inline void ockam_put_be16(u8 *p, u16 v)
{
	p[0] = (u8)(v >> 8);
	p[1] = (u8)v;
}

static __always_inline void ockam_put_be32(u8 *p, u32 v)
{
	p[0] = (u8)(v >> 24);
	p[1] = (u8)(v >> 16);
	p[2] = (u8)(v >> 8);
	p[3] = (u8)v;
}

static __always_inline void ockam_put_be64(u8 *p, u64 v)
{
	ockam_put_be32(p, (u32)(v >> 32));
	ockam_put_be32(p + 4, (u32)v);
}

#endif /* OCKAM_GROUND_H */
