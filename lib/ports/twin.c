/* SPDX-License-Identifier: BSD-3-Clause */
/* TAP interfaces that stand for the ports in the kernel, and the TUN that stands for subscribers. */
#include "ports/private.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define FRAME_BYTES_MAX 9216
#define FRAMES_PER_READ 64

static int interface_open(const char *name, short flags, int *descriptor)
{
	struct ifreq request = {.ifr_flags = flags};

	*descriptor = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (*descriptor < 0)
		return -errno;
	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	if (ioctl(*descriptor, TUNSETIFF, &request) < 0) {
		int error = -errno;

		close(*descriptor);
		*descriptor = -1;
		return error;
	}
	return 0;
}

/* Link address (or none), MTU and up. */
static int interface_configure(const char *name, const uint8_t *mac, int mtu)
{
	int socket_descriptor = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq request = {0};
	int error = 0;

	if (socket_descriptor < 0)
		return -errno;
	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	if (mac != NULL) {
		request.ifr_hwaddr.sa_family = ARPHRD_ETHER;
		memcpy(request.ifr_hwaddr.sa_data, mac, 6);
		error = ioctl(socket_descriptor, SIOCSIFHWADDR, &request);
	}
	request.ifr_mtu = mtu;
	if (error == 0)
		error = ioctl(socket_descriptor, SIOCSIFMTU, &request);
	if (error == 0)
		error = ioctl(socket_descriptor, SIOCGIFFLAGS, &request);
	request.ifr_flags |= IFF_UP;
	if (error == 0)
		error = ioctl(socket_descriptor, SIOCSIFFLAGS, &request);
	if (error != 0)
		error = -errno;
	close(socket_descriptor);
	return error;
}

int twin_open(struct ports *ports, unsigned number)
{
	struct port *port = &ports->port[number];
	int error;

	port->twin.ports = ports;
	port->twin.port = number;
	error = interface_open(port->config.name, IFF_TAP | IFF_NO_PI, &port->twin.descriptor);
	if (error == 0)
		error = interface_configure(port->config.name, port->twin.mac, port->config.mtu);
	if (error != 0) {
		log_error(ports->log, LOG_PORTS, "cannot create the kernel twin port=%s error=%s",
			  port->config.name, strerror(-error));
		return error;
	}
	port->twin.interface = if_nametoindex(port->config.name);
	return 0;
}

int subscribers_open(struct ports *ports)
{
	int error = interface_open(SUBSCRIBER_INTERFACE, IFF_TUN | IFF_NO_PI, &ports->subscribers);

	if (error == 0)
		error = interface_configure(SUBSCRIBER_INTERFACE, NULL, 1500);
	if (error != 0) {
		log_error(ports->log, LOG_PORTS, "cannot create " SUBSCRIBER_INTERFACE " error=%s",
			  strerror(-error));
		return error;
	}
	ports->subscribers_interface = if_nametoindex(SUBSCRIBER_INTERFACE);
	return 0;
}

void twin_close(struct twin *twin)
{
	if (twin->descriptor >= 0)
		close(twin->descriptor);
	twin->descriptor = -1;
}

void twin_readable(void *object)
{
	struct twin *twin = object;
	uint8_t frame[FRAME_BYTES_MAX];

	for (unsigned i = 0; i < FRAMES_PER_READ; i++) {
		ssize_t length = read(twin->descriptor, frame, sizeof(frame));
		struct message *message;

		if (length <= 0)
			return;
		message = mailbox_message_new(twin->ports->mailbox, MESSAGE_SEND_FRAME);
		message->send_frame.port = (uint16_t)twin->port;
		if (mailbox_packet_set(twin->ports->mailbox, message, frame, (size_t)length) != 0) {
			mailbox_message_free(twin->ports->mailbox, message);
			continue;
		}
		mailbox_send(twin->ports->mailbox, 0, message);
	}
}

void subscribers_readable(void *object)
{
	struct ports *ports = object;
	uint8_t packet[FRAME_BYTES_MAX];

	for (unsigned i = 0; i < FRAMES_PER_READ; i++) {
		ssize_t length = read(ports->subscribers, packet, sizeof(packet));
		struct message *message;

		if (length <= 0)
			return;
		if (length < 20 || packet[0] >> 4 != 4)
			continue;
		message = mailbox_message_new(ports->mailbox, MESSAGE_SEND_IPV4);
		if (mailbox_packet_set(ports->mailbox, message, packet, (size_t)length) != 0) {
			mailbox_message_free(ports->mailbox, message);
			continue;
		}
		mailbox_send(ports->mailbox, 0, message);
	}
}
