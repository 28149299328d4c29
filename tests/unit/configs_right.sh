#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Every file of configs/ passes --check-config, with secrets that are made for the test.
# usage: configs_right.sh concentrator configs
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
umask 077
echo secret >"$work/psk"
echo 'alice secret' >"$work/users"

checked=0
for file in "$2"/*.conf; do
	test -e "$file"
	copy=$work/$(basename "$file")
	# The folder of each secret becomes ours; what is not named so is taken as it is.
	sed -E "s#\"[^\"]*/(psk|users)\"#\"$work/\1\"#" "$file" >"$copy"
	"$1" -c "$copy" --check-config
	checked=$((checked + 1))
done
test "$checked" -gt 0

# The check can fail: a mistake is refused, with the exit status for it.
status=0
{ cat "$copy" && echo 'no_such_key = 1;'; } >"$work/wrong.conf"
"$1" -c "$work/wrong.conf" --check-config 2>/dev/null || status=$?
test "$status" -eq 78
