# SPDX-License-Identifier: AGPL-3.0-or-later
"""Sliding sync (MSC4186): windows upon the list of rooms, rooms that are open, and nothing sent twice."""
import threading
import time

import pytest

from beffroid import Server, bodies, quote

PATH = "/_matrix/client/unstable/org.matrix.simplified_msc3575/sync"
NAMES = [["m.room.name", ""], ["m.room.create", ""]]


def window(first=0, last=19, limit=1, need=NAMES, **filters):
    return {"ranges": [[first, last]], "timeline_limit": limit, "required_state": need,
            **({"filters": filters} if filters else {})}


class Slider:
    """One connection of a client."""

    def __init__(self, user, conn="main"):
        self.user, self.conn, self.pos = user, conn, None

    def ask(self, lists=None, rooms=None, ext=None, timeout=0, pos=None, txn=None):
        pos = pos or self.pos
        body = {"conn_id": self.conn, "lists": {k: v for k, v in (lists or {}).items()},
                "room_subscriptions": rooms or {}, "extensions": ext or {}, **({"txn_id": txn} if txn else {})}
        return self.user.ask("POST", f"{PATH}?timeout={timeout}" + (f"&pos={pos}" if pos else ""), body, timeout=timeout / 1000 + 30)

    def ok(self, *args, **more):
        status, answer = self.ask(*args, **more)
        assert status == 200, answer
        self.pos = answer["pos"]
        return answer


def state_of(room, type="m.room.name"):
    return [e["content"] for e in room.get("required_state", []) if e["type"] == type]


def test_a_window_shows_the_newest_rooms_and_slides(alice):
    rooms = [alice.create(name=f"r{i}") for i in range(5)]
    for r in rooms:
        alice.send(r, "hello")
    alice.send(rooms[1], "newest")
    s = Slider(alice)
    got = s.ok({"all": window(0, 1)}, txn="t1")
    assert got["txn_id"] == "t1" and got["lists"]["all"]["count"] == 5
    assert set(got["rooms"]) == {rooms[1], rooms[4]}
    first = got["rooms"][rooms[1]]
    assert first["initial"] is True and first["name"] == "r1" and state_of(first) == [{"name": "r1"}]
    assert bodies(first["timeline"]) == ["newest"] and first["limited"] is True and first["membership"] == "join"
    assert first["bump_stamp"] > got["rooms"][rooms[4]]["bump_stamp"] and first["joined_count"] == 1
    assert alice.messages(rooms[1], **{"from": first["prev_batch"], "limit": 1})["chunk"][0]["content"]["body"] == "hello"
    wider = s.ok({"all": window(0, 4)})
    assert set(wider["rooms"]) == {rooms[0], rooms[2], rooms[3]}, "what was sent is not sent again"
    assert s.ok({"all": window(0, 4)})["rooms"] == {}


def test_only_what_is_new_comes_and_wakes(alice, bob):
    room = alice.create(preset="public_chat", name="n")
    bob.join(room)
    s = Slider(bob)
    s.ok({"all": window(limit=10)})
    assert s.ok({"all": window(limit=10)})["rooms"] == {}
    threading.Timer(0.3, lambda: alice.send(room, "news")).start()
    began = time.monotonic()
    got = s.ok({"all": window(limit=10)}, timeout=10_000)
    assert 0.2 < time.monotonic() - began < 5
    entry = got["rooms"][room]
    assert bodies(entry["timeline"]) == ["news"] and entry["initial"] is False and entry["num_live"] == 1
    assert "name" not in entry and "required_state" not in entry
    alice.state(room, "m.room.name", {"name": "other"})
    entry = s.ok({"all": window(limit=10)})["rooms"][room]
    assert entry["name"] == "other" and state_of(entry) == [{"name": "other"}]
    began = time.monotonic()
    assert s.ok({"all": window(limit=10)}, timeout=400)["rooms"] == {} and time.monotonic() - began > 0.35


def test_a_lost_answer_is_given_again(alice):
    room = alice.create()
    s = Slider(alice)
    s.ok({"all": window()})
    at = s.pos
    alice.send(room, "once")
    first = s.ok({"all": window()})
    again = s.ok({"all": window()}, pos=at)
    assert bodies(first["rooms"][room]["timeline"]) == bodies(again["rooms"][room]["timeline"]) == ["once"]
    assert s.ok({"all": window()})["rooms"] == {}


