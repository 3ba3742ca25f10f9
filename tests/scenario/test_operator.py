# SPDX-License-Identifier: AGPL-3.0-or-later
"""The operator's command line and the daemon's own options."""
import os
import signal
import socket
import subprocess
import time

import pytest

from beffroid import V3, Server, User, bodies, free_port, quote

BEFFROI, BEFFROID = os.environ.get("BEFFROI", "beffroi"), os.environ["BEFFROID"]


def run(*args, password=None):
    r = subprocess.run([BEFFROI, *map(str, args)], input=password, capture_output=True, text=True, timeout=60)
    return r.returncode, r.stdout, r.stderr


@pytest.fixture
def beffroi(server):
    def call(*args, password=None, want=0):
        code, out, err = run(*args, "--data", server.data, password=password)
        assert code == want, (args, code, out, err)
        return out + err
    return call


def daemon(*args):
    r = subprocess.run([BEFFROID, *map(str, args)], capture_output=True, text=True, timeout=60)
    return r.returncode, r.stdout, r.stderr


def test_accounts(server, beffroi):
    beffroi("register", "opal", "--admin", password="opal-Secret-1\n")
    opal = User(server, "opal").login()
    opal.ok("GET", "/_synapse/admin/v2/users")
    assert "@opal:localhost admin\n" in beffroi("users")
    beffroi("lock", "opal")
    assert opal.ask("GET", "/account/whoami")[1]["errcode"] == "M_USER_LOCKED"
    assert "@opal:localhost admin locked\n" in beffroi("users")
    beffroi("unlock", "@opal:localhost")
    assert opal.ask("GET", "/account/whoami")[0] == 200
    beffroi("reset-password", "opal", password="opal-Secret-2\n")
    assert opal.ask("GET", "/account/whoami")[0] == 401
    opal.password = "opal-Secret-2"
    opal.login()
    beffroi("deactivate", "opal")
    assert "deactivated" in [x for x in beffroi("users").splitlines() if x.startswith("@opal:")][0]


def test_what_goes_wrong_is_said(server, beffroi, tmp_path):
    assert "8 characters" in beffroi("register", "shorty", password="short\n", want=1)
    assert "a-z" in beffroi("register", "Capital", password="long-enough-1\n", want=1)
    assert "no such user" in beffroi("lock", "nobody-here", want=1)
    assert "VERB" in beffroi("dance", want=2)
    assert "VERB" in beffroi("register", want=2)
    code, _, err = run("users", "--data", tmp_path)
    assert code == 1 and "is it running" in err


def test_registration_tokens(server, beffroi):
    token = beffroi("token", "create").strip()
    assert token in beffroi("token", "list").split()
    beffroi("token", "delete", token)
    assert token not in beffroi("token", "list").split()
    beffroi("token", "delete", token, want=1)


def test_the_record_is_verified(server, beffroi, alice):
    alice.ok("GET", f"/profile/{quote(alice.id)}")
    assert "good" in beffroi("ledger", "verify").lower() or "records" in beffroi("ledger", "verify").lower()


def test_a_changed_record_is_found(tmp_path, new_store):
    with Server(tmp_path / "data", new_store()) as server:
        alice = server.user()
        for _ in range(3):
            alice.ok("GET", f"/profile/{quote(alice.id)}")
    file = server.data / "ledger" / "data" / "000001.seg"
    file.write_bytes(file.read_bytes().replace(alice.name.encode(), alice.name.upper().encode(), 1))
    code, out, err = run("ledger", "verify", "--data", server.data)
    assert code == 1 and "000001.seg, record 1:" in out + err


@pytest.mark.skipif(bool(os.environ.get("BEFFROI_STORE_URL")), reason="PostgreSQL has its own tools for backups")
def test_a_backup_laid_back_is_the_same_server(tmp_path):
    with Server(tmp_path / "data") as server:
        alice, bob = server.user(), server.user()
        room = alice.create(invite=[bob.id])
        bob.join(room)
        alice.send(room, "before the backup")
        uri = alice.ok("POST", "/_matrix/media/v3/upload", b"some file", headers={"Content-Type": "text/plain"})["content_uri"]
        keys = {f"signed_curve25519:A{i}": {"key": "x" * 43, "signatures": {alice.id: {f"ed25519:{alice.device}": "y" * 86}}}
                for i in range(3)}
        assert alice.ok("POST", "/keys/upload", {"one_time_keys": keys})["one_time_key_counts"] == {"signed_curve25519": 3}
        code, out, err = run("backup", tmp_path / "copy", "--data", server.data)
        assert code == 0, err
        alice.send(room, "after the backup")
        assert run("backup", tmp_path / "copy", "--data", server.data)[0] == 1, "the folder is there already"
    assert run("restore", tmp_path / "copy", "--data", server.data)[0] == 2, "the data folder is in use"
    code, out, err = run("restore", tmp_path / "copy", "--data", tmp_path / "again")
    assert code == 0, err
    with Server(tmp_path / "again") as other:
        alice.server = other
        assert bodies(alice.messages(room)["chunk"]) == ["before the backup"]
        assert alice.ok("POST", "/keys/upload", {})["one_time_key_counts"].get("signed_curve25519", 0) == 0
        assert alice.ask("GET", f"/_matrix/client/v1/media/download/{uri.removeprefix('mxc://')}", raw=True)[1] == b"some file"
        alice.send(room, "and on")
    assert (server.data / "signing.key").read_bytes() == (other.data / "signing.key").read_bytes()
    assert {f.stat().st_mode & 0o077 for f in other.data.rglob("*")} == {0}


