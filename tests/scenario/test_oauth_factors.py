# SPDX-License-Identifier: AGPL-3.0-or-later
"""Second factors: one-time codes, recovery codes, passkeys; set up, asked for, removed, and attacked."""
import hashlib
import hmac
import re
import secrets

import pytest

from beffroid import V3
from conftest import check_no_fault
from keys import Passkey, totp
from oauth import Browser, Client, back, oauth_server


@pytest.fixture(scope="module")
def server(tmp_path_factory, store):
    with oauth_server(tmp_path_factory.mktemp("oauth") / "data", store) as s:
        yield s
        check_no_fault(s)


@pytest.fixture
def browser(server, alice):
    b = Browser(server)
    b.sign_in(alice)
    return b


def do(browser, what, page=None, **fields):
    page = page or browser.get("/_beffroi/account/factors")
    form = next(f for f in page.html.forms if ("do", what) in f["buttons"])
    return browser.post(form["action"], {**form["fields"], "do": what, **fields})


def set_up_totp(browser):
    """The secret and the recovery codes."""
    page = do(browser, "totp-begin")
    secret = re.search(r"<code>([A-Z2-7 ]+)</code>", page.body)[1]
    assert "otpauth://totp/" in page.body
    svg = next(a for tag, a in page.html.tags if tag == "svg")
    side = int(svg["viewbox"].split()[2])
    assert svg["role"] == "img" and svg["aria-label"] and (side - 8) % 4 == 1
    dark = {tuple(map(int, m)) for m in re.findall(r"M(\d+) (\d+)h1v1h-1z", page.body)}
    assert {(4 + i, 4) for i in range(7)} <= dark and (11, 4) not in dark, "the finder pattern, and light beside it"
    page = do(browser, "totp-set", page, code=totp(secret, -1))
    return secret, re.findall(r"<code>([a-z2-9]{4}(?:-[a-z2-9]{4}){3})</code>", page.body)


def data_of(page):
    return next(a for tag, a in page.html.tags if "data-passkey" in a)


def add_passkey(browser, key=None, name="Ma clé", **change):
    key = key or Passkey()
    page = browser.get("/_beffroi/account/passkey-new")
    page = browser.submit(page, "/passkey-new", {"name": name, **key.make(data_of(page), browser.server.url, **change)})
    return key, page


def use_passkey(browser, key, **change):
    page = browser.get("/_beffroi/account/passkey")
    return browser.submit(page, "/passkey", key.use(data_of(page), browser.server.url, **change))


def test_a_code_is_asked_after_the_password(server, alice, browser):
    secret, recovery = set_up_totp(browser)
    assert len(set(recovery)) == 10
    other = Browser(server)
    page = other.sign_in(alice)
    assert "Second factor" in page and "Second factor" in other.get("/_beffroi/account")
    wrong = "000000" if totp(secret) != "000000" else "000001"
    page = other.submit(page, "/second", {"code": wrong})
    assert page.status == 403 and "wrong" in page
    code = totp(secret)
    assert alice.id in other.submit(page, "/second", {"code": code})
    third = Browser(server)
    page = third.submit(third.sign_in(alice), "/second", {"code": code})
    assert page.status == 403, "a code holds once"
    assert alice.id in third.submit(page, "/second", {"code": totp(secret, 1)})
    assert third.submit(third.get("/_beffroi/account"), "/account", {"displayname": "x"}).status == 200


def test_the_code_of_the_set_up_is_used(server, alice, browser):
    page = do(browser, "totp-begin")
    secret = re.search(r"<code>([A-Z2-7 ]+)</code>", page.body)[1]
    assert "wrong" in (page := do(browser, "totp-set", page, code="12345")), "and one may try again"
    code = totp(secret)
    do(browser, "totp-set", page, code=code)
    other = Browser(server)
    assert other.submit(other.sign_in(alice), "/second", {"code": code}).status == 403


