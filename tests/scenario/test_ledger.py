# SPDX-License-Identifier: AGPL-3.0-or-later
"""The record against what was on the wire: complete and exact, item by item, under a mixed load that is killed as well."""
import json
import os
import pathlib
import random
import re
import sqlite3
import subprocess
import threading
import urllib.parse

import pytest

from beffroid import Server, quote

sqlite_only = pytest.mark.skipif(bool(os.environ.get("BEFFROI_STORE_URL")), reason="looks events up in SQLite's file")


class Wire:
    """Keeps every answer of one session, as a proxy before the server would."""

    def __init__(self, user):
        self.user, self.answers, self.lost = user, [], False

    def ask(self, method, path, body=None, **more):
        try:
            status, answer = self.user.ask(method, path, body, **more)[:2]
        except (OSError, ValueError):
            return {}
        if status in (200, 206):
            self.answers.append((path, answer))
        return answer if isinstance(answer, dict) else {}


def events_of(value, found):
    """The ids of all events in an answer, at any depth."""
    if isinstance(value, dict):
        if isinstance(value.get("event_id"), str) and "sender" in value and "content" in value:
            found.add(value["event_id"])
        for x in value.values():
            events_of(x, found)
    elif isinstance(value, list):
        for x in value:
            events_of(x, found)
    return found


class Record:
    """What the ledger says a session was shown, by event id."""

    def __init__(self, server, wire):
        db = sqlite3.connect(f"file:{next(server.data.glob('*.db'))}?mode=ro", uri=True)
        self.by_nid, self.by_seq = {}, {}
        for nid, event, room, seq in db.execute("SELECT e.nid, event_id, room_id, seq FROM event e JOIN room r ON r.nid = e.room"):
            self.by_nid[nid] = event
            if seq:
                self.by_seq[room, seq] = event
        db.close()
        self.events, self.assumed, self.items = set(), set(), []
        user = wire.user
        for record in server.ledger("--account", user.id, "--device", user.device):
            for item in record["items"]:
                self.items.append((record["operation"], item))
                for first, last in item.get("ranges", []):
                    for n in range(first, last + 1):
                        event = self.by_seq.get((item["object"], n)) if item["kind"] == "events" else self.by_nid.get(n)
                        if event:
                            (self.assumed if record.get("assumed") else self.events).add(event)

    def of(self, kind):
        return [item for _, item in self.items if item["kind"] == kind]


def read_a_lot(wire, rooms, people, media, chance, stop, at=None):
    """One client: syncs on and on, and now and then anything else that shows something."""
    while not stop.is_set():
        room = quote(chance.choice(rooms))
        answer = wire.ask("GET", "/sync?timeout=0" + (f"&since={at}" if at else ""))
        at = answer.get("next_batch", at)
        what = chance.randrange(12)
        if what == 0:
            page = wire.ask("GET", f"/rooms/{room}/messages?dir=b&limit={chance.randrange(1, 30)}")
            for event in page.get("chunk", [])[:1]:
                wire.ask("GET", f"/rooms/{room}/context/{quote(event['event_id'])}")
                wire.ask("GET", f"/rooms/{room}/event/{quote(event['event_id'])}")
        elif what == 1:
            wire.ask("GET", f"/rooms/{room}/state")
        elif what == 2:
            wire.ask("GET", f"/rooms/{room}/members")
        elif what == 3:
            wire.ask("GET", f"/profile/{quote(chance.choice(people))}")
        elif what == 4:
            wire.ask("GET", f"/_matrix/client/v1/media/download/{media}", raw=True)
        elif what == 5:
            wire.ask("POST", "/user_directory/search", {"search_term": "u"})
        elif what == 6:
            wire.ask("POST", "/keys/query", {"device_keys": {chance.choice(people): []}})
        elif what == 7:
            wire.ask("POST", "/publicRooms", {})
        elif what == 8:
            wire.ask("POST", "/search", {"search_categories": {"room_events": {"search_term": "word"}}})
        elif what == 9:
            wire.ask("POST", "/_matrix/client/unstable/org.matrix.simplified_msc3575/sync?timeout=0",
                     {"lists": {"a": {"ranges": [[0, 9]], "timeline_limit": 5, "required_state": [["m.room.member", "*"]]}}})
    wire.at = at


