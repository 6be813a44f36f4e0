/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/*
 * Room for the channels that peers make at listeners.  Their peers may vanish without a
 * word, so channels stay; when there are as many as there may be, who has most of
 * them gives way to who has fewer, and idle ones to everybody.
 */
#ifndef OCKAMD_ROOM_H
#define OCKAMD_ROOM_H

#include <stddef.h>
#include <stdint.h>

struct source;

/**
 * room_for() - is there room for one more?
 * @src: whose channel it will be
 * @peer: identifier of its peer
 * @victim: channel that has to end first, 0: none
 *
 * Return: 0, or -ENOSPC: no channel has to make room for it.
 */
int room_for(const struct source *src, const uint8_t *peer, uint32_t *victim);
/* The same when the kernel says that there is none, whatever we think. */
int room_none(const struct source *src, const uint8_t *peer, uint32_t *victim);

/* A channel is there, or was when this process began; it is gone. */
void room_add(uint32_t channel, const struct source *src, const uint8_t *peer);
void room_gone(uint32_t channel);

/* @max: how many peers may make at most. */
void room_apply(size_t max);
/* Looks which ones are idle, while there are many. */
void room_tick(void);
/* How many there are, and there may be. */
size_t room_used(void);
size_t room_max(void);

#endif /* OCKAMD_ROOM_H */
