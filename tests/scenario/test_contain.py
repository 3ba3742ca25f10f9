# SPDX-License-Identifier: AGPL-3.0-or-later
"""Containment: one action shuts an account on every path, keeps the evidence, and can be undone."""
import json
import os
import pathlib
import re
import socket
import subprocess
import threading
import time

import pytest

from beffroid import V3, Server, User, bodies, quote

BEFFROI = os.environ.get("BEFFROI", "beffroi")
ROWS = re.findall(r'^ROUTE\((\w+),\s*"([^"]+)",\s*(\w+),\s*(\w+),\s*\w+,\s*(\w+),\s*([^)]+)\)',
                  (pathlib.Path(__file__).parents[2] / "src/api/routes.def").read_text(), re.M)
ADMIN = "/_beffroi/admin/v1"
SECRET = "the-words-that-must-not-leave"
LOCKED = (401, "M_USER_LOCKED", True)


@pytest.fixture(scope="module")
def admin(server):
    boss = server.user()
    run(server, "reset-password", boss.name, password="Operator-Secret-1\n")
    body = json.dumps({"admin": True})
    operator(server, "PUT", f"/_synapse/admin/v2/users/{quote(boss.id)}", body)
    boss.password = "Operator-Secret-1"
    return boss.login()


def run(server, *args, password=None):
    r = subprocess.run([BEFFROI, *map(str, args), "--data", str(server.data)], input=password, capture_output=True, text=True, timeout=60)
    return r.returncode, r.stdout, r.stderr


def operator(server, method, path, body=""):
    """A request on the operator's socket."""
    s = socket.socket(socket.AF_UNIX)
    s.connect(str(server.data / "admin.sock"))
    s.sendall(f"{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {len(body.encode())}\r\n\r\n{body}".encode())
    data = b""
    while chunk := s.recv(65536):
        data += chunk
    s.close()
    head, _, text = data.partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(text)


def contain(beffroid, verb="contain", reason="a test", **target):
    return operator(beffroid, "POST", f"{ADMIN}/{verb}", json.dumps({"reason": reason, **target}))


def contained(beffroid, **target):
    status, answer = contain(beffroid, **target)
    assert status == 200, answer
    return answer


def released(beffroid, **target):
    status, answer = contain(beffroid, "release", **target)
    assert status == 200, answer
    return answer


def refusal(answer):
    status, body = answer
    return status, body.get("errcode"), body.get("soft_logout")


def upload(user, data):
    return user.ok("POST", "/_matrix/media/v3/upload?filename=f.bin", data, headers={"Content-Type": "application/octet-stream"})["content_uri"]


def fill(pattern, values):
    return re.sub(r"\{(\w+)\}", lambda m: quote(values.get(m[1], "x")), pattern)


def test_no_row_answers_with_content_to_what_a_contained_account_holds(server, alice, bob):
    room = alice.create(name=SECRET, preset="public_chat")
    bob.join(room)
    event = alice.send(room, SECRET)
    media = upload(bob, SECRET.encode())
    bob.ok("PUT", f"/profile/{quote(bob.id)}/displayname", {"displayname": SECRET})
    values = {"roomId": room, "roomIdOrAlias": room, "eventId": event, "userId": bob.id, "deviceId": bob.device, "eventType": "m.room.name",
              "stateKey": "", "serverName": "localhost", "mediaId": media.rsplit("/", 1)[1], "fileName": "f", "keyName": "displayname",
              "type": "m.direct", "receiptType": "m.read", "relType": "m.thread"}
    contained(server, user=bob.id)
    seen = set()
    for method, pattern, name, auth, access, flags in ROWS:
        path = fill(pattern, values) + ("?dir=b&ts=1&timeout=0&width=32&height=32" if method == "GET" else "")
        status, text, _ = server.call(method, path, {} if method in ("POST", "PUT") else None, bob.token, raw=True)
        assert SECRET.encode() not in text, (name, text)
        seen.add(auth)
        if auth in ("USER", "GUEST", "MAYBE", "ADMIN", "METRICS"):
            assert refusal((status, json.loads(text))) == LOCKED, (name, status, text)
        elif status < 300:
            assert access in ("NONE", "WRITE"), (name, text)
    assert {"USER", "GUEST", "MAYBE", "ADMIN", "NONE"} <= seen
    status, text, _ = server.call("GET", f"{V3}/sync?access_token={bob.token}", raw=True)
    assert refusal((status, json.loads(text))) == LOCKED


