/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef IKE_ENGINE_H
#define IKE_ENGINE_H

/* The engine's objects and the functions through which its files call each other. */

#include "base/event_queue.h"
#include "base/verdict.h"
#include "fsm/fsm.h"
#include "ike/compose.h"
#include "ike/deadline.h"
#include "ike/ike.h"
#include "ike/isakmp.h"
#include "ike/keys.h"
#include "ike/nat.h"
#include "ike/notification.h"
#include "ike/payload.h"
#include "ike/reply.h"
#include "ike/slots.h"
#include "ike/table.h"
#include "ike/vendor.h"

#include <string.h>
#include <sys/queue.h>

#define SA_BODY_BYTES_MAX     4096 /* of the SA payload of main mode 1, kept for HASH_I */
#define ID_BYTES_MAX          512
#define JOBS_PER_SOURCE       64
#define JOBS_TOTAL            8192
#define QUICK_MODES_PER_SA    32
#define CHILDREN_PER_PEER     16
#define SAS_PER_PEER          8
#define MESSAGE_IDS_KEPT      64
#define QUICK_MODE_KEPT_MS    60000 /* a refused one answers duplicates so long */
#define PEER_WITHOUT_CHILD_MS 120000
#define LIFETIME_GRACE_MS     30000
#define PEER_INDEX_BITS       20
#define PEER_GENERATION_MASK  0xfff

struct sa;
struct quick_mode;
struct child;
struct fragments;
struct identity;
struct packet;
struct main_mode;
struct peer;
struct source;

/* A public-key job under way; `sa` or `quick_mode` waits for it. */
struct job {
	uint32_t index;
	uint32_t generation;
	struct sa *sa;
	struct quick_mode *quick_mode;
	struct source *source;
	bool signature; /* else a key exchange */
};

/* One remote address with unfinished main modes or jobs: the bounds that hold for it. */
struct source {
	struct table_node node;
	struct endpoint address; /* port 0 */
	uint32_t half_open;
	uint32_t jobs;
	uint32_t reassemblies;           /* negotiations with pieces of a message */
	size_t fragment_bytes;           /* of these */
	TAILQ_HEAD(, main_mode) waiting; /* no third message yet, oldest first */
};

/* What an ISAKMP SA needs while main mode runs, and until no late duplicate of it comes any more. */
struct main_mode {
	struct table_node by_source;       /* (CKY-I, remote address of main mode 1) */
	TAILQ_ENTRY(main_mode) in_waiting; /* of the engine: no third message yet */
	TAILQ_ENTRY(main_mode) in_source;  /* the same of the source */
	struct sa *sa;
	struct source *source; /* while half open */
	struct job *job;
	const struct ike_listener *listener; /* of the address that was dialled */
	struct endpoint first_remote;        /* where main mode 1 came from; port 0 */
	struct ike_path path;                /* of the last accepted message */
	struct reply reply;
	bool waiting; /* in the lists of those without third message */
	bool half_open;
	bool failure_reported;
	uint8_t duplicates; /* of the peer's last message */
	uint16_t refusal;   /* error that the peer sent in clear: a hint, no more; 0: none */
	uint8_t skeyid[DIGEST_BYTES_MAX];
	struct vendor_findings vendor;
	struct ike_suite suite;
	struct digest_part sa_body; /* owned, like all below */
	struct digest_part transform;
	uint8_t proposal_number;
	struct digest_part nonce_i;
	struct digest_part public_i;
	struct digest_part public_r; /* from here on: once the job is done */
	struct digest_part shared_secret;
	uint8_t nonce_r[NONCE_BYTES];
	uint8_t nat_d_echo_bytes; /* what we say our own NAT-D is, if not computed; 0: computed */
	uint8_t nat_d_echo[DIGEST_BYTES_MAX];
	struct fragments *fragments; /* owned; of a message that is not whole yet; NULL: none */
	bool aggressive;             /* it is an aggressive mode */
	bool fragments_came;         /* so the peer takes some too */
	struct proof *proof;         /* owned; main mode 5 while its signature is verified */
	uint8_t proofs;              /* that were verified */
	uint8_t trials;              /* keys that were tried in place of another */
	uint16_t key;                /* of the listener, in use; see listener_key() */
	struct digest_part id_i;     /* owned; of aggressive mode 1 */
	bool peer_hash_faked;        /* the peer shall see a NAT in front of itself */
};

