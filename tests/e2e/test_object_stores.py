"""Lakehouses and Delta tables in buckets: through depots, as a user has them, against servers of the stores' protocols."""
import json

import pytest

import duckdb_file
from harness import ROOT
from object_stores import S3, Azure

CARS = ROOT / ".deps" / "vega-datasets" / "data" / "cars.json"


@pytest.fixture(scope="module", params=[S3, Azure], ids=lambda store: store.scheme)
def store(request):
    with request.param.start() as running:
        yield running


def write_depot(nilus, store, path, format):
    depot, secret = store.depot(path, format)
    folder = nilus.folder / "resources"
    folder.mkdir(exist_ok=True)
    (folder / "depot.yaml").write_text(
        f"name: keys\nversion: v1\ntype: secret\nsecret: {{type: key-value, acl: rw, data: {secret}}}\n---\n"
        f"name: bucket\nversion: v2alpha\ntype: depot\ndepot: {{secrets: [{{name: keys, allKeys: true}}], {depot}}}\n")


def run(nilus, source, sink, name, expect=0):
    return nilus.run(nilus.manifest(source, sink, name=name), expect=expect, arguments=["--resources", str(nilus.folder / "resources")])


def test_a_lakehouse_in_a_bucket(nilus, store):
    write_depot(nilus, store, "warehouse one", "iceberg")
    cars = json.loads(CARS.read_text())
    files = {"address": f"file://{CARS}", "options": {"source_table": "cars"}}
    lake = {"address": "dataos://bucket?purpose=rw", "options": {"dest_table": "raw.cars", "incremental_strategy": "append"}}
    outputs = [run(nilus, files, lake, "first").all_output, run(nilus, files, {**lake, "options": {**lake["options"], "dest_table": "raw.cars2"}}, "second").all_output]
    back = {"address": "dataos://bucket", "options": {"source_table": "raw.cars"}}
    outputs.append(run(nilus, back, {"address": f"duckdb:///{nilus.folder}/back.db",
                                     "options": {"dest_table": "main.cars", "incremental_strategy": "replace"}}, "back").all_output)
    rows = duckdb_file.query(nilus.folder / "back.db", "SELECT count(*), count(DISTINCT name) FROM main.cars")
    assert rows == [(str(len(cars)), str(len({car["Name"] for car in cars})))]
    for output in outputs:
        assert store.secret_key not in output


def test_wrong_keys_are_told_without_them(nilus, store):
    write_depot(nilus, store, "warehouse", "iceberg")
    depot = nilus.folder / "resources" / "depot.yaml"
    wrong = "d3JvbmdjYW5hcnlrZXk="
    depot.write_text(depot.read_text().replace(store.secret_key, wrong))
    done = run(nilus, {"address": f"file://{CARS}", "options": {"source_table": "cars"}},
               {"address": "dataos://bucket", "options": {"dest_table": "raw.cars", "incremental_strategy": "append"}}, "wrong", expect=None)
    assert done.code != 0
    assert wrong not in done.all_output and "/warehouse" in done.all_output, done


def test_a_delta_table_in_a_bucket(nilus, store):
    write_depot(nilus, store, "delta tables", "delta")
    memory = duckdb_file._memory()
    for name, select in {"a": "SELECT range AS id, 'x' AS name FROM range(1000)", "b": "SELECT range + 1000 AS id, NULL AS name FROM range(5)"}.items():
        path = nilus.folder / f"{name}.parquet"
        memory.execute(f"COPY ({select}) TO '{path}' (FORMAT parquet)")
        store.put(f"delta tables/shop/orders/p=1 2/{name}.parquet", path.read_bytes())
    fields = [{"name": name, "type": type, "nullable": True, "metadata": {}} for name, type in (("id", "long"), ("name", "string"), ("p", "string"))]
    log = [{"protocol": {"minReaderVersion": 1, "minWriterVersion": 2}},
           {"metaData": {"id": "t", "format": {"provider": "parquet", "options": {}}, "partitionColumns": ["p"], "configuration": {},
                         "schemaString": json.dumps({"type": "struct", "fields": fields})}}]
    log += [{"add": {"path": f"p=1%202/{name}.parquet", "partitionValues": {"p": "1 2"}, "size": 1, "modificationTime": 1, "dataChange": True}}
            for name in "ab"]
    store.put("delta tables/shop/orders/_delta_log/00000000000000000000.json", "\n".join(map(json.dumps, log)).encode())
    store.put("delta tables/shop/orders/_delta_log/00000000000000000001.json", b'{"remove":{"path":"p=1%202/b.parquet","dataChange":true}}\n')
    sink = {"address": f"duckdb:///{nilus.folder}/back.db", "options": {"dest_table": "main.orders", "incremental_strategy": "replace"}}
    source = {"address": "dataos://bucket", "options": {"source_table": "shop.orders"}}
    run(nilus, source, sink, "latest")
    count = "SELECT count(*), sum(id), min(p), max(p) FROM main.orders"
    assert duckdb_file.query(nilus.folder / "back.db", count) == [("1000", str(999 * 500), "1 2", "1 2")]
    run(nilus, {**source, "options": {**source["options"], "version": 0}}, sink, "first")
    assert duckdb_file.query(nilus.folder / "back.db", count)[0][0] == "1005"
