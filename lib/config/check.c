/* SPDX-License-Identifier: BSD-3-Clause */
#include "config/check.h"

#include "base/memory.h"
#include "config/secret.h"
#include "crypto/certificate.h"

#include <arpa/inet.h>
#include <errno.h>
#include <grp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

bool check_refuse(struct check_failure *failure, const char *key, const char *format, ...)
{
	va_list arguments;

	snprintf(failure->key, sizeof(failure->key), "%s", key);
	va_start(arguments, format);
	vsnprintf(failure->reason, sizeof(failure->reason), format, arguments);
	va_end(arguments);
	return false;
}

static bool ports_fit(const struct config *config, struct check_failure *failure)
{
	if (config->port_count == 0)
		return check_refuse(failure, "ports", "at least one port is needed");
	for (unsigned i = 0; i < config->port_count; i++) {
		char key[64];

		snprintf(key, sizeof(key), "ports.[%u].name", i);
		if (config->ports[i].name[0] == '\0' || strchr(config->ports[i].name, '/') != NULL)
			return check_refuse(failure, key, "not a name of an interface");
		for (unsigned j = 0; j < i; j++)
			if (strcmp(config->ports[i].name, config->ports[j].name) == 0)
				return check_refuse(failure, key, "two ports named \"%s\"",
						    config->ports[i].name);
	}
	return true;
}

static bool certificates_read(struct config_listener *listener, unsigned index,
			      struct check_failure *failure)
{
	const struct credentials_files files = {
		.chain = listener->certificate_file,
		.key = listener->private_key_file,
		.authorities = listener->ca_file,
		.revocations = listener->crl_file,
	};
	char error[CREDENTIALS_ERROR_BYTES];
	struct stat status;
	char key[64];

	snprintf(key, sizeof(key), "listeners.[%u].certificate_file", index);
	if (files.key[0] == '\0' || files.authorities[0] == '\0')
		return check_refuse(failure, key,
				    "private_key_file and ca_file must be given with it");
	if (stat(files.key, &status) == 0 && (status.st_mode & 077) != 0)
		return check_refuse(failure, key, "%s may be read by others: chmod 600 %s",
				    files.key, files.key);
	listener->credentials = credentials_load(&files, error);
	return listener->credentials != NULL || check_refuse(failure, key, "%s", error);
}

static bool same_key(const struct config_key *key, const uint8_t *bytes, size_t length)
{
	return key->length == length && memory_equal_constant_time(key->bytes, bytes, length);
}

static bool is_main_mode_key(const struct config *config, const struct config_key *key)
{
	for (unsigned i = 0; i < config->listener_count; i++) {
		const struct config_listener *listener = &config->listeners[i];

		if (listener->preshared_key != NULL &&
		    same_key(key, listener->preshared_key, listener->preshared_key_bytes))
			return true;
		for (unsigned j = 0; j < listener->preshared_key_count; j++)
			if (same_key(key, listener->preshared_keys[j].bytes,
				     listener->preshared_keys[j].length))
				return true;
	}
	return false;
}

/* Aggressive mode lets everybody guess: main mode's keys, of any listener, are not to be had that way. */
static bool aggressive_keys_apart(const struct config *config, struct check_failure *failure)
{
	for (unsigned i = 0; i < config->listener_count; i++) {
		const struct config_listener *listener = &config->listeners[i];
		char where[64];

		snprintf(where, sizeof(where), "listeners.[%u].aggressive_keys_file", i);
		for (unsigned j = 0; j < listener->aggressive_key_count; j++)
			if (is_main_mode_key(config, &listener->aggressive_keys[j]))
				return check_refuse(failure, where,
						    "the key of \"%s\" is also one for main mode",
						    listener->aggressive_keys[j].name);
	}
	return true;
}

/* The pre-shared keys of a listener. */
static bool keys_read(struct config_listener *listener, unsigned index,
		      struct check_failure *failure)
{
	unsigned room = CONFIG_KEYS_MAX;
	char key[64];

