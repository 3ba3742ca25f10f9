# SPDX-License-Identifier: AGPL-3.0-or-later
"""Nothing that clients do makes the process grow past [limits] memory."""
import json
import resource
import socket
import time

import pytest

from beffroid import V3, Server

MB = 1 << 20


def held(server):
    """Bytes of memory that are the process's own."""
    for line in open(f"/proc/{server.process.pid}/status"):
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("no RssAnon")


def until(good, seconds=20):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if good():
            return True
        time.sleep(0.1)
    return False


@pytest.fixture
def small(tmp_path, new_store):
    with Server(tmp_path / "data", new_store(), ["--limits.memory=160M", "--cache.rooms=32M", "--limits.connections_per_address=20000"]) as s:
        yield s


def test_ten_thousand_idle_syncs_stay_small(small):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    n = 10_000
    if hard < n + 500:
        pytest.skip(f"at most {hard} open files here")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    users = [small.user() for _ in range(20)]
    since = [u.sync()["next_batch"] for u in users]
    before, waiting = held(small), []
    try:
        for i in range(n):
            u = i % len(users)
            s = socket.create_connection(("127.0.0.1", small.port))
            s.sendall(f"GET {V3}/sync?timeout=120000&since={since[u]} HTTP/1.1\r\nHost: x\r\n"
                      f"Authorization: Bearer {users[u].token}\r\n\r\n".encode())
            waiting.append(s)
        parked = lambda: small.metrics().get("beffroi_sync_waiting", 0)
        assert until(lambda: parked() >= n), parked()
        each = (held(small) - before) / n
        assert each <= 8 * 1024, f"{each:.0f} bytes each"
        assert held(small) <= 160 * MB
        # And one of them still hears what it waits for.
        other = users[0].login()
        other.create()
        waiting[0].settimeout(20)
        assert waiting[0].recv(12) == b"HTTP/1.1 200"
    finally:
        for s in waiting:
            s.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_flood_of_large_bodies_is_refused_and_then_over(small):
    user = small.user()
    body = json.dumps({"name": "x" * (MB - 100)}).encode()
    head = (f"POST {V3}/createRoom HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {user.token}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n").encode()
    flood, most, refused = [], 0, 0
    try:
        for _ in range(400):
            s = socket.create_connection(("127.0.0.1", small.port))
            s.settimeout(5)
            try:
                s.sendall(head + body[:-1])
            except OSError:
                pass
            flood.append(s)
            most = max(most, held(small))
        assert most <= 176 * MB, f"{most >> 20} MB"
        for s in flood:
            s.settimeout(0.01)
            try:
                refused += b" 503 " in s.recv(64)
            except OSError:
                pass
        assert refused > 100, "400 MB were taken"
    finally:
        for s in flood:
            s.close()
    assert until(lambda: user.ask("GET", "/account/whoami")[0] == 200), "no service after the flood"
