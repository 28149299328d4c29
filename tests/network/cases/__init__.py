# SPDX-License-Identifier: BSD-3-Clause
"""All cases, in the order in which they run: first those that need no client."""

from . import daemon, generators, load, explain, memory, connect, ciphers, rekey, refusal, disconnect  # noqa: F401
