# SPDX-License-Identifier: BSD-3-Clause
"""What sessions take is given back."""

import time

from lab import load
from lab.case import case, expect
from lab.guest import time_scale

_USERS = load.users_text(100)


def _objects(concentrator):
    """Objects by kind, and those of the workers by size."""
    return {row["name"]: row["used"] for row in concentrator.show("memory")
            if row["kind"] in ("object", "storage")}


@case(seconds=200, own_daemon=True, guest=False, once=True)
def memory_of_clients_is_given_back(lab):
    """Every kind of object is there while clients are up, and gone when the last duplicate is."""
    concentrator = lab.start_concentrator(links="memif", users=_USERS, ipsec="optional")
    before = _objects(concentrator)
    expect(not any(before.values()), f"there are objects before the first dial: {before}")
    figures = load.run(concentrator, "--sessions", "100", "--nat", "10", "--ipsec", "aes256-gcm",
                       "--in-progress", "32", "--traffic", "200", "--seconds", "1")
    expect(figures["dials"]["up"] == 100, f"{figures['dials']}")
    after = _objects(concentrator)
    expect(any(after.values()), "no object is counted right after 100 sessions")
    deadline = time.monotonic() + 150 * time_scale()
    while any(after.values()) and time.monotonic() < deadline:
        time.sleep(2)
        after = _objects(concentrator)
    expect(not any(after.values()), f"left: {({k: v for k, v in after.items() if v})}")
    for noun in ("sessions", "tunnels", "sas"):
        expect(not concentrator.show(noun), f"{noun} are left: {concentrator.show(noun)}")
