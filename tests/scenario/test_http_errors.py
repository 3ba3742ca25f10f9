# SPDX-License-Identifier: AGPL-3.0-or-later
"""Errors as the specification names them, rates, and requests in odd forms."""
import http.client
import json

import pytest

from beffroid import V3, Server, quote


@pytest.mark.parametrize("body, code", [
    (b"", "M_NOT_JSON"), (b"{", "M_NOT_JSON"), (b"nonsense", "M_NOT_JSON"), (b"\xff{}", "M_NOT_JSON"), (b"{}{}", "M_NOT_JSON"),
    (b"[]", "M_BAD_JSON"), (b"5", "M_BAD_JSON"), (b"null", "M_BAD_JSON"), (b'"text"', "M_BAD_JSON"),
    (b'{"displayname":5}', "M_INVALID_PARAM"), (b"{}", "M_MISSING_PARAM")])
def test_bodies(alice, body, code):
    status, answer = alice.ask("PUT", f"/profile/{quote(alice.id)}/displayname", body)
    assert (status, answer["errcode"]) == (400, code)


@pytest.mark.parametrize("method, path, status", [
    ("GET", "/", 404), ("GET", "/_matrix", 404), ("GET", "/_matrix/client/v3/sync/", 404), ("GET", "//_matrix/client/versions", 404),
    ("GET", "/_matrix/client/v3/rooms//messages", 400), ("POST", "/_matrix/client/versions", 405),
    ("PATCH", "/_matrix/client/v3/account/whoami", 405), ("PUT", "/_matrix/client/v3/login", 405),
    ("GET", "/_matrix/client/v3/profile/%ff", 400), ("GET", "/_matrix/client/v3/profile/%zz", 400),
    ("GET", "/_matrix/client/v3/login?%zz=1", 400)])
def test_paths_and_methods(alice, method, path, status):
    got, answer = alice.ask(method, path)
    assert got == status and answer["errcode"] and answer["error"]
    if status in (404, 405):
        assert answer["errcode"] == "M_UNRECOGNIZED"


def test_head_is_get_without_a_body(server):
    status, data, headers = server.call("HEAD", "/_matrix/client/versions", raw=True)
    whole = server.call("GET", "/_matrix/client/versions", raw=True)
    assert (status, data) == (200, b"") and headers["Content-Length"] == str(len(whole[1]))


def test_options_asks_for_nothing(server):
    for path in ("/_matrix/client/v3/sync", "/_matrix/client/v3/rooms/!x/send/a/b", "/nothing/at/all"):
        status, _, headers = server.call("OPTIONS", path, raw=True)
        assert status == 200 and headers["Access-Control-Allow-Origin"] == "*"
        assert "Authorization" in headers["Access-Control-Allow-Headers"]
        assert {"GET", "POST", "PUT", "DELETE", "OPTIONS"} <= {m.strip() for m in headers["Access-Control-Allow-Methods"].split(",")}


def test_errors_carry_cors_too(server):
    for method, path, body in (("GET", V3 + "/sync", None), ("POST", V3 + "/login", "{"), ("DELETE", V3 + "/sync", None)):
        status, _, headers = server.call(method, path, body, raw=True)
        assert status >= 400 and headers["Access-Control-Allow-Origin"] == "*"
        assert headers["Content-Type"] == "application/json"


def test_one_connection_serves_many(server, alice):
    c = http.client.HTTPConnection("127.0.0.1", server.port)
    for path, want in ((V3 + "/account/whoami", 200), ("/nothing", 404), (V3 + "/account/whoami", 200)) * 10:
        c.request("GET", path, headers={"Authorization": "Bearer " + alice.token})
        r = c.getresponse()
        json.loads(r.read())
        assert r.status == want
    c.close()


def test_the_servers_own_words_hold_no_secrets(server, alice):
    """Nothing that was sent as a password or token is in the log."""
    alice.ask("POST", "/account/password", {"new_password": "Very-Secret-99", "auth": {
        "type": "m.login.password", "user": alice.name, "password": "Guess-Secret-98"}})
    server.call("GET", V3 + "/account/whoami", token="bat_Stolen-Token-97")
    log = server.log.read_text()
    assert not [x for x in ("Secret-9", "Stolen-Token", alice.password, alice.token) if x in log]


@pytest.fixture(scope="module")
def limited(tmp_path_factory, new_store):
    """A server with its limits on."""
    with Server(tmp_path_factory.mktemp("limited") / "data", new_store(),
                ["--server.trusted_proxies=127.0.0.1"], closed=True) as s:
        yield s


def attempt(server, user, address, password="wrong"):
    return server.call("POST", V3 + "/login", {
        "type": "m.login.password", "identifier": {"type": "m.id.user", "user": user}, "password": password},
        headers={"X-Forwarded-For": address}, raw=True)


def test_guessing_from_one_address_is_slowed(limited):
    answers = [attempt(limited, f"name{i}", "192.0.2.1") for i in range(14)]
    assert [a[0] for a in answers[:10]] == [403] * 10
    status, data, headers = answers[-1]
    answer = json.loads(data)
    assert (status, answer["errcode"]) == (429, "M_LIMIT_EXCEEDED")
    assert 0 < answer["retry_after_ms"] <= 5001 and 1 <= int(headers["Retry-After"]) <= 6
    assert int(headers["Retry-After"]) * 1000 >= answer["retry_after_ms"]
    assert attempt(limited, "name1", "192.0.2.2")[0] == 403


def test_guessing_one_account_from_many_addresses_is_slowed(limited):
    status = [attempt(limited, "victim", f"198.51.100.{i}")[0] for i in range(14)]
    assert status[:10] == [403] * 10 and status[-1] == 429


def test_an_ipv6_network_is_one_caller(limited):
    status = [attempt(limited, f"six{i}", f"2001:db8::{i:x}")[0] for i in range(14)]
    assert status[:10] == [403] * 10 and status[-1] == 429
