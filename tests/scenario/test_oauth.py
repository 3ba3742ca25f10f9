# SPDX-License-Identifier: AGPL-3.0-or-later
"""Signing in by the OAuth 2.0 API, and the account pages, as clients and people do it."""
import base64
import http.client
import json
import socket
import sqlite3

import pytest

from beffroid import V3, Server, quote
from conftest import check_no_fault
from oauth import CLIENT, Browser, Client, back, oauth_server

DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"


@pytest.fixture(scope="module")
def server(tmp_path_factory, store):
    with oauth_server(tmp_path_factory.mktemp("oauth") / "data", store) as s:
        yield s
        check_no_fault(s)


@pytest.fixture
def client(server):
    return Client(server)


def whoami(server, token):
    return server.call("GET", V3 + "/account/whoami", token=token)


def test_metadata_say_what_there_is(server):
    meta = server.call("GET", "/_matrix/client/v1/auth_metadata")[1]
    assert meta["issuer"] == server.url + "/"
    for name in ("authorization", "token", "registration", "revocation", "device_authorization"):
        assert meta[name + "_endpoint"].startswith(server.url + "/")
    assert set(meta["grant_types_supported"]) == {"authorization_code", "refresh_token", DEVICE_GRANT}
    assert meta["response_modes_supported"] == ["query", "fragment"] and meta["code_challenge_methods_supported"] == ["S256"]
    assert set(meta["account_management_actions_supported"]) == {"org.matrix." + x for x in (
        "profile", "devices_list", "device_view", "device_delete", "account_deactivate", "cross_signing_reset")}
    assert server.call("GET", "/_matrix/client/unstable/org.matrix.msc2965/auth_metadata")[1] == meta
    assert server.call("GET", "/_matrix/client/unstable/org.matrix.msc2965/auth_issuer")[1] == {"issuer": meta["issuer"]}


def test_without_an_address_it_is_not_offered(tmp_path, new_store):
    with Server(tmp_path / "data", new_store()) as plain:
        for path in ("/_matrix/client/v1/auth_metadata", "/_beffroi/account", "/_beffroi/oauth/authorize"):
            status, answer = plain.call("GET", path)
            assert (status, answer["errcode"]) == (404, "M_UNRECOGNIZED")


def test_programs_are_refused_in_json(server):
    for path in ("/_matrix/client/v3/login/sso/redirect/none?redirectUrl=https%3A%2F%2Fx.example%2F", "/_beffroi/oauth/authorize?client_id=x"):
        status, answer = server.call("GET", path)
        assert status in (400, 404) and answer["errcode"] and answer["error"]


def test_the_same_metadata_register_the_same_client(client, server):
    status, answer = client.register(CLIENT)
    assert status == 201 and answer["client_id"] == client.id
    assert client.register({**CLIENT, "client_name": "Another"})[1]["client_id"] != client.id


def test_what_is_not_known_of_metadata_is_left_out(client):
    status, answer = client.register({**CLIENT, "grant_types": ["authorization_code", "refresh_token", "implicit"], "contacts": ["x"],
                                      "client_name#fr": "Mon essai", "tos_uri": "https://docs.app.example.org/tos"})
    assert status == 201 and answer["grant_types"] == ["authorization_code", "refresh_token"]
    assert "contacts" not in answer and answer["client_name#fr"] == "Mon essai" and answer["application_type"] == "web"


