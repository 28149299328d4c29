/* SPDX-License-Identifier: BSD-3-Clause */
/* Main mode with certificates: a CA, a server and clients are made while the test runs. */

#include "authority.h"
#include "ike_cmocka.h"
#include "ike_rig.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct ike_rig rig;
static struct rig_client client;
static char folder[64];
static struct authority_subject root, other_root;
static struct authority_subject server;
static struct credentials *credentials;
static struct ike_listener listener;

static const char *path_of(const char *name)
{
	static char path[8][128];
	static unsigned turn;
	char *to = path[turn++ % 8];

	snprintf(to, sizeof(path[0]), "%s/%s", folder, name);
	return to;
}

static struct credentials *load(const char *list)
{
	char chain[128], key[128], authorities[128], error[CREDENTIALS_ERROR_BYTES];
	const struct credentials_files files = {chain, key, authorities, list};
	struct credentials *loaded;

	snprintf(chain, sizeof(chain), "%s", path_of("server.pem"));
	snprintf(key, sizeof(key), "%s", path_of("server.key"));
	snprintf(authorities, sizeof(authorities), "%s", path_of("ca.pem"));
	loaded = credentials_load(&files, error);
	if (loaded == NULL)
		print_error("%s\n", error);
	return loaded;
}

static void server_make(const char *kind)
{
	const struct authority_wish wish = {.name = "server", .kind = kind, .serial = 2};

	authority_free(&server);
	server = authority_issue(&root, &wish);
	authority_write_certificates(path_of("server.pem"), &server.certificate, 1);
	authority_write_key(path_of("server.key"), server.key);
}

static int make(void **state)
{
	(void)state;
	snprintf(folder, sizeof(folder), "/tmp/ike-certificates-XXXXXX");
	assert_non_null(mkdtemp(folder));
	root = authority_new("root", "P-256");
	other_root = authority_new("another root", "P-256");
	authority_write_certificates(path_of("ca.pem"), &root.certificate, 1);
	return 0;
}

static int unmake(void **state)
{
	static const char *const files[] = {"server.pem", "server.key", "ca.pem", "list.pem"};

	(void)state;
	for (size_t i = 0; i < 4; i++)
		unlink(path_of(files[i]));
	rmdir(folder);
	authority_free(&root);
	authority_free(&other_root);
	authority_free(&server);
	return 0;
}

static void certified(struct ike_config *config)
{
	listener = config->listeners[0];
	listener.credentials = credentials;
	config->listeners = &listener;
}

static void certified_only(struct ike_config *config)
{
	certified(config);
	listener.preshared_key_bytes = 0;
}

static struct digest_part der_of(X509 *certificate)
{
	unsigned char *der = NULL;
	int length = i2d_X509(certificate, &der);

	return (struct digest_part){der, (size_t)length};
}

static size_t identity_of(X509 *certificate, uint8_t identity[256])
{
	unsigned char *at = identity + 4;

	memcpy(identity, (uint8_t[]){9, 0, 0, 0}, 4);
	return 4 + (size_t)i2d_X509_NAME(X509_get_subject_name(certificate), &at);
}

/* What may be wrong with a dial. */
struct variation {
	enum cause cause; /* none: it works */
	const char *detail;
	uint16_t notify;
	const char *kind;
	struct authority_wish wish;
	bool other_ca;
	bool no_certificate;
	bool garbage;
	bool wrong_signature;
	const char *fqdn; /* identity instead of the subject */
	const char *intermediate;
	bool intermediate_missing;
	const char *list; /* "empty", "revoked", "old", "other"; "both", "department revoked" */
};

static void list_write(const struct variation *v, const struct authority_subject *intermediate)
{
	if (v->list == NULL)
		return;
	if (v->intermediate != NULL) {
		long serial = strcmp(v->list, "department revoked") == 0 ? 1 : 0;

		authority_write_list(path_of("list.pem"), &root, serial, 3600);
		authority_add_list(path_of("list.pem"), intermediate, 0, 3600);
		return;
	}
	if (strcmp(v->list, "other") == 0)
		authority_write_list(path_of("list.pem"), &other_root, 0, 3600);
	else
		authority_write_list(path_of("list.pem"), &root,
				     strcmp(v->list, "revoked") == 0 ? 77 : 0,
				     strcmp(v->list, "old") == 0 ? -60 : 3600);
}

static uint16_t method_of(const char *kind)
{
	return strcmp(kind, "RSA") == 0     ? 3
	       : strcmp(kind, "P-256") == 0 ? 9
	       : strcmp(kind, "P-384") == 0 ? 10
					    : 11;
}

