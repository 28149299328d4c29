# SPDX-License-Identifier: BSD-3-Clause
"""What is refused, and whether both sides can read why."""

from lab.case import case, expect
from lab.dial import Dial, DialFailed
from lab.topology import SERVER


def _refused(lab, link, dial, layers, reason):
    """The dial fails in one of the layers, and the log has a line that matches the reason."""
    before = len(lab.concentrator.log())
    try:
        lab.client(link).dial(dial)
    except DialFailed as failure:
        expect(failure.layer in layers, f"refused by {failure}")
    else:
        expect(False, "the dial succeeds")
    news = [line for line in lab.concentrator.log_lines(reason)
            if line in lab.concentrator.log()[before:]]
    expect(news, f"no line of the daemon's log says {reason}: {lab.concentrator.last_words()}")


@case()
def wrong_preshared_key(lab):
    _refused(lab, "nat", Dial(secret="not-the-secret", timeout=6), ("ike",), r"(?i)pre-?shared key")
    expect(not lab.concentrator.sessions(), "there is a session")


@case()
def no_common_ike_proposal(lab):
    _refused(lab, "nat", Dial(ike="aes256-md5-modp768", timeout=10), ("ike",), r"(?i)proposal|offer")
    log = lab.client("nat").ipsec.log()
    expect("NO_PROPOSAL_CHOSEN" in log, "the client is not told NO_PROPOSAL_CHOSEN")


@case()
def no_common_esp_proposal(lab):
    _refused(lab, "nat", Dial(esp="aes128-md5", timeout=10), ("ike",), r"(?i)proposal|offer")
    log = lab.client("nat").ipsec.log()
    expect("NO_PROPOSAL_CHOSEN" in log, "the client is not told NO_PROPOSAL_CHOSEN")


@case()
def wrong_password(lab):
    for method in ("mschap-v2", "chap", "pap"):
        client = lab.client("nat")
        _refused(lab, "nat", Dial(password="wrong", authentication=method, timeout=15), ("ppp",),
                 r"(?i)alice")
        expect("authentication failed" in client.read_log("pppd.log"),
               f"{method}: pppd is not told that the authentication failed")
        client.stop()


@case()
def unknown_user(lab):
    _refused(lab, "nat", Dial(user="mallory", timeout=15), ("ppp",), r"(?i)mallory")


@case(pool=("10.20.0.2", "10.20.0.2"))
def exhausted_pool(lab):
    first = lab.client("nat")
    first.dial(Dial())
    _refused(lab, "public", Dial(user="bob", password="bob-password", timeout=15), ("l2tp", "ppp"),
             r"(?i)pool|no (free )?address")
    expect(first.ping(SERVER) >= 4, "the first session has suffered")
    lab.client("public").stop()
    first.hang_up()
    lab.concentrator.wait_sessions(0)
    lab.client("public").dial(Dial(user="bob", password="bob-password"))
