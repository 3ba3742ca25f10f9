# SPDX-License-Identifier: AGPL-3.0-or-later
"""Sync: what comes, when, and that nothing is lost."""
import threading
import time

from beffroid import bodies, quote


def test_a_message_wakes_a_waiting_sync(alice, bob):
    room = alice.create(invite=[bob.id])
    bob.join(room)
    since = bob.sync()["next_batch"]
    got = {}
    waiting = threading.Thread(target=lambda: got.update(bob.sync(since, timeout=20000)))
    began = time.monotonic()
    waiting.start()
    time.sleep(0.3)
    alice.send(room, "réveil")
    waiting.join()
    assert time.monotonic() - began < 5
    assert bodies(got["rooms"]["join"][room]["timeline"]["events"]) == ["réveil"]


def test_an_empty_sync_waits_its_time_and_says_nothing(alice):
    since = alice.sync()["next_batch"]
    began = time.monotonic()
    answer = alice.sync(since, timeout=400)
    assert 0.3 < time.monotonic() - began < 5
    assert not answer.get("rooms", {}).get("join")


def test_invitations_joins_and_leaves_come_in_their_sections(alice, bob):
    since = bob.sync()["next_batch"]
    room = alice.create(invite=[bob.id], name="Cellule")
    first = bob.sync(since)
    state = {e["type"]: e["content"] for e in first["rooms"]["invite"][room]["invite_state"]["events"]}
    assert state["m.room.name"] == {"name": "Cellule"} and state["m.room.create"]
    bob.join(room)
    second = bob.sync(first["next_batch"])
    assert room in second["rooms"]["join"]
    bob.ok("POST", f"/rooms/{quote(room)}/leave", {})
    third = bob.sync(second["next_batch"])
    assert room in third["rooms"]["leave"] and room not in third["rooms"]["join"]
    assert room not in bob.sync()["rooms"]["leave"]


def leave_section(user, room, since=None):
    """What a sync that asks for rooms left shows of one: (types of state, events of the timeline)."""
    got = user.sync(since, filter='{"room":{"include_leave":true,"timeline":{"limit":1}}}')["rooms"]["leave"][room]
    return [e["type"] for e in got["state"]["events"]], got["timeline"]["events"]


def test_a_room_never_joined_shows_nothing_once_its_knock_is_withdrawn(alice, bob):
    room = alice.create(initial_state=[{"type": "m.room.join_rules", "state_key": "", "content": {"join_rule": "knock"}}])
    alice.state(room, "org.example.secret", {"plan": "x"})
    since = bob.sync()["next_batch"]
    bob.ok("POST", f"/knock/{quote(room)}", {})
    alice.state(room, "org.example.later", {"plan": "y"})
    bob.ok("POST", f"/rooms/{quote(room)}/leave", {})
    for start in (None, since):
        state, timeline = leave_section(bob, room, start)
        assert state == []
        assert [(e["type"], e["state_key"], e["content"]["membership"]) for e in timeline] == [("m.room.member", bob.id, "leave")]


def test_a_ban_after_leaving_shows_only_itself(alice, bob):
    room = alice.create(invite=[bob.id])
    bob.join(room)
    bob.ok("POST", f"/rooms/{quote(room)}/leave", {})
    since = bob.sync()["next_batch"]
    alice.state(room, "org.example.later", {"plan": "z"})
    alice.ok("POST", f"/rooms/{quote(room)}/ban", {"user_id": bob.id})
    state, timeline = leave_section(bob, room, since)
    assert state == []
    assert [e["content"]["membership"] for e in timeline] == ["ban"]


def test_a_limited_timeline_brings_the_state_of_the_gap(alice, bob):
    room = alice.create(invite=[bob.id])
    bob.join(room)
    since = bob.sync()["next_batch"]
    alice.state(room, "m.room.topic", {"topic": "dans le trou"})
    for i in range(30):
        alice.send(room, f"m{i}")
    got = bob.sync(since, filter='{"room":{"timeline":{"limit":5}}}')["rooms"]["join"][room]
    assert got["timeline"]["limited"] is True
    assert bodies(got["timeline"]["events"]) == [f"m{i}" for i in range(25, 30)]
    assert [e["content"] for e in got["state"]["events"] if e["type"] == "m.room.topic"] == [{"topic": "dans le trou"}]
    back = bob.messages(room, **{"from": got["timeline"]["prev_batch"], "limit": 100})
    assert bodies(back["chunk"])[:25] == [f"m{i}" for i in range(24, -1, -1)]


