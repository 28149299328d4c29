/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DATAPLANE_REPLAY_H
#define DATAPLANE_REPLAY_H

/*
 * The anti-replay window of RFC 4303 3.4.3 over 1024 sequence numbers, as a ring of words (RFC
 * 6479): one word more than the window, so that moving on clears whole words only. Checked before
 * decryption; checked again and moved once the packet is authentic.
 */

#include <stdbool.h>
#include <stdint.h>

#define REPLAY_WINDOW 1024
#define REPLAY_WORDS  32 /* a power of two above REPLAY_WINDOW / 64 */

struct replay_window {
	uint32_t highest;
	uint64_t seen[REPLAY_WORDS];
};

/* The word that holds the bit of a number. */
static inline const uint64_t *replay_word(const struct replay_window *window, uint32_t sequence)
{
	return &window->seen[(sequence >> 6) % REPLAY_WORDS];
}

static inline bool replay_acceptable(const struct replay_window *window, uint32_t sequence)
{
	if (sequence > window->highest)
		return true;
	if (window->highest - sequence >= REPLAY_WINDOW || sequence == 0)
		return false;
	return (*replay_word(window, sequence) >> (sequence & 63) & 1) == 0;
}

/* Records an authentic, acceptable number. True if it is the highest so far. */
static inline bool replay_accept(struct replay_window *window, uint32_t sequence)
{
	uint32_t word = sequence >> 6;
	bool ahead = sequence > window->highest;

	if (ahead) {
		uint32_t steps = word - (window->highest >> 6);

		if (steps > REPLAY_WORDS)
			steps = REPLAY_WORDS;
		for (uint32_t i = 0; i < steps; i++)
			window->seen[(word - i) % REPLAY_WORDS] = 0;
		window->highest = sequence;
	}
	window->seen[word % REPLAY_WORDS] |= UINT64_C(1) << (sequence & 63);
	return ahead;
}

#endif