static struct initiator_config config_of(const struct variation *v,
					 const struct authority_subject *subject,
					 struct initiator_signer *signer)
{
	struct initiator_config config = client_config(true);

	config.signer = signer;
	config.method = method_of(v->kind);
	config.identity_bytes = identity_of(subject->certificate, config.identity);
	if (v->fqdn != NULL) {
		memcpy(config.identity, (uint8_t[]){2, 0, 0, 0}, 4);
		memcpy(config.identity + 4, v->fqdn, strlen(v->fqdn));
		config.identity_bytes = 4 + strlen(v->fqdn);
	}
	return config;
}

static void dial(const struct variation *v, void (*change)(struct ike_config *config))
{
	const struct authority_subject *ca = v->other_ca ? &other_root : &root;
	struct authority_subject intermediate = {0};
	struct authority_subject subject;
	struct authority_wish wish = v->wish;
	struct initiator_signer signer = {.server = server.certificate,
					  .wrong_signature = v->wrong_signature};
	struct initiator_config config;

	if (v->intermediate != NULL) {
		intermediate = authority_intermediate(ca, v->intermediate);
		ca = &intermediate;
	}
	wish.name = "client";
	wish.serial = 77;
	if (wish.kind == NULL)
		wish.kind = v->kind;
	subject = authority_issue(ca, &wish);
	signer.key = subject.key;
	if (!v->no_certificate)
		signer.certificates[signer.certificate_count++] = der_of(subject.certificate);
	if (v->garbage)
		signer.certificates[0].length -= 9;
	if (v->intermediate != NULL && !v->intermediate_missing)
		signer.certificates[signer.certificate_count++] = der_of(intermediate.certificate);
	list_write(v, &intermediate);
	credentials = load(v->list != NULL ? path_of("list.pem") : "");
	assert_non_null(credentials);
	config = config_of(v, &subject, &signer);
	rig_init(&rig, 1, change);
	client_init(&client, &config, 2, 31000);
	client_dial(&rig, &client);
	client.i.config.signer = NULL;
	for (size_t i = 0; i < signer.certificate_count; i++)
		OPENSSL_free((void *)(uintptr_t)signer.certificates[i].bytes);
	authority_free(&subject);
	authority_free(&intermediate);
}

static void dial_free(void)
{
	rig_free(&rig);
	credentials_free(credentials);
}

static void every_kind_of_key_connects(void **state)
{
	static const char *const kinds[] = {"RSA", "P-256", "P-384", "P-521"};

	(void)state;
	for (size_t n = 0; n < 4; n++) {
		const struct variation v = {.kind = kinds[n]};

		print_message("%s\n", kinds[n]);
		server_make(kinds[n]);
		dial(&v, n % 2 == 0 ? certified : certified_only);
		assert_int_equal(client.i.state, INITIATOR_ESTABLISHED);
		assert_int_equal(client.i.certificate_requests, 1);
		assert_int_equal(client.i.identity_in[0], 9);
		assert_string_equal(rig_find(&rig, IKE_PEER_UP, 0)->peer_up.identity,
				    "CN=client,O=example (asn.1 name)");
		assert_non_null(
			strstr(rig_find(&rig, IKE_PEER_UP, 0)->peer_up.proposal, "signatures"));
		client_quick_mode(&rig, &client);
		assert_int_equal(client.i.quick_state, INITIATOR_QUICK_DONE);
		dial_free();
	}
}

/* Joins what the server sent since in fragments, and gives it to the client. */
static size_t take_fragments(void)
{
	uint8_t whole[8192];
	size_t length = 0;
	size_t count = 0;

	for (; client.seen < rig.send_count; client.seen++) {
		const struct rig_send *send = &rig.sends[client.seen];

		if (send->bytes[16] != 132)
			continue;
		assert_true(send->length + 20 + 8 + 4 <= 1280);
		count++;
		assert_int_equal(send->bytes[28 + 6], count);
		memcpy(whole + length, send->bytes + 36, send->length - 36);
		length += send->length - 36;
		if (send->bytes[28 + 7] & 1)
			break;
	}
	assert_true(initiator_feed(&client.i, whole, length));
	return count;
}

