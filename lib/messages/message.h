/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef MESSAGES_MESSAGE_H
#define MESSAGES_MESSAGE_H

/*
 * What crosses between the control core and a worker. A message is a baton: the sender forgets it
 * and everything it points to. State messages to a worker come back to control as their own
 * acknowledgement, with the storage that they free.
 */

#include "base/endpoint.h"
#include "crypto/esp_suite.h"
#include "messages/counters.h"
#include "messages/drop.h"

#include <stdbool.h>
#include <stdint.h>

enum message_kind {
	/* control -> worker: state. Never dropped. */
	MESSAGE_GROUP_ADD,    /* .group_add */
	MESSAGE_GROUP_MOVE,   /* .group_move: where the peer is */
	MESSAGE_GROUP_PROVEN, /* .group_move: the peer answered at this address */
	MESSAGE_GROUP_MERGE, /* .group_merge: another group gets its pairs; comes back when it is done */
	MESSAGE_GROUP_DELETE,     /* .remove; acknowledged with the storage */
	MESSAGE_SA_ADD,           /* .sa_add */
	MESSAGE_SA_CONFIRM,       /* .sa: quick mode 3 arrived */
	MESSAGE_SA_STOP_OUTBOUND, /* .sa: the peer deleted its inbound half */
	MESSAGE_SA_DELETE,        /* .remove; acknowledged when no job is in flight */
	MESSAGE_SESSION_ADD,      /* .session_add: L2TP is up, PPP control flows */
	MESSAGE_SESSION_OPEN,     /* .session_open: IPCP is open, IP flows */
	MESSAGE_SESSION_DELETE,   /* .remove; acknowledged with the storage and final counters */
	MESSAGE_WATCH,            /* .watch: what is watched, for an operator */

	/* control -> worker -> worker: a group or a session gets another owner */
	MESSAGE_OWNER_MOVE,  /* .owner_move: to the old owner, by way of it to the new one, and
				from there back to control when nothing can overtake any more */
	MESSAGE_OWNER_FENCE, /* .owner_move: from each other worker by way of the old owner to the
				new one, behind all that it handed to the old one */

	/* control -> worker: packets, `packet` is set. */
	MESSAGE_SEND_IKE,   /* .send_ike: UDP payload */
	MESSAGE_SEND_L2TP,  /* .send_l2tp: L2TP message, through a group's SA or in clear */
	MESSAGE_SEND_PPP,   /* .send_ppp: from the PPP protocol field on */
	MESSAGE_SEND_FRAME, /* .send_frame: an Ethernet frame from a twin */
	MESSAGE_SEND_IPV4,  /* an IPv4 packet to be routed: from the kernel to a subscriber, or
				 one that waited for its neighbour */
	MESSAGE_SEND_IPV6,  /* an IPv6 packet of ours that waited for its neighbour */

	/* worker -> control */
	MESSAGE_PACKET,       /* .packet, and `packet` is set */
	MESSAGE_SA_USED,      /* .sa_used: first authenticated packet of a pair */
	MESSAGE_GROUP_MISSED, /* .missed: a group without sessions got data of one */
	MESSAGE_GROUP_MOVED,  /* .group_move: the worker moved the endpoint */
};

#define NO_SLOT     UINT32_MAX

#define WATCH_TRACE 0x80 /* of a watch's number: a trace, else a capture */

