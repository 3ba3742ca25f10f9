# SPDX-License-Identifier: AGPL-3.0-or-later
"""Two and three servers, one conversation."""
import http.client
import http.server
import io
import json
import ssl
import threading

import pytest
from PIL import Image

from beffroid import V3, bodies, quote
from conftest import check_no_fault
from federation import Peer, SignedPeer, make_certificates, wait_for

VERSIONS = ["1", "2", "3", "5", "6", "7", "9", "10", "11", "12"]


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    return make_certificates(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def peers(tmp_path_factory, certificates, new_store):
    folder = tmp_path_factory.mktemp("federation")
    made = [Peer(folder / name, certificates, new_store()) for name in ("one", "two", "three")]
    for p in made:
        p.start()
    yield made
    for p in made:
        check_no_fault(p)
        p.stop()


@pytest.fixture
def people(peers):
    return [p.user() for p in peers]


def invited(user, room):
    return wait_for(lambda: room in user.sync().get("rooms", {}).get("invite", {}))


def timeline(user, room):
    return bodies(user.messages(room, limit=100)["chunk"])


def sees(user, room, *texts):
    wait_for(lambda: set(texts) <= set(timeline(user, room)))


def state_of(user, room):
    return {(e["type"], e["state_key"]): e["event_id"] for e in user.ok("GET", f"/rooms/{quote(room)}/state")}


def join_via(user, room, *servers):
    via = "&".join("via=" + quote(s) for s in servers)
    return user.ok("POST", f"/join/{quote(room)}?{via}", {})


def test_a_server_publishes_keys_that_it_has_signed(peers):
    status, keys = peers[0].call("GET", "/_matrix/key/v2/server")
    assert status == 200 and keys["server_name"] == peers[0].name
    assert list(keys["signatures"][peers[0].name]) == list(keys["verify_keys"])


def test_an_unsigned_request_of_a_server_is_refused(peers, people):
    room = people[0].create(preset="public_chat")
    for path in (f"/_matrix/federation/v1/state_ids/{quote(room)}?event_id=$x",
                 f"/_matrix/federation/v1/make_join/{quote(room)}/{quote('@x:other.example')}?ver=12",
                 "/_matrix/federation/v1/query/profile?user_id=" + quote(people[0].id)):
        assert peers[0].call("GET", path)[0] == 401
        status, answer = peers[0].call("GET", path, headers={
            "Authorization": f'X-Matrix origin="{peers[1].name}",destination="{peers[0].name}",key="ed25519:x",sig="AAAA"'})
        assert (status, answer["errcode"]) == (401, "M_UNAUTHORIZED")


@pytest.mark.parametrize("version", VERSIONS)
def test_people_of_two_servers_talk_in_a_room_of_any_version(peers, people, version):
    alice, bob, _ = people
    room = alice.create(preset="public_chat", room_version=version)
    first = alice.send(room, "before bob")
    join_via(bob, room, peers[0].name)
    bob.send(room, "from bob")
    sees(alice, room, "from bob")
    alice.send(room, "from alice")
    sees(bob, room, "from alice", "before bob")
    assert state_of(alice, room) == state_of(bob, room)
    assert bob.ok("GET", f"/rooms/{quote(room)}/event/{quote(first)}")["content"]["body"] == "before bob"


def test_an_invitation_reaches_another_server_and_can_be_taken_or_refused(peers, people):
    alice, bob, carol = people
    room = alice.create(name="Over there")
    alice.invite(room, bob)
    alice.invite(room, carol)
    shown = wait_for(lambda: bob.sync().get("rooms", {}).get("invite", {}).get(room))
    names = [e["content"].get("name") for e in shown["invite_state"]["events"] if e["type"] == "m.room.name"]
    assert names == ["Over there"]
    bob.join(room)
    bob.send(room, "thank you")
    sees(alice, room, "thank you")
    invited(carol, room)
    carol.ok("POST", f"/rooms/{quote(room)}/leave", {})
    wait_for(lambda: room not in carol.sync().get("rooms", {}).get("invite", {}))
    member = lambda: alice.ok("GET", f"/rooms/{quote(room)}/state/m.room.member/{quote(carol.id)}")["membership"]
    wait_for(lambda: member() == "leave")


def test_a_private_room_cannot_be_joined_from_elsewhere(peers, people):
    alice, bob, _ = people
    room = alice.create()
    status, answer = bob.ask("POST", f"/join/{quote(room)}?via={quote(peers[0].name)}", {})
    assert (status, answer["errcode"]) == (403, "M_FORBIDDEN")


def test_an_alias_of_another_server_leads_to_its_room(peers, people):
    alice, bob, _ = people
    name = "hall" + alice.name
    room = alice.create(preset="public_chat", room_alias_name=name)
    assert bob.ok("POST", "/join/" + quote(f"#{name}:{peers[0].name}"), {})["room_id"] == room


def test_a_ban_holds_on_every_server(peers, people):
    alice, bob, carol = people
    room = alice.create(preset="public_chat")
    join_via(bob, room, peers[0].name)
    join_via(carol, room, peers[1].name)
    sees_all = lambda u: len(u.ok("GET", f"/rooms/{quote(room)}/joined_members")["joined"]) == 3
    wait_for(lambda: sees_all(alice) and sees_all(bob))
    alice.ok("POST", f"/rooms/{quote(room)}/ban", {"user_id": carol.id})
    for u in (bob,):
        wait_for(lambda: len(u.ok("GET", f"/rooms/{quote(room)}/joined_members")["joined"]) == 2)
    wait_for(lambda: room in carol.sync(full_state="true").get("rooms", {}).get("leave", {}) or
             carol.ask("PUT", f"/rooms/{quote(room)}/send/m.room.message/x", {"body": "x"})[0] == 403)
    assert carol.ask("POST", f"/join/{quote(room)}?via={quote(peers[1].name)}", {})[0] == 403


def test_a_restricted_room_lets_in_members_of_the_other_room(peers, people):
    alice, bob, carol = people
    space = alice.create(preset="public_chat")
    join_via(bob, space, peers[0].name)
    room = alice.create(initial_state=[{"type": "m.room.join_rules", "state_key": "", "content": {
        "join_rule": "restricted", "allow": [{"type": "m.room_membership", "room_id": space}]}}])
    join_via(bob, room, peers[0].name)
    bob.send(room, "in by the other room")
    sees(alice, room, "in by the other room")
    assert carol.ask("POST", f"/join/{quote(room)}?via={quote(peers[0].name)}", {})[0] == 403


def test_somebody_knocks_at_a_room_of_another_server(peers, people):
    alice, bob, _ = people
    room = alice.create(name="Knock", initial_state=[
        {"type": "m.room.join_rules", "state_key": "", "content": {"join_rule": "knock"}}])
    bob.ok("POST", f"/knock/{quote(room)}?via={quote(peers[0].name)}", {"reason": "please"})
    assert room in bob.sync()["rooms"]["knock"]
    wait_for(lambda: alice.ask("GET", f"/rooms/{quote(room)}/state/m.room.member/{quote(bob.id)}")[0] == 200)
    alice.invite(room, bob)
    invited(bob, room)
    bob.join(room)


def test_history_of_before_the_join_is_fetched_page_by_page(peers, people):
    alice, bob, _ = people
    room = alice.create(preset="public_chat")
    for i in range(60):
        alice.send(room, f"old {i}")
    join_via(bob, room, peers[0].name)
    got, token = [], None
    for _ in range(20):
        page = bob.messages(room, limit=25, **({"from": token} if token else {}))
        got += page["chunk"]
        token = page.get("end")
        if token is None:
            break
    assert [b for b in reversed(bodies(got))] == [f"old {i}" for i in range(60)]
    assert got[-1]["type"] == "m.room.create"


def test_a_redaction_reaches_the_other_server(peers, people):
    alice, bob, _ = people
    room = alice.create(preset="public_chat")
    join_via(bob, room, peers[0].name)
    event = alice.send(room, "a slip")
    sees(bob, room, "a slip")
    alice.ok("PUT", f"/rooms/{quote(room)}/redact/{quote(event)}/r1", {})
    wait_for(lambda: bob.ok("GET", f"/rooms/{quote(room)}/event/{quote(event)}")["content"] == {})


def test_a_split_heals_and_every_server_has_the_same_state(peers, people):
    alice, bob, carol = people
    room = alice.create(preset="public_chat", power_level_content_override={"events": {"m.room.topic": 0, "m.room.name": 0}})
    join_via(bob, room, peers[0].name)
    join_via(carol, room, peers[0].name)
    wait_for(lambda: len(bob.ok("GET", f"/rooms/{quote(room)}/joined_members")["joined"]) == 3)
    peers[2].stop()
    for i in range(30):
        alice.send(room, f"alice {i}")
        bob.send(room, f"bob {i}")
    alice.state(room, "m.room.topic", {"topic": "while carol was away"})
    bob.state(room, "m.room.name", {"name": "by bob"})
    peers[2].start()
    carol.send(room, "carol is back")
    carol.state(room, "m.room.topic", {"topic": "by carol"})
    for u in (alice, bob):
        sees(u, room, "carol is back")
    alice.send(room, "all here")
    for u in (bob, carol):
        sees(u, room, "all here")
    wait_for(lambda: state_of(alice, room) == state_of(bob, room) == state_of(carol, room), 30)


def test_what_another_server_is_sent_is_in_the_ledger(peers, people):
    alice, bob, _ = people
    room = alice.create(preset="public_chat")
    join_via(bob, room, peers[0].name)
    alice.send(room, "on record")
    sees(bob, room, "on record")
    records = [r for r in peers[0].settled() if any(x[1] == room for x in r["seen"]) and peers[1].name in json.dumps(r)]
    assert {r["operation"] for r in records} >= {"fed_send_join_put", "federation_send"}, records


class KeyServer(threading.Thread):
    """Answers every request with what it was told to publish."""

    def __init__(self, certificates, body):
        super().__init__(daemon=True)
        ca, cert, key = certificates

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                data = json.dumps(body(self.server.name)).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_):
                pass

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert, key)
        self.http.socket = context.wrap_socket(self.http.socket, server_side=True)
        self.name = self.http.name = f"localhost:{self.http.server_port}"

    def run(self):
        self.http.serve_forever()


