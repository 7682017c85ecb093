# SPDX-License-Identifier: MIT
"""The JavaScript client and the chat page over connections that break, in node and in Chromium."""

from harness import HERE, SOCKET_PATH, Server, browser, check, equal, run_script, test

CLIENT = HERE.parent.parent / "examples" / "web" / "agent-websocket.js"


def in_node(mode):
    with Server() as server:
        output = run_script("resume_client.mjs", server.port, SOCKET_PATH, mode, least=20, timeout=55)
        check("all well" in output, output)


def in_chromium(mode):
    chromium = browser()
    with Server() as server:
        output = run_script("browser.mjs", chromium, mode, server.port, least=20, timeout=55)
        check("all well" in output, output)


@test("resume: the server carries the client module as it is in the sources")
def module_is_served():
    with Server() as server:
        status, body, headers = server.get("/agent-websocket.js")
        equal(status, 200, "/agent-websocket.js")
        equal(headers["Content-Type"], "text/javascript; charset=utf-8", "its type")
        check(body == CLIENT.read_text("utf-8"), "the module is not that of the sources")


@test("resume: node, ten cuts in one answer, and questions asked meanwhile")
def node_cuts():
    in_node("cuts")


@test("resume: node, a program that ends in mid-answer, and its successor")
def node_reload():
    in_node("reload")


@test("resume: node, two clients on one session")
def node_tabs():
    in_node("tabs")


@test("resume: node, an address where nothing is")
def node_upgrade():
    in_node("upgrade")


@test("resume: Chromium, ten cuts in one answer")
def chromium_cuts():
    in_chromium("cuts")


@test("resume: Chromium, reloads in mid-answer")
def chromium_reload():
    in_chromium("reload")


@test("resume: Chromium, a copied tab")
def chromium_tabs():
    in_chromium("tabs")
