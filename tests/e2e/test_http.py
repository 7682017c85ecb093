# SPDX-License-Identifier: MIT
"""What the server's port answers to plain HTTP, and how the program starts."""

import subprocess

from harness import SOCKET_PATH, Server, check, clean_environment, equal, program, test


@test("http: health, readiness, the page, unknown paths")
def plain_http():
    with Server() as server:
        for path in ("/healthz", "/readyz"):
            equal(server.get(path)[0], 200, path)
        status, body, headers = server.get("/")
        equal(status, 200, "/")
        check(headers["Content-Type"].startswith("text/html"), "/ is not HTML")
        check("<title>" in body and 'id="composer"' in body, "/ is not the chat page")
        equal(server.get("/nowhere")[0], 404, "/nowhere")
        equal(server.get("/healthz", "POST")[0] in (404, 405), True, "POST /healthz is refused")


@test("http: GET on the socket's path is told to upgrade")
def no_upgrade():
    with Server() as server:
        for path in (SOCKET_PATH, "/ws"):
            status, body, _ = server.get(path)
            equal((status, body.strip()), (400, "Expected WebSocket request"), f"GET {path}")


@test("http: what needs the admin token is not there without one")
def no_admin():
    with Server() as server:
        for method, path in (("POST", "/functions/v1/notify_websocket"), ("GET", "/v1/sessions")):
            equal(server.get(path, method)[0], 404, f"{method} {path}")


@test("start: wrong settings end it with code 2 and one clear line")
def wrong_settings():
    cases = (
        ("PORT", "abc"), ("PORT", "70000"), ("TEMPERATURE", "3"), ("TEMPERATURE", "warm"),
        ("SESSION_TIMEOUT", "soon"), ("SESSION_TIMEOUT", "-1"), ("MAX_HISTORY", "many"),
        ("MAX_TOKENS", "0"), ("OPENROUTER_BASE_URL", "ftp://example.org/"),
        ("HEARTBEAT_INTERVAL", "x"), ("MAX_MESSAGE_BYTES", "-5"), ("LOG_LEVEL", "shout"),
        ("ALLOWED_ORIGINS", "example.com"), ("TRUST_PROXY", "2"), ("RATE_LIMIT_BURST", "0"),
        ("NEW_CONNECTIONS_PER_SECOND", "-1"), ("DAILY_COST_PER_USER", "much"))
    for name, value in cases:
        settings = {"HOST": "127.0.0.1", "PORT": "0", name: value}
        ended = subprocess.run([program("AGENT_WEBSOCKET_SERVER")], timeout=10, text=True,
                               env=clean_environment(**settings), stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        shown = f"{name}={value}: {ended.stdout!r}"
        equal(ended.returncode, 2, f"exit code with {shown}")
        check(len(ended.stdout.strip().splitlines()) == 1, f"not one line with {shown}")
        check(name in ended.stdout and value in ended.stdout, f"no name or value with {shown}")


@test("start: an unknown argument ends it with code 2")
def unknown_argument():
    ended = subprocess.run([program("AGENT_WEBSOCKET_SERVER"), "--no-such-thing"], timeout=10,
                           env=clean_environment(HOST="127.0.0.1", PORT=0), text=True,
                           stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT)
    equal(ended.returncode, 2, "exit code")
    check("--no-such-thing" in ended.stdout, f"does not name the argument: {ended.stdout!r}")


@test("start: a port that is taken is told")
def port_taken():
    with Server() as server:
        settings = clean_environment(HOST="127.0.0.1", PORT=server.port)
        ended = subprocess.run([program("AGENT_WEBSOCKET_SERVER")], timeout=10, text=True,
                               env=settings, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT)
        check(ended.returncode not in (0, -6, -11), f"exit code {ended.returncode}")
        check(str(server.port) in ended.stdout, f"does not name the port: {ended.stdout!r}")
        equal(server.get("/healthz")[0], 200, "the first server")
