# SPDX-License-Identifier: AGPL-3.0-or-later
"""Signing in by another service with OpenID Connect: a provider of the test's own, honest or not."""
import base64
import hashlib
import http.server
import json
import secrets
import threading
import time
import urllib.parse

import pytest

from beffroid import V3
from conftest import check_no_fault
from keys import P256, RSA, b64, jws
from oauth import Browser, Client, back, oauth_server

EVENT = "http://schemas.openid.net/event/backchannel-logout"


class Provider:
    """What it says of whom is set by each test: `claims` of the next ID token, `userinfo`, faults by `change`."""

    def __init__(self):
        self.keys = {"rsa": RSA(), "ec": P256()}
        self.published, self.kid, self.client, self.secret = ["rsa", "ec"], "rsa", "beffroi id", "s3cret/+"
        self.codes, self.claims, self.userinfo, self.signed_userinfo = {}, {}, None, False
        self.key, self.header, self.log = None, {}, []
        provider = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, *args):
                pass

            def answer(self, status, body, kind="application/json"):
                data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def do_GET(self):
                provider.log.append(self.path)
                if self.path == "/realm/.well-known/openid-configuration":
                    return self.answer(200, provider.metadata())
                if self.path == "/realm/jwks":
                    return self.answer(200, {"keys": [provider.keys[k].jwk(k) for k in provider.published]})
                if self.path == "/realm/userinfo" and self.headers["Authorization"] == "Bearer upstream-token":
                    if provider.userinfo is None:
                        return self.answer(200, {"sub": provider.claims["sub"]})
                    if provider.signed_userinfo:
                        return self.answer(200, jws(provider.keys["rsa"], "rsa", provider.userinfo), "application/jwt")
                    return self.answer(200, provider.userinfo)
                self.answer(404, {})

            def do_POST(self):
                provider.log.append(self.path)
                f = dict(urllib.parse.parse_qsl(self.rfile.read(int(self.headers["Content-Length"])).decode()))
                basic = ":".join(urllib.parse.quote(x, safe="-._~") for x in (provider.client, provider.secret))
                ask = provider.codes.pop(f["code"], None)
                if (ask is None or self.headers["Authorization"] != "Basic " + base64.b64encode(basic.encode()).decode() or
                        b64(hashlib.sha256(f["code_verifier"].encode()).digest()) != ask["code_challenge"] or f["redirect_uri"] != ask["redirect_uri"]):
                    return self.answer(400, {"error": "invalid_grant"})
                self.answer(200, {"access_token": "upstream-token", "token_type": "Bearer", "id_token": provider.id_token(ask["nonce"])})

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.issuer = f"http://127.0.0.1:{self.http.server_port}/realm"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def metadata(self):
        return {"issuer": self.issuer, **{f"{x}_endpoint": f"{self.issuer}/{x}" for x in ("authorization", "token", "userinfo")},
                "jwks_uri": self.issuer + "/jwks"}

    def token(self, **claims):
        now = int(time.time())
        claims = {"iss": self.issuer, "aud": self.client, "iat": now, "exp": now + 300, **claims}
        return jws(self.key or self.keys[self.kid], self.kid, {k: v for k, v in claims.items() if v is not None}, **self.header)

    def id_token(self, nonce):
        return self.token(**{"nonce": nonce, **self.claims})

    def logout_token(self, **change):
        return self.token(**{"jti": secrets.token_hex(8), "events": {EVENT: {}}, **change})

    def reset(self, **claims):
        self.key, self.header, self.kid, self.userinfo, self.signed_userinfo = None, {}, "rsa", None, False
        self.claims = {"sub": "s-" + secrets.token_hex(6), "preferred_username": "p" + secrets.token_hex(5), **claims}


@pytest.fixture(scope="module")
def provider():
    p = Provider()
    yield p
    p.http.shutdown()


def options(provider, *more):
    return [f"--oidc.issuer={provider.issuer}", f"--oidc.client_id={provider.client}", f"--oidc.client_secret={provider.secret}",
            "--oidc.name=Ministère", *more]


@pytest.fixture(scope="module")
def server(tmp_path_factory, store, provider):
    with oauth_server(tmp_path_factory.mktemp("oauth") / "data", store, *options(provider)) as s:
        yield s
        check_no_fault(s)


@pytest.fixture(autouse=True)
def fresh(provider):
    provider.reset()


def there(browser, path="/_beffroi/account/upstream"):
    """What the provider is asked for."""
    page = browser.get(path)
    assert page.status == 0, (page.status, page.body)
    return dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(page.url).query))


def come_back(browser, provider, ask, **change):
    code = secrets.token_hex(8)
    provider.codes[code] = ask
    q = {"code": code, "state": ask["state"], **change}
    return browser.get("/_beffroi/account/upstream/callback?" + urllib.parse.urlencode({k: v for k, v in q.items() if v is not None}))


