# SPDX-License-Identifier: BSD-3-Clause
"""The real-client lab: stock clients in a QEMU guest, NATs and a server in network namespaces."""
