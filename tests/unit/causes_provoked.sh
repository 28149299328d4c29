#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Each cause of causes.def is named by a test.
# usage: causes_provoked.sh lib/base/causes.def tests
set -eu
missing=0
for cause in $(sed -n 's/^CAUSE([a-z0-9]*, \([a-z0-9_]*\),.*/\1/p' "$1"); do
	if ! grep -rqwE --include='*.c' --include='*.py' "CAUSE_$cause|$cause" "$2"; then
		echo "no test names the cause $cause" >&2
		missing=1
	fi
done
test "$(grep -c '^CAUSE(' "$1")" -gt 50
exit "$missing"