/* What main mode 5 brought, until its signature is known to be right. */
struct proof {
	struct ike_path path;
	uint64_t request_hash;
	bool initial_contact;
	uint8_t iv[IKE_BLOCK_BYTES_MAX];
};

/* Message ids that were accepted, in a ring that grows up to MESSAGE_IDS_KEPT. */
struct message_ids {
	uint32_t count;
	uint32_t room;
	uint32_t ids[];
};

/* An ISAKMP SA, from main mode 1 on. Thousands are up at once: main mode's part goes early. */
struct sa {
	struct table_node by_cookies; /* (CKY-I, CKY-R) */
	TAILQ_ENTRY(sa) in_peer;
	LIST_HEAD(, quick_mode) quick_modes; /* newest first */
	struct ike *ike;
	struct peer *peer;           /* from the end of main mode on */
	struct main_mode *main_mode; /* NULL: no duplicate of it comes any more */
	struct message_ids *message_ids;
	uint64_t initiator_cookie;
	uint64_t responder_cookie;
	uint64_t established_ms;
	struct deadline deadline;
	struct ike_keys keys;
	uint8_t iv[IKE_BLOCK_BYTES_MAX]; /* of main mode; at its end the base of later IVs */
	uint32_t index;                  /* its slot */
	uint32_t dpd_sequence_in;
	uint8_t quick_mode_count;
	uint8_t state;       /* enum main_mode_state */
	uint8_t nat_version; /* enum nat_version */
	bool peer_behind_nat : 1;
	bool local_behind_nat : 1;
	bool encapsulated : 1;
	bool dead_peer_detection : 1;
	bool dpd_sequence_known : 1;
	bool dead : 1;
};

struct quick_mode {
	LIST_ENTRY(quick_mode) in_sa;
	struct sa *sa;
	struct child *child; /* until either ends */
	struct job *job;
	struct deadline deadline;
	struct ike_path path; /* where quick mode 1 came from */
	struct reply reply;
	uint8_t iv[IKE_BLOCK_BYTES_MAX];
	uint32_t message_id;
	uint8_t state; /* enum quick_mode_state */
	uint8_t retransmissions;
	bool dead;
	struct quick_offer *offer;  /* until quick mode 2 is out */
	struct digest_part nonce_i; /* owned; until quick mode 3 */
	uint8_t nonce_r[NONCE_BYTES];
};

/* What quick mode 1 said, for quick mode 2. Everything is owned. */
struct quick_offer {
	struct esp_choice esp;
	uint8_t proposal_number;
	struct digest_part transform;
	struct digest_part id[2];
	uint8_t id_count;
	uint8_t nat_oa_count;
	uint16_t peer_port;
	uint16_t local_port;
	uint64_t inner; /* see struct ike_event */
	struct digest_part public_i;
	uint8_t public_r[KEY_EXCHANGE_BYTES_MAX];
	uint16_t public_r_bytes;
	uint16_t shared_bytes;
	uint8_t shared_secret[KEY_EXCHANGE_BYTES_MAX];
};

struct child {
	struct table_node by_spi;
	LIST_ENTRY(child) in_peer;
	struct peer *peer;
	struct quick_mode *quick_mode;
	struct deadline deadline;
	uint32_t spi_in;
	uint32_t spi_out;
	uint16_t peer_port;
	uint16_t local_port;
	bool confirmed;
	bool outbound_deleted;
};

/* R-U-THEREs that nobody has answered yet. */
struct probe {
	bool forced; /* ike_peer_probe() asked for it */
	uint32_t attempts;
	uint64_t first_ms; /* when the first one went out */
	uint64_t last_ms;
	uint64_t ends_ms; /* of a forced one */
};

struct peer {
	struct table_node by_endpoint;
	struct deadline deadline;
	struct ike *ike;
	uint32_t name;               /* the number that the owner knows */
	uint32_t probe_sequence;     /* of the last R-U-THERE; 0: none yet */
	TAILQ_HEAD(sa_list, sa) sas; /* oldest first */
	LIST_HEAD(, child) children; /* newest first */
	struct ike_path path;
	struct probe *probe;       /* owned; NULL: none is unanswered */
	struct identity *identity; /* owned */
	uint64_t alive_ms;
	uint64_t childless_ms; /* since when there is no child */
	uint64_t saless_ms;    /* since when there is no ISAKMP SA */
	uint8_t sa_count;
	uint8_t child_count;
	uint8_t refusal; /* error that the peer notified; 0: none, 255: a higher one */
	bool peer_behind_nat : 1;
	bool down : 1;
	bool had_child : 1;
	bool failure_reported : 1; /* why it got no child */
	uint8_t last_cause;        /* enum cause */
	uint8_t moves;             /* in that second, of which these are the low bits */
	uint8_t moves_second;
	uint8_t asked; /* an acknowledgement of the last so many R-U-THERE is to be reported */
};

