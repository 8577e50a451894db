"""Change data capture of what the log does not tell: rows without a key, tables that are gone, made again, or renamed for a while."""
import pytest

from cdc_fixtures import no_service_is_left, server, source  # noqa: F401
from cdc_world import PostgresEnd, Service, ended, expect_equal, make_items, wait_until

BULK_LOAD = """BEGIN; ALTER TABLE items DROP CONSTRAINT items_key; INSERT INTO items SELECT i, 'code ' || i, 'bulk' FROM generate_series(10, 20) i;
               ALTER TABLE items ADD CONSTRAINT items_key PRIMARY KEY (id); COMMIT"""


@pytest.mark.parametrize("runs", [True, False], ids=["running", "stopped"])
def test_rows_that_came_while_there_was_no_key(runs, nilus, tmp_path, server, source):
    make_items(source)
    end = PostgresEnd(tmp_path, server)
    service = Service(nilus, source, end).start()
    service.settle()
    if not runs:
        service.stop()
    source.execute(BULK_LOAD)
    source.execute("DELETE FROM items WHERE id = 12")
    if not runs:
        service.start()
    service.settle()
    report = service.stop()
    expect_equal(source, end, "items", ["id", "code", "v"])
    assert any("public.items" in w and "It is read anew" in w for w in report["warnings"]), report["warnings"]


def test_rows_without_a_key_end_a_mode_that_reads_no_rows_until_they_are_asked_for(nilus, tmp_path, server, source):
    make_items(source)
    end = PostgresEnd(tmp_path, server)
    service = Service(nilus, source, end, **{"snapshot.mode": "no_data"}).start()
    service.settle()
    service.stop()
    source.execute(BULK_LOAD)
    service.start()
    said = ended(service)
    assert "snapshot.mode no_data reads no rows" in said and "--table public.items --anew" in said, said
    service("snapshot", "--table", "public.items", "--anew")
    service.start()
    service.settle()
    service.stop()
    expect_equal(source, end, "items", ["id", "code", "v"])


def test_a_key_that_is_renamed_under_a_full_identity(nilus, tmp_path, server, source):
    make_items(source)
    source.execute("ALTER TABLE items REPLICA IDENTITY FULL")
    end = PostgresEnd(tmp_path, server)
    service = Service(nilus, source, end).start()
    service.settle()
    service.stop()
    source.execute("INSERT INTO items VALUES (9, 'code 9', 'by the old name')")
    source.execute("ALTER TABLE items RENAME COLUMN id TO item_id")
    source.execute("INSERT INTO items VALUES (10, 'code 10', 'by the new name')")
    service.start()
    service.settle()
    service.stop()
    expect_equal(source, end, "items", ["item_id", "code", "v"])


def test_a_dropped_table_with_a_full_identity_does_not_stop_the_others(nilus, tmp_path, server, source):
    make_items(source)
    source.execute("CREATE TABLE gone (id int PRIMARY KEY, v text); ALTER TABLE gone REPLICA IDENTITY FULL")
    service = Service(nilus, source, end := PostgresEnd(tmp_path, server)).start()
    service.settle()
    service.stop()
    source.execute("INSERT INTO gone VALUES (1, 'a'); DROP TABLE gone; INSERT INTO items VALUES (9, 'code 9', 'later')")
    service.start()
    service.settle()
    report = service.stop()
    expect_equal(source, end, "items", ["id", "code", "v"])
    assert any(w.startswith("table public.gone: it is not there any more") for w in report["warnings"]), report["warnings"]


@pytest.mark.parametrize("runs", [True, False], ids=["running", "stopped"])
def test_a_table_that_is_made_again_is_put_into_the_publication(runs, nilus, tmp_path, server, source):
    make_items(source)
    end = PostgresEnd(tmp_path, server)
    service = Service(nilus, source, end, **{"heartbeat.interval.ms": "200"}).start()
    service.settle()
    if not runs:
        service.stop()
    source.execute("DROP TABLE items")
    make_items(source, 2)
    if not runs:
        service.start()
    wait_until(lambda: end.rows("shop_public_items", ["id"]) == [("1",), ("2",)], "the new table's rows are there", service.process)
    source.execute("INSERT INTO items VALUES (5, 'code 5', 'later')")
    service.settle()
    report = service.stop()
    expect_equal(source, end, "items", ["id", "code", "v"])
    assert any("it is another table than before" in w for w in report["warnings"]), report["warnings"]


@pytest.mark.parametrize("listed", [True, False], ids=["listed", "all"])
@pytest.mark.parametrize("together", [True, False], ids=["one_transaction", "many"])
def test_changes_under_another_name_are_not_passed_over(together, listed, nilus, tmp_path, server, source):
    make_items(source)
    end = PostgresEnd(tmp_path, server)
    service = Service(nilus, source, end, **({"table.include.list": r"public\.items"} if listed else {})).start()
    service.settle()
    statements = ["INSERT INTO items VALUES (9, 'code 9', 'before')", "ALTER TABLE items RENAME TO items_x",
                  "UPDATE items_x SET v = 'meanwhile' WHERE id = 1", "ALTER TABLE items_x RENAME TO items",
                  "UPDATE items SET v = 'after' WHERE id = 2"]
    if together:
        source.execute("; ".join(["BEGIN", *statements, "COMMIT"]))
    else:
        for statement in statements:
            source.execute(statement)
    service.settle()
    report = service.stop()
    expect_equal(source, end, "items", ["id", "code", "v"])
    assert any("public.items: changes of it come under another name, public.items_x" in w for w in report["warnings"]), report["warnings"]


def test_a_table_that_keeps_its_new_name_stays_as_it_was(nilus, tmp_path, server, source):
    make_items(source)
    end = PostgresEnd(tmp_path, server)
    service = Service(nilus, source, end).start()
    service.settle()
    service.stop()
    source.execute("INSERT INTO items VALUES (9, 'code 9', 'before'); ALTER TABLE items RENAME TO items_x; UPDATE items_x SET v = 'after' WHERE id = 1")
    service.start()
    service.settle()
    service.stop()
    assert end.rows("shop_public_items", ["id", "v"]) == [("1", "first"), ("2", "first"), ("3", "first"), ("9", "before")]
    expect_equal(source, end, "items_x", ["id", "code", "v"])


@pytest.mark.parametrize("strategy", ["append", "merge"])
def test_the_last_changes_of_a_dropped_table_arrive(strategy, nilus, tmp_path, server, source):
    make_items(source)
    source.execute("CREATE TABLE gone (id int PRIMARY KEY, v text)")
    end = PostgresEnd(tmp_path, server)
    service = Service(nilus, source, end, sink_options={"incremental_strategy": strategy}).start()
    service.settle()
    service.stop()
    source.execute("INSERT INTO gone VALUES (1, 'a'); DROP TABLE gone")
    service.start()
    service.settle()
    service.stop()
    assert end.rows("shop_public_gone", ["id", "v"]) == [("1", "a")]
    # One that is made again is a new one.
    source.execute("CREATE TABLE gone (id int PRIMARY KEY, v text); INSERT INTO gone VALUES (2, 'b')")
    service.start()
    service.settle()
    service.stop()
    rows = end.rows("shop_public_gone", ["id", "v"])
    assert rows == ([("2", "b")] if strategy == "merge" else [("1", "a"), ("2", "b")])
