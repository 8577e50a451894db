"""The long run of change data capture: the service is killed at random moments, and the source's server now and then, while the
workload goes on. NILUS_CDC_KILLS sets how often; `slow` by its label in tests/CMakeLists.txt."""
import os
import random
import threading

import pytest

from cdc_fixtures import SEED
from cdc_world import ENDS, Service, Workload, log_server

KILLS = int(os.environ.get("NILUS_CDC_KILLS", "50"))  # for each of the four ends


@pytest.mark.parametrize("kind", ENDS, ids=lambda kind: kind.kind)
def test_killed_at_random_moments(kind, nilus, tmp_path):
    print(f"seed {SEED}")
    chance = random.Random(f"{SEED} {kind.kind}")
    with log_server(tmp_path) as server:
        source = server.create_database()
        workload = Workload(source, f"{SEED} {kind.kind}")
        end = kind(tmp_path, server)
        service = Service(nilus, source, end, **{"snapshot.max.threads": "2"})
        killed = 0
        while killed < KILLS:
            # A random chance at every fault point, or a random moment.
            env = {"NILUS_FAULT_RANDOM_KILL": f"{chance.randrange(1 << 30)}:{chance.choice([5, 20, 60])}"} if chance.random() < 0.6 else {}
            service.start(**env)
            writer = threading.Thread(target=workload.run, args=(chance.randrange(3, 25),))
            writer.start()
            try:
                service.process.wait(timeout=chance.uniform(0.05, 2.5))
            except Exception as error:
                if type(error).__name__ != "TimeoutExpired":
                    raise
                service.process.kill()
            writer.join()
            service.process.communicate()
            assert service.process.returncode == -9, f"it ended by itself: {service.process.returncode}"
            killed += 1
        service.start()
        workload.run(10)
        service.settle()
        service.stop()
        workload.expect_equal(end)
