# SPDX-License-Identifier: AGPL-3.0-or-later
"""Reading rooms without joining them, the endpoints before /sync, and forgetting by leaving."""
import threading
import time

import pytest

from beffroid import Server, bodies, quote

WORLD = [{"type": "m.room.history_visibility", "state_key": "", "content": {"history_visibility": "world_readable"}}]


def test_a_world_readable_room_is_peeked_into(server, alice):
    room = alice.create(name="Tribune", initial_state=WORLD)
    for i in range(25):
        alice.send(room, f"m{i}")
    stranger = server.user()
    seen = stranger.ok("GET", f"/rooms/{quote(room)}/initialSync?limit=3")
    assert bodies(seen["messages"]["chunk"]) == ["m22", "m23", "m24"] and "membership" not in seen
    assert seen["visibility"] == "private" and seen["room_id"] == room
    assert "m.room.name" in [e["type"] for e in seen["state"]]
    older = stranger.messages(room, **{"from": seen["messages"]["start"]})["chunk"]
    assert bodies(older)[0] == "m21"
    peek = lambda at, timeout=0: stranger.ok("GET", f"/events?room_id={quote(room)}&from={at}&timeout={timeout}")
    at = seen["messages"]["end"]
    assert peek(at)["chunk"] == []
    timer = threading.Timer(0.3, lambda: alice.send(room, "en direct"))
    timer.start()
    began = time.monotonic()
    page = peek(at, 10000)
    timer.join()
    assert bodies(page["chunk"]) == ["en direct"] and time.monotonic() - began < 5
    assert page["start"] == at and peek(page["end"])["chunk"] == []
    event = page["chunk"][0]["event_id"]
    assert stranger.ok("GET", f"/events/{quote(event)}")["content"]["body"] == "en direct"


def test_a_closed_room_is_not(server, alice):
    room = alice.create()
    event = alice.send(room, "secret")
    stranger = server.user()
    assert stranger.ask("GET", f"/rooms/{quote(room)}/initialSync")[1]["errcode"] == "M_FORBIDDEN"
    assert stranger.ask("GET", f"/events?room_id={quote(room)}")[1]["errcode"] == "M_FORBIDDEN"
    assert stranger.ask("GET", "/events?room_id=!none:localhost")[1]["errcode"] == "M_FORBIDDEN"
    assert stranger.ask("GET", f"/events/{quote(event)}")[1]["errcode"] == "M_NOT_FOUND"
    assert stranger.ask("GET", "/events/%24none")[1]["errcode"] == "M_NOT_FOUND"
    assert stranger.ask("GET", "/events?from=x")[1]["errcode"] == "M_INVALID_PARAM"
    assert stranger.ask("GET", "/events?room_id=x")[1]["errcode"] == "M_INVALID_PARAM"
    assert alice.ok("GET", f"/events/{quote(event)}")["room_id"] == room


def test_the_stream_of_one_s_rooms(server, alice, bob):
    room, other = alice.create(preset="public_chat"), bob.create()
    at = alice.ok("GET", "/events")["end"]
    bob.join(room)
    bob.send(other, "ailleurs")
    bob.send(room, "ici")
    bob.invite(other, alice)
    page = alice.ok("GET", f"/events?from={at}")
    assert [(e["type"], e["room_id"]) for e in page["chunk"]] == [
        ("m.room.member", room), ("m.room.message", room), ("m.room.member", other)]
    assert alice.ok("GET", f"/events?from={page['end']}")["chunk"] == []
    timer = threading.Timer(0.2, lambda: bob.send(room, "réveil"))
    timer.start()
    woken = alice.ok("GET", f"/events?from={page['end']}&timeout=10000")
    timer.join()
    assert bodies(woken["chunk"]) == ["réveil"]


def test_a_long_stream_comes_in_parts_without_loss(alice):
    rooms = [alice.create() for _ in range(2)]
    at, sent = alice.ok("GET", "/events")["end"], []
    for i in range(620):
        alice.send(rooms[i % 2 if i < 100 else 0], f"m{i}")
        sent.append(f"m{i}")
    got = []
    for _ in range(5):
        page = alice.ok("GET", f"/events?from={at}")
        if not page["chunk"]:
            break
        got += bodies(page["chunk"])
        at = page["end"]
    assert got == sent


