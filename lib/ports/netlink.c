/* SPDX-License-Identifier: BSD-3-Clause */
/* rtnetlink: local addresses, routes and neighbours of the kernel, and our own changes to them. */
#include "ports/private.h"

#include "base/memory.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define RECEIVE_BUFFER_BYTES (4 << 20)
#define DUMPS_MAX            5

struct netlink {
	struct ports *ports;
	struct mnl_socket *events;   /* multicast groups */
	struct mnl_socket *requests; /* ours, answered at once */
	uint32_t sequence;
	struct neighbours *neighbours;
	struct kernel_routes *routes;
};

struct neighbours *netlink_neighbours(struct netlink *netlink)
{
	return netlink->neighbours;
}

int netlink_descriptor(const struct netlink *netlink)
{
	return mnl_socket_get_fd(netlink->events);
}

static struct mnl_socket *socket_open(unsigned groups)
{
	struct mnl_socket *socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | SOCK_NONBLOCK);
	int bytes = RECEIVE_BUFFER_BYTES;

	if (socket == NULL)
		return NULL;
	if (mnl_socket_bind(socket, groups, MNL_SOCKET_AUTOPID) < 0) {
		mnl_socket_close(socket);
		return NULL;
	}
	(void)setsockopt(mnl_socket_get_fd(socket), SOL_SOCKET, SO_RCVBUFFORCE, &bytes,
			 sizeof(bytes));
	return socket;
}

struct netlink *netlink_new(struct ports *ports)
{
	struct netlink *netlink = memory_new(sizeof(*netlink));

	netlink->ports = ports;
	netlink->sequence = (uint32_t)time(NULL);
	netlink->events = socket_open(RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE | RTMGRP_NEIGH |
				      RTMGRP_IPV4_IFADDR);
	netlink->requests = socket_open(0);
	netlink->neighbours = neighbours_new(ports);
	netlink->routes = kernel_routes_new(ports, netlink->neighbours);
	if (netlink->events == NULL || netlink->requests == NULL) {
		netlink_free(netlink);
		return NULL;
	}
	return netlink;
}

void netlink_free(struct netlink *netlink)
{
	if (netlink == NULL)
		return;
	if (netlink->events != NULL)
		mnl_socket_close(netlink->events);
	if (netlink->requests != NULL)
		mnl_socket_close(netlink->requests);
	kernel_routes_free(netlink->routes);
	neighbours_free(netlink->neighbours);
	free(netlink);
}

static int port_of_interface(const struct ports *ports, unsigned interface)
{
	for (unsigned i = 0; i < ports->count; i++)
		if (ports->port[i].twin.interface == interface)
			return (int)i;
	return -ENOENT;
}

/* Attributes by type; those beyond `max` are unknown to us. */
struct attribute_table {
	unsigned max;
	const struct nlattr **by_type;
};

static int attribute_collect(const struct nlattr *attribute, void *data)
{
	struct attribute_table *table = data;

	if (mnl_attr_get_type(attribute) <= table->max)
		table->by_type[mnl_attr_get_type(attribute)] = attribute;
	return MNL_CB_OK;
}

static bool family_known(const struct ports *ports, unsigned family)
{
	return family == AF_INET || (family == AF_INET6 && tables_sizes(ports->tables)->ipv6);
}

/* Of no family if the attribute is missing, or not an address of this family. */
static struct endpoint attribute_address(unsigned family, const struct nlattr *attribute)
{
	struct endpoint address = {.family = family == AF_INET6 ? ENDPOINT_IPV6 : ENDPOINT_IPV4};

	if (attribute == NULL ||
	    mnl_attr_get_payload_len(attribute) != endpoint_address_bytes(&address))
		return (struct endpoint){.family = ENDPOINT_NONE};
	memcpy(address.address, mnl_attr_get_payload(attribute), endpoint_address_bytes(&address));
	return address;
}

/* The first next hop of a route with several. */
static void multipath_read(unsigned family, const struct nlattr *attribute, unsigned *interface,
			   struct endpoint *gateway)
{
	const struct rtnexthop *hop = mnl_attr_get_payload(attribute);
	const struct nlattr *nested;
	const char *end;

	if (mnl_attr_get_payload_len(attribute) < sizeof(*hop) || hop->rtnh_len < sizeof(*hop) ||
	    hop->rtnh_len > mnl_attr_get_payload_len(attribute))
		return;
	*interface = (unsigned)hop->rtnh_ifindex;
	nested = (const struct nlattr *)((const char *)hop + RTNH_LENGTH(0));
	end = (const char *)hop + hop->rtnh_len;
	while (mnl_attr_ok(nested, (int)(end - (const char *)nested))) {
		if (mnl_attr_get_type(nested) == RTA_GATEWAY)
			*gateway = attribute_address(family, nested);
		nested = mnl_attr_next(nested);
	}
}

