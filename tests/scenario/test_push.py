# SPDX-License-Identifier: AGPL-3.0-or-later
"""Pushers: what a gateway is told, and when; the list of notifications."""
import time

import pytest

from beffroid import Server, V3, quote
from gateway import Gateway, pusher

OPTIONS = ["--push.allow_http=true", "--client.allow_addresses=127.0.0.0/8"]


@pytest.fixture(scope="module")
def pushing(tmp_path_factory, new_store):
    with Server(tmp_path_factory.mktemp("push") / "data", new_store(), OPTIONS) as s:
        yield s
        assert s.metrics().get("beffroi_disclosure_faults_total", 0) == 0


@pytest.fixture
def gateway():
    with Gateway() as g:
        yield g


@pytest.fixture
def pair(pushing):
    """Two people in one room."""
    alice, bob = pushing.user(), pushing.user()
    room = alice.create(preset="public_chat", name="Salon")
    bob.join(room)
    return alice, bob, room


def set_pusher(user, gateway, key="key1", **more):
    assert user.ok("POST", "/pushers/set", pusher(gateway, key, **more)) == {}


def read(user, room, event):
    user.ok("POST", f"/rooms/{quote(room)}/receipt/m.read/{quote(event)}", {})


def test_a_message_is_pushed_with_its_content_and_the_count(pair, pushing, gateway):
    alice, bob, room = pair
    pushing.user().join(room)
    set_pusher(bob, gateway)
    event = alice.send(room, "Bonjour")
    n = gateway.wait()[0]
    assert n["event_id"] == event and n["room_id"] == room and n["type"] == "m.room.message"
    assert n["sender"] == alice.id and n["sender_display_name"] == alice.name and n["room_name"] == "Salon"
    assert n["content"] == {"body": "Bonjour", "msgtype": "m.text"} and n["counts"] == {"unread": 1}
    assert n["prio"] == "low"
    device = n["devices"][0]
    assert device["app_id"] == "org.example.app" and device["pushkey"] == "key1"
    assert device["data"] == {"custom": 1} and device["tweaks"] == {} and device["pushkey_ts"] > 1700000000
    alice.send(room, {"msgtype": "m.text", "body": "viens", "m.mentions": {"user_ids": [bob.id]}})
    n = gateway.wait(2)[1]
    assert n["devices"][0]["tweaks"] == {"sound": "default", "highlight": True} and n["prio"] == "high"
    assert n["counts"] == {"unread": 2}


def test_own_and_read_events_are_not_pushed_and_reading_clears_the_badge(pair, gateway):
    alice, bob, room = pair
    set_pusher(bob, gateway)
    bob.send(room, "de moi")
    event = alice.send(room, "un")
    gateway.wait()
    read(bob, room, event)
    n = gateway.wait(2)[1]
    assert "event_id" not in n and n["counts"] == {"unread": 0}
    alice.send(room, "deux")
    assert gateway.wait(3)[2]["counts"] == {"unread": 1}
    assert len(gateway.got) == 3


def test_only_the_id_is_sent_when_asked_so(pair, gateway):
    alice, bob, room = pair
    set_pusher(bob, gateway, data={"url": gateway.url, "format": "event_id_only"})
    event = alice.send(room, "secret")
    n = gateway.wait()[0]
    assert n["event_id"] == event and n["room_id"] == room and n["counts"] == {"unread": 1}
    assert not {"content", "sender", "type", "room_name"} & set(n)
    assert n["devices"][0]["data"] == {"format": "event_id_only"} and "tweaks" not in n["devices"][0]


def test_an_invitation_is_pushed(pushing, gateway):
    alice, bob = pushing.user(), pushing.user()
    set_pusher(bob, gateway)
    room = alice.create(preset="private_chat")
    alice.invite(room, bob)
    n = gateway.wait()[0]
    assert n["type"] == "m.room.member" and n["user_is_target"] is True and n["content"]["membership"] == "invite"


