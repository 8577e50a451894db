"""The suite that cuts every step of a commit is itself put to the test: with a defect put into the program it has to fail.

The defects (src/nilus/engine/seeded_bug.h) are in test builds only, and on only here.
"""
import pytest

from destinations import DESTINATIONS
from test_faults import Scenario, cut_at_every_point


@pytest.fixture(params=DESTINATIONS, ids=lambda kind: kind.kind)
def scenario(request, tmp_path, nilus, postgres):
    # Append is where a row that is read again shows: a merge would put it onto itself.
    scenario = Scenario(nilus, request.param(tmp_path, postgres), "append", tmp_path)
    scenario.create_source()
    return scenario


@pytest.mark.parametrize("bug, finding", [
    ("position_before_rows", "the next run gave something else"),
    ("unknown_is_failed", "left something in between"),
])
def test_a_seeded_bug_is_caught(bug, finding, scenario, tmp_path):
    scenario.nilus.seeded_bug = bug
    with pytest.raises(AssertionError, match=finding):
        cut_at_every_point(scenario, tmp_path)


def test_an_unknown_bug_is_refused(scenario):
    scenario.nilus.seeded_bug = "none_such"
    refused = scenario.nilus.run(scenario.manifest(), expect=2)
    assert "none_such" in refused.all_output
