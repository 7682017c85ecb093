# SPDX-License-Identifier: MIT
"""The servers that are measured. Each is started with the port of an upstream, prints
`listening on http://127.0.0.1:PORT/` and serves the protocol at /ws."""
import contextlib
import os
import re
import shlex
import subprocess
import sys
import tempfile
import time

import measure
import peer_servers
import programs
from load_program import Failure, ended, run_load, start, upstream

TOKEN = "bench-bench-bench-bench"


class Subject:
    """A program that is told the port of its upstream, where its command says {upstream}."""
    resumes = False  # whether a client can come back to its session
    parameters = {}  # of the load program, in every case

    def __init__(self, name, command, variables=None):
        self.name, self.words, self.variables = name, command, variables or {}

    def command(self, upstream_port):
        return [str(word).replace("{upstream}", str(upstream_port)) for word in self.words]

    def environment(self, _, more):
        """`more` is for the example server; others know only MAX_HISTORY."""
        return {**self.variables, **{name: more[name] for name in more if name == "MAX_HISTORY"}}

    @contextlib.contextmanager
    def prepared(self):
        """What it needs while it runs: more variables, and parameters of its upstream."""
        yield {}, {}


class Ours(Subject):
    """The example server without any limit of rates, one message per token."""
    resumes = True

    def environment(self, upstream_port, more):
        return {"LOG_LEVEL": "warning", "HOST": "127.0.0.1", "PORT": 0, "MODEL": "bench", "COALESCE_MS": 0,
                "OPENROUTER_BASE_URL": f"http://127.0.0.1:{upstream_port}/v1",
                **{name: 0 for name in ("MAX_UPSTREAM", "RATE_LIMIT_PER_MINUTE", "USER_RATE_LIMIT_PER_MINUTE",
                                        "NEW_CONNECTIONS_PER_SECOND", "MAX_CONNECTIONS",
                                        "MAX_CONNECTIONS_PER_IP", "MAX_CONNECTIONS_PER_USER",
                                        "MAX_SESSIONS_PER_USER")},
                "MAX_DETACHED": 100_000, **self.variables, **more}


class Encrypted(Ours):
    """wss."""
    parameters = {"tls": 1}
    asks_encrypted = False

    @contextlib.contextmanager
    def prepared(self):
        with programs.folder_on_disk() as folder:
            certificate, key = programs.certificate(folder)
            upstream_parameters = {"tls": 1, "cert": certificate, "key": key} if self.asks_encrypted else {}
            yield {"TLS_CERT_FILE": certificate, "TLS_KEY_FILE": key,
                   "SSL_CERT_FILE": certificate}, upstream_parameters


class EncryptedBothSides(Encrypted):
    """wss, and https to the model, where the server's HTTP client trusts SSL_CERT_FILE."""
    asks_encrypted = True

    def environment(self, upstream_port, more):
        return {**super().environment(upstream_port, more),
                "OPENROUTER_BASE_URL": f"https://127.0.0.1:{upstream_port}/v1"}


class Authenticated(Ours):
    """Who comes has a token in its handshake."""
    parameters = {"token": TOKEN}

    @contextlib.contextmanager
    def prepared(self):
        yield {"AUTH_TOKENS": f"bench:{TOKEN}"}, {}


class Running:
    """A started subject, and the load on it."""

    def __init__(self, bench, subject, process, port, upstream_port):
        self.bench, self.subject, self.port, self.pid = bench, subject, port, process.pid
        self.upstream_port = upstream_port

    def socket_bytes(self):
        """What the kernel holds for its connections, its own ends of them."""
        said = run_load(self.bench.load_program, "sockets", self.port, lambda _: None, 10,
                        upstream=self.upstream_port)
        return said["client_bytes"] + said["upstream_bytes"]

    def load(self, case, limit=120, also=None, until=None, **parameters):
        """Figures of the load program, and the looks at the server wherever it waited, as (name,
        figures); also() gives figures of whoever asks."""
        looks = []

        def wait(name):
            looks.append((name, {**measure.look(self.pid), **(also() if also else {})}))

        said = run_load(self.bench.load_program, case, self.port, wait, limit, until,
                        **{**self.subject.parameters, **parameters})
        return said, looks


class Bench:
    """What workloads are given: subjects by name, and how much they should do."""

    def __init__(self, quick, builds, peers):
        self.quick = quick
        self.descriptors = measure.raise_descriptor_limit()
        self.load_program = programs.built("load", "-DBENCH_TLS=1", "-lssl", "-lcrypto")
        self.server = programs.example_server()
        self.subjects = [self.ours("ours")]
        self.left_out = {}
        for name, path in builds:
            self.add(name, lambda name=name, path=path: Ours(name, [path]))
        self.add("floor", floor)
        self.peers = [*peer_servers.ALL, *(name for name, _ in peers)]
        for name, made in peer_servers.ALL.items():
            self.add(name, lambda name=name, made=made: Subject(name, *made()))
        for name, command in peers:
            self.add(name, lambda name=name, command=command: Subject(name, shlex.split(command)))

    def ours(self, name, kind=Ours, **variables):
        return kind(name, [self.server], variables)

    def add(self, name, made):
        """Whoever cannot be started is left out."""
        try:
            subject = made()
            with self.serving(subject):
                pass
            self.subjects.append(subject)
        except (Failure, OSError) as why:
            self.left_out[name] = str(why)
            print(f"without {name}: {why}", file=sys.stderr)

    def either(self, full, quick):
        return quick if self.quick else full

    def can_ask(self, subject):
        """Whether one question is answered."""
        try:
            with self.serving(subject) as server:
                server.load("relay", limit=20, sessions=1, queries=1, tokens=1, width=8)
                return True
        except Failure as why:
            print(f"without {subject.name}: {str(why)[:160]}", file=sys.stderr)
            return False

    def accepts(self, **variables):
        """Whether the example server can be started with these variables; else it says why not."""
        with ended(start([self.server, "--check-config"], variables, stdout=subprocess.DEVNULL)) as process:
            return process.wait(10) == 0

    @contextlib.contextmanager
    def serving(self, subject, **variables):
        """The subject with an upstream of its own. `variables` are for the example server."""
        with subject.prepared() as (more, upstream_parameters), tempfile.TemporaryFile() as output, \
                upstream(self.load_program, **upstream_parameters) as upstream_port:
            environment = subject.environment(upstream_port, {**more, **variables})
            with ended(start(subject.command(upstream_port), environment, stdout=output, stderr=output)) as process:
                yield Running(self, subject, process, announced_port(process, output), upstream_port)
                if process.poll() is not None:
                    raise Failure(f"it ended with {process.returncode}: {last_words(output) or 'without a word'}")


def floor():
    return Subject("floor", [programs.built("floor"), "{upstream}"])


def last_words(output):
    """Read beside the process, which shares the place in the file."""
    size = os.fstat(output.fileno()).st_size
    return os.pread(output.fileno(), 1000, max(0, size - 1000)).decode("utf-8", "replace").strip()


def announced_port(process, output):
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        found = re.search(rb"^listening on https?://[^/\s]*:(\d+)/", os.pread(output.fileno(), 65536, 0), re.M)
        if found:
            return int(found[1])
        if process.poll() is not None:
            raise Failure(f"it ended with {process.returncode}: {last_words(output) or 'without a word'}")
        time.sleep(0.01)
    raise Failure(f"it does not say `listening on http://127.0.0.1:PORT/` within 10 s: {last_words(output)}")
