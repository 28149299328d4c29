# SPDX-License-Identifier: BSD-3-Clause
"""Source NAT as home routers and carriers do it."""


def masquerade(namespace, wan):
    """Everything that leaves by the interface wan gets its address; ports are kept when free."""
    namespace.run("nft", "-f", "-", data=f"""
table ip nat {{
    chain postrouting {{
        type nat hook postrouting priority srcnat;
        oifname "{wan}" masquerade
    }}
}}
""")


def forget_flows(namespace):
    """The NAT has lost its table: the next packet of a flow gets a new mapping."""
    namespace.run("conntrack", "-F")