@pytest.mark.parametrize("kind, uri, ok", [
    ("web", "https://app.example.org/callback", True), ("web", "https://sub.app.example.org:5173/?query=value", True),
    ("web", "https://app.example.org/callback#fragment", False), ("web", "http://app.example.org/callback", False),
    ("web", "http://localhost/", False), ("web", "https://evil.org/", False), ("web", "https://notapp.example.org/", False),
    ("web", "https://user@app.example.org/", False), ("web", "https://app.example.org.evil.org/", False),
    ("web", "https://evil.org\\@app.example.org/", False), ("web", "org.example.app:/x", False), ("web", "", False),
    ("native", "org.example.app:/callback", True), ("native", "org.example.app.ios:callback", True),
    ("native", "org.example.app://callback", False), ("native", "example:/callback", False), ("native", "org.example.apple:/x", False),
    ("native", "javascript:alert(1)", False), ("native", "data:text/html,x", False),
    ("native", "http://localhost/callback", True), ("native", "http://127.0.0.1/callback", True), ("native", "http://[::1]/callback", True),
    ("native", "http://localhost:1234/callback", False), ("native", "https://localhost/callback", False),
    ("native", "http://localhost.evil.org/", False), ("native", "https://app.example.org/claimed", True)])
def test_redirect_uris_must_be_the_clients_own(client, kind, uri, ok):
    status, answer = client.register({**CLIENT, "application_type": kind, "redirect_uris": [uri]})
    assert status == (201 if ok else 400), answer
    if not ok:
        assert answer["error"] == "invalid_redirect_uri" and answer["error_description"]


@pytest.mark.parametrize("change", [
    {"client_uri": None}, {"client_uri": "http://app.example.org/"}, {"client_uri": "https://u:p@app.example.org/"},
    {"client_uri": 5}, {"logo_uri": "https://elsewhere.org/x.png"}, {"tos_uri": "http://app.example.org/"}, {"policy_uri": []},
    {"client_name": "x" * 300}, {"client_name": "a\nb"}, {"application_type": "other"}, {"token_endpoint_auth_method": "client_secret_basic"},
    {"response_types": ["token"]}, {"grant_types": ["implicit"]}, {"grant_types": "code"}])
def test_metadata_that_are_refused(client, change):
    given = {k: v for k, v in {**CLIENT, **change}.items() if v is not None}
    status, answer = client.register(given)
    assert (status, answer["error"]) == (400, "invalid_client_metadata")


def test_signing_in_by_a_client(server, client, alice):
    browser = Browser(server)
    page = browser.get(client.authorize())
    assert "Sign in" in page and browser.last.headers["Cache-Control"] == "no-store"
    page = browser.sign_in(alice, page)
    assert "Essai" in page and alice.id in page and client.device in page and "app.example.org" in page
    page = browser.submit(page, "/authorize", button=("decision", "allow"))
    assert page.url.startswith(client.redirect + "?")
    answer = back(page)
    assert answer["state"] == client.state and answer["iss"] == server.url + "/"
    status, tokens = client.exchange(answer["code"])
    assert status == 200 and tokens["token_type"] == "Bearer" and 0 < tokens["expires_in"] <= 300
    assert tokens["scope"] == f"urn:matrix:client:api:* urn:matrix:client:device:{client.device}"
    assert whoami(server, tokens["access_token"])[1] == {"user_id": alice.id, "device_id": client.device, "is_guest": False}
    assert server.call("GET", V3 + "/sync", token=tokens["access_token"])[0] == 200
    devices = {d["device_id"]: d for d in alice.ok("GET", "/devices")["devices"]}
    assert devices[client.device]["display_name"] == "Essai"


def test_the_answer_comes_as_it_was_asked(server, client, alice):
    browser = Browser(server)
    browser.sign_in(alice)
    page = browser.get(client.authorize(response_mode="fragment"))
    page = browser.submit(page, "/authorize", button=("decision", "allow"))
    assert page.url.startswith(client.redirect + "#") and back(page)["state"] == client.state
    client.redirect = CLIENT["redirect_uris"][1]
    page = browser.submit(browser.get(client.authorize()), "/authorize", button=("decision", "allow"))
    assert page.url.startswith(client.redirect + "&code=")


def test_a_person_may_refuse(server, client, alice):
    browser = Browser(server)
    page = browser.sign_in(alice, browser.get(client.authorize()))
    answer = back(browser.submit(page, "/authorize", button=("decision", "refuse")))
    assert answer["error"] == "access_denied" and answer["state"] == client.state and "code" not in answer


