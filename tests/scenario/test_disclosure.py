# SPDX-License-Identifier: AGPL-3.0-or-later
"""What is read is on record before the reply, and the record holds together."""
import base64
import hashlib
import subprocess

from beffroid import quote


def by(server, user, operation):
    return [r for r in server.ledger() if r["who"] == user.id and r["operation"] == operation]


def test_a_page_of_messages_is_one_range(server, alice):
    room = alice.create()
    for i in range(20):
        alice.send(room, str(i))
    page = alice.messages(room, limit=20)
    (record,) = by(server, alice, "messages_get")
    assert [(s[0], s[1], s[4]) for s in record["seen"]] == [("events", room, len(page["chunk"]))]
    assert record["seen"][0][3] - record["seen"][0][2] + 1 == 20
    assert record["device"] == alice.device and record["address"] == "127.0.0.1"


def test_profiles_directory_and_search_are_noted_with_what_was_asked(server, alice, bob):
    alice.ok("GET", f"/profile/{quote(bob.id)}")
    alice.ok("POST", "/user_directory/search", {"search_term": "dupont"})
    alice.ok("POST", "/publicRooms", {"filter": {"generic_search_term": "secret défense"}})
    assert by(server, alice, "profile_get")[0]["seen"][0][:2] == ["profile", bob.id]
    assert by(server, alice, "user_search_post")[0]["seen"][0][:2] == ["users", "dupont"]
    assert by(server, alice, "public_rooms_post")[0]["seen"][0][:2] == ["directory", "secret défense"]


def test_a_refusal_notes_nothing(server, alice, bob):
    room = alice.create()
    assert bob.ask("GET", f"/rooms/{quote(room)}/messages?dir=b")[0] == 403
    assert by(server, bob, "messages_get") == []


def test_files_are_noted_with_their_size(server, alice):
    uri = alice.ok("POST", "/_matrix/media/v3/upload?filename=x.bin", b"0123456789", headers={"Content-Type": "image/png"})["content_uri"]
    name = uri.removeprefix("mxc://")
    status, data, _ = alice.ask("GET", f"/_matrix/client/v1/media/download/{name}", raw=True)
    assert (status, data) == (200, b"0123456789")
    status, part, _ = alice.ask("GET", f"/_matrix/client/v1/media/download/{name}", raw=True, headers={"Range": "bytes=2-4"})
    assert (status, part) == (206, b"234")
    assert [r["seen"][0] for r in by(server, alice, "download_get")] == [["media", name, 0, 9, 1, 10], ["media", name, 2, 4, 1, 3]]


def test_rows_of_searches_and_directories_are_named(server, alice, bob):
    room = alice.create(preset="public_chat", name="Salle des actes " + alice.name)
    alice.ok("PUT", f"/directory/list/room/{quote(room)}", {"visibility": "public"})
    bob.join(room)
    rows = alice.ok("POST", "/user_directory/search", {"search_term": bob.name})["results"]
    assert by(server, alice, "user_search_post")[-1]["items"][0]["rows"] == [r["user_id"] for r in rows] == [bob.id]
    rows = bob.ok("POST", "/publicRooms", {"filter": {"generic_search_term": alice.name}})["chunk"]
    assert by(server, bob, "public_rooms_post")[-1]["items"][0]["rows"] == [r["room_id"] for r in rows] == [room]


def test_state_is_on_record_event_by_event(server, alice, bob):
    room = alice.create()
    for who in (bob, server.user(), server.user()):
        alice.ok("POST", f"/rooms/{quote(room)}/invite", {"user_id": who.id})
    everything = alice.ok("GET", f"/rooms/{quote(room)}/state")
    members = alice.ok("GET", f"/rooms/{quote(room)}/members")["chunk"]

    def nids(operation):
        (item,) = by(server, alice, operation)[0]["items"]
        return {n for first, last in item["ranges"] for n in range(first, last + 1)}
    assert len(nids("state_all_get")) == len(everything) and len(nids("members_get")) == len(members) == 4
    assert nids("members_get") < nids("state_all_get")


def follow(user, rooms, rounds):
    """Syncs so often; what came, by room."""
    at, got = user.sync()["next_batch"], []
    for i in range(rounds):
        for room in rooms:
            rooms[room].send(room, f"{i}")
        answer = user.sync(at)
        at = answer["next_batch"]
        for room in answer["rooms"]["join"].values():
            got += room["timeline"]["events"]
    return got


def test_syncs_in_a_row_are_one_interval_and_exact(server, alice, bob):
    rooms = {alice.create(invite=[bob.id]): alice for _ in range(2)}
    for room in rooms:
        bob.join(room)
    got = follow(bob, rooms, 10)
    assert len(got) == 20
    records = [r for r in server.settled("--account", bob.id) if r["operation"] == "sync_get"]
    # The first sync opens both rooms' intervals, and they go on at most twice a second.
    for room in rooms:
        ranges = sorted(x for r in records for i in r["items"] if (i["kind"], i["object"]) == ("events", room) for x in i["ranges"])
        assert all(before[1] + 1 == after[0] for before, after in zip(ranges, ranges[1:])), ranges
        last = bob.messages(room, limit=1)["chunk"][0]["event_id"]
        assert last in [e["event_id"] for e in got]
    assert server.metrics()["beffroi_ledger_folded_total"] >= 20


def test_the_tree_is_read_by_others(server, alice, tmp_path):
    """RFC 6962 and the C2SP formats, read without the server's code."""
    for _ in range(20):
        alice.ok("GET", f"/profile/{quote(alice.id)}")
    server.settled()
    ledger = server.data / "ledger"
    body, signatures = (ledger / "checkpoint").read_text().split("\n\n")
    origin, size, root = body.split("\n")[:3]
    size = int(size)
    name, key_id, key = (ledger / "vkey").read_text().strip().split("+", 2)
    key = base64.b64decode(key)
    assert origin == name and key[:1] == b"\x01" and size >= 20
    assert hashlib.sha256(name.encode() + b"\n" + key).hexdigest()[:8] == key_id
    dash, who, signature = signatures.split("\n")[0].split(" ")
    signature = base64.b64decode(signature)
    assert (dash, who, signature[:4].hex()) == ("\u2014", name, key_id)
    for file, data in (("key", bytes.fromhex("302a300506032b6570032100") + key[1:]), ("text", body.encode() + b"\n"), ("sig", signature[4:])):
        (tmp_path / file).write_bytes(data)
    subprocess.run(["openssl", "pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-inkey", tmp_path / "key", "-rawin",
                    "-in", tmp_path / "text", "-sigfile", tmp_path / "sig"], check=True)
    leaves = []
    for tile in range((size + 255) // 256):
        width = min(256, size - tile * 256)
        bundle = (ledger / "tile" / "entries" / (f"{tile:03}" + (f".p/{width}" if width < 256 else ""))).read_bytes()
        entries = [bundle[i + 2:i + 34] for i in range(0, len(bundle), 34)]
        leaves += [hashlib.sha256(b"\0" + e).digest() for e in entries]
    assert len(leaves) == size

    def root_of(nodes):
        if len(nodes) == 1:
            return nodes[0]
        k = 1 << (len(nodes) - 1).bit_length() - 1
        return hashlib.sha256(b"\1" + root_of(nodes[:k]) + root_of(nodes[k:])).digest()
    assert base64.b64encode(root_of(leaves)).decode() == root