def test_a_muted_room_and_ignored_people_are_silent(pair, pushing, gateway):
    alice, bob, room = pair
    carol = pushing.user()
    carol.join(room)
    set_pusher(bob, gateway)
    bob.ok("PUT", f"/user/{quote(bob.id)}/account_data/m.ignored_user_list", {"ignored_users": {carol.id: {}}})
    carol.send(room, "coucou")
    bob.ok("PUT", f"/pushrules/global/room/{quote(room)}", {"actions": []})
    alice.send(room, "chut")
    other = alice.create(preset="public_chat")
    bob.join(other)
    event = alice.send(other, "entends-tu")
    assert [x["event_id"] for x in gateway.wait()] == [event]


def test_a_gateway_that_fails_gets_everything_once_it_works(pair, gateway):
    alice, bob, room = pair
    gateway.status = 502
    set_pusher(bob, gateway)
    sent = [alice.send(room, "a")]
    gateway.wait(1, 502)
    sent += [alice.send(room, x) for x in "bc"]
    gateway.status = 200
    assert [x["event_id"] for x in gateway.wait(3)] == sent


def test_a_restart_loses_no_push(tmp_path, new_store, gateway):
    server = Server(tmp_path / "data", new_store(), OPTIONS)
    with server:
        alice, bob = server.user(), server.user()
        room = alice.create(preset="public_chat")
        bob.join(room)
        gateway.status = 500
        set_pusher(bob, gateway)
        event = alice.send(room, "avant")
        gateway.wait(1, 500)
        server.kill()
        gateway.status = 200
        server.start()
        assert gateway.wait()[0]["event_id"] == event


def test_a_rejected_key_is_forgotten(pair, gateway):
    alice, bob, room = pair
    set_pusher(bob, gateway)
    gateway.rejected = ["key1"]
    alice.send(room, "x")
    gateway.wait()
    end = time.monotonic() + 10
    while bob.ok("GET", "/pushers")["pushers"] and time.monotonic() < end:
        time.sleep(0.02)
    assert bob.ok("GET", "/pushers")["pushers"] == []


def test_pushers_are_listed_changed_and_removed(pushing, gateway):
    alice, bob = pushing.user(), pushing.user()
    set_pusher(alice, gateway, profile_tag="x")
    wanted = {**pusher(gateway, "key1", profile_tag="x")}
    assert alice.ok("GET", "/pushers") == {"pushers": [wanted]}
    set_pusher(alice, gateway, lang="en")
    assert [p["lang"] for p in alice.ok("GET", "/pushers")["pushers"]] == ["en"]
    set_pusher(bob, gateway, append=True)
    assert len(alice.ok("GET", "/pushers")["pushers"]) == 1
    set_pusher(bob, gateway)
    assert alice.ok("GET", "/pushers") == {"pushers": []}
    bob.ok("POST", "/pushers/set", {"kind": None, "app_id": "org.example.app", "pushkey": "key1"})
    assert bob.ok("GET", "/pushers") == {"pushers": []}


def test_a_pusher_ends_with_its_device_and_at_a_new_password(pushing, gateway):
    alice = pushing.user()
    phone = alice.login()
    set_pusher(phone, gateway, "phone")
    set_pusher(alice, gateway, "here")
    phone.ok("POST", "/logout", {})
    assert [p["pushkey"] for p in alice.ok("GET", "/pushers")["pushers"]] == ["here"]
    tablet = alice.login()
    set_pusher(tablet, gateway, "tablet")
    auth = {"type": "m.login.password", "identifier": {"type": "m.id.user", "user": alice.name}, "password": alice.password}
    alice.ok("POST", "/account/password", {"new_password": "Autre-Secret-2", "logout_devices": False, "auth": auth})
    assert [p["pushkey"] for p in alice.ok("GET", "/pushers")["pushers"]] == ["here"]


