"""Cohorts whose workers and drivers are killed at any moment."""
import os
import signal
import subprocess
import sys
import threading
import time

import pytest

pytest.importorskip("distributed", reason="the extra [cohort] is not installed")

import itk_sinkhorn_cohort as cohort
from cohort_testing import make_client, read_bits, shift_register, write_group, write_table

PAIRS = [(i, j) for i in range(3) for j in range(3) if i != j] + [(3, 0), (0, 3)]


@pytest.fixture
def table(tmp_path):
    return write_table(tmp_path, write_group(tmp_path, 4), PAIRS, labels=False)


def test_workers_that_are_killed_change_nothing(table, tmp_path):
    pairs = cohort.read_pairs(table)
    options = {"pause": 0.4}
    with make_client(2) as client, client.cluster:
        cohort.run_cohort(pairs, tmp_path / "calm", client, options=options, register=shift_register, keep=["transform"])
        ended = threading.Event()
        killed = []

        def kill():
            """One worker after each new result, in the midst of what it does, so that a slow machine gets on, too."""
            finished = 0
            while not ended.wait(0.2):
                now = len(list((tmp_path / "stormy").glob("*/result.json")))
                workers = [worker.process.pid for worker in client.cluster.workers.values() if worker.process and worker.process.pid]
                if now > finished and workers:
                    killed.append(workers[len(killed) % len(workers)])
                    os.kill(killed[-1], signal.SIGKILL)
                finished = now

        killer = threading.Thread(target=kill)
        killer.start()
        try:
            done = cohort.run_cohort(pairs, tmp_path / "stormy", client, options=options, register=shift_register, keep=["transform"])
        finally:
            ended.set()
            killer.join()
    assert not done.failed and len(killed) >= 3
    assert read_bits(tmp_path / "stormy") == read_bits(tmp_path / "calm")
    assert not [path for path in (tmp_path / "stormy").iterdir() if path.name.startswith(".unfinished-")]


DRIVER = """
import sys, itk_sinkhorn_cohort as cohort
from cohort_testing import make_client, shift_register
if __name__ == "__main__":
    with make_client(1) as client, client.cluster:
        options = {"pause": 0.2, "folder": sys.argv[3]}
        done = cohort.run_cohort(cohort.read_pairs(sys.argv[1]), sys.argv[2], client, options=options, register=shift_register, keep=["transform"])
        print(done.registered)
"""


def test_a_driver_that_is_killed_goes_on(table, tmp_path):
    calls = tmp_path / "calls"
    calls.mkdir()
    script = tmp_path / "driver.py"
    script.write_text(DRIVER)
    output = tmp_path / "out"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([os.path.dirname(__file__), os.environ.get("PYTHONPATH", "")])}
    finished = 0
    for share in (0.2, 0.5, 0.8):
        driver = subprocess.Popen([sys.executable, str(script), str(table), str(output), str(calls)], env=environment)
        deadline = time.monotonic() + 500
        while len(list(output.glob("*/result.json"))) < max(share * len(PAIRS), finished + 1) and time.monotonic() < deadline:
            time.sleep(0.02)
        driver.kill()
        driver.wait()
        time.sleep(1)  # its workers end
        now = len(list(output.glob("*/result.json")))
        assert now > finished
        finished = now
    begun = len(list(calls.iterdir()))
    run = subprocess.run([sys.executable, str(script), str(table), str(output), str(calls)], env=environment, capture_output=True,
                         text=True, timeout=300)
    assert run.returncode == 0, run.stderr
    assert int(run.stdout) == len(PAIRS) - finished
    assert len(list(calls.iterdir())) == begun + len(PAIRS) - finished
    assert not [path for path in output.iterdir() if path.name.startswith((".unfinished-", ".begun-"))]
