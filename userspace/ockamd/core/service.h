/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/*
 * Services: what the daemon does, each in a file of its own.  main.c has the table;
 * who knows that something has happened tells all of them here, and need not know
 * which ones there are.
 */
#ifndef OCKAMD_SERVICE_H
#define OCKAMD_SERVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct config;
struct ockam_nl_channel;
struct ockam_nl_event;

/**
 * struct service - what a service wants to be called for; NULL: nothing
 * @name: of the service
 * @init: once, when the kernel can be asked; 0, or something else: logged
 * @release: a configuration is about to be in force, the.config is the one before:
 *           gives up what the new one does not name, before any service takes what
 *           it names
 * @apply: it is in force
 * @tick: every now and then
 * @channel_event: the kernel reports something about a channel
 * @channel_lost: it is of no use any more, and is deleted by who says so
 * @channel_gone: it is not there any more
 * @channel_used: what is kept up leads to it now
 * @object_event: the kernel reports something about a link, a hop or the node
 * @check: events were lost: compares with the kernel; 0, or a negative errno: it
 *         is called again
 * @end: the daemon ends
 */
struct service {
	const char *name;
	int (*init)(void);
	void (*release)(const struct config *c);
	void (*apply)(const struct config *c);
	void (*tick)(void);
	void (*channel_event)(const struct ockam_nl_channel *ch);
	void (*channel_lost)(uint32_t id, const char *why);
	void (*channel_gone)(uint32_t id);
	void (*channel_used)(uint32_t id);
	void (*object_event)(const struct ockam_nl_event *ev);
	int (*check)(void);
	void (*end)(void);
};

/* In this order they begin; what stands on others comes behind them. */
void services_set(const struct service *table, size_t n);

int services_init(void);
void services_release(const struct config *c);
void services_apply(const struct config *c);
void services_tick(void);
void services_channel_event(const struct ockam_nl_channel *ch);
void services_channel_used(uint32_t id);
void services_object_event(const struct ockam_nl_event *ev);
int services_check(void);
/* In the other order, as what stands on others has to know first. */
void services_channel_lost(uint32_t id, const char *why);
void services_channel_gone(uint32_t id);
void services_end(void);

#endif /* OCKAMD_SERVICE_H */
