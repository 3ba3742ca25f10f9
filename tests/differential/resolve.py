#!/usr/bin/env python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Random rooms resolved by Synapse's own code and by ours: is the state the same?

    resolve.py PROGRAM [--rooms N] [--seed S] [--versions 1,2,...]

PROGRAM is resolve_lines. A room grows by events of several people on several
branches: joins, bans, kicks, power fights, join rules, names; some are refused
and kept as rejected. Wherever branches meet, their states are resolved, by
both. Needs matrix-synapse from PyPI. Prints the first difference with its
seed; the last line is "N resolutions, M differences".
"""
import argparse
import json
import random
import subprocess
import sys

from synapse import event_auth
from synapse.api.errors import AuthError
from synapse.api.room_versions import KNOWN_ROOM_VERSIONS
from synapse.events import make_event_from_dict
from synapse.state import v1, v2
from synapse.storage.databases.main.event_federation import StateDifference

PEOPLE = ["@creator:a", "@adam:a", "@beth:b", "@carl:c", "@dora:b"]


def run(coroutine):
    """Of a coroutine that never waits: its result."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        return end.value
    raise AssertionError("it waited")


class Clock:
    async def sleep(self, _):
        pass


class Store:
    """What Synapse asks of its database, from memory."""

    def __init__(self):
        self.events = {}

    async def get_events(self, ids, allow_rejected=False):
        return {i: self.events[i] for i in ids if i in self.events}

    def chain(self, ids):
        seen, todo = set(), list(ids)
        while todo:
            i = todo.pop()
            if i not in seen:
                seen.add(i)
                todo += self.events[i].auth_event_ids()
        return seen

    async def get_auth_chain_difference(self, room_id, sets, conflicted, _):
        chains = [self.chain(s) for s in sets]
        difference = set.union(*chains) - set.intersection(*chains)
        subgraph = None
        if conflicted is not None:
            below = self.chain(conflicted)
            subgraph = {i for i in below if self.chain([i]) & conflicted}
        return StateDifference(auth_difference=difference, conflicted_subgraph=subgraph)


