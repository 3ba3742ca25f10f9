# SPDX-License-Identifier: AGPL-3.0-or-later
"""The breach report: what an account was shown, told exactly, signed, and what it was not shown."""
import csv
import hashlib
import io
import json
import os
import re
import subprocess
import time

import pytest

from beffroid import quote

BEFFROI = os.environ.get("BEFFROI", "beffroi")


def run(server, *args):
    r = subprocess.run([BEFFROI, *map(str, args), "--data", str(server.data)], capture_output=True, text=True, timeout=60)
    return r.returncode, r.stdout, r.stderr


def report(server, user, *args):
    code, out, err = run(server, "report", "--account", user.id, *args)
    assert code == 0, err
    return out


@pytest.fixture(scope="module")
def breach(server):
    """Mallory walks through one room of Alice's, and not through the other."""
    alice, mallory = server.user(), server.user()
    alice.ok("PUT", f"/profile/{quote(alice.id)}/displayname", {"displayname": "<b>Alice</b>"})
    room = alice.create(name="Budget <2027>", preset="public_chat")
    other = alice.create(name="Elsewhere")
    events = [alice.send(room, f"word {i}") for i in range(30)]
    events.append(alice.ok("PUT", f"/rooms/{quote(room)}/send/m.room.encrypted/e1", {"algorithm": "m.megolm.v1.aes-sha2", "ciphertext": "x"})["event_id"])
    unread = alice.send(other, "not for you")
    files = [alice.ok("POST", f"/_matrix/media/v3/upload?filename={n}", n.encode(), headers={"Content-Type": "text/plain"})["content_uri"][6:]
             for n in ("a.txt", "b.txt")]
    mallory.join(room)
    for _ in range(2):      # twice: distinct events are counted once
        page = mallory.messages(room, limit=10)
        mallory.messages(room, limit=10, **{"from": page["end"]})
    mallory.ask("GET", f"/_matrix/client/v1/media/download/{files[0]}", raw=True)
    mallory.ok("GET", f"/profile/{quote(alice.id)}")
    mallory.ok("POST", "/user_directory/search", {"search_term": "ali"})
    mallory.ok("POST", "/publicRooms", {"filter": {"generic_search_term": "budget"}})
    return alice, mallory, room, other, events, unread, files


def test_it_says_what_was_read(server, breach):
    alice, mallory, room, other, events, unread, files = breach
    r = json.loads(report(server, mallory))
    assert [x["room_id"] for x in r["rooms"]] == [room]
    x = r["rooms"][0]
    assert (x["name"], x["owners"]) == ("Budget <2027>", [alice.id])
    assert (x["in_clear"] + x["encrypted"], x["encrypted"]) == (x["events"], 1)
    assert x["events"] == 20                # mallory's own joining and 19 of alice's
    assert {a["user"]: a["events"] for a in x["authors"]} == {alice.id: 19, mallory.id: 1}
    assert [(f["object"], f["name"], f["sha256"], f["sender"]) for f in r["files"]] == \
        [(files[0], "a.txt", hashlib.sha256(b"a.txt").hexdigest(), alice.id)]
    assert [p["object"] for p in r["profiles"]] == [alice.id]
    assert [s["object"] for s in r["searches"]] == ["ali"]
    assert any("budget" in d["object"] for d in r["directory"])
    assert alice.id in r["people"]
    assert [s["device"] for s in r["sessions"]] == [mallory.device]
    assert r["checkpoint"].startswith("localhost/ledger\n")


def test_what_was_not_read_is_shown_to_be_so(server, breach):
    alice, mallory, room, other, events, unread, files = breach
    was_read = lambda what: json.loads(report(server, mallory, "--absent", what))["asked"]["was_read"]
    assert [was_read(x) for x in (room, events[-1], files[0], "mxc://" + files[0])] == [True] * 4
    assert [was_read(x) for x in (other, events[0], unread, files[1])] == [False] * 4


