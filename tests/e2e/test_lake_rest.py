"""A REST catalog that fails: every call of a load in turn is refused, broken off before or behind what it did, or answered by somebody else's conflict."""
import pytest

from lakehouse_destinations import RestLakehouseDestination
from test_faults import Scenario

READ_RUINS = ["503", "429", "reset_before", "cut"]
COMMIT_RUINS = [*READ_RUINS, "reset_after", "500_after", "502_after", "504_after", "409"]


def is_commit(method, path):
    """Makes a change that counts: staging a table does not."""
    return method == "POST" and ("/tables/" in path or path.endswith("/transactions/commit"))


@pytest.fixture
def scenario(request, nilus, tmp_path):
    scenario = Scenario(nilus, RestLakehouseDestination(tmp_path, None), getattr(request, "param", "merge"), tmp_path)
    scenario.create_source()
    return scenario


def ruin_each_call(scenario, manifest, saved):
    """Runs the load once for each of its calls and each thing that can befall it. After each, all rows are there, once."""
    catalog = scenario.destination.catalog
    catalog.forget_calls()
    scenario.nilus.run(manifest)
    after = scenario.rows()
    calls = list(catalog.calls)
    assert any(is_commit(*call) for call in calls), calls
    for number, call in enumerate(calls, start=1):
        for ruin in COMMIT_RUINS if is_commit(*call) else READ_RUINS:
            scenario.destination.restore(saved)
            catalog.forget_calls({number: ruin})
            done = scenario.nilus.run(manifest, expect=None)
            assert done.code == 0, (number, call, ruin, done)
            assert scenario.rows() == after, (number, call, ruin)
    catalog.forget_calls()


@pytest.mark.parametrize("scenario", ["append", "merge"], indirect=True)
def test_each_call_of_a_load_fails_once(scenario):
    manifest = scenario.manifest()
    scenario.nilus.run(manifest)
    scenario.change_source()
    ruin_each_call(scenario, manifest, scenario.destination.save())


def test_each_call_of_a_first_load_fails_once(scenario):
    ruin_each_call(scenario, scenario.manifest(), scenario.destination.save())


def test_appends_whose_answers_are_lost_are_not_made_again(nilus, tmp_path):
    """Without a key every run appends every row: nothing but the commit itself tells that it was made."""
    scenario = Scenario(nilus, RestLakehouseDestination(tmp_path, None), "append", tmp_path)
    scenario.create_source()
    manifest = scenario.manifest(is_incremental=False)
    catalog = scenario.destination.catalog
    nilus.run(manifest)
    once = scenario.rows()
    catalog.forget_calls()
    nilus.run(manifest)
    commits = [number for number, call in enumerate(catalog.calls, start=1) if is_commit(*call)]
    assert commits
    times = 2
    for number in commits:
        for ruin in ("reset_after", "cut", "500_after", "502_after", "504_after"):
            catalog.forget_calls({number: ruin})
            nilus.run(manifest)
            times += 1
            assert scenario.rows() == sorted(once * times, key=repr), (number, ruin)


def test_tables_behind_a_catalog_are_looked_after(scenario):
    nilus, destination = scenario.nilus, scenario.destination
    nilus.run(scenario.manifest())
    before = scenario.rows()
    stray = destination.metadata_file().parent.parent / "data" / "stray.parquet"
    stray.write_bytes(b"lost")
    for action in (["orphans", "--min-age-hours", "0", "--delete"], ["compact", "--all"], ["expire", "--older-than", "2100-01-01"]):
        done = nilus("lake", action[0], destination.uri, destination.table, *action[1:])
        assert done.code == 0, done
        assert ("stray.parquet" in done.out) == (action[0] == "orphans")
    assert not stray.exists() and scenario.rows() == before


@pytest.mark.parametrize("ruin", ["500_after", "reset_before"])
def test_a_catalog_that_goes_away_behind_a_commit(scenario, ruin):
    """Nobody answers for longer than one call is repeated: the run asks until somebody does, and then goes by what the catalog says."""
    nilus, catalog = scenario.nilus, scenario.destination.catalog
    manifest = scenario.manifest()
    nilus.run(manifest)
    scenario.change_source()
    saved = scenario.destination.save()
    catalog.forget_calls()
    nilus.run(manifest)
    after = scenario.rows()
    commit = next(number for number, call in enumerate(catalog.calls, start=1) if is_commit(*call))
    scenario.destination.restore(saved)
    catalog.forget_calls({commit: ruin, **{number: "503" for number in range(commit + 1, commit + 40)}})
    nilus.run(manifest)
    assert scenario.rows() == after
