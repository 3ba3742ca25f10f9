# SPDX-License-Identifier: AGPL-3.0-or-later
"""Single sign-on for clients of the legacy API, by login tokens."""
import urllib.parse

import pytest

from beffroid import V3
from conftest import check_no_fault
from oauth import Browser, oauth_server

TO = "https://client.example/#/home"


@pytest.fixture(scope="module")
def server(tmp_path_factory, store):
    with oauth_server(tmp_path_factory.mktemp("oauth") / "data", store) as s:
        yield s
        check_no_fault(s)


def sso(to, **more):
    return V3 + "/login/sso/redirect?" + urllib.parse.urlencode({"redirectUrl": to, **more})


def by_token(server, token):
    return server.call("POST", V3 + "/login", {"type": "m.login.token", "token": token})


def test_the_flows_say_so(server):
    flows = {f["type"]: f for f in server.call("GET", V3 + "/login")[1]["flows"]}
    assert flows["m.login.sso"]["oauth_aware_preferred"] is True and flows["m.login.token"]["get_login_token"] is True


def test_signing_in_by_a_page(server, alice):
    browser = Browser(server)
    assert browser.get(sso(TO), follow=False).status == 302
    page = browser.sign_in(alice, browser.get(sso(TO)))
    assert "client.example" in page and alice.id in page
    assert "form-action 'self' https://client.example;" in page.headers["Content-Security-Policy"]
    page = browser.submit(page, "/sso")
    assert page.url.startswith("https://client.example/?loginToken=") and page.url.endswith("#/home")
    token = page.url[len("https://client.example/?loginToken="):-len("#/home")]
    status, answer = by_token(server, token)
    assert status == 200 and answer["user_id"] == alice.id
    assert by_token(server, token)[0] == 403, "it holds once"


def test_an_old_token_in_the_address_goes(server, alice):
    browser = Browser(server)
    browser.sign_in(alice)
    page = browser.submit(browser.get(sso("org.example.app:/cb?a=1&loginToken=old&b=2")), "/sso")
    assert page.url.startswith("org.example.app:/cb?a=1&b=2&loginToken=") and "old" not in page.url


def test_registering_on_the_way(server):
    assert "Create an account" in Browser(server).get(sso(TO, action="register"))


@pytest.mark.parametrize("to", ["javascript:alert(1)", "data:text/html,x", "https://a@b.example/", "/cb", "", "https://x.example/\r\nA: b",
                                "https://evil.example\\@x/", "JAVASCRIPT:x", "file:///etc/passwd"])
def test_places_that_no_token_goes_to(server, alice, to):
    browser = Browser(server)
    browser.sign_in(alice)
    assert browser.get(sso(to), follow=False).status == 400
    assert browser.get("/_beffroi/account/sso?to=" + urllib.parse.quote(to), follow=False).status == 400


def test_no_token_without_consent(server, alice):
    browser, stranger = Browser(server), Browser(server)
    browser.sign_in(alice)
    assert "loginToken" not in browser.get(sso(TO)).url
    evil = stranger.get("/_beffroi/account/sign-in").form("/sign-in")["fields"]["csrf"]
    path = "/_beffroi/account/sso?to=" + urllib.parse.quote(TO)
    assert browser.post(path, {"csrf": evil}, follow=False).status == 403


def test_a_device_signs_another_in(server, alice):
    status, ask = alice.ask("POST", "/_matrix/client/v1/login/get_token", {})
    assert status == 401
    auth = {"type": "m.login.password", "session": ask["session"], "password": alice.password,
            "identifier": {"type": "m.id.user", "user": alice.name}}
    answer = alice.ok("POST", "/_matrix/client/v1/login/get_token", {"auth": auth})
    assert answer["expires_in_ms"] == 120000
    assert by_token(server, answer["login_token"])[1]["user_id"] == alice.id
    assert by_token(server, answer["login_token"])[0] == 403


def test_tokens_of_another_kind_are_none(server, alice):
    for token in (alice.token, "x" * 43, "", "\0" * 43):
        assert by_token(server, token)[0] in (400, 403)
