/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/* ockamctl stats prometheus: the text format of Prometheus. */
#ifndef OCKAMCTL_METRICS_H
#define OCKAMCTL_METRICS_H

#include <stdio.h>

#include "nl.h"

/**
 * struct metrics - what is known of a node
 * @node: the node
 * @link: its links
 * @n_links: their number
 * @channel: its channels
 * @n_channels: their number
 */
struct metrics {
	struct ockam_nl_node		node;
	struct ockam_nl_link		*link;
	size_t				n_links;
	struct ockam_nl_channel		*channel;
	size_t				n_channels;
};

void metrics_print(FILE *f, const struct metrics *m);

#endif /* OCKAMCTL_METRICS_H */
