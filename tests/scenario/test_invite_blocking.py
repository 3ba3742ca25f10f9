# SPDX-License-Identifier: AGPL-3.0-or-later
"""Invitations that their receivers don't want."""
import pytest

from beffroid import quote

SPEC, LISTS = "m.invite_permission_config", "org.matrix.msc4155.invite_permission_config"


def keep(user, type, content):
    user.ok("PUT", f"/user/{quote(user.id)}/account_data/{type}", content)


def invite(user, room, other):
    return user.ask("POST", f"/rooms/{quote(room)}/invite", {"user_id": other.id})


@pytest.mark.parametrize("type", [SPEC, "org.matrix.msc4380.invite_permission_config"])
def test_who_blocks_invitations_gets_none_by_any_way(alice, bob, type):
    room = alice.create()
    keep(bob, type, {"default_action": "block"})
    for answer in (invite(alice, room, bob), alice.ask("POST", "/createRoom", {"invite": [bob.id]}),
                   alice.ask("PUT", f"/rooms/{quote(room)}/state/m.room.member/{quote(bob.id)}", {"membership": "invite"})):
        assert (answer[0], answer[1]["errcode"]) == (403, "M_INVITE_BLOCKED")
    assert "invite" not in bob.sync().get("rooms", {})
    keep(bob, type, {})
    assert invite(alice, room, bob)[0] == 200
    assert room in bob.sync()["rooms"]["invite"]
    keep(bob, type, {"default_action": "block"})
    assert "invite" not in bob.sync()["rooms"]
    members = alice.ok("GET", f"/rooms/{quote(room)}/members?membership=invite")["chunk"]
    assert [e["state_key"] for e in members] == [bob.id]
    bob.join(room)


@pytest.mark.parametrize("lists, verdict", [
    ({}, "allow"), ({"blocked_users": ["A"]}, "block"), ({"ignored_users": ["A"]}, "ignore"),
    ({"blocked_servers": ["localhost"]}, "block"), ({"blocked_servers": ["local*"]}, "block"),
    ({"ignored_servers": ["*"]}, "ignore"), ({"blocked_users": ["@u?*"]}, "block"),
    ({"allowed_users": ["A"], "blocked_servers": ["*"]}, "allow"), ({"allowed_servers": ["*"], "blocked_users": ["A"]}, "block"),
    ({"allowed_users": ["A"], "ignored_users": ["A"], "blocked_users": ["A"]}, "allow"),
    ({k: None for k in ("allowed_users", "ignored_users", "blocked_users", "blocked_servers")}, "allow"),
    ({"blocked_users": "A", "blocked_servers": [1]}, "allow")])
def test_lists_of_users_and_servers(alice, bob, lists, verdict):
    put = lambda x: alice.id if x == "A" else x
    keep(bob, LISTS, {k: [put(x) for x in v] if isinstance(v, list) else v for k, v in lists.items()})
    room = alice.create()
    status, answer = invite(alice, room, bob)
    assert (status == 403 and answer["errcode"] == "M_INVITE_BLOCKED") == (verdict == "block")
    assert (room in bob.sync().get("rooms", {}).get("invite", {})) == (verdict == "allow")
