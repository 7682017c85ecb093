# SPDX-License-Identifier: MIT
"""Clients from npm: wscat as a person would use it, and the package ws."""

import subprocess

from harness import (Process, Server, check, clean_environment, equal, modules, node, run_script, test)


def wscat(server, url, text):
    """What wscat prints when it sends one message and waits for two seconds."""
    cli = modules() / "node_modules" / "wscat" / "bin" / "wscat"
    command = [node(), cli, "--no-color", "-c", url, "-w", "2", "-x", text]
    with Process(command, clean_environment(), subprocess.PIPE) as process:  # it ends with its input
        process.wait(20)
        return process.output


@test("wscat: welcome, Thinking..., response, at the original address")
def wscat_plain():
    with Server() as server:
        output = wscat(server, f"ws://localhost:{server.port}/functions/v1/agent_websocket",
                       '{"type":"query","content":"Tell me about WebSocket technology.",'
                       '"timestamp":"2026-01-01T00:00:00.000Z"}')
        places = [output.find(words) for words in (
            "Connected to Agent WebSocket. Session ID: ", '"content":"Thinking..."',
            'You said: \\"Tell me about WebSocket technology.\\"')]
        check(-1 not in places and places == sorted(places), f"wscat printed:\n{output}")
        equal(output.count('"type":"response"'), 1, "responses")


@test("wscat: an empty message is told what is missing")
def wscat_empty():
    with Server() as server:
        output = wscat(server, server.socket_url("/ws"), '{"type":"query","content":""}')
        check('"Message content is required"' in output, f"wscat printed:\n{output}")


def with_ws(mode, *arguments, **variables):
    with Server(**variables) as server:
        output = run_script("ws_client.mjs", server.socket_url(), mode, *arguments)
        check("all well" in output, output)


@test("ws: a plain conversation")
def ws_plain():
    with_ws("plain")


@test("ws: streams put together by the rule for deltas")
def ws_stream():
    with_ws("stream")


@test("ws: a message in single bytes with pings between them")
def ws_fragments():
    with_ws("fragments")


@test("ws: 1000 conversations at once, none mixed")
def ws_crowd():
    with_ws("crowd", "1000", MAX_CONNECTIONS_PER_IP=1000, MAX_CONNECTIONS_PER_USER=1000,
            MAX_UPSTREAM=1000)