def test_a_native_client_gets_any_port(server, alice):
    client = Client(server, application_type="native", redirect_uris=["http://127.0.0.1/cb", "org.example.app:/cb"])
    browser = Browser(server)
    client.redirect = "http://127.0.0.1:51234/cb"
    page = browser.sign_in(alice, browser.get(client.authorize()))
    assert "form-action 'self' http://127.0.0.1:51234;" in page.headers["Content-Security-Policy"]
    answer = back(browser.submit(page, "/authorize", button=("decision", "allow")))
    assert client.exchange(answer["code"])[0] == 200
    client.redirect = "org.example.app:/cb"
    page = browser.get(client.authorize())
    assert "form-action 'self' org.example.app:;" in page.headers["Content-Security-Policy"]
    assert client.exchange(back(browser.submit(page, "/authorize", button=("decision", "allow")))["code"])[0] == 200


def test_registering_on_the_way(server, client):
    browser = Browser(server)
    page = browser.get(client.authorize(prompt="create"))
    assert "Create an account" in page
    fields = {"username": "newcomer" + client.device.lower(), "password": "long-enough-1", "password2": "long-enough-1"}
    page = browser.submit(page, "/register", {**fields, "password2": "other"})
    assert page.status == 400 and "differ" in page
    page = browser.submit(page, "/register", fields)
    answer = back(browser.submit(page, "/authorize", button=("decision", "allow")))
    tokens = client.exchange(answer["code"])[1]
    assert whoami(server, tokens["access_token"])[1]["user_id"] == f"@{fields['username']}:localhost"
    other = Browser(server)
    page = other.submit(other.get("/_beffroi/account/register"), "/register", fields)
    assert page.status == 400 and "taken" in page


def test_registering_by_token_or_not_at_all(tmp_path, new_store):
    with oauth_server(tmp_path / "data", new_store(), closed=True) as server:
        browser = Browser(server)
        page = browser.get("/_beffroi/account/register")
        fields = {"username": "tokened", "password": "long-enough-1", "password2": "long-enough-1"}
        assert "token" in page.html.ids
        for token in ("", "nonsense", "x" * 100):
            assert "not valid" in browser.submit(page, "/register", {**fields, "token": token})
        operator(server, "POST", "/_beffroi/admin/v1/registration_tokens", {"token": "come-in", "uses_allowed": 1})
        assert "tokened" in browser.submit(page, "/register", {**fields, "token": "come-in"})
        other = Browser(server)
        page = other.get("/_beffroi/account/register")
        assert "not valid" in other.submit(page, "/register", {**fields, "username": "second", "token": "come-in"})
    with oauth_server(tmp_path / "closed", new_store(), "--registration.tokens=false", closed=True) as server:
        browser = Browser(server)
        assert browser.get("/_beffroi/account/register").html.forms == []
        csrf = browser.get("/_beffroi/account/sign-in").form("/sign-in")["fields"]["csrf"]
        assert browser.post("/_beffroi/account/register", {**fields, "csrf": csrf}).status == 400


def operator(server, method, path, body):
    c = http.client.HTTPConnection("operator")
    c.sock = socket.socket(socket.AF_UNIX)
    c.sock.connect(str(server.data / "admin.sock"))
    c.request(method, path, json.dumps(body), {"Content-Type": "application/json"})
    assert c.getresponse().status == 200
    c.close()


def test_refreshing(server, client, alice):
    tokens = client.sign_in(alice)
    status, fresh = client.refresh(tokens["refresh_token"])
    assert status == 200 and fresh["scope"] == tokens["scope"] and fresh["refresh_token"] != tokens["refresh_token"]
    assert whoami(server, fresh["access_token"])[1]["device_id"] == client.device
    assert client.refresh(tokens["refresh_token"])[0] == 200, "the answer may have been lost"