def test_initial_sync_shows_what_one_is_in(alice, bob):
    joined, left, invited = alice.create(name="A"), bob.create(preset="public_chat"), bob.create()
    alice.send(joined, "bonjour")
    alice.join(left)
    bob.send(left, "avant")
    alice.ok("POST", f"/rooms/{quote(left)}/leave", {})
    bob.send(left, "après")
    bob.invite(invited, alice)
    alice.ok("PUT", f"/user/{quote(alice.id)}/account_data/org.example", {"x": 1})
    whole = alice.ok("GET", "/initialSync?limit=5")
    rooms = {r["room_id"]: r for r in whole["rooms"]}
    assert set(rooms) == {joined, invited}
    assert rooms[invited]["membership"] == "invite" and rooms[invited]["invite"]["content"]["membership"] == "invite"
    assert bodies(rooms[joined]["messages"]["chunk"]) == ["bonjour"] and "state" not in rooms[invited]
    assert {"type": "org.example", "content": {"x": 1}} in whole["account_data"]
    archived = {r["room_id"]: r for r in alice.ok("GET", "/initialSync?archived=true")["rooms"]}
    assert bodies(archived[left]["messages"]["chunk"]) == ["avant"] and archived[left]["membership"] == "leave"
    assert alice.ok("GET", f"/events?from={whole['end']}")["chunk"] == []
    assert alice.ask("GET", "/initialSync?limit=x")[0] == 400


def test_networks_of_the_directory(alice):
    room = alice.create(preset="public_chat", visibility="public", name="Publiée " + alice.name)
    ask = lambda **body: alice.ask("POST", "/publicRooms", {"filter": {"generic_search_term": alice.name}, **body})
    assert [r["room_id"] for r in ask(include_all_networks=True)[1]["chunk"]] == [room]
    assert ask(third_party_instance_id="irc")[1]["chunk"] == []
    assert ask(third_party_instance_id="irc", include_all_networks=True)[1]["errcode"] == "M_INVALID_PARAM"
    assert ask(include_all_networks=1)[0] == 400


def test_invitations_by_address_are_refused_with_a_reason(alice, bob):
    room = alice.create()
    body = {"medium": "email", "address": "x@example.org", "id_server": "id.example.org", "id_access_token": "t"}
    ask = lambda user, body: user.ask("POST", f"/rooms/{quote(room)}/invite", body)
    assert ask(alice, body)[1]["errcode"] == "M_THREEPID_DENIED"
    assert ask(alice, {**body, "address": None})[0] == 400
    assert ask(alice, {"medium": "email"})[1]["errcode"] == "M_MISSING_PARAM"
    assert ask(bob, body)[1]["errcode"] == "M_FORBIDDEN"


@pytest.mark.parametrize("forget", [True, False])
def test_leaving_is_forgetting_where_that_is_the_rule(tmp_path, new_store, forget):
    with Server(tmp_path / "data", new_store(), [f"--room.forget_on_leave={str(forget).lower()}"]) as server:
        alice, bob = server.user(), server.user()
        known = alice.ok("GET", "/capabilities")["capabilities"]["m.forget_forced_upon_leave"]["enabled"]
        assert known is forget
        rooms = [alice.create(preset="public_chat") for _ in range(3)]
        for room in rooms:
            bob.join(room)
        since = bob.sync()["next_batch"]
        bob.ok("POST", f"/rooms/{quote(rooms[0])}/leave", {})
        alice.ok("POST", f"/rooms/{quote(rooms[1])}/kick", {"user_id": bob.id})
        alice.ok("POST", f"/rooms/{quote(rooms[2])}/ban", {"user_id": bob.id})
        assert set(bob.sync(since)["rooms"]["leave"]) == set(rooms)
        archived = bob.sync(filter='{"room":{"include_leave":true}}')["rooms"].get("leave", {})
        assert set(archived) == (set() if forget else set(rooms))
        bob.join(rooms[0])
        assert rooms[0] in bob.sync()["rooms"]["join"]
