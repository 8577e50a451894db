"""Change data capture of what the log does not tell: tables that are made again."""
import pytest

from cdc_fixtures import no_service_is_left, server, source  # noqa: F401
from cdc_world import PostgresEnd, Service, wait_until
from test_cdc_shapes import expect_equal, make_items


@pytest.mark.parametrize("runs", [True, False], ids=["running", "stopped"])
def test_a_table_that_is_made_again_is_put_into_the_publication(runs, nilus, tmp_path, server, source):
    make_items(source)
    end = PostgresEnd(tmp_path, server)
    service = Service(nilus, source, end, **{"heartbeat.interval.ms": "200"}).start()
    service.settle()
    if not runs:
        service.stop()
    source.execute("DROP TABLE items")
    make_items(source, 2)
    if not runs:
        service.start()
    wait_until(lambda: end.rows("shop_public_items", ["id"]) == [("1",), ("2",)], "the new table's rows are there", service.process)
    source.execute("INSERT INTO items VALUES (5, 'code 5', 'later')")
    service.settle()
    report = service.stop()
    expect_equal(source, end, "items", ["id", "code", "v"])
    assert any("it is another table than before" in w for w in report["warnings"]), report["warnings"]
