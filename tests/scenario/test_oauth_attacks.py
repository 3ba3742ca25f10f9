# SPDX-License-Identifier: AGPL-3.0-or-later
"""What attackers try on the OAuth 2.0 API and its pages, by name of the attack (RFC 9700, RFC 6819)."""
import http.client
import json
import socket
import sqlite3
import statistics
import threading
import time
import urllib.parse

import pytest

from beffroid import V3, Server
from conftest import check_no_fault
from oauth import REDIRECT, Browser, Client, back, oauth_server


@pytest.fixture(scope="module")
def server(tmp_path_factory, store):
    with oauth_server(tmp_path_factory.mktemp("oauth") / "data", store) as s:
        yield s
        check_no_fault(s)


@pytest.fixture(scope="module")
def limited(tmp_path_factory, new_store):
    """A server with its rate limits in force."""
    with oauth_server(tmp_path_factory.mktemp("limited") / "data", new_store(), "--registration.open=true",
                      "--server.trusted_proxies=127.0.0.1", closed=True) as s:
        yield s


@pytest.fixture
def client(server):
    return Client(server)


def whoami(server, token):
    return server.call("GET", V3 + "/account/whoami", token=token)


@pytest.mark.parametrize("uri", [
    "https://evil.example/", "https://app.example.org/back/", "https://app.example.org/back?x=2", "https://app.example.org/back#",
    "https://APP.example.org/back", "https://app.example.org/back/../other", "https://app.example.org:443/back", "http://app.example.org/back",
    "https://app.example.org@evil.example/back", "https://app.example.org/back%0d%0aX: 1", "javascript:alert(1)", "//evil.example/", "", None])
def test_redirect_confusion(server, client, uri):
    """Only what is registered, to the letter; an error never leads anywhere else."""
    page = Browser(server).get(client.authorize(redirect_uri=uri), follow=False)
    assert page.status == 400 and "Location" not in page.headers and "address that is not its own" in page


def test_a_client_that_is_not_registered(server, client):
    for change in ({"client_id": "nobody"}, {"client_id": None}, {"client_id": "x" * 3000}):
        page = Browser(server).get(client.authorize(**change), follow=False)
        assert page.status == 400 and "not registered" in page


def test_another_clients_redirect(server, client):
    other = Client(server, client_uri="https://other.example/", redirect_uris=["https://other.example/cb"])
    assert Browser(server).get(client.authorize(redirect_uri=other.redirect), follow=False).status == 400


@pytest.mark.parametrize("change, error", [
    ({"code_challenge": None}, "invalid_request"), ({"code_challenge_method": "plain"}, "invalid_request"),
    ({"code_challenge_method": None}, "invalid_request"), ({"code_challenge": "short"}, "invalid_request"),
    ({"code_challenge": "x" * 42 + "="}, "invalid_request"), ({"response_type": "token"}, "unsupported_response_type"),
    ({"response_type": "code id_token"}, "unsupported_response_type"), ({"response_mode": "form_post"}, "invalid_request"),
    ({"scope": None}, "invalid_scope"), ({"scope": "urn:matrix:client:api:*"}, "invalid_scope"),
    ({"scope": "urn:matrix:client:device:ABCDEFGH"}, "invalid_scope"), ({"prompt": "none"}, "interaction_required"),
    ({"scope": "urn:matrix:client:api:* urn:matrix:client:device:A1 urn:matrix:client:device:B2"}, "invalid_scope"),
    ({"scope": 'urn:matrix:client:api:* urn:matrix:client:device:"'}, "invalid_scope"), ({"request": "x"}, "request_not_supported"),
    ({"request_uri": "https://evil.example/"}, "request_uri_not_supported")])
def test_pkce_downgrade_and_other_weak_requests(server, client, alice, change, error):
    browser = Browser(server)
    browser.sign_in(alice)
    answer = back(browser.get(client.authorize(**change)))
    assert answer["error"] == error and answer["state"] == client.state and answer["iss"] == server.url + "/"


