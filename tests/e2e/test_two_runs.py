"""Two runs at once on one destination: one waits or fails clearly, and nothing is lost or doubled."""
import sqlite3

import pytest

from destinations import DESTINATIONS


def create_source(path, rows):
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE items (id INTEGER PRIMARY KEY, name TEXT, updated_at BIGINT)")
        db.executemany("INSERT INTO items VALUES (?,?,?)", [(i, f"item {i}", i) for i in range(rows)])


@pytest.mark.parametrize("kind", DESTINATIONS, ids=lambda kind: kind.kind)
def test_the_same_pipeline_twice_at_once(kind, nilus, tmp_path, postgres):
    destination = kind(tmp_path, postgres)
    create_source(tmp_path / "source.db", 2000)
    manifest = nilus.manifest({"address": f"sqlite:///{tmp_path}/source.db", "options": {"source_table": "items", "incremental_key": "updated_at"}},
                              {"address": destination.uri, "options": {"dest_table": destination.table, "incremental_strategy": "append"}})
    for _ in range(5):
        both = [nilus.start("run", manifest, "--json") for _ in range(2)]
        ends = [(process, *process.communicate(timeout=120)) for process in both]
        codes = [process.returncode for process, _, _ in ends]
        assert 0 in codes, ends
        assert set(codes) <= {0, 1}, ends
        for process, _, error in ends:
            assert process.returncode == 0 or error, "a run that gives way says why"
        rows = destination.rows(["id"])
        assert len(rows) == len(set(rows)) == 2000
    nilus.run(manifest)
    assert len(destination.rows(["id"])) == 2000


@pytest.mark.parametrize("kind", DESTINATIONS, ids=lambda kind: kind.kind)
def test_a_run_that_was_stopped_and_wakes_late_cannot_commit(kind, nilus, tmp_path, postgres):
    """A zombie: paused before its commit while another run of the same pipeline gets its turn, or waits for it."""
    import os
    import signal
    destination = kind(tmp_path, postgres)
    create_source(tmp_path / "source.db", 500)
    manifest = nilus.manifest({"address": f"sqlite:///{tmp_path}/source.db", "options": {"source_table": "items", "incremental_key": "updated_at"}},
                              {"address": destination.uri, "options": {"dest_table": destination.table, "incremental_strategy": "append"}})
    zombie = nilus.start("run", manifest, "--json", env={"NILUS_FAULT": "engine.after_finish:pause"})
    _, status = os.waitpid(zombie.pid, os.WUNTRACED)
    assert os.WIFSTOPPED(status), "the run did not come to its commit"
    other = nilus.run(manifest, expect=None, env={"NILUS_RETRY_ATTEMPTS": "1"})
    assert other.code == 0 or any(word in other.all_output.lower() for word in ("wait until it ends", "another run", "lock")), other
    os.kill(zombie.pid, signal.SIGCONT)
    zombie.communicate(timeout=120)
    assert zombie.returncode in (0, 1)
    assert 0 in (other.code, zombie.returncode)
    nilus.run(manifest)
    rows = destination.rows(["id"])
    assert len(rows) == len(set(rows)) == 500
