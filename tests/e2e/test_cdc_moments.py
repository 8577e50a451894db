"""What happens to tables at a moment when the capture has looked, and not yet read."""
import contextlib
import json

import pytest

from cdc_fixtures import no_service_is_left, server, source  # noqa: F401
from cdc_world import ENDS, PostgresEnd, Service, expect_equal, wait_until
from harness import Database

ROUTED = {"transforms": "route", "transforms.route.type": "io.debezium.transforms.ByLogicalTableRouter",
          "transforms.route.topic.regex": r"shop\.(.*)\.people", "transforms.route.topic.replacement": "all_people",
          "transforms.route.key.enforce.uniqueness": "false"}
SOFT = {"transforms": "unwrap", "transforms.unwrap.type": "io.debezium.transforms.ExtractNewRecordState",
        "transforms.unwrap.delete.handling.mode": "rewrite"}


def make_items(source, table="items"):
    source.execute(f"CREATE TABLE {table} (id int PRIMARY KEY, v text, w text)")
    source.execute(f"INSERT INTO {table} SELECT i, 'v' || i, 'w' || i FROM generate_series(1, 3) i")


@pytest.mark.parametrize("how", [[], ["--anew"]], ids=["incremental", "anew"])
def test_a_column_that_comes_while_a_view_waits(how, nilus, tmp_path, server, source):
    make_items(source)
    end = PostgresEnd(tmp_path, server)
    service = Service(nilus, source, end).start()
    service.settle()
    with contextlib.closing(server.connect(source.name, autocommit=False)) as writing, writing.cursor() as cursor:
        cursor.execute("ALTER TABLE items ADD COLUMN extra text")
        cursor.execute("UPDATE items SET extra = 'x' || id")
        service("snapshot", "--table", "public.items", *how)
        waiting = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'CREATE_REPLICATION_SLOT%%' AND wait_event_type = 'Lock'"
        wait_until(lambda: source.execute(waiting)[0][0] > 0, "the view waits for the transaction", service.process)
        writing.commit()
    service.wait_for_snapshots()
    source.execute("INSERT INTO items VALUES (9, 'v', 'w', 'later')")
    service.settle()
    service.stop()
    expect_equal(source, end, "items", ["id", "v", "w", "extra"])


@pytest.mark.parametrize("ddl", ["ALTER TABLE items DROP COLUMN w", "ALTER TABLE items RENAME COLUMN w TO x", "DROP TABLE items", "ALTER TABLE items RENAME TO items_old",
                                 "ALTER TABLE items RENAME TO items_old; ALTER TABLE fresh RENAME TO items"],
                         ids=["drop column", "rename column", "drop", "rename", "swap"])
def test_a_table_that_changes_between_view_and_rows(ddl, nilus, tmp_path, server, source):
    make_items(source, "kept")
    make_items(source)
    source.execute("CREATE TABLE fresh (LIKE items INCLUDING ALL); INSERT INTO fresh SELECT i, 'fresh', '' FROM generate_series(11, 13) i")
    end = PostgresEnd(tmp_path, server)
    service = Service(nilus, source, end, **{"publication.autocreate.mode": "all_tables", "table.exclude.list": r"public\.(fresh|items_old)"})
    service.start(NILUS_FAULT="cdc.after_view:pause")
    service.wait_for_pause()
    source.execute(ddl)
    service.go_on()
    service.wait_for_snapshots()
    service.settle()
    assert service.stop()["is_success"]
    expect_equal(source, end, "kept", ["id", "v", "w"])
    if source.exists("items"):
        expect_equal(source, end, "items", ["id", "v"])


def test_tables_that_come_and_go_while_it_starts(nilus, tmp_path, server, source):
    make_items(source)
    source.execute("CREATE TABLE passing (id int PRIMARY KEY)")
    end = PostgresEnd(tmp_path, server)
    service = Service(nilus, source, end)
    service.start(NILUS_FAULT="postgres.changes.found_tables:pause")
    service.wait_for_pause()
    source.execute("DROP TABLE passing")
    service.go_on()
    service.settle()
    assert service.stop()["is_success"]
    expect_equal(source, end, "items", ["id", "v", "w"])


OTHER_COLUMN = "ALTER TABLE t DROP CONSTRAINT k; ALTER TABLE t ADD CONSTRAINT k PRIMARY KEY (n)"


