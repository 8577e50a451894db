"""Nested rows on every sink: json columns become columns and child tables, committed and replaced with the rows they belong to."""
import csv
import json
import sqlite3

import pytest

import duckdb_file
from destinations import DESTINATIONS
from harness import was_killed
from test_faults import passages


@pytest.fixture(params=DESTINATIONS, ids=lambda kind: kind.kind)
def destination(request, tmp_path, postgres):
    return request.param(tmp_path, postgres)


class Source:
    def __init__(self, folder):
        self.path = folder / "orders.jsonl"

    def write(self, *rows):
        self.path.write_text("".join(json.dumps(row) + "\n" for row in rows))


@pytest.fixture
def source(tmp_path):
    return Source(tmp_path)


def pipeline(nilus, source, destination, strategy, sink=None, **options):
    return nilus.manifest({"address": f"file://{source.path.parent}", "options": {"source_table": source.path.name, "primary_key": "id", "max_table_nesting": "2", **options}},
                          {"address": destination.uri, "options": {"dest_table": destination.table, "incremental_strategy": strategy, **(sink or {})}}, name="orders")


def rows(destination, table, *columns):
    """Rows of a table beside `items`, as texts, sorted; nothing where there is no such table."""
    listed = ", ".join(f'"{column}"' for column in columns)
    if destination.kind == "postgres":
        if not destination.database.exists(f"lake.{table}"):
            return []
        found = destination.database.execute(f"SELECT {listed} FROM lake.{table}")
    elif destination.kind == "sqlite":
        with sqlite3.connect(destination.path) as db:
            if not db.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (table,)).fetchall():
                return []
            found = db.execute(f"SELECT {listed} FROM {table}").fetchall()
    elif destination.kind == "duckdb":
        if table not in destination._tables():
            return []
        casts = ", ".join(f'CAST("{column}" AS VARCHAR)' for column in columns)
        found = duckdb_file.query(destination.path, f"SELECT {casts} FROM lake.{table}")
    elif destination.kind.startswith("lakehouse"):
        found = destination.rows(columns, table)
    else:
        found = []
        for file in (destination.path / "lake" / table).glob("*.csv"):
            with open(file, newline="") as opened:
                found += [tuple(row.get(column) or None for column in columns) for row in csv.DictReader(opened)]
    return sorted([tuple(None if v is None else str(v) for v in row) for row in found], key=repr)


def elements(destination):
    """(order, sku) of each element: by the id of the row it belongs to."""
    orders = {row_id: order for row_id, order in rows(destination, "items", "_nilus_id", "id")}
    children = rows(destination, "items__lines", "_nilus_root_id", "_nilus_parent_id", "sku")
    assert all(root == parent for root, parent, _ in children)
    return sorted((orders.get(root), sku) for root, _, sku in children)


FIRST = ({"id": 1, "at": {"city": "Ulm", "zip": "0123"}, "lines": [{"sku": "a", "tags": ["x", "y"]}, {"sku": "b"}]},
         {"id": 2, "at": {"city": "Bonn"}, "lines": [{"sku": "c"}]},
         {"id": 3, "lines": []})


def test_objects_become_columns_and_arrays_child_tables(nilus, source, destination):
    source.write(*FIRST)
    report = nilus.run(pipeline(nilus, source, destination, "replace")).report
    assert rows(destination, "items", "id", "at__city", "at__zip") == [("1", "Ulm", "0123"), ("2", "Bonn", None), ("3", None, None)]
    assert elements(destination) == [("1", "a"), ("1", "b"), ("2", "c")]
    assert [value for (value,) in rows(destination, "items__lines__tags", "value")] == ["x", "y"]
    loads = {load for table in ("items", "items__lines", "items__lines__tags") for (load,) in rows(destination, table, "_nilus_load_id")}
    assert loads == {report["load_id"]}
    assert {table["name"].split(".")[1]: table["rows_out"] for table in report["tables"]} == {"items": 3, "items__lines": 3, "items__lines__tags": 2}
    source.write(*FIRST[1:])
    nilus.run(pipeline(nilus, source, destination, "replace"))
    assert elements(destination) == [("2", "c")]
    assert rows(destination, "items__lines__tags", "value") == []


