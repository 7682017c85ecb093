# SPDX-License-Identifier: MIT
"""Chromium: the plainest page that a browser can be given, and the chat page of the server."""

import os
import signal
import subprocess
from pathlib import Path

from harness import (HERE, Server, browser, check, equal, last_line, run_script, script,
                     temporary_folder, test)


@test("browser: a plain page with onopen and onmessage holds a conversation")
def plain_page():
    chromium = browser()
    with Server(ALLOWED_ORIGINS="null") as server:  # that of a page from a file
        output = run_script("browser.mjs", chromium, "plain", server.socket_url(),
                            HERE / "plain_client.html", least=20, timeout=50)
        check("all well" in output, output)


@test("browser: the chat page streams, stops, rates, retries, reloads and connects again")
def chat_page():
    chromium = browser()
    with temporary_folder() as folder:
        shots = Path(os.environ.get("AGENT_WEBSOCKET_E2E_SHOTS", folder))
        with Server(MAX_RETRIES=0) as first:
            with script("browser.mjs", chromium, "chat", f"http://127.0.0.1:{first.port}/", shots,
                        least=20, stdin=subprocess.PIPE) as page:
                page.wait_for_line("restart the server|^failed:", 50)
                check(not page.lines[-1].startswith("failed:"), lambda: last_line(page))
                first.signal(signal.SIGTERM)
                equal(first.wait(10), 0, "exit code of the first server")
                with Server(port=first.port):
                    page.write("\n")
                    code = page.wait(40)
                    check(code == 0, lambda: f"ended with {code}: {last_line(page)}")
                    equal(len(list(shots.glob("chat-*.png"))), 4, "screenshots")


def page_with_files(mode, *arguments, **variables):
    chromium = browser()
    with temporary_folder() as folder:
        (folder / "notes.txt").write_text("buy milk")
        (folder / "other.txt").write_text("sell wool")
        with Server("--demo-tools", "--files", folder, **variables) as server:
            output = run_script("browser.mjs", chromium, mode, f"http://127.0.0.1:{server.port}/",
                                *arguments, least=20, timeout=55)
            check("all well" in output, output)


@test("browser: the chat page shows tools and reasoning, and takes decisions, in any tab")
def page_tools():
    with temporary_folder() as folder:
        shots = Path(os.environ.get("AGENT_WEBSOCKET_E2E_SHOTS", folder))
        page_with_files("tools", shots)
        equal(len(list(shots.glob("tools-*.png"))), 4, "screenshots")


@test("browser: the chat page tells when nobody has decided in time")
def page_expiry():
    page_with_files("expiry", APPROVAL_TIMEOUT=3)
