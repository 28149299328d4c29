/* SPDX-License-Identifier: BSD-3-Clause */
#include "trial.h"

#include <stdlib.h>
#include <string.h>

void trials_add(struct trials *trials, double cycles)
{
	if (trials->count < TRIALS_MAX)
		trials->cycles[trials->count++] = cycles;
}

double trials_least(const struct trials *trials)
{
	double least = 0;

	for (unsigned i = 0; i < trials->count; i++)
		if (i == 0 || trials->cycles[i] < least)
			least = trials->cycles[i];
	return least;
}

static int compare(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

double trials_median(const struct trials *trials)
{
	double sorted[TRIALS_MAX];

	if (trials->count == 0)
		return 0;
	memcpy(sorted, trials->cycles, trials->count * sizeof(sorted[0]));
	qsort(sorted, trials->count, sizeof(sorted[0]), compare);
	return sorted[trials->count / 2];
}
