# SPDX-License-Identifier: MIT
"""Servers on other people's libraries that are put beside ours: the programs of the folder peers/. Those
of the npm registry are measured where install() has been called once; node-ws with Debian's packages too,
or with those of the end-to-end tests; beast is compiled where Boost is."""
import contextlib
import filecmp
import os
import shutil
from pathlib import Path

import programs
from load_program import Failure

SOURCES = programs.HERE / "peers"
INSTALLED = programs.BUILD / "npm"
PACKAGES = INSTALLED / "node_modules"
LOCK = SOURCES / "package-lock.json"
INSTALLED_LOCK = PACKAGES / ".installed-lock.json"  # written last


def is_installed():
    return INSTALLED_LOCK.exists() and filecmp.cmp(LOCK, INSTALLED_LOCK, shallow=False)


def install():
    """What the lock file names, into the build folder: 310 MB. Nothing when it is there."""
    if is_installed():
        return
    if not shutil.which("npm"):
        raise Failure("there is no npm (Debian: npm)")
    INSTALLED.mkdir(parents=True, exist_ok=True)
    for each in (SOURCES / "package.json", LOCK):
        shutil.copy(each, INSTALLED)
    programs.run_quietly(["npm", "ci", "--no-audit", "--no-fund", "--prefix", INSTALLED])
    for made in (bun, deno):
        made()  # or there is a reason why it is not
    shutil.copy(LOCK, INSTALLED_LOCK)


def native(*candidates):
    """The first of these files in PACKAGES that is a program itself: where npm was not allowed to run what a
    package brings, a script stands in its place, which would be measured for the program that it starts."""
    for each in candidates:
        with contextlib.suppress(OSError), (PACKAGES / each).open("rb") as file:
            if file.read(4) == b"\x7fELF":
                return PACKAGES / each
    raise Failure(f"npm has brought no program for this machine: there is none of {', '.join(candidates)}")


def node():
    found = shutil.which("node")
    if not found:
        raise Failure("there is no node (Debian: nodejs)")
    return found


def folder_of_ws():
    """The folder of the package ws: of install(), of the end-to-end tests, or Debian's. None without one."""
    for folder in (is_installed() and INSTALLED, os.environ.get("AGENT_WEBSOCKET_E2E_MODULES"),
                   programs.ROOT / "build" / "e2e", programs.ROOT / "tests" / "e2e"):
        if folder and (Path(folder) / "node_modules" / "ws").is_dir():
            return (Path(folder) / "node_modules").resolve()
    debian = Path("/usr/share/nodejs")
    return debian if (debian / "ws").is_dir() else None


def node_ws():
    modules = folder_of_ws()
    if not modules:
        raise Failure("there is no npm package ws (Debian: node-ws, and node-undici is faster; or --install-peers)")
    return [node(), SOURCES / "ws.mjs", "{upstream}"], {"NODE_PATH": modules}


def uws_js():
    return [node(), SOURCES / "uws.mjs", "{upstream}"], {"NODE_PATH": PACKAGES}


def bun():
    # As many questions at once as there are sessions: else it keeps all but 256 waiting.
    program = native("bun/bin/bun.exe", "@oven/bun-linux-x64/bin/bun", "@oven/bun-linux-aarch64/bin/bun")
    return [program, SOURCES / "bun.mjs", "{upstream}"], {"BUN_CONFIG_MAX_HTTP_REQUESTS": 20_000}


def deno():
    program = native("deno/deno", "@deno/linux-x64-glibc/deno", "@deno/linux-arm64-glibc/deno")
    return [program, "run", "--no-config", "--allow-net", "--allow-env", SOURCES / "deno.mjs",
            "{upstream}"], {"DENO_NO_UPDATE_CHECK": 1}


def beast():
    try:
        return [programs.built("peers/beast", "-lpthread"), "{upstream}"], {}
    except Failure as why:
        missing = "fatal error: boost/" in str(why) or "'boost/" in str(why)
        raise Failure("there is no Boost.Beast (Debian: libboost-dev)" if missing else str(why)) from why


def installed(made):
    def checked():
        if not is_installed():
            raise Failure("not installed (tools/bench/run --install-peers)")
        return made()
    return checked


# Command and variables, by name.
ALL = {"beast": beast, "node-ws": node_ws, "uws-js": installed(uws_js), "bun": installed(bun), "deno": installed(deno)}