def test_nothing_is_lost_or_twice_while_many_write(server, alice):
    rooms = [alice.create(preset="public_chat") for _ in range(3)]
    writers = [server.user() for _ in range(4)]
    for w in writers:
        for room in rooms:
            w.join(room)
    reader = alice.login()
    at = reader.sync()["next_batch"]
    sent, lock = set(), threading.Lock()

    def write(w, n):
        for i in range(60):
            event = w.send(rooms[i % 3], f"{n}-{i}")
            with lock:
                sent.add(event)

    threads = [threading.Thread(target=write, args=(w, n)) for n, w in enumerate(writers)]
    [t.start() for t in threads]
    seen, end = [], time.monotonic() + 60
    while time.monotonic() < end and (any(t.is_alive() for t in threads) or len(seen) < 240):
        answer = reader.sync(since := at, timeout=1000, filter='{"room":{"timeline":{"limit":1000}}}')
        at = answer["next_batch"]
        for room in answer.get("rooms", {}).get("join", {}).values():
            assert not room["timeline"]["limited"]
            seen += [(e["event_id"], e["content"]["body"], since, at) for e in room["timeline"]["events"]
                     if e["type"] == "m.room.message"]
    [t.join() for t in threads]
    ids = [s[0] for s in seen]
    twice = sorted(s for s in seen if ids.count(s[0]) > 1)
    assert twice == [] and set(ids) == sent


def test_typing_receipts_and_unread_counts(alice, bob):
    room = alice.create(invite=[bob.id])
    bob.join(room)
    since = bob.sync()["next_batch"]
    alice.ok("PUT", f"/rooms/{quote(room)}/typing/{quote(alice.id)}", {"typing": True, "timeout": 20000})
    event = alice.send(room, "à lire")
    got = bob.sync(since)["rooms"]["join"][room]
    typing = [e["content"]["user_ids"] for e in got["ephemeral"]["events"] if e["type"] == "m.typing"]
    assert typing == [[alice.id]]
    assert got["unread_notifications"]["notification_count"] == 1
    mention = {"msgtype": "m.text", "body": "toi", "m.mentions": {"user_ids": [bob.id]}}
    last = alice.send(room, mention)
    at = bob.sync()
    assert at["rooms"]["join"][room]["unread_notifications"] == {"notification_count": 2, "highlight_count": 1}
    alice_at = alice.sync()["next_batch"]
    bob.ok("POST", f"/rooms/{quote(room)}/receipt/m.read/{quote(last)}", {})
    assert bob.sync(at["next_batch"])["rooms"]["join"][room]["unread_notifications"]["notification_count"] == 0
    receipts = [e["content"] for e in alice.sync(alice_at)["rooms"]["join"][room]["ephemeral"]["events"] if e["type"] == "m.receipt"]
    assert receipts[0][last]["m.read"][bob.id]["ts"] > 0 and event not in receipts[0]


def test_private_receipts_stay_private(alice, bob):
    room = alice.create(invite=[bob.id])
    bob.join(room)
    event = alice.send(room, "x")
    at = alice.sync()["next_batch"]
    bob.ok("POST", f"/rooms/{quote(room)}/receipt/m.read.private/{quote(event)}", {})
    assert bob.id not in str(alice.sync(at).get("rooms", {}).get("join", {}).get(room, {}).get("ephemeral"))


def test_account_data_tags_and_filters(alice):
    room = alice.create()
    at = alice.sync()["next_batch"]
    me = f"/user/{quote(alice.id)}"
    alice.ok("PUT", f"{me}/account_data/org.example.x", {"n": 1.5})
    alice.ok("PUT", f"{me}/rooms/{quote(room)}/tags/m.favourite", {"order": 0.25})
    assert alice.ok("GET", f"{me}/account_data/org.example.x") == {"n": 1.5}
    got = alice.sync(at)
    assert {"type": "org.example.x", "content": {"n": 1.5}} in got["account_data"]["events"]
    assert got["rooms"]["join"][room]["account_data"]["events"][0]["content"] == {"tags": {"m.favourite": {"order": 0.25}}}
    fid = alice.ok("POST", f"{me}/filter", {"room": {"timeline": {"limit": 1}}})["filter_id"]
    assert alice.ok("GET", f"{me}/filter/{fid}") == {"room": {"timeline": {"limit": 1}}}
    assert len(alice.sync(filter=fid)["rooms"]["join"][room]["timeline"]["events"]) == 1
    assert alice.ask("PUT", f"{me}/account_data/m.push_rules", {})[0] == 405


def test_push_rules_change_what_counts(alice, bob):
    room = alice.create(invite=[bob.id])
    bob.join(room)
    bob.ok("PUT", f"/pushrules/global/room/{quote(room)}", {"actions": []})
    alice.send(room, "silence")
    assert bob.sync()["rooms"]["join"][room]["unread_notifications"]["notification_count"] == 0
    bob.ok("DELETE", f"/pushrules/global/room/{quote(room)}")
    assert bob.sync()["rooms"]["join"][room]["unread_notifications"]["notification_count"] == 1
    assert bob.ask("DELETE", "/pushrules/global/override/.m.rule.master")[0] == 400