def test_revoking(server, client, alice):
    for kind in ("access_token", "refresh_token"):
        tokens = client.sign_in(alice)
        assert client.post("revocation_endpoint", {"token": tokens[kind], "token_type_hint": kind, "client_id": client.id}) == (200, {})
        assert whoami(server, tokens["access_token"])[0] == 401
        assert client.refresh(tokens["refresh_token"])[1]["error"] == "invalid_grant"
        assert client.post("revocation_endpoint", {"token": tokens[kind]}) == (200, {})
        assert client.device not in {d["device_id"] for d in alice.ok("GET", "/devices")["devices"]}


def test_the_unstable_scope_too(server, client, alice):
    scope = "openid urn:matrix:org.matrix.msc2967.client:api:* urn:matrix:org.matrix.msc2967.client:device:ABCDEFGHIJ urn:synapse:admin:*"
    answer = client.code(Browser(server), alice, scope=scope)
    status, tokens = client.exchange(answer["code"])
    assert tokens["scope"] == "urn:matrix:org.matrix.msc2967.client:api:* urn:matrix:org.matrix.msc2967.client:device:ABCDEFGHIJ"
    assert whoami(server, tokens["access_token"])[1]["device_id"] == "ABCDEFGHIJ"


def begin_device(client):
    status, answer = client.post("device_authorization_endpoint", {"client_id": client.id,
                                 "scope": "urn:matrix:client:api:* urn:matrix:client:device:TV12345678"})
    assert status == 200, answer
    return answer


def poll(client, begun):
    return client.post("token_endpoint", {"grant_type": DEVICE_GRANT, "device_code": begun["device_code"], "client_id": client.id})


def test_a_device_without_a_browser(server, client, alice):
    begun = begin_device(client)
    assert begun["interval"] == 5 and begun["verification_uri_complete"].endswith(begun["user_code"])
    assert poll(client, begun)[1]["error"] == "authorization_pending"
    assert poll(client, begun)[1]["error"] == "slow_down"
    browser = Browser(server)
    page = browser.sign_in(alice, browser.get(begun["verification_uri"]))
    page = browser.submit(page, "/link", {"user_code": begun["user_code"].lower().replace("-", " ")})
    assert "Essai" in page and "before you" in page
    page = browser.submit(page, "/link", button=("decision", "allow"))
    assert "connected" in page
    status, tokens = poll(client, begun)
    assert status == 200 and whoami(server, tokens["access_token"])[1]["device_id"] == "TV12345678"
    assert poll(client, begun)[1]["error"] == "invalid_grant"
    assert client.refresh(tokens["refresh_token"])[0] == 200


def test_a_device_that_is_refused(server, client, alice):
    begun, browser = begin_device(client), Browser(server)
    browser.sign_in(alice)
    page = browser.get(begun["verification_uri_complete"])
    assert poll(client, begun)[1]["error"] == "authorization_pending", "following the address allows nothing"
    browser.submit(page, "/link", button=("decision", "refuse"))
    assert poll(client, begun)[1]["error"] == "access_denied"


def test_the_account_page(server, client, alice):
    tokens = client.sign_in(alice)
    browser = Browser(server)
    page = browser.sign_in(alice)
    assert alice.id in page and client.device in page and alice.device in page
    page = browser.submit(page, "/account", {"displayname": "Alice <b>"})
    assert "&lt;b&gt;" in page.body and "<b>" not in page.body
    assert alice.ok("GET", f"/profile/{quote(alice.id)}/displayname")["displayname"] == "Alice <b>"
    page = browser.get(f"/_beffroi/account?action=org.matrix.device_delete&device_id={client.device}")
    assert "Essai" in page
    page = browser.submit(page, "/session")
    assert whoami(server, tokens["access_token"])[0] == 401
    assert "no such session" in browser.get(f"/_beffroi/account?action=org.matrix.device_view&device_id={client.device}")
    browser.submit(browser.get("/_beffroi/account"), "/sign-out")
    assert "Sign in" in browser.get("/_beffroi/account")