def test_recovery_codes_hold_once(server, alice, browser):
    secret, recovery = set_up_totp(browser)
    other = Browser(server)
    assert alice.id in other.submit(other.sign_in(alice), "/second", {"code": recovery[0].upper().replace("-", " ")})
    assert "9 / 10" in other.get("/_beffroi/account/factors")
    third = Browser(server)
    assert third.submit(third.sign_in(alice), "/second", {"code": recovery[0]}).status == 403
    page = do(other, "recovery")
    fresh = re.findall(r"<code>([a-z2-9]{4}(?:-[a-z2-9]{4}){3})</code>", page.body)
    assert third.submit(third.sign_in(alice), "/second", {"code": recovery[1]}).status == 403, "the old ones ended"
    assert alice.id in third.submit(third.sign_in(alice), "/second", {"code": fresh[0]})


def test_no_other_way_goes_around_it(server, alice, browser):
    set_up_totp(browser)
    status, answer = server.call("POST", V3 + "/login", {"type": "m.login.password", "password": alice.password,
                                                         "identifier": {"type": "m.id.user", "user": alice.name}})
    assert (status, answer["errcode"]) == (403, "M_FORBIDDEN") and "second factor" in answer["error"]
    client, other = Client(server), Browser(server)
    page = other.sign_in(alice, other.get(client.authorize()))
    assert "Second factor" in page
    page = other.get(client.authorize())
    assert "Second factor" in page, "half a sign-in consents to nothing"
    url = client.authorize()
    stolen = other.post(url, {"decision": "allow", "csrf": page.form("/second")["fields"]["csrf"]})
    assert "Second factor" in stolen or stolen.status == 403 or "Sign in" in stolen


def test_showing_again_who_one_is_takes_both(server, alice, browser):
    secret, recovery = set_up_totp(browser)
    page = browser.submit(browser.get("/_beffroi/account/confirm?next=_beffroi/account/password"), "/confirm", {"password": alice.password})
    assert "Second factor" in page and "Second factor" in browser.get("/_beffroi/account/password")
    page = browser.submit(page, "/second", {"code": recovery[0]})
    assert "Change the password" in page


def test_removing_it(server, alice, browser):
    set_up_totp(browser)
    page = do(browser, "totp-remove")
    assert "alone opens this account" in page
    assert alice.id in Browser(server).sign_in(alice)


def test_an_administrator_helps_who_has_lost_all(server, alice, browser):
    set_up_totp(browser)
    admin = make_admin(server)
    assert alice.ask("DELETE", f"/_beffroi/admin/v1/users/{alice.id}/factors")[0] == 403
    assert server.call("DELETE", f"/_beffroi/admin/v1/users/{alice.id}/factors", token=admin) == (200, {})
    assert alice.id in Browser(server).sign_in(alice)


def make_admin(server):
    name = "admin" + secrets.token_hex(4)
    nonce = server.call("GET", "/_synapse/admin/v1/register")[1]["nonce"]
    mac = hmac.new(b"complement", "\0".join([nonce, name, "admin-Secret-1", "admin"]).encode(), hashlib.sha1).hexdigest()
    return server.call("POST", "/_synapse/admin/v1/register", {"nonce": nonce, "username": name, "password": "admin-Secret-1",
                                                              "admin": True, "mac": mac})[1]["access_token"]


def test_signing_in_by_a_passkey(server, alice, browser):
    key, page = add_passkey(browser)
    assert "Recovery codes" in page
    assert "Ma clé" in browser.get("/_beffroi/account/factors")
    other = Browser(server)
    assert alice.id in use_passkey(other, key)
    client = Client(server)
    page = other.submit(other.get(client.authorize()), "/authorize", button=("decision", "allow"))
    assert client.exchange(back(page)["code"])[0] == 200


def test_a_passkey_is_a_second_factor(server, alice, browser):
    key, _ = add_passkey(browser)
    other = Browser(server)
    page = other.sign_in(alice)
    assert "Second factor" in page
    page = other.get(page.html.links["Use a passkey"])
    assert alice.id in other.submit(page, "/passkey", key.use(data_of(page), server.url))


def test_removing_a_passkey(server, alice, browser):
    key, _ = add_passkey(browser)
    assert "Ma clé" not in do(browser, "passkey-remove")
    assert use_passkey(Browser(server), key).status == 403
    assert alice.id in Browser(server).sign_in(alice)