@pytest.mark.parametrize("body", [
    lambda name: {"method": "PUT", "uri": "/_matrix/federation/v1/send/1", "origin": name, "destination": "x", "content": {}},
    lambda name: {"type": "m.room.member", "room_id": "!r:x", "sender": "@a:x", "state_key": "@a:x", "content": {}},
    lambda name: {"server_name": name, "valid_until_ts": 2**52, "verify_keys": {"ed25519:a": {"key": "A" * 43}}, "signatures": {}},
    lambda name: {"server_name": name, "valid_until_ts": 2**52, "verify_keys": {"other:a": {"key": "A" * 43}}, "signatures": {},
                  "old_verify_keys": {"ed25519:b": {"key": "A" * 43, "expired_ts": 2**52}}},
], ids=["a request", "an event", "keys that are not signed", "no key that signs"])
def test_a_notary_signs_keys_and_nothing_else(certificates, peers, body):
    other = KeyServer(certificates, body)
    other.start()
    try:
        status, answer = peers[0].call("GET", "/_matrix/key/v2/query/" + quote(other.name))
        assert (status, answer) == (200, {"server_keys": []})
    finally:
        other.http.shutdown()


def test_a_denied_server_is_denied_by_every_spelling(tmp_path, certificates, peers, new_store):
    with Peer(tmp_path / "strict", certificates, new_store(), ["--federation.deny=LOCALHOST"]) as strict:
        dan = strict.user()
        other = peers[0].user().create(preset="public_chat")
        status, answer = dan.ask("POST", f"/join/{quote(other)}?via={quote(peers[0].name)}", {})
        assert (status, answer["errcode"]) == (403, "M_FORBIDDEN")


