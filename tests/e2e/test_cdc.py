"""Change data capture from a real PostgreSQL: the destination equals the source, whatever happens on the way."""
import contextlib
import json
import os
import pathlib
import re
import threading

import pytest

from cdc_fixtures import SEED, no_service_is_left, server, source  # noqa: F401
from cdc_world import ENDS, LakehouseEnd, PostgresEnd, Service, SqliteEnd, Workload, expect_equal, log_server, wait_until

KILLS = int(os.environ.get("NILUS_CDC_KILLS", "4"))  # for each end; test_cdc_kills.py has the long run


@pytest.mark.parametrize("kind", ENDS, ids=lambda kind: kind.kind)
def test_follows_the_source(kind, nilus, tmp_path, server, source):
    print(f"seed {SEED}")
    workload = Workload(source, SEED)
    end = kind(tmp_path, server)
    service = Service(nilus, source, end).start()
    for _ in range(KILLS):
        workload.run(25)
        service.kill()
        workload.run(5)
        service.start()
    workload.run(25)
    service.settle()
    report = service.stop()
    assert report["is_success"]
    workload.expect_equal(end)


@pytest.mark.parametrize("kind", [PostgresEnd, SqliteEnd], ids=lambda kind: kind.kind)
def test_an_append_log_replays_to_the_source(kind, nilus, tmp_path, server, source):
    workload = Workload(source, SEED)
    end = kind(tmp_path, server)
    service = Service(nilus, source, end, sink_options={"incremental_strategy": "append"}).start()
    service.settle()
    for _ in range(2):
        workload.run(25)
        service.kill()
        service.start()
    workload.run(25)
    service.settle()
    service.stop()
    columns = ["id", "title", "body"]
    log = end.rows("shop_public_docs", ["_lsn", "_seq", "_op", "_unchanged", *columns])
    log.sort(key=lambda row: row[2], reverse=True)  # of a changed key the d before the c
    log.sort(key=lambda row: (int(row[0]), int(row[1])))
    docs, gone = {}, None
    for _, _, op, unchanged, key, title, body in log:
        if op == "t":
            docs.clear()
        elif op == "d":
            gone = docs.pop(key)
        else:
            before = docs.get(key) if op == "u" else gone
            docs[key] = (key, title, before[2] if unchanged else body)
    assert sorted(docs.values(), key=repr) == workload.source_rows("docs")


def test_transfers_are_whole_at_any_time(nilus, tmp_path, server, source):
    workload = Workload(source, SEED)
    end = PostgresEnd(tmp_path, server)
    service = Service(nilus, source, end).start()
    service.settle()
    sums, done = set(), threading.Event()

    def look():
        with contextlib.closing(server.connect(end.database.name)) as connection, connection.cursor() as cursor:
            while not done.is_set():
                cursor.execute("SELECT sum(balance), count(*) FROM lake.shop_public_accounts")
                sums.add(tuple(map(int, cursor.fetchone())))

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        workload.run(150)
        service.settle()
    finally:
        done.set()
        watcher.join()
    service.stop()
    assert sums == {(100 * workload.accounts, workload.accounts)}
    workload.expect_equal(end)


def test_the_changelog_has_both_sides(nilus, tmp_path, server, source):
    source.execute("CREATE TABLE items (id int PRIMARY KEY, name text, data jsonb, price numeric(10,2)); ALTER TABLE items REPLICA IDENTITY FULL;")
    source.execute("INSERT INTO items VALUES (1, 'a \"quoted\" name', '{\"k\": [1]}', 1.50)")
    end = PostgresEnd(tmp_path, server)
    service = Service(nilus, source, end, options={"strategy": "changelog"}, sink_options={"incremental_strategy": "append"}).start()
    service.settle()
    source.execute("UPDATE items SET price = 2.5 WHERE id = 1")
    source.execute("DELETE FROM items")
    service.settle()
    service.stop()
    rows = end.database.execute("SELECT operation, before, after, source, id FROM lake.shop_public_items ORDER BY (source->>'lsn')::bigint")
    assert [row[0] for row in rows] == ["r", "u", "d"]
    first = {"id": 1, "name": 'a "quoted" name', "data": {"k": [1]}, "price": 1.5}
    assert rows[0][1] is None and rows[0][2] == first
    assert rows[1][1] == first and rows[1][2] == {**first, "price": 2.5}
    assert rows[2][1] == {**first, "price": 2.5} and rows[2][2] is None
    assert rows[2][3]["table"] == "items" and rows[2][3]["db"] == source.name and rows[0][3]["snapshot"] is True and all(row[4] == 1 for row in rows)


