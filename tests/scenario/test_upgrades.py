# SPDX-License-Identifier: AGPL-3.0-or-later
"""Room upgrades: what moves, what closes, what people keep."""
import pytest

from beffroid import quote


def upgrade(user, room, version="12", **more):
    return user.ok("POST", f"/rooms/{quote(room)}/upgrade", {"new_version": version, **more})["replacement_room"]


def state_of(user, room):
    return {(e["type"], e["state_key"]): e["content"] for e in user.ok("GET", f"/rooms/{quote(room)}/state")}


@pytest.mark.parametrize("old, new", [("6", "11"), ("9", "12"), ("11", "12"), ("12", "12"), ("12", "11")])
def test_an_upgrade_moves_state_bans_aliases_and_closes_the_old_room(server, alice, bob, old, new):
    villain = server.user()
    alias = f"#salle-{alice.name}:localhost"
    room = alice.create(preset="public_chat", visibility="public", room_version=old, name="Salle", topic="Sujet",
                        room_alias_name="salle-" + alice.name, creation_content={"type": "m.space"})
    bob.join(room)
    alice.ok("POST", f"/rooms/{quote(room)}/ban", {"user_id": villain.id, "reason": "pourriel"})
    alice.state(room, "m.space.child", {"via": ["localhost"]}, key="!kept:localhost")
    alice.state(room, "m.space.child", {}, key="!gone:localhost")
    alice.state(room, "org.example.own", {"x": 1})
    levels = alice.ok("GET", f"/rooms/{quote(room)}/state/m.room.power_levels/")
    levels.setdefault("users", {})[bob.id] = 50
    alice.state(room, "m.room.power_levels", levels)

    after = upgrade(alice, room, new)
    now, was = state_of(alice, after), state_of(alice, room)
    create = now["m.room.create", ""]
    assert (create["room_version"], create["type"], create["predecessor"]["room_id"]) == (new, "m.space", room)
    assert ("event_id" in create["predecessor"]) == (new != "12")
    assert was["m.room.tombstone", ""]["replacement_room"] == after
    for type in ("m.room.name", "m.room.topic", "m.room.join_rules", "m.room.history_visibility", "m.room.guest_access"):
        assert now[type, ""] == (was[type, ""])
    assert now["m.room.canonical_alias", ""]["alias"] == alias
    assert now["m.space.child", "!kept:localhost"] and ("m.space.child", "!gone:localhost") not in now
    assert ("org.example.own", "") not in now
    ban = now["m.room.member", villain.id]
    assert (ban["membership"], ban["reason"]) == ("ban", "pourriel")
    assert ("m.room.member", bob.id) not in now
    users = now["m.room.power_levels", ""]["users"]
    assert users == {bob.id: 50} if new == "12" else users[bob.id] == 50 and users[alice.id] >= 100
    assert was["m.room.power_levels", ""]["events_default"] == 50 and was["m.room.power_levels", ""]["invite"] == 50
    assert alice.ok("GET", f"/directory/room/{quote(alias)}")["room_id"] == after
    listed = lambda r: alice.ok("GET", f"/directory/list/room/{quote(r)}")["visibility"]
    assert (listed(room), listed(after)) == ("private", "public")
    bob.join(after)
    bob.state(after, "m.room.topic", {"topic": "le même pouvoir"})
    alice.state(after, "m.room.name", {"name": "toujours à moi"})


def test_only_who_may_send_a_tombstone_may_upgrade_and_versions_are_checked(server, alice, bob):
    room = alice.create(preset="public_chat")
    bob.join(room)
    ask = lambda who, body: who.ask("POST", f"/rooms/{quote(room)}/upgrade", body)
    assert ask(bob, {"new_version": "12"})[1]["errcode"] == "M_FORBIDDEN"
    assert ask(server.user(), {"new_version": "12"})[1]["errcode"] == "M_FORBIDDEN"
    assert ask(alice, {"new_version": "cent"})[1]["errcode"] == "M_UNSUPPORTED_ROOM_VERSION"
    assert ask(alice, {})[0] == 400 and ask(alice, {"new_version": 12})[0] == 400
    assert ask(alice, {"new_version": "12", "additional_creators": ["bob"]})[1]["errcode"] == "M_INVALID_PARAM"
    assert ("m.room.tombstone", "") not in state_of(alice, room)


