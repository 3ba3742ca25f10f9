# SPDX-License-Identifier: AGPL-3.0-or-later
"""Sticky events: in sight for a while, whatever is written after them (MSC4354)."""
import time

import pytest

from beffroid import Server, quote

FOR = "org.matrix.msc4354.sticky_duration_ms"


def stick(user, room, ms, body="collant", txn="s1", more=""):
    return user.ok("PUT", f"/rooms/{quote(room)}/send/m.room.message/{txn}?{FOR}={ms}{more}", {"msgtype": "m.text", "body": body})


def sticky(user, room, since=None):
    answer = user.sync(since)
    joined = answer["rooms"]["join"].get(room, {})
    return [e["event_id"] for e in joined.get("msc4354_sticky", {"events": []})["events"]], joined, answer["next_batch"]


def test_a_sticky_event_outlives_its_place_in_the_timeline(alice, bob):
    room = alice.create(preset="public_chat")
    bob.join(room)
    since = bob.sync()["next_batch"]
    event = stick(alice, room, 60000)["event_id"]
    seen, joined, _ = sticky(bob, room, since)
    assert seen == []
    shown = joined["timeline"]["events"][-1]
    assert shown["event_id"] == event and shown["msc4354_sticky"] == {"duration_ms": 60000}
    assert 0 < shown["unsigned"]["msc4354_sticky_duration_ttl_ms"] <= 60000
    for i in range(25):
        alice.send(room, f"m{i}")
    seen, joined, later = sticky(bob, room, since)
    assert seen == [event] and joined["timeline"]["limited"]
    assert joined["msc4354_sticky"]["events"][0]["content"]["body"] == "collant"
    alice.send(room, "encore")
    assert sticky(bob, room, later)[0] == []
    assert sticky(bob, room)[0] == [event]


def test_sliding_sync_brings_them_by_its_extension(alice, bob):
    path, ext = "/_matrix/client/unstable/org.matrix.simplified_msc3575/sync", "org.matrix.msc4354.sticky_events"
    room = alice.create(preset="public_chat")
    bob.join(room)
    event = stick(alice, room, 60000)["event_id"]
    for i in range(25):
        alice.send(room, f"m{i}")
    body = {"lists": {"all": {"ranges": [[0, 9]], "timeline_limit": 10, "required_state": []}}, "extensions": {ext: {"enabled": True}}}
    first = bob.ok("POST", path, body)
    events = first["extensions"][ext]["rooms"][room]["events"]
    assert [e["event_id"] for e in events] == [event] and events[0]["msc4354_sticky"] == {"duration_ms": 60000}
    assert bob.ok("POST", f"{path}?pos={first['pos']}", body)["extensions"][ext]["rooms"] == {}
    shown = stick(alice, room, 60000, txn="s2")["event_id"]
    last = bob.ok("POST", f"{path}?pos={first['pos']}", body)
    assert last["extensions"][ext]["rooms"] == {}
    assert last["rooms"][room]["timeline"][-1]["event_id"] == shown
    assert bob.ask("POST", path, {"extensions": {ext: {"enabled": True, "since": "x"}}})[0] == 400


def test_who_comes_in_is_told_whatever_the_history_shows(alice, bob):
    room = alice.create(preset="public_chat", initial_state=[
        {"type": "m.room.history_visibility", "state_key": "", "content": {"history_visibility": "joined"}}])
    since = bob.sync()["next_batch"]
    first = stick(alice, room, 60000)["event_id"]
    hidden = [alice.send(room, f"m{i}") for i in range(25)]
    last = stick(alice, room, 60000, txn="s2")["event_id"]
    bob.join(room)
    for at in (since, None):
        seen, joined, _ = sticky(bob, room, at)
        assert seen == [first, last]
        assert hidden[-1] not in [e["event_id"] for e in joined["timeline"]["events"]]


def test_of_people_ignored_nothing_sticks(alice, bob):
    room = alice.create(preset="public_chat")
    bob.join(room)
    stick(alice, room, 60000)
    for i in range(25):
        alice.send(room, f"m{i}")
    assert len(sticky(bob, room)[0]) == 1
    bob.ok("PUT", f"/user/{quote(bob.id)}/account_data/m.ignored_user_list", {"ignored_users": {alice.id: {}}})
    assert sticky(bob, room)[0] == []


def test_it_ends(alice):
    room = alice.create()
    ended, redacted = stick(alice, room, 300)["event_id"], stick(alice, room, 60000, txn="s2")["event_id"]
    for i in range(25):
        alice.send(room, f"m{i}")
    assert sticky(alice, room)[0] == [ended, redacted]
    alice.ok("PUT", f"/rooms/{quote(room)}/redact/{quote(redacted)}/r1", {})
    time.sleep(0.35)
    assert sticky(alice, room)[0] == []
    assert "msc4354_sticky_duration_ttl_ms" not in alice.ok("GET", f"/rooms/{quote(room)}/event/{quote(ended)}")["unsigned"]


def test_state_and_delayed_events_stick_too_and_outlive_a_restart(tmp_path, new_store):
    server = Server(tmp_path / "data", new_store()).start()
    alice = server.user("alice")
    room = alice.create()
    event = alice.ok("PUT", f"/rooms/{quote(room)}/state/org.example/?{FOR}=60000", {"x": 1})["event_id"]
    stick(alice, room, 60000, "plus tard", more="&org.matrix.msc4140.delay=200")
    time.sleep(0.6)
    for i in range(25):
        alice.send(room, f"m{i}")
    server.stop()
    with server:
        seen, joined, _ = sticky(alice, room)
        assert seen[0] == event and [e["content"].get("body") for e in joined["msc4354_sticky"]["events"]] == [None, "plus tard"]


@pytest.mark.parametrize("ms", ["-1", "3600001", "x", "1.5"])
def test_bad_durations(alice, ms):
    room = alice.create()
    for path in ("send/m.room.message/t", "state/org.example/k"):
        assert alice.ask("PUT", f"/rooms/{quote(room)}/{path}?{FOR}={ms}", {"x": 1})[1]["errcode"] == "M_INVALID_PARAM"
