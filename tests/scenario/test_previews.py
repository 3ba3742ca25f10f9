# SPDX-License-Identifier: AGPL-3.0-or-later
"""What is told of rooms to who may not be in them: summaries, trees of spaces, mutual rooms; events by time."""
import time

import pytest

from beffroid import V3, quote

V1 = "/_matrix/client/v1"


def rule(join_rule, *allow):
    content = {"join_rule": join_rule}
    if allow:
        content["allow"] = [{"type": "m.room_membership", "room_id": r} for r in allow]
    return {"type": "m.room.join_rules", "state_key": "", "content": content}


WORLD = {"type": "m.room.history_visibility", "state_key": "", "content": {"history_visibility": "world_readable"}}


def space(user, **more):
    return user.create(preset="public_chat", creation_content={"type": "m.space"}, **more)


def link(user, parent, child, **more):
    user.state(parent, "m.space.child", {"via": ["localhost"], **more}, key=child)


def tree(user, room, query=""):
    return user.ok("GET", f"{V1}/rooms/{quote(room)}/hierarchy?{query}")


def rooms(page):
    return [r["room_id"] for r in page["rooms"]]


def test_a_summary_says_what_a_preview_needs(server, alice, bob):
    inner = alice.create(name="Salle", topic="Sujet", room_version="9", initial_state=[
        rule("restricted", lobby := alice.create(preset="public_chat")),
        {"type": "m.room.encryption", "state_key": "", "content": {"algorithm": "m.megolm.v1.aes-sha2"}}])
    path = f"{V1}/room_summary/{quote(inner)}"
    assert bob.ask("GET", path)[1]["errcode"] == "M_NOT_FOUND"
    bob.join(lobby)
    seen = bob.ok("GET", path)
    assert {k: seen[k] for k in ("room_id", "name", "topic", "join_rule", "num_joined_members", "room_version", "encryption",
                                 "allowed_room_ids", "membership", "world_readable", "guest_can_join")} == {
        "room_id": inner, "name": "Salle", "topic": "Sujet", "join_rule": "restricted", "num_joined_members": 1,
        "room_version": "9", "encryption": "m.megolm.v1.aes-sha2", "allowed_room_ids": [lobby], "membership": "leave",
        "world_readable": False, "guest_can_join": True}
    assert alice.ok("GET", path)["membership"] == "join"
    old = bob.ok("GET", f"/_matrix/client/unstable/im.nheko.summary/summary/{quote(inner)}")
    assert old["im.nheko.summary.room_version"] == "9"
    assert "allowed_room_ids" not in alice.ok("GET", f"{V1}/room_summary/{quote(lobby)}")


@pytest.mark.parametrize("state, signed_out", [
    ([], False), ([rule("public")], True), ([rule("knock")], True), ([WORLD], True)])
def test_who_is_signed_out_sees_open_rooms_only(server, alice, state, signed_out):
    room = alice.create(initial_state=state)
    status, answer = server.call("GET", f"{V1}/room_summary/{quote(room)}")
    assert (status == 200) == signed_out and "membership" not in answer
    assert server.call("GET", f"{V1}/room_summary/%23none%3Alocalhost")[1]["errcode"] == "M_NOT_FOUND"
    assert server.call("GET", f"{V1}/room_summary/nonsense")[1]["errcode"] == "M_INVALID_PARAM"


def make_tree(alice, bob):
    root, one, sub, two, deep = space(alice), alice.create(preset="public_chat"), space(alice), alice.create(preset="public_chat"), space(alice)
    three, four = alice.create(preset="public_chat"), bob.create(preset="public_chat", initial_state=[WORLD])
    for parent, child, more in ((root, one, {"suggested": True}), (root, sub, {}), (root, two, {"suggested": True}),
                                (two, three, {}), (sub, deep, {}), (deep, three, {}), (deep, four, {})):
        link(alice, parent, child, **more)
        time.sleep(0.002)
    return root, one, sub, two, deep, three, four


def test_a_tree_is_walked_depth_first_with_bounds(alice, bob):
    root, one, sub, two, deep, three, four = make_tree(alice, bob)
    whole = tree(alice, root)
    assert rooms(whole) == [root, one, sub, deep, three, four, two] and "next_batch" not in whole
    child = whole["rooms"][0]["children_state"][0]
    assert child["state_key"] == one and child["content"]["via"] == ["localhost"] and child["origin_server_ts"] > 0
    assert rooms(tree(alice, root, "max_depth=1")) == [root, one, sub, two]
    assert rooms(tree(alice, root, "max_depth=0")) == [root]
    few = tree(alice, root, "suggested_only=true")
    assert rooms(few) == [root, one, two]
    assert [e["state_key"] for e in few["rooms"][0]["children_state"]] == [one, two]
    alice.state(root, "m.space.child", {}, key=sub)
    assert rooms(tree(alice, root)) == [root, one, two]