def test_masks_hints_filters_routers_and_soft_deletes(nilus, tmp_path, server, source):
    source.execute("CREATE SCHEMA east; CREATE SCHEMA west")
    for schema, first in (("east", 1), ("west", 100)):
        source.execute(f"CREATE TABLE {schema}.people (id int PRIMARY KEY, email text, age text, secret text)")
        source.execute(f"INSERT INTO {schema}.people VALUES ({first}, 'john.doe@example.com', '42', 'x'), ({first + 1}, 'a@b.c', '7', 'y')")
    end = PostgresEnd(tmp_path, server)
    service = Service(nilus, source, end, options={"mask": {"email": "email"}, "type_hints": {"age": "bigint"}}, **{
        "column.exclude.list": r".*\.people\.secret",
        "transforms": "route,unwrap",
        "transforms.route.type": "io.debezium.transforms.ByLogicalTableRouter",
        "transforms.route.topic.regex": r"shop\.(east|west)\.people",
        "transforms.route.topic.replacement": "all_people",
        "transforms.route.key.enforce.uniqueness": "false",
        "transforms.unwrap.type": "io.debezium.transforms.ExtractNewRecordState",
        "transforms.unwrap.delete.handling.mode": "rewrite"}).start()
    service.settle()
    source.execute("DELETE FROM east.people WHERE id = 1")
    source.execute("UPDATE west.people SET age = '8' WHERE id = 101")
    service.settle()
    service.stop()
    rows = end.database.execute("SELECT id, email, age, _deleted FROM lake.all_people ORDER BY id")
    assert rows == [(1, "j******e@example.com", 42, True), (2, "*@b.c", 7, False),
                    (100, "j******e@example.com", 42, False), (101, "*@b.c", 8, False)]
    columns = [name for (name,) in end.database.execute("SELECT column_name FROM information_schema.columns WHERE table_name = 'all_people'")]
    assert "secret" not in columns


@pytest.mark.parametrize("shape", ["flatten", "changelog"])
def test_masks_of_paths_inside_of_json(shape, nilus, tmp_path, server, source):
    source.execute("CREATE TABLE docs (id int PRIMARY KEY, data jsonb); CREATE TABLE plain (id int PRIMARY KEY)")
    source.execute("""INSERT INTO docs VALUES (1, '{"person": {"ssn": "123-45-6789", "name": "A"}, "note": "n"}')""")
    end = PostgresEnd(tmp_path, server)
    service = Service(nilus, source, end, options={"strategy": shape, "mask": {"data.person.ssn": "ssn", "public.docs.data__note": "redact"}},
                      sink_options={"incremental_strategy": "append"}).start()
    service.settle()
    source.execute("""UPDATE docs SET data = jsonb_set(data, '{person,ssn}', '"987-65-4321"')""")
    source.execute("INSERT INTO docs VALUES (2, '{}'), (3, NULL)")
    service.settle()
    service.stop()
    columns = "data::text" if shape == "flatten" else "concat(before, after)"
    texts = " ".join(text for (text,) in end.database.execute(f"SELECT {columns} FROM lake.shop_public_docs") if text)
    assert "***-**-6789" in texts and "***-**-4321" in texts and "REDACTED" in texts and '"A"' in texts
    assert "123-45" not in texts and "987-65" not in texts and '"n"' not in texts


