/* SPDX-License-Identifier: BSD-3-Clause */
/* Each cause of the IKE engine is provoked, and says what is wrong. */

#include "ike/notification.h"
#include "ike_cmocka.h"
#include "ike_rig.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

static struct ike_rig rig;
static struct rig_client client;
static struct initiator_config config;
static struct initiator_transform transforms[3];
static struct initiator_esp esp[2];

static void modern(struct ike_config *c)
{
	c->compatibility = IKE_COMPATIBILITY_MODERN;
}

/* A common client; the rows change what they need. */
static void prepare(void (*change)(struct ike_config *c))
{
	config = client_config(true);
	transforms[0] = config.transforms[0];
	transforms[1] = transforms[0];
	config.transforms = transforms;
	config.transform_count = 1;
	esp[0] = config.esp[0];
	esp[0].proposal = 1;
	esp[1] = esp[0];
	config.esp = esp;
	config.esp_count = 1;
	rig_init(&rig, 1, change);
}

static void dial(void)
{
	client_init(&client, &config, 2, 31000);
	client_dial(&rig, &client);
}

static void dial_and_quick_mode(void)
{
	dial();
	assert_int_equal(client.i.state, INITIATOR_ESTABLISHED);
	client_quick_mode(&rig, &client);
}

/* Main mode 1, the answer, and nothing more but what the row does. */
static void dial_until_2(void)
{
	client_init(&client, &config, 2, 31000);
	initiator_main_mode_1(&client.i);
	client_send(&rig, &client);
}

static void dial_until_4(void)
{
	dial_until_2();
	assert_true(client_collect(&rig, &client));
	client_send(&rig, &client);
}

static void phase_1(uint16_t cipher, uint16_t key_bits, uint16_t hash, uint16_t group)
{
	prepare(NULL);
	transforms[0] = (struct initiator_transform){cipher, key_bits, hash, group};
	dial();
}

static void ike_cipher(void)
{
	phase_1(1, 0, 2, 14);
}

static void ike_key_length(void)
{
	phase_1(7, 512, 2, 14);
}

static void ike_hash(void)
{
	phase_1(7, 256, 1, 14);
}

static void ike_group(void)
{
	prepare(modern);
	transforms[0] = (struct initiator_transform){7, 256, 4, 2};
	transforms[1] = (struct initiator_transform){7, 128, 4, 5};
	config.transform_count = 2;
	dial();
}

static void ike_several(void)
{
	phase_1(1, 0, 1, 1);
}

static void method(uint16_t number)
{
	prepare(NULL);
	config.method = number;
	dial();
}

static void method_xauth(void)
{
	method(65001);
}

static void method_rsa(void)
{
	method(3);
}

static void ike_lifetime(void)
{
	prepare(NULL);
	config.lifetime_type = 7;
	dial();
}

static void ike_attribute(void)
{
	prepare(NULL);
	config.extra_attribute = 99;
	dial();
}

static void ike_protocol(void)
{
	prepare(NULL);
	config.ike_protocol = 3;
	dial();
}

static void elsewhere(struct ike_config *c)
{
	static struct ike_listener listener;

	listener = c->listeners[0];
	listener.local = endpoint_ipv4(htonl(0x0a000001), 0);
	c->listeners = &listener;
}

static void no_key(void)
{
	prepare(elsewhere);
	dial();
}

static void wrong_key(void)
{
	prepare(NULL);
	config.preshared_key = "another";
	dial();
}

static void wrong_hash(void)
{
	prepare(NULL);
	config.wrong_hash = true;
	dial();
}

static void aggressive(void)
{
	prepare(NULL);
	client_init(&client, &config, 2, 31000);
	initiator_main_mode_1(&client.i);
	client.i.out[18] = 4;
	client_send(&rig, &client);
}

static void aggressive_key(struct ike_config *c)
{
	static const struct ike_named_key key = {"office", (const uint8_t *)"own secret", 10};

	rig.listener.aggressive_keys = &key;
	rig.listener.aggressive_key_count = 1;
	(void)c;
}

/* Aggressive mode as KEY_ID "office", with two proposals. */
static void prepare_aggressive(void)
{
	static const uint8_t identity[] = {11, 0, 0, 0, 'o', 'f', 'f', 'i', 'c', 'e'};

	prepare(aggressive_key);
	config.aggressive = true;
	config.preshared_key = "own secret";
	config.transform_count = 2;
	config.nonce_bytes = 32;
	config.vendors[config.vendor_count++] = &vendor_draft_02n;
	config.identity_bytes = sizeof(identity);
	memcpy(config.identity, identity, sizeof(identity));
}

