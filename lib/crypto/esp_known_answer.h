/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CRYPTO_ESP_KNOWN_ANSWER_H
#define CRYPTO_ESP_KNOWN_ANSWER_H

struct esp_engine;

/*
 * Encrypts packets of several lengths with every suite in the engine and in OpenSSL, compares the
 * bytes and the tags, and decrypts them again. 0, or -EIO at the first difference.
 */
int esp_known_answer_check(struct esp_engine *engine);

#endif
