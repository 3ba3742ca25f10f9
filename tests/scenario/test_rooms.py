# SPDX-License-Identifier: AGPL-3.0-or-later
"""Rooms: creation, membership, messages, state, redaction, directory."""
import threading

import pytest

from beffroid import bodies, quote


@pytest.mark.parametrize("version", [str(v) for v in range(1, 13)])
def test_a_room_of_each_version_takes_members_and_messages(alice, bob, version):
    room = alice.create(room_version=version, name="Salle", topic="Sujet", invite=[bob.id])
    bob.join(room)
    event = bob.send(room, "bonjour")
    assert bodies(alice.messages(room)["chunk"]) == ["bonjour"]
    assert alice.ok("GET", f"/rooms/{quote(room)}/event/{quote(event)}")["sender"] == bob.id
    create = alice.ok("GET", f"/rooms/{quote(room)}/state/m.room.create/")
    assert create["room_version"] == version
    assert (":" in room) == (version != "12")


@pytest.mark.parametrize("preset, rule, guests, invite", [
    ("private_chat", "invite", "can_join", 0), ("trusted_private_chat", "invite", "can_join", 0),
    ("public_chat", "public", "forbidden", 50)])
def test_presets(alice, bob, preset, rule, guests, invite):
    room = alice.create(preset=preset, invite=[bob.id], room_version="11")
    state = {e["type"]: e["content"] for e in alice.ok("GET", f"/rooms/{quote(room)}/state")}
    assert state["m.room.join_rules"] == {"join_rule": rule}
    assert state["m.room.guest_access"] == {"guest_access": guests}
    assert state["m.room.power_levels"]["invite"] == invite
    trusted = {alice.id: 100, bob.id: 100} if preset == "trusted_private_chat" else {alice.id: 100}
    assert state["m.room.power_levels"]["users"] == trusted


def test_only_who_is_invited_comes_in(server, alice, bob):
    room = alice.create()
    status, answer = bob.ask("POST", f"/join/{quote(room)}", {})
    assert (status, answer["errcode"]) == (403, "M_FORBIDDEN")
    alice.invite(room, bob)
    bob.join(room)
    bob.ok("POST", f"/rooms/{quote(room)}/leave", {})
    assert bob.ask("POST", f"/join/{quote(room)}", {})[0] == 403


def test_kick_ban_unban(alice, bob):
    room = alice.create(preset="public_chat")
    bob.join(room)
    act = lambda what, who: alice.ok("POST", f"/rooms/{quote(room)}/{what}", {"user_id": who.id, "reason": "ordre"})
    act("kick", bob)
    bob.join(room)
    act("ban", bob)
    assert bob.ask("POST", f"/join/{quote(room)}", {})[0] == 403
    assert bob.ask("PUT", f"/rooms/{quote(room)}/send/m.room.message/x", {"body": "x"})[0] == 403
    act("unban", bob)
    bob.join(room)
    assert bob.ask("POST", f"/rooms/{quote(room)}/ban", {"user_id": alice.id})[0] == 403


def test_knock_and_restricted_joins(server, alice, bob):
    knock = alice.create(initial_state=[{"type": "m.room.join_rules", "state_key": "", "content": {"join_rule": "knock"}}])
    bob.ok("POST", f"/knock/{quote(knock)}", {"reason": "svp"})
    assert knock in bob.sync()["rooms"]["knock"]
    alice.invite(knock, bob)
    bob.join(knock)
    lobby = alice.create(preset="public_chat")
    inner = alice.create(initial_state=[{"type": "m.room.join_rules", "state_key": "", "content": {
        "join_rule": "restricted", "allow": [{"type": "m.room_membership", "room_id": lobby}]}}])
    assert bob.ask("POST", f"/join/{quote(inner)}", {})[0] == 403
    bob.join(lobby)
    bob.join(inner)


def test_the_same_transaction_gives_the_same_event(alice):
    room = alice.create()
    assert alice.send(room, "une fois", txn="x1") == alice.send(room, "une fois", txn="x1")
    assert bodies(alice.messages(room)["chunk"]) == ["une fois"]
    other = alice.login()
    assert other.send(room, "encore", txn="x1") != alice.send(room, "une fois", txn="x1")