def test_options(tmp_path):
    assert daemon("--version")[0] == 0
    assert "--listen" in daemon("--help")[1]
    assert "server:" in daemon("--print-defaults")[1]
    (tmp_path / "good.yaml").write_text("server:\n  name: example.org\nregistration:\n  open: true\n")
    assert daemon("--config", tmp_path / "good.yaml", "--check")[0] == 0
    (tmp_path / "bad.yaml").write_text("server:\n  nmae: example.org\n")
    code, _, err = daemon("--config", tmp_path / "bad.yaml", "--check")
    assert code == 2 and "nmae" in err and "2" in err


@pytest.mark.parametrize("args, words", [
    (["--nonsense"], "no option"), (["--server.nothing=1"], "server.nothing"), (["--workers.threads=many"], "workers.threads"),
    (["--data"], "value"), (["--config", "/nowhere/at/all.yaml"], "/nowhere/at/all.yaml"),
    (["--cache.rooms=2G", "--limits.memory=1G"], "limits.memory"), (["--server.user=nobody-of-that-name"], "nobody-of-that-name")])
def test_options_that_are_none(args, words):
    code, _, err = daemon(*args, *(["--check"] if args != ["--data"] else []))
    assert code == 2 and words in err


def test_a_folder_belongs_to_one_name(tmp_path):
    with Server(tmp_path / "data"):
        pass
    code, _, err = daemon("--data", tmp_path / "data", "--server-name", "other.example", "--listen", f"127.0.0.1:{free_port()}")
    assert code == 2 and "localhost" in err


def test_an_address_in_use(server, tmp_path):
    code, _, err = daemon("--data", tmp_path / "data", "--listen", f"127.0.0.1:{server.port}")
    assert code == 2 and str(server.port) in err


def test_metrics_are_on_their_own_listener(tmp_path, new_store):
    port = free_port()
    with Server(tmp_path / "data", new_store(), [f"--metrics.listen=127.0.0.1:{port}"]) as server:
        assert server.call("GET", "/metrics")[0] == 401
        server.port, client = port, server.port
        status, text, headers = server.call("GET", "/metrics", raw=True)
        assert status == 200 and b"\nbeffroi_http_requests_total " in text and b"\nbeffroi_memory_bytes " in text
        assert headers["Content-Type"].startswith("text/plain")
        assert server.call("GET", V3 + "/sync")[0] == 401
        assert server.call("GET", "/_beffroi/admin/v1/users")[0] == 401
        server.port = client


def test_stopping_answers_long_polls(tmp_path, new_store):
    with Server(tmp_path / "data", new_store()) as server:
        alice = server.user()
        since = alice.sync()["next_batch"]
        s = socket.create_connection(("127.0.0.1", server.port))
        s.sendall(f"GET {V3}/sync?timeout=60000&since={since} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {alice.token}\r\n\r\n".encode())
        time.sleep(0.5)
        began = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        s.settimeout(10)
        assert s.recv(100).startswith(b"HTTP/1.1 200 ")
        server.process.wait(10)
        assert time.monotonic() - began < 5
        server.start()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another")
def test_root_becomes_another(tmp_path, new_store):
    import pwd
    them = pwd.getpwnam("nobody")
    folder = tmp_path / "data"
    folder.mkdir()
    os.chown(folder, them.pw_uid, them.pw_gid)
    for p in (tmp_path, *tmp_path.parents):
        if p.stat().st_mode & 0o001 == 0:
            p.chmod(p.stat().st_mode | 0o011)
    with Server(folder, new_store(), ["--server.user=nobody"]) as server:
        status = dict(x.split(":\t", 1) for x in open(f"/proc/{server.process.pid}/status").read().splitlines() if ":\t" in x)
        assert status["Uid"].split() == [str(them.pw_uid)] * 4 and status["Gid"].split() == [str(them.pw_gid)] * 4
        assert status["Groups"].split() in ([], [str(them.pw_gid)]) and status["NoNewPrivs"] == "1" and int(status["CapEff"], 16) == 0
        server.user().create()
