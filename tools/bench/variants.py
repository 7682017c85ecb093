# SPDX-License-Identifier: MIT
"""What costs how much: the example server plain, with its coalescing window, TLS, authentication and
each store, on the workloads relay, paced and queries. Ratios are to the plain one. TLS on both sides
needs an HTTP client that trusts the certificates of SSL_CERT_FILE, and is left out without one."""
import contextlib

import compare
import paced
import queries
import relay
import stores
import subjects

TITLE = "What costs how much"
COLUMNS = [compare.Column("relay, CPU µs/token", "relay", 2, ratio=True),
           compare.Column("paced, CPU µs/token", "paced", 1, ratio=True),
           compare.Column("paced p99 µs", "paced_p99", 0, ratio=True),
           compare.Column("CPU µs/question", "queries", 1, ratio=True),
           compare.Column("question p50 µs", "queries_p50", 0, ratio=True)]


class Stored(subjects.Ours):
    """With a store of its own."""

    @contextlib.contextmanager
    def prepared(self):
        with stores.opened(self.name) as store:
            yield {"STORE": store.url}, {}


def run(bench, rounds):
    ours = [bench.ours("plain"), bench.ours("20 ms window", COALESCE_MS=20),
            bench.ours("TLS", subjects.Encrypted), bench.ours("TLS on both sides", subjects.EncryptedBothSides),
            bench.ours("authentication", subjects.Authenticated),
            *(bench.ours(name, Stored) for name in stores.available(bench) if name != "memory")]
    ours = [each for each in ours if not isinstance(each, subjects.EncryptedBothSides) or bench.can_ask(each)]
    sessions, asked, tokens, ms = bench.either((100, 20, 200, 2000), (20, 1, 20, 200))

    def one_run(subject):
        with bench.serving(subject) as server:
            relayed = relay.measured(server, sessions, asked, tokens)
        with bench.serving(subject) as server:
            at_pace = paced.measured(server, bench.either(200, 20), bench.either(100, 10), 20_000)
        with bench.serving(subject) as server:
            asking = queries.measured(server, 50, ms, 50)
        return {"relay": relayed["us"], "paced": at_pace["us"], "paced_p99": at_pace["p99_us"],
                "queries": asking["us"], "queries_p50": asking["p50_us"]}

    return compare.compared(bench, rounds, one_run, "variants", (), ours, base="plain")


def markdown(figures):
    return compare.table(figures, COLUMNS, first="ours")
