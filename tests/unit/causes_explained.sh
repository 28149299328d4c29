#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Each cause of causes.def is provoked by a test that checks what `explain` prints of it: by one of the
# programs given here, which say so in the file EXPLAINED_CAUSES, or by a network case, which compares
# the cause in a reply of the control socket. Those of the client in concentrator-load have no dial in a daemon.
# And each has its place on the page of causes.
# usage: causes_explained.sh lib/base/causes.def docs/why-it-does-not-connect.md tests/network/cases PROGRAM...
set -eu
causes=$1
page=$2
cases=$3
shift 3
EXPLAINED_CAUSES=$(mktemp)
export EXPLAINED_CAUSES
trap 'rm -f "$EXPLAINED_CAUSES"' EXIT
for program; do
	"$program" >/dev/null 2>&1 || { echo "$program fails" >&2; exit 1; }
done
missing=0
for cause in $(sed -n 's/^CAUSE([a-z0-9]*, \([a-z0-9_]*\),.*/\1/p' "$causes"); do
	test "$cause" = none && continue
	grep -qx "### \`$cause\`" "$page" || { echo "$cause is not on the page of causes" >&2; missing=1; }
	case $cause in ike_timeout | ike_protocol_error) continue ;; esac
	grep -qx "$cause" "$EXPLAINED_CAUSES" && continue
	grep -rqE "(\[\"cause\"\] == |cause=)\"$cause\"" "$cases" && continue
	echo "what explain prints of $cause is not checked" >&2
	missing=1
done
test "$(grep -c '^CAUSE(' "$causes")" -gt 100
exit "$missing"