@pytest.mark.parametrize("strategy, ddl", [("merge", OTHER_COLUMN), ("append", OTHER_COLUMN), ("merge", "ALTER TABLE t ALTER id TYPE text COLLATE \"C\""),
                                           ("merge", "ALTER TABLE t ALTER id TYPE text COLLATE \"en-x-icu\"")],
                         ids=["other column", "other column, append", "other type", "other order"])
def test_the_key_of_a_half_read_table_changes(strategy, ddl, nilus, tmp_path, server, source):
    source.execute("CREATE TABLE t (id int CONSTRAINT k PRIMARY KEY, n int NOT NULL)")
    source.execute("INSERT INTO t SELECT i, 1000000 - i FROM generate_series(1, 900000) i")
    end = PostgresEnd(tmp_path, server)
    service = Service(nilus, source, end, sink_options={"incremental_strategy": strategy}).start(NILUS_FAULT="cdc.after_round:kill")
    service.process.communicate()
    assert 0 < end.database.execute("SELECT count(*) FROM lake.shop_public_t")[0][0] < 900000
    source.execute(ddl)
    service.start()
    service.wait_for_snapshots()
    service.stop()
    count = "count(*)" if strategy == "merge" else "count(DISTINCT n)"
    assert end.database.execute(f"SELECT {count}, sum(DISTINCT n), count(DISTINCT id) FROM lake.shop_public_t WHERE _op = 'r'")[0] == \
        source.execute("SELECT count(*), sum(n), count(DISTINCT id) FROM t")[0]


def test_texts_under_an_icu_database_are_not_cut(nilus, tmp_path, server):
    with contextlib.closing(server.connect()) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE DATABASE icu LOCALE_PROVIDER icu ICU_LOCALE 'en-US' LC_COLLATE 'C' LC_CTYPE 'C.UTF-8' TEMPLATE template0")
    source = Database(server, "icu")
    source.execute("CREATE TABLE t (id text PRIMARY KEY); INSERT INTO t SELECT 'a' || i FROM generate_series(1, 100001) i")
    source.execute("INSERT INTO t SELECT 'B' || i FROM generate_series(1, 900000) i")
    end = PostgresEnd(tmp_path, server)
    service = Service(nilus, source, end).start(NILUS_FAULT="cdc.after_round:pause")
    service.wait_for_pause()
    assert end.database.execute("SELECT count(*) FROM lake.shop_public_t")[0][0] == 1000001, "it is one chunk"
    service.kill()


def test_a_soft_delete_keeps_values_whatever_the_identity_is_later(nilus, tmp_path, server, source):
    make_items(source)
    end = PostgresEnd(tmp_path, server)
    service = Service(nilus, source, end, **SOFT).start()
    service.settle()
    service.stop()
    source.execute("DELETE FROM items WHERE id = 1")
    source.execute("ALTER TABLE items REPLICA IDENTITY FULL")
    source.execute("UPDATE items SET v = 'x' WHERE id = 2")
    service.start()
    service.settle()
    service.stop()
    assert end.database.execute("SELECT id, v, w, _deleted FROM lake.shop_public_items ORDER BY id") == [
        (1, "v1", "w1", True), (2, "x", "w2", False), (3, "v3", "w3", False)]


def test_a_row_that_moves_into_the_loaded_part_of_a_log(nilus, tmp_path, server, source):
    source.execute("CREATE TABLE t (id int PRIMARY KEY, body text); ALTER TABLE t ALTER body SET STORAGE EXTERNAL")
    source.execute("INSERT INTO t SELECT i, CASE WHEN i = 899999 THEN repeat('x', 5000) END FROM generate_series(1, 900000) i")
    end = PostgresEnd(tmp_path, server)
    service = Service(nilus, source, end, sink_options={"incremental_strategy": "append"}).start(NILUS_FAULT="cdc.after_round:kill")
    service.process.communicate()
    source.execute("BEGIN; UPDATE t SET id = -5 WHERE id = 899999; DELETE FROM t WHERE id = 7; COMMIT")
    service.start()
    service.wait_for_snapshots()
    service.stop()
    # A `t` says that nothing before it counts, and behind it row 7 is not there.
    behind = "SELECT count(*) FILTER (WHERE id = 7), count(*), max(length(body)) FROM lake.shop_public_t WHERE _op = 'r' AND _lsn >= (SELECT max(_lsn) FROM lake.shop_public_t WHERE _op = 't')"
    assert end.database.execute(behind)[0] == (0, 899999, 5000)