_Static_assert(sizeof(struct sa) <= 320 && sizeof(struct peer) <= 160 && sizeof(struct child) <= 80,
	       "each client has one of each for as long as it is up");

/* The body of an ID payload, and the listener's key that proved it. */
struct identity {
	uint16_t length;
	uint16_t key;
	uint8_t bytes[];
};

/* Messages that no state is made for, reported at most once a second. */
enum turned_away {
	TURNED_AWAY_HALF_OPEN,
	TURNED_AWAY_PEERS,
	TURNED_AWAY_VERSION,
	TURNED_AWAY_MALFORMED,
	TURNED_AWAY_KINDS
};

struct ike {
	struct ike_config config;
	struct ike_listener *listeners; /* owned, with their keys */
	struct ike_host host;
	struct table_key hash_key;
	struct table sas_by_source;
	struct table sas_by_cookies;
	struct table sources;
	struct table peers_by_endpoint;
	struct table children_by_spi;
	struct slots sas;
	struct slots peers;
	struct slots jobs;
	struct deadlines deadlines;
	struct event_queue events;
	struct grave *graves; /* objects out of every list that die at the end of the call */
	TAILQ_HEAD(, main_mode) waiting; /* no third message yet, oldest first */
	uint32_t half_open;
	uint32_t quick_mode_count;
	size_t fragment_bytes;                      /* kept in all */
	uint64_t turned_away_ms[TURNED_AWAY_KINDS]; /* when it was reported last; 0: never */
	uint64_t now_ms;                            /* of the call under way */
	uint64_t counters[IKE_COUNTER_COUNT];
};

/* A datagram behind its marker, with header read. */
struct packet {
	const struct ike_path *path;
	const uint8_t *bytes; /* from the ISAKMP header on */
	size_t length;        /* as the header says */
	uint64_t hash;
	struct isakmp_header header;
};

/* ike.c */
static inline void ike_count(struct ike *ike, enum ike_counter counter)
{
	ike->counters[counter]++;
}
void ike_reap(struct ike *ike); /* releases what was buried; the last act of a public call */
void ike_bury(struct ike *ike, void *object, void (*release)(void *object));
void ike_step_machine(struct ike *ike, const struct fsm_table *table, uint8_t *state,
		      unsigned event, void *object, const void *argument);

/* report.c: events */
struct ike_event *report_event(struct ike *ike, enum ike_event_kind kind, const struct sa *sa,
			       const struct peer *peer, size_t extra_bytes);
void report_step(const struct sa *sa, const struct ike_path *path, bool inbound,
		 const char *message, const char *meaning, ...)
	__attribute__((format(printf, 5, 6)));
/* Why a negotiation ended; the texts are readable or NULL. */
struct failure {
	enum cause cause;
	const char *detail;
	const char *offered;
	const char *accepted;
};
void report_failure(const struct sa *sa, const struct failure *failure);
void report_peer_failure(const struct peer *peer, const struct failure *failure);
void report_turned_away(struct ike *ike, const struct packet *packet, enum turned_away kind,
			enum cause cause, const char *detail);
void report_send(struct ike *ike, const struct sa *sa, const struct ike_path *path,
		 bool to_current_endpoint, const uint8_t *bytes, size_t length);
void report_child(const struct child *child, enum ike_event_kind kind);

/* fragment.c */
/* Keeps a fragment. True when its message is whole: then `packet` is that, its bytes in `whole`. */
bool fragment_take(struct ike *ike, struct packet *packet, uint8_t whole[PACKET_BYTES_MAX]);
void fragments_free(struct ike *ike, struct fragments **fragments);
/* Sends a message of main mode in pieces, smaller ones if it is `repeated`; false when it is short
 * or the peer takes no fragments. */
