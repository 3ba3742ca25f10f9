# SPDX-License-Identifier: AGPL-3.0-or-later
"""Several beffroids with TLS under an authority of the tests' own: names are localhost:PORT."""
import base64
import http.server
import json
import ssl
import subprocess
import threading
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


def b64(data):
    return base64.b64encode(data).decode().rstrip("=")


class SignedPeer:
    """A server that is only a name and a key: it publishes the key and signs requests as it is told."""

    def __init__(self, folder, certificates):
        _, cert, key = certificates
        self.key, self.folder = folder / "ed25519.pem", folder
        subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", self.key], check=True)
        public = subprocess.run(["openssl", "pkey", "-in", self.key, "-pubout", "-outform", "DER"], check=True, capture_output=True)
        self.public, peer = public.stdout[-32:], self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                data = json.dumps(peer.keys()).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_):
                pass

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert, key)
        self.http.socket = context.wrap_socket(self.http.socket, server_side=True)
        self.name = f"localhost:{self.http.server_port}"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def sign(self, value):
        """The signature of a JSON value in canonical form."""
        (self.folder / "bytes").write_bytes(json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode())
        made = subprocess.run(["openssl", "pkeyutl", "-sign", "-rawin", "-inkey", self.key, "-in", self.folder / "bytes"],
                              check=True, capture_output=True)
        return b64(made.stdout)

    def keys(self):
        keys = {"server_name": self.name, "valid_until_ts": int(time.time() + 86400) * 1000, "old_verify_keys": {},
                "verify_keys": {"ed25519:t": {"key": b64(self.public)}}}
        return keys | {"signatures": {self.name: {"ed25519:t": self.sign(keys)}}}

    def ask(self, server, method, path, body=None):
        """A signed request: status, bytes, headers."""
        said = {"method": method, "uri": path, "origin": self.name, "destination": server.name}
        sig = self.sign(said if body is None else said | {"content": body})
        header = f'X-Matrix origin="{self.name}",destination="{server.name}",key="ed25519:t",sig="{sig}"'
        return server.call(method, path, body, headers={"Authorization": header}, raw=True)


def wait_for(look, seconds=15):
    """What look() gives, once it gives something."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = look()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError("it did not come")