static void aggressive_stranger(void)
{
	prepare_aggressive();
	config.identity[4] = 'O';
	dial();
}

static void aggressive_group(void)
{
	prepare_aggressive();
	transforms[0].group = 5;
	transforms[0].cipher = 1; /* DES: the other, of group 14, is taken */
	dial();
}

static void aggressive_short(void)
{
	prepare_aggressive();
	config.transform_count = 1;
	config.vendor_count = 1;
	dial();
}

static void aggressive_silence(void)
{
	prepare_aggressive();
	config.preshared_key = "another";
	dial();
	rig_advance(&rig, 60000);
}

static void version_2(void)
{
	prepare(NULL);
	client_init(&client, &config, 2, 31000);
	initiator_main_mode_1(&client.i);
	client.i.out[17] = 0x20;
	client_send(&rig, &client);
}

static void malformed(void)
{
	prepare(NULL);
	client_init(&client, &config, 2, 31000);
	initiator_main_mode_1(&client.i);
	client.i.out[30] = 0xff;
	client_send(&rig, &client);
}

static void public_value(void)
{
	prepare(NULL);
	dial_until_2();
	client_collect(&rig, &client);
	memset(client.i.out + 32, 0, client.i.public_bytes);
	client_send(&rig, &client);
}

static void busy(void)
{
	static const struct key_exchange_result result = {.error = -EBUSY};

	prepare(NULL);
	rig.hold_jobs = true;
	dial_until_4();
	ike_key_exchange_done(rig.ike, rig.jobs[0].handle, &result, rig.now_ms);
	rig_drain(&rig);
}

static void slow(void)
{
	prepare(NULL);
	rig.hold_jobs = true;
	dial_until_4();
	rig_advance(&rig, 31000);
}

static void silence_2(void)
{
	prepare(NULL);
	dial_until_2();
	client_send(&rig, &client);
	client_send(&rig, &client);
	rig_advance(&rig, 31000);
}

static void silence_4(void)
{
	prepare(NULL);
	dial_until_4();
	rig_advance(&rig, 31000);
}

static void server_behind_nat(void)
{
	prepare(NULL);
	config.server.address[0]++;
	client_init(&client, &config, 2, 31000);
	client.path.local.address[0]--;
	initiator_main_mode_1(&client.i);
	client_send(&rig, &client);
	assert_true(client_collect(&rig, &client));
	client_send(&rig, &client);
	rig_advance(&rig, 31000);
}

static void silence_6(void)
{
	prepare(NULL);
	dial();
	rig_advance(&rig, 130000);
}

static void no_traversal(void)
{
	prepare(NULL);
	config.vendor_count = 0;
	dial();
	rig_advance(&rig, 130000);
}

static void silence_quick_2(void)
{
	prepare(NULL);
	dial();
	initiator_quick_mode_1(&client.i);
	client_send(&rig, &client);
	rig_advance(&rig, 31000);
}

static void gave_up(void)
{
	prepare(NULL);
	dial();
	initiator_delete_sa(&client.i, true);
	client_send(&rig, &client);
	rig_advance(&rig, 31000);
}

static void esp_one(uint8_t protocol, uint8_t id, uint16_t key_bits, uint16_t authenticator,
		    uint16_t mode, uint16_t group)
{
	prepare(NULL);
	esp[0] = (struct initiator_esp){1, protocol, id, key_bits, authenticator, mode, group};
	dial_and_quick_mode();
}

static void esp_protocol(void)
{
	esp_one(2, 3, 0, 2, 4, 0);
}

static void esp_cipher(void)
{
	esp_one(3, 2, 0, 2, 4, 0);
}

static void esp_key_length(void)
{
	esp_one(3, 12, 64, 2, 4, 0);
}

static void esp_authenticator(void)
{
	esp_one(3, 12, 256, 1, 4, 0);
}

static void esp_mode(void)
{
	esp_one(3, 12, 256, 2, 3, 0);
}

static void esp_path(void)
{
	esp_one(3, 12, 256, 2, 2, 0);
}

static void esp_group(void)
{
	esp_one(3, 12, 256, 2, 4, 1);
}

