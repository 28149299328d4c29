/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TESTS_PACKET_DIALLER_H
#define TESTS_PACKET_DIALLER_H

/*
 * The real control core around the rig's workers, and one client behind a NAT that dials it: IKE by the
 * initiator's engine, ESP by OpenSSL, L2TP and PPP by the peers of the unit tests. Its frames go by the
 * rig's first port; the NAT in between is two public ports and an address, which a test changes.
 */

#include "../unit/l2tp_lac.h"
#include "../unit/ppp_peer.h"
#include "ike/initiator.h"
#include "rig.h"

#include "config/config.h"
#include "control/control.h"
#include "control/loop.h"

#define DIALLER_SAS_MAX 8

struct dialler {
	struct rig *rig;
	struct config config;
	struct loop *loop;
	struct log *log;
	FILE *log_text; /* what control logged */
	struct control *control;
	int clock;
	char users[32];
	uint64_t now_ms;
	bool (*done)(const struct dialler *dialler);
	uint64_t limit_ms;

	struct ike_initiator_config ike_config;
	struct ike_initiator *ike;
	struct random_source random;
	struct lac lac;
	struct ppp_peer ppp;
	unsigned sas;
	struct wire_sa sa[DIALLER_SAS_MAX]; /* the last one is sent on */
	uint32_t spi;                       /* chosen last */

	unsigned workers;        /* 0: one */
	unsigned queue;          /* that its frames come on */
	uint32_t own_address;    /* behind the NAT */
	uint32_t public_address; /* where its packets come from, and which answers reach it */
	uint16_t public_port;    /* of its 4500, and of its 500 */
	uint16_t public_port_500;
	bool left_alone;          /* dialler_free() does not close what is up */
	bool no_acknowledgements; /* what would answer R-U-THERE and HELLO is lost */

	unsigned got;        /* packets from the server */
	unsigned astray;     /* frames to another address or port */
	size_t astray_bytes; /* without their frame headers */
	uint32_t astray_address;
	struct bytes largest; /* outer packet towards the client */
	unsigned r_u_theres;
};

/* Starts rig and control; the client dials and is up. `change` may be NULL. */
struct dialler *dialler_up(void (*change)(struct dialler *dialler));

/* Stops all of it. */
void dialler_free(struct dialler *dialler);

/* Runs control and client until `done` (NULL: never) or for `ms`; fails after 20 s without `done`. */
void dialler_run(struct dialler *dialler, uint64_t ms, bool (*done)(const struct dialler *dialler));

/* A new main and quick mode from new ports, as if nothing had been before; the tunnel stays. */
void dialler_redial(struct dialler *dialler);

/* From the client to the server, and from there to the client: `count` packets of `payload` bytes. */
void dialler_send_up(struct dialler *dialler, unsigned count);
void dialler_send_down(struct dialler *dialler, unsigned count, size_t payload);
void dialler_frame_up(struct dialler *dialler, struct bytes *frame); /* the same, not sent yet */

/* True if control logged this. */
bool dialler_logged(struct dialler *dialler, const char *text);

#endif
