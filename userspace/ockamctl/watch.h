/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/* The module's tracepoints, by BPF programs (userspace/bpf). */
#ifndef OCKAMCTL_WATCH_H
#define OCKAMCTL_WATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/types.h>
#include <linux/ockam.h>

#include "maps.h"

struct ctl;
struct watch;

/**
 * watch_events() - hear of messages on their way
 * @ctl: the invocation
 * @points: bits of enum trace_point
 * @everywhere: of all network namespaces, not only of this one
 * @w: set; watch_close()
 *
 * Return: 0 or a negative errno with words in watch_error().
 */
int watch_events(unsigned int points, bool everywhere, struct watch **w);
/* Likewise counters, read by watch_flows(). */
int watch_rates(struct watch **w);
const char *watch_error(void);
void watch_close(struct watch *w);

/* Readable when there are events. */
int watch_fd(const struct watch *w);

typedef void (*watch_event_cb)(const struct trace_event *ev, void *arg);
/* Hands over what there is; the number of events that were lost since. */
uint64_t watch_read(struct watch *w, watch_event_cb cb, void *arg);

typedef void (*watch_flow_cb)(const struct flow_key *key,
			      const struct flow *flow, void *arg);
void watch_flows(struct watch *w, watch_flow_cb cb, void *arg);

/* "send", "hop", ... */
const char *watch_point_name(unsigned int point);
/* The name of a network namespace in /run/netns, or its number. */
const char *watch_netns_name(uint32_t netns);

#endif /* OCKAMCTL_WATCH_H */
