"""Change data capture through PostgreSQL's other output plugins, and of prepared transactions: the destination equals the
source, as with pgoutput (test_cdc.py)."""

import pytest

from cdc_fixtures import SEED, no_service_is_left, server, source  # noqa: F401
from cdc_world import LakehouseEnd, PostgresEnd, Service, SqliteEnd, Workload, log_server, wait_until
from harness import POSTGRES15_BIN


@pytest.mark.parametrize("kind", [PostgresEnd, LakehouseEnd], ids=lambda kind: kind.kind)
@pytest.mark.parametrize("plugin", ["test_decoding", "wal2json"])
def test_follows_the_source(plugin, kind, nilus, tmp_path, server, source):
    print(f"seed {SEED}")
    workload = Workload(source, SEED)
    end = kind(tmp_path, server)
    service = Service(nilus, source, end, **{"plugin.name": plugin}).start()
    for _ in range(3):
        workload.run(25)
        service.kill()
        workload.run(5)
        service.start()
    workload.run(25)
    service.settle()
    report = service.stop()
    assert report["is_success"]
    assert source.execute("SELECT plugin FROM pg_replication_slots WHERE slot_name = %s", (service.slot,)) == [(plugin,)]
    assert not source.execute("SELECT 1 FROM pg_publication")
    workload.expect_equal(end)


@pytest.mark.parametrize("plugin", ["test_decoding", "wal2json"])
def test_values_and_names(plugin, nilus, tmp_path, server, source):
    name = 'Odd "Tä]b:le\''
    quoted = '"' + name.replace('"', '""') + '"'
    source.execute(f"""CREATE TABLE {quoted} (id int PRIMARY KEY, "qu""o te" text, big text, "we[i]rd" int[], j jsonb, b bytea, t timestamptz, s bit(3));
                       ALTER TABLE {quoted} ALTER big SET STORAGE EXTERNAL""")
    end = PostgresEnd(tmp_path, server)
    service = Service(nilus, source, end, **{"plugin.name": plugin}).start()
    service.settle()
    source.execute(f"""INSERT INTO {quoted} VALUES (1, 'it''s "q" \\ ü\t€ 😀
                       null', repeat('x', 5000), '{{1,NULL,3}}', '{{"k": [1, null, "a\\"b"]}}', '\\x00ff', '2026-02-28 12:00:00.123456+00', B'101'),
                       (2, 'null', '', '{{}}', 'null', '', NULL, NULL)""")
    source.execute(f"UPDATE {quoted} SET j = '1' WHERE id = 1")
    source.execute(f"UPDATE {quoted} SET id = 3 WHERE id = 2")
    service.settle()
    service.stop()
    [(table,)] = end.database.execute("SELECT table_name FROM information_schema.tables WHERE table_schema = 'lake' AND table_name LIKE 'shop%'")
    columns = [column for (column,) in end.database.execute("SELECT column_name FROM information_schema.columns WHERE table_name = %s ORDER BY ordinal_position", (table,))]
    by_order = [column for column in columns if not column.startswith("_")]
    found = end.database.execute(f"""SELECT {', '.join(f'"{column}"' for column in by_order)} FROM lake."{table}" ORDER BY id""")
    expected = source.execute(f"""SELECT id, "qu""o te", big, to_jsonb("we[i]rd"), j, b, t, s::text FROM {quoted} ORDER BY id""")
    assert [tuple(map(plain, row)) for row in found] == [tuple(map(plain, row)) for row in expected]


def plain(value):
    return bytes(value) if isinstance(value, memoryview) else value


def test_another_plugin_needs_another_slot(nilus, tmp_path, server, source):
    workload = Workload(source, SEED)
    end = SqliteEnd(tmp_path, None)
    service = Service(nilus, source, end).start()
    service.settle()
    service.stop()
    other = Service(nilus, source, end, **{"plugin.name": "test_decoding"})
    done = nilus("run", other.manifest, "--json", env=other.env)
    assert done.code == 2 and "was made for plugin pgoutput" in done.err and "pg_drop_replication_slot" in done.err, done
    assert source.execute("SELECT plugin FROM pg_replication_slots WHERE slot_name = %s", (service.slot,)) == [("pgoutput",)]
    assert workload.source_rows("docs") == end.rows("shop_public_docs", ["id", "title", "body"])


PREPARED = [{}, {"slot.stream.params": "two_phase=on"}, {"slot.stream.params": "two_phase=on;streaming=on"}, {"plugin.name": "test_decoding"}]


