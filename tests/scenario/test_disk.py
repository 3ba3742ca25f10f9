# SPDX-License-Identifier: AGPL-3.0-or-later
"""A disk that takes no more: what cannot be kept is refused, nothing is broken, and service comes back."""
import os
import resource
import subprocess

import pytest

from beffroid import Server, bodies, quote

FSIZE = resource.RLIMIT_FSIZE


@pytest.fixture
def own(tmp_path, new_store):
    with Server(tmp_path / "data", new_store()) as s:
        yield s


def largest(folder):
    return max(f.stat().st_size for f in folder.rglob("*") if f.is_file())


def fill(server, room=0):
    """No file may grow beyond what the largest has now: to the process that is a full disk."""
    resource.prlimit(server.process.pid, FSIZE, (room, resource.RLIM_INFINITY))


def empty(server):
    resource.prlimit(server.process.pid, FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


def test_nothing_leaves_without_a_record_when_the_disk_is_full(own):
    alice = own.user()
    room = alice.create()
    kept = alice.send(room, "kept")
    fill(own, 1)
    for path in (f"/rooms/{quote(room)}/event/{quote(kept)}", f"/rooms/{quote(room)}/messages?dir=b", "/sync"):
        status, answer = alice.ask("GET", path)
        assert (status, answer["errcode"]) == (503, "M_UNKNOWN"), path
        assert "kept" not in str(answer)
    assert alice.ask("GET", "/account/whoami")[0] == 200
    assert own.call("GET", "/_matrix/client/versions")[0] == 200
    empty(own)
    assert bodies(alice.messages(room)["chunk"]) == ["kept"]
    ctl = [os.path.join(os.path.dirname(os.environ["BEFFROID"]), "beffroi"), "ledger", "verify", "--data", str(own.data)]
    assert subprocess.run(ctl, capture_output=True).returncode == 0


@pytest.mark.skipif("os.environ.get('BEFFROI_STORE_URL')", reason="the disk is PostgreSQL's")
def test_what_was_answered_is_there_after_the_disk_was_full(own):
    alice = own.user()
    room = alice.create()
    good, refused = [], 0
    fill(own, largest(own.data) + 200_000)
    for i in range(400):
        status, answer = alice.ask("PUT", f"/rooms/{quote(room)}/send/m.room.message/{i}",
                                   {"msgtype": "m.text", "body": f"{i} " + "x" * 3000})
        assert status == 200 or (status in (500, 503) and answer["errcode"] == "M_UNKNOWN"), answer
        if status == 200:
            good.append(i)
        else:
            refused += 1
            if refused > 20:
                break
    assert good and refused > 20
    empty(own)
    after = alice.send(room, "after")
    there = [int(b.split()[0]) for b in reversed(bodies(alice.messages(room, limit=1000)["chunk"])) if b[0].isdigit()]
    assert there == good
    own.kill()
    own.start()
    assert alice.ok("GET", f"/rooms/{quote(room)}/event/{quote(after)}")["content"]["body"] == "after"
    there = [int(b.split()[0]) for b in reversed(bodies(alice.messages(room, limit=1000)["chunk"])) if b[0].isdigit()]
    assert there == good
