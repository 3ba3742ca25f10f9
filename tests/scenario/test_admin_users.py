# SPDX-License-Identifier: AGPL-3.0-or-later
"""What administrators do to accounts, and what those feel of it."""
import hashlib
import hmac
import socket
import threading
import time

import pytest

from beffroid import V3, User, quote

SYNAPSE, SPEC = "/_synapse/admin", "/_matrix/client/v1/admin"


@pytest.fixture(scope="module")
def admin(server):
    nonce = server.call("GET", "/_synapse/admin/v1/register")[1]["nonce"]
    text = b"\0".join([nonce.encode(), b"boss", b"boss-Secret-1", b"admin"])
    status, answer = server.call("POST", "/_synapse/admin/v1/register", {
        "nonce": nonce, "username": "boss", "password": "boss-Secret-1", "admin": True,
        "mac": hmac.new(b"complement", text, hashlib.sha1).hexdigest()})
    assert status == 200
    return User(server, "boss")._take(answer)


def by_socket(server, request):
    """The first line of the answer to one request on the operator's socket."""
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(str(server.data / "admin.sock"))
        s.sendall(request.encode())
        return s.makefile("rb").readline().decode()


def test_nobody_else_is_let_in(server, alice, bob):
    for method, path in (("GET", f"{SYNAPSE}/v2/users"), ("PUT", f"{SYNAPSE}/v2/users/{quote(bob.id)}"),
                         ("GET", f"{SPEC}/lock/{quote(bob.id)}"), ("PUT", f"{SPEC}/suspend/{quote(bob.id)}"),
                         ("GET", V3 + f"/admin/whois/{quote(bob.id)}"), ("GET", "/_beffroi/admin/v1/users"),
                         ("POST", "/_beffroi/admin/v1/backup"), ("GET", "/metrics")):
        status, answer = server.call(method, path, {} if method != "GET" else None, alice.token)
        assert (status, answer["errcode"]) == (403, "M_FORBIDDEN"), path


def test_administrators_are_told_what_they_may(admin, alice):
    def moderation(who):
        return who.ok("GET", "/capabilities")["capabilities"].get("m.account_moderation")
    assert moderation(admin) == {"suspend": True, "lock": True}
    assert moderation(alice) is None


def test_locking_ends_a_long_poll_at_once_and_unlocking_gives_the_session_back(admin, alice):
    since, answers = alice.sync()["next_batch"], []

    def poll():
        began = time.monotonic()
        answers.append((*alice.ask("GET", f"/sync?timeout=30000&since={since}", timeout=60), time.monotonic() - began))

    thread = threading.Thread(target=poll)
    thread.start()
    time.sleep(0.5)
    assert admin.ok("PUT", f"{SPEC}/lock/{quote(alice.id)}", {"locked": True}) == {"locked": True}
    thread.join(10)
    (status, answer, took), = answers
    assert (status, answer["errcode"], answer["soft_logout"]) == (401, "M_USER_LOCKED", True)
    assert took < 5
    assert alice.ask("GET", "/account/whoami")[1]["errcode"] == "M_USER_LOCKED"
    status, answer = alice.server.call("POST", V3 + "/login", {
        "type": "m.login.password", "identifier": {"type": "m.id.user", "user": alice.name}, "password": alice.password})
    assert (status, answer["errcode"]) == (401, "M_USER_LOCKED")
    assert admin.ok("GET", f"{SPEC}/lock/{quote(alice.id)}") == {"locked": True}
    admin.ok("PUT", f"{SPEC}/lock/{quote(alice.id)}", {"locked": False})
    assert alice.ask("GET", "/account/whoami")[0] == 200


def test_a_locked_user_may_sign_out(admin, alice):
    admin.ok("PUT", f"{SPEC}/lock/{quote(alice.id)}", {"locked": True})
    assert alice.ask("POST", "/logout", {}) == (200, {})
    admin.ok("PUT", f"{SPEC}/lock/{quote(alice.id)}", {"locked": False})
    assert alice.ask("GET", "/account/whoami")[1]["errcode"] == "M_UNKNOWN_TOKEN"