def test_a_parameter_given_twice(server, client):
    assert Browser(server).get(client.authorize() + "&redirect_uri=" + urllib.parse.quote(REDIRECT)).status == 400
    status, answer = client.post("token_endpoint", [("grant_type", "refresh_token"), ("grant_type", "refresh_token"), ("client_id", client.id)])
    assert (status, answer["error"]) == (400, "invalid_request")


def test_a_code_that_is_shown_again_ends_what_it_gave(server, client, alice):
    code = client.code(Browser(server), alice)["code"]
    status, tokens = client.exchange(code)
    assert whoami(server, tokens["access_token"])[0] == 200
    assert client.exchange(code)[1]["error"] == "invalid_grant"
    assert whoami(server, tokens["access_token"])[0] == 401
    assert client.refresh(tokens["refresh_token"])[1]["error"] == "invalid_grant"


def test_two_who_show_a_code_at_once(server, client, alice):
    code, answers = client.code(Browser(server), alice)["code"], []
    threads = [threading.Thread(target=lambda: answers.append(client.exchange(code))) for _ in range(8)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    for status, answer in answers:
        assert status == 400 or whoami(server, answer["access_token"])[0] == 401


@pytest.mark.parametrize("change", [
    {"code_verifier": "x" * 43}, {"code_verifier": ""}, {"code_verifier": "x" * 200}, {"redirect_uri": "https://app.example.org/other"},
    {"redirect_uri": ""}, {"client_id": "nobody"}])
def test_a_stolen_code_is_of_no_use_and_is_burnt(server, client, alice, change):
    code = client.code(Browser(server), alice)["code"]
    status, answer = client.exchange(code, **change)
    assert status == 400 and answer["error"] in ("invalid_grant", "invalid_request", "invalid_client")
    if answer["error"] == "invalid_grant":
        assert client.exchange(code)[1]["error"] == "invalid_grant"


def test_a_code_of_another_client(server, client, alice):
    other = Client(server, client_name="Other")
    code = client.code(Browser(server), alice)["code"]
    assert client.exchange(code, client_id=other.id)[1]["error"] == "invalid_grant"


def test_a_code_is_for_a_minute(tmp_path, new_store):
    store = new_store()
    if store:
        pytest.skip("the store is changed by hand: SQLite only")
    with oauth_server(tmp_path / "data", store) as server:
        client, alice = Client(server), server.user()
        code = client.code(Browser(server), alice)["code"]
        with sqlite3.connect(tmp_path / "data" / "beffroi.db") as db:
            db.execute("UPDATE oauth_code SET created_ms = created_ms - 60000")
        db.close()
        assert client.exchange(code)[1]["error"] == "invalid_grant"


def test_secrets_are_not_in_the_store(tmp_path, new_store):
    store = new_store()
    if store:
        pytest.skip("the file is read by hand: SQLite only")
    with oauth_server(tmp_path / "data", store) as server:
        client, alice, browser = Client(server), server.user(), Browser(server)
        code = client.code(browser, alice)["code"]
        tokens = client.exchange(code)[1]
        begun = client.post("device_authorization_endpoint", {"client_id": client.id, "scope": tokens["scope"]})[1]
        secrets = [code, tokens["access_token"], tokens["refresh_token"], begun["device_code"], begun["user_code"].replace("-", ""),
                   browser.cookies["beffroi"], client.verifier]
        data = b"".join(f.read_bytes() for f in (tmp_path / "data").glob("beffroi.db*"))
        assert alice.id.encode() in data
        assert [s for s in secrets if s.encode() in data] == []


def test_a_refresh_token_that_is_replayed_ends_the_family(server, client, alice):
    tokens = client.sign_in(alice)
    fresh = client.refresh(tokens["refresh_token"])[1]
    newest = client.refresh(fresh["refresh_token"])[1]
    assert client.refresh(tokens["refresh_token"])[1]["error"] == "invalid_grant"
    assert whoami(server, newest["access_token"])[0] == 401
    assert client.refresh(newest["refresh_token"])[1]["error"] == "invalid_grant"


def test_a_refresh_token_of_another_client(server, client, alice):
    tokens = client.sign_in(alice)
    other = Client(server, client_name="Other")
    assert client.refresh(tokens["refresh_token"], client_id=other.id)[1]["error"] == "invalid_grant"
    assert client.refresh(tokens["refresh_token"], client_id="")[1]["error"] == "invalid_request"
    assert client.refresh(tokens["refresh_token"])[0] == 200


def test_mix_up_is_seen_by_iss(server, client, alice):
    assert client.meta["authorization_response_iss_parameter_supported"] is True
    assert client.code(Browser(server), alice)["iss"] == client.meta["issuer"]


def test_scope_escalation(server, client, alice):
    """What was granted stays: neither the exchange nor a refresh takes a wider scope."""
    code = client.code(Browser(server), alice)["code"]
    wide = "urn:matrix:client:api:* urn:matrix:client:device:OTHERDEVICE urn:synapse:admin:*"
    tokens = client.exchange(code, scope=wide)[1]
    assert tokens["scope"].endswith(client.device) and "synapse" not in tokens["scope"]
    assert client.refresh(tokens["refresh_token"], scope=wide)[1]["scope"] == tokens["scope"]
    assert server.call("GET", "/_synapse/admin/v2/users", token=tokens["access_token"])[0] == 403


def test_csrf_on_every_form(server, client, alice):
    browser, stranger = Browser(server), Browser(server)
    browser.sign_in(alice)
    evil = stranger.get("/_beffroi/account/sign-in").form("/sign-in")["fields"]["csrf"]
    forms = [("/_beffroi/account", {"displayname": "Mallory"}), ("/_beffroi/account/sign-out", {}), ("/_beffroi/account/reset", {}),
             ("/_beffroi/account/password", {"current": alice.password, "password": "evil-evil-1", "password2": "evil-evil-1"}),
             ("/_beffroi/account/deactivate", {"username": alice.name}), (f"/_beffroi/account/session?id={alice.device}", {}),
             ("/_beffroi/oauth/link", {"user_code": "BCDFGHJK", "decision": "allow"}), (client.authorize(), {"decision": "allow"}),
             ("/_beffroi/account/sign-in", {"username": alice.name, "password": alice.password}),
             ("/_beffroi/account/register", {"username": "mallory", "password": "evil-evil-1", "password2": "evil-evil-1"})]
    good = browser.get("/_beffroi/account").form("/account")["fields"]["csrf"]
    for path, fields in forms:
        for token in ("", "x", evil):
            assert browser.post(path, {**fields, "csrf": token}, follow=False).status == 403, path
        for headers in ({"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}):
            assert browser.post(path, {**fields, "csrf": good}, headers=headers, follow=False).status == 403, (path, headers)
    assert alice.ask("GET", "/account/whoami")[0] == 200 and "Sign in" not in browser.get("/_beffroi/account").html.words


def test_a_session_is_not_fixed_by_a_cookie_known_before(server, alice):
    browser = Browser(server)
    page = browser.get("/_beffroi/account/sign-in")
    before = dict(browser.cookies)
    browser.sign_in(alice, page)
    assert browser.cookies["beffroi"] != before["beffroi"]
    thief = Browser(server)
    thief.cookies = before
    assert "Sign in" in thief.get("/_beffroi/account")
    thief.cookies = dict(browser.cookies)
    browser.submit(browser.get("/_beffroi/account"), "/sign-out")
    assert "Sign in" in thief.get("/_beffroi/account")


def test_clickjacking_and_the_other_headers(server, client, alice):
    browser = Browser(server)
    for path in ("/_beffroi/account/sign-in", client.authorize(), "/_beffroi/account/nothing", "/_beffroi/oauth/link"):
        page = browser.get(path)
        if "Content-Security-Policy" not in page.headers:
            assert page.status == 404
            continue
        csp = page.headers["Content-Security-Policy"]
        assert "frame-ancestors 'none'" in csp and "default-src 'none'" in csp and "base-uri 'none'" in csp and "script" not in csp
        assert page.headers["X-Frame-Options"] == "DENY" and page.headers["Cache-Control"] == "no-store"
        assert page.headers["Referrer-Policy"] == "same-origin" and page.headers["X-Content-Type-Options"] == "nosniff"
        assert "Access-Control-Allow-Origin" not in page.headers


def test_the_cookie_of_an_https_server(tmp_path, new_store):
    with Server(tmp_path / "data", new_store(), ["--server.public_baseurl=https://matrix.example.org"]) as s:
        cookie = s.call("GET", "/_beffroi/account/sign-in", raw=True)[2]["Set-Cookie"]
        assert cookie.startswith("__Host-beffroi=") and "; Secure" in cookie and "; HttpOnly" in cookie and "; SameSite=Lax" in cookie
        assert "; Path=/;" in cookie and "Domain" not in cookie


@pytest.mark.parametrize("to", ["https://evil.example/", "//evil.example/", "/\\evil.example", "_beffroi/account\\..\\x", "\thttps://evil.example",
                                "_beffroi/accountant/../../x y", "javascript:alert(1)", "_matrix/client/versions", "_beffroi/account#x"])
def test_open_redirects(server, alice, to):
    browser = Browser(server)
    page = browser.get("/_beffroi/account/sign-in?next=" + urllib.parse.quote(to))
    page = browser.sign_in(alice, page, follow=False)
    assert page.status == 303 and page.headers["Location"] == server.url + "/_beffroi/account"
    page = browser.get("/_beffroi/account/language?to=fr&next=" + urllib.parse.quote(to), follow=False)
    assert page.headers["Location"] == server.url + "/_beffroi/account"


def test_what_clients_call_themselves_is_text(server, alice):
    client = Client(server, client_name="<script>alert(1)</script>\"'&")
    browser = Browser(server)
    browser.sign_in(alice)
    page = browser.get(client.authorize(state="\"><script>alert(2)</script>"))
    assert "<script" not in page.body and "&lt;script&gt;alert(1)" in page.body


def test_users_are_not_told_apart_by_text(server, alice):
    def answer(name):
        browser = Browser(server)
        page = browser.submit(browser.get("/_beffroi/account/sign-in"), "/sign-in", {"username": name, "password": "wrong-wrong-1"})
        return page.status, page.body.replace(name, "NAME").replace(page.form("/sign-in")["fields"]["csrf"], "CSRF")
    assert answer(alice.name) == answer("nobody-" + alice.name)


def test_users_are_not_told_apart_by_time(server, alice):
    def took(name):
        browser = Browser(server)
        page = browser.get("/_beffroi/account/sign-in")
        began = time.perf_counter()
        browser.submit(page, "/sign-in", {"username": name, "password": "wrong-wrong-1"})
        return time.perf_counter() - began
    took(alice.name), took("nobody")
    there, not_there = [], []
    for _ in range(15):
        there.append(took(alice.name))
        not_there.append(took("nobody-at-all"))
    a, b = statistics.median(there), statistics.median(not_there)
    assert max(a, b) < 2 * min(a, b), (a, b)


def test_passwords_cannot_be_tried_for_long_from_one_address(limited):
    browser = Browser(limited)
    page, seen = browser.get("/_beffroi/account/sign-in"), []
    for i in range(14):
        answer = browser.submit(page, "/sign-in", {"username": f"u{i}", "password": "wrong-wrong-1"}, headers={"X-Forwarded-For": "192.0.2.1"})
        seen.append(answer.status)
    assert seen[0] == 403 and seen[-1] == 429 and "Retry-After" in answer.headers and "errcode: M_LIMIT_EXCEEDED" in answer


def test_nor_on_one_account_from_many(limited):
    browser = Browser(limited)
    page, seen = browser.get("/_beffroi/account/sign-in"), []
    for i in range(14):
        answer = browser.submit(page, "/sign-in", {"username": "victim", "password": "wrong-wrong-1"}, headers={"X-Forwarded-For": f"198.51.100.{i}"})
        seen.append(answer.status)
    assert seen[0] == 403 and seen[-1] == 429 and "Too many attempts" in answer
    answer = browser.submit(page, "/sign-in", {"username": "another", "password": "wrong-wrong-1"}, headers={"X-Forwarded-For": "203.0.113.1"})
    assert answer.status == 403, "others are let try"


def test_a_crowd_behind_one_address_is_let_in_by_what_cannot_be_guessed(limited):
    browser, address = Browser(limited), {"X-Forwarded-For": "203.0.113.77"}
    client = Client(limited)
    for _ in range(30):
        assert browser.get("/_beffroi/account/passkey", headers=address).status == 200
        assert browser.get(client.authorize(), headers=address).status == 200


def test_device_codes_cannot_be_guessed_for_long(limited):
    status, answer = limited.call("POST", V3 + "/register", {"username": "guesser", "password": "guesser-Secret-1", "auth": {"type": "m.login.dummy"}},
                                  headers={"X-Forwarded-For": "203.0.113.9"})
    assert status == 200, answer
    browser = Browser(limited)
    page = browser.submit(browser.get("/_beffroi/account/sign-in"), "/sign-in", {"username": "guesser", "password": "guesser-Secret-1"},
                          headers={"X-Forwarded-For": "203.0.113.9"})
    assert "guesser" in page
    page, seen = browser.get("/_beffroi/oauth/link", headers={"X-Forwarded-For": "203.0.113.10"}), []
    for i in range(14):
        answer = browser.submit(page, "/link", {"user_code": "BCDFGHJ" + "KLMNPQRSTVWXZB"[i]}, headers={"X-Forwarded-For": f"203.0.113.{20 + i}"})
        seen.append(answer.status)
    assert seen[0] == 400 and seen[-1] == 429


def test_somebody_elses_device_code(server, client, alice):
    """A code is polled by the client that began it alone, and only one person decides."""
    other = Client(server, client_name="Other")
    scope = "urn:matrix:client:api:* urn:matrix:client:device:TV12345678"
    begun = client.post("device_authorization_endpoint", {"client_id": client.id, "scope": scope})[1]
    grant = {"grant_type": "urn:ietf:params:oauth:grant-type:device_code", "device_code": begun["device_code"]}
    assert client.post("token_endpoint", {**grant, "client_id": other.id})[1]["error"] == "invalid_grant"
    bob = server.user()
    one, two = Browser(server), Browser(server)
    one.sign_in(alice), two.sign_in(bob)
    p1, p2 = one.get(begun["verification_uri_complete"]), two.get(begun["verification_uri_complete"])
    assert "connected" in one.submit(p1, "/link", button=("decision", "allow"))
    assert "not known" in two.submit(p2, "/link", button=("decision", "allow"))
    tokens = client.post("token_endpoint", {**grant, "client_id": client.id})[1]
    assert whoami(server, tokens["access_token"])[1]["user_id"] == alice.id


def test_taking_the_place_of_a_session_is_said(server, client, alice):
    browser = Browser(server)
    browser.sign_in(alice)
    assert "take its place" not in browser.get(client.authorize())
    page = browser.get(client.authorize(scope=f"urn:matrix:client:api:* urn:matrix:client:device:{alice.device}"))
    assert "take its place" in page
    tokens = client.exchange(back(browser.submit(page, "/authorize", button=("decision", "allow")))["code"])[1]
    assert whoami(server, tokens["access_token"])[1]["device_id"] == alice.device and alice.ask("GET", "/account/whoami")[0] == 401


def test_a_locked_account_gets_nothing(server, client):
    alice = server.user()
    browser = Browser(server)
    code = client.code(browser, alice)["code"]
    admin_lock(server, alice, True)
    assert client.exchange(code)[1]["error"] == "invalid_grant"
    assert "Sign in" in browser.get("/_beffroi/account")
    assert Browser(server).sign_in(alice).status == 403


def admin_lock(server, user, locked):
    c = http.client.HTTPConnection("operator")
    c.sock = socket.socket(socket.AF_UNIX)
    c.sock.connect(str(server.data / "admin.sock"))
    c.request("PUT", "/_matrix/client/v1/admin/lock/" + urllib.parse.quote(user.id), json.dumps({"locked": locked}), {"Content-Type": "application/json"})
    assert c.getresponse().status == 200
    c.close()