@pytest.mark.parametrize("new", ["11", "12"])
def test_a_moderator_who_may_not_set_all_there_is_upgrades_all_the_same(alice, bob, new):
    room = alice.create(preset="public_chat", room_version="11", name="Salle")
    bob.join(room)
    levels = alice.ok("GET", f"/rooms/{quote(room)}/state/m.room.power_levels/")
    levels["users"][bob.id] = 50
    levels["events"].update({"m.room.tombstone": 50, "m.room.join_rules": 100})
    alice.state(room, "m.room.power_levels", levels)
    now = state_of(bob, upgrade(bob, room, new))
    assert now["m.room.join_rules", ""] == {"join_rule": "public"} and now["m.room.name", ""] == {"name": "Salle"}
    users = {alice.id: 100} if new == "12" else {alice.id: 100, bob.id: 50}
    assert now["m.room.power_levels", ""]["users"] == users


def test_creators_keep_the_most_power_where_there_is_no_more_than_levels(alice, bob):
    room = alice.create(preset="public_chat", room_version="12", creation_content={"additional_creators": [bob.id]})
    bob.join(room)
    assert state_of(bob, upgrade(bob, room, "11"))["m.room.power_levels", ""]["users"] == {alice.id: 150, bob.id: 150}


def test_additional_creators_are_named_anew_and_have_no_levels(server, alice, bob):
    charlie = server.user()
    room = alice.create(preset="public_chat", room_version="11")
    alice.state(room, "m.room.power_levels", {"users": {alice.id: 100, bob.id: 100, charlie.id: 50}})
    now = state_of(alice, upgrade(alice, room, additional_creators=[bob.id]))
    assert now["m.room.create", ""]["additional_creators"] == [bob.id]
    assert now["m.room.power_levels", ""]["users"] == {charlie.id: 50}


def test_a_creator_has_no_level_in_version_12(alice, bob):
    assert alice.ask("POST", "/createRoom", {"room_version": "12", "power_level_content_override": {
        "users": {alice.id: 100}}})[0] == 400
    assert alice.ask("POST", "/createRoom", {"room_version": "12", "creation_content": {
        "additional_creators": ["not a user"]}})[0] == 400
    room = alice.create(room_version="12", creation_content={"additional_creators": [bob.id]})
    assert alice.ask("PUT", f"/rooms/{quote(room)}/state/m.room.power_levels/", {"users": {bob.id: 100}})[0] == 400
    assert alice.ask("PUT", f"/rooms/{quote(room)}/state/m.room.create/", {"room_version": "12", "x": 1})[0] == 400


@pytest.mark.parametrize("by_hand", [False, True])
def test_rules_tags_and_direct_chats_go_with_their_people(alice, bob, by_hand):
    room = alice.create(preset="public_chat", room_version="10")
    bob.join(room)
    for user, other in ((alice, bob), (bob, alice)):
        user.ok("PUT", f"/pushrules/global/room/{quote(room)}", {"actions": ["dont_notify"]})
        user.ok("PUT", f"/user/{quote(user.id)}/rooms/{quote(room)}/tags/m.favourite", {"order": 0.5})
        user.ok("PUT", f"/user/{quote(user.id)}/account_data/m.direct", {other.id: [room]})
    since = {u.id: u.sync()["next_batch"] for u in (alice, bob)}
    if by_hand:
        after = alice.create(preset="public_chat", creation_content={"predecessor": {"room_id": room}})
        alice.state(room, "m.room.tombstone", {"body": "x", "replacement_room": after})
    else:
        after = upgrade(alice, room, "11")
    bob.join(after)
    for user, other in ((alice, bob), (bob, alice)):
        rules = {r["rule_id"]: r["actions"] for r in user.ok("GET", "/pushrules/")["global"]["room"]}
        assert rules[after] == rules[room] == ["dont_notify"]
        tags = user.ok("GET", f"/user/{quote(user.id)}/rooms/{quote(after)}/tags")["tags"]
        assert tags == {"m.favourite": {"order": 0.5}}
        assert user.ok("GET", f"/user/{quote(user.id)}/account_data/m.direct") == {other.id: [room, after]}
        data = {e["type"] for e in user.sync(since[user.id])["account_data"]["events"]}
        assert {"m.push_rules", "m.direct"} <= data


def test_nobody_gets_settings_of_a_room_they_were_not_in(server, alice):
    stranger = server.user()
    room = alice.create()
    stranger.ok("PUT", f"/pushrules/global/room/{quote(room)}", {"actions": ["dont_notify"]})
    after = stranger.create(creation_content={"predecessor": {"room_id": room}})
    assert after not in [r["rule_id"] for r in stranger.ok("GET", "/pushrules/")["global"].get("room", [])]