def test_a_suspended_user_reads_and_does_not_write(admin, alice):
    room = alice.create()
    alice.send(room, "before")
    assert admin.ok("PUT", f"{SPEC}/suspend/{quote(alice.id)}", {"suspended": True}) == {"suspended": True}
    for method, path in (("PUT", f"/rooms/{quote(room)}/send/m.room.message/s1"), ("POST", "/createRoom"),
                         ("PUT", f"/profile/{quote(alice.id)}/displayname"), ("POST", f"/join/{quote(room)}")):
        status, answer = alice.ask(method, path, {"body": "x", "displayname": "x"})
        assert (status, answer["errcode"]) == (403, "M_USER_SUSPENDED"), path
    assert alice.messages(room)["chunk"][0]["content"]["body"] == "before"
    assert alice.ask("POST", f"/rooms/{quote(room)}/leave", {})[0] == 200
    assert admin.ok("GET", f"{SPEC}/suspend/{quote(alice.id)}") == {"suspended": True}
    admin.ok("PUT", f"{SPEC}/suspend/{quote(alice.id)}", {"suspended": False})
    alice.create()


def test_locking_and_suspending_do_not_undo_each_other(admin, alice):
    admin.ok("PUT", f"{SPEC}/suspend/{quote(alice.id)}", {"suspended": True})
    admin.ok("PUT", f"{SPEC}/lock/{quote(alice.id)}", {"locked": True})
    account = admin.ok("GET", f"{SYNAPSE}/v2/users/{quote(alice.id)}")
    assert (account["locked"], account["suspended"], account["admin"]) == (True, True, False)
    admin.ok("PUT", f"{SYNAPSE}/v2/users/{quote(alice.id)}", {"locked": False})
    assert admin.ok("GET", f"{SPEC}/suspend/{quote(alice.id)}") == {"suspended": True}


@pytest.mark.parametrize("what, key", [("lock", "locked"), ("suspend", "suspended")])
def test_whom_moderation_does_not_reach(admin, what, key):
    def answer(method, user, body=None):
        status, got = admin.ask(method, f"{SPEC}/{what}/{quote(user)}", body)
        return status, got.get("errcode")
    yes = {key: True}
    assert answer("PUT", admin.id, yes) == (403, "M_FORBIDDEN")
    assert answer("GET", admin.id) == (403, "M_FORBIDDEN")
    assert answer("PUT", "@nobody-here:localhost", yes) == (404, "M_NOT_FOUND")
    assert answer("PUT", "@far:example.org", yes) == (400, "M_INVALID_PARAM")
    assert answer("PUT", "nobody", yes) == (400, "M_INVALID_PARAM")
    assert answer("PUT", "@nobody-here:localhost", {}) == (400, "M_MISSING_PARAM")
    assert answer("PUT", "@nobody-here:localhost", {key: "yes"}) == (400, "M_BAD_JSON")


def test_a_console_makes_and_changes_an_account(server, admin):
    path = f"{SYNAPSE}/v2/users/{quote('@clerk:localhost')}"
    status, made = admin.ask("PUT", path, {"password": "clerk-Secret-1", "displayname": "The Clerk"})
    assert (status, made["name"], made["admin"]) == (201, "@clerk:localhost", False)
    clerk = User(server, "clerk").login()
    assert clerk.ok("GET", f"/profile/{quote(clerk.id)}")["displayname"] == "The Clerk"
    admin.ok("PUT", path, {"admin": True})
    clerk.ok("GET", f"{SYNAPSE}/v2/users")
    admin.ok("PUT", path, {"admin": False})
    assert clerk.ask("GET", f"{SYNAPSE}/v2/users")[0] == 403
    status, answer = admin.ask("PUT", f"{SYNAPSE}/v2/users/{quote('@x:example.org')}", {"password": "some-Secret-1"})
    assert status == 400