@pytest.fixture(scope="module", params=["15", "18"])
def each_server(request, tmp_path_factory):
    binaries = POSTGRES15_BIN if request.param == "15" else request.getfixturevalue("postgres18_binaries")
    with log_server(tmp_path_factory.mktemp("pg"), binaries=binaries) as running:
        yield running


@pytest.mark.parametrize("properties", PREPARED, ids=["whole", "two_phase", "two_phase_streamed", "test_decoding"])
def test_prepared_transactions(properties, nilus, tmp_path, each_server):
    """They show when they are committed, wherever the service was killed in between, and never when they are rolled back."""
    source = each_server.create_database()
    source.execute("CREATE TABLE t (id int PRIMARY KEY, v text); CREATE TABLE u (id int PRIMARY KEY)")
    end = PostgresEnd(tmp_path, each_server)
    service = Service(nilus, source, end, **properties).start()
    service.settle()

    def prepare(name, sql):
        source.execute(f"BEGIN; {sql}; PREPARE TRANSACTION '{name}'")

    def rows():
        return end.rows("shop_public_t", ["id"]), end.rows("shop_public_u", ["id"])

    def numbers(*ids):
        return sorted(((str(i),) for i in ids), key=repr)

    prepare("stays", "INSERT INTO t SELECT i, repeat('x', 500) FROM generate_series(1, 300) i; INSERT INTO u VALUES (1)")
    prepare("goes", "INSERT INTO t VALUES (1000, 'never'); INSERT INTO u VALUES (1000)")
    source.execute("INSERT INTO u VALUES (2)")
    service.settle()
    assert rows() == ([], numbers(2))
    service.kill()
    service.start()
    source.execute("INSERT INTO u VALUES (3)")
    service.settle()
    assert rows() == ([], numbers(2, 3))
    service.kill()
    source.execute("ROLLBACK PREPARED 'goes'")
    source.execute("COMMIT PREPARED 'stays'")
    service.start()
    service.settle()
    assert rows() == (numbers(*range(1, 301)), numbers(1, 2, 3))
    # And once it is at the destination, the slot moves on.
    prepare("later", "INSERT INTO u VALUES (4)")
    source.execute("INSERT INTO t VALUES (301, '')")
    service.settle()
    service.kill()
    service.start()
    source.execute("COMMIT PREPARED 'later'")
    service.settle()
    assert rows() == (numbers(*range(1, 302)), numbers(1, 2, 3, 4))
    lsn = source.execute("SELECT pg_current_wal_lsn()")[0][0]
    wait_until(lambda: source.execute("SELECT %s::pg_lsn >= %s::pg_lsn", (service.confirmed(), lsn))[0][0], "the slot moves", service.process)
    service.stop()


def test_a_streamed_transaction_that_is_there_already_is_passed_over(nilus, tmp_path, each_server):
    """A prepared one holds the slot before it: it comes again at each start, and the server describes its table in it."""
    source = each_server.create_database()
    source.execute("CREATE TABLE t (id int PRIMARY KEY, v text); CREATE TABLE u (id int PRIMARY KEY)")
    end = PostgresEnd(tmp_path, each_server)
    service = Service(nilus, source, end, **{"slot.stream.params": "two_phase=on;streaming=on"}).start()
    service.settle()
    source.execute("BEGIN; INSERT INTO u VALUES (1); PREPARE TRANSACTION 'open'")
    source.execute("INSERT INTO t SELECT i, repeat('x', 100) FROM generate_series(1, 5000) i")
    service.settle()
    service.stop()
    source.execute("INSERT INTO t VALUES (0, 'after it')")
    service.start()
    service.settle()
    source.execute("COMMIT PREPARED 'open'")
    service.settle()
    service.stop()
    assert end.rows("shop_public_t", ["id", "v"]) == sorted(source.execute("SELECT id::text, v FROM t"), key=repr)
    assert end.rows("shop_public_u", ["id"]) == [("1",)]


def test_a_slot_that_follows_a_failover(nilus, tmp_path, each_server):
    source = each_server.create_database()
    source.execute("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)")
    end = PostgresEnd(tmp_path, each_server)
    service = Service(nilus, source, end, **{"slot.failover": "true"})
    if source.execute("SELECT current_setting('server_version_num')::int >= 170000") == [(False,)]:
        done = nilus("run", service.manifest, "--json", env=service.env)
        assert done.code == 2 and "since PostgreSQL 17" in done.err, done
        return
    service.start().settle()
    assert source.execute("SELECT failover FROM pg_replication_slots WHERE slot_name = %s", (service.slot,)) == [(True,)]
    service.stop()
    assert end.rows("shop_public_t", ["id"]) == [("1",)]
