"""The catalogue is there for the threads of a new process, whichever comes first."""

from __future__ import annotations

import subprocess
import sys

# Each child is a process that has not used the catalogue yet, as a task is; the switch interval makes threads meet.
SCRIPT = """
import os, sys, threading
from airflow_provider_walmart.client.catalogue import operations

def child():
    sys.setswitchinterval(1e-6)
    together = threading.Barrier(4)
    def use():
        together.wait()
        operations.find("getAllOrders")
    threads = [threading.Thread(target=use) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    os._exit(0)

statuses = []
for _ in range(25):
    pid = os.fork()
    if not pid:
        child()
    statuses.append(os.waitpid(pid, 0)[1])
print(sum(map(bool, statuses)))
"""


def test_threads_that_use_it_first_at_the_same_time_come_through():
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=60)
    assert (done.stdout.strip(), done.returncode) == ("0", 0), done.stderr
