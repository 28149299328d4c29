#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# An engine owns no socket, clock, thread or random source: its library must not ask for one.
# usage: engine_symbols.sh nm library
set -eu
wanted=$("$1" -u "$2" | awk '/ U / {print $2}' | sort -u)
test -n "$wanted"
if echo "$wanted" | grep -E '^(socket|bind|connect|send|sendto|sendmsg|sendmmsg|recv|recvfrom|recvmsg|recvmmsg|read|write|open|close|epoll_.*|poll|select|time|gettimeofday|clock_.*|nanosleep|usleep|sleep|timerfd_.*|pthread_.*|thrd_.*|rand|random|rand_r|srand|getrandom|getentropy|arc4random.*|RAND_.*|BN_.*rand.*|rte_.*)$'; then
	echo "$2 asks for the symbols above" >&2
	exit 1
fi
