# SPDX-License-Identifier: MIT
"""Certificates for tests, made anew in each run by the openssl program: an authority and what it
signs for a server on this machine."""

import shutil
import subprocess

from harness import Skip, check

EXTENSIONS = """basicConstraints=critical,CA:FALSE
keyUsage=critical,digitalSignature
extendedKeyUsage=serverAuth
subjectAltName={names}
crlDistributionPoints=URI:http://127.0.0.1:9/crl
"""
KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")


def openssl(*arguments):
    if not shutil.which("openssl"):
        raise Skip("there is no openssl program")
    ended = subprocess.run(["openssl", *map(str, arguments)], stdin=subprocess.DEVNULL,
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=30)
    check(ended.returncode == 0, lambda: f"openssl {arguments[0]}: {ended.stdout}")


class Authority:
    """Keeps its files in a folder; `ca` is what a client trusts."""

    def __init__(self, folder):
        self.folder = folder
        self.ca = folder / "ca.pem"
        self.key = folder / "ca.key"
        openssl("req", "-x509", *KEY, "-keyout", self.key, "-out", self.ca, "-days", 2,
                "-subj", "/CN=test authority", "-addext", "keyUsage=critical,keyCertSign,cRLSign")

    def issue(self, name, names="DNS:localhost,IP:127.0.0.1", days=90):
        """The files of a certificate and its key."""
        chain, key = self.folder / f"{name}.pem", self.folder / f"{name}.key"
        request, extensions = self.folder / f"{name}.csr", self.folder / f"{name}.ext"
        extensions.write_text(EXTENSIONS.format(names=names))
        openssl("req", "-new", *KEY, "-keyout", key, "-out", request, "-subj", "/CN=localhost")
        openssl("x509", "-req", "-in", request, "-CA", self.ca, "-CAkey", self.key, "-days", days,
                "-CAcreateserial", "-out", chain, "-extfile", extensions)
        return chain, key