def test_changing_the_password(server, alice):
    browser, other = Browser(server), Browser(server)
    other.sign_in(alice)
    page = browser.sign_in(alice)
    page = browser.get(page.html.links["Change the password"])
    new = {"password": "another-Secret-2", "password2": "another-Secret-2"}
    assert "wrong" in browser.submit(page, "/password", {"current": "nonsense", **new})
    assert "too short" in browser.submit(page, "/password", {"current": alice.password, "password": "x", "password2": "x"})
    assert "Done" in browser.submit(page, "/password", {"current": alice.password, **new})
    assert alice.ask("GET", "/account/whoami")[0] == 401, "sessions were signed out too"
    assert "Sign in" in other.get("/_beffroi/account") and "Sign in" not in browser.get("/_beffroi/account").html.words
    assert "wrong" in other.sign_in(alice)
    alice.password = new["password"]
    assert alice.id in other.sign_in(alice)


def test_ending_the_account(server, client, alice):
    client.sign_in(alice)
    browser = Browser(server)
    browser.sign_in(alice)
    page = browser.get("/_beffroi/account?action=org.matrix.account_deactivate")
    assert "cannot be undone" in page
    assert browser.submit(page, "/deactivate", {"username": "somebody"}).status == 400
    assert "has ended" in browser.submit(page, "/deactivate", {"username": alice.name})
    assert alice.ask("GET", "/account/whoami")[0] == 401
    assert "wrong" in browser.sign_in(alice)


def test_a_client_never_learns_the_password(server, client, alice):
    token = client.sign_in(alice)["access_token"]
    for method, path in (("POST", "/account/password"), ("POST", "/account/deactivate"), ("DELETE", f"/devices/{alice.device}")):
        status, answer = server.call(method, V3 + path, {"new_password": "x" * 12}, token=token)
        assert (status, answer["errcode"]) == (403, "M_FORBIDDEN") and "_beffroi/account" in answer["error"]


def cross_keys(user, seed):
    public = base64.b64encode(seed).rstrip(b"=").decode()
    return {"master_key": {"user_id": user, "usage": ["master"], "keys": {f"ed25519:{public}": public}}}


def test_new_cross_signing_keys_are_allowed_on_a_page(server, client, alice):
    token = client.sign_in(alice)["access_token"]
    path = V3 + "/keys/device_signing/upload"
    assert server.call("POST", path, cross_keys(alice.id, b"1" * 32), token=token)[0] == 200, "the first are taken as they are"
    fresh = cross_keys(alice.id, b"2" * 32)
    status, ask = server.call("POST", path, fresh, token=token)
    assert status == 401 and {"stages": ["m.oauth"]} in ask["flows"]
    url = ask["params"]["m.oauth"]["url"]
    again = {**fresh, "auth": {"session": ask["session"]}}
    assert server.call("POST", path, again, token=token)[0] == 401
    browser = Browser(server)
    page = browser.sign_in(alice, browser.get(url))
    page = browser.submit(page, "/reset")
    assert "Go back" in page
    assert server.call("POST", path, again, token=token)[0] == 200
    assert server.call("POST", path, cross_keys(alice.id, b"3" * 32), token=token)[0] == 401, "once"


def test_the_legacy_login_goes_on(server, client, alice):
    phone = alice.login(refresh_token=True)
    assert server.call("POST", V3 + "/refresh", {"refresh_token": phone.refresh})[0] == 200
    tokens = client.sign_in(alice)
    assert server.call("POST", V3 + "/refresh", {"refresh_token": tokens["refresh_token"]})[0] == 401
    assert client.refresh(phone.refresh)[1]["error"] == "invalid_grant"


