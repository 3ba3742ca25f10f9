# SPDX-License-Identifier: AGPL-3.0-or-later
"""State resolution against Synapse's own, over random rooms: `make test` runs a few, resolve.py many."""
import os
import pathlib
import random

import pytest

import resolve

PROGRAM = pathlib.Path(os.environ["BEFFROID"]).parent.parent / "tests/differential/resolve_lines"
ROOMS = 200


@pytest.mark.parametrize("versions", [["1"], ["2", "3", "4", "5", "6", "7", "8", "9", "10", "11"], ["12"]],
                         ids=["version 1", "versions 2 to 11", "version 12"])
def test_every_server_finds_the_same_state(versions):
    ours, resolved = resolve.Ours(PROGRAM), 0
    for seed in range(ROOMS):
        try:
            room = resolve.Room(versions[seed % len(versions)], random.Random(seed), ours)
            room.grow(24)
        except resolve.Difference as d:
            pytest.fail(f"seed {seed}:\n{resolve.explain(d)}")
        resolved += room.resolved
    assert resolved > ROOMS