def test_the_list_of_accounts_has_pages(admin, alice, bob):
    seen, start = [], ""
    for _ in range(200):
        page = admin.ok("GET", f"{SYNAPSE}/v2/users?limit=2&from={quote(start)}")
        assert len(page["users"]) <= 2
        seen += [u["name"] for u in page["users"]]
        if "next_token" not in page:
            break
        start = page["next_token"]
    assert len(seen) == len(set(seen)) and {admin.id, alice.id, bob.id} <= set(seen)


def test_a_new_password_ends_every_session(server, admin, alice):
    other = alice.login()
    admin.ok("POST", f"{SYNAPSE}/v1/reset_password/{quote(alice.id)}", {"new_password": "fresh-Secret-2"})
    for session in (alice, other):
        assert session.ask("GET", "/account/whoami")[1]["errcode"] == "M_UNKNOWN_TOKEN"
    alice.password = "fresh-Secret-2"
    alice.login()


def test_deactivating_takes_the_profile_along(server, admin, alice, bob):
    room = alice.create(invite=[bob.id])
    bob.join(room)
    alice.ok("PUT", f"/profile/{quote(alice.id)}/m.tz", {"m.tz": "Europe/Paris"})
    admin.ok("POST", f"{SYNAPSE}/v1/deactivate/{quote(alice.id)}", {"erase": True})
    assert alice.ask("GET", "/account/whoami")[0] == 401
    assert bob.ask("GET", f"/profile/{quote(alice.id)}")[0] == 404
    assert bob.ok("GET", f"/rooms/{quote(room)}/joined_members")["joined"].keys() == {bob.id}
    assert admin.ok("GET", f"{SYNAPSE}/v2/users/{quote(alice.id)}")["deactivated"] is True
    assert admin.ask("PUT", f"{SPEC}/lock/{quote(alice.id)}", {"locked": True})[0] == 404


def test_whois_says_where_a_device_was_seen(admin, alice):
    alice.ok("GET", "/account/whoami")
    answer = admin.ok("GET", f"/admin/whois/{quote(alice.id)}")
    (seen,) = answer["devices"][alice.device]["sessions"][0]["connections"]
    assert answer["user_id"] == alice.id and seen["ip"] == "127.0.0.1"
    assert abs(seen["last_seen"] / 1000 - time.time()) < 60


def test_registration_tokens(server, admin):
    base = f"{SYNAPSE}/v1/registration_tokens"
    token = admin.ok("POST", base + "/new", {"uses_allowed": 1, "length": 20})
    assert len(token["token"]) == 20 and token["uses_allowed"] == 1 and token["expiry_time"] is None
    one = f"{base}/{token['token']}"
    assert admin.ok("GET", one) == token
    later = int(time.time() * 1000) + 60000
    assert admin.ok("PUT", one, {"uses_allowed": None, "expiry_time": later}) == {
        **token, "uses_allowed": None, "expiry_time": later}
    assert token["token"] in [t["token"] for t in admin.ok("GET", base)["registration_tokens"]]
    for body in ({"token": token["token"]}, {"token": "not allowed!"}, {"uses_allowed": -1}, {"expiry_time": 1}, {"length": 65}):
        assert admin.ask("POST", base + "/new", body)[0] == 400, body
    assert admin.ask("DELETE", one) == (200, {})
    for method in ("GET", "PUT", "DELETE"):
        assert admin.ask(method, one, {} if method == "PUT" else None)[0] == 404


def test_the_operators_socket_needs_no_token(server):
    assert " 200 " in by_socket(server, "GET /_beffroi/admin/v1/users HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert (server.data / "admin.sock").stat().st_mode & 0o777 == 0o600


def test_what_administrators_look_at_is_on_record(server, admin, alice):
    admin.ok("GET", f"{SYNAPSE}/v2/users/{quote(alice.id)}")
    records = [r for r in server.ledger() if r["who"] == admin.id and r["operation"] == "admin_user_get"]
    assert ["account", alice.id] in [s[:2] for r in records for s in r["seen"]]