def test_logging_out_ends_a_waiting_sync_at_once(alice):
    phone = alice.login()
    since = phone.sync()["next_batch"]
    got = {}
    waiting = threading.Thread(target=lambda: got.update(answer=phone.ask("GET", f"/sync?since={since}&timeout=20000")))
    began = time.monotonic()
    waiting.start()
    time.sleep(0.3)
    phone.ok("POST", "/logout", {})
    waiting.join()
    assert got["answer"][0] == 401 and time.monotonic() - began < 5


def test_ignored_people_neither_speak_nor_invite(alice, bob, server):
    carol = server.user()
    room = alice.create(invite=[bob.id, carol.id])
    bob.join(room)
    carol.join(room)
    since = alice.sync()["next_batch"]
    put = lambda users: alice.ok("PUT", f"/user/{quote(alice.id)}/account_data/m.ignored_user_list",
                                 {"ignored_users": {u: {} for u in users}})
    put([bob.id])
    bob.send(room, "noise")
    carol.send(room, "sense")
    unwanted, wanted = bob.create(invite=[alice.id]), carol.create(invite=[alice.id])
    got = alice.sync(since)["rooms"]
    assert bodies(got["join"][room]["timeline"]["events"]) == ["sense"]
    assert set(got["invite"]) == {wanted} and unwanted not in alice.sync()["rooms"]["invite"]
    assert bodies(alice.messages(room)["chunk"]) == ["sense"]
    put([])
    assert bodies(alice.messages(room)["chunk"]) == ["sense", "noise"]
    assert unwanted in alice.sync()["rooms"]["invite"]


def test_filters_are_checked(alice):
    ask = lambda part: alice.ask("POST", f"/user/{quote(alice.id)}/filter", {"room": {"timeline": part}})[0]
    assert [ask(x) for x in ({"rooms": ["x"]}, {"not_senders": ["x"]}, {"limit": -1}, {"types": "x"}, {"limit": 0})] == [
        400, 400, 400, 400, 200]


def test_no_timeline_is_no_timeline(alice, bob):
    room = alice.create(invite=[bob.id])
    bob.join(room)
    bob.ok("POST", f"/rooms/{quote(room)}/leave", {})
    got = bob.sync(filter='{"room":{"include_leave":true,"timeline":{"limit":0}}}')["rooms"]["leave"][room]
    assert got["timeline"]["events"] == []
    assert [e["content"]["membership"] for e in got["state"]["events"] if e.get("state_key") == bob.id] == ["leave"]


def test_joining_again_breaks_the_timeline(alice, bob):
    room = alice.create(preset="public_chat")
    bob.join(room)
    bob.ok("POST", f"/rooms/{quote(room)}/leave", {})
    since = bob.sync()["next_batch"]
    bob.join(room)
    assert bob.sync(since)["rooms"]["join"][room]["timeline"]["limited"] is True


def test_another_device_learns_of_a_room_left_and_forgotten(alice, bob):
    room = alice.create(invite=[bob.id])
    bob.join(room)
    since = bob.sync()["next_batch"]
    bob.ok("POST", f"/rooms/{quote(room)}/leave", {})
    bob.ok("POST", f"/rooms/{quote(room)}/forget", {})
    assert room in bob.sync(since)["rooms"]["leave"]
    assert room not in bob.sync(filter='{"room":{"include_leave":true}}')["rooms"]["leave"]


def test_a_device_removed_by_one_who_never_synced_wakes_those_who_share_rooms(alice, bob):
    room = alice.create(preset="public_chat")
    bob.join(room)
    since = alice.sync()["next_batch"]
    threading.Timer(0.3, lambda: bob.ok("POST", "/logout", {})).start()
    began = time.monotonic()
    assert alice.sync(since, timeout=10_000)["device_lists"]["changed"] == [bob.id]
    assert time.monotonic() - began < 5


def test_counts_of_one_time_keys_are_always_those_that_are_left(alice, bob):
    keys = lambda *names: {f"signed_curve25519:{n}": {"key": n * 8, "signatures": {}} for n in names}
    left = lambda: (lambda got: (got["device_one_time_keys_count"], got["device_unused_fallback_key_types"]))(alice.sync())
    claim = lambda: bob.ok("POST", "/keys/claim", {"one_time_keys": {alice.id: {alice.device: "signed_curve25519"}}})
    assert left() == ({"signed_curve25519": 0}, [])
    assert alice.ok("POST", "/keys/upload", {"one_time_keys": keys("a", "b")})["one_time_key_counts"] == {"signed_curve25519": 2}
    alice.ok("POST", "/keys/upload", {"fallback_keys": keys("f")})
    assert left() == ({"signed_curve25519": 2}, ["signed_curve25519"])
    claim()
    assert left() == ({"signed_curve25519": 1}, ["signed_curve25519"])
    claim(), claim()
    assert left() == ({"signed_curve25519": 0}, [])
    bad = alice.ask("POST", "/keys/upload", {"one_time_keys": {"a b:1": "x"}})
    assert (bad[0], bad[1]["errcode"]) == (400, "M_BAD_JSON")