def sign_in(server, provider, browser=None, **change):
    browser = browser or Browser(server)
    return come_back(browser, provider, there(browser), **change)


def failed(page):
    return page.status == 403 and "did not sign you in" in page


def test_signing_in_makes_an_account(server, provider):
    provider.reset(name="Camille Été")
    browser = Browser(server)
    page = browser.get("/_beffroi/account/sign-in")
    link = next(href for words, href in page.html.links.items() if "Continue with" in words)
    ask = there(browser, link)
    assert ask["response_type"] == "code" and ask["client_id"] == provider.client and "openid" in ask["scope"].split()
    assert ask["code_challenge_method"] == "S256" and len(ask["nonce"]) == 43 and len(ask["state"]) == 43
    assert ask["redirect_uri"] == server.url + "/_beffroi/account/upstream/callback"
    page = come_back(browser, provider, ask)
    assert f"@{provider.claims['preferred_username']}:localhost" in page and "Camille Été" in page.body
    again = Browser(server)
    assert f"@{provider.claims['preferred_username']}:localhost" in sign_in(server, provider, again)


def test_once_linked_the_subject_counts(server, provider):
    sign_in(server, provider)
    name = provider.claims["preferred_username"]
    provider.claims["preferred_username"] = "another"
    assert f"@{name}:localhost" in sign_in(server, provider)
    provider.claims = {"sub": "somebody-else", "preferred_username": name}
    page = sign_in(server, provider)
    assert page.status == 403 and "No account here" in page, "the name alone opens nothing"


def test_a_client_signs_in_through_it(server, provider):
    client, browser = Client(server), Browser(server)
    page = browser.get(client.authorize())
    link = next(href for words, href in page.html.links.items() if "Continue with" in words)
    page = come_back(browser, provider, there(browser, link))
    tokens = client.exchange(back(browser.submit(page, "/authorize", button=("decision", "allow")))["code"])[1]
    assert server.call("GET", V3 + "/account/whoami", token=tokens["access_token"])[1]["user_id"] == f"@{provider.claims['preferred_username']}:localhost"


def test_legacy_clients_too(server, provider):
    flows = {f["type"]: f for f in server.call("GET", V3 + "/login")[1]["flows"]}
    assert flows["m.login.sso"]["identity_providers"] == [{"id": "oidc", "name": "Ministère"}]
    browser = Browser(server)
    ask = there(browser, V3 + "/login/sso/redirect/oidc?redirectUrl=https%3A%2F%2Fapp.example%2F")
    page = browser.submit(come_back(browser, provider, ask), "/sso")
    token = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(page.url).query))["loginToken"]
    assert server.call("POST", V3 + "/login", {"type": "m.login.token", "token": token})[0] == 200
    assert browser.get(V3 + "/login/sso/redirect/other?redirectUrl=https%3A%2F%2Fapp.example%2F").status == 404


@pytest.mark.parametrize("change", [
    {"iss": "https://evil.example"}, {"iss": None}, {"aud": "somebody"}, {"aud": None}, {"aud": []}, {"aud": ["beffroi id", "other"]},
    {"azp": "other"}, {"exp": 1000}, {"exp": None}, {"iat": 99999999999}, {"iat": None}, {"nonce": "x"}, {"nonce": None}, {"sub": None},
    {"sub": ""}, {"sub": "x" * 300}, {"sub": 5}, {"nbf": 99999999999}])
def test_id_tokens_that_are_not_believed(server, provider, change):
    provider.claims.update(change)
    assert failed(sign_in(server, provider))


@pytest.mark.parametrize("change", [{"aud": ["beffroi id"]}, {"aud": ["beffroi id", "other"], "azp": "beffroi id"}, {"exp": time.time() + 500.5}])
def test_id_tokens_of_other_shapes(server, provider, change):
    provider.claims.update(change)
    assert "Signed in as" in sign_in(server, provider)


def test_signatures(server, provider):
    provider.kid = "ec"
    assert "Signed in as" in sign_in(server, provider), "ES256"
    provider.kid, provider.key = "rsa", P256()
    assert failed(sign_in(server, provider)), "another algorithm than the key's"
    provider.kid = "ec"
    assert failed(sign_in(server, provider)), "a key that is not the provider's"
    provider.key, provider.kid = RSA(1024), "rsa"
    assert failed(sign_in(server, provider))
    provider.key = None
    for header in ({"alg": "none"}, {"alg": "HS256"}, {"alg": "RS512"}, {"crit": ["exp"]}, {"alg": None}):
        provider.header = header
        assert failed(sign_in(server, provider)), header