static void esp_key_exchange(void)
{
	esp_one(3, 12, 256, 2, 4, 14);
}

static void esp_several(void)
{
	esp_one(3, 2, 0, 1, 3, 0);
}

static void esp_bundle(void)
{
	prepare(NULL);
	esp[0].protocol = 2;
	esp[0].id = 3;
	config.esp_count = 2;
	dial_and_quick_mode();
}

static void esp_spi(void)
{
	prepare(NULL);
	config.spi = 200;
	dial_and_quick_mode();
}

static void esp_lifetime(void)
{
	prepare(NULL);
	dial();
	client.i.config.lifetime_type = 5;
	client_quick_mode(&rig, &client);
}

static void esp_attribute(void)
{
	prepare(NULL);
	dial();
	client.i.config.extra_attribute = 11;
	client_quick_mode(&rig, &client);
}

static void selector(void)
{
	prepare(NULL);
	config.id_local_port = 80;
	dial_and_quick_mode();
}

static void no_child(void)
{
	prepare(NULL);
	rig.no_spi = true;
	dial_and_quick_mode();
}

static void one_peer(struct ike_config *c)
{
	c->peers_total = 1;
}

static void second_client(void)
{
	struct rig_client other;

	client_init(&other, &config, 3, 32000);
	client_dial(&rig, &other);
}

static void peers(void)
{
	prepare(one_peer);
	dial();
	second_client();
}

static void one_half_open(struct ike_config *c)
{
	c->half_open_per_source = 1;
}

static void half_open(void)
{
	prepare(one_half_open);
	dial_until_4();
	second_client();
}

static void expired(void)
{
	prepare(NULL);
	config.vendor_count = 1; /* no dead-peer detection */
	config.ike_seconds = 100;
	config.seconds = 60;
	dial_and_quick_mode();
	rig_advance(&rig, 600000);
}

static void notified(uint16_t type)
{
	prepare(NULL);
	dial_until_2();
	client_collect(&rig, &client);
	initiator_notify(&client.i, type, 0, false);
	client_send(&rig, &client);
	rig_advance(&rig, 31000);
}

static void refused_proposal(void)
{
	notified(14);
}

static void refused_proof(void)
{
	notified(23);
}

static void refused_identity(void)
{
	notified(18);
}

static void refused_certificate(void)
{
	notified(22);
}

static void refused_message(void)
{
	notified(1);
}

static void forgot(void)
{
	notified(4);
}