def test_a_server_that_is_denied_is_refused_both_ways(tmp_path, certificates, peers, new_store):
    with Peer(tmp_path / "closed", certificates, new_store(), ["--federation.allow=*.gouv.fr"]) as closed:
        dan, eve = closed.user(), peers[0].user()
        room = dan.create(preset="public_chat")
        assert eve.ask("POST", f"/join/{quote(room)}?via={quote(closed.name)}", {})[0] >= 400
        other = eve.create(preset="public_chat")
        status, answer = dan.ask("POST", f"/join/{quote(other)}?via={quote(peers[0].name)}", {})
        assert (status, answer["errcode"]) == (403, "M_FORBIDDEN")


def together(peers, people):
    alice, bob, _ = people
    room = alice.create(preset="public_chat")
    join_via(bob, room, peers[0].name)
    wait_for(lambda: bob.id in alice.ok("GET", f"/rooms/{quote(room)}/joined_members")["joined"])
    return room


def ephemeral(user, room, kind):
    found = user.sync()["rooms"]["join"].get(room, {}).get("ephemeral", {}).get("events", [])
    return [e["content"] for e in found if e["type"] == kind]


def test_typing_and_receipts_cross_servers(peers, people):
    alice, bob, _ = people
    room = together(peers, people)
    event = alice.send(room, "read me")
    sees(bob, room, "read me")
    bob.ok("PUT", f"/rooms/{quote(room)}/typing/{quote(bob.id)}", {"typing": True, "timeout": 20000})
    wait_for(lambda: any(bob.id in c["user_ids"] for c in ephemeral(alice, room, "m.typing")))
    bob.ok("POST", f"/rooms/{quote(room)}/receipt/m.read/{quote(event)}", {})
    wait_for(lambda: any(bob.id in c.get(event, {}).get("m.read", {}) for c in ephemeral(alice, room, "m.receipt")))


