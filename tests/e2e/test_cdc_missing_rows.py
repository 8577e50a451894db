"""Change data capture into a destination that lacks what the position says is there: tables that somebody dropped, rows that were never read."""
import contextlib
import sqlite3

import pytest

import duckdb_file
from cdc_fixtures import no_service_is_left, server, source  # noqa: F401
from cdc_world import ENDS, DuckdbEnd, PostgresEnd, Service, SqliteEnd, ended, expect_equal, make_items

LARGE = "INSERT INTO docs SELECT i, 'title', repeat('large ' || i, 2000) FROM generate_series(%s, %s) i"
DROPS = [(PostgresEnd, True), (PostgresEnd, False), (SqliteEnd, True), (SqliteEnd, False), (DuckdbEnd, False)]


def drop(end, table):
    name = f"{end.schema}.shop_public_{table}"
    if end.kind == "postgres":
        end.database.execute(f"DROP TABLE {name}")
    elif end.kind == "duckdb":
        duckdb_file.change(end.path, f"DROP TABLE {name}")
    else:
        with contextlib.closing(sqlite3.connect(end.path, timeout=60)) as db:
            db.execute(f"DROP TABLE {name}")
            db.commit()


def make_docs(source):
    source.execute("CREATE TABLE docs (id int PRIMARY KEY, title text, body text); ALTER TABLE docs ALTER body SET STORAGE EXTERNAL")
    source.execute(LARGE, (1, 3))


@pytest.mark.parametrize("kind, runs", DROPS, ids=[f"{kind.kind}-{'running' if runs else 'stopped'}" for kind, runs in DROPS])
def test_a_dropped_table_is_read_anew(kind, runs, nilus, tmp_path, server, source):
    make_items(source)
    make_docs(source)
    end = kind(tmp_path, server)
    service = Service(nilus, source, end).start()
    service.settle()
    for change in ("UPDATE items SET v = 'second' WHERE id = 2", "UPDATE docs SET title = 'second' WHERE id = 2"):
        if not runs:
            service.stop()
        drop(end, "items" if "items" in change else "docs")
        source.execute(change)
        if not runs:
            service.start()
        service.settle()
    report = service.stop()
    expect_equal(source, end, "items", ["id", "code", "v"])
    expect_equal(source, end, "docs", ["id", "title", "body"])
    assert any("table public.docs: its table was dropped at the destination. It is read anew" in w for w in report["warnings"]), report["warnings"]


def test_a_start_misses_a_table_without_changes(nilus, tmp_path, server, source):
    make_items(source)
    end = PostgresEnd(tmp_path, server)
    service = Service(nilus, source, end).start()
    service.settle()
    service.stop()
    drop(end, "items")
    service.start()
    service.settle()
    service.stop()
    expect_equal(source, end, "items", ["id", "code", "v"])


@pytest.mark.parametrize("kind", ENDS, ids=lambda kind: kind.kind)
def test_rows_that_were_never_read_land_with_what_is_known(kind, nilus, tmp_path, server, source):
    make_docs(source)
    end = kind(tmp_path, server)
    service = Service(nilus, source, end, **{"snapshot.mode": "no_data"}).start()
    service.settle()
    source.execute("UPDATE docs SET title = 'new' WHERE id = 1")
    source.execute("UPDATE docs SET id = 9 WHERE id = 2")
    source.execute(LARGE, (4, 4))
    source.execute("UPDATE docs SET title = 'known' WHERE id = 4")
    service.settle()
    report = service.stop()
    known = source.execute("SELECT body FROM docs WHERE id = 4")[0][0]
    assert end.rows("shop_public_docs", ["id", "title", "body"]) == sorted([("1", "new", None), ("9", "title", None), ("4", "known", known)], key=repr)
    said = [w for w in report["warnings"] if "public.docs" in w]
    assert len(said) == 1 and "NULL stands in `body`" in said[0] and "snapshot.mode no_data reads no rows" in said[0], report["warnings"]
    service("snapshot", "--table", "public.docs")
    service.start()
    service.wait_for_snapshots()
    service.stop()
    expect_equal(source, end, "docs", ["id", "title", "body"])


PRICES = "CREATE TABLE prices (id int, until timestamptz, price numeric, PRIMARY KEY (id, until))"
ROWS = "INSERT INTO prices VALUES (1, 'infinity', 10), (2, 'infinity', 'NaN'), (2, '2026-01-01Z', 20)"


@pytest.mark.parametrize("kind", ENDS, ids=lambda kind: kind.kind)
def test_a_key_with_values_that_its_type_cannot_hold(kind, nilus, tmp_path, server, source):
    source.execute(PRICES)
    end = kind(tmp_path, server)
    service = Service(nilus, source, end).start()
    service.settle()
    source.execute(ROWS)
    said = ended(service)
    assert "key column `until`" in said and "no `infinity`" in said and "type_hints: {until: text}" in said, said
    service = Service(nilus, source, end, options={"type_hints": {"until": "text", "price": "text"}}).start()
    service.settle()
    source.execute("UPDATE prices SET until = '2026-02-01Z' WHERE id = 1")  # as a temporal table ends a row
    source.execute("INSERT INTO prices VALUES (1, 'infinity', 11)")
    source.execute("DELETE FROM prices WHERE id = 2 AND until = 'infinity'")
    source.execute("UPDATE prices SET price = 'NaN' WHERE id = 2")
    service.settle()
    service.stop()
    rows = end.rows("shop_public_prices", ["id", "until", "price"])
    assert sorted((key, until, price if price == "NaN" else float(price)) for key, until, price in rows) == [
        ("1", "2026-02-01T00:00:00Z", 10), ("1", "infinity", 11), ("2", "2026-01-01T00:00:00Z", "NaN")]
