"""The suite of change data capture is itself put to the test: with a defect put into the program it has to fail.

The defects (src/nilus/cdc/seeded_bug.h) are in test builds only, and on only here. Each scenario holds without its bug.
"""
import pytest

from cdc_fixtures import server  # noqa: F401
from cdc_world import PostgresEnd, Service, Workload


@pytest.fixture
def world(nilus, tmp_path, server):
    source = server.create_database()
    yield Service(nilus, source, PostgresEnd(tmp_path, server)), Workload(source, 1)
    Service.end_all()


def cut_before_commits(service, workload):
    """The service fails between what it has read and its commit: that is read again."""
    service.start().settle()
    service.stop()
    for passage in range(1, 4):
        workload.run(5)
        service.start(NILUS_FAULT=f"cdc.after_apply:fatal:{passage}")
        service.process.communicate(timeout=120)
        assert service.process.returncode == 1
    service.start().settle()
    service.stop()
    workload.expect_equal(service.end)


def write_while_a_snapshot_is_taken(service, workload):
    """Rows change between a snapshot and the stream's meeting it."""
    service.start(NILUS_FAULT="cdc.after_view:pause")
    service.wait_for_pause()
    workload.database.execute("DELETE FROM docs WHERE id = 1; UPDATE accounts SET balance = balance + 1; INSERT INTO pairs VALUES (99, 'new', NULL)")
    service.go_on()
    workload.run(5)
    service.settle()
    service.stop()
    workload.expect_equal(service.end)


SCENARIOS = {"confirm_before_commit": (cut_before_commits, "the service ended"),
             "snapshot_gap": (write_while_a_snapshot_is_taken, "table ")}


@pytest.mark.parametrize("bug", SCENARIOS)
def test_a_bug_is_caught(bug, world, nilus):
    scenario, told = SCENARIOS[bug]
    nilus.seeded_bug = bug
    with pytest.raises(AssertionError, match=told):
        scenario(*world)


@pytest.mark.parametrize("bug", SCENARIOS)
def test_nothing_is_caught_without_a_bug(bug, world):
    SCENARIOS[bug][0](*world)


def test_an_unknown_bug_is_refused(world, nilus):
    service, _ = world
    nilus.seeded_bug = "none_such"
    done = nilus("run", service.manifest, "--json", env=service.env)
    assert done.code != 0 and "none_such" in done.all_output