struct message {
	enum message_kind kind;
	uint16_t worker; /* the sender, of messages to control */
	void *packet;    /* struct rte_mbuf, owned with the message; or NULL */
	union {
		struct {
			void *storage; /* GROUP_STORAGE_BYTES */
			uint32_t slot;
			struct endpoint local;
			struct endpoint remote;
			bool may_move; /* a NAT stands before the peer */
		} group_add;
		struct {
			uint32_t slot;
			struct endpoint local;
			struct endpoint remote;
			uint32_t allowance; /* bytes that may be sent there while it is unproven */
			bool unproven;      /* the peer did not answer there yet */
		} group_move;
		struct {
			uint32_t slot;
			uint32_t into;
		} group_merge;
		struct {
			uint32_t group;
			uint16_t tunnel, session;
		} missed;
		struct {
			void *storage; /* SA_STORAGE_BYTES and the keys */
			uint32_t group;
			uint32_t slot;
			uint32_t spi_in;
			uint32_t spi_out;
			bool encapsulated;
			uint16_t peer_port;      /* 0: any */
			bool replay_off;         /* for measurements */
			struct esp_keys keys_in; /* wiped by the worker once they are expanded */
			struct esp_keys keys_out;
		} sa_add;
		struct {
			uint32_t group;
			uint32_t slot;
		} sa;
		struct {
			uint32_t slot; /* of the group or session; NO_SLOT: another worker's */
			uint8_t number;
			bool begins; /* else it is over */
			bool group;
			bool any; /* without a slot: whether anything is watched, in any worker */
		} watch;
		struct {
			uint32_t group;
			/* Of the SA or session; in MESSAGE_GROUP_DELETE of the group. */
			uint32_t slot;
			void *storage; /* set in the acknowledgement: control wipes and frees it */
			struct traffic_counters final;
		} remove;
		struct {
			void *storage; /* SESSION_STORAGE_BYTES */
			uint32_t slot;
			uint32_t group;        /* NO_SLOT: plain L2TP */
			struct endpoint local; /* outer for plain; inner ports for a group */
			struct endpoint remote;
			uint16_t tunnel, session;
			uint16_t peer_tunnel, peer_session;
		} session_add;
		struct {
			uint32_t slot;
			uint32_t peer_address_be;
			uint16_t mtu; /* largest inner packet towards the peer */
			uint16_t mss; /* TCP MSS limit in both directions; 0: off */
		} session_open;
		struct {
			uint32_t group; /* NO_SLOT: to exactly `remote` */
			struct endpoint local;
			struct endpoint remote;
		} send_ike;
		struct {
			uint32_t group;        /* NO_SLOT: in clear from `local` to `remote` */
			struct endpoint local; /* for a group only the ports count */
			struct endpoint remote;
		} send_l2tp;
		struct {
			uint32_t slot;
		} send_ppp;
		struct {
			uint16_t port;
		} send_frame;
		struct {
			uint8_t class; /* enum control_class */
			uint16_t port;
			uint32_t group;           /* NO_SLOT if none */
			uint32_t session;         /* slot, for PPP control */
			struct endpoint next_hop; /* for neighbour */
			struct endpoint local;
			struct endpoint remote;
			uint32_t offset; /* of the bytes that matter, in the packet */
			uint32_t length;
			struct {
				uint64_t nanoseconds; /* of a clock of all workers */
				uint32_t number;      /* of the packet, in its worker */
				uint16_t drop;        /* enum drop, at point `dropped` */
				uint8_t watch;
				uint8_t point; /* enum watch_point */
			} watched;             /* class `watched` */
		} packet_in;
		struct {
			uint32_t group;
			uint32_t slot;
			uint32_t spi_in;
		} sa_used;
		struct {
			struct message *next; /* while it waits for room in a ring */
			uint64_t by_way; /* workers that send frames of the old owner: bit each */
			uint32_t slot;   /* of the group or session */
			uint32_t turn;   /* of the move's number */
			uint8_t move;    /* its number */
			uint8_t from;
			uint8_t to;
			uint8_t fenced; /* the worker whose fence it is */
			bool group;
		} owner_move;
	};
};

/* Sessions of one peer group, those included whose delete is not acknowledged yet: control refuses
 * more, the packet path finds one by looking at all of them. */
#define GROUP_SESSIONS_MAX 16

/* Pairs that a worker may send on, for one group; older ones only receive. A group with more is not given
 * to another one: the worker does not know all of them. */
#define GROUP_PAIRS_MAX 8

/* Room that control allocates for the worker's objects; the packet path asserts that they fit. */
#define GROUP_STORAGE_BYTES   448
#define SESSION_STORAGE_BYTES 128
#define SA_STORAGE_BYTES      384 /* and behind it the expanded keys of both directions */

#endif
