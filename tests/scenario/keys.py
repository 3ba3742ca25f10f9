# SPDX-License-Identifier: AGPL-3.0-or-later
"""Signatures for tests, slowly and in plain sight: ECDSA on P-256, RSA; a software passkey; one-time codes."""
import base64
import hashlib
import hmac
import json
import secrets
import struct
import time

P = 2**256 - 2**224 + 2**192 + 2**96 - 1
N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
G = (0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
     0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5)


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def add(p, q):
    if p is None or q is None:
        return p or q
    if p[0] == q[0] and (p[1] + q[1]) % P == 0:
        return None
    m = (3 * p[0] * p[0] - 3) * pow(2 * p[1], -1, P) if p == q else (q[1] - p[1]) * pow(q[0] - p[0], -1, P)
    x = (m * m - p[0] - q[0]) % P
    return x, (m * (p[0] - x) - p[1]) % P


def mul(k, p):
    r = None
    while k:
        r = add(r, p) if k & 1 else r
        p, k = add(p, p), k >> 1
    return r


class P256:
    def __init__(self):
        self.d = secrets.randbelow(N - 1) + 1
        self.x, self.y = mul(self.d, G)

    def sign(self, data):
        """r and s."""
        k = secrets.randbelow(N - 1) + 1
        r = mul(k, G)[0] % N
        return r, pow(k, -1, N) * (int.from_bytes(hashlib.sha256(data).digest(), "big") + r * self.d) % N

    def sign_der(self, data):
        parts = b"".join(b"\x02" + bytes([len(i)]) + i for i in (v.to_bytes(v.bit_length() // 8 + 1, "big") for v in self.sign(data)))
        return b"\x30" + bytes([len(parts)]) + parts

    def jwk(self, kid):
        return {"kty": "EC", "crv": "P-256", "x": b64(self.x.to_bytes(32, "big")), "y": b64(self.y.to_bytes(32, "big")), "kid": kid, "use": "sig"}

    alg = "ES256"

    def jws_signature(self, data):
        return b"".join(v.to_bytes(32, "big") for v in self.sign(data))


def is_prime(n):
    if any(n % p == 0 for p in (3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37)):
        return False
    d, r = n - 1, 0
    while d % 2 == 0:
        d, r = d // 2, r + 1
    for _ in range(12):
        x = pow(secrets.randbelow(n - 3) + 2, d, n)
        if x in (1, n - 1):
            continue
        for _ in range(r - 1):
            x = x * x % n
            if x == n - 1:
                break
        else:
            return False
    return True


class RSA:
    alg = "RS256"

    def __init__(self, bits=2048):
        def prime():
            while True:
                n = secrets.randbits(bits // 2) | 3 << (bits // 2 - 2) | 1
                if n % 65537 != 1 and is_prime(n):
                    return n
        p, q = prime(), prime()
        self.n, self.d, self.bytes = p * q, pow(65537, -1, (p - 1) * (q - 1)), bits // 8

    def jws_signature(self, data):
        info = bytes.fromhex("3031300d060960864801650304020105000420") + hashlib.sha256(data).digest()
        padded = b"\x00\x01" + b"\xff" * (self.bytes - len(info) - 3) + b"\x00" + info
        return pow(int.from_bytes(padded, "big"), self.d, self.n).to_bytes(self.bytes, "big")

    def jwk(self, kid):
        return {"kty": "RSA", "n": b64(self.n.to_bytes(self.bytes, "big")), "e": "AQAB", "kid": kid, "alg": "RS256"}


def jws(key, kid, claims, **header):
    head = {"alg": key.alg, "kid": kid, "typ": "JWT", **header}
    data = b64(json.dumps({k: v for k, v in head.items() if v is not None}).encode()) + "." + b64(json.dumps(claims).encode())
    return data + "." + b64(key.jws_signature(data.encode()))


class Passkey:
    """An authenticator with one credential."""

    def __init__(self):
        self.key, self.id, self.counter = P256(), secrets.token_bytes(32), 0

    def _client_data(self, kind, challenge, origin, change):
        return json.dumps({"type": kind, "challenge": challenge, "crossOrigin": False, "origin": origin, **change}).encode()

    def _auth_data(self, host, flags):
        return hashlib.sha256(host.encode()).digest() + bytes([flags]) + struct.pack(">I", self.counter)

    def make(self, d, site, flags=0x45, **change):
        cose = bytes.fromhex("a5010203262001215820") + self.key.x.to_bytes(32, "big") + bytes.fromhex("225820") + self.key.y.to_bytes(32, "big")
        data = self._auth_data(d["data-host"], flags) + b"\0" * 16 + struct.pack(">H", len(self.id)) + self.id + cose
        return {"id": b64(self.id), "client_data": b64(self._client_data("webauthn.create", d["data-challenge"], site, change)), "auth_data": b64(data)}

    def use(self, d, site, flags=0x05, step=1, **change):
        self.counter += step
        data = self._auth_data(d["data-host"], flags)
        client = self._client_data("webauthn.get", d["data-challenge"], site, change)
        return {"id": b64(self.id), "client_data": b64(client), "auth_data": b64(data),
                "sig": b64(self.key.sign_der(data + hashlib.sha256(client).digest()))}


def totp(secret, step=0):
    """The code of a base32 secret, steps of 30 s from now."""
    key = base64.b32decode(secret.replace(" ", ""))
    mac = hmac.new(key, struct.pack(">Q", int(time.time()) // 30 + step), hashlib.sha1).digest()
    at = mac[19] & 15
    return f"{(struct.unpack('>I', mac[at:at + 4])[0] & 0x7fffffff) % 1000000:06}"
