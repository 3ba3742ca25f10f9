# SPDX-License-Identifier: AGPL-3.0-or-later
"""Files: what goes in comes out, to whom it may; thumbnails are made in a sandbox."""
import io
import os
import pathlib
import socket
import struct
import subprocess

import pytest
from PIL import Image

from beffroid import Server, quote


def upload(user, data, type="application/octet-stream", name="f"):
    uri = user.ok("POST", f"/_matrix/media/v3/upload?filename={quote(name)}", data, headers={"Content-Type": type})["content_uri"]
    return uri.removeprefix("mxc://")


def get(user, what, media, query="", **headers):
    return user.ask("GET", f"/_matrix/client/v1/media/{what}/{media}{query}", raw=True, headers=headers)


def picture(kind, size=(1000, 500), mode="RGB"):
    out = io.BytesIO()
    Image.new(mode, size, (200, 30, 60, 128)[:len(mode)]).save(out, kind)
    return out.getvalue()


def test_a_file_comes_back_as_it_was(alice, bob):
    data = os.urandom(300_001)
    status, got, headers = get(bob, "download", upload(alice, data, "text/html", "rapport été.html"))
    assert (status, got) == (200, data)
    assert headers["Content-Disposition"].startswith("attachment; filename*=utf-8''rapport%20%C3%A9t%C3%A9.html")
    assert "sandbox" in headers["Content-Security-Policy"] and headers["X-Content-Type-Options"] == "nosniff"


def test_nobody_reads_a_file_without_a_token(server, alice):
    media = upload(alice, b"secret")
    assert server.call("GET", f"/_matrix/client/v1/media/download/{media}")[0] == 401
    assert server.call("GET", f"/_matrix/media/v3/download/{media}")[0] == 404


@pytest.mark.parametrize("range, status, part", [
    ("bytes=0-3", 206, b"0123"), ("bytes=7-", 206, b"789"), ("bytes=-2", 206, b"89"), ("bytes=3-99", 206, b"3456789"),
    ("bytes=20-", 416, None), ("lines=1-2", 200, b"0123456789"), ("bytes=0-1,4-5", 200, b"0123456789")])
def test_ranges(alice, range, status, part):
    got = get(alice, "download", upload(alice, b"0123456789"), Range=range)
    assert got[0] == status and (part is None or got[1] == part)


def test_an_upload_that_is_cut_leaves_nothing(server, alice):
    before = len(list((server.data / "media").rglob("*")))
    s = socket.create_connection(("127.0.0.1", server.port))
    s.sendall(f"POST /_matrix/media/v3/upload HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {alice.token}\r\n"
              "Content-Length: 100000\r\n\r\n".encode() + b"x" * 5000)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    s.close()
    assert get(alice, "download", upload(alice, b"next"))[1] == b"next"
    files = [f for f in (server.data / "media").rglob("*") if f.is_file()]
    assert not any(f.stat().st_size == 5000 for f in files) and before <= len(files) + 600


def test_an_id_can_be_made_first_and_filled_once(alice, bob):
    made = alice.ok("POST", "/_matrix/media/v1/create", {})
    media = made["content_uri"].removeprefix("mxc://")
    assert get(alice, "download", media, "?timeout_ms=0")[0] == 504
    put = lambda who: who.ask("PUT", f"/_matrix/media/v3/upload/{media}", b"later", headers={"Content-Type": "text/plain"})
    assert put(bob)[1]["errcode"] == "M_FORBIDDEN"
    assert put(alice) == (200, {})
    assert put(alice)[1]["errcode"] == "M_CANNOT_OVERWRITE_MEDIA"
    assert get(bob, "download", media)[1] == b"later"


@pytest.mark.parametrize("kind, mode, type", [("JPEG", "RGB", "JPEG"), ("PNG", "RGB", "JPEG"), ("PNG", "RGBA", "PNG"),
                                              ("WEBP", "RGB", "JPEG"), ("GIF", "P", "PNG")])
@pytest.mark.parametrize("query, size", [("?width=64&height=64&method=crop", (96, 96)), ("?width=300&height=200", (320, 160))])
def test_thumbnails(alice, kind, mode, type, query, size):
    data = picture(kind, mode=mode) if mode != "P" else picture("GIF", mode="L")
    status, got, headers = get(alice, "thumbnail", upload(alice, data), query)
    assert status == 200, got
    image = Image.open(io.BytesIO(got))
    assert (image.size, image.format) == (size, type)
    assert headers["Content-Type"] == "image/" + type.lower()


@pytest.mark.parametrize("data", [b"", b"GIF89a", b"\x89PNG\r\n\x1a\n" + b"\0" * 50, b"\xff\xd8\xff" + os.urandom(500), b"no picture"])
def test_what_is_no_picture_has_no_thumbnail(alice, data):
    status, answer, _ = get(alice, "thumbnail", upload(alice, data + b"."), "?width=32&height=32")
    assert status == 400 and b"M_UNKNOWN" in answer


def test_a_bomb_is_refused_before_it_is_unpacked(alice):
    head = struct.pack(">II5B", 60000, 60000, 8, 6, 0, 0, 0)
    import zlib
    chunk = lambda t, d: struct.pack(">I", len(d)) + t + d + struct.pack(">I", zlib.crc32(t + d))
    bomb = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 100000)) + chunk(b"IEND", b"")
    assert get(alice, "thumbnail", upload(alice, bomb), "?width=32&height=32")[0] == 400


def test_the_decoder_dies_when_it_opens_a_file():
    decoder = pathlib.Path(os.environ["BEFFROID"]).parent / "beffroi-decoder"
    assert subprocess.run([decoder, "--probe-sandbox"]).returncode == -31, "SIGSYS"


def test_the_paths_of_old_can_be_opened(tmp_path, new_store):
    with Server(tmp_path / "data", new_store(), ["--media.unauthenticated=true"]) as server:
        user = server.user()
        media = upload(user, b"for everybody")
        assert server.call("GET", f"/_matrix/media/v3/download/{media}", raw=True)[:2] == (200, b"for everybody")
        assert server.call("GET", f"/_matrix/media/r0/download/{media}/x.txt", raw=True)[0] == 200
        assert user.ok("GET", "/_matrix/media/v3/config")["m.upload.size"] > 0
        record = [x for x in server.ledger() if x["operation"] == "old_download_get"]
        assert [[y[0] for y in x["seen"]] for x in record] == [["media"]]
