# SPDX-License-Identifier: AGPL-3.0-or-later
"""Accounts, sign-ins, devices, profiles."""
import hashlib
import hmac

import pytest

from beffroid import V3, quote


def test_a_new_account_can_sign_in_and_out(server, alice):
    assert alice.ok("GET", "/account/whoami") == {"user_id": alice.id, "device_id": alice.device, "is_guest": False}
    phone = alice.login(initial_device_display_name="phone")
    names = {d["device_id"]: d.get("display_name") for d in alice.ok("GET", "/devices")["devices"]}
    assert names == {alice.device: None, phone.device: "phone"}
    assert phone.ok("POST", "/logout", {}) == {}
    assert phone.ask("GET", "/account/whoami") == (401, {
        "errcode": "M_UNKNOWN_TOKEN", "error": "The access token is not known"})
    assert [d["device_id"] for d in alice.ok("GET", "/devices")["devices"]] == [alice.device]


def test_a_wrong_password_and_an_unknown_name_look_alike(server, alice):
    def login(user, password):
        return server.call("POST", V3 + "/login", {"type": "m.login.password", "password": password,
                                                   "identifier": {"type": "m.id.user", "user": user}})
    wrong, nobody = login(alice.name, "nope"), login("nobody-at-all", "nope")
    assert wrong == nobody
    assert wrong[0] == 403 and wrong[1]["errcode"] == "M_FORBIDDEN"


@pytest.mark.parametrize("name, code", [
    ("", None), ("Ünicode", "M_INVALID_USERNAME"), ("a b", "M_INVALID_USERNAME"),
    ("x" * 250, "M_INVALID_USERNAME"), ("@other:example.org", "M_INVALID_USERNAME")])
def test_names_of_new_accounts(server, name, code):
    status, answer = server.call("POST", V3 + "/register", {
        "username": name, "password": "long-enough-1", "auth": {"type": "m.login.dummy"}})
    assert (status, answer.get("errcode")) == ((400, code) if code else (200, None))


def test_a_taken_name_is_refused_before_any_question(server, alice):
    assert server.call("GET", V3 + f"/register/available?username={alice.name}")[1]["errcode"] == "M_USER_IN_USE"
    status, answer = server.call("POST", V3 + "/register", {"username": alice.name, "password": "long-enough-1"})
    assert (status, answer["errcode"]) == (400, "M_USER_IN_USE")


def test_a_short_password_is_refused(server):
    status, answer = server.call("POST", V3 + "/register", {
        "username": "shorty", "password": "1234567", "auth": {"type": "m.login.dummy"}})
    assert (status, answer["errcode"]) == (400, "M_WEAK_PASSWORD")


def test_registration_asks_for_its_stage_first(server):
    status, answer = server.call("POST", V3 + "/register", {"username": "asker", "password": "long-enough-1"})
    assert status == 401 and answer["flows"] == [{"stages": ["m.login.dummy"]}] and answer["session"]
    assert "errcode" not in answer, "a question is no refusal"
    status, answer = server.call("POST", V3 + "/register", {
        "username": "asker", "password": "long-enough-1", "auth": {"type": "m.login.dummy", "session": answer["session"]}})
    assert status == 200


def test_refresh_rotates_and_reuse_ends_the_session(alice):
    phone = alice.login(refresh_token=True)
    server = alice.server

    def refresh(token):
        return server.call("POST", V3 + "/refresh", {"refresh_token": token})

    status, second = refresh(phone.refresh)
    assert status == 200 and second["refresh_token"] != phone.refresh
    assert server.call("GET", V3 + "/account/whoami", token=second["access_token"])[0] == 200
    assert refresh(second["refresh_token"])[0] == 200
    status, answer = refresh(phone.refresh)
    assert (status, answer["errcode"]) == (401, "M_UNKNOWN_TOKEN")
    assert server.call("GET", V3 + "/account/whoami", token=second["access_token"])[0] == 401


def test_an_answer_lost_on_its_way_can_be_asked_for_again(alice):
    phone = alice.login(refresh_token=True)
    first = alice.server.call("POST", V3 + "/refresh", {"refresh_token": phone.refresh})
    again = alice.server.call("POST", V3 + "/refresh", {"refresh_token": phone.refresh})
    assert first[0] == again[0] == 200


def test_deleting_a_device_asks_for_the_password(alice):
    other = alice.login()
    status, ask = alice.ask("DELETE", f"/devices/{other.device}", {})
    assert status == 401 and ask["flows"] == [{"stages": ["m.login.password"]}]
    auth = {"type": "m.login.password", "session": ask["session"], "password": "wrong",
            "identifier": {"type": "m.id.user", "user": alice.name}}
    assert alice.ask("DELETE", f"/devices/{other.device}", {"auth": auth})[0] == 401
    auth["password"] = alice.password
    assert alice.ask("DELETE", f"/devices/{other.device}", {"auth": auth}) == (200, {})
    assert other.ask("GET", "/account/whoami")[0] == 401


