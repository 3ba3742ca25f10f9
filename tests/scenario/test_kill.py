# SPDX-License-Identifier: AGPL-3.0-or-later
"""kill -9 at random moments under load: what was answered is there, what was shown is on record."""
import os
import random
import subprocess
import threading

from beffroid import Server, bodies

ROUNDS = int(os.environ.get("BEFFROI_KILLS", "20"))


class Load:
    """Two writers and a reader; remembers what was answered."""

    def __init__(self, server):
        self.server, self.stop = server, False
        self.people = [server.user() for _ in range(2)]
        self.room = self.people[0].create(preset="public_chat")
        self.people[1].join(self.room)
        self.sent, self.unanswered, self.read = {}, {}, set()
        self.reader = self.people[0].login()
        self.at = self.reader.sync()["next_batch"]

    def write(self, who, n):
        i = 0
        while not self.stop:
            txn, i = f"{n}-{self.round}-{i}", i + 1
            try:
                self.sent[txn] = who.send(self.room, txn, txn=txn)
            except Exception:
                self.unanswered[txn] = who
                return

    def follow(self):
        while not self.stop:
            try:
                answer = self.reader.sync(self.at, timeout=200, filter='{"room":{"timeline":{"limit":1000}}}')
            except Exception:
                return
            self.at = answer["next_batch"]
            self.take(answer)

    def take(self, answer):
        for room in answer.get("rooms", {}).get("join", {}).values():
            for e in room["timeline"]["events"]:
                if e["type"] == "m.room.message":
                    assert e["event_id"] not in self.read, "an event came twice"
                    self.read.add(e["event_id"])

    def run(self, number):
        self.stop, self.round = False, number
        threads = [threading.Thread(target=self.write, args=(p, n)) for n, p in enumerate(self.people)]
        threads.append(threading.Thread(target=self.follow))
        [t.start() for t in threads]
        threading.Event().wait(random.uniform(0.05, 0.35))
        self.server.kill()
        self.stop = True
        [t.join() for t in threads]


def check_record(server, reader, room, least):
    """The record is whole, and has every event that the reader was shown."""
    out = subprocess.run([server.ctl(), "ledger", "verify", "--data", str(server.data)], capture_output=True, text=True)
    assert out.returncode == 0, out.stdout
    shown = set()
    for r in server.ledger("--account", reader.id, "--device", reader.device):
        for i in r["items"]:
            if (i["kind"], i["object"]) == ("events", room):
                for first, last in i["ranges"]:
                    shown |= set(range(first, last + 1))
    assert len(shown) >= least


def test_nothing_answered_is_lost(tmp_path, store):
    server = Server(tmp_path / "data", store).start()
    load = Load(server)
    for number in range(ROUNDS):
        load.run(number)
        check_record(server, load.reader, load.room, 0)
        server.start()
        # What was cut off before its answer: asked again, it is there once.
        for txn, who in list(load.unanswered.items()):
            load.sent[txn] = who.send(load.room, txn, txn=txn)
        load.unanswered.clear()
        load.take(answer := load.reader.sync(load.at, filter='{"room":{"timeline":{"limit":1000}}}'))
        load.at = answer["next_batch"]
        assert set(load.sent.values()) == load.read, f"round {number}"
    page, got, at = None, [], ""
    while at is not None:
        page = load.reader.messages(load.room, limit=1000, **({"from": at} if at else {}))
        got += bodies(page["chunk"])
        at = page.get("end") if page["chunk"] else None
    assert sorted(got) == sorted(load.sent)
    server.stop()
    check_record(server, load.reader, load.room, len(load.read))
