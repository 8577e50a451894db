"""What loads that are killed leave in a lakehouse: never a table that names a file which is gone, and no file that `nilus lake orphans` does not find.

Which files a table names is read here by Debian's Avro from the metadata, not by Nilus.
"""
import json
import pathlib

import avro.datafile
import avro.io
import pytest

from harness import was_killed
from lakehouse_destinations import DeletionVectorDestination, LakehouseDestination, SqlLakehouseDestination
from test_faults import Scenario, passages


def avro_rows(url):
    with avro.datafile.DataFileReader(open(url.removeprefix("file://"), "rb"), avro.io.DatumReader()) as reader:
        return list(reader)


def named_files(metadata_file):
    """Every file that some snapshot of the table names, the metadata files of its log among them."""
    metadata = json.loads(metadata_file.read_text())
    named = {str(metadata_file)} | {entry["metadata-file"] for entry in metadata["metadata-log"]}
    for snapshot in metadata["snapshots"]:
        named.add(snapshot["manifest-list"])
        for manifest in avro_rows(snapshot["manifest-list"]):
            named.add(manifest["manifest_path"])
            named |= {entry["data_file"]["file_path"] for entry in avro_rows(manifest["manifest_path"]) if entry["status"] != 2}
    return {pathlib.Path(name.removeprefix("file://")) for name in named}


def files_below(folder):
    return {p for p in folder.rglob("*") if p.is_file() and p.name != "version-hint.text"}


def orphans(nilus, destination, *arguments):
    done = nilus("lake", "orphans", destination.uri, destination.table, "--min-age-hours", "0", "--format", "jsonl", *arguments)
    assert done.code == 0, done
    return {pathlib.Path(json.loads(line)["path"].removeprefix("file://")) for line in done.out.splitlines()}


@pytest.mark.parametrize("kind,strategy", [(LakehouseDestination, "replace"), (LakehouseDestination, "merge"), (DeletionVectorDestination, "merge"),
                                           (DeletionVectorDestination, "scd2"), (SqlLakehouseDestination, "append")],
                         ids=lambda part: part if isinstance(part, str) else part.kind)
def test_whatever_a_killed_load_leaves_is_found(kind, strategy, nilus, tmp_path, postgres):
    destination = kind(tmp_path, postgres)
    scenario = Scenario(nilus, destination, strategy, tmp_path)
    scenario.create_source()
    manifest = scenario.manifest()
    nilus.run(manifest)
    before = scenario.rows()
    scenario.change_source()
    saved = destination.save()
    trace = tmp_path / "trace"
    nilus.run(manifest, env={"NILUS_FAULT_TRACE": trace})
    after = scenario.rows()
    folder = tmp_path / "warehouse" / "lake" / "items"
    left_something = 0
    for name, _, count in passages(trace):
        for nth in sorted({1, count}):
            destination.restore(saved)
            cut = nilus.run(manifest, env={"NILUS_FAULT": f"{name}:kill:{nth}"}, expect=None)
            assert was_killed(cut.code), (name, cut)
            there, named = files_below(folder), named_files(destination.metadata_file())
            assert named <= there, f"{name}: the table names files that are gone"
            found = orphans(nilus, destination)
            assert found == there - named, name
            left_something += bool(found)
            assert scenario.rows() in (before, after), name
            orphans(nilus, destination, "--delete")
            assert files_below(folder) == named, name
            nilus.run(manifest)
            assert scenario.rows() == after, name
    assert left_something > 3
