"""Rows that are read again: their dead letters take the place of the earlier ones, in the commit that loads the other rows."""
import json

import pytest

from destinations import DESTINATIONS
from lakehouse_destinations import LakehouseDestination, SqlLakehouseDestination
from test_contracts import assert_balance, letters, pipeline
from test_evolution import Source, rows

WITH_RANGES = [kind for kind in [*DESTINATIONS, SqlLakehouseDestination] if "delete+insert" in kind.strategies]


@pytest.fixture(params=WITH_RANGES, ids=lambda kind: kind.kind)
def destination(request, tmp_path, postgres):
    return request.param(tmp_path, postgres)


@pytest.fixture
def source(tmp_path):
    return Source(tmp_path)


def dead(nilus, manifest):
    """What the letters' rows are, by their ids."""
    listed = letters(nilus, manifest)
    assert listed["letters"] == len(listed["shown"])
    return sorted((letter["payload"]["id"], letter["payload"]["n"]) for letter in listed["shown"])


def run(nilus, manifest, dead_lettered, **interval):
    arguments = [argument for key, value in interval.items() for argument in ("--set", f"spec.source.options.interval_{key}={value}")]
    report = nilus.run(manifest, arguments=arguments).report
    assert_balance(report)
    assert report["tables"][0]["rows_dead_lettered"] == dead_lettered
    return report


def replayed(nilus, destination, source, **options):
    if isinstance(destination, LakehouseDestination) and not isinstance(destination, SqlLakehouseDestination):
        return None  # refused there
    manifest = pipeline(nilus, source, destination, "evolve", **options)
    report = json.loads(nilus("dead-letters", "replay", manifest, "--json").out)
    assert report["remaining"] == 0
    return report["replayed"]


def day(number):
    return f"2024-01-0{number} 00:00:00"


@pytest.mark.parametrize("strategy", ["delete+insert", "merge"])
def test_an_interval_that_is_loaded_again(nilus, source, destination, strategy):
    options = {"sink": {"incremental_strategy": strategy}, "incremental_key": "at"}
    source.make("id BIGINT, at TIMESTAMP, n BIGINT", (1, day(1), 10))
    manifest = pipeline(nilus, source, destination, "discard_row", **options)
    run(nilus, manifest, 0)
    source.make("id BIGINT, at TIMESTAMP, n TEXT", (1, day(1), "10"), (2, day(2), "x"), (3, day(3), "y"), (4, day(4), "40"), (5, day(5), "z"))
    run(nilus, manifest, 3)
    assert dead(nilus, manifest) == [(2, "x"), (3, "y"), (5, "z")]
    for _ in range(2):
        run(nilus, manifest, 2, start="2024-01-02", end="2024-01-05")
        assert dead(nilus, manifest) == [(2, "x"), (3, "y"), (5, "z")], "the interval's letters are there once, the others stay"
    source.make("id BIGINT, at TIMESTAMP, n TEXT", (1, day(1), "10"), (2, day(2), "20"), (3, day(3), "yy"), (4, day(4), "40"), (5, day(5), "z"))
    run(nilus, manifest, 1, start="2024-01-02", end="2024-01-05")
    assert dead(nilus, manifest) == [(3, "yy"), (5, "z")], "a row that was mended is no letter any more"
    source.make("id BIGINT, at TIMESTAMP, n TEXT", (1, day(1), "10"), (2, day(2), "20"), (3, day(3), "30"), (4, day(4), "40"), (5, day(5), "z"))
    run(nilus, manifest, 0, start="2024-01-02", end="2024-01-05")
    assert dead(nilus, manifest) == [(5, "z")], "also when there is no letter now"
    if replayed(nilus, destination, source, **options) is not None:
        assert rows(destination, "id", "n", "n__v_text") == [
            ("1", "10", None), ("2", "20", None), ("3", "30", None), ("4", "40", None), ("5", None, "z")]


def test_letters_that_a_replay_leaves_keep_their_place(nilus, source, destination):
    if isinstance(destination, LakehouseDestination) and not isinstance(destination, SqlLakehouseDestination):
        pytest.skip("refuses replays")
    options = {"sink": {"incremental_strategy": "delete+insert"}, "incremental_key": "at"}
    source.make("id BIGINT, at TIMESTAMP, n BIGINT", (1, "2024-01-01 00:00:00", 10))
    manifest = pipeline(nilus, source, destination, "discard_row", **options)
    run(nilus, manifest, 0)
    source.make("id BIGINT, at TIMESTAMP, n TEXT, more TEXT", (1, "2024-01-01 00:00:00", "10", None), (2, "2024-01-02 00:00:00", "x", None), (3, "2024-01-03 00:00:00", "30", "m"),
                (4, "2024-01-04 00:00:00", "y", None))
    run(nilus, manifest, 3)
    without = pipeline(nilus, source, destination, "discard_row", **options, sql_exclude_columns="more")
    report = json.loads(nilus("dead-letters", "replay", without, "--json").out)
    assert (report["replayed"], report["remaining"]) == (1, 2)
    run(nilus, manifest, 2, start="2024-01-02", end="2024-01-04")
    assert dead(nilus, manifest) == [(2, "x"), (3, "30"), (4, "y")]
    assert rows(destination, "id", "n") == [("1", "10")]


@pytest.mark.parametrize("strategy", ["merge", "scd2"])
def test_all_rows_are_read_each_time(nilus, source, destination, strategy):
    options = {"sink": {"incremental_strategy": strategy}}
    source.make("id BIGINT, n BIGINT", (1, 10))
    manifest = pipeline(nilus, source, destination, "discard_row", **options)
    run(nilus, manifest, 0)
    source.make("id BIGINT, n TEXT", (1, "10"), (2, "x"), (3, "y"))
    for _ in range(2):
        run(nilus, manifest, 2)
        assert dead(nilus, manifest) == [(2, "x"), (3, "y")]
    source.make("id BIGINT, n TEXT", (1, "10"), (3, "yy"))
    run(nilus, manifest, 1)
    # A merge leaves rows that are gone at the source, scd2 ends them.
    assert dead(nilus, manifest) == ([(2, "x"), (3, "yy")] if strategy == "merge" else [(3, "yy")])
    if strategy == "scd2":
        source.make("id BIGINT, n TEXT", (1, "10"), (3, "30"))
        run(nilus, manifest, 0)
        assert dead(nilus, manifest) == []


def test_an_append_reads_no_row_twice(nilus, source, destination):
    options = {"incremental_key": "at"}
    source.make("id BIGINT, at BIGINT, n BIGINT", (1, 1, 10))
    manifest = pipeline(nilus, source, destination, "discard_row", **options)
    run(nilus, manifest, 0)
    source.make("id BIGINT, at BIGINT, n TEXT", (1, 1, "10"), (2, 2, "x"))
    run(nilus, manifest, 1)
    for _ in range(2):
        run(nilus, manifest, 0)
        assert dead(nilus, manifest) == [(2, "x")]