def test_snapshots_are_asked_for_while_it_runs(nilus, tmp_path, server, source):
    workload = Workload(source, SEED)
    source.execute("CREATE TABLE signals (id text PRIMARY KEY, type text, data text)")
    end = PostgresEnd(tmp_path, server)
    service = Service(nilus, source, end, **{"signal.data.collection": "public.signals"}).start()
    service.settle()
    # Rows that somebody took away at the destination come back.
    for ask in ("command", "signal", "anew"):
        # (Of documents the log leaves out values, and only the destination has them.)
        end.database.execute("DELETE FROM lake.shop_public_tags WHERE length(name) % 2 = 0")
        end.database.execute("INSERT INTO lake.shop_public_pairs (a, b) VALUES (-1, 'strange') ON CONFLICT DO NOTHING")
        if ask == "signal":
            data = json.dumps({"data-collections": ["public.tags"], "type": "incremental"})
            source.execute("INSERT INTO signals VALUES ('s1', 'execute-snapshot', %s)", (data,))
        elif ask == "command":
            service("snapshot", "--table", "public.tags")
        else:
            service("snapshot", "--table", r"public\..*", "--anew")
        workload.run(15)
        wait_until(lambda: end.rows("shop_public_tags", ["name", "uses"]) == sorted(source.execute("SELECT name, uses::text FROM tags"), key=repr),
                   f"all rows are back ({ask})", service.process)
        end.database.execute("DELETE FROM lake.shop_public_pairs WHERE a = -1 AND %s", (ask != "anew",))
    service.settle()
    wait_until(lambda: not end.database.execute("SELECT 1 FROM lake.shop_public_pairs WHERE a = -1"), "the strange row is gone", service.process)
    service.settle()
    service.stop()
    workload.expect_equal(end)


def test_the_stream_goes_on_while_a_snapshot_waits_for_others(nilus, tmp_path, server, source):
    """A view is there once the transactions have ended that write anywhere in the server."""
    source.execute("CREATE TABLE items (id int PRIMARY KEY, v text); CREATE TABLE others (id int); INSERT INTO items SELECT i, 'first' FROM generate_series(1, 500) i")
    end = PostgresEnd(tmp_path, server)
    service = Service(nilus, source, end, **{"table.include.list": "public.items"}).start()
    service.settle()
    end.database.execute("DELETE FROM lake.shop_public_items WHERE id <= 100")
    with contextlib.closing(source.server.connect(source.name, autocommit=False)) as writer:
        with writer.cursor() as cursor:
            cursor.execute("INSERT INTO others VALUES (1)")
            for name in ("--table", "--anew"):
                service("snapshot", "--table", "public.items", *(["--anew"] if name == "--anew" else []))
            requests = pathlib.Path(service.env["NILUS_STATE_DIR"])
            wait_until(lambda: not any(requests.rglob("requests/*.json")), "the requests are taken up", service.process)
            source.execute("UPDATE items SET v = 'while it waits' WHERE id > 400")
            source.execute("CREATE TABLE late (id int PRIMARY KEY)")
            lsn = source.execute("SELECT pg_current_wal_lsn()")[0][0]
            wait_until(lambda: source.execute("SELECT %s::pg_lsn >= %s::pg_lsn", (service.confirmed(), lsn))[0][0], "the stream goes on", service.process)
            assert json.loads(service("status", "--json").out)["snapshot"], "nobody has seen the table yet"
        writer.commit()
    service.settle()
    expect_equal(source, end, "items", ["id", "v"])
    service.stop()


def test_a_slot_is_dropped_at_the_end_where_that_is_asked_for(nilus, tmp_path, server, source):
    source.execute("CREATE TABLE items (id int PRIMARY KEY); INSERT INTO items VALUES (1)")
    service = Service(nilus, source, SqliteEnd(tmp_path, None), **{"slot.drop.on.stop": "true"}).start()
    service.settle()
    assert service.confirmed()
    service.stop()
    assert service.confirmed() is None


