"""What a lakehouse costs beside its rows: commits as a table's history grows, and planning over very many files."""
import json
import pathlib
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile

COMMITS = 500
FILES = 10_000


class LakeBench:
    def __init__(self, folder, measure, nilus):
        self.folder, self.measure, self.nilus = folder, measure, nilus
        self.source = folder / "lake.db"

    def manifest(self, name, warehouse, rows, **sink_options):
        with sqlite3.connect(self.source) as db:
            db.execute(f"CREATE TABLE {name} (id INTEGER PRIMARY KEY, name TEXT)")
            db.executemany(f"INSERT INTO {name} VALUES (?, ?)", ((i, f"item {i}") for i in range(rows)))
        warehouse.mkdir()
        path = self.folder / f"{name}.yaml"
        path.write_text(json.dumps({"name": name, "version": "v1alpha", "type": "nilus", "spec": {
            "type": "batch", "source": {"address": f"sqlite:///{self.source}", "options": {"source_table": name}},
            "sink": {"address": f"lakehouse://{warehouse}", "options": {"dest_table": f"bench.{name}", "incremental_strategy": "append", **sink_options}}}}))
        return path

    def history(self):
        """Small loads one after another: what they take from the first row read to the end of the commit, upkeep included."""
        warehouse = self.folder / "history"
        manifest = self.manifest("history", warehouse, 10)
        seconds = []
        for _ in range(COMMITS):
            done = subprocess.run([self.nilus, "run", str(manifest), "--json"], capture_output=True, text=True, check=True)
            seconds.append(json.loads(done.stdout)["phases"]["load"]["seconds"] * 1000)
        early, late, worst = statistics.median(seconds[10:60]), statistics.median(seconds[-50:]), max(seconds[10:])
        print(f"\nCommits of 10 rows to one table on the local disk, milliseconds from load to visible ({COMMITS} of them)")
        print(f"  the 10th to 60th: {early:.1f}, the last 50: {late:.1f} ({late / early:.2f}×), the longest (with upkeep): {worst:.1f}")
        shutil.rmtree(warehouse)
        return {"early_ms": early, "late_ms": late, "ratio": late / early, "longest_ms": worst}

    def planning(self):
        """Which files a table of very many has, from its metadata alone; and one row of it by SQL, for which DuckDB opens every file. In memory where there
        is a place: making the files is not what is measured."""
        fast = pathlib.Path("/dev/shm")
        place = pathlib.Path(tempfile.mkdtemp(prefix="nilus-bench-", dir=fast if fast.is_dir() else None))
        try:
            seconds = {}
            for name, rows_a_file in (("one", FILES), ("many", 1)):
                warehouse = place / name
                manifest = self.manifest(name, warehouse, FILES, loader_file_size=rows_a_file, upkeep=False)
                self.measure([self.nilus, "run", str(manifest), "--quiet"])
                query = [self.nilus, "query", f"lakehouse://{warehouse}", f"SELECT name FROM bench.{name} WHERE id = 5000"]
                seconds[name] = statistics.median(self.measure(query).seconds for _ in range(5))
            listing = [self.nilus, "lake", "files", f"lakehouse://{warehouse}", "bench.many"]
            planned = statistics.median(self.measure(listing).seconds for _ in range(5))
        finally:
            shutil.rmtree(place)
        print(f"\nPlanning a table of {FILES:,} files (nilus lake files, the whole command): {planned:.2f} s (limit 1)")
        print(f"  one row of it by nilus query: {seconds['many']:.2f} s, of a table of one file: {seconds['one']:.2f} s")
        sys.stdout.flush()
        return {"seconds": planned, "whole": seconds}

    def all(self):
        return {"history": self.history(), "planning": self.planning()}
