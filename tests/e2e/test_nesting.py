"""Nested rows on every sink: json columns become columns and child tables, committed and replaced with the rows they belong to."""
import csv
import decimal
import json
import sqlite3

import pytest

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
    """Rows of a table as texts, sorted; nothing where there is no such table."""
    return sorted([tuple(value or None for value in row) for row in destination.rows(columns, table)], key=repr)


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
    source.write(FIRST[0])
    nilus.run(pipeline(nilus, source, destination, "append"))
    source.path = source.path.with_name("orders2.jsonl")
    source.write(FIRST[1])
    nilus.run(pipeline(nilus, source, destination, "append"))
    assert elements(destination) == [("1", "a"), ("1", "b"), ("2", "c")]


def test_appended_versions_of_a_key_have_children_of_their_own(nilus, source, destination):
    for number, skus in enumerate(["ab", "c"]):
        source.path = source.path.with_name(f"orders{number}.jsonl")
        source.write(*({"id": 1, "n": f"{number}{i}", "lines": [{"sku": sku}]} for i, sku in enumerate(skus)))
        nilus.run(pipeline(nilus, source, destination, "append"))
    versions = rows(destination, "items", "_nilus_id", "n")
    assert len({row_id for row_id, _ in versions}) == 3
    of = dict(versions)
    assert sorted((of[root], sku) for root, sku in rows(destination, "items__lines", "_nilus_root_id", "sku")) == [("00", "a"), ("01", "b"), ("10", "c")]


def test_child_tables_that_an_append_left_alone_are_made_anew_with_the_others(nilus, source, destination):
    for number, documents in enumerate([FIRST, [{"id": 4}]]):
        source.path = source.path.with_name(f"orders{number}.jsonl")
        source.write(*documents)
        nilus.run(pipeline(nilus, source, destination, "append"))
    assert elements(destination) == [("1", "a"), ("1", "b"), ("2", "c")]
    nilus.run(pipeline(nilus, source, destination, "append", {"full_refresh": True}))
    assert rows(destination, "items", "id") == [("4",)]
    assert rows(destination, "items__lines", "sku") == [] and rows(destination, "items__lines__tags", "value") == []


def needs(destination, strategy):
    if strategy not in destination.strategies:
        pytest.skip(f"{destination.kind} has no {strategy} of nested rows")


def merged(nilus, source, destination):
    needs(destination, "merge")
    source.write(*FIRST)
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


def test_what_is_nested_in_postgres(nilus, destination, postgres):
    database = postgres.create_database()
    database.execute("CREATE TABLE docs (id bigint PRIMARY KEY, doc jsonb); INSERT INTO docs SELECT i, jsonb_build_object('n', i, 'l', jsonb_build_array(i, i + 1)) FROM generate_series(1, 500) i")
    nilus.run(nilus.manifest({"address": database.uri, "options": {"source_table": "public.docs", "max_table_nesting": 2}},
                             {"address": destination.uri, "options": {"dest_table": destination.table, "incremental_strategy": "replace"}}))
    assert len(rows(destination, "items", "id", "doc__n")) == 500
    assert sum(int(value) for (value,) in rows(destination, "items__doc__l", "value")) == sum(2 * i + 1 for i in range(1, 501))


def versions(destination):
    """(order, whether it is open, skus, tags) of each version."""
    found = []
    for row_id, order, end in rows(destination, "items", "_nilus_id", "id", "_nilus_valid_to"):
        skus, tags = [], []
        for table, column, into in (("items__lines", "sku", skus), ("items__lines__tags", "value", tags)):
            into += [value for root, value in rows(destination, table, "_nilus_root_id", column) if root == row_id]
        found.append((order, end is None, "".join(map(str, sorted(skus, key=repr))), "".join(sorted(tags))))
    roots = {row_id for (row_id,) in rows(destination, "items", "_nilus_id")}
    assert len(roots) == len(found)
    for table in ("items__lines", "items__lines__tags"):
        assert {root for (root,) in rows(destination, table, "_nilus_root_id")} <= roots
    return sorted(found, key=repr)


