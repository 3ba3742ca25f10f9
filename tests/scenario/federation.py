# SPDX-License-Identifier: AGPL-3.0-or-later
"""Several beffroids with TLS under an authority of the tests' own: names are localhost:PORT."""
import subprocess
import time

from beffroid import Server, free_port


def make_certificates(folder):
    """An authority and a certificate for localhost: paths of (ca, cert, key)."""
    ca, ca_key, cert, key, request, ext = (folder / n for n in ("ca.pem", "ca.key", "cert.pem", "cert.key", "r.csr", "ext"))
    run = lambda *a: subprocess.run(["openssl", *map(str, a)], check=True, capture_output=True)
    run("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=tests",
        "-keyout", ca_key, "-out", ca)
    run("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=localhost", "-keyout", key,
        "-out", request)
    ext.write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
    run("x509", "-req", "-in", request, "-CA", ca, "-CAkey", ca_key, "-CAcreateserial", "-days", "2", "-extfile", ext,
        "-out", cert)
    return ca, cert, key


class Peer(Server):
    """A server of the federation; `store` as Server has it."""

    def __init__(self, data, certificates, store="", options=()):
        ca, cert, key = certificates
        port = free_port()
        super().__init__(data, store, [
            f"--server.tls_cert={cert}", f"--server.tls_key={key}", f"--client.ca_file={ca}",
            "--client.allow_addresses=127.0.0.0/8,::1/128", *options])
        self.name, self.listen = f"localhost:{port}", f"127.0.0.1:{self.port},127.0.0.1:{port} tls"


def wait_for(look, seconds=15):
    """What look() gives, once it gives something."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = look()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError("it did not come")