def writer(user, rooms, chance, stop):
    n = 0
    while not stop.is_set():
        n += 1
        try:
            user.ask("PUT", f"/rooms/{quote(chance.choice(rooms))}/send/m.room.message/{user.device}{n}-{chance.random()}",
                     {"msgtype": "m.text", "body": f"word {n}"})
        except (OSError, ValueError):
            pass
        stop.wait(0.005)


class Load:
    def __init__(self, server):
        self.server, self.chance = server, random.Random(7)
        self.people = [server.user() for _ in range(3)]
        first = self.people[0]
        self.rooms = [first.create(preset="public_chat", visibility="public") for _ in range(3)]
        for user in self.people[1:]:
            for room in self.rooms:
                user.join(room)
        self.media = first.ok("POST", "/_matrix/media/v3/upload", b"some file",
                              headers={"Content-Type": "text/plain"})["content_uri"].removeprefix("mxc://")
        self.wires = [Wire(u) for u in [*self.people, first.login()]]
        for w in self.wires:
            w.at = None

    def run(self, seconds, kill=False):
        stop = threading.Event()
        ids = [u.id for u in self.people]
        threads = [threading.Thread(target=read_a_lot, args=(w, self.rooms, ids, self.media, random.Random(self.chance.random()), stop, w.at))
                   for w in self.wires]
        threads.append(threading.Thread(target=writer, args=(self.people[0].login(), self.rooms, random.Random(3), stop)))
        [t.start() for t in threads]
        threading.Event().wait(seconds)
        if kill:
            self.server.kill()
        stop.set()
        [t.join() for t in threads]


def verify(server):
    out = subprocess.run([server.ctl(), "ledger", "verify", "--data", str(server.data)], capture_output=True, text=True)
    assert out.returncode == 0, out.stdout + out.stderr


def check_complete(record, wire):
    shown = set()
    for _, answer in wire.answers:
        events_of(answer, shown)
    missing = shown - record.events - record.assumed
    assert not missing, (len(missing), len(shown))
    return shown


@sqlite_only
def test_the_record_is_complete_and_exact(tmp_path):
    with Server(tmp_path / "data") as server:
        load = Load(server)
        load.run(4)
        server.settled()
        for wire in load.wires:
            record = Record(server, wire)
            shown = check_complete(record, wire)
            assert shown and record.assumed == set()
            # Exact too: nothing is on record that was not on the wire. Names of rooms in sliding sync come from
            # state events that are not sent as such, and are on record by them.
            extra = record.events - shown
            sliding = {n for op, i in record.items if op == "sliding_sync_post" and i["kind"] == "state"
                       for first, last in i["ranges"] for n in range(first, last + 1)}
            assert extra <= {record.by_nid[n] for n in sliding}, len(extra)
            got = [p for p, _ in wire.answers]
            files = [i for i in record.of("media")]
            assert len(files) == sum("/media/download/" in p for p in got) and all(
                (i["object"], i["bytes"]) == (load.media, 9) for i in files)
            assert sorted(i["object"] for op, i in record.items if op == "profile_get") == sorted(
                p.removeprefix("/profile/").replace("%40", "@").replace("%3A", ":") for p in got if p.startswith("/profile/"))
            rows = [sorted(x["user_id"] for x in a["results"]) for p, a in wire.answers if p == "/user_directory/search"]
            assert [sorted(i.get("rows", [])) for i in record.of("users")] == rows
            rows = [[x["room_id"] for x in a["chunk"]] for p, a in wire.answers if p == "/publicRooms"]
            assert [i.get("rows", []) for i in record.of("directory")] == rows
            asked = [list(a["device_keys"]) for p, a in wire.answers if p == "/keys/query"]
            assert [i["object"] for i in record.of("devices")] == [u for users in asked for u in users]
        size = sum(f.stat().st_size for f in (server.data / "ledger").rglob("*") if f.is_file())
        assert size > 0
    verify(server)


@sqlite_only
def test_killed_at_random_no_byte_was_sent_without_a_record(tmp_path):
    server = Server(tmp_path / "data").start()
    load = Load(server)
    for _ in range(int(os.environ.get("BEFFROI_KILLS", "20"))):
        load.run(load.chance.uniform(0.05, 0.4), kill=True)
        verify(server)
        server.start()
    server.settled()
    for wire in load.wires:
        check_complete(Record(server, wire), wire)
    server.stop()
    verify(server)


