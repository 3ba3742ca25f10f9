# SPDX-License-Identifier: AGPL-3.0-or-later
"""What calls need: TURN credentials, MatrixRTC transports, OpenID tokens."""
import base64
import hashlib
import hmac
import time

import pytest

from beffroid import Server, quote

RTC = "/_matrix/client/unstable/org.matrix.msc4143/rtc/transports"
USERINFO = "/_matrix/federation/v1/openid/userinfo"


@pytest.fixture(scope="module")
def calling(tmp_path_factory, new_store):
    with Server(tmp_path_factory.mktemp("calls") / "data", new_store(), [
            "--voip.turn_uris=turn:turn.example.org?transport=udp,turns:turn.example.org", "--voip.turn_secret=geheim",
            "--voip.turn_lifetime=1h", "--voip.livekit_url=https://livekit.example.org"]) as s:
        yield s


def test_turn_credentials_are_what_the_turn_server_expects(calling):
    alice = calling.user()
    got = alice.ok("GET", "/voip/turnServer")
    until, who = got["username"].split(":", 1)
    assert who == alice.id and abs(int(until) - time.time() - 3600) < 60 and got["ttl"] == 3600
    mac = hmac.new(b"geheim", got["username"].encode(), hashlib.sha1).digest()
    assert got["password"] == base64.b64encode(mac).decode()
    assert got["uris"] == ["turn:turn.example.org?transport=udp", "turns:turn.example.org"]


def test_clients_learn_where_rtc_media_goes(calling, server):
    assert calling.user().ok("GET", RTC) == {
        "rtc_transports": [{"type": "livekit", "livekit_service_url": "https://livekit.example.org"}]}
    alice = server.user()
    assert alice.ok("GET", RTC) == {"rtc_transports": []}
    assert alice.ask("GET", "/voip/turnServer")[1]["errcode"] == "M_NOT_FOUND"


def test_an_openid_token_tells_who_its_owner_is_and_nothing_else(server, alice, bob):
    path = f"/user/{quote(alice.id)}/openid/request_token"
    got = alice.ok("POST", path, {})
    assert got["token_type"] == "Bearer" and got["matrix_server_name"] == "localhost" and got["expires_in"] == 3600
    for _ in range(2):
        assert server.call("GET", f"{USERINFO}?access_token={got['access_token']}") == (200, {"sub": alice.id})
    assert bob.ask("POST", path, {})[1]["errcode"] == "M_FORBIDDEN"
    assert server.call("GET", "/_matrix/client/v3/account/whoami", token=got["access_token"])[0] == 401
    assert server.call("GET", f"{USERINFO}?access_token={alice.token}")[1]["errcode"] == "M_UNKNOWN_TOKEN"
    assert server.call("GET", USERINFO)[1]["errcode"] == "M_MISSING_TOKEN"
    alice.ok("POST", "/account/deactivate", {"auth": {
        "type": "m.login.password", "identifier": {"type": "m.id.user", "user": alice.name}, "password": alice.password}})
    assert server.call("GET", f"{USERINFO}?access_token={got['access_token']}")[0] == 401
