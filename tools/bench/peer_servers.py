# SPDX-License-Identifier: MIT
"""Servers on other people's libraries that are put beside ours: the programs of the folder peers/. Those
of the npm registry are measured where install() has been called once; node-ws with Debian's packages too."""
import filecmp
import os
import shutil
from pathlib import Path

import programs
from load_program import Failure

SOURCES = programs.HERE / "peers"
INSTALLED = programs.BUILD / "peers"
PACKAGES = INSTALLED / "node_modules"
LOCK = SOURCES / "package-lock.json"
INSTALLED_LOCK = PACKAGES / ".installed-lock.json"  # written last


def is_installed():
    return INSTALLED_LOCK.exists() and filecmp.cmp(LOCK, INSTALLED_LOCK, shallow=False)


def install():
    """What the lock file names, into the build folder: 500 MB. Nothing when it is there."""
    if is_installed():
        return
    if not shutil.which("npm"):
        raise Failure("there is no npm (Debian: npm)")
    INSTALLED.mkdir(parents=True, exist_ok=True)
    for each in (SOURCES / "package.json", LOCK):
        shutil.copy(each, INSTALLED)
    programs.run_quietly(["npm", "ci", "--no-audit", "--no-fund", "--prefix", INSTALLED])
    shutil.copy(LOCK, INSTALLED_LOCK)


def node():
    found = shutil.which("node")
    if not found:
        raise Failure("there is no node (Debian: nodejs)")
    return found


def folder_of_ws():
    """The folder of the package ws: of install(), of the end-to-end tests, or Debian's. None without one."""
    for folder in (INSTALLED, os.environ.get("AGENT_WEBSOCKET_E2E_MODULES"), programs.ROOT / "build" / "e2e",
                   programs.ROOT / "tests" / "e2e"):
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
    return [PACKAGES / ".bin" / "bun", SOURCES / "bun.mjs", "{upstream}"], {"BUN_CONFIG_MAX_HTTP_REQUESTS": 20_000}


def deno():
    return [PACKAGES / ".bin" / "deno", "run", "--no-config", "--allow-net", "--allow-env", SOURCES / "deno.mjs",
            "{upstream}"], {"DENO_NO_UPDATE_CHECK": 1}


def installed(made):
    def checked():
        if not is_installed():
            raise Failure("not installed (tools/bench/run --install-peers)")
        return made()
    return checked


# Command and variables, by name.
ALL = {"node-ws": node_ws, "uws-js": installed(uws_js), "bun": installed(bun), "deno": installed(deno)}
