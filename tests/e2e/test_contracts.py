"""schema_contract, type_hints and dead letters on every sink: nothing is dropped without a word, and what was kept aside can be loaded later."""
import csv
import itertools
import json
import sqlite3

import pytest

from destinations import DESTINATIONS
from harness import was_killed
from lakehouse_destinations import LakehouseDestination, SqlLakehouseDestination
from test_evolution import Source, columns_of, rows
from test_faults import passages


# A lakehouse whose catalog commits several tables together: elsewhere replays are refused (below).
@pytest.fixture(params=[kind for kind in DESTINATIONS if kind is not LakehouseDestination] + [SqlLakehouseDestination], ids=lambda kind: kind.kind)
def destination(request, tmp_path, postgres):
    return request.param(tmp_path, postgres)


@pytest.fixture
def source(tmp_path):
    return Source(tmp_path)


def pipeline(nilus, source, destination, contract="evolve", sink=None, **options):
    return nilus.manifest({"address": f"sqlite:///{source.path}", "options": {"source_table": "items", "primary_key": "id", **options}},
                          {"address": destination.uri, "options": {"dest_table": destination.table, "incremental_strategy": "append",
                                                                   "schema_contract": contract, **(sink or {})}}, name="items")


def assert_balance(report):
    for table in report["tables"]:
        assert table["rows_in"] == table["rows_filtered"] + table["rows_dead_lettered"] + table["rows_out"], table


def letters(nilus, manifest):
    listed = nilus("dead-letters", "list", manifest, "--json")
    assert listed.code == 0, listed
    return json.loads(listed.out)


def test_freeze_lets_nothing_change(nilus, source, destination):
    source.make("id BIGINT, n BIGINT", (1, 10))
    manifest = pipeline(nilus, source, destination, "freeze")
    nilus.run(manifest)
    source.make("id BIGINT, n BIGINT, more TEXT", (2, 20, "x"))
    refused = nilus.run(manifest, expect=1)
    assert "`more`" in refused.report["error"]["message"]
    source.make("id BIGINT, n TEXT", (3, "30"), (4, "many-secret"))
    refused = nilus.run(manifest, expect=1)
    assert "`n`" in refused.report["error"]["message"] and "secret" not in refused.all_output
    assert rows(destination, "id", "n") == [("1", "10")]
    source.make("id BIGINT, n TEXT", (3, "30"))
    nilus.run(manifest)
    assert rows(destination, "id", "n") == [("1", "10"), ("3", "30")]
    columns = columns_of(destination)
    assert columns is None or columns == {"id", "n", "_nilus_load_id", "_nilus_id"}


def test_a_frozen_table_keeps_its_columns_when_it_is_replaced(nilus, source, destination):
    source.make("id BIGINT, n BIGINT, old TEXT", (1, 10, "a"))
    manifest = pipeline(nilus, source, destination, "freeze", sink={"incremental_strategy": "replace"})
    nilus.run(manifest)
    source.make("id BIGINT, n TEXT", (2, "20"))
    nilus.run(manifest)
    assert rows(destination, "id", "n", "old") == [("2", "20", None)]
    source.make("id BIGINT, n TEXT", (3, "x"))
    nilus.run(manifest, expect=1)
    assert rows(destination, "id", "n", "old") == [("2", "20", None)]
    nilus.run(manifest, arguments=["--set", "spec.sink.options.full_refresh=true"])
    assert rows(destination, "id", "n") == [("3", "x")]


def test_discard_value_counts_what_becomes_null(nilus, source, destination):
    source.make("id BIGINT, n BIGINT", (1, 10))
    manifest = pipeline(nilus, source, destination, "discard_value")
    nilus.run(manifest)
    source.make("id BIGINT, n TEXT, more TEXT", (2, "20", None), (3, "x", "m"), (4, None, "m"))
    report = nilus.run(manifest).report
    assert rows(destination, "id", "n") == [("1", "10"), ("2", "20"), ("3", None), ("4", None)]
    assert {(d["column"], d["values"]) for d in report["tables"][0]["discarded"]} == {("n", 1), ("more", 2)}
    assert report["schema_changes"] == []
    assert_balance(report)


def discarded(nilus, source, destination):
    source.make("id BIGINT, n BIGINT", (1, 10))
    manifest = pipeline(nilus, source, destination, "discard_row")
    nilus.run(manifest)
    source.make("id BIGINT, n TEXT, more TEXT, at TIMESTAMP, d DECIMAL(12,2)", (2, "20", None, None, None), (3, "x", None, None, None),
                (4, "40", "m", "2024-01-02 03:04:05", "12.50"), (5, None, None, None, None))
    report = nilus.run(manifest).report
    assert_balance(report)
    assert report["tables"][0]["rows_dead_lettered"] == 2 and report["tables"][0]["rows_out"] == 2
    assert rows(destination, "id", "n") == [("1", "10"), ("2", "20"), ("5", None)]
    return manifest, report


