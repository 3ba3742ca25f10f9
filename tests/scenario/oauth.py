# SPDX-License-Identifier: AGPL-3.0-or-later
"""A browser without script and a client of the OAuth 2.0 API: the standard library only."""
import base64
import hashlib
import html.parser
import http.client
import json
import secrets
import urllib.parse

from beffroid import Server

CLIENT = {"client_name": "Essai", "client_uri": "https://app.example.org/",
          "redirect_uris": ["https://app.example.org/back", "https://app.example.org/back?x=1"],
          "grant_types": ["authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:device_code"],
          "response_types": ["code"], "token_endpoint_auth_method": "none"}
REDIRECT = CLIENT["redirect_uris"][0]


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Forms(html.parser.HTMLParser):
    """What a page has: its title and heading, forms with their fields and buttons, links, labels."""

    def __init__(self, text):
        super().__init__()
        self.forms, self.links, self.labels, self.ids, self.lang, self.tags = [], {}, set(), set(), None, []
        self.words, self._href, self._stack = [], None, []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        a = dict(attrs)
        self.tags.append((tag, a))
        if "id" in a:
            assert a["id"] not in self.ids, "an id twice"
            self.ids.add(a["id"])
        if tag == "html":
            self.lang = a["lang"]
        elif tag == "form":
            self.forms.append({"action": a["action"], "method": a["method"], "fields": {}, "buttons": []})
        elif tag == "input" and self.forms and (a["type"] != "checkbox" or "checked" in a):
            self.forms[-1]["fields"][a["name"]] = a.get("value", "")
        elif tag == "button":
            self.forms[-1]["buttons"].append((a.get("name"), a.get("value")))
        elif tag == "label":
            self.labels.add(a["for"])
        elif tag == "a":
            self._href = a["href"]

    def handle_data(self, data):
        self.words.append(data)
        if self._href:
            self.links[data.strip()] = self._href
            self._href = None

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())


class Page:
    def __init__(self, status, headers, body, url):
        self.status, self.headers, self.body, self.url = status, headers, body, url
        self.html = Forms(body) if headers.get("Content-Type", "").startswith("text/html") else None

    def form(self, path):
        return next(f for f in self.html.forms if f["action"].partition("?")[0].endswith(path))

    def __contains__(self, words):
        return words in self.html.text


class Browser:
    """Keeps cookies, follows redirects within the server, fills in forms."""

    def __init__(self, server, language=None):
        self.server, self.cookies, self.language = server, {}, language

    def ask(self, method, url, body=None, headers=None, follow=True):
        for _ in range(8):
            path = url[len(self.server.url):] if url.startswith(self.server.url) else url
            if not path.startswith("/"):
                return Page(0, {}, "", url)             # somebody else's
            c = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=30)
            h = {"Accept": "text/html,*/*;q=0.8", "Cookie": "; ".join(f"{k}={v}" for k, v in self.cookies.items()), **(headers or {})}
            if self.language:
                h["Accept-Language"] = self.language
            if body is not None:
                h.setdefault("Content-Type", "application/x-www-form-urlencoded")
                h.setdefault("Origin", self.server.url)
            c.request(method, path, body, h)
            r = c.getresponse()
            text, self.last = r.read().decode(), r
            for line in r.headers.get_all("Set-Cookie") or []:
                name, _, value = line.partition(";")[0].partition("=")
                self.cookies[name] = value
                assert "HttpOnly" in line and "SameSite=Lax" in line
            c.close()
            if r.status not in (302, 303) or not follow:
                return Page(r.status, dict(r.getheaders()), text, url)
            method, url, body, headers = "GET", r.headers["Location"], None, None
        raise AssertionError("redirects without end")

    def get(self, url, **more):
        return self.ask("GET", url, **more)

    def post(self, path, fields, **more):
        return self.ask("POST", path, urllib.parse.urlencode(fields), **more)

    def submit(self, page, path, fields=None, button=None, **more):
        form = page.form(path)
        return self.post(form["action"], {**form["fields"], **({button[0]: button[1]} if button else {}), **(fields or {})}, **more)

    def sign_in(self, user, page=None, **more):
        page = page or self.get("/_beffroi/account/sign-in")
        return self.submit(page, "/sign-in", {"username": user.name, "password": user.password}, **more)


class Client:
    """A registered client of the API."""

    def __init__(self, server, **metadata):
        self.server = server
        self.meta = server.call("GET", "/_matrix/client/v1/auth_metadata")[1]
        status, answer = self.register({**CLIENT, **metadata})
        assert status == 201, answer
        self.id = answer["client_id"]
        self.redirect = answer["redirect_uris"][0] if answer.get("redirect_uris") else None

    def register(self, metadata):
        return self.server.call("POST", self.path("registration_endpoint"), metadata)

    def path(self, name):
        return self.meta[name][len(self.server.url):]

    def authorize(self, **change):
        """A fresh request's address; its verifier and state are kept."""
        self.verifier, self.state, self.device = b64(secrets.token_bytes(32)), secrets.token_hex(8), secrets.token_hex(5).upper()
        q = {"response_type": "code", "client_id": self.id, "redirect_uri": self.redirect, "state": self.state,
             "scope": f"urn:matrix:client:api:* urn:matrix:client:device:{self.device}", "response_mode": "query",
             "code_challenge": b64(hashlib.sha256(self.verifier.encode()).digest()), "code_challenge_method": "S256", **change}
        return self.path("authorization_endpoint") + "?" + urllib.parse.urlencode({k: v for k, v in q.items() if v is not None})

    def post(self, name, fields):
        status, body, headers = self.server.call("POST", self.path(name), urllib.parse.urlencode(fields),
                                                 headers={"Content-Type": "application/x-www-form-urlencoded"}, raw=True)
        assert status < 500, body
        return status, json.loads(body)

    def exchange(self, code, **change):
        return self.post("token_endpoint", {"grant_type": "authorization_code", "code": code, "redirect_uri": self.redirect,
                                            "client_id": self.id, "code_verifier": self.verifier, **change})

    def refresh(self, token, **change):
        return self.post("token_endpoint", {"grant_type": "refresh_token", "refresh_token": token, "client_id": self.id, **change})

    def code(self, browser, user=None, **change):
        """All that a person does: sign in if need be, allow. The parameters that came back."""
        page = browser.get(self.authorize(**change))
        if page.html and any(f["action"].endswith("/sign-in") for f in page.html.forms):
            page = browser.sign_in(user, page)
        page = browser.submit(page, "/authorize", button=("decision", "allow"))
        return back(page)

    def sign_in(self, user, browser=None):
        status, tokens = self.exchange(self.code(browser or Browser(self.server), user)["code"])
        assert status == 200, tokens
        return tokens


def back(page):
    """The parameters of the redirect to a client."""
    assert page.status == 0, (page.status, page.url, page.body[:2000])
    u = urllib.parse.urlsplit(page.url)
    return dict(urllib.parse.parse_qsl(u.fragment or u.query))


def oauth_server(data, store, *options, **more):
    """A server whose pages are at its own address."""
    s = Server(data, store, ["--registration.shared_secret=complement", *options], **more)
    s.options.append(f"--server.public_baseurl={s.url}/")
    return s