def test_a_table_that_shares_its_destination(nilus, tmp_path, server, source):
    for schema, first in (("east", 1), ("west", 101)):
        source.execute(f"CREATE SCHEMA {schema}; CREATE TABLE {schema}.people (id int PRIMARY KEY); INSERT INTO {schema}.people SELECT generate_series({first}, {first + 2})")
    end = PostgresEnd(tmp_path, server)
    service = Service(nilus, source, end, **ROUTED, **{"skipped.operations": "t"}).start()
    service.settle()
    source.execute("TRUNCATE west.people; INSERT INTO west.people VALUES (200)")  # left out, as asked
    service.settle()
    service("snapshot", "--table", "east.people", "--anew")
    service.wait_for_snapshots()
    report = service.stop()
    assert any("rows that the table has no more stay there" in warning for warning in report["warnings"])
    assert end.database.execute("SELECT array_agg(id ORDER BY id) FROM lake.all_people")[0][0] == [1, 2, 3, 101, 102, 103, 200]


@pytest.mark.parametrize("runs", [True, False], ids=["running", "stopped"])
@pytest.mark.parametrize("kind", ENDS, ids=lambda kind: kind.kind)
def test_a_key_of_numbers_becomes_one_of_texts(kind, runs, nilus, tmp_path, server, source):
    make_items(source)
    make_items(source, "kept")
    end = kind(tmp_path, server)
    service = Service(nilus, source, end).start()
    service.settle()
    if not runs:
        service.stop()
    source.execute("ALTER TABLE items ALTER id TYPE text USING 'item ' || id")
    source.execute("UPDATE items SET v = 'after' WHERE id = 'item 2'; INSERT INTO kept VALUES (4, 'v', 'w')")
    if not runs:
        service.start()
    service.settle()
    source.execute("DELETE FROM items WHERE id = 'item 1'; INSERT INTO items VALUES ('item 9', 'v', 'w')")
    service.settle()
    assert any("is made anew" in warning for warning in service.stop()["warnings"])
    expect_equal(source, end, "items", ["id", "v", "w"])
    expect_equal(source, end, "kept", ["id", "v", "w"])


# ---- what is asked for wrongly ----

def test_a_snapshot_of_no_captured_table_is_refused(nilus, tmp_path, server, source):
    make_items(source)
    service = Service(nilus, source, PostgresEnd(tmp_path, server)).start()
    service.settle()
    for table, fix in (("public.item", "did you mean `public.items`?"), ("(", "schema.table"), ("public.none", "schema.table")):
        done = service("snapshot", "--table", table, expect=2)
        assert "captures no table" in done.all_output and fix in done.all_output
    service.stop()


def test_a_plan_tells_what_a_start_would_refuse(nilus, tmp_path, server, source):
    make_items(source)
    source.execute("CREATE ROLE planner LOGIN REPLICATION; GRANT SELECT ON items TO planner; GRANT USAGE ON SCHEMA public TO planner")
    end = PostgresEnd(tmp_path, server)
    service = Service(nilus, source, end)
    manifest = json.loads(service.manifest.read_text())
    manifest["spec"]["source"]["address"] = source.uri.replace("postgres@", "planner@")
    service.manifest.write_text(json.dumps(manifest))
    told = nilus("plan", service.manifest, env=service.env)
    assert told.code != 0 and 'CREATE PUBLICATION "pub_shop" FOR TABLE "public"."items"' in told.all_output, told.all_output
    source.execute("CREATE PUBLICATION pub_shop FOR TABLE items WITH (publish = 'insert')")
    told = nilus("plan", service.manifest, env=service.env)
    assert told.code != 0 and "does not publish update, delete, truncate" in told.all_output, told.all_output
    source.execute("ALTER PUBLICATION pub_shop SET (publish = 'insert, update, delete, truncate')")
    told = nilus("plan", service.manifest, env=service.env)
    assert told.code == 0, told.all_output
    source.execute("DROP PUBLICATION pub_shop; REVOKE ALL ON items FROM planner; REVOKE ALL ON SCHEMA public FROM planner; DROP ROLE planner")


def test_a_signal_table_that_is_not_there_is_told(nilus, tmp_path, server, source):
    make_items(source)
    service = Service(nilus, source, PostgresEnd(tmp_path, server), **{"signal.data.collection": "public.signal"}).start()
    service.settle()
    assert any("there is no table public.signal" in warning for warning in service.stop()["warnings"])