def test_a_message_for_a_device_arrives_exactly_once(peers, people):
    alice, bob, _ = people
    body = {"messages": {bob.id: {bob.device: {"n": 1}, "nowhere": {"n": 2}}}}
    for _ in range(2):
        alice.ok("PUT", "/sendToDevice/m.test/same", body)
    alice.ok("PUT", "/sendToDevice/m.test/last", {"messages": {bob.id: {"*": {"n": 3}}}})
    seen, since = [], None

    def look():
        nonlocal since
        got = bob.sync(since)
        since = got["next_batch"]
        seen.extend(e["content"]["n"] for e in got.get("to_device", {}).get("events", []))
        return 3 in seen
    wait_for(look)
    assert seen == [1, 3]


def device_keys(user):
    return {"user_id": user.id, "device_id": user.device, "algorithms": ["m.olm.v1.curve25519-aes-sha2"],
            "keys": {f"ed25519:{user.device}": "x" * 43, f"curve25519:{user.device}": "y" * 43}, "signatures": {}}


def test_keys_are_had_from_the_other_server_by_who_shares_a_room(peers, people):
    alice, bob, carol = people
    together(peers, people)
    since = alice.sync()["next_batch"]
    keys = device_keys(bob)
    status, answer = bob.ask("POST", "/keys/upload", {"device_keys": keys, "one_time_keys": {"curve25519:AAAA": "x" * 43}})
    assert status == 200, answer
    wait_for(lambda: bob.id in alice.sync(since).get("device_lists", {}).get("changed", []))
    got = alice.ok("POST", "/keys/query", {"device_keys": {bob.id: []}})
    assert got["device_keys"][bob.id][bob.device]["keys"] == keys["keys"] and got["failures"] == {}
    claim = {"one_time_keys": {bob.id: {bob.device: "curve25519"}}}
    assert carol.ok("POST", "/keys/query", {"device_keys": {bob.id: []}})["device_keys"] == {}
    assert carol.ok("POST", "/keys/claim", claim)["one_time_keys"] == {}
    assert list(alice.ok("POST", "/keys/claim", claim)["one_time_keys"][bob.id][bob.device]) == ["curve25519:AAAA"]
    gone = "@x:localhost:1"
    assert list(alice.ok("POST", "/keys/query", {"device_keys": {gone: []}})["failures"]) == ["localhost:1"]