FIRST_VERSIONS = [("1", True, "ab", "xy"), ("2", True, "c", ""), ("3", True, "", "")]


def versioned(nilus, source, destination, *documents, **options):
    needs(destination, "scd2")
    source.write(*documents)
    manifest = pipeline(nilus, source, destination, "scd2", **options)
    nilus.run(manifest)
    return manifest


def test_versions_keep_their_children(nilus, source, destination):
    """A change in a child row, at any depth, is a change of its row; an unchanged row keeps its version, and that its children."""
    manifest = versioned(nilus, source, destination, *FIRST)
    assert versions(destination) == FIRST_VERSIONS
    nilus.run(manifest)
    assert versions(destination) == FIRST_VERSIONS
    # The same, spelled otherwise.
    source.path.write_text('{"id": 1, "lines": [ {"tags": ["\\u0078", "y"], "sku": "a", "none": null}, {"sku": "b", "tags": []} ], "at": {"zip": "0123", "city": "Ulm"}}\n'
                           + json.dumps({**FIRST[1], "lines": [{"sku": "c", "tags": None}]}) + "\n" + json.dumps({"id": 3}) + "\n")
    nilus.run(manifest)
    assert versions(destination) == FIRST_VERSIONS
    # y goes to the other line: no value is another one, but a child row belongs elsewhere. 2 is gone.
    source.write({**FIRST[0], "lines": [{"sku": "a", "tags": ["x"]}, {"sku": "b", "tags": ["y"]}]}, FIRST[2])
    nilus.run(manifest)
    moved = [("1", False, "ab", "xy"), ("1", True, "ab", "xy"), ("2", False, "c", ""), ("3", True, "", "")]
    assert versions(destination) == moved
    # Nobody has children any more.
    source.write({**FIRST[0], "lines": []}, {**FIRST[1], "lines": None}, FIRST[2])
    nilus.run(manifest)
    nilus.run(manifest)
    bare = [("1", False, "ab", "xy"), ("1", False, "ab", "xy"), ("1", True, "", ""), ("2", False, "c", ""), ("2", True, "", ""), ("3", True, "", "")]
    assert versions(destination) == bare
    # They come back, with a column and a type that is new.
    source.write({**FIRST[0], "lines": [{"sku": "a", "tags": ["x", "y"]}, {"sku": 7, "new": 1}]}, {**FIRST[1], "lines": None}, FIRST[2])
    nilus.run(manifest)
    nilus.run(manifest)
    assert versions(destination) == sorted([*bare[:2], ("1", False, "", ""), ("1", True, "7a", "xy"), *bare[3:]], key=repr)
    # All anew.
    source.write(FIRST[1])
    nilus.run(manifest, arguments=["--set", "spec.sink.options.full_refresh=true"])
    assert versions(destination) == [("2", True, "c", "")]
    assert rows(destination, "items__lines__tags", "value") == []


def test_of_a_key_that_comes_twice_the_last_one_is_a_version(nilus, source, destination):
    twice = [{"id": 1, "lines": [{"sku": "x"}]}, *FIRST]
    manifest = versioned(nilus, source, destination, *twice)
    assert versions(destination) == FIRST_VERSIONS
    source.write(*twice, {"id": 2, "lines": [{"sku": "z"}]})
    nilus.run(manifest)
    nilus.run(manifest)
    assert versions(destination) == [("1", True, "ab", "xy"), ("2", False, "c", ""), ("2", True, "z", ""), ("3", True, "", "")]
    assert len(rows(destination, "items__lines", "sku")) == 4


def test_a_version_whose_value_fits_no_column_brings_its_children(nilus, source, destination):
    """The main table gets a variant column in the middle of the load: that alone makes the row another one."""
    documents = [{"id": i, "n": i, "lines": [{"sku": f"s{i}"}]} for i in range(1, 4)]
    manifest = versioned(nilus, source, destination, *documents)
    documents[1]["n"] = "two"
    source.write(*documents)
    nilus.run(manifest)
    assert versions(destination) == [("1", True, "s1", ""), ("2", False, "s2", ""), ("2", True, "s2", ""), ("3", True, "s3", "")]
    assert ("2", "two") in rows(destination, "items", "id", "n__v_text")
    nilus.run(manifest)
    assert len(versions(destination)) == 4