	snprintf(key, sizeof(key), "listeners.[%u].preshared_key_file", index);
	if (listener->preshared_key_file[0] != '\0') {
		if (!secret_read(listener->preshared_key_file, key, &listener->preshared_key,
				 &listener->preshared_key_bytes, failure))
			return false;
		room--;
	}
	snprintf(key, sizeof(key), "listeners.[%u].preshared_keys_file", index);
	if (listener->preshared_keys_file[0] != '\0' &&
	    !secret_keys_read(listener->preshared_keys_file, key, room, &listener->preshared_keys,
			      &listener->preshared_key_count, failure))
		return false;
	snprintf(key, sizeof(key), "listeners.[%u].aggressive_keys_file", index);
	return listener->aggressive_keys_file[0] == '\0' ||
	       secret_keys_read(listener->aggressive_keys_file, key, CONFIG_AGGRESSIVE_KEYS_MAX,
				&listener->aggressive_keys, &listener->aggressive_key_count,
				failure);
}

static bool listeners_fit(struct config *config, struct check_failure *failure)
{
	for (unsigned i = 0; i < config->listener_count; i++) {
		struct config_listener *listener = &config->listeners[i];
		char key[64];

		snprintf(key, sizeof(key), "listeners.[%u]", i);
		for (unsigned j = 0; j < i; j++)
			if (endpoint_same_address(&config->listeners[j].address,
						  &listener->address))
				return check_refuse(failure, key, "two listeners for one address");
		if (listener->ipsec == CONFIG_IPSEC_OFF)
			continue;
		if (listener->preshared_key_file[0] == '\0' &&
		    listener->preshared_keys_file[0] == '\0' &&
		    listener->aggressive_keys_file[0] == '\0' &&
		    listener->certificate_file[0] == '\0')
			return check_refuse(failure, key,
					    "preshared_key_file, preshared_keys_file, "
					    "aggressive_keys_file or certificate_file must be "
					    "given with IPsec");
		if (listener->certificate_file[0] != '\0' &&
		    !certificates_read(listener, i, failure))
			return false;
		if (!keys_read(listener, i, failure))
			return false;
	}
	return aggressive_keys_apart(config, failure);
}

static bool pools_fit(const struct config *config, struct check_failure *failure)
{
	for (unsigned i = 0; i < config->pool_count; i++) {
		uint32_t first = ntohl(config->pools[i].first_be);
		uint32_t last = ntohl(config->pools[i].last_be);
		char key[64];

		snprintf(key, sizeof(key), "pools.[%u].first", i);
		if (first > last)
			return check_refuse(failure, key, "lies behind the last address");
		if (last - first >= 1u << 22)
			return check_refuse(failure, key, "more than %u addresses", 1u << 22);
		for (unsigned j = 0; j < i; j++)
			if (first <= ntohl(config->pools[j].last_be) &&
			    ntohl(config->pools[j].first_be) <= last)
				return check_refuse(failure, key, "overlaps the pool \"%s\"",
						    config->pools[j].name);
		for (unsigned p = 0; p < config->port_count; p++) {
			for (unsigned a = 0; a < config->ports[p].address_count; a++) {
				uint32_t own = ntohl(endpoint_ipv4_address_be(
					&config->ports[p].addresses[a].address));

				if (own >= first && own <= last)
					return check_refuse(
						failure, key,
						"contains an address of the port \"%s\"",
						config->ports[p].name);
			}
		}
	}
	return true;
}

/* Our end of each link must stay ours. */
static bool local_address_fits(struct config *config, struct check_failure *failure)
{
	if (config->local_address_be == 0 && config->pool_count != 0)
		config->local_address_be = htonl(ntohl(config->pools[0].first_be) - 1);
	for (unsigned i = 0; i < config->pool_count; i++) {
		uint32_t own = ntohl(config->local_address_be);
		char key[64];

		snprintf(key, sizeof(key), "pools.[%u].first", i);
		if (own >= ntohl(config->pools[i].first_be) &&
		    own <= ntohl(config->pools[i].last_be))
			return check_refuse(
				failure, key,
				"the pool contains local_address (unless given, the address "
				"before the first pool)");
	}
	return true;
}

