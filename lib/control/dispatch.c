/* SPDX-License-Identifier: BSD-3-Clause */
/* What workers hand to control: packets by class, events, and acknowledgements. */
#include "control/private.h"

#define MESSAGES_PER_TURN 256

static void ike_receive(struct control *control, const struct message *message)
{
	struct ike_path path = {message->packet_in.local, message->packet_in.remote};
	size_t length;
	const uint8_t *bytes = mailbox_packet_bytes(control->mailbox, message, &length);

	control->ike_worker = message->worker;
	control->ike_bytes = length;
	ike_feed(control->ike, &path, bytes, length, loop_now_ms(control->loop));
	ike_drain(control);
}

static void packet_handle(struct control *control, const struct message *message)
{
	const uint8_t *bytes;
	size_t length;

	if (message->packet_in.class == CONTROL_CLASS_watched) {
		watch_receive(control, message); /* a trace has no packet */
		return;
	}
	bytes = mailbox_packet_bytes(control->mailbox, message, &length);
	switch (message->packet_in.class) {
	case CONTROL_CLASS_to_self:
		control->ports.to_kernel(control->ports.context, message->packet_in.port, bytes,
					 length);
		return;
	case CONTROL_CLASS_neighbour:
		control->ports.neighbour_needed(control->ports.context, message->packet_in.port,
						&message->packet_in.next_hop, bytes, length);
		return;
	default:
		break;
	}
	if (!control->answering ||
	    (control->shutdown != SHUTDOWN_NO && message->packet_in.class == CONTROL_CLASS_ike_new))
		return;
	switch (message->packet_in.class) {
	case CONTROL_CLASS_ike_new:
	case CONTROL_CLASS_ike_known:
		if (control->ike != NULL)
			ike_receive(control, message);
		break;
	case CONTROL_CLASS_l2tp_control:
		l2tp_receive(control, message);
		break;
	case CONTROL_CLASS_path_mtu:
		path_mtu_receive(control, message);
		break;
	case CONTROL_CLASS_ppp_control:
		session_receive(control, message);
		break;
	case CONTROL_CLASS_l2tp_in_clear:
		l2tp_in_clear(control, message);
		break;
	default:
		break;
	}
}

/* Acknowledgements keep their message until their object is freed. */
static void message_handle(struct control *control, struct message *message)
{
	switch (message->kind) {
	case MESSAGE_PACKET:
		packet_handle(control, message);
		break;
	case MESSAGE_SA_USED:
		child_used(control, message);
		break;
	case MESSAGE_GROUP_MOVED:
		group_moved(control, message);
		break;
	case MESSAGE_GROUP_MISSED:
		group_missed(control, message);
		break;
	case MESSAGE_GROUP_MERGE:
		group_merged(control, message);
		break;
	case MESSAGE_OWNER_MOVE:
		move_over(control, message);
		break;
	case MESSAGE_GROUP_DELETE:
		removal_acknowledged(control);
		group_removed(control, message);
		break;
	case MESSAGE_SA_DELETE:
		removal_acknowledged(control);
		child_removed(control, message);
		break;
	case MESSAGE_SESSION_DELETE:
		removal_acknowledged(control);
		session_removed(control, message);
		break;
	default:
		break;
	}
	mailbox_message_free(control->mailbox, message);
}

void dispatch_readable(void *object)
{
	struct control *control = object;
	struct message *messages[MESSAGES_PER_TURN];

	mailbox_doorbell_clear(control->mailbox);
	for (unsigned worker = 0; worker < mailbox_workers(control->mailbox); worker++) {
		unsigned count;

		do {
			count = mailbox_receive(control->mailbox, worker, messages,
						MESSAGES_PER_TURN);
			for (unsigned i = 0; i < count; i++)
				message_handle(control, messages[i]);
		} while (count == MESSAGES_PER_TURN);
	}
	shutdown_progress(control);
}
