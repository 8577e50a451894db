"""The suite that cuts every step of a commit is itself put to the test: with a defect put into the program it has to fail.

The defects (src/nilus/engine/seeded_bug.h) are in test builds only, and on only here.
"""
import pytest

from destinations import DESTINATIONS
from test_faults import Scenario, cut_at_every_point, lose_each_answer


@pytest.fixture(params=DESTINATIONS, ids=lambda kind: kind.kind)
def scenario(request, tmp_path, nilus, postgres):
    # Append is where a row that is read again shows: a merge would put it onto itself.
    scenario = Scenario(nilus, request.param(tmp_path, postgres), "append", tmp_path)
    scenario.create_source()
    return scenario


def test_a_position_before_its_rows_is_caught(scenario, tmp_path):
    scenario.nilus.seeded_bug = "position_before_rows"
    with pytest.raises(AssertionError, match="success was reported and is not there|the next run gave something else"):
        cut_at_every_point(scenario, tmp_path)


def test_an_unknown_outcome_taken_for_a_failure_is_caught(scenario, tmp_path):
    scenario.nilus.seeded_bug = "unknown_is_failed"
    with pytest.raises(AssertionError, match="not exactly one more copy"):
        lose_each_answer(scenario, tmp_path)


def test_an_unknown_bug_is_refused(scenario):
    scenario.nilus.seeded_bug = "none_such"
    refused = scenario.nilus.run(scenario.manifest(), expect=2)
    assert "none_such" in refused.all_output
