# SPDX-License-Identifier: AGPL-3.0-or-later
"""Delayed events: sent when their time has come, unless somebody says otherwise (MSC4140)."""
import time

import pytest

from beffroid import Server, bodies, quote

BASE = "/_matrix/client/unstable/org.matrix.msc4140"
DELAY = "org.matrix.msc4140.delay"


def later(user, room, ms, body="plus tard", txn="d1"):
    return user.ok("PUT", f"/rooms/{quote(room)}/send/m.room.message/{txn}?{DELAY}={ms}",
                   {"msgtype": "m.text", "body": body})["delay_id"]


def state_later(user, room, ms, key, content):
    return user.ok("PUT", f"/rooms/{quote(room)}/state/org.example/{key}?{DELAY}={ms}", content)["delay_id"]


def waiting(user):
    return user.ok("GET", BASE + "/delayed_events")["delayed_events"]


def act(server, delay, action):
    """Without a token: the id is what lets one."""
    return server.call("POST", f"{BASE}/delayed_events/{quote(delay)}/{action}", {})


def until(true, seconds=5):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if true():
            return True
        time.sleep(0.05)
    return False


def test_a_delayed_message_comes_in_its_time_and_once(server, alice, bob):
    room = alice.create()
    began = time.monotonic()
    delay = later(alice, room, 700)
    assert later(alice, room, 700) == delay
    row, = waiting(alice)
    assert (row["delay_id"], row["room_id"], row["type"], row["delay"]) == (delay, room, "m.room.message", 700)
    assert row["content"]["body"] == "plus tard" and "state_key" not in row and row["running_since"] > 0
    assert waiting(bob) == []
    assert until(lambda: bodies(alice.messages(room)["chunk"]) == ["plus tard"])
    assert 0.69 < time.monotonic() - began < 2
    assert waiting(alice) == []
    time.sleep(0.3)
    assert bodies(alice.messages(room)["chunk"]) == ["plus tard"]


def test_delayed_state_is_cancelled_sent_and_restarted(server, alice):
    room = alice.create()
    read = lambda key: alice.ask("GET", f"/rooms/{quote(room)}/state/org.example/{key}")
    cancelled, sent, again = (state_later(alice, room, 900, key, {"key": key}) for key in ("a", "b", "c"))
    assert sorted(r["state_key"] for r in waiting(alice)) == ["a", "b", "c"] and read("a")[0] == 404
    assert act(server, cancelled, "cancel") == (200, {}) and act(server, cancelled, "cancel") == (200, {})
    assert act(server, sent, "send") == (200, {}) and act(server, sent, "send") == (200, {})
    assert read("b") == (200, {"key": "b"})
    for delay, action in ((cancelled, "send"), (cancelled, "restart"), (sent, "cancel"), (sent, "restart")):
        assert act(server, delay, action)[0] == 409
    time.sleep(0.5)
    assert act(server, again, "restart") == (200, {})
    time.sleep(0.6)
    assert read("c")[0] == 404
    assert until(lambda: read("c")[0] == 200, 3)
    assert read("a")[0] == 404 and waiting(alice) == []


def test_state_that_another_sets_cancels_what_was_to_come(alice, bob):
    room = alice.create(preset="public_chat", power_level_content_override={"events": {"org.example": 0}})
    bob.join(room)
    state_later(alice, room, 60000, "mine", {"later": 1})
    state_later(alice, room, 60000, "other", {"later": 1})
    alice.state(room, "org.example", {"now": 1}, key="mine")
    bob.state(room, "org.example", {"now": 1}, key="other")
    assert [r["state_key"] for r in waiting(alice)] == ["mine"]


def test_what_may_not_be_sent_when_its_time_comes_is_not(alice, bob):
    room = alice.create(preset="public_chat")
    bob.join(room)
    later(bob, room, 400)
    bob.ok("POST", f"/rooms/{quote(room)}/leave", {})
    assert until(lambda: waiting(bob) == [])
    assert bodies(alice.messages(room)["chunk"]) == []