def test_discard_row_keeps_rows_aside_with_their_reason(nilus, source, destination):
    manifest, report = discarded(nilus, source, destination)
    listed = letters(nilus, manifest)
    assert listed["letters"] == 2 and listed["table"] == destination.table + "__dead_letters" == report["tables"][0]["dead_letters"]
    by_id = {letter["payload"]["id"]: letter for letter in listed["shown"]}
    assert by_id[3]["column"] == "n" and "bigint" in by_id[3]["reason"]
    assert by_id[4]["column"] == "more"
    assert by_id[4]["payload"]["more"] == "m" and by_id[4]["payload"]["at"].startswith("2024-01-02T03:04:05")
    shown = nilus("dead-letters", "list", manifest)
    assert "2 dead letters" in shown.out and "`more`" in shown.out
    replayed = json.loads(nilus("dead-letters", "replay", manifest, "--json").out)
    assert (replayed["replayed"], replayed["remaining"]) == (0, 2), "under the same rules nothing changed"
    assert letters(nilus, manifest)["letters"] == 2


def test_replay_loads_what_the_present_rules_take(nilus, source, destination):
    discarded(nilus, source, destination)
    evolving = pipeline(nilus, source, destination, "evolve")
    replayed = json.loads(nilus("dead-letters", "replay", evolving, "--json").out)
    assert (replayed["replayed"], replayed["remaining"]) == (2, 0)
    assert rows(destination, "id", "n", "n__v_text", "more") == [
        ("1", "10", None, None), ("2", "20", None, None), ("3", None, "x", None), ("4", "40", None, "m"), ("5", None, None, None)]
    assert rows(destination, "id", "d")[3] in (("4", "12.50"), ("4", "12.5"))
    assert letters(nilus, evolving)["letters"] == 0
    again = json.loads(nilus("dead-letters", "replay", evolving, "--json").out)
    assert again["replayed"] == 0
    assert len(rows(destination, "id")) == 5


def test_drop_says_how_many(nilus, source, destination):
    manifest, _ = discarded(nilus, source, destination)
    dropped = nilus("dead-letters", "drop", manifest)
    assert dropped.code == 0 and "dropped 2 dead letters" in dropped.out
    assert letters(nilus, manifest)["letters"] == 0
    assert rows(destination, "id", "n") == [("1", "10"), ("2", "20"), ("5", None)]


def test_a_table_that_holds_no_letters_is_left_alone(nilus, source, tmp_path):
    source.make("id INTEGER PRIMARY KEY, n INTEGER", (1, 10))
    target = tmp_path / "mine.db"
    with sqlite3.connect(target) as db:
        db.execute("CREATE TABLE items__dead_letters (name TEXT)")
        db.execute("INSERT INTO items__dead_letters VALUES ('a user''s own')")
    manifest = nilus.manifest({"address": f"sqlite:///{source.path}", "options": {"source_table": "items"}},
                              {"address": f"sqlite:///{target}", "options": {"dest_table": "main.items"}}, name="items")
    nilus.run(manifest)
    for command in ("list", "replay", "drop"):
        refused = nilus("dead-letters", command, manifest)
        assert refused.code != 0 and "items__dead_letters is no table of dead letters" in refused.err, refused
    with sqlite3.connect(target) as db:
        assert db.execute("SELECT name FROM items__dead_letters").fetchall() == [("a user's own",)]


def test_replay_cut_at_every_point(nilus, source, destination, tmp_path):
    """Cut anywhere, a replay is done or not; run again, it is done once."""
    discarded(nilus, source, destination)
    evolving = pipeline(nilus, source, destination, "evolve")
    saved = destination.save()
    before = rows(destination, "id", "n")
    trace = tmp_path / "trace"
    assert nilus("dead-letters", "replay", evolving, env={"NILUS_FAULT_TRACE": trace}).code == 0
    after = rows(destination, "id", "n", "n__v_text", "more")
    points = passages(trace)
    assert {"engine.dead_letters.read", "engine.dead_letters.staged", "engine.dead_letters.committed"} <= {name for name, _, _ in points}
    assert any(kind == "ack" for _, kind, _ in points), points
    for name, kind, count in points:
        for action, nth in itertools.product(["lost", "kill"] if kind == "ack" else ["error", "fatal", "kill"], sorted({1, count})):
            destination.restore(saved)
            cut = nilus("dead-letters", "replay", evolving, env={"NILUS_FAULT": f"{name}:{action}:{nth}"})
            assert was_killed(cut.code) or action != "kill", (name, cut)
            if not destination.needs_recovery or action != "kill":
                now = rows(destination, "id", "n")
                assert now == before or len(now) == len(after), f"{name} left something in between"
                assert cut.code != 0 or len(now) == len(after), f"{name}: success was reported and is not there"
            done = nilus("dead-letters", "replay", evolving)
            assert done.code == 0, (name, done)
            assert rows(destination, "id", "n", "n__v_text", "more") == after, name
            assert letters(nilus, evolving)["letters"] == 0, name