@pytest.mark.parametrize("change", [{"origin": "https://evil.example"}, {"type": "webauthn.create"}, {"crossOrigin": True},
                                    {"challenge": "eA"}, {"flags": 0x01}, {"flags": 0x04}, {"step": 0}])
def test_passkey_answers_that_are_refused(server, alice, browser, change):
    """Another site, another ceremony, within a frame, an old challenge, nobody known or there, a copied key."""
    key, _ = add_passkey(browser)
    assert alice.id in use_passkey(Browser(server), key)
    page = use_passkey(Browser(server), key, **change)
    assert page.status == 403 and "not accepted" in page


def test_a_passkey_for_another_host(server, alice, browser):
    key, _ = add_passkey(browser)
    other = Browser(server)
    page = other.get("/_beffroi/account/passkey")
    d = {**data_of(page), "data-host": "evil.example"}
    assert other.submit(page, "/passkey", key.use(d, server.url)).status == 403


def test_a_passkey_answer_is_not_replayed(server, alice, browser):
    key, _ = add_passkey(browser)
    one, two = Browser(server), Browser(server)
    page = one.get("/_beffroi/account/passkey")
    answer = key.use(data_of(page), server.url)
    assert two.submit(two.get("/_beffroi/account/passkey"), "/passkey", answer).status == 403, "another browser's challenge"
    assert one.submit(page, "/passkey", answer).status == 403, "and it was used up by that"
    page = one.get("/_beffroi/account/passkey")
    answer = key.use(data_of(page), server.url)
    assert alice.id in one.submit(page, "/passkey", answer)
    again = Browser(server)
    again.cookies = dict(one.cookies)
    assert again.submit(again.get("/_beffroi/account/passkey"), "/passkey", answer).status == 403


def test_a_forged_signature(server, alice, browser):
    key, _ = add_passkey(browser)
    thief = Passkey()
    thief.id, thief.counter = key.id, 100
    assert use_passkey(Browser(server), thief).status == 403
    assert use_passkey(Browser(server), Passkey()).status == 403


@pytest.mark.parametrize("change", [{"origin": "https://evil.example"}, {"type": "webauthn.get"}, {"challenge": "eA"}, {"flags": 0x41}])
def test_passkeys_that_are_not_taken(server, alice, browser, change):
    key, page = add_passkey(browser, **change)
    assert page.status == 400 and "not accepted" in page
    assert use_passkey(Browser(server), key).status == 403


def test_a_passkey_of_somebody_else(server, alice, browser):
    key, _ = add_passkey(browser)
    bob, other = server.user(), Browser(server)
    other.sign_in(bob)
    assert add_passkey(other, key)[1].status == 400


def test_bad_passkey_forms(server, browser):
    for fields in ({}, {"id": "!", "client_data": "", "auth_data": "", "sig": ""}, {"id": "AA", "client_data": "e30", "auth_data": "AA", "sig": "AA"},
                   {"id": "AA", "client_data": "e30", "auth_data": "A" * 4000, "sig": "AA"}):
        for path in ("passkey", "passkey-new"):
            page = browser.get("/_beffroi/account/" + path)
            assert browser.submit(page, "/" + path, {"name": "x", **fields}).status in (400, 403)


def test_only_the_passkey_pages_have_a_script(server, browser):
    page = browser.get("/_beffroi/account/passkey")
    csp = page.headers["Content-Security-Policy"]
    assert "script-src 'self'" in csp and "unsafe" not in csp
    scripts = [a for tag, a in page.html.tags if tag == "script"]
    assert [a["src"] for a in scripts] == ["/_beffroi/oauth/passkey.js"] and "JavaScript" in page
    status, script, headers = server.call("GET", "/_beffroi/oauth/passkey.js", raw=True)
    assert status == 200 and headers["Content-Type"].startswith("text/javascript") and headers["X-Content-Type-Options"] == "nosniff"
    assert "script" not in browser.get("/_beffroi/account/factors").headers["Content-Security-Policy"]
