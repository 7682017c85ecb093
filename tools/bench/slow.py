# SPDX-License-Identifier: MIT
"""Slow readers (W6): 50 clients ask for 100 000 tokens each and never read, beside healthy ones with
one paced answer after the other. What the process and the kernel hold for a slow one (the kernel: at
the server's ends of all its connections, upstream too), what the healthy ones notice, and whether each
slow one was closed with 4002 and can come back to its whole answer. Memory is looked at after three
seconds: a server whose buffers are not full by then holds more later."""
import compare

TITLE = "W6, clients that do not read"
HEADLINE = ("W6 MiB a slow client", "mib", 2, 1)
AIMS = [compare.Aim("mib", "process", 0.4, unit="MiB"), compare.Aim("kernel_mib", "kernel", 0.5, unit="MiB"),
        compare.Aim("p99_us", "healthy p99", 2, of="floor"), compare.Aim("mib", "process", 1, of=compare.PEERS),
        compare.Aim("p99_us", "healthy p99", 1, of=compare.PEERS),
        compare.Aim("not_closed", "not closed with 4002", 0), compare.Aim("lost", "answers lost", 0)]
COLUMNS = [compare.Column("MiB of the process", "mib", 2, ratio=True),
           compare.Column("MiB of the kernel", "kernel_mib", 2, ratio=True),
           compare.Column("healthy p50 before, ms", "before_p50_us", 2, scale=1e-3),
           compare.Column("p99", "before_p99_us", 2, scale=1e-3),
           compare.Column("p50 meanwhile", "p50_us", 2, scale=1e-3),
           compare.Column("p99", "p99_us", 2, ratio=True, scale=1e-3),
           compare.Column("all full after, ms", "flood_ms", 0),
           compare.Column("closed with 4002", "closed", 0), compare.Column("came back", "resumed", 0),
           compare.Column("got all", "answered", 0)]


def run(bench, rounds):
    clients, before_ms, limit_ms, slow_timeout_ms = bench.either((50, 2000, 3000, 4000), (5, 500, 2000, 2500))

    def one_run(subject):
        with bench.serving(subject, SLOW_TIMEOUT=slow_timeout_ms / 1000) as server:
            said, looks = server.load("slow", clients=clients, tokens=100_000, width=8, healthy=10,
                                      before_ms=before_ms, limit_ms=limit_ms, slow_timeout_ms=slow_timeout_ms,
                                      resume=int(subject.resumes), until=None if subject.resumes else "flooded",
                                      also=lambda: {"kernel": server.socket_bytes()})
        at = dict(looks)
        figures = {name: (at["flooded"][what] - at["alone"][what]) / clients / 2**20
                   for name, what in (("mib", "rss"), ("kernel_mib", "kernel"))}
        for share in ("p50_us", "p99_us"):
            figures[f"before_{share}"] = said[f"healthy_before_{share}"]
            figures[share] = said[f"healthy_meanwhile_{share}"]
        if subject.resumes:
            figures.update({name: said[name] for name in ("resumed", "answered", "lost")})
            figures["flood_ms"] = said["flood_ms"]
            figures.update({"closed": said["closed_4002"], "not_closed": clients - said["closed_4002"]})
        return figures

    return compare.compared(bench, rounds, one_run, "slow", AIMS)


def markdown(figures):
    return compare.table(figures, COLUMNS)