def test_a_position_that_is_not_known_means_to_begin_anew(alice):
    alice.create()
    s = Slider(alice)
    s.ok({"all": window()})
    for pos in ("c99_1", "nonsense", "c1_x", "c0_0"):
        assert s.ask({"all": window()}, pos=pos)[1]["errcode"] == "M_UNKNOWN_POS"
    other = Slider(alice, "other")
    assert other.ask({"all": window()}, pos=s.pos)[1]["errcode"] == "M_UNKNOWN_POS"


def test_what_falls_out_of_the_window_catches_up_without_a_gap(alice, bob):
    rooms = [alice.create(preset="public_chat", name=f"w{i}") for i in range(3)]
    for r in rooms:
        bob.join(r)
        alice.send(r, "start")
    s = Slider(bob)
    s.ok({"all": window(0, 2, limit=5)})
    alice.send(rooms[0], "behind the window 1")
    for i in (1, 2):
        alice.send(rooms[i], "top")
    got = s.ok({"all": window(0, 1, limit=5)})
    assert set(got["rooms"]) == {rooms[1], rooms[2]}
    alice.send(rooms[0], "behind the window 2")
    for i in (1, 2):
        alice.send(rooms[i], "top again")
    s.ok({"all": window(0, 1, limit=5)})
    entry = s.ok({"all": window(0, 2, limit=5)})["rooms"][rooms[0]]
    assert bodies(entry["timeline"]) == ["behind the window 1", "behind the window 2"]
    assert entry["initial"] is False and entry["limited"] is False


def test_opening_a_room_brings_a_longer_timeline_and_more_state(alice):
    room = alice.create(name="deep", topic="about")
    for i in range(30):
        alice.send(room, f"m{i}")
    s = Slider(alice)
    assert bodies(s.ok({"all": window(limit=1)})["rooms"][room]["timeline"]) == ["m29"]
    more = {room: {"timeline_limit": 20, "required_state": [*NAMES, ["m.room.topic", ""], ["m.room.member", "$ME"]]}}
    entry = s.ok({"all": window(limit=1)}, more)["rooms"][room]
    assert bodies(entry["timeline"]) == [f"m{i}" for i in range(10, 30)]
    assert entry["unstable_expanded_timeline"] is True and entry["limited"] is True and entry["num_live"] == 0
    assert [e["type"] for e in entry["required_state"]] == ["m.room.topic", "m.room.member"]
    assert s.ok({"all": window(limit=1)}, more)["rooms"] == {}


def test_lazy_members_come_with_what_they_said(alice, bob, server):
    carol = server.user()
    room = alice.create(preset="public_chat")
    bob.join(room), carol.join(room)
    bob.send(room, "b")
    s = Slider(alice)
    need = [["m.room.member", "$LAZY"], ["m.room.member", "$ME"]]
    members = lambda entry: {e["state_key"] for e in entry.get("required_state", [])}
    assert members(s.ok({"all": window(limit=1, need=need)})["rooms"][room]) == {alice.id, bob.id}
    carol.send(room, "c")
    assert members(s.ok({"all": window(limit=1, need=need)})["rooms"][room]) == {carol.id}


def test_all_state_and_wildcards(alice):
    room = alice.create(name="x")
    alice.state(room, "org.example.a", {"n": 1}, "one")
    alice.state(room, "org.example.a", {"n": 2}, "two")
    types = lambda need: sorted((e["type"], e["state_key"]) for e in
                                Slider(alice, "w").ok({"l": window(need=need)})["rooms"][room].get("required_state", []))
    assert types([["org.example.a", "*"]]) == [("org.example.a", "one"), ("org.example.a", "two")]
    assert types([["*", "two"]]) == [("org.example.a", "two")]
    everything = types([["*", "*"]])
    assert ("m.room.create", "") in everything and ("org.example.a", "one") in everything
    assert types([]) == []


def test_invitations_show_what_may_be_known_and_joining_shows_the_room(alice, bob):
    room = alice.create(name="secret plans", topic="x", invite=[bob.id])
    alice.send(room, "before")
    s = Slider(bob)
    entry = s.ok({"all": window(limit=5)}, {room: {"timeline_limit": 5, "required_state": [["*", "*"]]}})["rooms"][room]
    assert entry["membership"] == "invite" and "timeline" not in entry and "required_state" not in entry
    assert {e["type"] for e in entry["invite_state"]} >= {"m.room.create", "m.room.member", "m.room.name"}
    assert all("before" not in str(e) for e in entry["invite_state"])
    bob.join(room)
    entry = s.ok({"all": window(limit=5)})["rooms"][room]
    assert entry["initial"] is True and entry["membership"] == "join" and entry["timeline"]