def test_versions_from_before_nesting_stay_where_nothing_was_nested(nilus, source, destination):
    versioned(nilus, source, destination, {"id": 1, "lines": [{"sku": "a"}]}, {"id": 2}, max_table_nesting="0")
    nilus.run(pipeline(nilus, source, destination, "scd2"))
    assert versions(destination) == [("1", False, "", ""), ("1", True, "a", ""), ("2", True, "", "")]


def test_versions_with_dead_letters(nilus, source, destination):
    needs_one_step(destination)
    versioned(nilus, source, destination, *FIRST)
    source.write({**FIRST[0], "lines": [{"sku": "a", "new": 1}]}, {**FIRST[1], "lines": [{"sku": "c2"}]}, FIRST[2])
    discarding = pipeline(nilus, source, destination, "scd2", {"schema_contract": "discard_row"})
    assert nilus.run(discarding).report["tables"][0]["rows_dead_lettered"] == 1
    # A load of all rows closes what it lacks.
    after = [("1", False, "ab", "xy"), ("2", False, "c", ""), ("2", True, "c2", ""), ("3", True, "", "")]
    assert versions(destination) == after
    assert letters(nilus, pipeline(nilus, source, destination, "scd2"), "replay")["remaining"] == 0
    assert versions(destination) == sorted([*after, ("1", True, "a", "")], key=repr)


def needs_one_step(destination):
    if not getattr(destination, "commits_tables_together", True):
        pytest.skip("no replay where letters and rows are several commits (test_contracts.py)")


def letters(nilus, manifest, command="list"):
    done = nilus("dead-letters", command, manifest, "--json")
    assert done.code == 0, done
    return json.loads(done.out)


def test_a_row_whose_child_does_not_fit_is_a_dead_letter_whole(nilus, source, destination):
    needs_one_step(destination)
    source.write(*FIRST)
    nilus.run(pipeline(nilus, source, destination, "append", {"schema_contract": "discard_row"}))
    source.path = source.path.with_name("orders2.jsonl")
    source.write({"id": 4, "lines": [{"sku": "d", "tags": ["t"]}, {"sku": "e", "tags": ["t"], "new": 1}]}, {"id": 5, "lines": [{"sku": "f"}]},
                 {"id": 6, "notes": ["n"]}, {"id": 7, "at": {"zip": "1", "new": True}})
    manifest = pipeline(nilus, source, destination, "append", {"schema_contract": "discard_row"})
    table = nilus.run(manifest).report["tables"][0]
    assert (table["rows_in"], table["rows_dead_lettered"], table["rows_out"]) == (4, 3, 1)
    assert elements(destination) == [("1", "a"), ("1", "b"), ("2", "c"), ("5", "f")]
    assert [row[0] for row in rows(destination, "items", "id")] == ["1", "2", "3", "5"]
    shown = {letter["payload"]["id"]: letter for letter in letters(nilus, manifest)["shown"]}
    assert {row: letter["column"] for row, letter in shown.items()} == {4: "items.lines[].new", 6: "items.notes[]", 7: "at__new"}
    assert shown[4]["payload"]["lines"][1] == {"sku": "e", "tags": ["t"], "new": 1}
    assert letters(nilus, manifest, "replay")["replayed"] == 0, "under the same rules nothing changed"
    evolving = pipeline(nilus, source, destination, "append")
    assert letters(nilus, evolving, "replay")["remaining"] == 0
    assert elements(destination) == [("1", "a"), ("1", "b"), ("2", "c"), ("4", "d"), ("4", "e"), ("5", "f")]
    assert [row[0] for row in rows(destination, "items", "id")] == ["1", "2", "3", "4", "5", "6", "7"]
    assert rows(destination, "items__notes", "value") == [("n",)]


