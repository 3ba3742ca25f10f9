# SPDX-License-Identifier: AGPL-3.0-or-later
"""Full-text search: what is found, by whom, and what is not."""
import pytest

from beffroid import Server, quote


def search(user, term, batch=None, **criteria):
    query = f"?next_batch={quote(batch)}" if batch else ""
    return user.ok("POST", "/search" + query, {"search_categories": {"room_events": {
        "search_term": term, **criteria}}})["search_categories"]["room_events"]


def found(user, term, **criteria):
    return [r["result"]["content"].get("body") for r in search(user, term, order_by="recent", **criteria)["results"]]


@pytest.mark.parametrize("term, text", [
    ("réunion", "Les RÉUNIONS du lundi"), ("reunions", "la réunion"), ("RÉUNION", "reunion"),
    ("élevées", "notes eleves"), ("elevees", "des notes élevées"), ("meeting", "two meetings today"),
    ("ran running", "running ran"), ("l'accord", "un accord signé, l'Etat"), ("cœur", "le coeur du sujet"),
    ("東京", "明日東京で会います"), ("москва", "МОСКВА рядом"), ("2026", "budget 2026."), ("naïve", "a naive idea")])
def test_words_are_found_in_their_other_forms(alice, term, text):
    room = alice.create()
    alice.send(room, "quelque chose d'autre")
    alice.send(room, text)
    assert found(alice, term) == [text]


def test_every_word_must_be_there_and_keys_and_filters_narrow(alice, bob):
    room = alice.create(preset="public_chat", name="Budget annuel", topic="Le budget de la place")
    bob.join(room)
    other = alice.create()
    alice.send(room, "budget prévu"), bob.send(room, "budget voté"), alice.send(other, "budget ailleurs")
    types = lambda **more: sorted(r["result"]["type"] for r in search(alice, "budget", **more)["results"])
    assert types() == ["m.room.message"] * 3 + ["m.room.name", "m.room.topic"]
    assert types(keys=["content.name"]) == ["m.room.name"]
    assert types(keys=["content.topic", "content.body"]) == ["m.room.message"] * 3 + ["m.room.topic"]
    assert found(alice, "budget voté") == ["budget voté"]
    assert found(alice, "budget", filter={"rooms": [other]}) == ["budget ailleurs"]
    assert found(alice, "budget", filter={"senders": [bob.id]}) == ["budget voté"]
    assert found(alice, "budget", filter={"not_rooms": [room]}) == ["budget ailleurs"]
    assert found(alice, "budget", filter={"types": ["m.room.message"], "not_senders": [alice.id]}) == ["budget voté"]
    assert found(alice, "introuvable") == [] and found(alice, "...") == []
    result = search(alice, "budgets")
    assert result["highlights"] == ["budget"] and result["count"] == 5
    assert all(isinstance(r["rank"], (int, float)) for r in result["results"])


def test_nobody_finds_what_they_may_not_read(server, alice, bob):
    room = alice.create(preset="public_chat", initial_state=[
        {"type": "m.room.history_visibility", "state_key": "", "content": {"history_visibility": "joined"}}])
    alice.send(room, "secret avant")
    bob.join(room)
    alice.send(room, "secret pendant")
    bob.ok("POST", f"/rooms/{quote(room)}/leave", {})
    alice.send(room, "secret après")
    assert found(alice, "secret") == ["secret après", "secret pendant", "secret avant"]
    result = search(bob, "secret")
    assert [r["result"]["content"]["body"] for r in result["results"]] == ["secret pendant"] and result["count"] == 1
    assert search(server.user(), "secret", filter={"rooms": [room]})["count"] == 0
    bob.ok("POST", f"/rooms/{quote(room)}/forget", {})
    assert search(bob, "secret")["count"] == 0


def test_encrypted_rooms_are_not_searched(alice):
    room = alice.create()
    alice.send(room, "grenouille avant")
    assert len(found(alice, "grenouille")) == 1
    alice.state(room, "m.room.encryption", {"algorithm": "m.megolm.v1.aes-sha2"})
    alice.send(room, "grenouille après")
    assert found(alice, "grenouille") == []


@pytest.mark.parametrize("order", ["rank", "recent"])
def test_what_was_redacted_is_found_no_more(alice, order):
    room = alice.create()
    event = alice.send(room, "erreur regrettable")
    alice.send(room, "une autre erreur")
    assert search(alice, "erreur", order_by=order)["count"] == 2
    alice.ok("PUT", f"/rooms/{quote(room)}/redact/{quote(event)}/r1", {})
    assert [r["result"]["content"]["body"] for r in search(alice, "erreur", order_by=order)["results"]] == ["une autre erreur"]
    early = alice.send(room, "jamais indexée")
    alice.ok("PUT", f"/rooms/{quote(room)}/redact/{quote(early)}/r2", {})
    assert search(alice, "indexée", order_by=order)["count"] == 0