static bool radius_fits(struct config *config, struct check_failure *failure)
{
	if (config->radius_dynamic_port != 0 && config->radius_server_count == 0)
		return check_refuse(failure, "radius.dynamic_port",
				    "radius_servers must be given with it");
	if (config->users_from != CONFIG_USERS_LOCAL && config->radius_server_count == 0)
		return check_refuse(failure, "users_from", "radius_servers must be given with it");
	if (config->users_from == CONFIG_USERS_RADIUS_THEN_LOCAL && config->users_file[0] == '\0')
		return check_refuse(failure, "users_from", "users_file must be given with it");
	for (unsigned i = 0; i < config->radius_server_count; i++) {
		struct config_radius_server *server = &config->radius_servers[i];
		char key[64];

		snprintf(key, sizeof(key), "radius_servers.[%u]", i);
		for (unsigned j = 0; j < i; j++)
			if (config->radius_servers[j].address_be == server->address_be &&
			    config->radius_servers[j].port == server->port)
				return check_refuse(failure, key,
						    "two servers of one address and port");
		snprintf(key, sizeof(key), "radius_servers.[%u].secret_file", i);
		if (!secret_read(server->secret_file, key, &server->secret, &server->secret_bytes,
				 failure))
			return false;
	}
	return true;
}

static bool lacs_fit(struct config *config, struct check_failure *failure)
{
	for (unsigned i = 0; i < config->lac_count; i++) {
		struct config_lac *lac = &config->lacs[i];
		char key[64];
		bool pool = lac->pool[0] == '\0';

		snprintf(key, sizeof(key), "lacs.[%u].host_name", i);
		if (lac->host_name[0] == '\0')
			return check_refuse(failure, key, "is empty");
		for (unsigned j = 0; j < i; j++)
			if (strcasecmp(config->lacs[j].host_name, lac->host_name) == 0)
				return check_refuse(failure, key, "two LACs of one name");
		snprintf(key, sizeof(key), "lacs.[%u].pool", i);
		for (unsigned j = 0; j < config->pool_count; j++)
			pool = pool || strcmp(config->pools[j].name, lac->pool) == 0;
		if (!pool)
			return check_refuse(failure, key, "there is no pool \"%s\"", lac->pool);
		snprintf(key, sizeof(key), "lacs.[%u].secret_file", i);
		if (lac->secret_file[0] != '\0' &&
		    !secret_read(lac->secret_file, key, &lac->secret, &lac->secret_bytes, failure))
			return false;
	}
	return true;
}

bool check_config(struct config *config, struct check_failure *failure)
{
	if (!ports_fit(config, failure) || !listeners_fit(config, failure) ||
	    !pools_fit(config, failure) || !local_address_fits(config, failure) ||
	    !radius_fits(config, failure) || !lacs_fit(config, failure))
		return false;
	if (config->l2tp_challenge && config->l2tp_secret_file[0] == '\0')
		return check_refuse(failure, "l2tp.challenge",
				    "l2tp.secret_file must be given with it");
	if (config->l2tp_secret_file[0] != '\0' &&
	    !secret_read(config->l2tp_secret_file, "l2tp.secret_file", &config->l2tp_secret,
			 &config->l2tp_secret_bytes, failure))
		return false;
	if (config->users_file[0] != '\0') {
		struct stat status;

		if (access(config->users_file, R_OK) != 0 || stat(config->users_file, &status) != 0)
			return check_refuse(failure, "users_file", "cannot read %s: %s",
					    config->users_file, strerror(errno));
		if ((status.st_mode & 077) != 0)
			return check_refuse(failure, "users_file",
					    "%s may be read by others: chmod 600 %s",
					    config->users_file, config->users_file);
	}
	if (config->control_group[0] != '\0' && getgrnam(config->control_group) == NULL)
		return check_refuse(failure, "control_group", "no group \"%s\"",
				    config->control_group);
	if (config->ppp_authentication_count == 0 && config->listener_count != 0)
		return check_refuse(failure, "ppp.authentication", "at least one is needed");
	return true;
}
