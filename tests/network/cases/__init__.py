# SPDX-License-Identifier: BSD-3-Clause
"""All cases, in the order in which they run: first those that need no client."""

from . import (  # noqa: F401
    daemon, generators, load, radius, explain, lac, subscriber, memory, profiles, ipv6, crowd, life, hostile, keys, connect,
    ciphers, certificates, rekey, roaming, refusal, disconnect)