/* A long chain of ours goes in fragments to who takes them, and in smaller ones when repeated. */
static void a_long_answer_is_fragmented(void **state)
{
	const struct variation v = {.kind = "RSA"};
	const struct authority_wish wish = {.name = "client", .kind = "RSA", .serial = 77};
	struct authority_subject subject = authority_issue(&root, &wish);
	struct initiator_signer signer = {.key = subject.key};
	struct initiator_config config = config_of(&v, &subject, &signer);
	size_t before;

	(void)state;
	server_make("RSA");
	authority_write_certificates(
		path_of("server.pem"),
		(X509 *[]){server.certificate, root.certificate, other_root.certificate}, 3);
	signer.server = server.certificate;
	signer.certificates[signer.certificate_count++] = der_of(subject.certificate);
	config.vendors[config.vendor_count++] = &vendor_fragmentation_word;
	credentials = load("");
	rig_init(&rig, 1, certified);
	client_init(&client, &config, 2, 31000);
	client_dial(&rig, &client);
	assert_int_equal(client.i.state, INITIATOR_SENT_5);
	client.seen = 2;
	before = rig.send_count;
	client_send(&rig, &client); /* it lost all of it */
	assert_true(rig.send_count - before > before - 2);
	assert_true(rig.sends[before].length + 20 + 8 + 4 <= 576);
	assert_int_equal(take_fragments(), 2);
	assert_int_equal(client.i.state, INITIATOR_ESTABLISHED);
	OPENSSL_free((void *)(uintptr_t)signer.certificates[0].bytes);
	authority_free(&subject);
	dial_free();
}

static const struct variation variations[] = {
	{CAUSE_none, .kind = "P-256", .wish = {.alternate = "DNS:vpn.client.example"},
	 .fqdn = "vpn.client.example"},
	{CAUSE_none, .kind = "P-256", .intermediate = "department"},
	{CAUSE_none, .kind = "P-256", .list = "empty", .wish = {.usage = "digitalSignature"}},
	{CAUSE_certificate_untrusted, "CN=client,O=example", 20, .kind = "P-256", .other_ca = true},
	{CAUSE_certificate_untrusted, "CN=client", 20, .kind = "P-256",
	 .intermediate = "department", .intermediate_missing = true},
	{CAUSE_certificate_expired, "CN=client", 20, .kind = "P-256", .wish = {.until_s = -60}},
	{CAUSE_certificate_not_yet_valid, "CN=client", 20, .kind = "P-256",
	 .wish = {.from_s = 600}},
	{CAUSE_certificate_revoked, "CN=client", 20, .kind = "P-256", .list = "revoked"},
	{CAUSE_none, .kind = "P-256", .intermediate = "department", .list = "both"},
	{CAUSE_certificate_revoked, "CN=department", 20, .kind = "P-256",
	 .intermediate = "department", .list = "department revoked"},
	{CAUSE_certificate_weak, "CN=client", 20, .kind = "P-256", .wish = {.digest = "SHA1"}},
	{CAUSE_certificate_no_crl, "CN=client", 20, .kind = "P-256", .list = "other"},
	{CAUSE_certificate_crl_expired, "CN=", 20, .kind = "P-256", .list = "old"},
	{CAUSE_certificate_missing, "sent none", 28, .kind = "P-256", .no_certificate = true},
	{CAUSE_certificate_malformed, "does not parse", 20, .kind = "P-256", .garbage = true},
	{CAUSE_certificate_signature_wrong, "CN=client", 25, .kind = "P-256",
	 .wrong_signature = true},
	{CAUSE_certificate_id_mismatch, "CN=client", 18, .kind = "P-256",
	 .fqdn = "somebody.example", .wish = {.alternate = "DNS:vpn.client.example"}},
	{CAUSE_certificate_unsuitable, "kind that was negotiated", 20, .kind = "P-256",
	 .wish = {.kind = "P-384"}},
	{CAUSE_certificate_unsuitable, "key usage", 20, .kind = "P-256",
	 .wish = {.usage = "keyEncipherment"}},
};

static const struct variation weak[] = {
	{CAUSE_certificate_weak, "CN=client,O=example: EE certificate key too weak", 20,
	 .kind = "RSA", .wish = {.kind = "RSA-1024"}},
};

static void are_told(const struct variation *rows, size_t count)
{
	for (size_t n = 0; n < count; n++) {
		const struct variation *v = &rows[n];
		const struct ike_event *failed;

		print_message("%s\n", cause_name(v->cause));
		dial(v, certified);
		failed = rig_find(&rig, IKE_FAILED, 0);
		if (v->cause == CAUSE_none) {
			assert_int_equal(client.i.state, INITIATOR_ESTABLISHED);
			assert_null(failed);
		} else {
			assert_int_not_equal(client.i.state, INITIATOR_ESTABLISHED);
			assert_non_null(failed);
			print_message("%s: %s\n", cause_text(failed->failed.cause),
				      failed->failed.detail);
			assert_string_equal(cause_name(failed->failed.cause), cause_name(v->cause));
			assert_non_null(strstr(failed->failed.detail, v->detail));
			assert_int_equal(client.i.last_notify, v->notify);
			assert_int_equal(rig_count(&rig, IKE_PEER_UP), 0);
		}
		dial_free();
	}
}

