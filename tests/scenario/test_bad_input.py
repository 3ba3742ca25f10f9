# SPDX-License-Identifier: AGPL-3.0-or-later
"""Bad input gets the specification's code, and nothing breaks."""
import pathlib
import re

import pytest

from beffroid import V3, quote

ROWS = re.findall(r'^ROUTE\((\w+),\s*"([^"]+)",\s*(\w+),\s*(\w+),\s*\w+,\s*\w+,\s*([^)]+)\)',
                  (pathlib.Path(__file__).parents[2] / "src/api/routes.def").read_text(), re.M)
BODIES = [b"", b"{", b"[]", b"null", b'"x"', b"\xff\xfe", b'{"a":1,"a":2}', b"{" * 200, b'{"x":' + b"[" * 150 + b"]" * 150 + b"}",
          b'{"user_id":5,"reason":{},"device_keys":[],"messages":7,"username":[],"limit":"x","rooms":0,"typing":"yes"}',
          b'{"content":-0,"n":1e400,"m":9007199254740993}', b'{"\\ud800":1}']


def path_of(pattern):
    return re.sub(r"\{(\w+)\}", lambda m: quote({"roomId": "!no:localhost", "userId": "@no:localhost", "eventId": "$no"}.get(m[1], "x")), pattern)


@pytest.mark.parametrize("row", ROWS, ids=[r[2] for r in ROWS])
def test_no_body_makes_the_server_fail(server, row):
    method, pattern, name, auth, flags = row
    user = server.user() if not hasattr(server, "bad_user") else server.bad_user
    server.bad_user = user
    if name in ("logout_post", "logout_all_post", "sync_get", "download_get", "download_name_get"):
        return
    for body in BODIES if method in ("POST", "PUT") else [None]:
        status, answer, _ = user.ask(method, path_of(pattern), body, raw=True)
        assert status < 500, (name, body, status, answer)
        assert status == 200 or b"errcode" in answer or b"flows" in answer


@pytest.mark.parametrize("row", [r for r in ROWS if r[3] in ("USER", "GUEST", "ADMIN")], ids=lambda r: r[2])
def test_every_row_that_wants_a_token_refuses_without(server, row):
    method, pattern, *_ = row
    status, answer = server.call(method, path_of(pattern), {} if method in ("POST", "PUT") else None)
    assert (status, answer["errcode"]) == (401, "M_MISSING_TOKEN")
    status, answer = server.call(method, path_of(pattern), {} if method in ("POST", "PUT") else None, token="wrong")
    assert (status, answer["errcode"]) == (401, "M_UNKNOWN_TOKEN")


def test_unknown_paths_and_methods(server, alice):
    assert alice.ask("GET", "/_matrix/client/v3/nothing")[1]["errcode"] == "M_UNRECOGNIZED"
    status, answer = alice.ask("DELETE", "/account/whoami")
    assert (status, answer["errcode"]) == (405, "M_UNRECOGNIZED")


@pytest.mark.parametrize("content, status, code", [
    ('{"body":1.5}', 400, "M_BAD_JSON"), ('{"n":9007199254740992}', 400, "M_BAD_JSON"),
    ('{"body":"' + "x" * 66000 + '"}', 413, "M_TOO_LARGE"), ('{"body":-0}', 400, "M_BAD_JSON"),
    ('{"a":1,"a":2}', 400, "M_NOT_JSON"), ('{"body":"\\ud83d"}', 400, "M_NOT_JSON")])
def test_contents_that_no_event_may_have(alice, content, status, code):
    room = alice.create()
    got, answer = alice.ask("PUT", f"/rooms/{quote(room)}/send/m.room.message/b{hash(content)}", content)
    assert (got, answer["errcode"]) == (status, code)


def test_a_body_over_the_limit_is_refused(alice):
    status, answer = alice.ask("POST", "/createRoom", b'{"name":"' + b"x" * (2 << 20) + b'"}')
    assert (status, answer["errcode"]) == (413, "M_TOO_LARGE")


def test_cors_is_on_every_answer(server):
    for method, path in (("OPTIONS", V3 + "/sync"), ("GET", "/nothing"), ("GET", "/_matrix/client/versions")):
        status, _, headers = server.call(method, path, raw=True)
        assert headers["Access-Control-Allow-Origin"] == "*"