def test_heirs_are_left_alone(nilus, tmp_path, server, source):
    """Published with their parent, tables without an identity could not be updated any more."""
    source.execute("CREATE TABLE items (id int PRIMARY KEY, v text); CREATE TABLE heirs (note text) INHERITS (items)")
    source.execute("INSERT INTO items VALUES (1, 'a'); INSERT INTO heirs VALUES (2, 'b', 'n')")
    end = SqliteEnd(tmp_path, None)
    service = Service(nilus, source, end, **{"table.include.list": "public.items"}).start()
    service.settle()
    source.execute("UPDATE items SET v = 'c'; DELETE FROM heirs")  # of the heirs, too
    service.settle()
    service.stop()
    assert end.rows("shop_public_items", ["id", "v"]) == [("1", "c")]


def test_status_of_a_service_that_was_killed_and_of_a_source_that_is_down(nilus, tmp_path, postgres):
    with log_server(tmp_path) as own:
        source = own.create_database()
        source.execute("CREATE TABLE items (id int PRIMARY KEY); INSERT INTO items VALUES (1)")
        service = Service(nilus, source, SqliteEnd(tmp_path, None))
        never = service("status")
        assert "written up to 0/0" not in never.out and "none has run" in never.out, never
        service.start()
        service.settle()
        service.kill()
        killed = service("status")
        assert "not running" in killed.out and "behind by" not in killed.out, killed
        own.stop()
        down = service("status", expect=1)
        assert "source: cannot be asked" in down.out and "committed: nothing" not in down.out, down
        own.start()


def test_a_lost_slot_is_told_and_read_anew_when_asked(nilus, tmp_path, server, source):
    workload = Workload(source, SEED)
    end = PostgresEnd(tmp_path, server)
    service = Service(nilus, source, end).start()
    service.settle()
    service.stop()
    source.execute("SELECT pg_drop_replication_slot(%s)", (service.slot,))
    workload.run(20)
    source.execute("DELETE FROM docs WHERE id % 3 = 0")
    done = nilus("run", service.manifest, "--json", env=service.env)
    assert done.code == 1 and "when_needed" in done.err and service.slot in done.err, done
    again = Service(nilus, source, end, **{"snapshot.mode": "when_needed"}).start()
    again.settle()
    again.stop()
    workload.expect_equal(end)


def test_a_sink_that_is_down_is_waited_for(nilus, tmp_path, server, source, postgres):
    workload = Workload(source, SEED)
    with log_server(tmp_path) as sink_server:
        end = PostgresEnd(tmp_path, sink_server)
        service = Service(nilus, source, end).start()
        service.settle()
        sink_server.stop()
        workload.run(30)
        sink_server.start()
        workload.run(10)
        service.settle()
        report = service.stop()
        assert report["is_success"]
        workload.expect_equal(end)


def test_a_server_that_restarts_is_waited_for(nilus, tmp_path, postgres):
    with log_server(tmp_path) as own:
        source = own.create_database()
        workload = Workload(source, SEED)
        end = SqliteEnd(tmp_path, None)
        service = Service(nilus, source, end).start()
        service.settle()
        for mode in ("immediate", "fast"):
            workload.run(15)
            own.stop(mode)
            own.start()
        workload.run(15)
        service.settle()
        service.stop()
        workload.expect_equal(end)


def test_the_slot_moves_while_captured_tables_are_idle(nilus, tmp_path, server, source):
    source.execute("CREATE TABLE quiet (id int PRIMARY KEY); CREATE TABLE loud (id int PRIMARY KEY); INSERT INTO quiet VALUES (1)")
    end = SqliteEnd(tmp_path, None)
    service = Service(nilus, source, end, **{"table.include.list": "public.quiet"}).start()
    service.settle()
    before = service.confirmed()
    source.execute("INSERT INTO loud SELECT generate_series(1, 20000)")
    lsn = source.execute("SELECT pg_current_wal_lsn()")[0][0]
    wait_until(lambda: source.execute("SELECT %s::pg_lsn >= %s::pg_lsn", (service.confirmed(), lsn))[0][0], "the slot moves", service.process)
    assert service.confirmed() != before
    status = json.loads(service("status", "--json").out)
    assert status["source"]["confirmed"] == service.confirmed() or status["behind_bytes"] < 1 << 20
    assert "written up to" in service("status").out
    service.stop()
    assert end.rows("shop_public_quiet", ["id"]) == [("1",)]


