"""Real JSON that nobody here made (vega-datasets): every value of every document is found again, by a reader that shares no code."""
import datetime
import json
import pathlib

import pytest

DATA = pathlib.Path(__file__).resolve().parents[2] / ".deps" / "vega-datasets" / "data"


def documents():
    for path in sorted(DATA.glob("*.json")):
        rows = json.loads(path.read_text())
        if isinstance(rows, dict):
            rows = [rows]
        if rows and all(isinstance(row, dict) for row in rows):
            yield path.name, rows


NAMES = [name for name, _ in documents()]


def same(before, after):
    """A value, or what its column's type makes of it: numbers among texts as text, timestamps in their canonical form."""
    if before == after and isinstance(before, bool) == isinstance(after, bool):
        return True
    if isinstance(before, (dict, list)) or isinstance(after, (dict, list)):
        return False
    if isinstance(before, str) and isinstance(after, str):
        try:
            return datetime.datetime.fromisoformat(before.replace("Z", "+00:00")) == datetime.datetime.fromisoformat(after.replace("Z", "+00:00"))
        except ValueError:
            return False
    return isinstance(after, str) and after == json.dumps(before)


def test_there_are_documents():
    assert len(NAMES) > 30 and "movies.json" in NAMES


@pytest.mark.parametrize("name", NAMES)
def test_every_value_comes_back(name, nilus):
    rows = dict(documents())[name]
    out = nilus.folder / "out"
    nilus.run(nilus.manifest(
        {"address": f"file://{DATA / name}", "options": {"source_table": "t"}},
        {"address": f"file://{out}?format=jsonl", "options": {"dest_table": "lake.t", "incremental_strategy": "replace"}}),
        env={"SCHEMA_NAMING": "direct"})
    lines = [json.loads(line) for path in sorted((out / "lake" / "t").glob("*.jsonl")) for line in path.read_text().splitlines()]
    assert len(lines) == len(rows)
    for number, (before, after) in enumerate(zip(rows, lines)):
        after = {key: value for key, value in after.items() if value is not None and not key.startswith("_nilus")}
        before = {key: value for key, value in before.items() if value is not None}
        assert before.keys() == after.keys(), f"row {number}"
        for key, value in before.items():
            assert same(value, after[key]), f"row {number}, {key}: {value!r} became {after[key]!r}"