def test_bad_pushers_are_refused(pushing, gateway, tmp_path):
    alice = pushing.user()
    good = pusher(gateway, "k")
    for change in ({"kind": "sms"}, {"kind": 1}, {"app_id": "x" * 65}, {"pushkey": "x" * 513}, {"data": {}}, {"data": 1},
                   {"lang": None}, {"data": {"url": "ftp://x/_matrix/push/v1/notify"}}, {"data": {"url": "https://x/other"}},
                   {"data": {"url": "https://u:p@x/_matrix/push/v1/notify"}}, {"data": {"url": gateway.url, "format": "x"}},
                   {"data": {"url": gateway.url, "big": "x" * 5000}}):
        status, answer = alice.ask("POST", "/pushers/set", {**good, **change})
        assert status == 400 and answer["errcode"] in ("M_INVALID_PARAM", "M_MISSING_PARAM", "M_BAD_JSON"), change
    for missing in ("kind", "app_id", "pushkey", "lang", "data", "app_display_name", "device_display_name"):
        answer = alice.ask("POST", "/pushers/set", {k: v for k, v in good.items() if k != missing})
        assert answer[0] == 400 and answer[1]["errcode"] == "M_MISSING_PARAM", missing
    assert alice.ok("GET", "/pushers") == {"pushers": []}


def test_gateways_without_tls_and_inside_are_refused_by_default(server, gateway):
    alice, bob = server.user(), server.user()
    assert alice.ask("POST", "/pushers/set", pusher(gateway, "k"))[1]["errcode"] == "M_INVALID_PARAM"
    room = alice.create(preset="public_chat")
    bob.join(room)
    alice.ok("POST", "/pushers/set", pusher(gateway, "k", data={"url": gateway.url.replace("http:", "https:")}))
    bob.send(room, "x")
    end = time.monotonic() + 10
    refused = 'beffroi_client_requests_total{purpose="push",end="refused"}'
    while not server.metrics().get(refused) and time.monotonic() < end:
        time.sleep(0.05)
    assert server.metrics()[refused] >= 1 and gateway.got == []


def test_a_locked_account_is_told_nothing(pair, pushing, gateway):
    alice, bob, room = pair
    set_pusher(bob, gateway)
    pushing_call(pushing, "POST", f"/_beffroi/admin/v1/users/{quote(bob.id)}/lock", '{"locked":true}')
    alice.send(room, "x")
    time.sleep(0.5)
    assert gateway.got == []


def pushing_call(server, method, path, body):
    """By the operator's socket."""
    import socket
    s = socket.socket(socket.AF_UNIX)
    s.connect(str(server.data / "admin.sock"))
    s.sendall(f"{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
              f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}".encode())
    answer = s.recv(65536)
    s.close()
    assert b" 200 " in answer.split(b"\r\n")[0], answer


def test_what_is_pushed_is_in_the_ledger(pair, pushing, gateway):
    alice, bob, room = pair
    set_pusher(bob, gateway)
    alice.send(room, "x")
    gateway.wait()
    record = [x for x in pushing.ledger() if x.get("op") == "push" or "push" in str(x.get("operation", ""))]
    assert any(bob.id in str(x) and room in str(x) for x in record), pushing.ledger()[-3:]


def test_notifications_are_listed_by_pages(pair, pushing):
    alice, bob, room = pair
    other = alice.create(preset="public_chat")
    bob.join(other)
    sent = [alice.send(room if i % 2 else other, f"n{i}") for i in range(7)]
    loud = alice.send(room, {"msgtype": "m.text", "body": "ici", "m.mentions": {"user_ids": [bob.id]}})
    read(bob, room, sent[3])
    got, query = [], ""
    while True:
        page = bob.ok("GET", f"/notifications?limit=3{query}")
        got += page["notifications"]
        if "next_token" not in page:
            break
        query = "&from=" + page["next_token"]
    assert [x["event"]["event_id"] for x in got] == [loud, *reversed(sent)]
    assert [x["read"] for x in got if x["room_id"] == room] == [False, False, True, True]
    assert [x["event"]["event_id"] for x in bob.ok("GET", "/notifications?only=highlight")["notifications"]] == [loud]
    assert got[0]["actions"] == ["notify", {"set_tweak": "sound", "value": "default"}, {"set_tweak": "highlight"}]
    assert alice.ok("GET", "/notifications") == {"notifications": []}
    assert bob.ask("GET", "/notifications?from=x")[1]["errcode"] == "M_INVALID_PARAM"