/* True if the route concerns the packet path. */
static bool route_read(const struct ports *ports, const struct nlmsghdr *header,
		       struct kernel_route *route)
{
	const struct rtmsg *message = mnl_nlmsg_get_payload(header);
	const struct nlattr *attributes[RTA_MAX + 1] = {NULL};
	struct attribute_table table = {RTA_MAX, attributes};
	unsigned interface = 0;
	int port;

	if (!family_known(ports, message->rtm_family) || (message->rtm_flags & RTM_F_CLONED))
		return false;
	if (message->rtm_table != RT_TABLE_MAIN && message->rtm_table != RT_TABLE_LOCAL)
		return false;
	mnl_attr_parse(header, sizeof(*message), attribute_collect, &table);
	*route = (struct kernel_route){.length = message->rtm_dst_len};
	route->prefix = attribute_address(message->rtm_family, attributes[RTA_DST]);
	route->prefix.family = message->rtm_family == AF_INET6 ? ENDPOINT_IPV6 : ENDPOINT_IPV4;
	if (attributes[RTA_PRIORITY] != NULL)
		route->metric = mnl_attr_get_u32(attributes[RTA_PRIORITY]);
	switch (message->rtm_type) {
	case RTN_LOCAL:
	case RTN_BROADCAST:
		route->kind = ROUTE_LOCAL;
		return true;
	case RTN_BLACKHOLE:
	case RTN_UNREACHABLE:
	case RTN_PROHIBIT:
		route->kind = ROUTE_BLACKHOLE;
		return true;
	case RTN_UNICAST:
		break;
	default:
		return false;
	}
	route->gateway = attribute_address(message->rtm_family, attributes[RTA_GATEWAY]);
	if (attributes[RTA_OIF] != NULL)
		interface = mnl_attr_get_u32(attributes[RTA_OIF]);
	else if (attributes[RTA_MULTIPATH] != NULL)
		multipath_read(message->rtm_family, attributes[RTA_MULTIPATH], &interface,
			       &route->gateway);
	else if (attributes[RTA_NH_ID] != NULL)
		log_warning(ports->log, LOG_PORTS,
			    "a route names only a next-hop object and is not used: "
			    "sysctl net.ipv4.nexthop_compat_mode=1");
	port = port_of_interface(ports, interface);
	if (port < 0)
		return false; /* another interface of the kernel, or conc0 */
	route->port = (unsigned)port;
	route->kind = route->gateway.family != ENDPOINT_NONE ? ROUTE_ADJACENCY : ROUTE_CONNECTED;
	return true;
}

static void neighbour_read(struct netlink *netlink, const struct nlmsghdr *header)
{
	const struct ndmsg *message = mnl_nlmsg_get_payload(header);
	const struct nlattr *attributes[NDA_MAX + 1] = {NULL};
	struct attribute_table table = {NDA_MAX, attributes};
	const uint16_t valid =
		NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE | NUD_PERMANENT | NUD_NOARP;
	int port = port_of_interface(netlink->ports, (unsigned)message->ndm_ifindex);
	struct endpoint address;

	if (!family_known(netlink->ports, message->ndm_family) || port < 0)
		return;
	mnl_attr_parse(header, sizeof(*message), attribute_collect, &table);
	address = attribute_address(message->ndm_family, attributes[NDA_DST]);
	if (address.family == ENDPOINT_NONE)
		return;
	if (header->nlmsg_type == RTM_NEWNEIGH && (message->ndm_state & valid) != 0 &&
	    attributes[NDA_LLADDR] != NULL && mnl_attr_get_payload_len(attributes[NDA_LLADDR]) == 6)
		neighbours_update(netlink->neighbours, (unsigned)port, &address,
				  mnl_attr_get_payload(attributes[NDA_LLADDR]));
	else if (header->nlmsg_type == RTM_DELNEIGH || (message->ndm_state & NUD_FAILED) != 0)
		neighbours_update(netlink->neighbours, (unsigned)port, &address, NULL);
}

static void address_read(struct netlink *netlink, const struct nlmsghdr *header)
{
	const struct ifaddrmsg *message = mnl_nlmsg_get_payload(header);
	const struct nlattr *attributes[IFA_MAX + 1] = {NULL};
	struct attribute_table table = {IFA_MAX, attributes};
	int port = port_of_interface(netlink->ports, message->ifa_index);
	struct endpoint address;

	if (message->ifa_family != AF_INET || port < 0 || header->nlmsg_type != RTM_NEWADDR)
		return;
	mnl_attr_parse(header, sizeof(*message), attribute_collect, &table);
	address = attribute_address(AF_INET, attributes[IFA_LOCAL]);
	tables_port_address_set(netlink->ports->tables, (uint16_t)port,
				endpoint_ipv4_address_be(&address));
}