def test_people_see_the_record_of_their_own_sessions(server, alice, bob):
    alice.ok("GET", f"/profile/{quote(bob.id)}")
    bob.ok("GET", f"/profile/{quote(alice.id)}")
    reads = alice.ok("GET", "/_beffroi/client/v1/reads")["reads"]
    assert [x["object"] for r in reads if r["operation"] == "profile_get" for x in r["seen"]] == [bob.id]
    assert {r["who"] for r in reads} == {alice.id} and reads[0]["address"] == "127.0.0.1"
    page = alice.ok("GET", "/_beffroi/client/v1/reads?limit=1")
    assert len(page["reads"]) >= 1
    assert alice.ask("GET", "/_beffroi/client/v1/reads?from=5&to=4")[0] == 400


def test_bytes_swapped_records_are_named(tmp_path, new_store):
    with Server(tmp_path / "data", new_store()) as server:
        user = server.user()
        for _ in range(5):
            user.ok("GET", f"/profile/{quote(user.id)}")
    verify(server)
    file = next((server.data / "ledger" / "data").glob("*.seg"))
    good = file.read_bytes()
    chance = random.Random(1)
    for _ in range(40):
        at = chance.choice([chance.randrange(49), chance.randrange(57, len(good))])
        file.write_bytes(good[:at] + bytes([good[at] ^ (1 << chance.randrange(8))]) + good[at + 1:])
        out = subprocess.run([server.ctl(), "ledger", "verify", "--data", str(server.data)], capture_output=True, text=True)
        assert out.returncode == 1 and ", record " in out.stdout, at
    file.write_bytes(good)
    verify(server)


# method, path, handler, who may call, what it discloses: every row of the endpoint table
ROWS = re.findall(r'^ROUTE\((\w+),\s*"([^"]+)",\s*(\w+),\s*(\w+),\s*\w+,\s*(\w+),',
                  (pathlib.Path(__file__).parents[2] / "src/api/routes.def").read_text(), re.M)
DISCLOSES = {"PROFILE", "DIRECTORY", "USERS", "MEMBERS", "HISTORY", "SYNC", "MEDIA", "KEYS"}


def test_every_row_that_discloses_is_on_record(server, alice, bob):
    """Each is asked with a room, people and a file that are there: who gets a 200 is on record by the row's own name."""
    room = alice.create(preset="public_chat", visibility="public", room_alias_name=alice.name, name="a room")
    bob.join(room)
    event = alice.send(room, "a word")
    media = alice.ok("POST", "/_matrix/media/v3/upload", b"some file",
                     headers={"Content-Type": "text/plain"})["content_uri"].removeprefix("mxc://localhost/")
    real = {"roomId": room, "eventId": event, "userId": bob.id, "roomAlias": f"#{alice.name}:localhost", "roomIdOrAlias": room,
            "roomIdOrRoomAlias": room, "serverName": "localhost", "mediaId": media, "eventType": "m.room.create", "stateKey": "",
            "fileName": "x.txt", "keyName": "displayname", "relType": "m.annotation"}
    query = {"user_id": bob.id, "dir": "b", "timeout": "0", "from": "", "ts": "1", "width": "8", "height": "8", "limit": "5"}
    bodies = {"user_search_post": {"search_term": bob.name}, "keys_query_post": {"device_keys": {bob.id: []}},
              "sliding_sync_post": {"lists": {"a": {"ranges": [[0, 9]], "timeline_limit": 5, "required_state": []}}},
              "search_post": {"search_categories": {"room_events": {"search_term": "word"}}}}
    answered = []
    for method, pattern, name, auth, access in ROWS:
        if access not in DISCLOSES or auth not in ("USER", "GUEST", "MAYBE"):
            continue
        path = re.sub(r"\{(\w+)\}", lambda m: quote(real.get(m[1], "x")), pattern)
        asked = {k: v for k, v in query.items() if v}
        body = bodies.get(name, {}) if method in ("POST", "PUT") else None
        status, answer, _ = alice.ask(method, path + "?" + urllib.parse.urlencode(asked), body, raw=True)
        # What waits for news may have none.
        if status == 200 and (access != "SYNC" or events_of(json.loads(answer), set())):
            answered.append(name)
    recorded = {r["operation"] for r in server.settled("--account", alice.id)}
    assert set(answered) - recorded == set()
    assert {"messages_get", "context_get", "event_get", "state_all_get", "members_get", "sync_get", "profile_get", "search_post",
            "user_search_post", "keys_query_post", "public_rooms_post", "download_get", "sliding_sync_post"} <= set(answered), answered
