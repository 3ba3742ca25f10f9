# SPDX-License-Identifier: AGPL-3.0-or-later
"""A server for conversations of clients: BEFFROI_URL, or one of the test's own."""
import os
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "scenario"))

import beffroid  # noqa: E402


@pytest.fixture
def server_url(tmp_path):
    if os.environ.get("BEFFROI_URL"):
        yield os.environ["BEFFROI_URL"]
        return
    with beffroid.Server(tmp_path / "data") as server:
        yield server.url
