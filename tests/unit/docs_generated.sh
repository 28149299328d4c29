#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# A page of docs/ is what the program prints, no more and no less.
# usage: docs_generated.sh concentrator --print-OPTION docs/PAGE.md
set -eu
printed=$(mktemp)
trap 'rm -f "$printed"' EXIT

"$1" "$2" >"$printed"
test -s "$printed"
if ! diff -u "$3" "$printed"; then
	echo "renew it: $1 $2 >$3" >&2
	exit 1
fi