def test_a_replayed_merge_takes_the_place_of_old_children_but_not_of_newer_ones(nilus, source, destination):
    needs_one_step(destination)
    needs(destination, "merge")
    options = {"incremental_key": "v", "changed_files": "reread"}
    source.write({"id": 1, "v": 1, "lines": [{"sku": "a"}]}, {"id": 2, "v": 1, "lines": [{"sku": "b"}]})
    nilus.run(pipeline(nilus, source, destination, "merge", {"schema_contract": "discard_row"}, **options))
    source.write({"id": 1, "v": 2, "lines": [{"sku": "a2", "new": 1}]}, {"id": 2, "v": 2, "lines": [{"sku": "b2", "new": 1}]})
    discarding = pipeline(nilus, source, destination, "merge", {"schema_contract": "discard_row"}, **options)
    assert nilus.run(discarding).report["tables"][0]["rows_dead_lettered"] == 2
    source.write({"id": 1, "v": 3, "lines": [{"sku": "a3"}]})
    nilus.run(discarding)
    assert letters(nilus, pipeline(nilus, source, destination, "merge", **options), "replay")["remaining"] == 0
    assert rows(destination, "items", "id", "v") == [("1", "3"), ("2", "2")]
    assert elements(destination) == [("1", "a3"), ("2", "b2")]


def test_contracts_speak_of_child_tables(nilus, source, destination):
    source.write(*FIRST)
    nilus.run(pipeline(nilus, source, destination, "append"))
    source.path = source.path.with_name("orders2.jsonl")
    source.write({"id": 4, "lines": [{"sku": "d", "new": 1}], "notes": ["n", "m"]})
    frozen = nilus.run(pipeline(nilus, source, destination, "append", {"schema_contract": "freeze"}), expect=1)
    assert "items.notes[]" in frozen.report["error"]["message"] or "`new`" in frozen.report["error"]["message"]
    discarded = nilus.run(pipeline(nilus, source, destination, "append", {"schema_contract": "discard_value"})).report
    assert elements(destination)[-1] == ("4", "d")
    counts = {(table["name"].split(".")[1], d["column"]): d["values"] for table in discarded["tables"] for d in table.get("discarded", [])}
    assert counts == {("items__lines", "new"): 1, ("items", "items.notes[]"): 2}
    assert rows(destination, "items__notes", "value") == []


def test_each_value_goes_its_own_way(nilus, source, destination):
    """One element or a list of them, an object or its name: what becomes of one document does not hang on the others."""
    documents = [{"id": 1, "at": {"city": "Ulm"}, "lines": [{"sku": "a"}, {"sku": "b"}]}, {"id": 2, "at": "Bonn", "lines": {"sku": "c"}},
                 {"id": 3, "at": 7, "lines": "none"}, {"id": 4, "at": ["Rom"], "lines": [{"sku": "d"}, "e"]}]
    source.write(*documents)
    nilus.run(pipeline(nilus, source, destination, "append"))
    expected = ([("1", None, "Ulm", None, None), ("2", "Bonn", None, None, "c"), ("3", "7", None, "none", None), ("4", None, None, None, None)],
                [("1", "a", None), ("1", "b", None), ("4", "d", None), ("4", None, "e")], [("Rom",)])

    def found():
        orders = {row_id: order for row_id, order in rows(destination, "items", "_nilus_id", "id")}
        lines = [(orders[root], sku, value) for root, sku, value in rows(destination, "items__lines", "_nilus_root_id", "sku", "value")]
        return (rows(destination, "items", "id", "at", "at__city", "lines", "lines__sku"), sorted(lines, key=lambda line: (line[0], line[1] or "z")),
                rows(destination, "items__at", "value"))
    assert found() == expected
    nilus.run(pipeline(nilus, source, destination, "append", {"full_refresh": True}))
    assert found() == expected
    source.write({"id": 0, "lines": [{"sku": "z", "value": 1}]})
    nilus.run(pipeline(nilus, source, destination, "append", {"full_refresh": True}))
    source.write({"id": 0, "lines": [{"sku": "z", "value": 1}]}, *documents)
    report = nilus.run(pipeline(nilus, source, destination, "append", {"full_refresh": True})).report
    assert any("items.lines[] stays json" in warning for warning in report["warnings"]), "`value` of a line, and a line that is a value"
    assert len(rows(destination, "items__lines", "value")) == 5


