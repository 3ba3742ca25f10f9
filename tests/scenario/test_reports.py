# SPDX-License-Identifier: AGPL-3.0-or-later
"""Reports of events, rooms and users, and the administrators' queues of them."""
import hashlib
import hmac

import pytest

from beffroid import User, quote

ADMIN = "/_synapse/admin/v1"


@pytest.fixture(scope="module")
def admin(server):
    nonce = server.call("GET", ADMIN + "/register")[1]["nonce"]
    text = b"\0".join([nonce.encode(), b"juge", b"juge-Secret-1", b"admin"])
    status, answer = server.call("POST", ADMIN + "/register", {
        "nonce": nonce, "username": "juge", "password": "juge-Secret-1", "admin": True,
        "mac": hmac.new(b"complement", text, hashlib.sha1).hexdigest()})
    assert status == 200
    return User(server, "juge")._take(answer)


def report_event(user, room, event, body):
    return user.ask("POST", f"/rooms/{quote(room)}/report/{quote(event)}", body)


def test_a_reported_event_is_worked_off(admin, alice, bob):
    room = alice.create(preset="public_chat", name="Place")
    bob.join(room)
    event = bob.send(room, "insulte")
    assert report_event(alice, room, event, {"reason": "insultant", "score": -100}) == (200, {})
    page = admin.ok("GET", f"{ADMIN}/event_reports?user_id={quote(alice.id)}")
    assert page["total"] == 1 and "next_token" not in page
    row = page["event_reports"][0]
    assert {k: row[k] for k in ("event_id", "room_id", "user_id", "sender", "reason", "score", "name")} == {
        "event_id": event, "room_id": room, "user_id": alice.id, "sender": bob.id, "reason": "insultant", "score": -100, "name": "Place"}
    one = admin.ok("GET", f"{ADMIN}/event_reports/{row['id']}")
    assert one["event_json"]["content"]["body"] == "insulte"
    assert admin.ok("DELETE", f"{ADMIN}/event_reports/{row['id']}") == {}
    assert admin.ask("DELETE", f"{ADMIN}/event_reports/{row['id']}")[1]["errcode"] == "M_NOT_FOUND"
    assert admin.ask("GET", f"{ADMIN}/event_reports/{row['id']}")[1]["errcode"] == "M_NOT_FOUND"
    assert admin.ask("GET", f"{ADMIN}/event_reports/x")[1]["errcode"] == "M_INVALID_PARAM"


def test_only_who_sees_an_event_may_report_it(server, alice, bob):
    room = alice.create()
    event = alice.send(room, "x")
    for who, where, what in ((bob, room, event), (alice, "!none:localhost", event), (alice, room, "$none")):
        assert report_event(who, where, what, {})[1]["errcode"] == "M_NOT_FOUND"
    for body in ({"reason": 1}, {"score": "high"}, {"reason": "x" * 5000}):
        assert report_event(alice, room, event, body)[0] == 400
    assert report_event(alice, room, event, {}) == (200, {})


def test_rooms_and_users_are_reported_from_outside(admin, alice, bob):
    room = bob.create(name="Cave")
    assert alice.ask("POST", f"/rooms/{quote(room)}/report", {"reason": ""}) == (200, {})
    assert alice.ask("POST", f"/rooms/{quote(room)}/report", {})[1]["errcode"] == "M_MISSING_PARAM"
    assert alice.ask("POST", "/rooms/!none:localhost/report", {"reason": ""})[1]["errcode"] == "M_NOT_FOUND"
    rows = admin.ok("GET", f"{ADMIN}/room_reports?room_id={quote(room)}")["room_reports"]
    assert [(r["user_id"], r["room_id"], r["reason"]) for r in rows] == [(alice.id, room, "")]
    for target in (bob.id, "@nobody:localhost"):
        assert alice.ask("POST", f"/users/{quote(target)}/report", {"reason": "pourriel"}) == (200, {})
    rows = admin.ok("GET", f"{ADMIN}/user_reports?user_id={quote(alice.id)}")["user_reports"]
    assert [(r["target_user_id"], r["reason"]) for r in rows] == [(bob.id, "pourriel")]
    assert admin.ok("DELETE", f"{ADMIN}/user_reports/{rows[0]['id']}") == {}
    assert alice.ask("POST", "/users/bob/report", {"reason": ""})[1]["errcode"] == "M_INVALID_PARAM"


def test_the_queue_pages_and_is_the_administrators_only(admin, alice):
    room = alice.create()
    events = [alice.send(room, f"m{i}") for i in range(5)]
    for event in events:
        report_event(alice, room, event, {"reason": event})
    path, got, at = f"{ADMIN}/event_reports?dir=f&limit=2&room_id={quote(room)}", [], 0
    for _ in range(5):
        page = admin.ok("GET", f"{path}&from={at}")
        got += [r["event_id"] for r in page["event_reports"]]
        if "next_token" not in page:
            break
        at = page["next_token"]
    assert got == events and page["total"] == 5
    assert admin.ask("GET", path + "&from=-1")[0] == 400 and admin.ask("GET", path.replace("dir=f", "dir=x"))[0] == 400
    assert alice.ask("GET", path)[1]["errcode"] == "M_FORBIDDEN"


def test_one_user_can_fill_the_queue_only_so_far(server, alice):
    room = alice.create()
    answers = [alice.ask("POST", f"/rooms/{quote(room)}/report", {"reason": "x"}) for _ in range(201)]
    assert [s for s, _ in answers[:200]] == [200] * 200
    assert answers[200][0] == 429 and answers[200][1]["errcode"] == "M_LIMIT_EXCEEDED"
