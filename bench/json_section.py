"""JSON lines → Parquet beside DuckDB's own read_json → COPY TO (zstd), and how speed holds as documents grow wide or large.

MB/s per core is the file's bytes over the process's own CPU seconds: nilus reads every file twice (types come from all values), DuckDB
once (types come from a sample). Both have both cores.
"""
import json
import random
import shutil
import statistics
import sys

READ = "read_json('{}', maximum_object_size=200000000)"
# A text that says as little of itself as ours: 122 random bits.
ID = "to_base64(unhex(replace(uuid()::VARCHAR, '-', ''))) AS _nilus_id"
LOAD = "'01jdzsv8b3w6y0c5k9e7m2n4pq' AS _nilus_load_id"
WORDS = "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu".split()

def moment(chance):
    return (f"2024-{chance.randrange(1, 13):02}-{chance.randrange(1, 29):02}T"
            f"{chance.randrange(24):02}:{chance.randrange(60):02}:{chance.randrange(60):02}Z")

def flat(chance, index):
    return {"id": index, "customer_id": chance.randrange(1, 10**6), "name": f"{chance.choice(WORDS)} {chance.choice(WORDS)}",
            "email": f"u{chance.randrange(10**7)}@example.com", "amount": round(chance.random() * 10000, 2), "quantity": chance.randrange(100),
            "active": chance.random() < .5, "created_at": moment(chance), "day": moment(chance)[:10],
            "status": chance.choice(["new", "paid", "shipped", "returned"]), "comment": " ".join(chance.choices(WORDS, k=chance.randrange(2, 12))),
            "score": chance.choice([None, round(chance.gauss(0, 1), 6)])}

def nested(chance, index):
    return {"id": index, "user": {"id": chance.randrange(10**6), "name": chance.choice(WORDS), "address": {
                "street": f"{chance.randrange(999)} {chance.choice(WORDS)} st", "zip": f"{chance.randrange(10**5):05}",
                "geo": [round(chance.random() * 180 - 90, 6), round(chance.random() * 360 - 180, 6)]}},
            "tags": chance.sample(WORDS, chance.randrange(0, 5)),
            "items": [{"sku": f"sku-{chance.randrange(10**5)}", "qty": chance.randrange(1, 9), "price": round(chance.random() * 100, 2),
                       "attrs": {"color": chance.choice(WORDS)}} for _ in range(chance.randrange(0, 6))], "at": moment(chance)}

def wide(columns):
    def row(chance, index):
        return {f"column_{i}": (index + i if i % 2 else f"{chance.choice(WORDS)} {i}") for i in range(columns)}
    return row

