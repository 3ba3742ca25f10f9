# SPDX-License-Identifier: AGPL-3.0-or-later
"""Threads and what relates to what."""
from beffroid import bodies, quote


def in_thread(user, room, root, body):
    return user.send(room, {"msgtype": "m.text", "body": body, "m.relates_to": {"rel_type": "m.thread", "event_id": root}})


def threads(user, room, query=""):
    return user.ok("GET", f"/_matrix/client/v1/rooms/{quote(room)}/threads?{query}")


def ids(page):
    return [e["event_id"] for e in page["chunk"]]


def test_threads_come_by_their_newest_event_and_by_participation(alice, bob):
    room = alice.create(preset="public_chat")
    bob.join(room)
    one, two = alice.send(room, "un"), alice.send(room, "deux")
    alice.send(room, "no thread")
    in_thread(alice, room, one, "a")
    in_thread(alice, room, two, "b")
    assert ids(threads(alice, room)) == [two, one]
    reply = in_thread(bob, room, one, "c")
    page = threads(alice, room)
    assert ids(page) == [one, two]
    thread = page["chunk"][0]["unsigned"]["m.relations"]["m.thread"]
    assert (thread["latest_event"]["event_id"], thread["count"]) == (reply, 2)
    assert ids(threads(bob, room, "include=participated")) == [one]
    seen = {e["event_id"]: e["unsigned"]["m.relations"]["m.thread"] for e in threads(bob, room)["chunk"]}
    assert [seen[x]["current_user_participated"] for x in (one, two)] == [True, False]


def test_threads_page_without_loss(alice):
    room = alice.create()
    roots = [alice.send(room, f"r{i}") for i in range(7)]
    for root in roots:
        in_thread(alice, room, root, "x")
        in_thread(alice, room, root, "y")
    got, at = [], ""
    for _ in range(10):
        page = threads(alice, room, "limit=2" + at)
        got += ids(page)
        if "next_batch" not in page:
            break
        at = "&from=" + page["next_batch"]
    assert got == roots[::-1]


def test_threads_of_rooms_one_may_not_read_and_bad_queries(server, alice):
    room = alice.create()
    path = f"/_matrix/client/v1/rooms/{quote(room)}/threads"
    assert server.user().ask("GET", path)[1]["errcode"] == "M_FORBIDDEN"
    for query in ("include=some", "limit=0", "limit=x", "from=what"):
        assert alice.ask("GET", f"{path}?{query}")[1]["errcode"] == "M_INVALID_PARAM"
    assert threads(alice, room) == {"chunk": []}


def test_what_was_said_before_one_came_begins_no_thread_for_one(alice, bob):
    room = alice.create(preset="public_chat", initial_state=[
        {"type": "m.room.history_visibility", "state_key": "", "content": {"history_visibility": "joined"}}])
    root = alice.send(room, "avant")
    in_thread(alice, room, root, "secret")
    bob.join(room)
    in_thread(alice, room, root, "après")
    assert threads(bob, room)["chunk"] == []


def test_the_newest_event_of_a_thread_is_shown_with_its_edit(alice):
    room = alice.create()
    root = alice.send(room, "racine")
    reply = in_thread(alice, room, root, "faute")
    edit = alice.send(room, {"msgtype": "m.text", "body": "* juste", "m.new_content": {"msgtype": "m.text", "body": "juste"},
                             "m.relates_to": {"rel_type": "m.replace", "event_id": reply}})
    latest = threads(alice, room)["chunk"][0]["unsigned"]["m.relations"]["m.thread"]["latest_event"]
    assert latest["event_id"] == reply
    assert latest["unsigned"]["m.relations"]["m.replace"]["event_id"] == edit


def test_no_thread_begins_inside_of_another(alice):
    room = alice.create()
    root = alice.send(room, "racine")
    reply = in_thread(alice, room, root, "dedans")
    status, answer = alice.ask("PUT", f"/rooms/{quote(room)}/send/m.room.message/n1", {
        "msgtype": "m.text", "body": "x", "m.relates_to": {"rel_type": "m.thread", "event_id": reply}})
    assert (status, answer["errcode"]) == (400, "M_UNKNOWN")


def test_recursion_finds_what_relates_to_what_relates(alice, bob):
    room = alice.create(preset="public_chat")
    bob.join(room)
    root = alice.send(room, "racine")
    chain = [root]
    for i in range(4):
        chain.append(alice.send(room, {"msgtype": "m.text", "body": f"n{i}", "m.relates_to": {
            "rel_type": "org.example.below", "event_id": chain[-1]}}))
    react = bob.ok("PUT", f"/rooms/{quote(room)}/send/m.reaction/r1", {"m.relates_to": {
        "rel_type": "m.annotation", "event_id": chain[1], "key": "👍"}})["event_id"]
    path = f"/_matrix/client/v1/rooms/{quote(room)}/relations/{quote(root)}"
    assert ids(alice.ok("GET", path)) == [chain[1]]
    deep = alice.ok("GET", path + "?recurse=true&dir=f")
    assert deep["recursion_depth"] == 3
    assert ids(deep) == [chain[1], chain[2], chain[3], react]
    assert ids(alice.ok("GET", path + "/m.annotation?recurse=true")) == [react]
    got, at = [], ""
    for _ in range(6):
        page = alice.ok("GET", path + "?recurse=true&limit=1" + at)
        got += ids(page)
        if "next_batch" not in page:
            break
        at = "&from=" + page["next_batch"]
    assert got == [react, chain[3], chain[2], chain[1]]
    assert alice.ask("GET", path + "?recurse=maybe")[1]["errcode"] == "M_INVALID_PARAM"
