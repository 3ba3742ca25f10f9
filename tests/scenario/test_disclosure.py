# SPDX-License-Identifier: AGPL-3.0-or-later
"""What is read is on record before the reply, and the record holds together."""
import hashlib

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


def test_the_record_is_a_chain(server, alice):
    alice.sync()
    prev = "0" * 64
    for f in sorted((server.data / "ledger").glob("*.jsonl")):
        for line in f.read_bytes().splitlines():
            assert line.endswith(b'"prev":"' + prev.encode() + b'"}')
            prev = hashlib.sha256(line).hexdigest()