def test_a_leave_reaches_the_other_server(peers, people):
    alice, bob, _ = people
    room = together(peers, people)
    member = lambda: alice.ok("GET", f"/rooms/{quote(room)}/state/m.room.member/{quote(bob.id)}")["membership"]
    bob.ok("POST", f"/rooms/{quote(room)}/leave", {})
    wait_for(lambda: member() == "leave", 5)
    join_via(bob, room, peers[0].name)
    wait_for(lambda: member() == "join", 5)
    bob.ok("POST", f"/rooms/{quote(room)}/leave", {})
    wait_for(lambda: member() == "leave", 5)


def test_an_invitation_that_is_taken_back_is_gone_over_there(peers, people):
    alice, bob, _ = people
    room = alice.create()
    alice.invite(room, bob)
    invited(bob, room)
    alice.ok("POST", f"/rooms/{quote(room)}/kick", {"user_id": bob.id})
    wait_for(lambda: room not in bob.sync().get("rooms", {}).get("invite", {}), 5)


def test_a_notary_signs_what_another_server_publishes(peers):
    status, answer = peers[0].call("POST", "/_matrix/key/v2/query", {"server_keys": {peers[1].name: {}, "localhost:1": {}}})
    assert status == 200 and [k["server_name"] for k in answer["server_keys"]] == [peers[1].name]
    assert set(answer["server_keys"][0]["signatures"]) == {peers[0].name, peers[1].name}


def test_who_left_the_allowed_room_cannot_let_others_in_by_what_it_once_knew(peers, people):
    alice, bob, carol = people
    space = alice.create(preset="public_chat")
    room = alice.create(initial_state=[{"type": "m.room.join_rules", "state_key": "", "content": {
        "join_rule": "restricted", "allow": [{"type": "m.room_membership", "room_id": space}]}}])
    join_via(bob, space, peers[0].name)
    join_via(carol, space, peers[0].name)
    join_via(bob, room, peers[0].name)
    levels = alice.ok("GET", f"/rooms/{quote(room)}/state/m.room.power_levels")
    alice.state(room, "m.room.power_levels", {**levels, "invite": 0})
    wait_for(lambda: carol.id in bob.ok("GET", f"/rooms/{quote(space)}/joined_members")["joined"])
    bob.ok("POST", f"/rooms/{quote(space)}/leave", {})
    assert carol.ask("POST", f"/join/{quote(room)}?via={quote(peers[1].name)}", {})[0] >= 400
    join_via(carol, room, peers[0].name)


def sliding(user, **filters):
    body = {"lists": {"all": {"ranges": [[0, 20]], "timeline_limit": 3, "required_state": [["*", "*"]], "filters": filters}}}
    return user.ok("POST", "/_matrix/client/unstable/org.matrix.simplified_msc3575/sync", body)