def test_a_uia_session_is_for_one_operation_and_one_user(alice, bob):
    ask = alice.ask("DELETE", f"/devices/{alice.login().device}", {})[1]
    auth = {"type": "m.login.password", "session": ask["session"], "password": alice.password}
    assert alice.ask("POST", "/account/deactivate", {"auth": auth})[0] == 403
    auth["password"] = bob.password
    assert bob.ask("DELETE", f"/devices/{bob.device}", {"auth": auth})[0] == 403


def test_changing_the_password_ends_other_sessions(alice):
    other = alice.login()
    auth = {"type": "m.login.password", "password": alice.password, "user": alice.name}
    alice.ok("POST", "/account/password", {"new_password": "Another-Secret-2", "auth": auth})
    assert other.ask("GET", "/account/whoami")[0] == 401
    assert alice.ask("GET", "/account/whoami")[0] == 200
    alice.password = "Another-Secret-2"
    alice.login()


def test_a_deactivated_account_is_gone_from_rooms_and_cannot_return(server, alice, bob):
    room = alice.create(invite=[bob.id])
    bob.join(room)
    auth = {"type": "m.login.password", "password": bob.password, "user": bob.id}
    bob.ok("POST", "/account/deactivate", {"auth": auth})
    assert bob.ask("GET", "/account/whoami")[0] == 401
    assert alice.ok("GET", f"/rooms/{quote(room)}/joined_members")["joined"].keys() == {alice.id}
    status, answer = server.call("POST", V3 + "/register", {
        "username": bob.name, "password": "long-enough-1", "auth": {"type": "m.login.dummy"}})
    assert answer["errcode"] == "M_USER_IN_USE"


def test_a_profile_shows_in_rooms(alice, bob):
    room = alice.create(invite=[bob.id])
    bob.join(room)
    alice.ok("PUT", f"/profile/{quote(alice.id)}/displayname", {"displayname": "Alice Ω"})
    member = bob.ok("GET", f"/rooms/{quote(room)}/state/m.room.member/{quote(alice.id)}")
    assert member["displayname"] == "Alice Ω" and member["membership"] == "join"
    assert bob.ok("GET", f"/profile/{quote(alice.id)}")["displayname"] == "Alice Ω"
    assert bob.ask("PUT", f"/profile/{quote(alice.id)}/displayname", {"displayname": "x"})[0] == 403


def test_people_are_found_by_those_who_share_a_room(server, alice, bob):
    stranger = server.user()
    alice.ok("PUT", f"/profile/{quote(alice.id)}/displayname", {"displayname": "Élodie Chevalier"})
    room = alice.create(invite=[bob.id])
    bob.join(room)

    def found(who, term):
        return [r["user_id"] for r in who.ok("POST", "/user_directory/search", {"search_term": term})["results"]]
    assert found(bob, "elodie") == [alice.id] == found(bob, "CHEVAL élo")
    assert found(stranger, "elodie") == []


def test_shared_secret_registration_makes_an_administrator(server):
    nonce = server.call("GET", "/_synapse/admin/v1/register")[1]["nonce"]
    text = b"\0".join([nonce.encode(), b"chief", b"Chief-Secret-1", b"admin"])
    mac = hmac.new(b"complement", text, hashlib.sha1).hexdigest()
    body = {"nonce": nonce, "username": "chief", "password": "Chief-Secret-1", "admin": True, "mac": mac}
    assert server.call("POST", "/_synapse/admin/v1/register", {**body, "mac": "0" * 40})[0] == 403
    nonce = server.call("GET", "/_synapse/admin/v1/register")[1]["nonce"]
    text = b"\0".join([nonce.encode(), b"chief", b"Chief-Secret-1", b"admin"])
    body.update(nonce=nonce, mac=hmac.new(b"complement", text, hashlib.sha1).hexdigest())
    assert server.call("POST", "/_synapse/admin/v1/register", body)[0] == 200
    assert server.call("POST", "/_synapse/admin/v1/register", body)[0] == 403, "a nonce holds once"


def test_a_name_in_capitals_is_made_small(server):
    status, answer = server.call("POST", V3 + "/register", {
        "username": "Marie.CURIE", "password": "long-enough-1", "auth": {"type": "m.login.dummy"}})
    assert (status, answer["user_id"]) == (200, "@marie.curie:localhost")
    assert server.call("GET", V3 + "/register/available?username=MARIE.curie")[1]["errcode"] == "M_USER_IN_USE"


def test_clients_of_old_ask_by_r0(server, alice):
    old = "/_matrix/client/r0"
    assert alice.ok("GET", old + "/account/whoami")["user_id"] == alice.id
    assert server.call("GET", old + "/no/such/thing")[0] == 404


def test_the_user_directory_does_not_show_oneself(alice, bob):
    room = alice.create(invite=[bob.id])
    bob.join(room)
    for user, other in ((alice, bob), (bob, alice)):
        found = [x["user_id"] for term in (alice.name, bob.name)
                 for x in user.ok("POST", "/user_directory/search", {"search_term": term})["results"]]
        assert found == [other.id]
