# SPDX-License-Identifier: AGPL-3.0-or-later
"""docs/incident.md, followed on a running server as it is written."""
import json
import os
import pathlib
import re
import subprocess

from beffroid import V3, Server, quote

BEFFROI = os.environ.get("BEFFROI", "beffroi")
RUNBOOK = pathlib.Path(__file__).parents[2] / "docs/incident.md"


def commands():
    return [line for block in re.findall(r"^```sh\n(.*?)^```", RUNBOOK.read_text(), re.M | re.S) for line in block.splitlines()]


def test_the_runbook_is_as_it_is_written(tmp_path, new_store):
    with Server(tmp_path / "data", new_store()) as server:
        alice, mallory = server.user("alice"), server.user("mallory")
        room = alice.create(name="Budget", preset="public_chat")
        alice.send(room, "a word")
        mallory.join(room)
        mallory.messages(room)
        names = {"@mallory:example.org": mallory.id, "ABCDEFGHIJ": mallory.device, "!room:example.org": room}
        said = {}
        lines = commands()
        assert len(lines) == 14
        for line in lines:
            for old, new in names.items():
                line = line.replace(old, new)
            assert line.startswith("beffroi ")
            r = subprocess.run(f"{BEFFROI} {line[8:]} --data {server.data}", shell=True, cwd=tmp_path, input="A-New-Secret-3\n",
                               capture_output=True, text=True, timeout=60)
            assert r.returncode == 0, (line, r.stdout, r.stderr)
            said.setdefault(line.split()[1], []).append(r.stdout)
            if "contain @" in line and "--device" not in line and "--address" not in line:
                assert mallory.ask("GET", "/account/whoami")[1]["errcode"] == "M_USER_LOCKED"
        assert said["contain"][0].startswith("Contained: ")
        assert len(said["containments"][0].splitlines()) == 4
        assert said["ledger"][0].startswith("The record is whole")
        assert sum("unchanged" in x for x in said["report"]) == 2
        assert [json.loads(x)["asked"]["was_read"] for x in said["report"] if x.startswith("{")] == [True]
        assert [x["room_id"] for x in json.loads((tmp_path / "report.json").read_text())["rooms"]] == [room]
        assert "RGPD" in (tmp_path / "report.html").read_text()
        for left in (["--device", mallory.device], ["--address", "198.51.100.0/24"]):   # "by the same words"
            subprocess.run([BEFFROI, "release", mallory.id, *left, "--reason", "x", "--data", server.data], check=True)
        mallory.password = "A-New-Secret-3"
        assert mallory.login(device_id=mallory.device).ok("GET", "/account/whoami")["user_id"] == mallory.id
