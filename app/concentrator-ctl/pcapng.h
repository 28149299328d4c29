/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CONCENTRATOR_CTL_PCAPNG_H
#define CONCENTRATOR_CTL_PCAPNG_H

/* A pcapng file of IP packets, as Wireshark reads it (draft-ietf-opsawg-pcapng). */

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Section header and one interface whose packets begin with IP, in nanoseconds. 0 or -1. */
int pcapng_begin(FILE *file);

/* A packet at `nanoseconds` since 1970. 0 or -1. */
int pcapng_packet(FILE *file, uint64_t nanoseconds, const uint8_t *bytes, size_t length);

/*
 * The IP header, version 4 or 6 by `family` (AF_INET, AF_INET6), of a UDP datagram of `datagram_bytes`
 * bytes. Addresses as inet_pton() gives them. `header` has room for 40 bytes; returns its length.
 */
size_t pcapng_ip_header(int family, const void *from, const void *to, size_t datagram_bytes,
			uint8_t *header);

#endif
