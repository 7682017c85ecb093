# SPDX-License-Identifier: MIT
"""Who is let in: static tokens and JSON Web Tokens, shown in the handshake, and where a server
without either may listen."""

import asyncio
import base64
import hashlib
import hmac
import http.client
import json
import re
import subprocess
import time

from harness import (SOCKET_PATH, Client, Server, check, clean_environment, equal, program,
                     temporary_folder, test)

ADA = "ada-0123456789abcdef"
BOB = "bob-fedcba9876543210"
SECRET = "e2e-jwt-secret-0123456789abcdef-0123456789abcdef"
PREVIOUS = "e2e-jwt-before-0123456789abcdef-0123456789abcdef"


def part(value):
    text = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


def web_token(secret=SECRET, header=None, **claims):
    """Signed with HS256; good for a minute unless the claims say otherwise."""
    claims = {"sub": "ada", "exp": time.time() + 60, **claims}
    signed = part(header or {"typ": "JWT", "alg": "HS256"}) + "." + \
        part({name: value for name, value in claims.items() if value is not None})
    return signed + "." + part(hmac.new(secret.encode(), signed.encode(), hashlib.sha256).digest())


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


def offered(token):
    return {"Sec-WebSocket-Protocol": f"agent-websocket.v1, bearer.{token}"}