static int message_read(const struct nlmsghdr *header, void *data)
{
	struct netlink *netlink = data;
	struct kernel_route route;

	switch (header->nlmsg_type) {
	case RTM_NEWROUTE:
		if (route_read(netlink->ports, header, &route))
			kernel_routes_add(netlink->routes, &route,
					  (header->nlmsg_flags & NLM_F_REPLACE) != 0);
		break;
	case RTM_DELROUTE:
		if (route_read(netlink->ports, header, &route))
			kernel_routes_delete(netlink->routes, &route);
		break;
	case RTM_NEWNEIGH:
	case RTM_DELNEIGH:
		neighbour_read(netlink, header);
		break;
	case RTM_NEWADDR:
	case RTM_DELADDR:
		address_read(netlink, header);
		break;
	default:
		break;
	}
	return MNL_CB_OK;
}

/* Sends a request and reads its answers; 0 or -errno. */
static int ask(struct netlink *netlink, struct nlmsghdr *header)
{
	int descriptor = mnl_socket_get_fd(netlink->requests);
	unsigned port = mnl_socket_get_portid(netlink->requests);
	char buffer[32768];
	int result = MNL_CB_OK;

	header->nlmsg_seq = ++netlink->sequence;
	if (mnl_socket_sendto(netlink->requests, header, header->nlmsg_len) < 0)
		return -errno;
	while (result > MNL_CB_STOP) {
		/* The kernel answers requests of this kind before sendto() returns. */
		ssize_t length = recv(descriptor, buffer, sizeof(buffer), 0);

		if (length < 0)
			return errno == EAGAIN ? 0 : -errno;
		result = mnl_cb_run(buffer, (size_t)length, netlink->sequence, port, message_read,
				    netlink);
	}
	if (result == MNL_CB_ERROR) {
		int error = -errno;

		/* What is left of a listing must not be taken for the next answer. */
		while (recv(descriptor, buffer, sizeof(buffer), 0) > 0)
			;
		return error;
	}
	return 0;
}

static int dump(struct netlink *netlink, uint16_t type, uint8_t family)
{
	char buffer[256];
	struct nlmsghdr *header = mnl_nlmsg_put_header(buffer);
	struct rtgenmsg *message;

	header->nlmsg_type = type;
	header->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	message = mnl_nlmsg_put_extra_header(header, sizeof(struct rtmsg));
	message->rtgen_family = family;
	return ask(netlink, header);
}

/* A listing that changes while it is read breaks off with -EINTR and is read again. */
static int dump_whole(struct netlink *netlink, uint16_t type, uint8_t family)
{
	int error = -EINTR;

	for (unsigned i = 0; error == -EINTR && i < DUMPS_MAX; i++)
		error = dump(netlink, type, family);
	return error;
}

int netlink_load(struct netlink *netlink)
{
	int error = dump_whole(netlink, RTM_GETADDR, AF_INET);

	kernel_routes_mark(netlink->routes);
	if (error == 0)
		error = dump_whole(netlink, RTM_GETROUTE, AF_INET);
	if (error == 0 && tables_sizes(netlink->ports->tables)->ipv6)
		error = dump_whole(netlink, RTM_GETROUTE, AF_INET6);
	if (error == 0)
		kernel_routes_sweep(netlink->routes);
	if (error == 0)
		error = dump_whole(netlink, RTM_GETNEIGH, AF_INET);
	if (error == 0 && tables_sizes(netlink->ports->tables)->ipv6)
		error = dump_whole(netlink, RTM_GETNEIGH, AF_INET6);
	return error;
}

static void load_again(struct netlink *netlink)
{
	int error;

	log_warning(netlink->ports->log, LOG_PORTS,
		    "the kernel's route events overflowed, reading all again");
	error = netlink_load(netlink);
	if (error != 0)
		log_error(netlink->ports->log, LOG_PORTS,
			  "cannot read the kernel's routes error=%s", strerror(-error));
}

/* A neighbour that packets need stays resolved from its first answer on (NTF_MANAGED). */
static void neighbour_keep(struct netlink *netlink, const struct nlmsghdr *header)
{
	const struct ndmsg *message = mnl_nlmsg_get_payload(header);
	const struct nlattr *attributes[NDA_MAX + 1] = {NULL};
	struct attribute_table table = {NDA_MAX, attributes};
	int port = port_of_interface(netlink->ports, (unsigned)message->ndm_ifindex);
	struct endpoint address;

	if (!family_known(netlink->ports, message->ndm_family) || port < 0)
		return;
	mnl_attr_parse(header, sizeof(*message), attribute_collect, &table);
	address = attribute_address(message->ndm_family, attributes[NDA_DST]);
	if (!neighbours_worth_keeping(netlink->neighbours, (unsigned)port, &address))
		return;
	if (netlink_neighbour_keep(netlink, (unsigned)message->ndm_ifindex, &address) != 0)
		log_debug(netlink->ports->log, LOG_PORTS, "the kernel does not keep a neighbour");
}

