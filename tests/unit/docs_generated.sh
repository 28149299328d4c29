#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# docs/configuration.md is what the program prints, no more and no less.
# usage: docs_generated.sh concentrator docs/configuration.md
set -eu
printed=$(mktemp)
trap 'rm -f "$printed"' EXIT

"$1" --print-manual >"$printed"
test -s "$printed"
if ! diff -u "$2" "$printed"; then
	echo "renew it: $1 --print-manual >$2" >&2
	exit 1
fi