def large(size):
    def row(chance, index):
        items = [{"k": chance.randrange(10**6), "v": chance.choice(WORDS)} for _ in range(size // 28)]
        return {"id": index, "payload": {"items": items}}
    return row

def write(path, megabytes, row):
    """Lines until the file is so large; some thousand distinct ones, over and over, so that writing takes no longer than measuring."""
    chance = random.Random(7)
    lines, size = [], 0
    while size < min(megabytes, 20) * 1_000_000:
        lines.append(json.dumps(row(chance, len(lines)), separators=(",", ":")) + "\n")
        size += len(lines[-1])
    written = 0
    with open(path, "w") as file:
        while written < megabytes * 1_000_000:
            file.writelines(lines)
            written += size
    return written / 1e6

class JsonBench:
    def __init__(self, folder, rounds, measure, nilus, duckdb_sql):
        self.folder, self.rounds, self.measure, self.nilus, self.duckdb_sql = folder, rounds, measure, nilus, duckdb_sql
        self.results = {}

    def run_nilus(self, source, options):
        out = self.folder / "json_out"
        manifest = self.folder / "json.yaml"
        manifest.write_text(json.dumps({"name": "json", "version": "v1alpha", "type": "nilus", "spec": {
            "type": "batch", "source": {"address": f"file://{source}", "options": {"source_table": "t", **options}},
            "sink": {"address": f"file://{out}?format=parquet", "options": {"dest_table": "bench.t"}}}}))
        def once():
            shutil.rmtree(out, ignore_errors=True)
            return self.measure([self.nilus, "run", str(manifest), "--quiet"])
        return once

    def copy(self, select, name="json"):
        return f"COPY ({select}) TO '{self.folder}/{name}.parquet' (FORMAT parquet, COMPRESSION zstd)"

    def run_duckdb(self, source):
        return lambda: self.measure([self.duckdb_sql, self.copy(f"SELECT * FROM {READ.format(source)}")])

    def run_duckdb_like_ours(self, source):
        return lambda: self.measure([self.duckdb_sql, self.copy(f"SELECT *, {LOAD}, {ID} FROM {READ.format(source)}")])

    def run_duckdb_apart(self, source):
        """What nilus makes of the nested documents under max_table_nesting 2: three tables, and which rows belong together."""
        child = f"generate_subscripts({{0}}, 1) - 1 AS _nilus_list_idx, _nilus_id AS _nilus_parent_id, _nilus_id AS _nilus_root_id, {ID}, {LOAD} FROM documents"
        return lambda: self.measure([
            self.duckdb_sql, f"CREATE TEMP TABLE documents AS SELECT *, {ID} FROM {READ.format(source)}",
            self.copy('SELECT id, "at", "user".id AS user__id, "user".name AS user__name, "user".address.street AS user__address__street,'
                      f' "user".address.zip AS user__address__zip, to_json("user".address.geo) AS user__address__geo, _nilus_id, {LOAD} FROM documents', "main"),
            self.copy("SELECT unnest(tags) AS value, " + child.format("tags"), "tags"),
            self.copy("SELECT item.sku, item.qty, item.price, item.attrs.color AS attrs__color, * EXCLUDE (item) FROM"
                      f" (SELECT unnest(items) AS item, {child.format('items')})", "items")])

    def race(self, title, row, megabytes, like=None, **options):
        """`like`: the title of a further contender and what makes it: DuckDB, doing what nilus does."""
        source = self.folder / "documents.jsonl"
        size = write(source, megabytes, row)
        contenders = {"duckdb read_json → parquet (zstd)": self.run_duckdb(source), "nilus JSON lines → Parquet (zstd)": self.run_nilus(source, options)}
        if like:
            contenders[like[0]] = like[1](source)
        names = list(contenders)
        runs, failures = {name: [] for name in names}, {}
        for index in range(self.rounds + 1):  # the first round warms caches and does not count
            for name in names if index % 2 else reversed(names):
                try:
                    measured = contenders[name]()
                except RuntimeError as error:  # a contender that cannot is a result too
                    failures[name] = str(error)
                    continue
                if index > 0:
                    runs[name].append(measured)
        base = statistics.median(run.seconds for run in runs[names[0]]) if runs[names[0]] else float("nan")
        for name in names:
            if name in failures:
                print(f"  {title:24} {name:34} fails: {failures[name]}")
                self.results.setdefault(title, {})[name] = {"failure": failures[name]}
                continue
            seconds = statistics.median(run.seconds for run in runs[name])
            per_core = size / statistics.median(run.cpu for run in runs[name])
            peak = max(run.peak for run in runs[name])
            print(f"  {title:24} {name:34} {seconds:8.2f} {seconds / base:6.2f} {per_core:13.0f} {peak:9.0f}")
            self.results.setdefault(title, {})[name] = {"seconds": seconds, "ratio": seconds / base, "mb_per_core_second": per_core, "peak_mib": peak}
        sys.stdout.flush()
        source.unlink()

    def all(self, megabytes):
        print(f"\nJSON lines → Parquet, {megabytes} MB each (median of {self.rounds}; aims: ratio ≤ 1.2, 250 MB/s per core flat, 120 nested)")
        print(f"  {'documents':24} {'':34} {'seconds':>8} {'ratio':>6} {'MB/s per core':>13} {'peak MiB':>9}")
        like = ("duckdb, with two columns like ours", self.run_duckdb_like_ours)
        self.race("flat, 12 columns", flat, megabytes, like)
        self.race("nested, kept as json", nested, megabytes)
        self.race("nested, taken apart", nested, megabytes, ("duckdb, into the same three tables", self.run_duckdb_apart), max_table_nesting="2")
        for columns in (10, 100, 1000):
            self.race(f"wide, {columns} columns", wide(columns), megabytes, like if columns == 10 else None)
        for size in (1_000, 30_000, 1_000_000):
            self.race(f"nested, {size // 1000} KB each", large(size), megabytes)
        return self.results
