"""Cuts every step of a load and its commit, for every sink and strategy, and looks at what is left.

The points come from the program itself: an uninterrupted run with NILUS_FAULT_TRACE lists the ones it passes. Each is then
made to fail for a moment, to fail for good, to kill the process, or to lose the acknowledgement. Afterwards the destination
is exactly as before or exactly as after the load, a report of success is true, and one more run brings it to what an
uninterrupted run gives.
"""
import collections
import json
import sqlite3

import pytest

from destinations import COMMITTING_DESTINATIONS
from harness import was_killed

STRATEGIES = ["replace", "append", "merge", "delete+insert", "scd2"]


class Scenario:
    """A source that changes between two loads, and a destination that has seen the first."""
    is_one_step = True  # whatever the load changes becomes visible at once

    def __init__(self, nilus, destination, strategy, folder):
        self.nilus, self.destination, self.strategy, self.folder = nilus, destination, strategy, folder
        nilus.wait_percent = 1
        self.source = folder / "source.db"

    def create_source(self):
        with sqlite3.connect(self.source) as db:
            db.execute("CREATE TABLE items (id INTEGER PRIMARY KEY, name TEXT, amount DECIMAL(12,2), updated_at BIGINT)")
            db.executemany("INSERT INTO items VALUES (?,?,?,?)", [(i, f"item {i}", f"{i}.25", i // 3) for i in range(300)])

    def change_source(self):
        with sqlite3.connect(self.source) as db:
            # Rows at the old boundary value too: they must be neither missed nor doubled.
            db.executemany("INSERT INTO items VALUES (?,?,?,?)", [(i, f"item {i}", f"{i}.25", 99 + (i - 300) // 4) for i in range(300, 400)])
            if self.strategy != "append":
                db.execute("UPDATE items SET name = name || ' changed', updated_at = 130 WHERE id % 10 = 0")

    def manifest(self, is_incremental=True):
        options = {"source_table": "items", "primary_key": "id"}
        if is_incremental and self.strategy in ("append", "merge", "delete+insert"):
            options["incremental_key"] = "updated_at"
        if self.strategy == "scd2":
            options.pop("incremental_key", None)
        return self.nilus.manifest({"address": f"sqlite:///{self.source}", "options": options},
                                   {"address": self.destination.uri,
                                    "options": {"dest_table": self.destination.table, "incremental_strategy": self.strategy,
                                                **self.destination.sink_options}},
                                   name=f"faults-{self.destination.kind}")

    def rows(self):
        rows = self.destination.rows(["id", "name", "amount", "updated_at"] + (["_nilus_valid_to"] if self.strategy == "scd2" else []))
        if self.strategy == "scd2":  # when a version ended differs from run to run, whether it did must not
            rows = [(*row[:4], row[4] is not None) for row in rows]
        return sorted(rows, key=repr)


class NestedScenario(Scenario):
    """Documents whose arrays are child tables: the second load changes rows, takes arrays away, and brings another child table."""

    @property
    def is_one_step(self):
        return getattr(self.destination, "commits_tables_together", True)

    def create_source(self):
        self.write("first", [{"id": i, "updated_at": i // 3, "at": {"city": f"city {i}"}, "lines": [{"sku": f"{i}-{n}"} for n in range(i % 4)]} for i in range(60)])

    def change_source(self):
        changed = [] if self.strategy == "append" else [i for i in range(60) if i % 5 == 0]
        rows = [{"id": i, "updated_at": 30, "at": {"zip": f"{i:05}"}, "lines": [{"sku": f"{i}-new", "tags": ["x", "y"]}] if i % 2 else []} for i in changed]
        self.write("second", rows + [{"id": i, "updated_at": 20 + i - 60, "lines": [{"sku": f"{i}-0", "tags": []}, {"sku": f"{i}-1", "tags": ["z"]}]} for i in range(60, 70)])

    def write(self, name, rows):
        (self.folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))

    def manifest(self, is_incremental=True):
        options = {"source_table": "*.jsonl", "primary_key": "id", "max_table_nesting": "2"}
        if self.strategy == "delete+insert":
            options["incremental_key"] = "updated_at"
        return self.nilus.manifest({"address": f"file://{self.folder}", "options": options},
                                   {"address": self.destination.uri,
                                    "options": {"dest_table": self.destination.table, "incremental_strategy": self.strategy,
                                                **self.destination.sink_options}},
                                   name=f"nested-{self.destination.kind}")

    def rows(self):
        found = collections.defaultdict(lambda: "no row")
        rows = []
        for row_id, *row in self.destination.rows(["_nilus_id", "id", "at__city"] + (["_nilus_valid_to"] if self.strategy == "scd2" else [])):
            version = (*row[:1], *("closed" if end else "open" for end in row[2:]))
            found[row_id] = version
            rows.append(("items", version, row[1] or None))
        for table, column in (("items__lines", "sku"), ("items__lines__tags", "value")):
            rows += [(table, found[root], value) for root, value in self.destination.rows(["_nilus_root_id", column], table)]
        return sorted(rows, key=repr)


@pytest.fixture(params=COMMITTING_DESTINATIONS, ids=lambda kind: kind.kind)
def destination(request, tmp_path, postgres):
    return request.param(tmp_path, postgres)


@pytest.fixture(params=STRATEGIES)
def scenario(request, destination, nilus, tmp_path):
    if request.param not in destination.strategies:
        pytest.skip(f"{destination.kind} has no {request.param}")
    scenario = Scenario(nilus, destination, request.param, tmp_path)
    scenario.create_source()
    return scenario


@pytest.fixture(params=STRATEGIES)
def nested(request, destination, nilus, tmp_path):
    if request.param not in destination.strategies:
        pytest.skip(f"{destination.kind} has no {request.param}")
    if request.param == "append" and "merge" in destination.strategies:
        pytest.skip("merge goes the same ways, and more")
    (tmp_path / "documents").mkdir()
    scenario = NestedScenario(nilus, destination, request.param, tmp_path / "documents")
    scenario.create_source()
    return scenario


def passages(trace_file):
    """The distinct points of a run, each with its kind, and how often it was passed."""
    counts = collections.Counter(line for line in trace_file.read_text().splitlines())
    return [(*line.split(), count) for line, count in counts.items()]


def test_every_point(scenario, tmp_path):
    cut_at_every_point(scenario, tmp_path)


def test_every_point_of_a_nested_load(nested, tmp_path):
    cut_at_every_point(nested, tmp_path)


def cut_at_every_point(scenario, tmp_path):
    nilus, destination = scenario.nilus, scenario.destination
    manifest = scenario.manifest()
    nilus.run(manifest)
    before = scenario.rows()
    scenario.change_source()
    saved = destination.save()

    trace = tmp_path / "trace"
    nilus.run(manifest, env={"NILUS_FAULT_TRACE": trace})
    after = scenario.rows()
    assert before != after
    points = passages(trace)
    assert len([p for p in points if p[0].startswith(destination.fault_prefix)]) >= 3, points
    assert any(kind == "ack" for _, kind, _ in points), points

    for name, kind, count in points:
        actions = ["lost", "kill"] if kind == "ack" else ["error", "fatal", "kill"]
        for action in actions:
            for nth in sorted({1, count}):
                destination.restore(saved)
                fault = f"{name}:{action}:{nth}"
                cut = nilus.run(manifest, env={"NILUS_FAULT": fault}, expect=None)
                if action == "kill":
                    assert was_killed(cut.code), (fault, cut)
                left = None if action == "kill" and destination.needs_recovery else scenario.rows()
                if left is not None and scenario.is_one_step:
                    assert left in (before, after), f"{fault} left something in between\n{cut}"
                if cut.code == 0:
                    assert left == after, f"{fault}: success was reported and is not there\n{cut}"
                if action in ("error", "lost"):
                    assert cut.code == 0, f"{fault}: a passing fault was not survived\n{cut}"
                nilus.run(manifest)
                assert scenario.rows() == after, f"{fault}: the next run gave something else"
                assert destination.leftovers() == [], fault
    nilus.run(manifest)
    assert scenario.rows() == after, "a run with nothing new changed something"


def test_killed_again_while_recovering(scenario, tmp_path):
    """Recovery is a program too: it is killed at each of its own points. From bytes that an earlier kill left as well, it goes the
    same way: those are looked at once."""
    nilus, destination = scenario.nilus, scenario.destination
    manifest = scenario.manifest()
    nilus.run(manifest)
    scenario.change_source()
    fresh = destination.save()
    trace = tmp_path / "trace"
    nilus.run(manifest, env={"NILUS_FAULT_TRACE": trace})
    after = scenario.rows()
    seen = []
    firsts = [name for name, _, _ in passages(trace) if name.startswith(destination.fault_prefix)]
    for first in firsts:
        destination.restore(fresh)
        nilus.run(manifest, env={"NILUS_FAULT": f"{first}:kill"}, expect=None)
        cut_once = destination.save()
        left = destination.fingerprint(cut_once)
        if left is not None and left in seen:
            destination.discard(cut_once)
            continue
        seen.append(left)
        second_trace = tmp_path / f"trace-{first}"
        nilus.run(manifest, env={"NILUS_FAULT_TRACE": second_trace})
        assert scenario.rows() == after
        for second, _, count in passages(second_trace):
            if not second.startswith(destination.fault_prefix):
                continue
            destination.restore(cut_once)
            nilus.run(manifest, env={"NILUS_FAULT": f"{second}:kill:{count}"}, expect=None)
            nilus.run(manifest)
            assert scenario.rows() == after, (first, second)
        destination.discard(cut_once)


def test_first_load_cut_at_every_point(scenario, tmp_path):
    """The same on an empty destination, where tables and state are created by the load that is cut."""
    nilus, destination = scenario.nilus, scenario.destination
    manifest = scenario.manifest()
    empty = destination.save()
    trace = tmp_path / "trace"
    nilus.run(manifest, env={"NILUS_FAULT_TRACE": trace})
    after = scenario.rows()
    for name, kind, _ in passages(trace):
        destination.restore(empty)
        cut = nilus.run(manifest, env={"NILUS_FAULT": f"{name}:kill"}, expect=None)
        assert was_killed(cut.code), (name, cut)
        nilus.run(manifest)
        assert scenario.rows() == after, name


def test_an_append_whose_answer_is_lost_is_not_made_again(destination, nilus, tmp_path):
    scenario = Scenario(nilus, destination, "append", tmp_path)
    scenario.create_source()
    lose_each_answer(scenario, tmp_path)


def lose_each_answer(scenario, tmp_path):
    """Without a key every run appends every row: no position would stop a retry from doing it once more."""
    manifest = scenario.manifest(is_incremental=False)
    trace = tmp_path / "trace"
    scenario.nilus.run(manifest, env={"NILUS_FAULT_TRACE": trace})
    answers = [name for name, kind, _ in passages(trace) if kind == "ack"]
    assert answers
    once = scenario.rows()
    for times, name in enumerate(answers, start=2):
        scenario.nilus.run(manifest, env={"NILUS_FAULT": f"{name}:lost"})
        assert scenario.rows() == sorted(once * times, key=repr), f"{name}: not exactly one more copy of the rows"
