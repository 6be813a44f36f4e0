/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/* Addresses and interfaces of the network: what is missing is tried when one comes. */
#ifndef OCKAMD_NETWORK_H
#define OCKAMD_NETWORK_H

int network_init(void);
void network_end(void);

#endif /* OCKAMD_NETWORK_H */
