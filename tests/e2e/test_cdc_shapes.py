"""Change data capture of tables that change their shape, their name, their key or their place in the publication."""
import contextlib
import json
import sqlite3

import pytest

from cdc_fixtures import no_service_is_left, server, server18, source  # noqa: F401
from cdc_world import ENDS, LakehouseEnd, PostgresEnd, Service, SqliteEnd, ended, expect_equal, make_items


# Rows that come within two seconds go into one load.
TOGETHER = {"poll.interval.ms": "2000"}


# ---- keys ----

KEY_OF_CODE = "ALTER TABLE items DROP CONSTRAINT items_key; ALTER TABLE items ADD CONSTRAINT items_key PRIMARY KEY (code)"


@pytest.mark.parametrize("kind", ENDS, ids=lambda kind: kind.kind)
def test_a_key_that_changes_between_two_rows_of_a_load(kind, nilus, tmp_path, server, source):
    make_items(source)
    end = kind(tmp_path, server)
    service = Service(nilus, source, end, **TOGETHER).start()
    service.settle()
    source.execute("INSERT INTO items VALUES (4, 'code 4', 'by the old key')")
    source.execute(KEY_OF_CODE)
    source.execute("INSERT INTO items VALUES (4, 'code 5', 'by the new key')")
    source.execute("UPDATE items SET v = 'changed' WHERE code = 'code 1'")
    source.execute("DELETE FROM items WHERE code = 'code 2'")
    service.settle()
    service.stop()
    expect_equal(source, end, "items", ["id", "code", "v"])


def test_a_key_that_changes_inside_a_transaction(nilus, tmp_path, server, source):
    make_items(source)
    end = PostgresEnd(tmp_path, server)
    service = Service(nilus, source, end, **TOGETHER).start()
    service.settle()
    source.execute(f"BEGIN; INSERT INTO items VALUES (4, 'code 4', 'old'); {KEY_OF_CODE}; INSERT INTO items VALUES (4, 'code 5', 'new'); COMMIT")
    service.settle()
    source.execute("INSERT INTO items VALUES (4, 'code 6', 'newer')")
    service.settle()
    report = service.stop()
    expect_equal(source, end, "items", ["id", "code", "v"])
    assert any("its key changes in a transaction" in warning for warning in report["warnings"]), report["warnings"]


@pytest.mark.parametrize("kind", [PostgresEnd, SqliteEnd, LakehouseEnd], ids=lambda kind: kind.kind)
@pytest.mark.parametrize("runs", [True, False], ids=["running", "stopped"])
def test_a_key_of_columns_that_no_row_has_yet(kind, runs, nilus, tmp_path, server, source):
    make_items(source)
    end = kind(tmp_path, server)
    service = Service(nilus, source, end).start()
    service.settle()
    if not runs:
        service.stop()
    source.execute("ALTER TABLE items ADD COLUMN uid bigserial; ALTER TABLE items DROP CONSTRAINT items_key; ALTER TABLE items ADD PRIMARY KEY (uid)")
    source.execute("UPDATE items SET v = 'changed' WHERE id = 1")
    source.execute("DELETE FROM items WHERE id = 2")
    if not runs:
        service.start()
    service.settle()
    service.stop()
    expect_equal(source, end, "items", ["id", "code", "v", "uid"])


# ---- publications and names ----

def take_out(source):
    """A table is taken out of the publication while nobody looks, and changes."""
    source.execute("ALTER PUBLICATION pub_shop DROP TABLE items")
    source.execute("INSERT INTO items VALUES (10, 'code 10', 'missed')")
    source.execute("DELETE FROM items WHERE id = 2")


