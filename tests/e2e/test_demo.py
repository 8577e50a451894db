"""`make demo`, as CI can run it: the same script with the test build, and what it says is checked."""
import os
import pathlib
import subprocess

from harness import BINARY, ROOT


def test_demo(tmp_path):
    out = tmp_path / "out"
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "NILUS_BIN": BINARY, "DEMO_DIR": str(out)}
    done = subprocess.run([ROOT / "scripts" / "demo"], env=env, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    with open(ROOT / ".deps" / "vega-datasets" / "data" / "seattle-weather.csv") as file:
        days = sum(1 for _ in file) - 1
    count = subprocess.run([BINARY, "query", f"file://{out}/lake", "SELECT count(*) AS n, count(DISTINCT date) AS d FROM raw.weather", "--format", "csv"],
                           capture_output=True, text=True, check=True).stdout
    assert count.splitlines()[1] == f"{days},{days}"
    assert len(list(pathlib.Path(out / "lake" / "raw" / "weather").glob("*.parquet"))) == 2, "each run appended one file with its new rows"
    movies = subprocess.run([BINARY, "query", f"duckdb:///{out}/demo.duckdb", "SELECT count(*) AS n FROM raw.movies", "--format", "csv"],
                            capture_output=True, text=True, check=True).stdout
    assert movies.splitlines()[1] == "3201"
    snapshots = subprocess.run([BINARY, "lake", "snapshots", f"lakehouse://{out}/warehouse", "raw.weather", "--format", "csv"],
                               capture_output=True, text=True, check=True).stdout
    assert len(snapshots.splitlines()) == 1 + 2, "a snapshot a run"
    lake = subprocess.run([BINARY, "query", f"lakehouse://{out}/warehouse", "SELECT count(*) AS n, count(DISTINCT date) AS d FROM raw.weather", "--format", "csv"],
                          capture_output=True, text=True, check=True).stdout
    assert lake.splitlines()[1] == f"{days},{days}"
    assert len(list((out / "warehouse" / "raw" / "weather" / "data").glob("date_year=*"))) == 4
