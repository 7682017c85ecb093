# SPDX-License-Identifier: MIT
"""https and wss on the server's port, with clients that know nothing of the library."""

import asyncio
import contextlib
import hashlib
import shutil
import signal
import socket
import ssl
import subprocess
import time
import urllib.request
import warnings

from certificates import Authority
from harness import (SOCKET_PATH, Client, Failure, ServerProgram, browser, check,
                     clean_environment, equal, fetch, program, run_script, temporary_folder, test)


class TlsServer(ServerProgram):
    """The example server with a certificate."""

    def __init__(self, chain, key, *arguments, **variables):
        super().__init__(arguments, clean_environment(HOST="127.0.0.1", PORT=0, TLS_CERT_FILE=chain,
                                               TLS_KEY_FILE=key, **variables),
                         r"listening on https://127\.0\.0\.1:(?P<port>\d+)/")

    def socket_url(self, path=SOCKET_PATH):
        return f"wss://localhost:{self.port}{path}"


@contextlib.contextmanager
def served(*arguments, **variables):
    """A server, its authority, and a context that trusts it."""
    with temporary_folder() as folder:
        authority = Authority(folder)
        files = authority.issue("server")
        with TlsServer(*files, *arguments, **variables) as server:
            yield server, authority, ssl.create_default_context(cafile=authority.ca)