@pytest.mark.parametrize("is_back", [False, True], ids=["missing", "put_back_by_hand"])
def test_a_table_that_left_the_publication_is_not_passed_over(is_back, nilus, tmp_path, server, source):
    make_items(source)
    source.execute("CREATE TABLE others (id int PRIMARY KEY)")
    end = PostgresEnd(tmp_path, server)
    service = Service(nilus, source, end).start()
    service.settle()
    service.stop()
    take_out(source)
    if is_back:
        source.execute("ALTER PUBLICATION pub_shop ADD TABLE items")
    told = "did not send for a while table public.items" if is_back else "does not send table public.items"
    for _ in range(2):  # the second start sees it as well
        done = nilus("run", service.manifest, "--json", env=service.env)
        assert done.code == 1 and told in done.all_output and "--table public.items --anew" in done.all_output, done
    plan = nilus("plan", service.manifest, env=service.env)
    assert told in plan.out and plan.code != 0, plan
    # The way out that it names.
    service("snapshot", "--table", "public.items", "--anew")
    service.start()
    service.settle()
    source.execute("INSERT INTO items VALUES (11, 'code 11', 'seen')")
    service.settle()
    service.stop()
    expect_equal(source, end, "items", ["id", "code", "v"])


def test_a_table_that_left_the_publication_is_read_anew_when_needed(nilus, tmp_path, server, source):
    make_items(source)
    end = SqliteEnd(tmp_path, server)
    service = Service(nilus, source, end, **{"snapshot.mode": "when_needed"}).start()
    service.settle()
    service.stop()
    take_out(source)
    service.start()
    service.settle()
    report = service.stop()
    expect_equal(source, end, "items", ["id", "code", "v"])
    assert any("public.items" in warning and "read anew" in warning for warning in report["warnings"]), report["warnings"]


def test_a_row_filter_of_the_publication_is_refused(nilus, tmp_path, server, source):
    """Rows that it holds back would be read by the snapshot, and stay as they were then."""
    make_items(source)
    end = PostgresEnd(tmp_path, server)
    service = Service(nilus, source, end).start()
    service.settle()
    service.stop()
    source.execute("ALTER PUBLICATION pub_shop SET TABLE items WHERE (id > 1)")
    source.execute("UPDATE items SET v = 'changed'")
    plan = nilus("plan", service.manifest, env=service.env)
    service.start()
    said = ended(service)
    for told in (plan.out, said):
        assert "does not send all rows of public.items" in told and 'ADD TABLE "public"."items"; COMMIT;' in told, told
    assert plan.code != 0, plan
    # What it names, and what the gap then asks for.
    source.execute('BEGIN; ALTER PUBLICATION "pub_shop" DROP TABLE "public"."items"; ALTER PUBLICATION "pub_shop" ADD TABLE "public"."items"; COMMIT')
    service.start()
    assert "did not send for a while table public.items" in ended(service)
    service("snapshot", "--table", "public.items", "--anew")
    service.start()
    service.settle()
    service.stop()
    expect_equal(source, end, "items", ["id", "code", "v"])


@pytest.mark.parametrize("runs", [True, False], ids=["running", "stopped"])
def test_a_table_that_gets_an_included_name(runs, nilus, tmp_path, server, source):
    make_items(source)
    source.execute("CREATE TABLE early (id int PRIMARY KEY, v text); INSERT INTO early SELECT i, 'before' FROM generate_series(1, 50) i")
    end = PostgresEnd(tmp_path, server)
    service = Service(nilus, source, end, **{"table.include.list": r"public\.(items|late)", "publication.autocreate.mode": "all_tables"}).start()
    service.settle()
    if not runs:
        service.stop()
    source.execute("ALTER TABLE early RENAME TO late; INSERT INTO late VALUES (100, 'after'); UPDATE late SET v = 'changed' WHERE id = 3")
    if not runs:
        service.start()
    service.settle()
    source.execute("DELETE FROM late WHERE id = 4")
    service.settle()
    service.stop()
    expect_equal(source, end, "late", ["id", "v"])
    expect_equal(source, end, "items", ["id", "code", "v"])