bool fragments_send(const struct sa *sa, const struct ike_path *path, const uint8_t *bytes,
		    size_t length, bool repeated);

/* listener.c */
/* How many pre-shared keys for main mode it has, and one of them; from IKE_KEYS_MAX on those for
 * aggressive mode. */
size_t listener_key_count(const struct ike_listener *listener);
struct ike_named_key listener_key(const struct ike_listener *listener, size_t index);
const struct ike_listener *listener_find(const struct ike *ike, const struct endpoint *local);
/* The address that stands for `local` outside of a NAT in front of us, or NULL: there is none. */
const struct endpoint *listener_public(const struct ike *ike, const struct endpoint *local);
/* The address that the peer dialled, as it knows it: the public one, if a NAT hides `local`. */
struct endpoint nat_own_address(const struct ike *ike, const struct endpoint *local);

/* source.c */
struct source *source_get(struct ike *ike, const struct endpoint *remote);
void source_put(struct ike *ike, struct source *source); /* frees it when nothing holds it */

/* job.c */
/* -EAGAIN when there are too many. Exactly one of `sa` and `quick_mode` is set. */
int job_start(struct ike *ike, struct sa *sa, struct quick_mode *quick_mode,
	      const struct endpoint *remote, uint16_t group, const struct digest_part *peer_public);
/* The same for the proof of main mode 5. The request stays the caller's. */
int job_start_signature(struct sa *sa, const struct endpoint *remote,
			const struct signature_request *request);
void job_drop(struct ike *ike, struct job *job);

/* sa.c: the life of ISAKMP SAs and how they are found */
struct sa *sa_new(struct ike *ike, const struct packet *packet);
/* A half-open SA, or one so young that a first message of the same cookie is its late duplicate. */
struct sa *sa_find_half_open(struct ike *ike, uint64_t initiator_cookie,
			     const struct endpoint *remote);
struct sa *sa_find(struct ike *ike, uint64_t initiator_cookie, uint64_t responder_cookie);
void sa_third_message_came(struct sa *sa);
void sa_half_open_ended(struct sa *sa);
void sa_bury(struct sa *sa);
void sa_cookies(const struct sa *sa, uint8_t cookies[16]);
bool sa_message_id_known(const struct sa *sa, uint32_t message_id);
void sa_message_id_remember(struct sa *sa, uint32_t message_id);
uint32_t sa_message_id_new(struct sa *sa);
/* Where its peer is. */
const struct ike_path *sa_path(const struct sa *sa);
uint64_t sa_expires_ms(const struct sa *sa);
/* Main mode is done: what was secret in it goes. */
void main_mode_strip(struct main_mode *main_mode);
/* No duplicate of main mode comes any more: the SA goes on without. */
void sa_grow_up(struct sa *sa);

/* main_mode.c */
enum main_mode_state {
	MAIN_MODE_START,
	MAIN_MODE_SENT_2,
	MAIN_MODE_COMPUTING,
	MAIN_MODE_SENT_4,
	MAIN_MODE_VERIFYING, /* a signature */
	MAIN_MODE_ESTABLISHED,
	MAIN_MODE_LINGERING, /* deleted; only answers duplicates of its quick modes */
	MAIN_MODE_REFUSED,
	MAIN_MODE_AGGRESSIVE_COMPUTING,
	MAIN_MODE_AGGRESSIVE_SENT_2,
	MAIN_MODE_GONE,
	MAIN_MODE_STATES
};
void main_mode_feed(struct ike *ike, const struct packet *packet);
void main_mode_key_exchange_done(struct sa *sa, const struct key_exchange_result *result);
void main_mode_signature_done(struct sa *sa, const struct signature_result *result);
void main_mode_expired(struct sa *sa);
void main_mode_evict(struct sa *sa);
void main_mode_deleted(struct sa *sa); /* by the peer */
void main_mode_closed(struct sa *sa);  /* by us */
const char *main_mode_state_name(uint8_t state);

/* aggressive_mode.c */
void aggressive_mode_feed(struct ike *ike, const struct packet *packet);

/* main_mode_proof.c */
/* Keys and first IV from the job's result; 0 or -errno. */
int main_mode_keys_take(struct sa *sa, const struct key_exchange_result *result);
/* Goes over to the listener's next pre-shared key; false when that is no use any more. */
bool main_mode_next_key(struct sa *sa);
/* The name of the key in use; "" for none, and with certificates. */
const char *main_mode_key_name(const struct sa *sa);
/* True if the hash proves that the peer of that ID has the pre-shared key. */
bool main_mode_peer_authentic(const struct sa *sa, const struct digest_part *id,
			      const struct digest_part *hash);