def test_every_path_is_shut_within_a_tenth_of_a_second(server, alice, bob):
    room = alice.create(preset="public_chat")
    bob.join(room)
    media = upload(alice, b"x" * 40_000_000).rsplit("/", 1)[1]
    since = bob.sync()["next_batch"]
    ended = {}

    def poll(name, path):
        ended[name] = (refusal(bob.ask("GET", path, timeout=60)), time.monotonic())

    def sliding():
        got = bob.ask("POST", "/_matrix/client/unstable/org.matrix.simplified_msc3575/sync?timeout=30000",
                      {"lists": {}, "room_subscriptions": {}}, timeout=60)
        ended["sliding"] = (refusal(got), time.monotonic())

    def download():
        s = socket.create_connection(("127.0.0.1", server.port))
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        s.sendall(f"GET /_matrix/client/v1/media/download/localhost/{media} HTTP/1.1\r\nHost: x\r\n"
                  f"Authorization: Bearer {bob.token}\r\n\r\n".encode())
        got = 0
        try:
            while chunk := s.recv(16384):
                got += len(chunk)
                if not stop.is_set():
                    time.sleep(0.005)
        except ConnectionResetError:
            pass
        ended["download"] = (got, time.monotonic())

    stop = threading.Event()
    threads = [threading.Thread(target=poll, args=(f"sync{i}", f"/sync?timeout=30000&since={since}")) for i in range(20)]
    threads += [threading.Thread(target=sliding), threading.Thread(target=download)]
    for t in threads:
        t.start()
    time.sleep(0.5)
    assert "download" not in ended and "sync0" not in ended
    began = time.monotonic()
    answer = contained(server, user=bob.id)
    shut = time.monotonic()
    stop.set()
    for t in threads:
        t.join(20)
    assert answer["shut_us"] < 100_000
    got, at = ended.pop("download")
    assert got < 40_000_000
    for name, (what, when) in ended.items():
        if name == "sliding" and what[0] == 200:
            continue        # it had answered before: its first answer does not wait
        assert what == LOCKED, name
    last = max([at] + [when for _, when in ended.values()])
    print(f"contained in {(shut - began) * 1000:.1f} ms, the last of {len(threads)} connections ended after {(last - began) * 1000:.1f} ms")
    assert last - began < 0.5       # as this client's threads see it


def test_what_could_sign_in_again_is_gone(server, alice, bob):
    bob2 = bob.login(refresh_token=True)
    room = bob.create()
    delay = bob.ok("PUT", f"/_matrix/client/unstable/org.matrix.msc4140/rooms/{quote(room)}/delayed_event/m.room.message/d1",
                   {"delay_ms": 60000, "content": {"body": SECRET, "msgtype": "m.text"}})["delay_id"]
    openid = bob.ok("POST", f"/user/{quote(bob.id)}/openid/request_token", {})["access_token"]
    userinfo = "/_matrix/federation/v1/openid/userinfo?access_token=" + openid
    assert server.call("GET", userinfo)[0] == 200
    answer = contained(server, user=bob.id)
    assert answer["tokens"] == 2
    login = {"type": "m.login.password", "identifier": {"type": "m.id.user", "user": bob.name}, "password": bob.password}
    assert refusal(server.call("POST", V3 + "/login", login)) == LOCKED
    assert server.call("POST", V3 + "/refresh", {"refresh_token": bob2.refresh})[0] == 401
    assert answer["delayed_events"] == 1
    assert server.call("POST", f"/_matrix/client/unstable/org.matrix.msc4140/delayed_events/{delay}/send", {})[0] == 409
    assert refusal(bob.ask("POST", "/logout", {})) == LOCKED
    assert refusal(bob2.ask("POST", "/logout/all", {})) == LOCKED
    released(server, user=bob.id)
    assert server.call("GET", userinfo)[0] == 401
    assert server.call("POST", V3 + "/refresh", {"refresh_token": bob2.refresh})[0] == 401


def test_pending_invitations_are_withdrawn(server, alice, bob):
    own = bob.create()
    bob.invite(own, alice)
    carol = server.user()
    room = carol.create(preset="public_chat", power_level_content_override={"invite": 0})
    bob.join(room)
    dave = server.user()
    bob.invite(room, dave)
    answer = contained(server, user=bob.id)
    assert (answer["invitations"], answer["invitations_kept"]) == (2, 0)
    assert own not in alice.sync()["rooms"].get("invite", {})
    assert room not in dave.sync()["rooms"].get("invite", {})
    assert alice.ask("POST", f"/join/{quote(own)}", {})[0] == 403