@pytest.mark.parametrize("runs", [True, False], ids=["running", "stopped"])
def test_another_table_takes_the_name(runs, nilus, tmp_path, server, source):
    make_items(source)
    end = PostgresEnd(tmp_path, server)
    service = Service(nilus, source, end, **{"table.include.list": r"public\.items", "publication.autocreate.mode": "all_tables"}).start()
    service.settle()
    if not runs:
        service.stop()
    source.execute("CREATE TABLE fresh (LIKE items INCLUDING ALL); INSERT INTO fresh SELECT i, 'c', 'fresh' FROM generate_series(2, 5) i")
    source.execute("ALTER TABLE items RENAME TO items_old; ALTER TABLE fresh RENAME TO items")
    source.execute("INSERT INTO items VALUES (7, 'c', 'after')")
    if not runs:
        service.start()
    service.settle()
    service.stop()
    expect_equal(source, end, "items", ["id", "code", "v"])


# ---- columns ----

@pytest.mark.parametrize("runs", [True, False], ids=["running", "stopped"])
@pytest.mark.parametrize("change, column", [("ADD COLUMN rate int DEFAULT 7", "rate"), ("RENAME COLUMN v TO w", "w")], ids=["default", "rename"])
def test_values_that_the_log_does_not_tell_are_named(runs, change, column, nilus, tmp_path, server, source):
    make_items(source)
    end = PostgresEnd(tmp_path, server)
    service = Service(nilus, source, end).start()
    service.settle()
    if not runs:
        service.stop()
    source.execute(f"ALTER TABLE items {change}")
    source.execute("UPDATE items SET code = 'changed' WHERE id = 1")
    if not runs:
        service.start()
    service.settle()
    report = service.stop()
    told = [warning for warning in report["warnings"] if f"column `{column}`" in warning]
    assert told and "nilus cdc snapshot FILE --table public.items --anew" in told[0], report["warnings"]
    service("snapshot", "--table", "public.items", "--anew")
    service.start()
    service.settle()
    report = service.stop()
    assert not report["warnings"], report["warnings"]
    expect_equal(source, end, "items", ["id", "code", column])


def test_a_column_without_a_default_needs_no_word(nilus, tmp_path, server, source):
    make_items(source)
    end = PostgresEnd(tmp_path, server)
    service = Service(nilus, source, end).start()
    service.settle()
    source.execute("ALTER TABLE items ADD COLUMN note text; UPDATE items SET note = 'x' WHERE id = 1")
    service.settle()
    report = service.stop()
    assert not any("note" in warning for warning in report["warnings"]), report["warnings"]
    expect_equal(source, end, "items", ["id", "code", "v", "note"])


def test_values_of_a_type_that_is_gone(nilus, tmp_path, server, source):
    source.execute("CREATE DOMAIN score AS int; CREATE TABLE items (id int PRIMARY KEY, s score); INSERT INTO items VALUES (1, 7)")
    end = PostgresEnd(tmp_path, server)
    service = Service(nilus, source, end).start()
    service.settle()
    service.stop()
    source.execute("INSERT INTO items VALUES (2, 65); ALTER TABLE items ALTER s TYPE int; DROP DOMAIN score; INSERT INTO items VALUES (3, 66)")
    service.start()
    service.settle()
    service.stop()
    expect_equal(source, end, "items", ["id", "s"])


SILENT = {
    "using": "ALTER TABLE items ALTER v TYPE text USING upper(v)",
    "made_again": "ALTER TABLE items DROP COLUMN v; ALTER TABLE items ADD COLUMN v text",
    "swapped": "ALTER TABLE items RENAME v TO w; ALTER TABLE items RENAME code TO v; ALTER TABLE items RENAME w TO code",
    "attached": """CREATE TABLE three (LIKE items INCLUDING ALL); INSERT INTO three VALUES (201, 'c', 'c');
                   ALTER TABLE items ATTACH PARTITION three FOR VALUES FROM (200) TO (300)""",
    "detached": "ALTER TABLE items DETACH PARTITION two",
    "truncated": "TRUNCATE two",
}