def test_pages_speak_french_and_english(server, alice):
    page = Browser(server, "de, fr-FR;q=0.9, en;q=0.5").get("/_beffroi/account/sign-in")
    assert page.html.lang == "fr" and "Se connecter" in page and "Mot de passe" in page
    browser = Browser(server, "de")
    page = browser.get("/_beffroi/account/sign-in?next=_beffroi/oauth/link")
    assert page.html.lang == "en"
    page = browser.get(page.html.links["Français"])
    assert page.html.lang == "fr" and page.form("/sign-in")["fields"]["next"] == "_beffroi/oauth/link"
    assert browser.get("/_beffroi/account/register").html.lang == "fr", "the choice is kept"


def test_pages_are_accessible_and_without_script(server, client, alice):
    browser = Browser(server)
    pages = [browser.get("/_beffroi/account/sign-in"), browser.get("/_beffroi/account/register"),
             browser.get(client.authorize()), browser.sign_in(alice), browser.get(client.authorize())]
    pages += [browser.get("/_beffroi/account/" + x) for x in ("password", "deactivate", "reset", "confirm", "session?id=" + alice.device)]
    for page in pages:
        tags = [t for t, _ in page.html.tags]
        assert tags.count("main") == 1 and tags.count("h1") == 1 and "header" in tags and "script" not in tags
        assert not any(a.startswith("on") or a == "style" for _, attrs in page.html.tags for a in attrs)
        for tag, a in page.html.tags:
            if tag == "input" and a["type"] != "hidden":
                assert a["id"] in page.html.labels, a
                assert all(x in page.html.ids for x in a.get("aria-describedby", "").split())
                assert a["type"] == "checkbox" or "autocomplete" in a
    wrong = browser.submit(browser.get("/_beffroi/account/confirm"), "/confirm", {"password": "no"})
    assert any(a.get("role") == "alert" for _, a in wrong.html.tags) and wrong.body.index("<title>Error") > 0
    status, css, headers = server.call("GET", "/_beffroi/oauth/style.css", raw=True)
    assert status == 200 and headers["Content-Type"].startswith("text/css") and b"prefers-color-scheme: dark" in css


def test_grave_things_ask_again_after_a_while(tmp_path, new_store):
    """Ten minutes are not waited for: the session's time is moved back in the store."""
    store = new_store()
    if store:
        pytest.skip("the store is changed by hand: SQLite only")
    with oauth_server(tmp_path / "data", store) as server:
        alice, browser = server.user(), Browser(server)
        browser.sign_in(alice)
        assert "cannot be undone" in browser.get("/_beffroi/account/deactivate")
        with sqlite3.connect(tmp_path / "data" / "beffroi.db") as db:
            db.execute("UPDATE browser_session SET auth_ms = auth_ms - 660000")
        db.close()
        page = browser.get("/_beffroi/account/deactivate")
        assert "Confirm that it is you" in page
        page = browser.submit(page, "/confirm", {"password": alice.password})
        assert "cannot be undone" in page


def test_bad_bodies_are_never_a_fault_of_the_server(server, client):
    bodies = [b"", b"%", b"a=%zz", b"\xff\xfe", b"client_id=" + client.id.encode() + b"&client_id=x", b"grant_type=password&client_id=" + client.id.encode(),
              b"a=1&" * 100, b"token=%00", b"grant_type=authorization_code&code=%00&client_id=%00&redirect_uri=%00&code_verifier=%00"]
    for name in ("token", "revoke", "device", "authorize", "link"):
        for body in bodies:
            for kind in ("application/x-www-form-urlencoded", "application/json", ""):
                status, answer, _ = server.call("POST", "/_beffroi/oauth/" + name, body, headers={"Content-Type": kind}, raw=True)
                assert 200 <= status < 500, (name, body, answer)
    for query in ("client_id=%00", "client_id=" + "x" * 5000, "state=%ff", "response_type=code&response_type=code"):
        assert server.call("GET", "/_beffroi/oauth/authorize?" + query, raw=True)[0] == 400