def test_pages_of_a_tree_stay_true_when_it_changes(alice, bob):
    root, one, sub, two, deep, three, four = make_tree(alice, bob)
    first = tree(alice, root, "limit=4")
    assert rooms(first) == [root, one, sub, deep]
    after = "limit=4&from=" + first["next_batch"]
    assert rooms(tree(alice, root, after)) == [three, four, two]
    early = alice.create(preset="public_chat")
    link(alice, root, early, order="!")
    assert rooms(tree(alice, root))[:2] == [root, early]
    assert rooms(tree(alice, root, after)) == [three, four, two]
    path = f"{V1}/rooms/{quote(root)}/hierarchy?"
    for query in (after + "&max_depth=2", after + "&suggested_only=true", "from=x", "from=h9", "from=h1.1.1.1.1",
                  "limit=0", "max_depth=-1", "suggested_only=maybe", "from=h1.0.1.0"):
        assert alice.ask("GET", path + query)[1]["errcode"] == "M_INVALID_PARAM", query


def test_children_come_by_order_then_by_age(alice):
    root = space(alice)
    made = [alice.create(preset="public_chat") for _ in range(5)]
    for child, order in zip(made, ("b", None, "a", "\u00e9", "b")):
        link(alice, root, child, **({"order": order} if order else {}))
        time.sleep(0.002)
    alice.state(root, "m.space.child", {"via": []}, key=alice.create(preset="public_chat"))
    a, b, c, d, e = made
    assert rooms(tree(alice, root)) == [root, c, a, e, b, d]


def test_a_tree_shows_only_what_its_reader_may_know_of(server, alice, bob):
    root = space(alice)
    closed, asked, knock, friends = (alice.create(), alice.create(), alice.create(initial_state=[rule("knock")]),
                                     alice.create(initial_state=[rule("restricted", root)]))
    loop = space(alice)
    for child in (closed, asked, knock, friends, loop):
        link(alice, root, child)
        time.sleep(0.002)
    link(alice, loop, root)
    alice.invite(asked, bob)
    assert rooms(tree(bob, root)) == [root, asked, knock, loop]
    bob.join(root)
    assert rooms(tree(bob, root)) == [root, asked, knock, friends, loop]
    assert bob.ask("GET", f"{V1}/rooms/{quote(closed)}/hierarchy")[1]["errcode"] == "M_FORBIDDEN"
    assert bob.ask("GET", f"{V1}/rooms/!none:localhost/hierarchy")[1]["errcode"] == "M_FORBIDDEN"


def test_mutual_rooms(server, alice, bob):
    both = [alice.create(preset="public_chat") for _ in range(3)]
    for room in both:
        bob.join(room)
    alice.create(), bob.create()
    ask = lambda q: alice.ask("GET", f"{V1}/mutual_rooms?{q}")
    assert ask(f"user_id={quote(bob.id)}") == (200, {"joined": both, "count": 3})
    assert ask("user_id=%40nobody%3Alocalhost") == (200, {"joined": [], "count": 0})
    for q in ("", "user_id=bob", f"user_id={quote(alice.id)}", f"user_id={quote(bob.id)}&from=x"):
        assert ask(q)[0] == 400, q
    assert alice.ok("GET", f"/_matrix/client/unstable/uk.half-shot.msc2666/user/mutual_rooms?user_id={quote(bob.id)}")["count"] == 3


def test_mutual_rooms_page(alice, bob):
    both = [alice.create(preset="public_chat", room_version="11") for _ in range(205)]
    for room in both:
        bob.join(room)
    first = alice.ok("GET", f"{V1}/mutual_rooms?user_id={quote(bob.id)}")
    rest = alice.ok("GET", f"{V1}/mutual_rooms?user_id={quote(bob.id)}&from={first['next_batch']}")
    assert first["joined"] + rest["joined"] == both and first["count"] == 205 and "next_batch" not in rest


def test_an_event_by_time_is_one_that_its_reader_may_see(server, alice, bob):
    room = alice.create(preset="public_chat", initial_state=[
        {"type": "m.room.history_visibility", "state_key": "", "content": {"history_visibility": "joined"}}])
    event = lambda user, ts, way: user.ask("GET", f"{V1}/rooms/{quote(room)}/timestamp_to_event?ts={ts}&dir={way}")
    hidden = alice.send(room, "avant")
    at = alice.ok("GET", f"/rooms/{quote(room)}/event/{quote(hidden)}")["origin_server_ts"]
    time.sleep(0.01)
    bob.join(room)
    assert event(alice, at, "f")[1]["event_id"] == hidden
    found = event(bob, at, "f")[1]
    assert found["event_id"] != hidden and found["origin_server_ts"] > at
    assert event(bob, at, "b")[1]["event_id"] != hidden
    assert event(bob, 0, "b")[1]["errcode"] == "M_NOT_FOUND"
    assert event(server.user(), at, "f")[1]["errcode"] == "M_FORBIDDEN"
    assert event(alice, "x", "f")[0] == 400 and event(alice, at, "z")[0] == 400
