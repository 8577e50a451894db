"""Loads of several tables into a lakehouse, cut at every point: where the catalog commits them together nobody ever sees one without the other."""
import json

import pytest

from harness import was_killed
from lakehouse_destinations import LakehouseDestination, SqlLakehouseDestination
from test_faults import passages


def write(folder, ids):
    (folder / "orders.jsonl").write_text("".join(json.dumps({"id": i, "lines": [{"sku": f"{i}-a"}, {"sku": f"{i}-b"}]}) + "\n" for i in ids))


def state(destination):
    """Which orders, and which orders' lines, are there; each as often as it is."""
    orders = [int(order) for (order,) in destination.rows(["id"])]
    lines = [int(sku.split("-")[0]) for (sku,) in destination.rows(["sku"], "items__lines")]
    return sorted(orders), sorted(lines)


@pytest.mark.parametrize("strategy", ["append", "replace"])
@pytest.mark.parametrize("kind", [LakehouseDestination, SqlLakehouseDestination], ids=lambda kind: kind.kind)
def test_cut_at_every_point(kind, strategy, nilus, tmp_path, postgres):
    destination = kind(tmp_path, postgres)
    manifest = nilus.manifest({"address": f"file://{tmp_path}", "options": {"source_table": "orders.jsonl", "max_table_nesting": "1", "changed_files": "reread"}},
                              {"address": destination.uri, "options": {"dest_table": destination.table, "incremental_strategy": strategy}}, name="orders")
    write(tmp_path, [1, 2])
    nilus.run(manifest)
    before = state(destination)
    write(tmp_path, [3, 4, 5])
    saved = destination.save()
    trace = tmp_path / "trace"
    nilus.run(manifest, env={"NILUS_FAULT_TRACE": trace})
    after = state(destination)
    assert after == (sorted((before[0] if strategy == "append" else []) + [3, 4, 5]), sorted((before[1] if strategy == "append" else []) + [3, 3, 4, 4, 5, 5]))
    seen_apart = 0
    for name, point, count in passages(trace):
        for action in ["lost", "kill"] if point == "ack" else ["error", "fatal", "kill"]:
            for nth in sorted({1, count}):
                destination.restore(saved)
                cut = nilus.run(manifest, env={"NILUS_FAULT": f"{name}:{action}:{nth}"}, expect=None)
                if action == "kill":
                    assert was_killed(cut.code), (name, cut)
                left = state(destination)
                assert left[0] in (before[0], after[0]) and left[1] in (before[1], after[1]), (name, action)
                seen_apart += left not in (before, after)
                if action in ("error", "lost"):
                    assert cut.code == 0 and left == after, (name, action, cut)
                nilus.run(manifest)
                assert state(destination) == after, (name, action)
    # A folder is a catalog of single tables: there the children come first (docs/decisions/0014).
    assert (seen_apart > 0) == (kind is LakehouseDestination)
    if kind is SqlLakehouseDestination:
        assert any(name == "lake.commit-all" for name, _, _ in passages(trace))