def test_an_invitation_from_elsewhere_is_shown_by_every_kind_of_sync(peers, people):
    """Nothing is known of such a room but what the invitation said: no create event, no power levels."""
    alice, bob, _ = people
    bob.ok("POST", "/pushers/set", {"app_id": "a", "pushkey": "k", "kind": "http", "app_display_name": "a", "lang": "fr",
                                    "device_display_name": "d", "data": {"url": "https://localhost:1/_matrix/push/v1/notify"}})
    since = bob.sync()["next_batch"]
    room = alice.create(name="Elsewhere")
    alice.invite(room, bob)
    wait_for(lambda: room in bob.sync(since)["rooms"].get("invite", {}))
    for filters in ({}, {"room_types": [None]}, {"not_room_types": ["m.space"]}, {"is_invite": True}, {"is_encrypted": False}):
        assert room in sliding(bob, **filters)["rooms"], filters
    for path in ("/messages?dir=b", "/state", "/members", "/joined_members", "/context/$x", "/threads", "/hierarchy"):
        version = "/_matrix/client/v1" if path in ("/threads", "/hierarchy") else V3
        assert bob.ask("GET", f"{version}/rooms/{quote(room)}{path}")[0] in (403, 404), path
    assert bob.ask("PUT", f"/rooms/{quote(room)}/send/m.room.message/x", {"body": "x"})[0] in (403, 404)
    since = bob.sync()["next_batch"]
    bob.ok("POST", f"/rooms/{quote(room)}/leave", {})
    assert room not in bob.sync(since)["rooms"].get("invite", {})
    sliding(bob)
    bob.sync(filter=json.dumps({"room": {"include_leave": True}}))
    bob.ok("POST", f"/rooms/{quote(room)}/forget", {})
    bob.sync(since)


@pytest.fixture(scope="module")
def stranger(tmp_path_factory, certificates):
    made = SignedPeer(tmp_path_factory.mktemp("stranger"), certificates)
    yield made
    made.http.shutdown()


def upload(user, data, type="application/octet-stream", name="f"):
    return user.ok("POST", f"/_matrix/media/v3/upload?filename={quote(name)}", data, headers={"Content-Type": type})["content_uri"]


def parts(status, data, headers):
    """The two parts of a file that a server gives: (headers, bytes) each."""
    assert status == 200, data
    kind, boundary = headers["Content-Type"].split("; boundary=")
    assert kind == "multipart/mixed"
    before, *found, after = data.split(f"--{boundary}".encode())
    assert (before, after) == (b"", b"--\r\n")
    split = [p.removeprefix(b"\r\n").removesuffix(b"\r\n").split(b"\r\n\r\n", 1) for p in found]
    return [(dict(line.split(": ", 1) for line in head.decode().split("\r\n")), body) for head, body in split]


@pytest.mark.parametrize("data", [b"x", b"\r\n--x--\r\n", bytes(range(256)) * 8192], ids=["one byte", "like a boundary", "2 MiB"])
def test_a_file_of_ours_is_given_to_another_server_and_on_record(peers, people, stranger, data):
    media = upload(people[0], data, "text/html", "a b.html").removeprefix(f"mxc://{peers[0].name}/")
    about, file = parts(*stranger.ask(peers[0], "GET", f"/_matrix/federation/v1/media/download/{media}"))
    assert (about[0]["Content-Type"], json.loads(about[1])) == ("application/json", {})
    assert file == ({"Content-Type": "text/html", "Content-Disposition": "attachment; filename*=utf-8''a%20b.html"}, data)
    (record,) = [r for r in peers[0].settled() if any(x[1] == f"{peers[0].name}/{media}" for x in r["seen"])]
    assert (record["operation"], record["seen"][0][5]) == ("fed_download_get", len(data))
    assert stranger.name in json.dumps(record)


def test_a_file_is_given_over_tls_too_and_the_connection_goes_on(peers, people, stranger, certificates):
    data = bytes(range(256)) * 8192
    media = upload(people[0], data).removeprefix(f"mxc://{peers[0].name}/")
    path = f"/_matrix/federation/v1/media/download/{media}"
    sig = stranger.sign({"method": "GET", "uri": path, "origin": stranger.name, "destination": peers[0].name})
    header = f'X-Matrix origin="{stranger.name}",destination="{peers[0].name}",key="ed25519:t",sig="{sig}"'
    c = http.client.HTTPSConnection(peers[0].name, context=ssl.create_default_context(cafile=certificates[0]), timeout=30)
    for _ in range(2):
        c.request("GET", path, headers={"Authorization": header})
        answer = c.getresponse()
        assert parts(answer.status, answer.read(), dict(answer.getheaders()))[1][1] == data
    c.close()