def upgrade(server, headers, path=SOCKET_PATH):
    """Status, body and headers of the answer to a handshake."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    try:
        connection.request("GET", path, headers={
            "Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", **headers})
        answer = connection.getresponse()
        return answer.status, answer.read().decode() if answer.status != 101 else "", answer.headers
    finally:
        connection.close()


def check_silence(server, *secrets):
    for secret in secrets:
        check(secret not in server.output, "a token or secret is in the server's output")


def start(*arguments, **variables):
    return subprocess.run([program("AGENT_WEBSOCKET_SERVER"), *arguments], timeout=10, text=True,
                          env=clean_environment(PORT=0, **variables), stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def start_and_fail(*arguments, **variables):
    """What a server says that does not start; it has to end with code 2 and one line."""
    ended = start(*arguments, **variables)
    equal(ended.returncode, 2, f"exit code with {variables}: {ended.stdout!r}")
    equal(len(ended.stdout.strip().splitlines()), 1, f"lines with {variables}: {ended.stdout!r}")
    return ended.stdout


@test("auth: a static token, by header and by subprotocol")
def static_token():
    digest = hashlib.sha256(BOB.encode()).hexdigest()
    with Server(AUTH_TOKENS=f"ada:{ADA},bob:sha256:{digest}", LOG_LEVEL="debug") as server:
        for token in (ADA, BOB):
            for shown in (bearer(token), {"authorization": f"bEARER {token}"}, offered(token)):
                status, _, headers = upgrade(server, shown)
                equal(status, 101, "status of a good token")
                chosen = "agent-websocket.v1" if "Sec-WebSocket-Protocol" in shown else None
                equal(headers["Sec-WebSocket-Protocol"], chosen, "the chosen subprotocol")
        # A client that offers nothing else is let in, and the token is not sent back to it.
        status, _, headers = upgrade(server, {"Sec-WebSocket-Protocol": f"bearer.{ADA}"})
        equal((status, headers["Sec-WebSocket-Protocol"]), (101, None), "the token alone")
        check_silence(server, ADA, BOB, digest)


@test("auth: a wrong token is refused with 401, a malformed one with 400")
def wrong_token():
    with Server(AUTH_TOKENS=f"ada:{ADA}", LOG_LEVEL="debug") as server:
        digest = hashlib.sha256(ADA.encode()).hexdigest()
        for token in ("wrong", ADA[:-1], ADA + "x", ADA.upper(), "ada", f"ada:{ADA}", digest,
                      f"sha256:{digest}", web_token()):
            for shown in (bearer(token), offered(token)):
                status, body, headers = upgrade(server, shown)
                equal((status, body), (401, "The token is not valid"), f"answer to {shown}")
                check(headers["Sec-WebSocket-Protocol"] is None, "a subprotocol was chosen")
                equal(headers["WWW-Authenticate"], 'Bearer error="invalid_token"', "the way out")
        for shown in ({"Authorization": "Bearer"}, {"Authorization": f"Bearer {ADA} x"},
                      {"Sec-WebSocket-Protocol": "agent-websocket.v1, bearer."},
                      {**bearer(ADA), **offered("another")}):
            status, body, _ = upgrade(server, shown)
            equal(status, 400, f"status of {shown}")
            check(ADA not in body and body, f"words for {shown}: {body!r}")
        equal(upgrade(server, {**bearer(ADA), **offered(ADA)})[0], 101, "twice the same")
        check_silence(server, ADA)


@test("auth: a token in the URL or a cookie counts for nothing")
def not_in_the_url():
    with Server(AUTH_TOKENS=f"ada:{ADA}", AUTH_TIMEOUT=0) as server:
        for path in (f"{SOCKET_PATH}?token={ADA}", f"/ws?access_token={ADA}"):
            equal(upgrade(server, {}, path)[0], 401, "status of a token in the URL")
        equal(upgrade(server, {"Cookie": f"token={ADA}"})[0], 401, "status of a token in a cookie")
        equal(upgrade(server, {"Authorization": f"Basic {part(b'ada:' + ADA.encode())}"})[0], 401,
              "status of a password")
        equal(upgrade(server, bearer(ADA))[0], 101, "status of the header")
        check_silence(server, ADA)


@test("auth: a conversation behind a token")
def conversation():
    async def talk(server, **options):
        async with Client.open(server, **options) as client:
            check("Session ID" in client.welcome["content"], f"no welcome: {client.welcome}")
            answer = await client.ask("Hello")
            equal((answer["type"], answer["status"]), ("response", "completed"), "the answer")

    import websockets
    headers = "extra_headers" if int(websockets.__version__.split(".")[0]) < 14 \
        else "additional_headers"
    with Server(AUTH_TOKENS=f"ada:{ADA}", JWT_SECRET=SECRET) as server:
        asyncio.run(talk(server, **{headers: bearer(ADA)}))
        asyncio.run(talk(server, **{headers: bearer(web_token())}))
        asyncio.run(talk(server, subprotocols=["agent-websocket.v1", f"bearer.{web_token()}"]))
        check_silence(server, ADA, SECRET)


@test("auth: JSON Web Tokens, good ones and others")
def json_web_tokens():
    now = time.time()
    with Server(JWT_SECRET=SECRET, JWT_PREVIOUS_SECRET=PREVIOUS, JWT_AUDIENCE="chat",
                JWT_ISSUER="https://id.example", JWT_LEEWAY=5, LOG_LEVEL="debug") as server:
        def made(secret=SECRET, header=None, **claims):
            return web_token(secret, header, **{"aud": "chat", "iss": "https://id.example",
                                                **claims})

        good = (made(), made(PREVIOUS), made(aud=["mail", "chat"]), made(exp=now - 1),
                made(nbf=now - 9), made(iat=now), made(exp=int(now) + 60),
                made(header={"alg": "HS256", "kid": "../../etc/passwd"}))
        for token in good:
            for shown in (bearer(token), offered(token)):
                equal(upgrade(server, shown)[0], 101, f"status of {token}")
        expired = (made(exp=now - 60), made(exp=0), made(PREVIOUS, exp=1))
        for token in expired:
            status, body, _ = upgrade(server, bearer(token))
            equal((status, body), (401, "The token has expired"), f"answer to {token}")
        head, body, signature = made().split(".")
        none = part({"alg": "none"})
        bad = (made("x" * 48), made(""), made(aud="mail"), made(aud=None), made(iss="x"),
               made(exp=None), made(exp=str(now + 60)), made(exp=(now + 60) * 1000),
               made(nbf=now + 60), made(iat=now + 3600), made(sub=None), made(sub=""),
               made(sub="a\nb"), made(sub="anonymous"), made(header={"alg": "none"}),
               made(header={"alg": "HS512"}), made(header={"alg": "HS256", "crit": ["exp"]}),
               f"{none}.{body}.", f"{none}.{body}.{signature}", f"{head}.{body}.",
               f"{head}.{body}", f"{head}.{body}.{signature}.", f"{head}.{body}.{signature}=",
               f"{head}.{body}.AAAA", f"{head}.{part({'sub': 'root'})}.{signature}",
               f"{head}.{body}.{signature}.AAAA.AAAA", "x" * 2000)
        for token in bad:
            status, words, _ = upgrade(server, bearer(token))
            equal((status, words), (401, "The token is not valid"), f"answer to {token}")
        check_silence(server, SECRET, PREVIOUS, *(token for token in good + bad if len(token) > 9))


@test("auth: without authentication a server does not listen where others can reach it")
def exposed():
    for host in ("0.0.0.0", "::"):
        for arguments in ((), ("--check-config",)):
            words = start_and_fail(*arguments, HOST=host)
            for wanted in ("HOST", host, "AUTH_TOKENS", "JWT_SECRET", "HOST=localhost",
                           "ALLOW_ANONYMOUS=1"):
                check(wanted in words, f"{wanted} is not in {words!r}")
        for way in ({"ALLOW_ANONYMOUS": 1}, {"AUTH_TOKENS": f"ada:{ADA}"}, {"JWT_SECRET": SECRET}):
            ended = start("--check-config", HOST=host, **way)
            equal(ended.returncode, 0, f"exit code with {way}: {ended.stdout!r}")


@test("auth: wrong settings end it with code 2, one line, and nothing secret in it")
def wrong_settings():
    with temporary_folder() as folder:
        key = folder / "key.pem"
        key.write_text("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")
        cases = (
            ({"AUTH_TOKENS": "topsecret"}, "AUTH_TOKENS"),
            ({"AUTH_TOKENS": "ada:topsecret"}, "AUTH_TOKENS"),
            ({"AUTH_TOKENS": "topsecret-topsecret:ada"}, "AUTH_TOKENS"),
            ({"AUTH_TOKENS": ","}, "AUTH_TOKENS"),
            ({"JWT_SECRET": "topsecret"}, "JWT_SECRET"),
            ({"JWT_PREVIOUS_SECRET": "topsecret"}, "JWT_PREVIOUS_SECRET"),
            ({"JWT_PREVIOUS_SECRET": "topsecret" * 9}, "JWT_SECRET"),
            ({"JWT_PUBLIC_KEY_FILE": str(folder / "none.pem")}, "none.pem"),
            ({"JWT_PUBLIC_KEY_FILE": str(key)}, "private key"),
            ({"JWT_AUDIENCE": "chat"}, "JWT_AUDIENCE"),
            ({"JWT_LEEWAY": "soon"}, "JWT_LEEWAY"),
            ({"ALLOW_ANONYMOUS": "yes"}, "ALLOW_ANONYMOUS"),
            ({"ALLOW_ANONYMOUS": "1", "AUTH_TOKENS": f"ada:{ADA}"}, "ALLOW_ANONYMOUS"))
        for variables, wanted in cases:
            words = start_and_fail(HOST="127.0.0.1", **variables)
            check(wanted in words, f"{wanted} is not in {words!r}")
            check(not re.search(f"topsecret|{ADA}", words), f"a secret is in {words!r}")
