# SPDX-License-Identifier: AGPL-3.0-or-later
"""Tokens over the wire: what ends them, while requests are under way too."""
import http.client
import socket
import threading
import time

import pytest

from beffroid import V3, Server


class Operator(http.client.HTTPConnection):
    """A connection on the operator's socket."""

    def __init__(self, server):
        super().__init__("operator")
        self.path = str(server.data / "admin.sock")

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self.path)


def whoami(server, token):
    return server.call("GET", V3 + "/account/whoami", token=token)


@pytest.mark.parametrize("headers, query, code", [
    ({}, "", "M_MISSING_TOKEN"), ({"Authorization": "Bearer"}, "", "M_MISSING_TOKEN"),
    ({"Authorization": "Basic abc"}, "", "M_MISSING_TOKEN"), ({"Authorization": "Bearer wrong"}, "", "M_UNKNOWN_TOKEN"),
    ({}, "?access_token=wrong", "M_UNKNOWN_TOKEN"), ({"Authorization": "Bearer " + "x" * 5000}, "", "M_UNKNOWN_TOKEN")])
def test_what_is_no_token(server, headers, query, code):
    status, answer = server.call("GET", V3 + "/account/whoami" + query, headers=headers)
    assert (status, answer["errcode"]) == (401, code)


def test_ways_to_give_a_token(server, alice):
    for headers, query in (({"Authorization": "Bearer " + alice.token}, ""), ({"authorization": "bearer  " + alice.token}, ""),
                           ({}, "?access_token=" + alice.token)):
        assert server.call("GET", V3 + "/account/whoami" + query, headers=headers)[1]["user_id"] == alice.id


def test_signing_out_ends_a_long_poll_of_that_device_only(alice):
    phone, answers = alice.login(), {}

    def poll(who, since):
        answers[who.device] = who.ask("GET", f"/sync?timeout=8000&since={since}", timeout=60)

    threads = [threading.Thread(target=poll, args=(w, w.sync()["next_batch"])) for w in (alice, phone)]
    [t.start() for t in threads]
    time.sleep(0.5)
    began = time.monotonic()
    phone.ok("POST", "/logout", {})
    threads[1].join(5)
    assert time.monotonic() - began < 4
    assert answers[phone.device][1]["errcode"] == "M_UNKNOWN_TOKEN"
    threads[0].join(20)
    assert answers[alice.device][0] == 200


def test_no_token_outlives_its_sign_out_under_load(server, alice):
    """Lookups race with the sign-out: none may put the token back in memory."""
    for _ in range(15):
        phone = alice.login()
        stop = threading.Event()

        def ask():
            while not stop.is_set():
                whoami(server, phone.token)

        threads = [threading.Thread(target=ask) for _ in range(4)]
        [t.start() for t in threads]
        phone.ok("POST", "/logout", {})
        stop.set()
        [t.join() for t in threads]
        assert whoami(server, phone.token)[0] == 401


def test_a_crowd_that_signs_in_leaves_the_others_to_read(server, alice):
    def sign_in():
        alice.login()

    crowd = [threading.Thread(target=sign_in) for _ in range(60)]
    began = time.monotonic()
    [t.start() for t in crowd]
    took = []
    while any(t.is_alive() for t in crowd):
        at = time.monotonic()
        assert alice.ask("GET", "/account/whoami")[0] == 200
        took.append(time.monotonic() - at)
    whole = time.monotonic() - began
    print(f"{len(took)} answers, the slowest {max(took):.3f} s, in {whole:.3f} s")
    assert max(took) < whole / 3


def test_logout_all(server, alice):
    phone = alice.login(refresh_token=True)
    alice.ok("POST", "/logout/all", {})
    assert {whoami(server, t)[0] for t in (alice.token, phone.token)} == {401}
    assert server.call("POST", V3 + "/refresh", {"refresh_token": phone.refresh})[0] == 401


def test_the_same_device_again(server, alice):
    again = alice.login(device_id=alice.device)
    assert again.device == alice.device
    assert whoami(server, alice.token)[0] == 401
    assert [d["device_id"] for d in again.ok("GET", "/devices")["devices"]] == [alice.device]


def test_a_device_id_that_is_not_one(server, alice):
    status, answer = server.call("POST", V3 + "/login", {
        "type": "m.login.password", "identifier": {"type": "m.id.user", "user": alice.name},
        "password": alice.password, "device_id": "x" * 300})
    assert (status, answer["errcode"]) == (400, "M_INVALID_PARAM")


def test_sessions_outlive_a_restart(tmp_path, new_store):
    server = Server(tmp_path / "data", new_store())
    with server:
        alice = server.user()
        phone = alice.login(refresh_token=True)
    with server:
        assert whoami(server, alice.token)[1]["user_id"] == alice.id
        status, answer = server.call("POST", V3 + "/refresh", {"refresh_token": phone.refresh})
        assert whoami(server, answer["access_token"])[1]["device_id"] == phone.device


