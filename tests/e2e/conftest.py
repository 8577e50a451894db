import pytest

from harness import Nilus, Postgres, postgres18_bin


@pytest.fixture(scope="session")
def postgres(tmp_path_factory):
    """A PostgreSQL 15 server of its own, with trust authentication on loopback."""
    with Postgres(tmp_path_factory.mktemp("pg15")) as server:
        yield server


@pytest.fixture(scope="session")
def postgres18_binaries():
    binaries = postgres18_bin()
    if binaries is None:
        pytest.skip("PostgreSQL 18 is only pinned for x86-64")
    return binaries


@pytest.fixture(scope="session")
def postgres18(tmp_path_factory, postgres18_binaries):
    with Postgres(tmp_path_factory.mktemp("pg18"), postgres18_binaries) as server:
        yield server


@pytest.fixture
def database(postgres):
    """A fresh, empty database."""
    return postgres.create_database()


@pytest.fixture
def nilus(tmp_path):
    return Nilus(tmp_path)