@pytest.mark.parametrize("change", SILENT)
def test_what_the_log_does_not_tell_comes_when_it_is_asked_for(change, nilus, tmp_path, server, source):
    source.execute("""CREATE TABLE items (id int PRIMARY KEY, code text, v text) PARTITION BY RANGE (id);
                      CREATE TABLE one PARTITION OF items FOR VALUES FROM (0) TO (100);
                      CREATE TABLE two PARTITION OF items FOR VALUES FROM (100) TO (200);
                      INSERT INTO items VALUES (1, 'code a', 'a'), (101, 'code b', 'b')""")
    end = PostgresEnd(tmp_path, server)
    service = Service(nilus, source, end, **{"table.include.list": r"public\.items"}).start()
    service.settle()
    source.execute(SILENT[change])
    source.execute("INSERT INTO items (id, code, v) VALUES (2, 'code d', 'd')")
    service.settle()
    service.stop()
    service("snapshot", "--table", "public.items", "--anew")
    service.start()
    service.settle()
    source.execute("INSERT INTO items (id, code, v) VALUES (3, 'code e', 'e')")
    service.settle()
    service.stop()
    expect_equal(source, end, "items", ["id", "code", "v"])


GENERATED = """CREATE TABLE people (id int PRIMARY KEY, first text, last text, full_name text GENERATED ALWAYS AS (first || ' ' || last) STORED);
               INSERT INTO people (id, first, last) VALUES (1, 'Ada', 'Byron')"""


def test_generated_columns_are_told(nilus, tmp_path, server, source):
    source.execute(GENERATED)
    end = PostgresEnd(tmp_path, server)
    service = Service(nilus, source, end).start()
    service.settle()
    report = service.stop()
    assert any("public.people" in w and "full_name" in w and "generated" in w for w in report["warnings"]), report["warnings"]
    expect_equal(source, end, "people", ["id", "first", "last"])


def test_generated_columns_are_captured_from_postgresql_18(nilus, tmp_path, server18):
    source = server18.create_database()
    source.execute(GENERATED + "; ALTER TABLE people ADD COLUMN v int GENERATED ALWAYS AS (id + 1) VIRTUAL")
    end = PostgresEnd(tmp_path, server18)
    service = Service(nilus, source, end).start()
    service.settle()
    source.execute("UPDATE people SET last = 'Lovelace'; INSERT INTO people (id, first, last) VALUES (2, 'Grace', 'Hopper')")
    service.settle()
    report = service.stop()
    expect_equal(source, end, "people", ["id", "first", "last", "full_name"])
    told = [w for w in report["warnings"] if "generated columns" in w]
    assert len(told) == 1 and told[0].endswith(": v"), report["warnings"]


# ---- what is told ----

def test_a_lost_slot_is_told_before_a_start(nilus, tmp_path, server, source):
    make_items(source)
    end = PostgresEnd(tmp_path, server)
    service = Service(nilus, source, end).start()
    service.settle()
    service.stop()
    assert nilus("plan", service.manifest, env=service.env).code == 0
    source.execute("SELECT pg_drop_replication_slot(%s)", (service.slot,))
    plan = nilus("plan", service.manifest, env=service.env)
    assert plan.code != 0 and f"{service.slot} does not exist" in plan.out and "when_needed" in plan.out and "\\n" not in plan.out, plan
    status = service("status")
    assert "LOST: " in status.out and service.slot in status.out and "when_needed" in status.out, status
    assert service.slot in json.loads(service("status", "--json").out)["source"]["lost"]


def test_a_refused_start_leaves_nothing_behind(nilus, tmp_path, server, source):
    source.execute('CREATE TABLE "Items" (id int PRIMARY KEY); CREATE TABLE items (id int PRIMARY KEY)')
    service = Service(nilus, source, PostgresEnd(tmp_path, server))
    plan = nilus("plan", service.manifest, env=service.env)
    assert plan.code != 0 and "would both land in lake.shop_public_items" in plan.out and "\n           fix: " in plan.out, plan
    service.start()
    assert "would both land in" in ended(service)
    assert not source.execute("SELECT 1 FROM pg_replication_slots WHERE slot_name = %s", (service.slot,))
    assert not source.execute("SELECT 1 FROM pg_publication")
    status = service("status")
    assert "last error: the tables" in status.out and "\n    fix: " in status.out, status