def test_keys_may_change(server, provider):
    provider.keys["new"] = P256()
    sign_in(server, provider)
    provider.kid, provider.published = "new", ["new", "rsa"]
    asked = provider.log.count("/realm/jwks")
    page = sign_in(server, provider)
    assert provider.log.count("/realm/jwks") <= asked + 1 and ("Signed in as" in page or failed(page)), "at most once a minute"
    provider.published = ["rsa", "ec"]


def test_state_and_code(server, provider):
    """CSRF, replay, mix-up."""
    browser, other = Browser(server), Browser(server)
    ask = there(browser)
    assert failed(come_back(other, provider, ask)), "another browser's state"
    ask = there(browser)
    assert failed(come_back(browser, provider, ask, state="x" * 43))
    assert failed(come_back(browser, provider, ask, iss="https://evil.example"))
    ask = there(browser)
    assert failed(come_back(browser, provider, ask, code=None, error="access_denied"))
    ask = there(browser)
    assert failed(come_back(browser, provider, ask, code="unknown"))
    ask = there(browser)
    assert "Signed in as" in come_back(browser, provider, ask, iss=provider.issuer)
    again = Browser(server)
    again.cookies = dict(browser.cookies)
    assert failed(come_back(again, provider, ask)), "a state holds once"


def test_userinfo_fills_in(server, provider):
    name = provider.claims.pop("preferred_username")
    assert "No account here" in sign_in(server, provider), "no claim, no name"
    provider.userinfo = {"sub": provider.claims["sub"], "preferred_username": name}
    assert f"@{name}:localhost" in sign_in(server, provider)
    provider.userinfo["sub"] = "somebody-else"
    assert failed(sign_in(server, provider))
    provider.reset()
    name = provider.claims.pop("preferred_username")
    provider.userinfo, provider.signed_userinfo = {"sub": provider.claims["sub"], "preferred_username": name}, True
    assert f"@{name}:localhost" in sign_in(server, provider)


def test_names_become_localparts(server, provider):
    provider.claims["preferred_username"] = "Camille D'Été " + secrets.token_hex(3)
    page = sign_in(server, provider)
    assert "@camille=20d=27=c3=89t=c3=a9=20" in page


def test_accounts_that_are_there(server, provider, alice):
    provider.claims["preferred_username"] = alice.name
    assert "No account here" in sign_in(server, provider)


@pytest.fixture(scope="module")
def linking(tmp_path_factory, new_store, provider):
    with oauth_server(tmp_path_factory.mktemp("oauth") / "data", new_store(), *options(provider, "--oidc.existing=link", "--oidc.create=false",
                      "--oidc.localpart={email}", "--oidc.email_domains=min.example,agence.example", "--oidc.logout=sessions")) as s:
        yield s
        check_no_fault(s)


@pytest.mark.parametrize("email, verified, ok", [
    ("NAME@min.example", True, True), ("NAME@Agence.Example", True, True), ("NAME@min.example", False, False), ("NAME@min.example", None, False),
    ("NAME@min.example", "true", False), ("NAME@evil.example", True, False), ("NAME@evil.example@min.example", True, False), ("@min.example", True, False)])
def test_linking_by_a_verified_address(linking, provider, email, verified, ok):
    alice = linking.user()
    provider.claims.update({"email": email.replace("NAME", alice.name), "email_verified": verified})
    page = sign_in(linking, provider)
    assert (alice.id in page) if ok else ("No account here" in page)


def test_none_is_made_where_none_is_to_be(linking, provider):
    provider.claims.update({"email": "nobody@min.example", "email_verified": True})
    assert "No account here" in sign_in(linking, provider)


def logout(server, token):
    return server.call("POST", "/_beffroi/oauth/upstream/logout", urllib.parse.urlencode({"logout_token": token}),
                       headers={"Content-Type": "application/x-www-form-urlencoded"})


def test_back_channel_logout(linking, provider):
    alice, browser = linking.user(), Browser(linking)
    provider.claims.update({"email": alice.name + "@min.example", "email_verified": True, "sid": "sid-" + alice.name})
    assert alice.id in sign_in(linking, provider, browser)
    sub = provider.claims["sub"]
    for bad in (provider.logout_token(sub=sub, events={}), provider.logout_token(sub=sub, nonce="x"), provider.logout_token(sub=sub, aud="x"),
                provider.logout_token(sub=sub, iss="x"), provider.logout_token(sub=sub, jti=None), provider.logout_token(),
                provider.logout_token(sub=sub, iat=1000), provider.token(sub=sub), "", "x.y.z"):
        assert logout(linking, bad)[1]["error"] == "invalid_request"
    assert alice.id in browser.get("/_beffroi/account")
    token = provider.logout_token(sid="sid-" + alice.name)
    assert logout(linking, token)[0] == 200
    assert "Sign in" in browser.get("/_beffroi/account")
    assert alice.ask("GET", "/account/whoami")[0] == 401
    assert logout(linking, token)[0] == 400, "a token holds once"
    assert logout(linking, provider.logout_token(sub="nobody"))[0] == 200


