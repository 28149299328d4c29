# SPDX-License-Identifier: BSD-3-Clause
"""The figures that the bench prints: what each must be, what we aim at, and where it is measured."""

import dataclasses


@dataclasses.dataclass
class Figure:
    """`value` of what was measured must be at most (or at least) `must`."""

    name: str
    source: str             # the line or part of the run that it comes from
    must: float
    aim: float
    unit: str
    value: str = "ratio"
    at_least: bool = False
    full: bool = False      # only with --full
    times: float = 1.0      # the measured value times this

    def good(self, measured, limit):
        return measured >= limit if self.at_least else measured <= limit


RATIOS = [
    ("gcm", "decap", "64", 2.0, 1.5), ("gcm", "decap", "imix", 1.5, 1.3),
    ("gcm", "decap", "1400", 1.25, 1.12), ("gcm", "encap", "64", 1.9, 1.4),
    ("gcm", "encap", "imix", 1.45, 1.25), ("gcm", "encap", "1400", 1.2, 1.1),
    ("cbc", "decap", "imix", 1.45, 1.2), ("cbc", "encap", "imix", 1.4, 1.2),
]
CIPHERS = {"gcm": "AES-256-GCM", "cbc": "AES-256-CBC with SHA1"}


def _ratio(suite, way, size, must, aim):
    return Figure(f"{CIPHERS[suite]} {way}, {size}", f"{suite}/1024/{way}/{size}", must, aim,
                  "x raw")


FIGURES = [
    *(_ratio(*row) for row in RATIOS),
    Figure("plain L2TP decap, imix", "plain/1024/decap/imix", 75, 45, "cycles over bare", "over"),
    Figure("plain L2TP encap, imix", "plain/1024/encap/imix", 75, 45, "cycles over bare", "over"),
    Figure("65,536 sessions, GCM decap, imix", "gcm/cold/65536/decap/imix", 1.5, 1.25, "x raw"),
    Figure("1 to 1,048,576 sessions, GCM decap, imix", "growth gcm", 3.0, 2.5, "x one session",
           full=True),
    Figure("1 to 1,048,576 sessions, CBC decap, imix", "growth cbc", 1.8, 1.6, "x one session",
           full=True),
    Figure("hand-off to another worker", "handoff", 120, 80, "cycles", "cycles"),
    Figure("goodput at 2 x the rate it can take", "overload/2", 0.9, 0.97, "of that", "goodput",
           at_least=True),
    Figure("goodput at 7 x the rate it can take", "overload/7", 0.9, 0.97, "of that", "goodput",
           at_least=True),
    Figure("latency at 80 % load, GCM, p99", "latency/gcm", 15, 8, "us", "p99_us"),
    Figure("latency at 80 % load, CBC, p99", "latency/cbc", 15, 8, "us", "p99_us"),
    Figure("L2TP and PPP set up, 1,000 sessions up", "plain_at_1000", 10000, 25000, "/s of CPU",
           "per_control_and_jobs_second", at_least=True, full=True),
    Figure("L2TP and PPP set up, 60,000 sessions up", "plain_at_60000", 10000, 25000, "/s of CPU",
           "per_control_and_jobs_second", at_least=True, full=True),
    Figure("the slower of these two over the faster", "set-up growth", 0.9, 0.97, "x", at_least=True, full=True),
    Figure("IKE main and quick mode, MODP-2048", "ike_modp2048", 1500, 1900, "/s of CPU",
           "per_control_and_jobs_second", at_least=True, full=True),
    Figure("IKE main and quick mode, ECP-256", "ike_ecp256", 6000, 9000, "/s of CPU",
           "per_control_and_jobs_second", at_least=True, full=True),
    Figure("whole dial, MODP-2048", "whole_dial_modp2048", 1300, 1750, "/s of CPU",
           "per_control_and_jobs_second", at_least=True, full=True),
    Figure("whole dial, ECP-256", "whole_dial_ecp256", 3700, 6600, "/s of CPU",
           "per_control_and_jobs_second", at_least=True, full=True),
    Figure("memory of an IPsec session", "memory_per_ipsec_session", 4.0, 3.0, "KiB",
           "bytes_per_session", full=True, times=1 / 1024),
    Figure("60,000 sessions in one tunnel of a LAC", "lac_1", 10000, 25000, "/s of CPU",
           "per_control_and_jobs_second", at_least=True, full=True),
    Figure("the same, handed over by the LAC", "lac_1_proxied", 10000, 25000, "/s of CPU",
           "per_control_and_jobs_second", at_least=True, full=True),
    Figure("2,000 tunnels of LACs with 30 sessions each", "lac_2000", 10000, 25000, "/s of CPU",
           "per_control_and_jobs_second", at_least=True, full=True),
    Figure("the same, handed over by the LACs", "lac_2000_proxied", 10000, 25000, "/s of CPU",
           "per_control_and_jobs_second", at_least=True, full=True),
    Figure("60,000 plain sessions up, with traffic, and away", "capacity_plain", 60000, 60000,
           "sessions", "sessions_with_traffic", at_least=True, full=True),
    Figure("20,000 IPsec sessions up, with traffic, and away", "capacity_ipsec", 20000, 20000,
           "sessions", "sessions_with_traffic", at_least=True, full=True),
]

# What only the dials of the whole daemon can tell, in the order in which they run.
DIALS = ["plain_at_1000", "plain_at_60000", "ike_modp2048", "ike_ecp256", "whole_dial_modp2048",
         "whole_dial_ecp256", "memory_per_ipsec_session", "lac_1", "lac_1_proxied", "lac_2000", "lac_2000_proxied",
         "capacity_plain", "capacity_ipsec"]


def derive(results):
    """Adds the figures that compare two others."""
    for suite in ("gcm", "cbc"):
        one = results.get(f"{suite}/cold/1/decap/imix")
        many = results.get(f"{suite}/cold/1048576/decap/imix")
        if one and many:
            results[f"growth {suite}"] = {"ratio": many["pipeline"] / one["pipeline"]}
    few, many = results.get("plain_at_1000"), results.get("plain_at_60000")
    if few and many and "failed" not in few and "failed" not in many:
        slow, fast = sorted(part["per_control_and_jobs_second"] for part in (few, many))
        results["set-up growth"] = {"ratio": slow / fast}


def judge(results, full):
    """Rows of (figure, measured or None, "aim", "must", "missed" or "not measured")."""
    rows = []
    for figure in FIGURES:
        if figure.full and not full:
            continue
        measured = results.get(figure.source, {}).get(figure.value)
        if measured is None:
            rows.append((figure, None, "not measured"))
            continue
        measured *= figure.times
        verdict = "aim" if figure.good(measured, figure.aim) else \
            "must" if figure.good(measured, figure.must) else "missed"
        rows.append((figure, measured, verdict))
    return rows


def wrong(results):
    """Names of the parts in which a packet was lost or wrong, or which failed altogether."""
    return [name for name, result in results.items()
            if result.get("wrong") or "failed" in result or result.get("as_before") is False]