@pytest.mark.parametrize("columns", ["_op text", "_nilus_from bigint", '"_nilus_{group}" int', '"userName" text, user_name text'])
def test_a_start_that_a_column_refuses_leaves_nothing_behind(nilus, tmp_path, server, source, columns):
    source.execute(f"CREATE TABLE items (id int PRIMARY KEY, {columns}); INSERT INTO items VALUES (1)")
    service = Service(nilus, source, LakehouseEnd(tmp_path, server)).start()
    assert "column.exclude.list" in ended(service)
    assert not source.execute("SELECT 1 FROM pg_replication_slots WHERE slot_name = %s", (service.slot,))
    assert not source.execute("SELECT 1 FROM pg_publication")


def test_a_slot_that_another_service_reads_is_told_soon(nilus, tmp_path, server, source):
    make_items(source)
    first = Service(nilus, source, PostgresEnd(tmp_path, server)).start()
    first.settle()
    second = Service(nilus, source, PostgresEnd(tmp_path, server), name="second",
                     **{"slot.name": first.slot, "publication.name": "pub_shop"}).start()
    for line in second.process.stderr:
        if b"is in use by another session" in line:
            assert first.slot in line.decode() and "slot.name of its own" in line.decode(), line
            break
    else:
        pytest.fail("it ended without a word")
    second.kill()
    source.execute("INSERT INTO items VALUES (9, 'code 9', 'still followed')")
    first.settle()
    first.stop()


@pytest.mark.parametrize("kind", [PostgresEnd, SqliteEnd], ids=lambda kind: kind.kind)
def test_a_row_that_is_gone_at_the_destination_has_a_way_out(kind, nilus, tmp_path, server, source):
    source.execute("CREATE TABLE docs (id int PRIMARY KEY, title text, body text); ALTER TABLE docs ALTER body SET STORAGE EXTERNAL")
    source.execute("INSERT INTO docs SELECT i, 'title', repeat('body ' || i, 900) FROM generate_series(1, 3) i")
    end = kind(tmp_path, server)
    service = Service(nilus, source, end).start()
    service.settle()
    service.stop()
    remove_document_2(end)
    source.execute("UPDATE docs SET title = 'changed' WHERE id = 2")
    service.start()
    said = ended(service)
    assert "shop_public_docs" in said and "nilus cdc snapshot FILE --table public.docs --anew" in said, said
    service("snapshot", "--table", "public.docs", "--anew")
    service.start()
    service.settle()
    service.stop()
    expect_equal(source, end, "docs", ["id", "title", "body"])


def remove_document_2(end):
    """Somebody's doing, not Nilus's."""
    if end.kind == "postgres":
        end.database.execute("DELETE FROM lake.shop_public_docs WHERE id = 2")
    else:
        with contextlib.closing(sqlite3.connect(end.path)) as db:
            db.execute("DELETE FROM shop_public_docs WHERE id = 2")
            db.commit()


def test_the_history_of_shapes_is_kept(nilus, tmp_path, server, source):
    make_items(source)
    service = Service(nilus, source, SqliteEnd(tmp_path, server)).start()
    service.settle()
    source.execute("UPDATE items SET v = 'second'")
    source.execute("ALTER TABLE items ADD COLUMN more numeric(10,2)")
    source.execute("UPDATE items SET more = 1 WHERE id = 1")
    service.settle()
    service.stop()
    files = list((nilus.folder / "state").rglob("schemas.jsonl"))
    assert len(files) == 1
    lines = [json.loads(line) for line in files[0].read_text().splitlines()]
    assert [[column["name"] for column in line["columns"]] for line in lines] == [["id", "code", "v"], ["id", "code", "v", "more"]]
    assert all(line["table"] == ["public", "items"] and line["key"] == ["id"] and line["at"] for line in lines)
    assert lines[1]["columns"][3]["type"] == "decimal(10,2)"
