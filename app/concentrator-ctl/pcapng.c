/* SPDX-License-Identifier: BSD-3-Clause */
#include "pcapng.h"

#include <string.h>
#include <sys/socket.h>

#define BLOCK_SECTION          0x0a0d0d0a
#define BLOCK_INTERFACE        1
#define BLOCK_PACKET           6
#define BYTE_ORDER_MAGIC       0x1a2b3c4d
#define LINK_RAW_IP            101
#define OPTION_TIME_RESOLUTION 9

int pcapng_begin(FILE *file)
{
	const uint32_t section[] = {BLOCK_SECTION, 28, BYTE_ORDER_MAGIC, 1, UINT32_MAX,
				    UINT32_MAX,    28};
	/* One option: the resolution is 10^-9 seconds. */
	const uint32_t interface[] = {
		BLOCK_INTERFACE, 32, LINK_RAW_IP, 0, 1 << 16 | OPTION_TIME_RESOLUTION, 9, 0, 32};

	return fwrite(section, sizeof(section), 1, file) == 1 &&
			       fwrite(interface, sizeof(interface), 1, file) == 1
		       ? 0
		       : -1;
}

int pcapng_packet(FILE *file, uint64_t nanoseconds, const uint8_t *bytes, size_t length)
{
	static const uint8_t zeros[4];
	uint32_t padding = (uint32_t)-length & 3;
	uint32_t total = 32 + (uint32_t)length + padding;
	const uint32_t head[] = {BLOCK_PACKET,
				 total,
				 0,
				 (uint32_t)(nanoseconds >> 32),
				 (uint32_t)nanoseconds,
				 (uint32_t)length,
				 (uint32_t)length};

	return fwrite(head, sizeof(head), 1, file) == 1 &&
			       fwrite(bytes, 1, length, file) == length &&
			       fwrite(zeros, 1, padding, file) == padding &&
			       fwrite(&total, sizeof(total), 1, file) == 1
		       ? 0
		       : -1;
}

static void u16_write(uint8_t *at, size_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static uint16_t checksum(const uint8_t *bytes, size_t length)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < length; i += 2)
		sum += (uint32_t)bytes[i] << 8 | bytes[i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

size_t pcapng_ip_header(int family, const void *from, const void *to, size_t datagram_bytes,
			uint8_t *header)
{
	memset(header, 0, 40);
	if (family == AF_INET6) {
		header[0] = 0x60;
		u16_write(header + 4, datagram_bytes);
		header[6] = 17; /* UDP */
		header[7] = 64;
		memcpy(header + 8, from, 16);
		memcpy(header + 24, to, 16);
		return 40;
	}
	header[0] = 0x45;
	u16_write(header + 2, 20 + datagram_bytes);
	header[8] = 64;
	header[9] = 17;
	memcpy(header + 12, from, 4);
	memcpy(header + 16, to, 4);
	u16_write(header + 10, checksum(header, 20));
	return 20;
}
