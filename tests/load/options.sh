#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# The command line of concentrator-load, as far as it goes without DPDK.
# usage: options.sh program
set -eu
program=$1
directory=$(mktemp -d)
trap 'rm -r "$directory"' EXIT

fails() {
	status=0
	"$program" "$@" >"$directory/output" 2>&1 || status=$?
	if [ "$status" -ne 2 ] || ! grep -q '^concentrator-load: \|unrecognized option' "$directory/output"; then
		echo "status $status of: $*" >&2
		cat "$directory/output" >&2
		exit 1
	fi
}

links="--peers-port net_null0 --lns 192.0.2.1 --peers-first 100.64.0.1"

"$program" --version | grep -q '^concentrator-load '
"$program" --help >"$directory/help"
for option in peers-port lns mode sessions nat ipsec auth rate traffic sizes json; do
	grep -q "^  --$option" "$directory/help"
done

fails
fails --nonsense
fails $links --sessions 0
fails $links --sessions 60001
fails $links --sessions -1
fails $links --sessions 5x
fails $links --mode router
fails $links --mode lac --sessions 3 --tunnels 4
fails $links --tunnels 2
fails $links --ipsec aes256-gcm
fails $links --ipsec aes256-cbc --psk-file psk
fails $links --ipsec rot13 --psk-file psk
fails $links --ipsec aes256-gcm --psk-file psk --bare-esp --nat 2
fails $links --traffic 10
fails $links --sizes 55:1
fails $links --sizes 64:1,
fails $links --sizes 64
fails $links --loss 101
fails $links --lns 192.0.2
fails $links leftover

umask 022
"$program" --sessions 3 --user 'u%d@isp' --password 'p-%d' --write-users "$directory/users"
printf 'u0@isp p-0\nu1@isp p-1\nu2@isp p-2\n' | cmp - "$directory/users"
test "$(stat -c %a "$directory/users")" = 600