/* What is provoked, and a part of what it then says. */
static const struct {
	enum cause cause;
	const char *detail;
	void (*provoke)(void);
} rows[] = {
	{CAUSE_wrong_preshared_key, "main mode 5 does not decrypt", wrong_key},
	{CAUSE_main_mode_hash_wrong, "its hash is wrong", wrong_hash},
	{CAUSE_no_common_ike_proposal, "refused for its cipher and hash and group", ike_several},
	{CAUSE_ike_protocol_refused, "offered only esp", ike_protocol},
	{CAUSE_ike_cipher_refused, "offered only des-cbc; aes and 3des-cbc are allowed",
	 ike_cipher},
	{CAUSE_ike_key_length_refused, "offered only aes with 512 bits", ike_key_length},
	{CAUSE_ike_hash_refused, "offered only md5; sha1 and sha2 are allowed", ike_hash},
	{CAUSE_ike_group_refused,
	 "offered only group 2 (modp1024), group 5 (modp1536); ike.compatibility \"modern\"",
	 ike_group},
	{CAUSE_ike_method_refused,
	 "offered only xauth with psk; the listener has only a pre-shared key", method_xauth},
	{CAUSE_no_own_certificate, "offered only rsa signatures", method_rsa},
	{CAUSE_ike_lifetime_type_refused, "a lifetime of type 7", ike_lifetime},
	{CAUSE_ike_attribute_refused, "attribute 99", ike_attribute},
	{CAUSE_no_common_esp_proposal, "cipher and hash and encapsulation mode", esp_several},
	{CAUSE_esp_protocol_refused, "offered only ah", esp_protocol},
	{CAUSE_esp_bundle_refused, "two protocols at once", esp_bundle},
	{CAUSE_esp_spi_refused, "SPI 000000c8", esp_spi},
	{CAUSE_esp_cipher_refused, "offered only des-cbc", esp_cipher},
	{CAUSE_esp_key_length_refused, "aes with 64 bits", esp_key_length},
	{CAUSE_esp_authenticator_refused, "offered only hmac-md5-96", esp_authenticator},
	{CAUSE_esp_encapsulation_refused, "offered only tunnel mode", esp_mode},
	{CAUSE_esp_encapsulation_mismatch, "transport mode without UDP; there is a NAT", esp_path},
	{CAUSE_esp_group_refused, "group 1 (modp768)", esp_group},
	{CAUSE_esp_key_exchange_mismatch, "group 14; but no key exchange payload",
	 esp_key_exchange},
	{CAUSE_esp_lifetime_type_refused, "a lifetime of type 5", esp_lifetime},
	{CAUSE_esp_attribute_refused, "attribute 11", esp_attribute},
	{CAUSE_no_preshared_key, "no listener", no_key},
	{CAUSE_aggressive_mode_refused, "UNSUPPORTED-EXCHANGE-TYPE", aggressive},
	{CAUSE_aggressive_identifier_unknown, "it names itself Office", aggressive_stranger},
	{CAUSE_aggressive_group_mismatch, "it sent 192 bytes, group 14", aggressive_group},
	{CAUSE_aggressive_answer_too_long, "2 would have", aggressive_short},
	{CAUSE_silent_after_aggressive_mode_2, "our aggressive mode 2", aggressive_silence},
	{CAUSE_ike_version_refused, "IKEv2", version_2},
	{CAUSE_ike_malformed, "payloads do not parse", malformed},
	{CAUSE_bad_public_value, "main mode 3", public_value},
	{CAUSE_too_many_key_exchanges, "queue", busy},
	{CAUSE_key_exchange_slow, "longer than 30 s", slow},
	{CAUSE_no_room_for_child, "no SPI is free", no_child},
	{CAUSE_too_many_peers, "max_sessions", peers},
	{CAUSE_silent_after_main_mode_2, "repeated main mode 1 2 times", silence_2},
	{CAUSE_silent_after_main_mode_4, "main mode 4", silence_4},
	{CAUSE_silent_after_main_mode_6, "no quick mode came", silence_6},
	{CAUSE_silent_after_quick_mode_2, "sent 4 times", silence_quick_2},
	{CAUSE_nat_server_refused, "main mode 4", server_behind_nat},
	{CAUSE_nat_traversal_missing, "no quick mode came", no_traversal},
	{CAUSE_peer_gave_up, "deleted its ISAKMP SA", gave_up},
	{CAUSE_peer_refused_proposal, "NO-PROPOSAL-CHOSEN", refused_proposal},
	{CAUSE_peer_refused_proof, "INVALID-HASH-INFORMATION", refused_proof},
	{CAUSE_peer_refused_identity, "INVALID-ID-INFORMATION", refused_identity},
	{CAUSE_peer_refused_certificate, "INVALID-CERT-AUTHORITY", refused_certificate},
	{CAUSE_peer_refused_message, "INVALID-PAYLOAD-TYPE", refused_message},
	{CAUSE_peer_forgot_negotiation, "INVALID-COOKIE", forgot},
	{CAUSE_too_many_half_open, "from this address", half_open},
	{CAUSE_bad_quick_mode_selector, "port 80", selector},
	{CAUSE_no_security_association, NULL, expired},
};

#define ROWS (sizeof(rows) / sizeof(rows[0]))

/* The failure, or the end of a peer that was up, with the row's cause. */
static void assert_told(size_t row)
{
	const struct ike_event *failed = rig_find(&rig, IKE_FAILED, 0);
	const struct ike_event *down = rig_find(&rig, IKE_PEER_DOWN, 0);

	if (rows[row].detail == NULL) {
		assert_null(failed);
		assert_non_null(down);
		assert_string_equal(cause_name(down->down.cause), cause_name(rows[row].cause));
		return;
	}
	assert_non_null(failed);
	print_message("%s: %s\n", cause_text(failed->failed.cause), failed->failed.detail);
	assert_string_equal(cause_name(failed->failed.cause), cause_name(rows[row].cause));
	assert_non_null(strstr(failed->failed.detail, rows[row].detail));
	assert_null(rig_find(&rig, IKE_FAILED, 1));
}