def test_a_thumbnail_of_ours_is_given_to_another_server(peers, people, stranger):
    picture = io.BytesIO()
    Image.new("RGB", (600, 400), "red").save(picture, "PNG")
    media = upload(people[0], picture.getvalue(), "image/png").removeprefix(f"mxc://{peers[0].name}/")
    path = f"/_matrix/federation/v1/media/thumbnail/{media}"
    _, (head, data) = parts(*stranger.ask(peers[0], "GET", path + "?width=32&height=32&method=scale"))
    assert head["Content-Type"] in ("image/jpeg", "image/png") and Image.open(io.BytesIO(data)).width < 600
    status, answer, _ = stranger.ask(peers[0], "GET", path)
    assert (status, json.loads(answer)["errcode"]) == (400, "M_MISSING_PARAM")


def test_no_file_is_given_that_is_not_there_or_to_who_does_not_sign(peers, people, stranger):
    path = "/_matrix/federation/v1/media/download/"
    status, answer, _ = stranger.ask(peers[0], "GET", path + "nothing")
    assert (status, json.loads(answer)["errcode"]) == (404, "M_NOT_FOUND")
    media = upload(people[0], b"secret").removeprefix(f"mxc://{peers[0].name}/")
    assert peers[0].call("GET", path + media)[0] == 401
    made = people[0].ok("POST", "/_matrix/media/v1/create")["content_uri"].removeprefix(f"mxc://{peers[0].name}/")
    status, answer, _ = stranger.ask(peers[0], "GET", path + made + "?timeout_ms=100")
    assert (status, json.loads(answer)["errcode"]) == (504, "M_NOT_YET_UPLOADED")


def fetch(user, media, what="download", query=""):
    return user.ask("GET", f"/_matrix/client/v1/media/{what}/{media.removeprefix('mxc://')}{query}", raw=True)


@pytest.mark.parametrize("data", [b"x", b"\r\n--x--\r\n", bytes(range(256)) * 8192], ids=["one byte", "like a boundary", "2 MiB"])
def test_a_file_of_another_server_comes_once_and_its_reader_is_on_record(peers, people, data):
    alice, bob, _ = people
    media = upload(alice, data, "text/plain", "à b.txt")
    for _ in range(2):
        status, got, headers = fetch(bob, media)
        assert (status, got, headers["Content-Type"]) == (200, data, "text/plain")
        assert headers["Content-Disposition"] == "inline; filename*=utf-8''%C3%A0%20b.txt"
    object = media.removeprefix("mxc://")
    given = [r for r in peers[0].settled() if any(x[1] == object for x in r["seen"])]
    read = [r for r in peers[1].settled() if any(x[1] == object for x in r["seen"])]
    assert [r["operation"] for r in given] == ["fed_download_get"]
    assert [(r["operation"], r["who"]) for r in read] == [("download_get", bob.id)] * 2


def test_a_thumbnail_of_another_servers_file_is_made_here(peers, people):
    picture = io.BytesIO()
    Image.new("RGB", (600, 400), "red").save(picture, "PNG")
    media = upload(people[0], picture.getvalue(), "image/png")
    status, data, _ = fetch(people[1], media, "thumbnail", "?width=32&height=32&method=crop")
    assert status == 200 and Image.open(io.BytesIO(data)).size == (32, 32)


def test_a_file_that_another_server_does_not_have_is_not_found(peers, people):
    for media in (f"{peers[0].name}/nothing", f"{peers[0].name}/..%2Fx", "nobody.invalid/..%2F..%2Fx"):
        assert fetch(people[1], media)[0] == 404, media
    media = upload(people[0], b"not asked for")
    assert fetch(people[1], media, query="?allow_remote=false")[0] == 404
    assert fetch(people[1], media)[:2] == (200, b"not asked for")


