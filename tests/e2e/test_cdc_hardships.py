"""Change data capture while servers restart, connections are cut and destinations are away: nothing is lost, nothing doubled, and
every state that a reader sees is one of the source's."""
import contextlib
import hashlib
import os
import random
import threading

import pytest

from cdc_fixtures import SEED, server, server18  # noqa: F401
from cdc_world import ENDS, LakehouseEnd, PostgresEnd, Service, SqliteEnd, Workload, log_server
from tcp_proxy import TcpProxy

RESTARTS = int(os.environ.get("NILUS_CDC_RESTARTS", "20"))
CUTS = int(os.environ.get("NILUS_CDC_CUTS", "20"))


@pytest.fixture(autouse=True)
def no_service_is_left():
    print(f"seed {SEED}")
    yield
    Service.end_all()


class Through:
    """A database as it is reached through a proxy."""

    def __init__(self, database, proxy):
        self.name, self.server, self.execute = database.name, database.server, database.execute
        self.uri = f"postgresql://postgres@127.0.0.1:{proxy.port}/{database.name}"


@contextlib.contextmanager
def balances_watched(end, accounts):
    """Every state that is seen meanwhile has all accounts and their whole sum."""
    sums, done = set(), threading.Event()

    def look():
        with contextlib.closing(end.database.server.connect(end.database.name)) as connection, connection.cursor() as cursor:
            while not done.is_set():
                cursor.execute("SELECT sum(balance), count(*) FROM lake.shop_public_accounts")
                sums.add(tuple(map(int, cursor.fetchone())))

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()
    assert sums == {(100 * accounts, accounts)}


def test_balances_hold_while_the_service_is_killed(nilus, tmp_path, server):
    source = server.create_database()
    workload = Workload(source, SEED)
    end = PostgresEnd(tmp_path, server)
    service = Service(nilus, source, end).start()
    service.settle()
    chance = random.Random(SEED)
    with balances_watched(end, workload.accounts):
        for _ in range(6):
            workload.run(10)
            with contextlib.suppress(Exception):
                service.process.wait(timeout=chance.uniform(0, 0.3))
            service.kill()
            workload.run(3)
            service.start(NILUS_FAULT_RANDOM_KILL=f"{chance.randrange(1 << 30)}:40")
        service.process.kill()
        service.process.communicate()
        service.start()
        workload.run(20)
        service.settle()
    service.stop()
    workload.expect_equal(end)


def test_a_source_that_restarts_again_and_again(nilus, tmp_path):
    with log_server(tmp_path) as own:
        source = own.create_database()
        workload = Workload(source, SEED)
        end = SqliteEnd(tmp_path, None)
        service = Service(nilus, source, end).start()
        service.settle()
        for _ in range(RESTARTS):
            workload.run(6)
            own.stop("immediate")
            own.start()
        workload.run(6)
        service.settle()
        assert service.stop()["is_success"]
        workload.expect_equal(end)


@pytest.mark.parametrize("kind", [PostgresEnd, LakehouseEnd], ids=lambda kind: kind.kind)
def test_connections_that_are_cut_and_slow(kind, nilus, tmp_path, server):
    source = server.create_database()
    workload = Workload(source, SEED)
    with TcpProxy(server.port, SEED) as proxy:
        end = kind(tmp_path, server)
        service = Service(nilus, Through(source, proxy), end, **{"snapshot.max.threads": "2"}).start()
        chance = random.Random(SEED)
        for turn in range(CUTS):
            workload.run(5)
            proxy.delay_seconds = chance.choice([0, 0, 0.001, 0.01])
            if turn % 3 == 2:
                proxy.cut_after(chance.choice([2_000, 40_000, 400_000]))
                workload.run(3)
                proxy.cut_after(None)
            proxy.cut()
        proxy.delay_seconds = 0
        workload.run(5)
        service.settle()
        assert service.stop()["is_success"]
        assert proxy.cuts > 0, "connections were cut"
        workload.expect_equal(end)