def test_a_token_that_expired_asks_for_a_refresh(tmp_path, new_store):
    with Server(tmp_path / "data", new_store(), ["--session.access_lifetime=10s"]) as server:
        phone = server.user().login(refresh_token=True)
        assert whoami(server, phone.token)[0] == 200
        time.sleep(10.2)
        status, answer = whoami(server, phone.token)
        assert (status, answer["errcode"], answer["soft_logout"]) == (401, "M_UNKNOWN_TOKEN", True)
        status, answer = server.call("POST", V3 + "/refresh", {"refresh_token": phone.refresh})
        assert whoami(server, answer["access_token"])[0] == 200


def test_the_second_holder_of_a_refresh_token_is_found_out(server, alice):
    phone = alice.login(refresh_token=True)

    def refresh(token):
        return server.call("POST", V3 + "/refresh", {"refresh_token": token})

    mine, thiefs = refresh(phone.refresh)[1], refresh(phone.refresh)[1]
    last = refresh(thiefs["refresh_token"])[1]
    assert refresh(mine["refresh_token"])[0] == 401
    assert whoami(server, last["access_token"])[0] == 401


def test_a_uia_session_is_for_one_body(alice):
    a, b = alice.login(), alice.login()
    status, ask = alice.ask("POST", "/delete_devices", {"devices": [a.device]})
    auth = {"type": "m.login.password", "session": ask["session"], "password": alice.password,
            "identifier": {"type": "m.id.user", "user": alice.name}}
    assert alice.ask("POST", "/delete_devices", {"devices": [b.device], "auth": auth})[0] == 403
    assert alice.ask("POST", "/delete_devices", {"devices": [a.device], "auth": auth}) == (200, {})
    assert {d["device_id"] for d in alice.ok("GET", "/devices")["devices"]} == {alice.device, b.device}
    status, again = alice.ask("POST", "/delete_devices", {"devices": [a.device], "auth": auth})
    assert status == 401 and again["session"] != ask["session"], "a session holds once"


def test_a_uia_session_is_for_one_path(alice):
    """One for a device let another be deleted, since only the body was looked at."""
    a, b = alice.login(), alice.login()
    ask = alice.ask("DELETE", f"/devices/{a.device}", {})[1]
    auth = {"type": "m.login.password", "session": ask["session"], "password": alice.password,
            "identifier": {"type": "m.id.user", "user": alice.name}}
    assert alice.ask("DELETE", f"/devices/{b.device}", {"auth": auth})[0] == 403
    assert alice.ask("DELETE", f"/devices/{a.device}", {"auth": auth}) == (200, {})


@pytest.mark.parametrize("change, status, code", [
    ({"type": "m.login.dummy"}, 401, "M_UNRECOGNIZED"), ({"password": None}, 400, "M_MISSING_PARAM"),
    ({"password": "wrong"}, 401, "M_FORBIDDEN"), ({"identifier": {"type": "m.id.user", "user": "someone-else"}}, 403, "M_FORBIDDEN")])
def test_answers_that_do_not_authenticate(alice, change, status, code):
    phone = alice.login()
    ask = alice.ask("DELETE", f"/devices/{phone.device}", {})[1]
    auth = {"type": "m.login.password", "session": ask["session"], "password": alice.password,
            "identifier": {"type": "m.id.user", "user": alice.name}, **change}
    got, answer = alice.ask("DELETE", f"/devices/{phone.device}", {"auth": auth})
    assert (got, answer["errcode"]) == (status, code)
    assert phone.ask("GET", "/account/whoami")[0] == 200


def test_registration_by_token(tmp_path, new_store):
    with Server(tmp_path / "data", new_store(), closed=True) as server:
        def register(name, token, session=None):
            return server.call("POST", V3 + "/register", {"username": name, "password": "long-enough-1", "auth": {
                "type": "m.login.registration_token", "token": token, **({"session": session} if session else {})}})
        status, ask = server.call("POST", V3 + "/register", {"username": "first", "password": "long-enough-1"})
        assert (status, ask["flows"]) == (401, [{"stages": ["m.login.registration_token"]}])
        assert server.call("POST", V3 + "/register", {"username": "x1", "password": "long-enough-1",
                                                      "auth": {"type": "m.login.dummy"}})[0] == 401
        assert register("first", "nonsense", ask["session"])[0] == 401
        c = Operator(server)
        c.request("POST", "/_beffroi/admin/v1/registration_tokens", '{"token":"come-in","uses_allowed":1}',
                  {"Content-Type": "application/json"})
        assert c.getresponse().status == 200
        check = V3.replace("v3", "v1") + "/register/m.login.registration_token/validity?token="
        assert server.call("GET", check + "come-in")[1] == {"valid": True}
        assert server.call("GET", check + "other")[1] == {"valid": False}
        assert register("first", "come-in", ask["session"])[0] == 200
        assert server.call("GET", check + "come-in")[1] == {"valid": False}
        assert register("second", "come-in")[0] == 401