def test_a_server_that_sends_nonsense_for_a_file_is_a_503_and_nothing_is_kept(peers, people, stranger):
    status, answer, _ = fetch(people[1], f"{stranger.name}/abc")
    assert status == 503 and "file" in json.loads(answer)["error"]


def test_the_oldest_copies_go_when_there_is_no_room_and_come_back(tmp_path, certificates, peers, people, new_store):
    peer = Peer(tmp_path / "small", certificates, new_store(), ["--media.remote_cache=100K"])
    peer.start()
    try:
        user = peer.user()
        files = [(upload(people[0], bytes([i]) * 40000), bytes([i]) * 40000) for i in range(5)]
        for media, data in files + files[:1]:
            assert fetch(user, media)[:2] == (200, data)
        kept = [f for f in (peer.data / "remote_media").rglob("*") if f.is_file()]
        assert len(kept) == 2
        for f in kept:
            f.unlink()
        assert fetch(user, files[0][0])[:2] == (200, files[0][1])
        own = upload(user, b"own")
        for media, data in files[1:]:
            assert fetch(user, media)[:2] == (200, data)
        assert fetch(user, own)[1] == b"own"
    finally:
        peer.stop()


def test_another_server_lists_our_published_rooms_and_is_on_record(peers, people, stranger):
    alice = people[0]
    shown = alice.create(preset="public_chat", name="Salle " + alice.name)
    hidden = alice.create(preset="public_chat", name="Salle " + alice.name)
    alice.ok("PUT", f"/directory/list/room/{quote(shown)}", {"visibility": "public"})
    path = "/_matrix/federation/v1/publicRooms"
    status, answer, _ = stranger.ask(peers[0], "GET", path + "?limit=500")
    found = [r["room_id"] for r in json.loads(answer)["chunk"]]
    assert status == 200 and shown in found and hidden not in found
    status, answer, _ = stranger.ask(peers[0], "POST", path, {"filter": {"generic_search_term": alice.name}})
    assert (status, [r["room_id"] for r in json.loads(answer)["chunk"]]) == (200, [shown])
    records = [r for r in peers[0].settled() if r["operation"].startswith("fed_public_rooms") and stranger.name in json.dumps(r)]
    assert {r["operation"] for r in records} == {"fed_public_rooms_get", "fed_public_rooms_post"}
    assert records[-1]["items"][0]["rows"] == [shown]
    assert peers[0].call("GET", path)[0] == 401


def test_a_directory_can_be_kept_from_other_servers(tmp_path, certificates, stranger, new_store):
    peer = Peer(tmp_path / "closed", certificates, new_store(), ["--federation.directory=false"])
    peer.start()
    try:
        for method, body in (("GET", None), ("POST", {})):
            status, answer, _ = stranger.ask(peer, method, "/_matrix/federation/v1/publicRooms", body)
            assert (status, json.loads(answer)["errcode"]) == (403, "M_FORBIDDEN")
    finally:
        peer.stop()


def test_nobody_fetches_files_of_other_servers_without_signing_in(tmp_path, certificates, peers, people, new_store):
    peer = Peer(tmp_path / "old", certificates, new_store(), ["--media.unauthenticated=true"])
    peer.start()
    try:
        user, theirs = peer.user(), upload(people[0], b"theirs")
        for _ in range(2):  # the second time a copy is here
            for what in ("download", "thumbnail"):
                path = f"/_matrix/media/v3/{what}/{theirs.removeprefix('mxc://')}?width=32&height=32"
                assert peer.call("GET", path)[0] == 404
            assert fetch(user, theirs)[:2] == (200, b"theirs")
        own = upload(user, b"own").removeprefix("mxc://")
        assert peer.call("GET", f"/_matrix/media/v3/download/{own}", raw=True)[:2] == (200, b"own")
    finally:
        peer.stop()