def shown(port, context):
    """The certificate that the server shows now."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as plain, \
            context.wrap_socket(plain, server_hostname="localhost") as secure:
        return hashlib.sha256(secure.getpeercert(binary_form=True)).hexdigest()


@test("tls: the page by https, a conversation by wss")
def page_and_conversation():
    async def talk(server, context):
        async with Client.open(server, ssl=context) as client:
            answer = await client.ask("Hello over TLS", id="a")
            check("Hello over TLS" in answer["content"], answer)

    with served() as (server, _, context):
        with urllib.request.urlopen(f"https://localhost:{server.port}/", context=context) as page:
            check(b"<title>" in page.read(), "/ is not the chat page")
        check(f"wss://127.0.0.1:{server.port}/" in server.output, "no wss:// address was printed")
        asyncio.run(talk(server, context))


@test("tls: the npm package ws")
def npm_ws():
    with served() as (server, authority, _):
        for mode in ("plain", "stream"):
            output = run_script("ws_client.mjs", server.socket_url(), mode,
                                NODE_EXTRA_CA_CERTS=authority.ca)
            check("all well" in output, output)


@test("tls: the chat page in Chromium")
def chat_page():
    chromium = browser()
    with served() as (server, _, _):
        output = run_script("browser.mjs", chromium, "secure", f"https://localhost:{server.port}/",
                            least=20, timeout=50)
        check("all well" in output, output)


@test("tls: plain HTTP is told that the port speaks TLS")
def plain_http():
    with served() as (server, _, _):
        for path in ("/", SOCKET_PATH):
            status, body, _ = fetch(server.port, path)
            equal((status, body.strip()),
                  (400, "This port speaks TLS: use https:// or wss://"), path)


@test("tls: old versions and weak ciphers get no connection, new ones do")
def versions():
    def shakes(port, lowest, highest, ciphers="DEFAULT@SECLEVEL=0"):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        context.set_ciphers(ciphers)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            context.minimum_version = lowest
            context.maximum_version = highest
        try:
            shown(port, context)
        except (ssl.SSLError, ConnectionError):
            return False
        return True

    v = ssl.TLSVersion
    with served() as (server, _, _):
        for version, wanted in ((v.TLSv1, False), (v.TLSv1_1, False), (v.TLSv1_2, True),
                                (v.TLSv1_3, True)):
            equal(shakes(server.port, version, version), wanted, version.name)
        for cipher in ("ECDHE-ECDSA-AES128-SHA", "ECDHE-ECDSA-AES256-SHA384"):
            equal(shakes(server.port, v.TLSv1_2, v.TLSv1_2, cipher + ":@SECLEVEL=0"), False, cipher)


@test("tls: a client that collects its bytes does not wait for acknowledgements")
def no_delay():
    def seconds(port, context):
        with socket.create_connection(("127.0.0.1", port), timeout=10) as plain, \
                context.wrap_socket(plain, server_hostname="localhost") as secure:
            begun = time.monotonic()  # Nagle's algorithm is on
            secure.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            check(secure.recv(100).startswith(b"HTTP/1.1 200 "), "no answer")
            return time.monotonic() - begun

    with served() as (server, _, context):
        best = min(seconds(server.port, context) for _ in range(5))
        check(best < 0.03, f"{best * 1000:.0f} ms; a delayed acknowledgement takes 40")


@test("tls: a hangup brings the new certificate, and sockets stay")
def reload():
    async def go(server, authority, context, files):
        async with Client.open(server, ssl=context) as client:
            before = shown(server.port, context)
            for target, source in zip(files, authority.issue("next")):
                shutil.copyfile(source, target)
            server.signal(signal.SIGHUP)
            server.wait_for_line("certificates_reloaded")
            after = shown(server.port, context)
            check(after != before, "the old certificate is still shown")
            files[1].write_text("rubbish")
            server.signal(signal.SIGHUP)
            server.wait_for_line("reload_failed.*TLS_KEY_FILE.*PRIVATE KEY")
            equal(shown(server.port, context), after, "certificate after a reload that failed")
            answer = await client.ask("Still here?", id="a")
            check("Still here?" in answer["content"], answer)

    with served() as (server, authority, context):
        files = (authority.folder / "server.pem", authority.folder / "server.key")
        asyncio.run(go(server, authority, context, files))


@test("tls: workers bring the new certificate by a rolling restart, and turn nobody away")
def rolling_restart():
    async def knock(server, context, stop, failed):
        while not stop.is_set():
            try:
                async with Client.open(server, ssl=context) as client:
                    equal(client.welcome["op"], "welcome", "first message")
            except Exception as why:
                failed.append(repr(why))
            await asyncio.sleep(0.005)

    async def go(server, authority, context, files):
        stop, failed = asyncio.Event(), []
        knocking = [asyncio.create_task(knock(server, context, stop, failed)) for _ in range(3)]
        before = await asyncio.to_thread(shown, server.port, context)
        for target, source in zip(files, authority.issue("next")):
            shutil.copyfile(source, target)
        server.signal(signal.SIGHUP)
        await asyncio.to_thread(server.wait_for_line, "rolling_restart_complete")
        after = {await asyncio.to_thread(shown, server.port, context) for _ in range(8)}
        check(len(after) == 1 and before not in after, "an old certificate is still shown")
        files[1].write_text("rubbish")
        server.signal(signal.SIGHUP)
        await asyncio.to_thread(server.wait_for_line, "worker_failed .*no successor")
        equal(await asyncio.to_thread(shown, server.port, context), after.pop(),
              "certificate after a restart that failed")
        stop.set()
        await asyncio.wait(knocking)
        check(not failed, lambda: f"{len(failed)} failed: {failed[:5]}")

    with served("--workers", "2", NEW_CONNECTIONS_PER_SECOND=0, MAX_CONNECTIONS_PER_IP=0) as (
            server, authority, context):
        files = (authority.folder / "server.pem", authority.folder / "server.key")
        asyncio.run(go(server, authority, context, files))


@test("tls: settings that are wrong end the server, and --check-config, with one clear line")
def wrong_settings():
    with temporary_folder() as folder:
        authority = Authority(folder)
        chain, key = authority.issue("server")
        _, other = authority.issue("other")
        cases = (
            ({"TLS_CERT_FILE": chain}, "TLS_KEY_FILE"),
            ({"TLS_KEY_FILE": key}, "TLS_CERT_FILE"),
            ({"TLS_CERT_FILE": folder / "none", "TLS_KEY_FILE": key}, "No such file"),
            ({"TLS_CERT_FILE": chain, "TLS_KEY_FILE": chain}, "holds no private key"),
            ({"TLS_CERT_FILE": chain, "TLS_KEY_FILE": other}, "does not belong"))
        for settings, words in cases:
            for arguments in ([], ["--check-config"]):
                ended = subprocess.run([program("AGENT_WEBSOCKET_SERVER"), *arguments], timeout=10,
                                       env=clean_environment(HOST="127.0.0.1", PORT=0, **settings),
                                       stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                       stderr=subprocess.STDOUT, text=True)
                equal(ended.returncode, 2, f"exit code of {arguments} with {settings}")
                check(words in ended.stdout and "TLS_" in ended.stdout, ended.stdout)
                equal(len(ended.stdout.strip().splitlines()), 1, f"lines of {ended.stdout!r}")


@test("tls: peers that go within the handshake, or say nothing, leave nothing behind")
def rude_peers():
    with served() as (server, _, context):
        sockets = []
        for first in (b"", b"\x16", b"\x16\x03\x01\x02\x00\x01", b"\x16" + b"x" * 300):
            for _ in range(20):
                plain = socket.create_connection(("127.0.0.1", server.port), timeout=10)
                plain.sendall(first)
                sockets.append(plain)
        shown(server.port, context)  # all the while
        for plain in sockets[::2]:
            plain.close()
        deadline = time.monotonic() + 10  # HANDSHAKE: 5 s
        for plain in sockets[1::2]:
            plain.settimeout(max(0.1, deadline - time.monotonic()))
            try:
                while plain.recv(1000):
                    pass
            except ConnectionError:
                pass
            except TimeoutError:
                raise Failure("a peer without a handshake was kept") from None
            plain.close()
        shown(server.port, context)