def test_a_key_is_never_taken_apart(nilus, source, destination):
    needs(destination, "merge")
    source.write({"id": 1, "v": 1, "at": {"city": "Ulm"}}, {"id": {"x": 1}, "v": 2, "at": "Bonn"}, {"id": [1], "v": 3})
    for _ in range(2):
        nilus.run(pipeline(nilus, source, destination, "merge"))
    assert sorted(v for (v,) in rows(destination, "items", "v")) == ["1", "2", "3"]
    assert {places for places in rows(destination, "items", "at", "at__city") if any(places)} == {("Bonn", None), (None, "Ulm")}


@pytest.mark.parametrize("odd, column", [({"lines": "none"}, "lines"), ({"lines": {"sku": "x"}}, "lines__sku"), ({"at": "Ulm"}, "at"), ({"at": [1]}, "items.at[]"),
                                         ({"lines": [{"sku": "x", "tags": "t"}]}, "items.lines[].tags"), ({"lines": ["x"]}, "items.lines[].value")])
def test_one_odd_value_is_one_dead_letter(nilus, source, destination, odd, column):
    needs_one_step(destination)
    source.write(*FIRST)
    nilus.run(pipeline(nilus, source, destination, "append"))
    source.path = source.path.with_name("orders2.jsonl")
    source.write(*({**row, "id": row["id"] + 10} for row in FIRST), {"id": 9, **odd})
    frozen = nilus.run(pipeline(nilus, source, destination, "append", {"schema_contract": "freeze"}), expect=1)
    assert column.split(".")[-1].removesuffix("[]") in frozen.report["error"]["message"], frozen
    discarding = pipeline(nilus, source, destination, "append", {"schema_contract": "discard_row"})
    assert nilus.run(discarding).report["tables"][0]["rows_dead_lettered"] == 1
    shown = [({key: value for key, value in letter["payload"].items() if value is not None}, letter["column"]) for letter in letters(nilus, discarding)["shown"]]
    assert shown == [({"id": 9, **odd}, column)]
    assert [row[0] for row in rows(destination, "items", "id")] == ["1", "11", "12", "13", "2", "3"]
    assert elements(destination) == [("1", "a"), ("1", "b"), ("11", "a"), ("11", "b"), ("12", "c"), ("2", "c")]
    assert letters(nilus, pipeline(nilus, source, destination, "append"), "replay")["remaining"] == 0
    assert len(rows(destination, "items", "id")) == 7


def test_hints_pin_nested_columns(nilus, source, destination):
    source.write(*FIRST)
    report = nilus.run(pipeline(nilus, source, destination, "replace", type_hints={"lines__tags": "json", "at__zip": "bigint", "lines__nowhere": "text"})).report
    assert any("`lines__nowhere`" in warning for warning in report["warnings"])
    assert not any("`lines__tags`" in warning or "`at__zip`" in warning for warning in report["warnings"])
    assert rows(destination, "items", "at__zip")[0] == ("123",)
    tags = [value for (value,) in rows(destination, "items__lines", "tags") if value]
    assert [json.loads(value.replace("'", '"')) for value in tags] == [["x", "y"]], "psycopg2 gives lists"
    assert rows(destination, "items__lines__tags", "value") == []


