"""What every module of tests of change data capture starts with; each imports the fixtures that it needs."""
import os
import random

import pytest

from cdc_world import Service, log_server
from harness import postgres18_bin

SEED = int(os.environ.get("NILUS_TEST_SEED", str(random.randrange(1 << 30))))


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with log_server(tmp_path_factory.mktemp("pg")) as running:
        yield running


@pytest.fixture(scope="module")
def server18(tmp_path_factory):
    binaries = postgres18_bin()
    if binaries is None:
        pytest.skip("PostgreSQL 18 is only pinned for x86-64")
    with log_server(tmp_path_factory.mktemp("pg18"), binaries=binaries) as running:
        yield running


@pytest.fixture
def source(server):
    return server.create_database()


@pytest.fixture(autouse=True)
def no_service_is_left():
    yield
    Service.end_all()