def test_logging_out_of_the_pages_alone(server, provider):
    browser = Browser(server)
    sign_in(server, provider, browser)
    client = Client(server)
    tokens = client.exchange(back(browser.submit(browser.get(client.authorize()), "/authorize", button=("decision", "allow")))["code"])[1]
    assert logout(server, provider.logout_token(sub=provider.claims["sub"]))[0] == 200
    assert "Sign in" in browser.get("/_beffroi/account")
    assert server.call("GET", V3 + "/account/whoami", token=tokens["access_token"])[0] == 200


def test_where_passwords_open_nothing(tmp_path, new_store, provider):
    with oauth_server(tmp_path / "data", new_store(), *options(provider, "--password.enabled=false"), closed=True) as server:
        assert {f["type"] for f in server.call("GET", V3 + "/login")[1]["flows"]} == {"m.login.token", "m.login.sso"}
        assert server.call("POST", V3 + "/login", {"type": "m.login.password", "password": "x", "identifier": {"type": "m.id.user", "user": "x"}})[0] == 400
        assert server.call("POST", V3 + "/register", {"username": "x", "password": "long-enough-1"})[0] == 403
        browser = Browser(server)
        page = browser.get("/_beffroi/account/sign-in")
        assert page.html.forms == [] and "Continue with" in page and "Create" not in page
        csrf = browser.get("/_beffroi/account/passkey").form("/passkey")["fields"]["csrf"]
        assert browser.post("/_beffroi/account/sign-in", {"csrf": csrf, "username": "x", "password": "x"}).status == 403
        assert "Signed in as" in sign_in(server, provider, browser)


def test_showing_again_who_one_is(server, provider):
    """For what is grave the person signs in there anew, and the provider must say so."""
    browser = Browser(server)
    sign_in(server, provider, browser)
    page = browser.get("/_beffroi/account/confirm")
    assert not any(f["action"].endswith("/confirm") for f in page.html.forms), "there is no password to ask for"
    ask = there(browser, next(href for words, href in page.html.links.items() if "Continue with" in words))
    assert ask["prompt"] == "login" and ask["max_age"] == "0"
    assert failed(come_back(browser, provider, ask))
    ask, provider.claims["auth_time"] = there(browser), int(time.time()) - 4000
    assert failed(come_back(browser, provider, ask))
    ask, provider.claims["auth_time"] = there(browser), int(time.time())
    assert "Signed in as" in come_back(browser, provider, ask)


def test_a_legacy_client_asks_by_a_page(server, provider):
    browser = Browser(server)
    page = browser.submit(come_back(browser, provider, there(browser, V3 + "/login/sso/redirect/oidc?redirectUrl=https%3A%2F%2Fapp.example%2F")), "/sso")
    token = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(page.url).query))["loginToken"]
    who = server.call("POST", V3 + "/login", {"type": "m.login.token", "token": token})[1]
    path = V3 + "/devices/" + who["device_id"]
    status, ask = server.call("DELETE", path, {}, token=who["access_token"])
    assert status == 401 and ask["flows"] == [{"stages": ["m.login.sso"]}]
    auth = {"auth": {"session": ask["session"]}}
    assert server.call("DELETE", path, auth, token=who["access_token"])[0] == 401, "not before the page"
    other = Browser(server)
    provider.reset()
    sign_in(server, provider, other)
    fallback = V3 + "/auth/m.login.sso/fallback/web?session=" + ask["session"]
    assert other.get(fallback).status == 403, "somebody else's request"
    page = browser.get(fallback)
    assert "Sign this session out" in page
    assert server.call("DELETE", path, auth, token=who["access_token"])[0] == 401, "looking allows nothing"
    page = browser.submit(page, "/fallback/web")
    assert [a["src"] for tag, a in page.html.tags if tag == "script"] == ["/_beffroi/oauth/done.js"]
    assert server.call("DELETE", V3 + "/devices/OTHER", auth, token=who["access_token"])[0] in (401, 403, 404)
    assert server.call("DELETE", path, auth, token=who["access_token"]) == (200, {})
    assert browser.get(V3 + "/auth/m.login.recaptcha/fallback/web?session=x").status == 404
    assert browser.get(V3 + "/auth/m.login.sso/fallback/web?session=x").status == 404


def test_a_provider_that_is_not_itself(tmp_path, new_store):
    liar = Provider()
    with oauth_server(tmp_path / "data", new_store(), *options(liar)) as server:
        issuer, liar.issuer = liar.issuer, "https://evil.example"
        page = Browser(server).get("/_beffroi/account/upstream")
        assert page.status == 503 and "cannot be reached" in page
        liar.issuer = issuer
        liar.http.shutdown()
        liar.http.server_close()
        assert Browser(server).get("/_beffroi/account/upstream").status in (503, 504)
