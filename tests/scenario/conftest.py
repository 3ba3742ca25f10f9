# SPDX-License-Identifier: AGPL-3.0-or-later
"""One server a module, on the store that BEFFROI_STORE_URL names; nothing it did may have been a fault."""
import os
import secrets
import subprocess

import pytest

from beffroid import Server


def fresh_database(url):
    """A database of its own on the PostgreSQL that url names: its connection string."""
    name = "t" + secrets.token_hex(6)
    subprocess.run(["psql", "-q", "-d", url, "-c", f"CREATE DATABASE {name}"], check=True)
    base, _, query = url.partition("?")
    head, _, _ = base.rpartition("/")
    return f"{head}/{name}" + (f"?{query}" if query else "")


def check_no_fault(server):
    assert server.metrics().get("beffroi_disclosure_faults_total", 0) == 0, server.log.read_text()[-3000:]
    errors = [x for x in server.log.read_text().splitlines() if " error " in x]
    assert errors == []


@pytest.fixture(scope="session")
def new_store():
    """Makes a store of its own for one more server."""
    url = os.environ.get("BEFFROI_STORE_URL", "")
    return lambda: fresh_database(url) if url else ""


@pytest.fixture(scope="module")
def store(new_store):
    return new_store()


@pytest.fixture(scope="module")
def server(tmp_path_factory, store):
    with Server(tmp_path_factory.mktemp("beffroi") / "data", store, ["--registration.shared_secret=complement"]) as s:
        yield s
        check_no_fault(s)


@pytest.fixture
def alice(server):
    return server.user()


@pytest.fixture
def bob(server):
    return server.user()
