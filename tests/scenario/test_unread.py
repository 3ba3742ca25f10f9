# SPDX-License-Identifier: AGPL-3.0-or-later
"""Unread counts, whole and by thread, and the receipts they follow."""
import json

import pytest

from beffroid import quote

THREADS = json.dumps({"room": {"timeline": {"unread_thread_notifications": True}}})


def counts(user, room, since, apart=False):
    """notification and highlight counts: in one, or of the main timeline and of each thread."""
    joined = user.sync(since, **({"filter": THREADS} if apart else {}))["rooms"]["join"][room]
    pair = lambda x: (x["notification_count"], x["highlight_count"])
    threads = {k: pair(v) for k, v in joined.get("unread_thread_notifications", {}).items()}
    assert apart or not threads
    return (pair(joined["unread_notifications"]), threads) if apart else pair(joined["unread_notifications"])


def receipt(user, room, event, thread=None, kind="m.read"):
    return user.ask("POST", f"/rooms/{quote(room)}/receipt/{kind}/{quote(event)}", {"thread_id": thread} if thread else {})


def said(user, room, body, rel=None, to=None, mention=None):
    return user.send(room, {"msgtype": "m.text", "body": body, "m.mentions": {"user_ids": [mention.id] if mention else []}, **({"m.relates_to": {"rel_type": rel, "event_id": to}} if rel else {})})


def test_counts_follow_threaded_and_other_receipts(alice, bob):
    room = alice.create(preset="public_chat")
    bob.join(room)
    since = bob.sync()["next_batch"]
    a = said(alice, room, "Hello")
    b = said(alice, room, "thread", "m.thread", a)
    said(alice, room, "for you", "m.thread", a, mention=bob)
    d = said(alice, room, "hello", mention=bob)
    said(alice, room, "end", "m.thread", a)
    f = said(alice, room, "reference", "m.reference", a)
    g = alice.ok("PUT", f"/rooms/{quote(room)}/send/m.reaction/g", {
        "m.relates_to": {"rel_type": "m.annotation", "event_id": f, "key": "x"}})["event_id"]
    assert counts(bob, room, since) == (6, 2)
    assert counts(bob, room, since, apart=True) == ((3, 1), {a: (3, 1)})
    assert receipt(bob, room, a, "main")[0] == 200
    assert counts(bob, room, since) == (5, 2)
    assert counts(bob, room, since, apart=True) == ((2, 1), {a: (3, 1)})
    receipt(bob, room, b, a)
    assert counts(bob, room, since) == (4, 2)
    assert counts(bob, room, since, apart=True) == ((2, 1), {a: (2, 1)})
    receipt(bob, room, d)
    assert counts(bob, room, since) == (2, 0)
    assert counts(bob, room, since, apart=True) == ((1, 0), {a: (1, 0)})
    receipt(bob, room, g, a)
    assert counts(bob, room, since) == (1, 0)
    assert counts(bob, room, since, apart=True) == ((1, 0), {})


def test_what_one_writes_reads_its_own_thread_only(alice, bob):
    room = alice.create(preset="public_chat")
    bob.join(room)
    since = bob.sync()["next_batch"]
    root = said(alice, room, "racine")
    said(alice, room, "un", "m.thread", root)
    said(bob, room, "répondu", "m.thread", root)
    assert counts(bob, room, since, apart=True) == ((1, 0), {})
    said(alice, room, "deux", "m.thread", root)
    said(bob, room, "dit")
    assert counts(bob, room, since, apart=True) == ((0, 0), {root: (1, 0)})


def test_what_belongs_to_a_message_of_a_thread_counts_there(alice, bob):
    room = alice.create(preset="public_chat")
    bob.join(room)
    since = bob.sync()["next_batch"]
    root = said(alice, room, "racine")
    reply = said(alice, room, "un", "m.thread", root)
    said(alice, room, "à propos", "m.reference", reply)
    assert counts(bob, room, since, apart=True) == ((1, 0), {root: (2, 0)})


def test_nothing_from_before_one_came_counts_nor_does_a_new_name_read(alice, bob):
    room = alice.create(preset="public_chat")
    for i in range(3):
        said(alice, room, f"avant {i}")
    bob.join(room)
    since = bob.sync()["next_batch"]
    new = said(alice, room, "après")
    receipt(bob, room, new, "main")
    assert counts(bob, room, since) == (0, 0)
    said(alice, room, "encore")
    bob.ok("PUT", f"/profile/{quote(bob.id)}/displayname", {"displayname": "Bob B."})
    assert counts(bob, room, since) == (1, 0)


def test_of_two_receipts_at_one_event_the_one_without_a_thread_is_shown(alice, bob):
    room = alice.create(preset="public_chat")
    bob.join(room)
    event = said(alice, room, "x")
    for order in ((None, "main"), ("main", None)):
        for thread in order:
            receipt(bob, room, event, thread)
        events = alice.sync()["rooms"]["join"][room]["ephemeral"]["events"]
        shown = [e["content"] for e in events if e["type"] == "m.receipt"][0]
        assert "thread_id" not in shown[event]["m.read"][bob.id]


def test_private_receipts_are_seen_by_nobody_else(alice, bob):
    room = alice.create(preset="public_chat")
    bob.join(room)
    event = said(alice, room, "x")
    assert receipt(bob, room, event, "main", "m.read.private")[0] == 200
    shown = lambda user: json.dumps(user.sync()["rooms"]["join"][room]["ephemeral"])
    assert bob.id in shown(bob) and bob.id not in shown(alice)


@pytest.mark.parametrize("kind, body", [("m.read", {"thread_id": ""}), ("m.read", {"thread_id": 1}), ("m.read", {"thread_id": "x"}),
                                        ("m.fully_read", {"thread_id": "main"}), ("m.seen", {})])
def test_bad_receipts(alice, kind, body):
    room = alice.create()
    event = said(alice, room, "x")
    assert alice.ask("POST", f"/rooms/{quote(room)}/receipt/{kind}/{quote(event)}", body)[0] == 400


def test_the_mark_of_a_room_as_unread_reaches_other_devices(alice):
    room = alice.create()
    other = alice.login()
    since = other.sync()["next_batch"]
    alice.ok("PUT", f"/user/{quote(alice.id)}/rooms/{quote(room)}/account_data/m.marked_unread", {"unread": True})
    events = other.sync(since)["rooms"]["join"][room]["account_data"]["events"]
    assert {"type": "m.marked_unread", "content": {"unread": True}} in events