def test_a_folder_of_tables_refuses_replays(nilus, source, tmp_path, postgres):
    """It commits the letters' table and the rows' one after the other: a crash in between would lose the letters."""
    destination = LakehouseDestination(tmp_path, postgres)
    discarded(nilus, source, destination)
    before = rows(destination, "id", "n")
    refused = nilus("dead-letters", "replay", pipeline(nilus, source, destination, "evolve"))
    assert refused.code != 0 and "SQL catalog" in refused.all_output, refused
    assert rows(destination, "id", "n") == before


def test_masked_values_stay_masked_in_dead_letters_and_are_not_masked_twice(nilus, source, destination):
    source.make("id BIGINT, n BIGINT, email TEXT", (1, 10, "a@example.com"))
    nilus.run(pipeline(nilus, source, destination, "discard_row", mask={"email": "stars"}))
    source.make("id BIGINT, n TEXT, email TEXT", (2, "x", "bob@example.com"))
    nilus.run(pipeline(nilus, source, destination, "discard_row", mask={"email": "stars"}))
    evolving = pipeline(nilus, source, destination, "evolve", mask={"email": "stars"})
    assert letters(nilus, evolving)["shown"][0]["payload"]["email"] == "*" * 15
    for masks in ({}, {"mask": {"email": "hash"}}):  # what was masked otherwise is not what the manifest asks for
        kept = json.loads(nilus("dead-letters", "replay", pipeline(nilus, source, destination, "evolve", **masks), "--json").out)
        assert (kept["replayed"], kept["remaining"]) == (0, 1) and "masked otherwise" in kept["reasons"][0], kept
    assert json.loads(nilus("dead-letters", "replay", evolving, "--json").out)["replayed"] == 1
    assert rows(destination, "id", "email") == [("1", "*" * 13), ("2", "*" * 15)]


def test_a_merged_replay_does_not_bring_back_old_versions(nilus, source, destination):
    if "merge" not in destination.strategies:
        pytest.skip(f"{destination.kind} has no merge")
    options = {"sink": {"incremental_strategy": "merge"}, "incremental_key": "v"}
    source.make("id BIGINT, v BIGINT, n BIGINT", (1, 1, 10), (2, 1, 20))
    manifest = pipeline(nilus, source, destination, "discard_row", **options)
    nilus.run(manifest)
    source.make("id BIGINT, v BIGINT, n TEXT", (1, 2, "x"), (2, 2, "y"))
    assert nilus.run(manifest).report["tables"][0]["rows_dead_lettered"] == 2
    source.make("id BIGINT, v BIGINT, n TEXT", (1, 3, "30"))
    nilus.run(manifest)
    evolving = pipeline(nilus, source, destination, "evolve", **options)
    assert json.loads(nilus("dead-letters", "replay", evolving, "--json").out)["remaining"] == 0
    assert rows(destination, "id", "v", "n", "n__v_text") == [("1", "3", "30", None), ("2", "2", None, "y")]


def test_hints_pin_types(nilus, source, destination):
    source.make("id BIGINT, CreatedAt TEXT, amount TEXT, flag BIGINT, payload TEXT",
                (1, "2024-01-01 10:00", " 7.5", 1, '{"a": 1}'), (2, "soon", "1.505", 0, "plain"))
    report = nilus.run(pipeline(nilus, source, destination, type_hints={
        "created_at": "timestamp", "amount": "decimal(12,2)", "flag": "bool", "payload": "json", "nowhere": "text"})).report
    assert any("`nowhere`" in warning for warning in report["warnings"])
    found = rows(destination, "id", "created_at__v_text", "amount", "amount__v_text", "payload__v_text")
    assert [tuple(row[i] for i in (0, 1, 3, 4)) for row in found] == [("1", None, None, None), ("2", "soon", "1.505", "plain")]
    if destination.kind == "postgres":
        types = dict(destination.database.execute("SELECT column_name, data_type FROM information_schema.columns WHERE table_name = 'items'"))
        assert types["created_at"] == "timestamp with time zone" and types["amount"] == "numeric"
        assert types["flag"] == "boolean" and types["payload"] == "jsonb"
    variants = {variant["variant"] for variant in report["tables"][0]["variants"]}
    assert variants == {"created_at__v_text", "amount__v_text", "payload__v_text"}


def test_hints_and_masks_of_one_column(nilus, source, destination):
    source.make("id BIGINT, year TEXT", (1, "2024-03-15"))
    nilus.run(pipeline(nilus, source, destination, mask={"year": "year_only"}, type_hints={"year": "text"}))
    assert rows(destination, "id", "year") == [("1", "2024")]


def test_plan_shows_hints_and_contract(nilus, source, destination):
    source.make("id BIGINT, n BIGINT", (1, 10))
    manifest = pipeline(nilus, source, destination, "discard_row", type_hints={"n": "double"})
    planned = nilus("plan", manifest)
    assert planned.code == 0 and "discard_row" in planned.out and "hint" in planned.out, planned