@pytest.mark.skipif("ASAN_OPTIONS" in os.environ, reason="what a sanitizer holds itself is counted, too")
def test_an_idle_service_holds_little(nilus, tmp_path, server, source):
    """DuckDB, which loads into a lakehouse, is 50 MiB of code; nobody needs it while nothing comes."""
    source.execute("CREATE TABLE items (id int PRIMARY KEY, v text); INSERT INTO items SELECT i, 'first' FROM generate_series(1, 2000) i")
    end = LakehouseEnd(tmp_path, None)
    service = Service(nilus, source, end, **{"table.include.list": "public.items"}).start()
    service.settle()

    def held_kib():
        status = pathlib.Path(f"/proc/{service.process.pid}/status").read_text()
        return int(re.search(r"^VmRSS:\s+(\d+)", status, re.MULTILINE)[1])

    for round in ("second", "third"):
        wait_until(lambda: held_kib() < 40 << 10, "an idle service lets go of memory", service.process)
        source.execute("UPDATE items SET v = %s", (round,))
        service.settle()
        expect_equal(source, end, "items", ["id", "v"])
    service.stop()


def test_plan_state_and_check(nilus, tmp_path, server, source):
    Workload(source, SEED)
    end = SqliteEnd(tmp_path, None)
    service = Service(nilus, source, end)
    plan = nilus("plan", service.manifest, env=service.env)
    assert plan.code == 0 and "first start" in plan.out, plan
    assert json.loads(nilus("plan", service.manifest, "--json", env=service.env).out)["is_usable"]
    assert not source.execute("SELECT 1 FROM pg_replication_slots WHERE slot_name = %s", (service.slot,)), "a plan makes nothing"
    assert nilus("check", source.uri, "--as", "log").code == 0
    service.start().settle()
    service.stop()
    state = json.loads(nilus("state", "show", service.manifest, "--json", env=service.env).out)
    assert json.loads(state["position"])["kind"] == "cdc"
    assert "goes on from" in nilus("plan", service.manifest, env=service.env).out
    assert nilus("state", "reset", service.manifest, env=service.env).code == 0
    assert service("drop").code == 0
    assert not source.execute("SELECT 1 FROM pg_replication_slots WHERE slot_name = %s", (service.slot,))


def test_initial_only_ends_by_itself(nilus, tmp_path, server, source):
    workload = Workload(source, SEED)
    end = SqliteEnd(tmp_path, None)
    service = Service(nilus, source, end, **{"snapshot.mode": "initial_only"})
    done = nilus("run", service.manifest, "--json", env=service.env)
    assert done.code == 0, done
    workload.expect_equal(end)
    assert not source.execute("SELECT 1 FROM pg_replication_slots WHERE slot_name = %s", (service.slot,)), "the slot is gone"


def test_bad_input_is_told(nilus, tmp_path, server, source):
    source.execute("CREATE TABLE keyless (id int); CREATE TABLE items (id int PRIMARY KEY, email text)")
    end = SqliteEnd(tmp_path, None)
    cases = [
        ({}, {}, 'ALTER TABLE'),  # a table without identity under merge, with the statement that mends it
        ({"table.include.list": "public.items"}, {"mask": {"emial": "hash"}}, "`email`"),
        ({"table.include.list": "public.items", "table.inclde.list": "x"}, {}, "table.include.list"),
        ({"table.include.list": "public.items", "skipped.operations": "x"}, {}, "skipped.operations"),
    ]
    for number, (properties, options, expected) in enumerate(cases):
        service = Service(nilus, source, end, name=f"bad{number}", options=options, **properties)
        done = nilus("run", service.manifest, "--json", env=service.env)
        assert done.code in (1, 2) and expected in done.all_output, done