def test_leaving_is_told_once(alice, bob):
    room = alice.create(invite=[bob.id])
    bob.join(room)
    s = Slider(bob)
    s.ok({"all": window(limit=5)})
    alice.ok("POST", f"/rooms/{quote(room)}/kick", {"user_id": bob.id})
    alice.send(room, "after")
    entry = s.ok({"all": window(limit=5)})["rooms"][room]
    assert entry["membership"] == "leave" and entry["timeline"][-1]["content"]["membership"] == "leave"
    assert bodies(entry["timeline"]) == []
    assert room not in s.ok({"all": window(limit=5)})["rooms"]
    assert room not in Slider(bob, "new").ok({"all": window()})["rooms"]


def test_a_room_one_is_not_in_cannot_be_opened(alice, bob):
    room = alice.create(preset="public_chat", initial_state=[
        {"type": "m.room.history_visibility", "state_key": "", "content": {"history_visibility": "world_readable"}}])
    want = {"timeline_limit": 5, "required_state": [["*", "*"]]}
    assert Slider(bob).ok({}, {room: want, "!no:such": want})["rooms"] == {}


def test_filters(alice, bob):
    dm, secret = alice.create(invite=[bob.id], is_direct=True), alice.create(initial_state=[
        {"type": "m.room.encryption", "state_key": "", "content": {"algorithm": "m.megolm.v1.aes-sha2"}}])
    space, child = alice.create(creation_content={"type": "m.space"}, name="Le Château"), alice.create(name="child")
    alice.state(space, "m.space.child", {"via": ["localhost"]}, child)
    alice.ok("PUT", f"/user/{quote(alice.id)}/account_data/m.direct", {bob.id: [dm]})
    alice.ok("PUT", f"/user/{quote(alice.id)}/rooms/{quote(child)}/tags/m.favourite", {})
    invited = bob.create(invite=[alice.id])
    found = lambda **f: set(Slider(alice, "f").ok({"l": window(**f)})["rooms"])
    assert found(is_dm=True) == {dm} and dm not in found(is_dm=False)
    assert found(is_encrypted=True) == {secret}
    assert found(is_invite=True) == {invited} and invited not in found(is_invite=False)
    assert found(room_types=["m.space"]) == {space} and space not in found(not_room_types=["m.space"])
    assert found(room_types=[None]) == {dm, secret, child, invited}
    assert found(spaces=[space]) == {child}
    assert found(tags=["m.favourite"]) == {child} and child not in found(not_tags=["m.favourite"])
    assert found(room_name_like="chateau") | found(room_name_like="château") >= {space}


def test_extensions(alice, bob):
    room = alice.create(invite=[bob.id], name="e")
    bob.join(room)
    event = alice.send(room, "read me")
    other = alice.create()
    ext = {"to_device": {"enabled": True}, "e2ee": {"enabled": True}, "account_data": {"enabled": True},
           "receipts": {"enabled": True}, "typing": {"enabled": True}}
    s = Slider(bob)
    lists = {"all": window(limit=3)}
    first = s.ok(lists, ext=ext)["extensions"]
    assert "m.push_rules" in [e["type"] for e in first["account_data"]["global"]]
    assert first["e2ee"]["device_one_time_keys_count"]["signed_curve25519"] == 0
    alice.ok("PUT", f"/sendToDevice/org.example.ping/{event[1:9]}", {"messages": {bob.id: {bob.device: {"n": 1}}}})
    alice.ok("POST", f"/rooms/{quote(room)}/receipt/m.read/{quote(event)}", {})
    alice.ok("PUT", f"/rooms/{quote(room)}/typing/{quote(alice.id)}", {"typing": True, "timeout": 20000})
    bob.ok("PUT", f"/user/{quote(bob.id)}/rooms/{quote(room)}/account_data/org.example.x", {"y": 1})
    bob.ok("PUT", f"/user/{quote(bob.id)}/account_data/org.example.g", {"z": 1})
    got = s.ok(lists, ext=ext)["extensions"]
    assert [e["content"] for e in got["to_device"]["events"]] == [{"n": 1}]
    assert alice.id in got["receipts"]["rooms"][room]["content"][event]["m.read"]
    assert got["typing"]["rooms"][room]["content"]["user_ids"] == [alice.id]
    assert [e["type"] for e in got["account_data"]["rooms"][room]] == ["org.example.x"]
    assert [e["type"] for e in got["account_data"]["global"]] == ["org.example.g"]
    again = s.ok(lists, ext={**ext, "to_device": {"enabled": True}})["extensions"]["to_device"]
    assert len(again["events"]) == 1, "not confirmed yet"
    after = {**ext, "to_device": {"enabled": True, "since": again["next_batch"]}}
    assert s.ok(lists, ext=after)["extensions"]["to_device"]["events"] == []
    assert s.ok(lists, ext=after)["extensions"]["account_data"] == {"global": [], "rooms": {}}
    bob.ok("PUT", f"/user/{quote(bob.id)}/account_data/org.example.g", {"z": 2})
    quiet = s.ok({}, ext={"account_data": {"enabled": False}})["extensions"]
    assert "account_data" not in quiet and other not in s.ok({})["rooms"]


