# ==========================================================================
#
#   Copyright NumFOCUS
#
#   Licensed under the Apache License, Version 2.0 (the "License");
#   you may not use this file except in compliance with the License.
#   You may obtain a copy of the License at
#
#          https://www.apache.org/licenses/LICENSE-2.0.txt
#
#   Unless required by applicable law or agreed to in writing, software
#   distributed under the License is distributed on an "AS IS" BASIS,
#   WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
#   See the License for the specific language governing permissions and
#   limitations under the License.
#
# ==========================================================================
"""Workers: a cluster of this machine, and what each worker of any cluster can hold."""
import contextlib
import logging
import multiprocessing.forkserver
import os
import typing

import dask
from distributed import Client, LocalCluster, WorkerPlugin
from distributed.utils import get_mp_context

#: Resources that tasks ask of workers.
MEMORY = "SINKHORN_MEMORY"
THREADS = "SINKHORN_THREADS"


class Capacity(WorkerPlugin):
    """Tells the scheduler what a worker can hold: its limit of memory, and threads of its own.

    Workers that come later, of LocalCluster, SSH, Kubernetes or dask-jobqueue, tell it when they start: nobody has to give
    them resources by hand.
    """

    name = "sinkhorn-capacity"

    def __init__(self, threads):
        self._threads = threads

    async def setup(self, worker):
        limit = worker.memory_manager.memory_limit or _get_memory()
        await worker.set_resources(**{MEMORY: float(limit), THREADS: float(max(worker.state.nthreads, self._threads))})


def _get_memory():
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def needs(task):
    """What a task takes of its worker."""
    return {MEMORY: float(task.memory), THREADS: float(task.threads)}


class Room(typing.NamedTuple):
    """What one worker can hold."""

    memory: float
    threads: float
    #: Tasks of any kind at a time: the worker's threads in Dask's sense.
    tasks: int

    def count(self, task):
        """Tasks of this kind that it runs at the same time."""
        return int(min(self.memory // task.memory, self.threads // task.threads, self.tasks))


def list_rooms(client):
    """Of the workers that are there now."""
    workers = client.scheduler_info(n_workers=-1)["workers"].values()
    return [Room(w["resources"][MEMORY], w["resources"][THREADS], w["nthreads"]) for w in workers if MEMORY in w["resources"]]


def count_cores():
    return len(os.sched_getaffinity(0))


def _fork_workers():
    """Workers of this machine are forked from a process that has loaded ITK, which takes many seconds: so does the next of
    one that was killed."""
    return dask.config.set({"distributed.worker.multiprocessing-method": "forkserver"})


def begin_loading():
    """Begins to load ITK for local workers and does not wait for it: ten seconds of one core, in which there is something else to do."""
    with _fork_workers():
        # Dask sets a list of its own when it first asks for the context.
        get_mp_context().set_forkserver_preload(["distributed", "itk_sinkhorn_cohort.preload"])
        multiprocessing.forkserver.ensure_running()


@contextlib.contextmanager
def open_client(scheduler=None, workers=None, threads=1, memory=None):
    """A client of a running scheduler, or of as many local processes, each of which does one registration at a time.

    Parameters
    ----------
    scheduler : str
        tcp://..., tls://... or the path of a scheduler file.
    workers : int
        Local processes. Default: cores divided by threads.
    threads : int
        Of one registration.
    memory : float
        Bytes of one worker. Default: an equal part of the machine's.
    """
    if scheduler:
        address = {"address": scheduler} if "://" in scheduler else {"scheduler_file": scheduler}
        with Client(**address, timeout=30) as client:
            yield client
        return
    count = workers or max(count_cores() // threads, 1)
    begin_loading()
    with _fork_workers(), LocalCluster(
        n_workers=count, threads_per_worker=1, processes=True, memory_limit=memory or _get_memory() / count,
        dashboard_address=None, silence_logs=logging.CRITICAL,
    ) as cluster, Client(cluster) as client:
        yield client