def test_a_sink_behind_a_connection_that_is_cut(nilus, tmp_path, server):
    source = server.create_database()
    workload = Workload(source, SEED)
    end = PostgresEnd(tmp_path, server)
    with TcpProxy(server.port, SEED) as proxy:
        end.address = end.address.replace(str(server.port), str(proxy.port))
        service = Service(nilus, source, end).start()
        for turn in range(CUTS):
            workload.run(4)
            if turn % 2:
                proxy.cut_after(30_000)  # also between a commit and its answer
                workload.run(4)
                proxy.cut_after(None)
            proxy.cut()
        service.settle()
        assert service.stop()["is_success"]
        workload.expect_equal(end)


def peak_bytes(process):
    with open(f"/proc/{process.pid}/status") as lines:
        return next(int(line.split()[1]) << 10 for line in lines if line.startswith("VmHWM:"))


def test_a_sink_that_is_away_for_long(nilus, tmp_path, server):
    """What the source writes meanwhile, more than the service may hold, is loaded once the sink is back."""
    source = server.create_database()
    workload = Workload(source, SEED)
    source.execute("CREATE TABLE bulk (id bigint PRIMARY KEY, payload text)")
    with log_server(tmp_path) as sink_server:
        end = PostgresEnd(tmp_path, sink_server)
        service = Service(nilus, source, end, name="patient").start()
        service.settle()
        before = peak_bytes(service.process)
        sink_server.stop()
        for part in range(20):
            workload.run(10)
            source.execute("INSERT INTO bulk SELECT %s * 5000 + i, repeat(md5(i::text), 60) FROM generate_series(1, 5000) i", (part,))
        sink_server.start()
        service.settle()
        grown = peak_bytes(service.process) - before
        assert service.stop()["is_success"]
        if "ASAN_OPTIONS" not in os.environ:  # it keeps what is freed
            assert grown < 128 << 20, f"the service has grown by {grown >> 20} MiB"
        workload.expect_equal(end)
        assert end.database.execute("SELECT count(*), sum(length(payload)) FROM lake.shop_public_bulk") == source.execute(
            "SELECT count(*), sum(length(payload)) FROM bulk")


@pytest.mark.parametrize("kind", ENDS, ids=lambda kind: kind.kind)
def test_postgresql_18_is_followed(kind, nilus, tmp_path, server18, server):
    source = server18.create_database()
    workload = Workload(source, SEED)
    end = kind(tmp_path, server18)
    service = Service(nilus, source, end).start()
    for _ in range(3):
        workload.run(20)
        service.kill()
        workload.run(5)
        service.start()
    workload.run(20)
    service.settle()
    assert service.stop()["is_success"]
    workload.expect_equal(end)


@pytest.mark.parametrize("version", ["2", "3"])
def test_a_transaction_larger_than_the_memory(version, nilus, tmp_path, server):
    """In many parts, which change what earlier ones wrote; then one that leaves large values as they were, out of the table's files."""
    source = server.create_database()
    source.execute("CREATE TABLE items (id int, part int, v text, big text, PRIMARY KEY (id, part)); ALTER TABLE items ALTER big SET STORAGE EXTERNAL")
    end = LakehouseEnd(tmp_path, server)
    service = Service(nilus, source, end, memory="64Mi", sink_options={"format_version": version}).start()
    service.settle()
    with contextlib.closing(server.connect(source.name)) as connection, connection.cursor() as cursor:
        cursor.execute("INSERT INTO items SELECT i, i % 5, 'a', (SELECT string_agg(md5(i::text || j), '') FROM generate_series(1, 300) j) FROM generate_series(1, 8000) i")
        cursor.execute("UPDATE items SET v = 'b' WHERE id % 2 = 0")
        cursor.execute("UPDATE items SET part = part + 10 WHERE id % 7 = 0")
        cursor.execute("DELETE FROM items WHERE id % 11 = 0")
        cursor.execute("UPDATE items SET v = 'c', big = 'short' WHERE id % 13 = 0")
        connection.commit()
    rows = lambda: source.execute("SELECT id::text, part::text, v, md5(big) FROM items ORDER BY 1, 2")
    landed = lambda: sorted((i, part, v, hashlib.md5(big.encode()).hexdigest()) for i, part, v, big in end.rows("shop_public_items", ["id", "part", "v", "big"]))
    service.settle()
    assert landed() == sorted(rows())
    source.execute("UPDATE items SET v = 'd'")
    service.settle()
    assert landed() == sorted(rows())
    service.stop()
    server.drop_database(source.name)
