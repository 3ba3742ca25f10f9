# SPDX-License-Identifier: AGPL-3.0-or-later
"""A push gateway of the tests' own: keeps what it is told, and answers as it is told to."""
import http.server
import json
import threading
import time

from beffroid import free_port


class Gateway:
    def __init__(self):
        self.got, self.rejected, self.status = [], [], 200
        self.change = threading.Condition()
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/_matrix/push/v1/notify"
        self.http = None

    def __enter__(self):
        gateway = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                with gateway.change:
                    gateway.got.append((gateway.status, self.path, body["notification"]))
                    answer, status = json.dumps({"rejected": gateway.rejected}).encode(), gateway.status
                    gateway.change.notify_all()
                self.send_response(status)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *args):
                pass

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self.http.daemon_threads = True
        threading.Thread(target=self.http.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *rest):
        self.http.shutdown()
        self.http.server_close()

    def wait(self, n=1, status=200, seconds=15):
        """The first n notifications that were answered with that status."""
        end = time.monotonic() + seconds
        with self.change:
            while len(found := [x for s, _, x in self.got if s == status]) < n:
                assert self.change.wait(max(0, end - time.monotonic())), self.got
            return found

    def clear(self):
        with self.change:
            self.got.clear()


def pusher(gateway, key, **more):
    return {"kind": "http", "app_id": "org.example.app", "pushkey": key, "app_display_name": "App",
            "device_display_name": "Phone", "lang": "fr", "data": {"url": gateway.url, "custom": 1}, **more}
