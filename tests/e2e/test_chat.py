# SPDX-License-Identifier: MIT
"""The terminal chat, in a pseudo-terminal as a person has it."""

import contextlib
import fcntl
import os
import pty
import re
import select
import signal
import socket
import struct
import subprocess
import termios
import threading
import time

from harness import (Failure, Server, check, clean_environment, equal, program, temporary_folder,
                     test)

ESCAPES = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07]*\x07|\x1b.")


class Terminal:
    """A program in a terminal of 100 columns; what it shows, without escape sequences."""

    def __init__(self, *command):
        self.side, program_side = pty.openpty()
        fcntl.ioctl(self.side, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))

        def own_terminal():
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)

        self.process = subprocess.Popen(
            [str(word) for word in command], stdin=program_side, stdout=program_side,
            stderr=program_side, start_new_session=True, preexec_fn=own_terminal,
            env=clean_environment(TERM="xterm"))
        os.close(program_side)
        self.shown = ""
        self.read_to = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        os.close(self.side)

    def read(self, seconds):
        """Takes what comes; False when the terminal is closed."""
        if select.select([self.side], [], [], seconds)[0]:
            try:
                got = os.read(self.side, 65536)
            except OSError:  # EIO: the program has closed its side
                return False
            self.shown += ESCAPES.sub("", got.decode("utf-8", "replace")).replace("\r", "")
            return bool(got)
        return True

    def type(self, text):
        os.write(self.side, text.encode())

    def expect(self, pattern, timeout=10):
        """Waits until the pattern is shown, behind what was expected last."""
        deadline = time.monotonic() + timeout
        open_ = True
        while True:
            found = re.search(pattern, self.shown[self.read_to:], re.S)
            if found:
                self.read_to += found.end()
                return found
            if not open_ or time.monotonic() > deadline:
                raise Failure(f"the terminal does not show {pattern!r}; it shows:\n{self.shown}")
            open_ = self.read(0.1)

    def end(self, timeout=5):
        """Waits for the program to end and gives its code."""
        deadline = time.monotonic() + timeout
        while self.process.poll() is None:
            check(time.monotonic() < deadline, lambda: f"it does not end; it shows:\n{self.shown}")
            self.read(0.05)
        return self.process.returncode


def chat(server):
    return Terminal(program("AGENT_WEBSOCKET_CHAT"), server.socket_url())


@test("chat: asks, shows the stream, /help, /history, /quit")
def conversation():
    with Server() as server, chat(server) as terminal:
        terminal.expect("(?i)connected|session")
        terminal.type("count to 30\r")
        terminal.expect("1 2 3 4")
        check("28 29 30" not in terminal.shown, "the answer was not streamed")
        terminal.expect("28 29 30")
        terminal.type("unicode\r")
        terminal.expect("日本語の文章")
        terminal.expect("quotes")
        terminal.type("/help\r")
        terminal.expect("/history")
        terminal.expect("/quit")
        terminal.type("/history\r")
        terminal.expect("count to 30")
        terminal.type("/quit\r")
        equal(terminal.end(), 0, "exit code")


@test("chat: Ctrl-C stops an answer, and ends the program when there is none")
def ctrl_c():
    with Server() as server, chat(server) as terminal:
        terminal.expect("(?i)connected|session")
        terminal.type("count to 900\r")
        terminal.expect("8 9 10")
        terminal.type("\x03")
        terminal.expect("(?i)cancel|stopped|interrupt")
        terminal.type("count to 3\r")
        terminal.expect(r"\b1 2 3\b.*\d tokens")  # the answer has ended
        terminal.type("\x03")
        check(terminal.end() in (0, 130), lambda: f"exit code {terminal.process.returncode}")


@test("chat: failures are shown in words, the end of the server too")
def failures():
    with Server(MAX_RETRIES=0) as server, chat(server) as terminal:
        terminal.expect("(?i)connected|session")
        terminal.type("error 402\r")
        terminal.expect("(?i)balance|credits|payment")
        terminal.type("count to 3\r")
        terminal.expect("1 2 3")
        server.signal(signal.SIGTERM)
        terminal.expect("(?i)shutting down|connection|closed")


@test("chat: a server that is not there is told")
def no_server():
    with Server() as server:
        url = server.socket_url()
        server.get("/healthz")
    with Terminal(program("AGENT_WEBSOCKET_CHAT"), url) as terminal:
        terminal.expect("(?i)refused|cannot|could not|fail|reconnect|connecting again|retry")


