"""Documents that nobody here made (vega-datasets), taken apart into every sink: each value is found again once, by readers that share no code."""
import collections
import contextlib
import json
import sqlite3

import pytest

import duckdb_file
from test_json_files import DATA, documents

NAMES = ["movies.json", "weekly-weather.json", "earthquakes.json", "miserables.json", "londonTubeLines.json", "annual-precip.json"]


class Postgres:
    def __init__(self, folder, postgres):
        self.database = postgres.create_database()
        self.uri = self.database.uri

    def tables(self):
        names = [name for (name,) in self.database.execute("SELECT tablename::text FROM pg_tables WHERE schemaname = 'lake'")]
        for name in names:
            rows = self.database.execute(f'SELECT row_to_json(t) FROM lake."{name}" t')
            yield name, [row for (row,) in rows]


class Sqlite:
    def __init__(self, folder, postgres):
        self.path = folder / "out.db"
        self.uri = f"sqlite:///{self.path}"

    def tables(self):
        with contextlib.closing(sqlite3.connect(self.path)) as db:
            db.row_factory = sqlite3.Row
            for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
                nested = {row[1] for row in db.execute(f'PRAGMA table_info("{name}")') if "JSON" in row[2]}
                plain = name.removeprefix("lake.")
                yield plain, [{key: json.loads(row[key]) if key in nested and row[key] else row[key] for key in row.keys()} for row in db.execute(f'SELECT * FROM "{name}"')]


class Duckdb:
    def __init__(self, folder, postgres):
        self.path = folder / "out.duckdb"
        self.uri = f"duckdb:///{self.path}"

    def tables(self):
        for (name,) in duckdb_file.query(self.path, "SELECT table_name FROM duckdb_tables() WHERE schema_name = 'lake'"):
            yield name, [json.loads(row) for (row,) in duckdb_file.query(self.path, f'SELECT CAST(to_json(t) AS VARCHAR) FROM lake."{name}" t')]


class Files:
    def __init__(self, folder, postgres):
        self.path = folder / "out"
        self.uri = f"file://{self.path}?format=jsonl"

    def tables(self):
        for folder in sorted((self.path / "lake").iterdir()):
            yield folder.name, [json.loads(line) for file in sorted(folder.glob("*.jsonl")) for line in file.read_text().splitlines()]


@pytest.fixture(params=[Postgres, Sqlite, Duckdb, Files], ids=lambda kind: kind.__name__.lower())
def place(request, tmp_path, postgres):
    return request.param(tmp_path, postgres)


def leaves(value):
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from leaves(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from leaves(inner)
    elif value is not None:
        yield value


def words(values):
    """Texts that are neither numbers nor times: those come back as they were."""
    return collections.Counter(value for value in values if isinstance(value, str) and value and not any(c.isdigit() for c in value) and value not in ("true", "false"))


def manifest(nilus, name, place, contract="evolve", **options):
    return nilus.manifest({"address": f"file://{DATA / name}", "options": {"source_table": "t", "max_table_nesting": "16", **options}},
                          {"address": place.uri, "options": {"dest_table": "lake.items", "incremental_strategy": "append", "schema_contract": contract}})


def found(place):
    return [value for name, rows in place.tables() if name.startswith("items") for row in rows
            for key, cell in row.items() if not key.startswith("_nilus") for value in leaves(cell)]


@pytest.mark.parametrize("name", NAMES)
def test_every_value_is_found_once(name, nilus, place):
    rows = dict(documents())[name]
    report = nilus.run(manifest(nilus, name, place)).report
    before, after = list(leaves(rows)), found(place)
    assert len(before) == len(after)
    assert words(before) == words(after)
    tables = {table["name"].split(".")[1]: table["rows_out"] for table in report["tables"]}
    assert tables["items"] == len(rows)
    assert {name: len(rows) for name, rows in place.tables() if name.startswith("items")} == tables
    # Once more under the strictest contract: nothing has changed.
    again = nilus.run(manifest(nilus, name, place, "freeze", changed_files="reread")).report
    assert again["schema_changes"] == []


def test_hints_contracts_and_masks_together(nilus, place):
    options = {"mask": {"Director": "hash", "Title": "stars"}, "type_hints": {"US Gross": "text", "IMDB Votes": "bigint", "Release Date": "text"}, "changed_files": "reread"}
    nilus.run(manifest(nilus, "movies.json", place, "discard_row", **options))
    rows = [row for name, rows in place.tables() if name == "items" for row in rows]
    movies = dict(documents())["movies.json"]
    assert len(rows) == len(movies) == 3201
    assert {len(row["director"]) for row in rows if row["director"]} == {64}
    titles = {str(movie["Title"]) for movie in movies if movie["Title"] is not None and len(str(movie["Title"])) > 6}
    assert not titles & set(map(str, found(place)))
    assert all(row["us_gross"] is None or isinstance(row["us_gross"], str) for row in rows)
    assert sum(row["imdb_votes"] or 0 for row in rows) == sum(movie["IMDB Votes"] or 0 for movie in movies)