static int event_read(const struct nlmsghdr *header, void *data)
{
	int result = message_read(header, data);

	if (header->nlmsg_type == RTM_NEWNEIGH)
		neighbour_keep(data, header);
	return result;
}

void netlink_readable(void *object)
{
	struct netlink *netlink = object;
	char buffer[32768];

	for (unsigned i = 0; i < 64; i++) {
		ssize_t length =
			recv(mnl_socket_get_fd(netlink->events), buffer, sizeof(buffer), 0);

		if (length < 0 && errno == ENOBUFS) {
			load_again(netlink);
			continue;
		}
		if (length <= 0)
			return;
		mnl_cb_run(buffer, (size_t)length, 0, 0, event_read, netlink);
	}
}

static uint8_t family_of(const struct endpoint *address)
{
	return address->family == ENDPOINT_IPV6 ? AF_INET6 : AF_INET;
}

int netlink_address_add(struct netlink *netlink, unsigned interface,
			const struct port_address *address)
{
	size_t bytes = endpoint_address_bytes(&address->address);
	char buffer[256];
	struct nlmsghdr *header = mnl_nlmsg_put_header(buffer);
	struct ifaddrmsg *message;

	header->nlmsg_type = RTM_NEWADDR;
	header->nlmsg_flags = NLM_F_REQUEST | NLM_F_CREATE | NLM_F_REPLACE | NLM_F_ACK;
	message = mnl_nlmsg_put_extra_header(header, sizeof(*message));
	message->ifa_family = family_of(&address->address);
	message->ifa_prefixlen = address->prefix_length;
	message->ifa_index = interface;
	/* It is ours by configuration, and to be used at once: nobody is asked whether he has it. */
	message->ifa_flags = address->address.family == ENDPOINT_IPV6 ? IFA_F_NODAD : 0;
	mnl_attr_put(header, IFA_LOCAL, bytes, address->address.address);
	mnl_attr_put(header, IFA_ADDRESS, bytes, address->address.address);
	return ask(netlink, header);
}

int netlink_route_change(struct netlink *netlink, bool add, uint32_t prefix_be, uint8_t length,
			 unsigned interface)
{
	char buffer[256];
	struct nlmsghdr *header = mnl_nlmsg_put_header(buffer);
	struct rtmsg *message;

	header->nlmsg_type = add ? RTM_NEWROUTE : RTM_DELROUTE;
	header->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	if (add)
		header->nlmsg_flags |= NLM_F_CREATE | NLM_F_REPLACE;
	message = mnl_nlmsg_put_extra_header(header, sizeof(*message));
	message->rtm_family = AF_INET;
	message->rtm_dst_len = length;
	message->rtm_table = RT_TABLE_MAIN;
	message->rtm_protocol = ROUTE_PROTOCOL;
	message->rtm_scope = RT_SCOPE_LINK;
	message->rtm_type = RTN_UNICAST;
	mnl_attr_put_u32(header, RTA_DST, prefix_be);
	mnl_attr_put_u32(header, RTA_OIF, interface);
	return ask(netlink, header);
}

static int neighbour_flag(struct netlink *netlink, unsigned interface,
			  const struct endpoint *address, uint8_t flags, uint32_t more_flags)
{
	char buffer[256];
	struct nlmsghdr *header = mnl_nlmsg_put_header(buffer);
	struct ndmsg *message;

	header->nlmsg_type = RTM_NEWNEIGH;
	header->nlmsg_flags = NLM_F_REQUEST | NLM_F_CREATE | NLM_F_REPLACE | NLM_F_ACK;
	message = mnl_nlmsg_put_extra_header(header, sizeof(*message));
	message->ndm_family = family_of(address);
	message->ndm_ifindex = (int)interface;
	message->ndm_state = NUD_NONE;
	message->ndm_flags = flags;
	mnl_attr_put(header, NDA_DST, endpoint_address_bytes(address), address->address);
	if (more_flags != 0)
		mnl_attr_put_u32(header, NDA_FLAGS_EXT, more_flags);
	return ask(netlink, header);
}

int netlink_neighbour_ask(struct netlink *netlink, unsigned interface,
			  const struct endpoint *address)
{
	return neighbour_flag(netlink, interface, address, NTF_USE, 0);
}

int netlink_neighbour_keep(struct netlink *netlink, unsigned interface,
			   const struct endpoint *address)
{
	return neighbour_flag(netlink, interface, address, 0, NTF_EXT_MANAGED);
}