/* Our ID: the subject of our certificate; else the configured address, or the one that the peer
 * dialled; protocol and port 0. The number of bytes. */
size_t main_mode_own_id(const struct sa *sa, uint8_t body[ID_BYTES_MAX]);
/* Our ID, written into `id_body`, and HASH_R over it. 0 or -errno. */
int main_mode_prove(const struct sa *sa, uint8_t id_body[ID_BYTES_MAX], struct digest_part *id,
		    uint8_t *hash);
/* The job that checks main mode 5 with certificates; NULL when that cannot be right. */
struct signature_request *main_mode_signature_request(const struct sa *sa,
						      const struct payloads *payloads);
/* True if the peers sign, false if they have a key in common. */
bool main_mode_signs(const struct sa *sa);

/* quick_mode.c */
void quick_mode_feed(struct sa *sa, const struct packet *packet);
void quick_mode_key_exchange_done(struct quick_mode *quick_mode,
				  const struct key_exchange_result *result);
void quick_mode_due(struct quick_mode *quick_mode);
void quick_mode_used(struct quick_mode *quick_mode);
void quick_mode_bury(struct quick_mode *quick_mode);

/* selectors.c: the two ID payloads of quick mode */
/* True if they are L2TP's: UDP (or any), our port 1701 or any. None at all is right too. */
bool selectors_accept(const struct payloads *payloads, struct identification ids[2]);
void selectors_text(const struct payloads *payloads, char *text, size_t size);

/* informational.c */
void informational_feed(struct sa *sa, const struct packet *packet);

/* peer.c */
struct peer *peer_of(struct ike *ike, uint32_t name);
/* Joins the peer of the same endpoint and identity, or makes one: true. There must be room. */
bool peer_join(struct sa *sa, const struct digest_part *identity);
/* `key`: the one that proved the identity. */
struct peer *peer_find(struct ike *ike, const struct ike_path *path,
		       const struct digest_part *identity, uint16_t key);
void peer_leave(struct sa *sa, enum cause cause); /* the SA is established no more */
struct sa *peer_newest_sa(const struct peer *peer);
void peer_heard(struct peer *peer, const struct ike_path *path);
void peer_answered(struct peer *peer, uint32_t sequence); /* R-U-THERE-ACK */
void peer_schedule(struct peer *peer);
void peer_due(struct peer *peer);
void peer_end(struct peer *peer, enum cause cause);  /* with Delete payloads */
void peer_bury(struct peer *peer, enum cause cause); /* without */

/* child.c */
struct child *child_new(struct quick_mode *quick_mode, uint32_t spi_in, uint64_t lifetime_ms);
void child_confirm(struct child *child);
void child_outbound_deleted(struct child *child);
void child_end(struct child *child);
void child_due(struct child *child);
struct child *child_find(struct ike *ike, uint32_t spi_in);

/* message.c: every message that we send */
void message_main_mode_2(struct sa *sa);
void message_main_mode_4(struct sa *sa);
void message_main_mode_6(struct sa *sa, const struct digest_part *id,
			 const struct digest_part *proof);
void message_aggressive_mode_2(struct sa *sa);
/* How long that is going to be, without the vendor id for dead-peer detection. */
size_t message_aggressive_mode_2_bytes(const struct sa *sa);
#define MESSAGE_VENDOR_ID_BYTES 20
void message_main_mode_refusal(struct sa *sa, uint16_t notification);
void message_main_mode_resend(struct sa *sa, const struct ike_path *path);
void message_quick_mode_2(struct quick_mode *quick_mode, uint32_t spi_in);
void message_quick_mode_refusal(struct quick_mode *quick_mode, uint16_t notification);
void message_quick_mode_resend(struct quick_mode *quick_mode, const struct ike_path *path,
			       bool to_current_endpoint);
void message_notify(struct sa *sa, const struct ike_path *path, bool to_current_endpoint,
		    const struct message_notification *notification);
void message_delete(struct sa *sa, uint8_t protocol, uint8_t spi_bytes, const uint8_t *spis,
		    uint16_t count);
#endif