def test_the_endpoint_of_its_own(server, alice):
    room = alice.create()
    path = f"{BASE}/rooms/{quote(room)}/delayed_event/org.example/t1"
    delay = alice.ok("PUT", path, {"delay_ms": 60000, "state_key": "k", "content": {"x": 1}})["delay_id"]
    row, = waiting(alice)
    assert (row["state_key"], row["content"]) == ("k", {"x": 1})
    assert act(server, delay, "send")[0] == 200
    assert alice.ok("GET", f"/rooms/{quote(room)}/state/org.example/k") == {"x": 1}
    for body in ({"content": {}}, {"delay_ms": 10}, {"delay_ms": 0, "content": {}}, {"delay_ms": "1", "content": {}}):
        assert alice.ask("PUT", path, body)[0] == 400


def test_a_redaction_can_wait_too(alice):
    room = alice.create()
    event = alice.send(room, "éphémère")
    alice.ok("PUT", f"/rooms/{quote(room)}/send/m.room.redaction/r1?{DELAY}=300", {"redacts": event})
    assert until(lambda: alice.ok("GET", f"/rooms/{quote(room)}/event/{quote(event)}")["content"] == {})


def test_bad_asks(server, alice, bob):
    room = alice.create()
    put = lambda user, delay: user.ask("PUT", f"/rooms/{quote(room)}/send/m.room.message/x?{DELAY}={delay}", {"body": "x"})
    for delay in ("0", "-5", "soon", "1.5"):
        assert put(alice, delay)[1]["errcode"] == "M_INVALID_PARAM"
    status, answer = put(alice, 10 ** 12)
    assert (status, answer["org.matrix.msc4140.errcode"]) == (400, "M_MAX_DELAY_EXCEEDED")
    assert answer["org.matrix.msc4140.max_delay"] == 86400000
    assert put(bob, 1000)[1]["errcode"] == "M_FORBIDDEN"
    for action in ("cancel", "restart", "send"):
        assert act(server, "abc", action)[0] == 404
    assert act(server, "abc", "oops")[0] == 404
    assert server.call("GET", BASE + "/delayed_events")[0] == 401
    assert alice.ok("GET", "/capabilities")["capabilities"]["org.matrix.msc4140.delayed_events"] == {
        "max_delay_ms": 86400000, "max_scheduled": 100}


def test_one_user_has_so_many_waiting(tmp_path, new_store):
    with Server(tmp_path / "data", new_store(), ["--delayed.max_scheduled=3"]) as server:
        alice = server.user()
        room = alice.create()
        ids = [later(alice, room, 60000, txn=f"t{i}") for i in range(3)]
        path = f"/rooms/{quote(room)}/send/m.room.message/t9?{DELAY}=60000"
        assert alice.ask("PUT", path, {"body": "x"})[1]["errcode"] == "M_LIMIT_EXCEEDED"
        assert act(server, ids[0], "cancel")[0] == 200
        assert alice.ask("PUT", path, {"body": "x"})[0] == 200


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_a_restart_loses_none(tmp_path, new_store, end):
    server = Server(tmp_path / "data", new_store()).start()
    alice = server.user("alice")
    room = alice.create()
    later(alice, room, 300, "pendant", "t1")
    later(alice, room, 3000, "après", "t2")
    getattr(server, end)()
    time.sleep(0.5)
    server.start()
    try:
        assert until(lambda: bodies(alice.messages(room)["chunk"]) == ["pendant"])
        assert len(waiting(alice)) == 1
        assert until(lambda: bodies(alice.messages(room)["chunk"]) == ["après", "pendant"], 8)
    finally:
        server.stop()
    server = Server(tmp_path / "data", server.store, ["--delayed.max_delay=0"]).start()
    alice.server = server
    assert alice.ask("PUT", f"/rooms/{quote(room)}/send/m.room.message/z?{DELAY}=10", {"body": "x"})[1]["errcode"] == "M_FORBIDDEN"
    server.stop()


def test_the_same_transaction_needs_no_body_again(alice):
    room = alice.create()
    delay = later(alice, room, 60000)
    assert alice.ok("PUT", f"/rooms/{quote(room)}/send/m.room.message/d1?{DELAY}=60000") == {"delay_id": delay}


def test_at_the_moment_it_is_due_it_is_either_cancelled_or_sent(server, alice):
    room = alice.create()
    for i in range(20):
        delay = later(alice, room, 20, f"m{i}", f"t{i}")
        time.sleep(0.018 + i * 0.0002)
        status = act(server, delay, "cancel" if i % 2 else "send")[0]
        got = bodies(alice.messages(room)["chunk"]).count(f"m{i}")
        assert (status, got) in ({(200, 0), (409, 1)} if i % 2 else {(200, 1)})