@test("chat: tools are shown; what they ask for is approved, rejected, edited, answered")
def decisions():
    with temporary_folder() as folder:
        (folder / "notes.txt").write_text("buy milk")
        (folder / "other.txt").write_text("sell wool")
        with Server("--demo-tools", "--files", folder) as server, chat(server) as terminal:
            terminal.expect("(?i)connected|session")
            terminal.type("what is 12 * 7?\r")
            terminal.expect(r'Calling calculate \{"expression":"12 \* 7"\}')
            terminal.expect("calculate: done")
            terminal.expect(r"says: 84.*\d+ \+ \d+ tokens, \$0\.\d+")
            for decision, shown in (
                    ("/approve", "Approved\\..*says: buy milk"),
                    ("/reject that is private", "Rejected\\..*failed:.*that is private"),
                    ('/edit {"path":"other.txt"}', "Approved with.*sell wool"),
                    ("/answer buy nothing", "Answered\\..*says: buy nothing")):
                terminal.type("read notes.txt\r")
                terminal.expect(r'\? May the agent read this file\?.*read_file \{"path":"notes.txt"\}')
                terminal.expect(r"/approve, /reject.*until \d\d:\d\d:\d\d UTC; then it is rejected")
                terminal.type(decision + "\r")
                terminal.expect(shown)
                terminal.expect(r"\d tokens")
            terminal.type('use the tool ask_person with {"question":"Which city?"}\r')
            terminal.expect(r"\? The agent has a question:.*Which city\?.*/answer TEXT or /reject")
            terminal.type("/answer Rome\r")
            terminal.expect(r"Answered\..*ask_person says: Rome.*\d tokens")
            terminal.type("read notes.txt\r")
            terminal.expect("until .* rejected")
            terminal.type("/edit {path\r")
            terminal.expect("! The decision needs data that are JSON")
            terminal.type("\x15/edit {\"path\":7}\r")
            terminal.expect("! `path` must be a string")
            terminal.type("\x03")
            terminal.expect("withdrawn")
            terminal.type("/approve\r")
            terminal.expect("! Nothing is asked")


@test("chat: reasoning is folded until /reasoning shows it")
def reasoning():
    with Server() as server, chat(server) as terminal:
        terminal.expect("(?i)connected|session")
        terminal.type("think about sheep\r")
        terminal.expect(r"You said: .*tokens.*/reasoning shows what it thought")
        check("I have thought" not in terminal.shown, "the reasoning is not folded")
        terminal.type("/reasoning\r")
        terminal.expect('The user wants me to think about "sheep". I have thought')
        terminal.type("/reasoning on\r")
        terminal.expect("is shown")
        terminal.type("think about goats\r")
        terminal.expect('think about "goats". I have thought, and I can answer now.\nYou')
        terminal.expect("tokens")
        terminal.type("/reasoning off\r")
        terminal.expect("is not shown")
        terminal.type("/reasoning maybe\r")
        terminal.expect("! /reasoning needs on, off or nothing")


def plain(url, text):
    """Code, output and error output of the chat without a terminal."""
    ended = subprocess.run([program("AGENT_WEBSOCKET_CHAT"), "--plain", url], input=text, text=True,
                           capture_output=True, timeout=20, env=clean_environment())
    return ended.returncode, ended.stdout, ended.stderr


@test("chat: without a terminal it answers the lines of its input")
def plain_input():
    with Server() as server:
        code, output, errors = plain(server.socket_url(), "count to 4\nwhat did I say before?\n")
        equal(code, 0, f"exit code with {errors!r}")
        check("1 2 3 4" in output and '"count to 4"' in output, f"it prints {output!r}")
        check("\x1b" not in output, f"escape sequences: {output!r}")
    code, _, errors = plain(server.socket_url(), "count to 4\n")
    equal(code, 1, "exit code without a server")
    check(errors, "nothing is said about it")
    with temporary_folder() as folder:
        (folder / "notes.txt").write_text("buy milk")
        with Server("--files", folder) as server:
            for decision, said in (("/approve\n", "says: buy milk"), ("", "nobody is there to decide")):
                code, output, errors = plain(server.socket_url(), "read notes.txt\n" + decision)
                equal(code, 0, f"exit code with {errors!r}")
                check(said in output and "May the agent" in errors, f"{output!r}, {errors!r}")



class CuttingProxy:
    """Carries bytes to the server and back; the first connections end after so many from it."""

    def __init__(self, port, *allowances):
        self.port = port
        self.allowances = list(allowances)
        self.cuts = 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self.accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.close()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                server = socket.create_connection(("127.0.0.1", self.port))
                left = self.allowances.pop(0) if self.allowances else None
                for source, target, limit in ((client, server, None), (server, client, left)):
                    threading.Thread(target=self.carry, args=(source, target, limit),
                                     daemon=True).start()

    def carry(self, source, target, left):
        with contextlib.suppress(OSError):
            while left != 0:
                got = source.recv(4096 if left is None else min(left, 4096))
                if not got:
                    break
                target.sendall(got)
                left = None if left is None else left - len(got)
        self.cuts += left == 0
        for each in (source, target):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)


@test("chat: an answer is whole although its connection was lost, again and again")
def resumed():
    with Server() as server:
        host, port = re.search(r"//([^:]+):(\d+)", server.socket_url()).groups()
        with CuttingProxy(int(port), 3001, 2500, 900, 4007) as proxy:
            url = server.socket_url().replace(f"{host}:{port}",
                                              f"127.0.0.1:{proxy.listener.getsockname()[1]}")
            code, output, errors = plain(url, "count to 200\n")
            equal(code, 0, f"exit code with {errors!r}")
            equal(output.split(), [str(i) for i in range(1, 201)], f"the answer with {errors!r}")
            check(proxy.cuts >= 2, lambda: f"{proxy.cuts} cuts")
            check("the session goes on" in errors, lambda: f"nothing is said: {errors!r}")


@test("client: the program of the README asks, prints what comes, and ends")
def client_of_the_readme():
    with Server() as server:
        ended = subprocess.run([program("AGENT_WEBSOCKET_CLIENT"), "count to 12", server.socket_url()],
                               text=True, stdout=subprocess.PIPE, timeout=20)
        equal((ended.returncode, ended.stdout), (0, "1 2 3 4 5 6 7 8 9 10 11 12\n"), "output")
