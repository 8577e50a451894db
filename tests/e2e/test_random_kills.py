"""Kills at random moments, 60 of each kind of destination, while the source keeps changing.

The oracle is the source itself: every row carries its id, a version and a checksum. After the last kill one run completes, and the
destination must hold each row exactly once, in its newest version.
"""
import os
import random
import sqlite3
import time

import pytest

from destinations import COMMITTING_DESTINATIONS
from harness import was_killed

KILLS = int(os.environ.get("NILUS_TEST_KILLS", "60"))  # of each kind
SEED = int(os.environ.get("NILUS_TEST_SEED", str(random.randrange(1 << 30))))


@pytest.mark.parametrize("kind", COMMITTING_DESTINATIONS, ids=lambda kind: kind.kind)
def test_killed_at_random_moments(kind, nilus, tmp_path, postgres):
    print(f"seed {SEED}")
    chance = random.Random(f"{SEED} {kind.kind}")
    destination = kind(tmp_path, postgres)
    strategy = "merge" if "merge" in destination.strategies else "append"
    source = tmp_path / "source.db"
    with sqlite3.connect(source) as db:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("CREATE TABLE items (id INTEGER PRIMARY KEY, version BIGINT, checksum TEXT, updated_at BIGINT)")
    manifest = nilus.manifest({"address": f"sqlite:///{source}",
                               "options": {"source_table": "items", "primary_key": "id", "incremental_key": "updated_at", "page_size": 100}},
                              {"address": destination.uri, "options": {"dest_table": destination.table, "incremental_strategy": strategy,
                                                                       **destination.sink_options}}, name="random-kills")
    clock, next_id, full_run = 0, 1, 0.5
    killed = 0
    attempts = 0
    while killed < KILLS:
        attempts += 1
        assert attempts < KILLS * 10, "the kills never hit: the program ends too soon"
        with sqlite3.connect(source) as db:
            for _ in range(chance.randrange(50, 800)):
                clock += chance.random() < 0.3  # several rows share a boundary value
                if strategy == "merge" and next_id > 1 and chance.random() < 0.3:
                    row = chance.randrange(1, next_id)
                    db.execute("UPDATE items SET version = version + 1, checksum = 'c' || id || '-' || (version + 1), updated_at = ? WHERE id = ?",
                               (clock, row))
                else:
                    db.execute("INSERT INTO items VALUES (?, 1, ?, ?)", (next_id, f"c{next_id}-1", clock))
                    next_id += 1
        started = time.monotonic()
        process = nilus.start("run", manifest, "--quiet")
        try:
            process.wait(timeout=chance.uniform(0, full_run))
            full_run = max(0.05, 0.9 * full_run + 0.1 * (time.monotonic() - started))
            assert process.returncode == 0, process.stderr.read().decode()
        except Exception as error:
            if type(error).__name__ != "TimeoutExpired":
                raise
            process.kill()
            process.wait()
            killed += was_killed(process.returncode)
    nilus.run(manifest)
    with sqlite3.connect(source) as db:
        expected = sorted(tuple(str(v) for v in row) for row in db.execute("SELECT id, version, checksum FROM items"))
    assert sorted(destination.rows(["id", "version", "checksum"])) == expected, f"seed {SEED}"
    assert destination.leftovers() == []
    nilus.run(manifest)
    assert sorted(destination.rows(["id", "version", "checksum"])) == expected