def test_parallel_sends_of_one_transaction_make_one_event(alice):
    room, ids = alice.create(), []
    threads = [threading.Thread(target=lambda: ids.append(alice.send(room, "course", txn="race"))) for _ in range(8)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    assert len(ids) == 8 and len(set(ids)) == 1


def test_paging_meets_every_message_once_in_both_directions(alice):
    room = alice.create()
    sent = [f"m{i}" for i in range(57)]
    for body in sent:
        alice.send(room, body)
    for way, expected in (("b", sent[::-1]), ("f", sent)):
        got, at = [], {}
        for _ in range(40):
            page = alice.ok("GET", f"/rooms/{quote(room)}/messages?dir={way}&limit=7" + (f"&from={at}" if at else ""))
            got += bodies(page["chunk"])
            at = page.get("end")
            if not at or not page["chunk"]:
                break
        assert got == expected


@pytest.mark.parametrize("visibility, sees_before_invite, sees_before_join", [
    ("shared", True, True), ("world_readable", True, True), ("invited", False, True), ("joined", False, False)])
def test_history_visibility(server, alice, bob, visibility, sees_before_invite, sees_before_join):
    room = alice.create(initial_state=[{"type": "m.room.history_visibility", "state_key": "",
                                        "content": {"history_visibility": visibility}}])
    alice.send(room, "before invite")
    alice.invite(room, bob)
    alice.send(room, "before join")
    bob.join(room)
    alice.send(room, "after join")
    seen = bodies(bob.messages(room, limit=100)["chunk"])
    assert "after join" in seen
    assert ("before invite" in seen, "before join" in seen) == (sees_before_invite, sees_before_join)
    stranger = server.user()
    assert (stranger.ask("GET", f"/rooms/{quote(room)}/messages?dir=b")[0] == 200) == (visibility == "world_readable")


def test_who_left_reads_no_further(alice, bob):
    room = alice.create(preset="public_chat")
    bob.join(room)
    alice.send(room, "for both")
    bob.ok("POST", f"/rooms/{quote(room)}/leave", {})
    after = alice.send(room, "for me")
    assert bodies(bob.messages(room)["chunk"]) == ["for both"]
    assert bob.ask("GET", f"/rooms/{quote(room)}/event/{quote(after)}")[1]["errcode"] == "M_NOT_FOUND"


def test_redaction_takes_content_away_for_good(alice, bob):
    room = alice.create(preset="public_chat")
    bob.join(room)
    event = alice.send(room, "trop dit")
    assert bob.ask("PUT", f"/rooms/{quote(room)}/redact/{quote(event)}/r1", {})[0] == 403
    redaction = alice.ok("PUT", f"/rooms/{quote(room)}/redact/{quote(event)}/r1", {"reason": "erreur"})["event_id"]
    seen = bob.ok("GET", f"/rooms/{quote(room)}/event/{quote(event)}")
    assert seen["content"] == {} and seen["unsigned"]["redacted_because"]["event_id"] == redaction
    assert "trop dit" not in str(bob.messages(room))


def test_state_is_changed_only_with_power(alice, bob):
    room = alice.create(preset="public_chat")
    bob.join(room)
    assert bob.ask("PUT", f"/rooms/{quote(room)}/state/m.room.name/", {"name": "x"})[0] == 403
    alice.state(room, "m.room.name", {"name": "Ministère"})
    assert bob.ok("GET", f"/rooms/{quote(room)}/state/m.room.name/") == {"name": "Ministère"}
    assert bob.ask("GET", f"/rooms/{quote(room)}/state/m.room.none/")[1]["errcode"] == "M_NOT_FOUND"


def test_aliases_and_the_public_directory(alice, bob):
    room = alice.create(preset="public_chat", visibility="public", room_alias_name="affaires-" + alice.name, name="Affaires")
    alias = f"#affaires-{alice.name}:localhost"
    assert bob.ok("GET", f"/directory/room/{quote(alias)}")["room_id"] == room
    assert bob.join(alias) == room
    status, answer = bob.ask("PUT", f"/directory/room/{quote(alias)}", {"room_id": room})
    assert status == 409
    found = bob.ok("POST", "/publicRooms", {"filter": {"generic_search_term": "AFFAIRES-" + alice.name}})
    assert [(r["room_id"], r["num_joined_members"]) for r in found["chunk"]] == [(room, 2)]
    assert bob.ask("DELETE", f"/directory/room/{quote(alias)}")[0] == 403
    alice.ok("DELETE", f"/directory/room/{quote(alias)}")
    assert bob.ask("GET", f"/directory/room/{quote(alias)}")[1]["errcode"] == "M_NOT_FOUND"


def test_relations_and_aggregations(alice, bob):
    room = alice.create(preset="public_chat")
    bob.join(room)
    root = alice.send(room, "racine")
    reply = bob.send(room, {"msgtype": "m.text", "body": "fil", "m.relates_to": {"rel_type": "m.thread", "event_id": root}})
    edit = alice.send(room, {"msgtype": "m.text", "body": "* mieux", "m.new_content": {"msgtype": "m.text", "body": "mieux"},
                             "m.relates_to": {"rel_type": "m.replace", "event_id": root}})
    seen = bob.ok("GET", f"/rooms/{quote(room)}/event/{quote(root)}")["unsigned"]["m.relations"]
    assert seen["m.thread"]["count"] == 1 and seen["m.thread"]["latest_event"]["event_id"] == reply
    assert seen["m.thread"]["current_user_participated"] is True
    assert seen["m.replace"]["event_id"] == edit
    react = {"m.relates_to": {"rel_type": "m.annotation", "event_id": root, "key": "👍"}}
    put = lambda txn: bob.ask("PUT", f"/rooms/{quote(room)}/send/m.reaction/{txn}", react)
    assert put("k1")[0] == 200
    assert put("k2")[1]["errcode"] == "M_DUPLICATE_ANNOTATION"
    chunk = bob.ok("GET", f"/_matrix/client/v1/rooms/{quote(room)}/relations/{quote(root)}/m.annotation")["chunk"]
    assert [e["content"]["m.relates_to"]["key"] for e in chunk] == ["👍"]


def test_a_join_may_bring_content_of_its_own_but_not_the_servers(alice, bob):
    room = alice.create(preset="public_chat")
    bob.ok("POST", f"/join/{quote(room)}", {"org.example.desk": 7, "membership": "ban", "displayname": "Mallory"})
    member = bob.ok("GET", f"/rooms/{quote(room)}/state/m.room.member/{quote(bob.id)}")
    assert (member["membership"], member["org.example.desk"], member.get("displayname")) == ("join", 7, bob.name)


def test_an_alias_removed_is_not_named_by_its_room_any_more(alice):
    room = alice.create(room_alias_name="gone" + alice.name)
    alias, kept = f"#gone{alice.name}:localhost", f"#kept{alice.name}:localhost"
    alice.ok("PUT", f"/directory/room/{quote(kept)}", {"room_id": room})
    alice.state(room, "m.room.canonical_alias", {"alias": alias, "alt_aliases": [alias, kept]})
    alice.ok("DELETE", f"/directory/room/{quote(alias)}")
    assert alice.ok("GET", f"/rooms/{quote(room)}/state/m.room.canonical_alias") == {"alt_aliases": [kept]}


def test_events_tell_what_the_reader_was_then(alice, bob):
    room = alice.create(preset="public_chat")
    alice.send(room, "before")
    since = bob.sync()["next_batch"]
    bob.join(room)
    alice.send(room, "after")
    chunk = bob.messages(room, limit=50)["chunk"]
    was = {e["content"]["body"]: e["unsigned"]["membership"] for e in chunk if e["type"] == "m.room.message"}
    assert was == {"before": "leave", "after": "join"}
    assert [e["unsigned"]["membership"] for e in chunk if e.get("state_key") == bob.id] == ["join"]
    timeline = bob.sync(since)["rooms"]["join"][room]["timeline"]["events"]
    assert timeline[-1]["unsigned"]["membership"] == "join"


def test_members_as_of_a_sync(alice, bob):
    room = alice.create(preset="public_chat")
    at = alice.sync()["rooms"]["join"][room]["timeline"]["prev_batch"]
    bob.join(room)
    of = lambda query: {e["state_key"] for e in alice.ok("GET", f"/rooms/{quote(room)}/members{query}")["chunk"]}
    assert of(f"?at={at}") == {alice.id} and of("") == {alice.id, bob.id}
    assert alice.ask("GET", f"/rooms/{quote(room)}/members?at=nonsense")[1]["errcode"] == "M_INVALID_PARAM"


def test_members_of_before_ones_time_are_not_shown(alice, bob, server):
    room = alice.create(preset="public_chat", initial_state=[
        {"type": "m.room.history_visibility", "state_key": "", "content": {"history_visibility": "joined"}}])
    carol = server.user()
    carol.join(room)
    at = alice.sync()["next_batch"]
    carol.ok("POST", f"/rooms/{quote(room)}/leave", {})
    bob.join(room)
    chunk = bob.ok("GET", f"/rooms/{quote(room)}/members?at={at}&membership=join")["chunk"]
    assert {e["state_key"] for e in chunk} == {alice.id, bob.id}


def test_a_forgotten_room_cannot_be_read(alice, bob):
    room = alice.create(invite=[bob.id])
    bob.join(room)
    bob.ok("POST", f"/rooms/{quote(room)}/leave", {})
    assert bob.messages(room)["chunk"]
    bob.ok("POST", f"/rooms/{quote(room)}/forget", {})
    for path in ("/messages?dir=b", "/messages", "/state", "/members"):
        assert bob.ask("GET", f"/rooms/{quote(room)}{path}")[:1] == (403,), path


def test_context_with_lazy_members_keeps_the_other_state(alice, bob, server):
    carol = server.user()
    room = alice.create(preset="public_chat", name="named")
    bob.join(room), carol.join(room)
    at = bob.send(room, "here")
    got = alice.ok("GET", f"/rooms/{quote(room)}/context/{quote(at)}?limit=0&filter=" + quote('{"lazy_load_members":true}'))
    assert {e["state_key"] for e in got["state"] if e["type"] == "m.room.member"} == {bob.id}
    assert "m.room.name" in {e["type"] for e in got["state"]}


def test_a_redaction_sent_again_is_the_same_after_its_sender_lost_the_power(alice, bob):
    room = alice.create(invite=[bob.id])
    bob.join(room)
    event = alice.send(room, "to be taken away")
    powers = alice.ok("GET", f"/rooms/{quote(room)}/state/m.room.power_levels")
    alice.state(room, "m.room.power_levels", {**powers, "users": {**powers.get("users", {}), bob.id: 50}})
    ask = lambda txn, of=event: bob.ask("PUT", f"/rooms/{quote(room)}/redact/{quote(of)}/{txn}", {})
    first = ask("r1")
    assert first[0] == 200
    alice.state(room, "m.room.power_levels", powers)
    assert ask("r1") == first
    other = alice.send(room, "stays")
    assert ask("r2", other)[1]["errcode"] == "M_FORBIDDEN"
    assert alice.ask("PUT", f"/rooms/{quote(room)}/redact/%24nosuch/x", {})[0] == 404
    bob.ok("POST", f"/rooms/{quote(room)}/leave", {})
    assert ask("r3", other)[1]["errcode"] == "M_FORBIDDEN"


def test_a_client_cannot_name_who_vouches_for_a_join(alice, bob):
    """A member event sent as state ended the server once; and the name would ask for a signature of others."""
    room = alice.create(preset="public_chat")
    bob.join(room)
    bob.state(room, "m.room.member", {"membership": "join", "displayname": "B", "join_authorised_via_users_server": alice.id},
              bob.id)
    shown = alice.ok("GET", f"/rooms/{quote(room)}/state/m.room.member/{quote(bob.id)}")
    assert shown["displayname"] == "B" and "join_authorised_via_users_server" not in shown