static void each_cause_is_told(void **state)
{
	(void)state;
	for (size_t n = 0; n < ROWS; n++) {
		print_message("%s\n", cause_name(rows[n].cause));
		rows[n].provoke();
		assert_told(n);
		rig_free(&rig);
	}
}

/* Those of the initiator, which is a client for load and has its own tests, and of control. */
static bool provoked_elsewhere(enum cause cause)
{
	return cause == CAUSE_ike_timeout || cause == CAUSE_ike_protocol_error ||
	       strncmp(cause_name(cause), "certificate_", 12) == 0 || /* test_ike_certificates.c */
	       /* control knows: network case explain_silence_behind_ipsec */
	       cause == CAUSE_no_esp_after_ike || cause == CAUSE_no_l2tp_after_ipsec;
}

static void no_cause_is_left_out(void **state)
{
	(void)state;
	for (unsigned cause = 0; cause < CAUSE_COUNT; cause++) {
		bool found = provoked_elsewhere((enum cause)cause) ||
			     strcmp(cause_layer((enum cause)cause), "ike") != 0;

		for (size_t n = 0; n < ROWS; n++)
			found |= rows[n].cause == (enum cause)cause;
		if (!found)
			fail_msg("%s", cause_name((enum cause)cause));
	}
}

/* Whichever error the peer notifies, in clear or protected, the end of the dial names it. */
static void each_notification_is_named(void **state)
{
	(void)state;
	for (uint16_t type = 1; type <= 31; type++) {
		char name[NOTIFICATION_NAME_BYTES];
		const char *text = notification_name(type, name);

		notified(type);
		assert_int_equal(rig_find(&rig, IKE_FAILED, 0)->failed.cause,
				 notification_cause(type));
		assert_non_null(strstr(rig_find(&rig, IKE_FAILED, 0)->failed.detail, text));
		rig_free(&rig);

		prepare(NULL);
		dial();
		initiator_notify(&client.i, type, 0, true);
		client_send(&rig, &client);
		assert_int_equal(rig_count(&rig, IKE_FAILED), 0);
		rig_advance(&rig, 130000);
		assert_int_equal(rig_find(&rig, IKE_FAILED, 0)->failed.cause,
				 notification_cause(type));
		assert_non_null(strstr(rig_find(&rig, IKE_FAILED, 0)->failed.detail, text));
		rig_free(&rig);
	}
}

/* An error in clear changes nothing: the dial goes on. */
static void an_error_in_clear_stops_nothing(void **state)
{
	struct rig_client forger;

	(void)state;
	prepare(NULL);
	dial_until_2();
	client_collect(&rig, &client);
	forger = client;
	initiator_notify(&forger.i, 14, 0, false);
	client_send(&rig, &forger);
	client_exchange(&rig, &client);
	assert_int_equal(client.i.state, INITIATOR_ESTABLISHED);
	client_quick_mode(&rig, &client);
	assert_int_equal(client.i.quick_state, INITIATOR_QUICK_DONE);
	rig_advance(&rig, 1000);
	assert_int_equal(rig_count(&rig, IKE_FAILED), 0);
	rig_free(&rig);
}

/* What a dial looks like to its operator. */
static void the_ladder_says_what_it_means(void **state)
{
	static const char *const meanings[] = {
		"offers 1 proposals, RFC 3947, profile generic",
		"takes aes-256-cbc/sha1/group 14, dead-peer detection",
		"key exchange; a NAT in front of the peer",
		"key exchange",
		"the peer is 192.168.1.2 (ipv4) and proves it with the pre-shared key; on port "
		"4500",
		"we are 198.51.100.1 (ipv4) and prove it",
		"offers 1 proposals for protocol 17 port 1701 to protocol 17 port 1701, with its "
		"original addresses",
		"takes aes-256-cbc/hmac-sha1-96, transport mode in UDP",
		"confirms",
	};

	(void)state;
	prepare(NULL);
	dial_and_quick_mode();
	for (size_t n = 0; n < sizeof(meanings) / sizeof(meanings[0]); n++)
		assert_string_equal(rig_find(&rig, IKE_STEP, n)->step.step.meaning, meanings[n]);
	rig_free(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_cause_is_told),
		cmocka_unit_test(no_cause_is_left_out),
		cmocka_unit_test(each_notification_is_named),
		cmocka_unit_test(an_error_in_clear_stops_nothing),
		cmocka_unit_test(the_ladder_says_what_it_means),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
