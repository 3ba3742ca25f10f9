# SPDX-License-Identifier: AGPL-3.0-or-later
"""One-time keys: each is given to one person only, whoever asks at the same time, and none is lost."""
import threading

PEOPLE, KEYS, CLAIMERS = 20, 6, 4


def test_keys_claimed_by_many_at_once_are_given_once_each(server, alice):
    people = [server.user() for _ in range(PEOPLE)]
    for p in people:
        p.ok("POST", "/keys/upload", {"one_time_keys": {f"alg:{k}": f"{p.id} {k}" for k in range(KEYS)}})
    ask = {"one_time_keys": {p.id: {p.device: "alg"} for p in people}}
    given, failed = [], []

    def claim():
        for _ in range(KEYS):
            status, answer = alice.ask("POST", "/keys/claim", ask)
            if status != 200:
                failed.append(answer)
                continue
            for user, devices in answer["one_time_keys"].items():
                (keys,) = devices.values()
                given.extend((user, name, key) for name, key in keys.items())

    threads = [threading.Thread(target=claim) for _ in range(CLAIMERS)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert failed == []
    assert sorted(given) == sorted((p.id, f"alg:{k}", f"{p.id} {k}") for p in people for k in range(KEYS))
    assert people[0].ok("POST", "/keys/upload", {})["one_time_key_counts"].get("alg", 0) == 0