def test_what_was_synced_a_moment_ago_is_in_it(server):
    """A device's next syncs are written to the ledger half a second late."""
    alice, bob = server.user(), server.user()
    room = alice.create(preset="public_chat")
    bob.join(room)
    since = bob.sync()["next_batch"]
    for i in range(5):
        event = alice.send(room, f"news {i}")
        since = bob.sync(since)["next_batch"]
    assert json.loads(report(server, bob, "--absent", event))["asked"]["was_read"]


def test_only_the_time_and_device_that_are_asked_for(server, breach):
    mallory = breach[1]
    assert json.loads(report(server, mallory, "--to", "2020-01-01"))["records"] == 0
    assert json.loads(report(server, mallory, "--device", "NOSUCH"))["records"] == 0
    assert json.loads(report(server, mallory, "--device", mallory.device, "--from", "2020-01-01T00:00:00Z"))["records"] > 0


@pytest.mark.parametrize("words, sentence", [
    (["--from", "2026-02-01", "--to", "2026-01-01"], "ends before it begins"), (["--from", "2199-01-01"], "in the future"),
    (["--from", "yesterday"], "2026-11-24"), (["--format", "pdf"], "html"), (["--lang", "de"], "lang"),
    (["--absent", "room"], "mxc://"), (["--absent", "$nothing"], "no such event"), (["--colour", "red"], "--colour")])
def test_a_wrong_question_gets_a_sentence(server, breach, words, sentence):
    code, out, err = run(server, "report", "--account", breach[1].id, *words)
    assert code != 0 and sentence in err, err
    assert out == ""


def test_an_unknown_account_gets_a_sentence(server):
    code, _, err = run(server, "report", "--account", "@nobody:localhost")
    assert code != 0 and "no such user" in err
    code, _, err = run(server, "report")
    assert code != 0


def test_the_page_is_whole_escaped_and_in_both_languages(server, breach):
    mallory = breach[1]
    english, french = (report(server, mallory, "--format", "html", "--lang", x) for x in ("en", "fr"))
    for page in (english, french):
        assert "Budget &lt;2027&gt;" in page and "Budget <2027>" not in page
        assert not re.search(r'(src|href)=|url\(|@import', page)
    assert "GDPR, article 33" in english and "RGPD, article 33" in french


def test_lines_for_spreadsheets(server, breach):
    alice, mallory, room, other, events, unread, files = breach
    rows = list(csv.DictReader(io.StringIO(report(server, mallory, "--format", "csv"))))
    assert [(r["object"], r["count"]) for r in rows if r["kind"] == "room"] == [(room, "20")]
    assert ["'" + alice.id] == [r["object"] for r in rows if r["kind"] == "profile"]


@pytest.mark.parametrize("form", ["json", "html"])
def test_a_changed_report_is_found_out(server, breach, tmp_path, form):
    path = tmp_path / f"report.{form}"
    report(server, breach[1], "--format", form, "--out", path)
    code, out, err = run(server, "report", "--check", path)
    assert (code, err) == (0, "") and "unchanged" in out and "localhost/ledger" in out
    path.write_text(path.read_text().replace('"in_clear":19', '"in_clear":18'))
    code, out, _ = run(server, "report", "--check", path)
    assert code == 1 and "does not fit" in out
    path.write_text("not a report")
    assert run(server, "report", "--check", path)[0] != 0
    assert "Cannot read" in run(server, "report", "--check", tmp_path / "none")[2]


def test_the_measures_taken_are_in_it_and_asking_is_recorded(server, breach):
    mallory = breach[1]
    run(server, "contain", mallory.id, "--reason", "June's breach")
    r = json.loads(report(server, mallory))
    assert [(m["by"], m["reason"]) for m in r["containments"]] == [("operator", "June's breach")]
    time.sleep(1)
    code, out, _ = run(server, "ledger", "show", "--account", "operator")
    assert code == 0 and "admin_breach_report_get" in out and mallory.id in out