static void what_is_wrong_is_told(void **state)
{
	(void)state;
	server_make("P-256");
	are_told(variations, sizeof(variations) / sizeof(variations[0]));
	server_make("RSA");
	are_told(weak, sizeof(weak) / sizeof(weak[0]));
	server_make("P-256");
}

/* A listener may have both; a client with a key is served as ever. */
static void a_key_and_a_certificate_live_together(void **state)
{
	struct initiator_config config = client_config(true);

	(void)state;
	credentials = load("");
	rig_init(&rig, 1, certified);
	client_init(&client, &config, 2, 31000);
	client_dial(&rig, &client);
	assert_int_equal(client.i.state, INITIATOR_ESTABLISHED);
	assert_int_equal(client.i.certificate_requests, 0);
	dial_free();
}

/* Without a key it is no secret what is asked for instead. */
static void a_key_alone_is_not_enough(void **state)
{
	struct initiator_config config = client_config(true);

	(void)state;
	credentials = load("");
	rig_init(&rig, 1, certified_only);
	client_init(&client, &config, 2, 31000);
	client_dial(&rig, &client);
	assert_int_equal(rig_find(&rig, IKE_FAILED, 0)->failed.cause, CAUSE_no_preshared_key);
	dial_free();
}

/* A result that comes after the negotiation is over is dropped, and a repeated main mode 5 while
 * it is computed makes no second job. */
static void a_late_signature_is_dropped(void **state)
{
	struct variation v = {.kind = "P-256"};
	struct authority_wish wish = {.name = "client", .kind = "P-256", .serial = 77};
	struct authority_subject subject = authority_issue(&root, &wish);
	struct initiator_signer signer = {.server = server.certificate, .key = subject.key};
	struct initiator_config config = config_of(&v, &subject, &signer);

	(void)state;
	signer.certificates[signer.certificate_count++] = der_of(subject.certificate);
	credentials = load("");
	rig_init(&rig, 1, certified);
	client_init(&client, &config, 2, 31000);
	initiator_main_mode_1(&client.i);
	client_send(&rig, &client);
	client_collect(&rig, &client);
	client_send(&rig, &client);
	client_collect(&rig, &client);
	rig.hold_jobs = true;
	client_send(&rig, &client);
	client_send(&rig, &client);
	assert_int_equal(rig.job_count, 1);
	rig_advance(&rig, 31000);
	assert_int_equal(rig_find(&rig, IKE_FAILED, 0)->failed.cause, CAUSE_key_exchange_slow);
	rig_run_jobs(&rig);
	assert_int_equal(ike_counter_value(rig.ike, IKE_COUNTER_stale_job), 1);
	assert_int_equal(rig_count(&rig, IKE_PEER_UP), 0);
	OPENSSL_free((void *)(uintptr_t)signer.certificates[0].bytes);
	authority_free(&subject);
	dial_free();
}

static void files_that_do_not_fit_are_refused(void **state)
{
	char error[CREDENTIALS_ERROR_BYTES];
	struct credentials_files files = {"/nonexistent", "/nonexistent", "/nonexistent", ""};
	char chain[128], key[128];

	(void)state;
	assert_null(credentials_load(&files, error));
	assert_non_null(strstr(error, "/nonexistent holds no certificate"));
	snprintf(chain, sizeof(chain), "%s", path_of("server.pem"));
	snprintf(key, sizeof(key), "%s", path_of("server.key"));
	files.chain = chain;
	files.key = key;
	authority_write_key(key, root.key);
	assert_null(credentials_load(&files, error));
	assert_non_null(strstr(error, "is not the key of the certificate"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_kind_of_key_connects),
		cmocka_unit_test(a_long_answer_is_fragmented),
		cmocka_unit_test(what_is_wrong_is_told),
		cmocka_unit_test(a_key_and_a_certificate_live_together),
		cmocka_unit_test(a_key_alone_is_not_enough),
		cmocka_unit_test(a_late_signature_is_dropped),
		cmocka_unit_test(files_that_do_not_fit_are_refused),
	};

	return cmocka_run_group_tests(tests, make, unmake);
}