def test_appended_rows_bring_their_children(nilus, source, destination):
    manifest = pipeline(nilus, source, destination, "append", changed_files="reread", primary_key="")
    source.write(FIRST[0])
    nilus.run(manifest)
    source.path = source.path.with_name("orders2.jsonl")
    source.write(FIRST[1])
    nilus.run(pipeline(nilus, source, destination, "append"))
    assert elements(destination) == [("1", "a"), ("1", "b"), ("2", "c")]


def needs(destination, strategy):
    if strategy not in getattr(destination, "nested_strategies", destination.strategies):
        pytest.skip(f"{destination.kind} has no {strategy} of nested rows")


def merged(nilus, source, destination):
    needs(destination, "merge")
    source.write(*FIRST)
    manifest = pipeline(nilus, source, destination, "merge", incremental_key="id", changed_files="reread")
    nilus.run(pipeline(nilus, source, destination, "merge"))
    return pipeline(nilus, source, destination, "merge", changed_files="reread")


SECOND = ({"id": 1, "lines": [{"sku": "old"}]}, {"id": 1, "lines": [{"sku": "a2"}]}, {"id": 2, "lines": []}, {"id": 4, "lines": [{"sku": "d"}]})
AFTER = [("1", "a2"), ("4", "d")]


def test_merge_replaces_the_children_of_replaced_rows(nilus, source, destination):
    manifest = merged(nilus, source, destination)
    source.write(*SECOND)
    nilus.run(manifest)
    assert [row[0] for row in rows(destination, "items", "id")] == ["1", "2", "3", "4"]
    assert elements(destination) == AFTER
    assert rows(destination, "items__lines__tags", "value") == [], "no row brought any, and those that had some were replaced"
    nilus.run(manifest)
    assert elements(destination) == AFTER


def test_delete_insert_takes_children_along(nilus, source, destination):
    needs(destination, "delete+insert")
    source.write(*[{**row, "day": f"2024-01-0{row['id']}"} for row in FIRST])
    options = {"incremental_key": "day", "interval_start": "2024-01-01", "interval_end": "2024-01-03", "changed_files": "reread",
               "type_hints": {"day": "date"}}
    nilus.run(pipeline(nilus, source, destination, "delete+insert", **options))
    assert elements(destination) == [("1", "a"), ("1", "b"), ("2", "c")]
    source.write({"id": 2, "day": "2024-01-02", "lines": [{"sku": "new"}]})
    nilus.run(pipeline(nilus, source, destination, "delete+insert", **options))
    assert elements(destination) == [("2", "new")]


def test_a_merge_with_children_is_cut_at_every_point(nilus, source, destination, tmp_path):
    manifest = merged(nilus, source, destination)
    source.write(*SECOND)
    saved = destination.save()
    before = elements(destination)
    trace = tmp_path / "trace"
    nilus.run(manifest, env={"NILUS_FAULT_TRACE": trace})
    for name, kind, count in passages(trace):
        for nth in sorted({1, count}):
            destination.restore(saved)
            cut = nilus.run(manifest, env={"NILUS_FAULT": f"{name}:kill:{nth}"}, expect=None)
            assert was_killed(cut.code), (name, cut)
            assert elements(destination) in (before, AFTER), name
            nilus.run(manifest)
            assert elements(destination) == AFTER, name


def test_what_is_nested_in_postgres(nilus, destination, postgres):
    database = postgres.create_database()
    database.execute("CREATE TABLE docs (id bigint PRIMARY KEY, doc jsonb); INSERT INTO docs SELECT i, jsonb_build_object('n', i, 'l', jsonb_build_array(i, i + 1)) FROM generate_series(1, 500) i")
    nilus.run(nilus.manifest({"address": database.uri, "options": {"source_table": "public.docs", "max_table_nesting": 1}},
                             {"address": destination.uri, "options": {"dest_table": destination.table, "incremental_strategy": "replace"}}))
    assert len(rows(destination, "items", "id", "doc__n")) == 500
    assert sum(int(value) for (value,) in rows(destination, "items__doc__l", "value")) == sum(2 * i + 1 for i in range(1, 501))


def test_scd2_is_refused(nilus, source, destination):
    source.write(*FIRST)
    refused = nilus.run(pipeline(nilus, source, destination, "scd2"), expect=2)
    assert "scd2" in refused.report["error"]["message"]