def test_device_lists_and_counts_follow(alice, bob):
    room = alice.create(invite=[bob.id])
    bob.join(room)
    s = Slider(bob)
    lists, ext = {"all": window()}, {"e2ee": {"enabled": True}}
    s.ok(lists, ext=ext)
    alice.ok("POST", "/keys/upload", {"device_keys": {
        "user_id": alice.id, "device_id": alice.device, "algorithms": ["m.olm.v1.curve25519-aes-sha2"],
        "keys": {f"ed25519:{alice.device}": "x" * 43, f"curve25519:{alice.device}": "y" * 43}, "signatures": {}}})
    assert s.ok(lists, ext=ext)["extensions"]["e2ee"]["device_lists"]["changed"] == [alice.id]
    alice.send(room, f"hello {bob.id}")
    assert s.ok(lists)["rooms"][room]["notification_count"] == 1
    last = alice.send(room, "and")
    s.ok(lists)
    bob.ok("POST", f"/rooms/{quote(room)}/receipt/m.read/{quote(last)}", {})
    assert s.ok(lists)["rooms"][room]["notification_count"] == 0


def test_the_connection_outlives_the_server(tmp_path, new_store):
    with Server(tmp_path / "data", new_store()) as server:
        alice = server.user()
        room = alice.create(name="kept")
        s = Slider(alice)
        s.ok({"all": window()})
        server.stop()
        server.start()
        assert s.ok({"all": window()})["rooms"] == {}
        alice.send(room, "after the restart")
        assert bodies(s.ok({"all": window()})["rooms"][room]["timeline"]) == ["after the restart"]


def test_what_a_window_shows_is_on_record(server, alice, bob):
    room = alice.create(invite=[bob.id], name="r")
    bob.join(room)
    event = alice.send(room, "seen")
    Slider(bob).ok({"all": window(limit=3)})
    record = [x for x in server.ledger() if x["operation"] == "sliding_sync_post" and x["who"] == bob.id][-1]
    assert room in [y[1] for y in record["seen"] if y[0] == "events"] and event


@pytest.mark.parametrize("body, code", [
    ({"lists": []}, "M_BAD_JSON"), ({"lists": {"a": {"ranges": [[5, 1]]}}}, "M_INVALID_PARAM"),
    ({"lists": {"a": {"ranges": [[-1, 1]]}}}, "M_INVALID_PARAM"), ({"lists": {"a": {"ranges": [[0, 1.5]]}}}, "M_BAD_JSON"),
    ({"lists": {"a": {"required_state": [["x"]]}}}, "M_BAD_JSON"), ({"lists": {"a": {"timeline_limit": -1}}}, "M_BAD_JSON"),
    ({"lists": {"a": {"filters": {"is_dm": 1}}}}, "M_BAD_JSON"), ({"lists": {f"l{i}": {} for i in range(60)}}, "M_INVALID_PARAM"),
    ({"room_subscriptions": {f"!{i}:x": {} for i in range(300)}}, "M_INVALID_PARAM"), ({"conn_id": "x" * 17}, "M_INVALID_PARAM"),
    ({"extensions": {"to_device": {"enabled": True, "since": "x"}}}, "M_INVALID_PARAM")])
def test_bad_bodies(alice, body, code):
    status, answer = alice.ask("POST", PATH, body)
    assert (status, answer["errcode"]) == (400, code)
