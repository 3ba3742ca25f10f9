# SPDX-License-Identifier: AGPL-3.0-or-later
"""Starting, killing and calling a beffroid: the standard library only."""
import http.client
import json
import os
import secrets
import signal
import socket
import subprocess
import time
import urllib.parse

V3 = "/_matrix/client/v3"
quote = lambda s: urllib.parse.quote(s, safe="")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Server:
    """A beffroid on a free port; `store` is a connection string or empty for SQLite; `closed`: as it is by default."""

    def __init__(self, data, store="", options=(), env=None, closed=False):
        self.data, self.store = data, store
        self.options = [*([] if closed else ["--open-registration", "--no-limits"]), *options]
        self.env = {**os.environ, **(env or {})}
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.name, self.listen = "localhost", f"127.0.0.1:{self.port}"
        self.process = None
        self.log = data.parent / f"{data.name}.log"

    def start(self):
        command = [os.environ["BEFFROID"], "--data", str(self.data), "--server-name", self.name,
                   "--listen", self.listen,
                   *([f"--store.url={self.store}"] if self.store else []), *self.options]
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, env=self.env)
        end = time.monotonic() + 20
        while time.monotonic() < end:
            assert self.process.poll() is None, self.log.read_text()[-2000:]
            try:
                if self.call("GET", "/health")[0] == 200:
                    return self
            except OSError:
                time.sleep(0.02)
        raise AssertionError("the server does not answer: " + self.log.read_text()[-2000:])

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(30)
        assert code == 0, f"ended with {code}: " + self.log.read_text()[-2000:]

    def kill(self):
        self.process.kill()
        self.process.wait()

    def __enter__(self):
        return self.start()

    def __exit__(self, kind, *rest):
        if kind is not None:
            self.kill()
        else:
            self.stop()

    def call(self, method, path, body=None, token=None, headers=None, timeout=30, raw=False):
        """One request on a connection of its own: status and parsed answer."""
        c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            h = dict(headers or {})
            if token:
                h["Authorization"] = "Bearer " + token
            if body is not None and not isinstance(body, (bytes, str)):
                body = json.dumps(body)
            if isinstance(body, str):
                body = body.encode()
            if body is not None:
                h.setdefault("Content-Type", "application/json")
            c.request(method, path, body, h)
            r = c.getresponse()
            data = r.read()
            return (r.status, data, dict(r.getheaders())) if raw else (r.status, json.loads(data))
        finally:
            c.close()

    def metrics(self):
        """The counters, by the operator's socket."""
        s = socket.socket(socket.AF_UNIX)
        s.connect(str(self.data / "admin.sock"))
        s.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        data = b""
        while chunk := s.recv(65536):
            data += chunk
        s.close()
        lines = (x.rsplit(" ", 1) for x in data.decode().splitlines() if x.startswith("beffroi_"))
        return {name: float(value) for name, value in lines}

    def ledger(self, *filters):
        """
        Every record that is on disk, in order; `seen` as [kind, object, first, last, count, bytes], in full in `items`.
        What was folded into open intervals is there half a second later: see settled().
        """
        out = subprocess.run([self.ctl(), "ledger", "show", "--data", str(self.data), *filters], capture_output=True, check=True)
        records = [json.loads(line) for line in out.stdout.splitlines()]
        for r in records:
            r["items"] = r["seen"]
            r["seen"] = [[x["kind"], x["object"], x["first"], x["last"], x["count"]] + ([x["bytes"]] if "bytes" in x else [])
                         for x in r["items"]]
        return records

    def settled(self, *filters):
        """The same, once all that was sent until now is in it."""
        time.sleep(1.2)
        return self.ledger(*filters)

    @staticmethod
    def ctl():
        return os.path.join(os.path.dirname(os.environ["BEFFROID"]), "beffroi")

    def user(self, name=None):
        return User(self, name or "u" + secrets.token_hex(5)).register()


class User:
    """A person with one session."""

    def __init__(self, server, name):
        self.server, self.name, self.password = server, name, f"{name}-Secret-1"
        self.txn = 0

    def _take(self, answer):
        self.id, self.token, self.device = answer["user_id"], answer["access_token"], answer["device_id"]
        return self

    def register(self):
        status, answer = self.server.call("POST", V3 + "/register", {
            "username": self.name, "password": self.password, "auth": {"type": "m.login.dummy"}})
        assert status == 200, answer
        return self._take(answer)

    def login(self, **more):
        """The same person on a new device."""
        status, answer = self.server.call("POST", V3 + "/login", {
            "type": "m.login.password", "identifier": {"type": "m.id.user", "user": self.name},
            "password": self.password, **more})
        assert status == 200, answer
        other = User(self.server, self.name)._take(answer)
        other.refresh = answer.get("refresh_token")
        return other

    def ask(self, method, path, body=None, **more):
        return self.server.call(method, path if path.startswith("/_") else V3 + path, body, self.token, **more)

    def ok(self, method, path, body=None, **more):
        status, answer = self.ask(method, path, body, **more)
        assert status == 200, (method, path, status, answer)
        return answer

    def create(self, **options):
        return self.ok("POST", "/createRoom", {"preset": "private_chat", **options})["room_id"]

    def join(self, room):
        return self.ok("POST", f"/join/{quote(room)}", {})["room_id"]

    def invite(self, room, user):
        return self.ok("POST", f"/rooms/{quote(room)}/invite", {"user_id": user.id})

    def send(self, room, body, txn=None):
        self.txn += 1
        content = body if isinstance(body, dict) else {"msgtype": "m.text", "body": body}
        return self.ok("PUT", f"/rooms/{quote(room)}/send/m.room.message/{txn or f't{self.txn}'}", content)["event_id"]

    def state(self, room, type, content, key=""):
        return self.ok("PUT", f"/rooms/{quote(room)}/state/{type}/{quote(key)}", content)["event_id"]

    def sync(self, since=None, timeout=0, **query):
        q = {"timeout": timeout, **query}
        if since:
            q["since"] = since
        return self.ok("GET", "/sync?" + urllib.parse.urlencode(q), timeout=timeout / 1000 + 30)

    def messages(self, room, **query):
        return self.ok("GET", f"/rooms/{quote(room)}/messages?" + urllib.parse.urlencode({"dir": "b", **query}))


def bodies(events):
    return [e["content"]["body"] for e in events if e["type"] == "m.room.message" and "body" in e["content"]]