def test_evidence_stays(server, alice, bob, admin):
    room = alice.create(preset="public_chat")
    bob.join(room)
    event = bob.send(room, SECRET)
    contained(server, user=bob.id)
    alice.ok("PUT", f"/rooms/{quote(room)}/redact/{quote(event)}/r1", {})
    assert bodies(alice.messages(room)["chunk"]) == []
    run(server, "reset-password", bob.name, password="Another-Secret-2\n")
    assert list(admin.ok("GET", f"/admin/whois/{quote(bob.id)}")["devices"]) == [bob.device]
    status, answer = operator(server, "POST", f"{ADMIN}/users/{quote(bob.id)}/deactivate", json.dumps({"erase": True}))
    assert (status, answer["errcode"]) == (403, "M_FORBIDDEN")
    assert "legal hold" in answer["error"]
    if not server.store:
        import sqlite3
        db = sqlite3.connect(f"file:{server.data}/beffroi.db?mode=ro", uri=True)
        assert [SECRET in x for (x,) in db.execute("SELECT json FROM held_event")] == [True]
        assert db.execute("SELECT actor, action, target, reason FROM audit ORDER BY id DESC").fetchone() == ("operator", "contain", bob.id, "a test")
        assert db.execute("SELECT COUNT(*) FROM containment_outbox").fetchone()[0] > 0
        db.close()


def test_no_other_way_unlocks(server, bob, admin):
    contained(server, user=bob.id)
    assert admin.ask("PUT", f"/_matrix/client/v1/admin/lock/{quote(bob.id)}", {"locked": False})[0] == 403
    assert run(server, "unlock", bob.name)[0] != 0
    assert refusal(bob.ask("GET", "/account/whoami")) == LOCKED


def test_release_undoes_it_and_tokens_stay_ended(server, alice, bob):
    first = contained(server, user=bob.id)
    assert contained(server, user=bob.id) == {**first, "already": True, "tokens": 0, "shut_us": pytest.approx(0, abs=1_000_000)}
    assert released(server, user=bob.id)["id"] == first["id"]
    status, answer = bob.ask("GET", "/account/whoami")
    assert (status, answer["errcode"], answer["soft_logout"]) == (401, "M_UNKNOWN_TOKEN", True)
    again = bob.login(device_id=bob.device)
    assert again.ok("GET", "/account/whoami")["device_id"] == bob.device
    assert contain(server, "release", user=bob.id)[0] == 404
    operator(server, "POST", f"{ADMIN}/users/{quote(bob.id)}/lock", json.dumps({"locked": True}))
    contained(server, user=bob.id)
    released(server, user=bob.id)
    assert refusal(again.ask("GET", "/account/whoami"))[0] == 401
    login = {"type": "m.login.password", "identifier": {"type": "m.id.user", "user": bob.name}, "password": bob.password}
    assert refusal(server.call("POST", V3 + "/login", login)) == LOCKED     # as it was before


def test_a_device_alone(server, bob):
    phone = bob.login()
    since = phone.sync()["next_batch"]
    ended = {}
    t = threading.Thread(target=lambda: ended.update(a=phone.ask("GET", f"/sync?timeout=30000&since={since}", timeout=60)))
    t.start()
    time.sleep(0.2)
    assert contained(server, user=bob.id, device=phone.device)["tokens"] == 1
    t.join(5)
    assert refusal(ended["a"]) == (401, "M_UNKNOWN_TOKEN", True)
    assert bob.ok("GET", "/account/whoami")["user_id"] == bob.id
    login = {"type": "m.login.password", "identifier": {"type": "m.id.user", "user": bob.name}, "password": bob.password, "device_id": phone.device}
    assert server.call("POST", V3 + "/login", login)[0] == 401
    assert bob.login().ok("GET", "/account/whoami")["user_id"] == bob.id
    released(server, user=bob.id, device=phone.device)
    assert server.call("POST", V3 + "/login", login)[0] == 200