@pytest.mark.parametrize("order", ["rank", "recent"])
def test_pages_lose_nothing(alice, order):
    room = alice.create()
    sent = [alice.send(room, f"numéro {i}") for i in range(25)]
    got, batch = [], None
    for _ in range(6):
        page = search(alice, "numero", batch, order_by=order, filter={"limit": 10, "rooms": [room]})
        assert page["count"] == 25
        got += [r["result"]["event_id"] for r in page["results"]]
        batch = page.get("next_batch")
        if not batch:
            break
    assert sorted(got) == sorted(sent)
    if order == "recent":
        assert got == sent[::-1]


def test_context_profiles_state(alice):
    room = alice.create(name="Salle")
    alice.ok("PUT", f"/profile/{quote(alice.id)}/displayname", {"displayname": "Alice A."})
    for i in range(1, 8):
        alice.send(room, f"Message number {i}")
    result = search(alice, "message 4", filter={"limit": 1, "rooms": [room]}, include_state=True,
                    event_context={"before_limit": 2, "after_limit": 2, "include_profile": True})
    assert result["count"] == 1 and "next_batch" in result
    context = result["results"][0]["context"]
    assert [e["content"]["body"] for e in context["events_before"]] == ["Message number 3", "Message number 2"]
    assert [e["content"]["body"] for e in context["events_after"]] == ["Message number 5", "Message number 6"]
    assert context["profile_info"][alice.id]["displayname"] == "Alice A."
    older = alice.messages(room, **{"from": context["start"]})["chunk"]
    assert older[0]["content"]["body"] == "Message number 1"
    assert "m.room.name" in [e["type"] for e in result["state"][room]]


def test_groups_have_pages_of_their_own(alice, bob):
    rooms = [alice.create(preset="public_chat") for _ in range(2)]
    for room in rooms:
        bob.join(room)
    for i in range(4):
        alice.send(rooms[0], f"groupe {i}")
    bob.send(rooms[1], "groupe b")
    ask = dict(order_by="recent", filter={"limit": 3}, groupings={"group_by": [{"key": "room_id"}, {"key": "sender"}]})
    page = search(alice, "groupe", **ask)
    groups = page["groups"]
    assert set(groups["room_id"]) == set(rooms) and set(groups["sender"]) == {alice.id, bob.id}
    first = groups["room_id"][rooms[0]]
    assert len(first["results"]) == 2 and groups["room_id"][rooms[1]]["order"] == 0
    rest = search(alice, "groupe", first["next_batch"], **ask)
    assert [r["result"]["content"]["body"] for r in rest["results"]] == ["groupe 1", "groupe 0"]


def test_a_room_that_was_replaced_is_searched_with_the_new_one(alice):
    room = alice.create(room_version="8")
    alice.send(room, "vestige avant")
    after = alice.ok("POST", f"/rooms/{quote(room)}/upgrade", {"new_version": "9"})["replacement_room"]
    alice.send(after, "vestige après")
    assert found(alice, "vestige", filter={"rooms": [after]}) == ["vestige après", "vestige avant"]
    assert found(alice, "vestige", filter={"rooms": [room]}) == ["vestige avant"]


def test_bad_searches(alice):
    ask = lambda events, batch="": alice.ask("POST", f"/search?next_batch={batch}", {"search_categories": {"room_events": events}})
    for events in ([], {"search_term": 1}, {"search_term": "x" * 2000}, {"search_term": "x", "keys": ["content.url"]},
                   {"search_term": "x", "order_by": "age"}, {"search_term": "x", "keys": "content.body"},
                   {"search_term": "x", "groupings": {"group_by": [{"key": "age"}]}}, {"search_term": "x", "filter": 1},
                   {"search_term": "x", "event_context": {"before_limit": -1}}, {}):
        assert ask(events)[0] == 400, events
    for batch in ("x", "n", "n-1", "n1.x.AA", "n1.r", "n1.r.***"):
        assert ask({"search_term": "x"}, batch)[1]["errcode"] == "M_INVALID_PARAM"
    for term in ('" OR *', "a AND b OR (", "NEAR(x)", "'; DROP TABLE event;", "_r1", "x:y & | !", "\\ %", "\u0000 nul"):
        assert ask({"search_term": term})[0] == 200, term
    assert alice.ask("POST", "/search", {})[0] == 400
    assert alice.ok("POST", "/search", {"search_categories": {}}) == {"search_categories": {}}


def test_search_outlives_a_restart_and_can_be_switched_off(tmp_path, new_store):
    store = new_store()
    with Server(tmp_path / "data", store) as server:
        alice = server.user("alice")
        room = alice.create()
        alice.send(room, "durable")
    with Server(tmp_path / "data", store) as server:
        alice.server = server
        assert found(alice, "durables") == ["durable"]
    with Server(tmp_path / "data", store, ["--search.enabled=false"]) as server:
        alice.server = server
        assert alice.ask("POST", "/search", {"search_categories": {}})[1]["errcode"] == "M_UNKNOWN"
