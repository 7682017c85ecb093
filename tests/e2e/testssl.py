#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs testssl.sh (https://testssl.sh) against the example server with a certificate, and fails on
a finding above LOW. Takes some minutes.

  AGENT_WEBSOCKET_SERVER=build/bin/server tests/e2e/testssl.py
"""

import json
import shutil
import subprocess
import sys

from certificates import Authority
from harness import Failure, Skip, temporary_folder
from test_tls import TlsServer

SECONDS = 900
HARMLESS = ("OK", "INFO", "LOW")
# What is no property of the server: testssl.sh on the OpenSSL and the tools that it found.
OF_THE_MACHINE = ("engine_problem",)
LEAST_FINDINGS = 100  # fewer: it did not get through


def findings(server, authority, folder):
    command = shutil.which("testssl") or shutil.which("testssl.sh")
    if not command:
        raise Skip("there is no testssl.sh (Debian: testssl.sh)")
    report = folder / "report.json"
    ended = subprocess.run(
        [command, "--quiet", "--color", "0", "--warnings", "batch", "--ip", "one",
         "--add-ca", str(authority.ca), "--jsonfile", str(report), f"localhost:{server.port}"],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        timeout=SECONDS)
    if not report.exists():
        raise Failure(f"testssl.sh wrote no report: {ended.stdout[-2000:]}")
    return json.loads(report.read_text())


def main():
    with temporary_folder() as folder:
        authority = Authority(folder)
        with TlsServer(*authority.issue("server")) as server:
            found = findings(server, authority, folder)
    if len(found) < LEAST_FINDINGS:
        raise Failure(f"only {len(found)} findings: {found}")
    worse = [each for each in found
             if each["severity"] not in HARMLESS and each["id"] not in OF_THE_MACHINE]
    for each in found:
        if each["severity"] == "LOW" or each in worse:
            print(f"{each['severity']:8} {each['id']}: {each['finding']}")
    print(f"{len(found)} findings, {len(worse)} above LOW")
    return 1 if worse else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Skip as why:
        print(f"skip: {why}")
    except Failure as why:
        sys.exit(f"not ok: {why}")
