"""What every module of tests of change data capture starts with; each imports the fixtures that it needs."""
import os
import random

import pytest

from cdc_world import Service, log_server

SEED = int(os.environ.get("NILUS_TEST_SEED", str(random.randrange(1 << 30))))


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with log_server(tmp_path_factory.mktemp("pg")) as running:
        yield running


@pytest.fixture(scope="module")
def server18(tmp_path_factory, postgres18_binaries):
    with log_server(tmp_path_factory.mktemp("pg18"), binaries=postgres18_binaries) as running:
        yield running


@pytest.fixture
def source(server):
    return server.create_database()


@pytest.fixture(autouse=True)
def no_service_is_left():
    yield
    Service.end_all()