@pytest.mark.parametrize("contract", ["evolve", "freeze", "discard_row", "discard_value"])
def test_the_contract_speaks_of_objects_at_a_hinted_column(nilus, source, tmp_path, contract):
    """They are misfits as any other value, and not taken apart under a name of their own."""
    source.write({"id": 1, "a": {"x": 1}}, {"id": 2, "a": [7]}, {"id": 3, "a": "5"}, {"id": 4, "a": "q"})
    target = tmp_path / "out.db"
    manifest = nilus.manifest({"address": f"file://{source.path.parent}", "options": {"source_table": source.path.name, "primary_key": "id", "max_table_nesting": "2", "type_hints": {"a": "bigint"}}},
                              {"address": f"sqlite:///{target}", "options": {"dest_table": "main.t", "incremental_strategy": "append", "schema_contract": contract}})
    done = nilus.run(manifest, expect=1 if contract == "freeze" else 0)
    if contract == "freeze":
        assert "column `a`" in done.report["error"]["message"] and "cannot become bigint" in done.report["error"]["message"], done
        return
    with sqlite3.connect(target) as db:
        columns = [name for _, name, *_ in db.execute("PRAGMA table_info(t)") if not name.startswith("_nilus")]
        loaded = db.execute(f"SELECT {', '.join(columns)} FROM t ORDER BY id").fetchall()
        tables = {name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE name LIKE 't\\__%' ESCAPE '\\'")}
    db.close()
    table = done.report["tables"][0]
    if contract == "evolve":
        assert sorted(columns) == ["a", "a__v_json", "a__v_text", "id"] and tables == set()
        by_id = {row[columns.index("id")]: {name: value for name, value in zip(columns, row) if value is not None and name != "id"} for row in loaded}
        assert by_id == {1: {"a__v_json": '{"x": 1}'}, 2: {"a__v_json": "[7]"}, 3: {"a": 5}, 4: {"a__v_text": "q"}}
    elif contract == "discard_row":
        assert (columns, loaded) == (["id", "a"], [(3, 5)]) and table["rows_dead_lettered"] == 3
        reasons = [(letter["column"], letter["reason"]) for letter in letters(nilus, manifest)["shown"]]
        assert sorted(reasons) == [("a", "a value of type json cannot become bigint without loss")] * 2 + [("a", "a value of type text cannot become bigint without loss")]
    else:
        assert (columns, loaded) == (["id", "a"], [(1, None), (2, None), (3, 5), (4, None)])
        assert [(discarded["column"], discarded["values"]) for discarded in table["discarded"]] == [("a", 3)]


def test_hinted_places_with_long_names_are_found(nilus, source, postgres, tmp_path):
    name = "a" * 70
    source.write({"id": 1, "o": {name: "5"}}, {"id": 2, "lines": [{name: "7"}]})
    destination = next(kind for kind in DESTINATIONS if kind.kind == "postgres")(tmp_path, postgres)
    report = nilus.run(pipeline(nilus, source, destination, "replace", type_hints={f"o__{name}": "bigint", f"lines__{name}": "bigint", f"o__{name}b": "bigint"})).report
    assert [warning for warning in report["warnings"] if "type_hints" in warning] == [f"type_hints: `o__{name}b` is no column of orders.jsonl"]


def test_hinted_places_that_are_only_ever_null_are_columns(nilus, source, destination):
    source.write({"id": 1, "at": {"zip": None, "city": "Ulm"}, "lines": [{"sku": "a", "price": None}, {"sku": "b"}]}, {"id": 2, "at": None})
    hints = {"at__zip": "bigint", "lines__price": "decimal(12,2)", "at__nowhere": "date"}
    report = nilus.run(pipeline(nilus, source, destination, "append", type_hints=hints)).report
    assert [warning for warning in report["warnings"] if "type_hints" in warning] == ["type_hints: `at__nowhere` is no column of orders.jsonl"]
    assert rows(destination, "items", "id", "at__zip") == [("1", None), ("2", None)]
    assert rows(destination, "items__lines", "sku", "price") == [("a", None), ("b", None)]
    source.path = source.path.with_name("orders2.jsonl")
    source.write({"id": 3, "at": {"zip": "123"}, "lines": [{"sku": "c", "price": "1.5"}]})
    nilus.run(pipeline(nilus, source, destination, "append"))
    assert rows(destination, "items", "at__zip")[0] == ("123",), "the column has the type that the hint gave it"
    assert [decimal.Decimal(price) for (price,) in rows(destination, "items__lines", "price") if price] == [decimal.Decimal("1.5")]


def test_an_array_does_not_take_the_place_of_the_dead_letters(nilus, source, destination):
    source.write({"id": 1, "dead letters": [{"sku": "a"}]})
    refused = nilus.run(pipeline(nilus, source, destination, "append"), expect=2)
    assert "dead_letters[]" in refused.report["error"]["message"] and "items__dead_letters" in refused.report["error"]["message"]
    nilus.run(pipeline(nilus, source, destination, "append", type_hints={"dead_letters": "json"}))
    assert rows(destination, "items", "id") == [("1",)]


def test_arrays_that_are_always_empty_make_no_column(nilus, source, destination):
    source.write({"id": 1, "lines": [], "at": {}}, {"id": 2, "lines": None})
    nilus.run(pipeline(nilus, source, destination, "append"))
    source.path = source.path.with_name("orders2.jsonl")
    source.write({"id": 3, "lines": [{"sku": "a"}], "at": {"zip": "1"}})
    nilus.run(pipeline(nilus, source, destination, "append"))
    assert [row[0] for row in rows(destination, "items", "id")] == ["1", "2", "3"]
    assert elements(destination) == [("3", "a")]
    assert rows(destination, "items", "at__zip")[-1] == ("1",) or ("1",) in rows(destination, "items", "at__zip")


def test_deep_documents_are_taken_apart_as_far_as_asked(nilus, source, destination):
    """10,000 arrays inside one another: four are tables, the rest is one JSON value (a text beside it, where the server's json takes less)."""
    deep = "[" * 10_000 + "1" + "]" * 10_000
    source.path.write_text('{"id": 1, "deep": ' + deep + '}\n')
    nilus.run(pipeline(nilus, source, destination, "replace", max_table_nesting="4"))
    assert rows(destination, "items", "id") == [("1",)]
    table = "items__deep__value__value__value"
    column = "value__v_text" if destination.kind == "postgres" else "value"
    csv.field_size_limit(1 << 20)
    assert rows(destination, table, column) == [(deep[4:-4],)]


def test_a_nested_replay_is_cut_at_every_point(nilus, source, destination, tmp_path):
    """Killed anywhere, the replay of documents with children is done or not; run again, it is done once."""
    needs_one_step(destination)
    source.write(*FIRST)
    nilus.run(pipeline(nilus, source, destination, "append", {"schema_contract": "discard_row"}))
    source.path = source.path.with_name("orders2.jsonl")
    source.write({"id": 4, "lines": [{"sku": "d", "new": 1}], "notes": ["n"]}, {"id": 5, "lines": [{"sku": "e", "new": 2}]})
    nilus.run(pipeline(nilus, source, destination, "append", {"schema_contract": "discard_row"}))
    evolving = pipeline(nilus, source, destination, "append")
    saved = destination.save()
    before = elements(destination)
    trace = tmp_path / "trace"
    assert nilus("dead-letters", "replay", evolving, env={"NILUS_FAULT_TRACE": trace}).code == 0
    after = elements(destination)
    assert after == [*before, ("4", "d"), ("5", "e")]
    for name, _, count in passages(trace):
        for nth in sorted({1, count}):
            destination.restore(saved)
            cut = nilus("dead-letters", "replay", evolving, env={"NILUS_FAULT": f"{name}:kill:{nth}"})
            assert was_killed(cut.code), (name, cut)
            assert destination.needs_recovery or elements(destination) in (before, after), name
            letters(nilus, evolving, "replay")
            assert elements(destination) == after and rows(destination, "items__notes", "value") == [("n",)], name
            assert letters(nilus, evolving)["letters"] == 0, name


def test_a_version_whose_nested_value_is_gone_everywhere_ends(nilus, source, destination):
    """No document has the place any more, so the load has no such column: the row has changed all the same."""
    manifest = versioned(nilus, source, destination, {"id": 1, "at": {"city": "Ulm"}, "lines": [{"sku": "a"}]}, {"id": 2, "lines": []})
    source.write({"id": 1, "lines": [{"sku": "a"}]}, {"id": 2, "lines": []})
    nilus.run(manifest)
    nilus.run(manifest)
    assert versions(destination) == [("1", False, "a", ""), ("1", True, "a", ""), ("2", True, "", "")]
    assert rows(destination, "items", "id", "at__city") == [("1", "Ulm"), ("1", None), ("2", None)]