def test_an_address_for_all_and_for_one(tmp_path, new_store):
    with Server(tmp_path / "data", new_store(), ["--server.trusted_proxies=127.0.0.1"]) as server:
        alice, bob = server.user(), server.user()
        at = lambda user, address: user.ask("GET", "/account/whoami", headers={"X-Forwarded-For": address})[0]
        contained(server, address="203.0.113.0/24")
        assert [at(alice, x) for x in ("203.0.113.9", "203.0.114.9", "2001:db8::1")] == [403, 200, 200]
        assert server.call("GET", "/_matrix/client/versions", headers={"X-Forwarded-For": "203.0.113.200"})[0] == 403
        contained(server, user=bob.id, address="2001:db8::/32")
        assert (at(alice, "2001:db8::7"), at(bob, "2001:db8::7"), at(bob, "2001:db9::7")) == (200, 403, 200)
        login = {"type": "m.login.password", "identifier": {"type": "m.id.user", "user": bob.name}, "password": bob.password}
        assert server.call("POST", V3 + "/login", login, headers={"X-Forwarded-For": "2001:db8::7"})[0] == 403
        released(server, address="203.0.113.0/24")
        assert at(alice, "203.0.113.9") == 200


def test_it_holds_after_a_restart(tmp_path, new_store):
    server = Server(tmp_path / "data", new_store())
    server.start()
    bob = server.user()
    contained(server, user=bob.id)
    contained(server, server="bad.example")
    server.kill()
    server.start()
    assert refusal(bob.ask("GET", "/account/whoami")) == LOCKED
    code, out, _ = run(server, "containments")
    assert code == 0 and bob.id in out and "server bad.example" in out
    server.stop()


@pytest.mark.parametrize("target, code", [
    ({}, "M_MISSING_PARAM"), ({"device": "X"}, "M_MISSING_PARAM"), ({"user": "@nobody:localhost"}, "M_NOT_FOUND"),
    ({"user": "@a:elsewhere.example"}, "M_INVALID_PARAM"), ({"address": "here"}, "M_INVALID_PARAM"),
    ({"address": "0.0.0.0/0"}, "M_INVALID_PARAM"), ({"address": "unix"}, "M_INVALID_PARAM"),
    ({"server": "localhost"}, "M_INVALID_PARAM"), ({"server": "a.example", "address": "192.0.2.1"}, "M_INVALID_PARAM"),
    ({"user": 5}, "M_BAD_JSON")])
def test_what_cannot_be_contained_gets_a_sentence(server, target, code):
    status, answer = contain(server, **target)
    assert (status in (400, 404), answer["errcode"]) == (True, code)
    assert " " in answer["error"]


def test_the_act_needs_a_reason_and_an_administrator(server, bob):
    assert contain(server, user=bob.id, reason=" ")[0] == 400
    assert contain(server, user=bob.id, reason="x" * 1001)[0] == 400
    for verb in ("contain", "release"):
        assert bob.ask("POST", f"{ADMIN}/{verb}", {"user": bob.id, "reason": "x"})[0] == 403
    code, _, err = run(server, "contain", bob.name)
    assert code != 0 and "--reason" in err
    for words in (["--devise", "X"], ["--device"]):     # would contain more than was meant
        code, _, err = run(server, "contain", bob.name, "--reason", "x", *words)
        assert code != 0 and words[0] in err
    assert bob.ok("GET", "/account/whoami")["user_id"] == bob.id


def test_the_options_of_one_verb_are_not_taken_from_another(server, alice):
    """ledger show --device once lost its option to contain's."""
    alice.ok("GET", f"/profile/{quote(alice.id)}")
    code, out, _ = run(server, "ledger", "show", "--account", alice.id, "--device", "NOSUCHDEVICE")
    assert (code, out) == (0, "")


def test_an_administrator_and_the_command_line_do_it(server, bob, admin):
    assert admin.ok("POST", f"{ADMIN}/contain", {"user": bob.name, "reason": "by hand"})["tokens"] == 1
    assert admin.ok("GET", f"{ADMIN}/containments")["containments"][0]["by"] == admin.id
    code, out, err = run(server, "release", bob.id, "--reason", "a mistake")
    assert (code, err) == (0, "") and "Released" in out
    row = admin.ok("GET", f"{ADMIN}/containments?all=true")["containments"][0]
    assert (row["released_by"], row["released_reason"], row["reason"]) == ("operator", "a mistake", "by hand")
    bob = bob.login()
    code, out, err = run(server, "contain", bob.id, "--reason", "again")
    assert (code, err) == (0, "") and re.search(r"Contained: number \d+, shut in \d+\.\d ms", out)
    assert refusal(bob.ask("GET", "/account/whoami")) == LOCKED