class Room:
    def __init__(self, version, rng, ask):
        self.version, self.rng, self.ask = KNOWN_ROOM_VERSIONS[version], rng, ask
        self.store, self.after, self.tips, self.n, self.resolved = Store(), {}, [], 0, 0
        self.hashed = getattr(self.version, "msc4291_room_ids_as_hashes", False)
        self.room_id = "!room:a"
        create = {"room_version": version}
        if not self.version.implicit_room_creator:
            create["creator"] = PEOPLE[0]
        self.add(PEOPLE[0], "m.room.create", "", create, [])
        self.add(PEOPLE[0], "m.room.member", PEOPLE[0], {"membership": "join"})
        users = {} if getattr(self.version, "msc4289_creator_power_enabled", False) else {PEOPLE[0]: 100}
        self.add(PEOPLE[0], "m.room.power_levels", "", {"users": users})
        self.add(PEOPLE[0], "m.room.join_rules", "", {"join_rule": "public"})
        for who in rng.sample(PEOPLE[1:], 2):
            self.add(who, "m.room.member", who, {"membership": "join"})

    def resolve(self, states):
        if all(s == states[0] for s in states):
            return dict(states[0])
        if self.version.state_res == 1:
            async def fetch(ids):
                return {i: self.store.events[i] for i in ids if self.store.events[i].rejected_reason is None}
            theirs = run(v1.resolve_events_with_store(self.room_id, self.version, states, None, fetch))
        else:
            theirs = dict(run(v2.resolve_events_with_store(Clock(), self.room_id, self.version, states, None, self.store)))
        ours = self.ask(self.version.identifier, self.store.events, states)
        self.resolved += 1
        if ours != dict(theirs):
            raise Difference(self, states, dict(theirs), ours)
        return dict(theirs)

    def make(self, sender, kind, key, content, prev, state):
        depth = 1 + max((self.store.events[p].depth for p in prev), default=0)
        self.n += 1
        fields = {"type": kind, "sender": sender, "content": content, "depth": depth,
                  "origin_server_ts": 1000 + self.rng.randrange(self.n // 2 + 1), "hashes": {"sha256": str(self.n)},
                  "signatures": {}, "unsigned": {}, "prev_events": prev, "auth_events": []}
        if key is not None:
            fields["state_key"] = key
        if not (self.hashed and kind == "m.room.create"):
            fields["room_id"] = self.room_id
        if self.version.event_format == 1:
            fields["event_id"] = f"${self.n}x{self.rng.randrange(1000)}:a"
        bare = self.event(fields)
        auth = [state[k] for k in event_auth.auth_types_for_event(self.version, bare)
                if k in state and not (self.hashed and k[0] == "m.room.create")]
        self.rng.shuffle(auth)
        fields["auth_events"] = auth
        return fields

    def event(self, fields, rejected=None):
        fields = dict(fields)
        if self.version.event_format == 1:
            for name in ("prev_events", "auth_events"):
                fields[name] = [[i, {"sha256": "x"}] for i in fields[name]]
        return make_event_from_dict(fields, self.version, rejected_reason=rejected)

    def add(self, sender, kind, key, content, prev=None):
        prev = self.tips if prev is None else prev
        states = [self.after[p] for p in prev]
        state = self.resolve(states) if len(states) > 1 else dict(states[0]) if states else {}
        fields = self.make(sender, kind, key, content, sorted(prev), state)
        ev = self.event(fields)
        if kind == "m.room.create" and self.hashed:
            self.room_id = "!" + ev.event_id[1:]
        try:
            event_auth.check_state_dependent_auth_rules(ev, [self.store.events[i] for i in ev.auth_event_ids()])
            event_auth.check_state_dependent_auth_rules(ev, [self.store.events[i] for i in state.values()])
            if key is not None:
                state[(kind, key)] = ev.event_id
        except AuthError:
            ev = self.event(fields, "refused")
        self.store.events[ev.event_id] = ev
        self.after[ev.event_id] = state
        self.tips = [t for t in self.tips if t not in prev] + [ev.event_id]
        return ev

    def some_act(self):
        """What somebody does next, mostly somebody who is there."""
        rng, who, whom = self.rng, self.rng.choice(PEOPLE), self.rng.choice(PEOPLE)
        free = getattr(self.version, "msc4289_creator_power_enabled", False)
        users = {p: rng.choice([0, 50, 50, 100, 99]) for p in rng.sample(PEOPLE, rng.randrange(1, 4))
                 if not (free and p == PEOPLE[0])}
        if not free and rng.random() < 0.8:
            users[PEOPLE[0]] = 100
        act = rng.choice(["join", "leave", "kick", "ban", "ban", "unban", "invite", "levels", "levels", "rules", "topic", "name"])
        member = lambda key, membership: ("m.room.member", key, {"membership": membership})
        made = {"join": member(who, "join"), "leave": member(who, "leave"), "kick": member(whom, "leave"),
                "ban": member(whom, "ban"), "unban": member(whom, "leave"), "invite": member(whom, "invite"),
                "levels": ("m.room.power_levels", "", {"users": users, "state_default": rng.choice([0, 50]),
                                                       "ban": rng.choice([50, 50, 0]), "users_default": rng.choice([0, 0, 50])}),
                "rules": ("m.room.join_rules", "", {"join_rule": rng.choice(["public", "invite"])}),
                "topic": ("m.room.topic", "", {"topic": str(rng.random())}),
                "name": ("org.example", rng.choice(["", "x"]), {"n": rng.random()})}[act]
        return who, *made

    def grow(self, steps):
        rng = self.rng
        for _ in range(steps):
            known = sorted(self.after)
            recent = sorted(known, key=lambda i: self.store.events[i].depth)[-8:]
            how = rng.random()
            if how < 0.35:
                prev = [rng.choice(recent)]             # a branch from something older
            elif how < 0.6:
                prev = rng.sample(recent, min(len(recent), rng.randrange(2, 4)))
            else:
                prev = [rng.choice(self.tips)]
            self.add(*self.some_act(), prev)
        self.resolve([self.after[t] for t in self.tips] if len(self.tips) > 1 else [self.after[t] for t in recent])


class Difference(Exception):
    pass


class Ours:
    def __init__(self, program):
        self.child = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __call__(self, version, events, states):
        sets = [[[t, k, i] for (t, k), i in s.items()] for s in states]
        for s in sets:
            random.shuffle(s)
        shuffled = sorted(sets, key=lambda _: random.random())
        pdus = [{"id": i, "rejected": e.rejected_reason is not None, "pdu": e.get_pdu_json()} for i, e in events.items()]
        self.child.stdin.write(json.dumps({"version": version, "events": pdus, "sets": shuffled}) + "\n")
        self.child.stdin.flush()
        answer = json.loads(self.child.stdout.readline())
        return answer if isinstance(answer, str) else {(t, k): i for t, k, i in answer}


def explain(difference):
    room, states, theirs, ours = difference.args
    names = {}
    for i, e in room.store.events.items():
        names[i] = f"{e.type} {e.get('state_key')} by {e.sender} {json.dumps(dict(e.content))[:80]}" + \
            (" REJECTED" if e.rejected_reason else "")
    if isinstance(ours, str):
        return ours
    return "\n".join(f"{key}: Synapse {names.get(theirs.get(key))}, we {names.get(ours.get(key))}"
                     for key in sorted(set(theirs) | set(ours)) if theirs.get(key) != ours.get(key))


def main():
    p = argparse.ArgumentParser()
    p.add_argument("program")
    p.add_argument("--rooms", type=int, default=100)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--steps", type=int, default=24)
    p.add_argument("--versions", default="1,2,3,4,5,6,7,8,9,10,11,12")
    o = p.parse_args()
    ours, resolved, differences = Ours(o.program), 0, 0
    versions = o.versions.split(",")
    for i in range(o.rooms):
        seed = o.seed + i
        version = versions[seed % len(versions)]
        try:
            room = Room(version, random.Random(seed), ours)
            room.grow(o.steps)
        except Difference as d:
            differences += 1
            if differences < 4:
                print(f"seed {seed}, version {version}:\n{explain(d)}", flush=True)
            room = d.args[0]
        resolved += room.resolved
    print(f"{o.rooms} rooms, {resolved} resolutions, {differences} differences")
    return 1 if differences or resolved < o.rooms else 0


if __name__ == "__main__":
    sys.exit(main())
