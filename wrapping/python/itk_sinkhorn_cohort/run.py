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
"""Runs the tasks of a plan on Dask, whatever happens to them and to their workers."""
import contextlib
import functools
import pathlib
import sys
import time
import uuid

import distributed
from distributed.scheduler import KilledWorker

from itk_sinkhorn_cohort import cluster, engine, results, state
from itk_sinkhorn_cohort.plan import format_bytes, make_plan

#: A pair during which so many workers were killed is given up. More than a few: somebody who kills every worker after some seconds
#: (spot machines, short queues) hits the same pair several times by chance.
MOST_DEATHS = 8

#: So often a result is looked for that a worker has written.
MOST_LOOKS = 4

#: So often a lost connection is tried again where workers come and go.
MOST_CONNECTIONS = 10

#: Seconds after which lost workers of a local cluster are asked for again.
REVIVAL = 20.0


class Cohort:
    """What became of the pairs: `rows`, one for each, and `failed`, the messages of those without results, by id."""

    def __init__(self, rows, failed, registered):
        self.rows = rows
        self.failed = failed
        #: How many were registered in this run; the others were done before.
        self.registered = registered


def run_cohort(pairs, output, client, *, options=None, threads=1, register=None, keep=engine.KEEP, progress=None, ahead=0,
               command=""):
    """Registers pairs of images on the workers of a client.

    What is done stays done: results of an earlier run with the same contents of files, options and versions are taken as
    they are, and a run that was killed goes on where it was. A pair that fails is reported, and the others go on.

    Parameters
    ----------
    pairs : sequence of Pair
        See read_pairs(). Workers must see the files under the same paths.
    output : str
        Folder of the results: one for each pair, results.csv, scores.csv and report.html.
    client : distributed.Client
        Of any cluster that Dask knows.
    options : dict
        Of itk.sinkhorn_registration_method().
    threads : int
        Of one registration. Default 1: many registrations at a time are faster than one with many threads.
    register : callable
        Takes the place of itk.sinkhorn_registration_method(): a function of a module that the workers can import.
    keep : sequence of str
        Files to write for each pair, of engine.KEEP and engine.EXTRAS.
    progress : bool
        A bar. Default: on a terminal.
    ahead : int
        Registrations that the scheduler is given beyond those that there is room for: an adaptive cluster grows by what
        waits. Default 0.
    command : str
        For the reports: how this was asked for.

    Returns
    -------
    Cohort

    Raises
    ------
    FolderInUse
        If another run works on that folder.
    """
    output = pathlib.Path(output).absolute()
    output.mkdir(parents=True, exist_ok=True)
    with state.lock(output):
        cohort = run_pairs(pairs, output, client, options=options, threads=threads, register=register, keep=keep,
                           progress=progress, ahead=ahead, command=command)
        results.write_tables(output, cohort.rows)
        if "page" in keep:
            from itk_sinkhorn_cohort import page

            page.write_cohort(output / "report.html", cohort.rows, command)
    return cohort


def run_pairs(pairs, output, client, *, options=None, threads=1, register=None, keep=engine.KEEP, progress=None, ahead=0,
              command="", label="registrations"):
    """run_cohort() without tables, in a folder that the caller has locked. Takes away what runs, and in this one workers, that
    were killed have left there."""
    state.remove_leftovers(output)
    options = engine.make_portable(options)
    plan = make_plan(pairs, output, options=options, threads=threads, register=register, keep=keep)
    failed = {task.pair.id: task.problem for task in plan.open if task.problem}
    # The longest first, so that no worker is left with a long one at the end.
    tasks = sorted((task for task in plan.open if not task.problem), key=lambda task: -task.seconds)
    records = dict(plan.done)
    if tasks:
        work = functools.partial(engine.register_pair, options=options, register=register, keep=keep, command=command)
        with _make_bar(plan, failed, progress, label) as bar:
            run_tasks(tasks, work, client, records, failed, bar, ahead)
        state.remove_leftovers(output)
    rows = [results.make_row(task.pair, records.get(task.pair.id), failed.get(task.pair.id)) for task in plan.tasks]
    return Cohort(rows, failed, len(records) - len(plan.done))


@contextlib.contextmanager
def _make_bar(plan, failed, progress, label):
    """A bar of all pairs; without tqdm or a terminal nothing is drawn."""
    try:
        from tqdm.auto import tqdm
    except ImportError:
        yield None
        return
    hidden = None if progress is None else not progress
    with tqdm(total=len(plan.tasks), initial=len(plan.done) + len(failed), unit="pair", desc=label, disable=hidden,
              file=sys.stderr) as bar:
        yield bar


def run_tasks(tasks, work, client, records, failed, bar=None, ahead=0):
    """Calls work(task) on the workers for each task: what it returns goes to `records`, what went wrong to `failed`, by id."""
    _announce_capacity(client, cluster.Capacity(max(task.threads for task in tasks)))
    _Dispatcher(client, work, records, failed, bar, ahead).run(tasks)


def _announce_capacity(client, plugin):
    """Dask tells every worker, and fails if one is lost at that moment; the others, and those to come, know then already."""
    for attempt in range(MOST_CONNECTIONS):
        try:
            client.register_plugin(plugin)
            return
        except OSError:  # CommClosedError among others
            if attempt + 1 == MOST_CONNECTIONS:
                raise
            time.sleep(1.0)


class _Dispatcher:
    """Hands tasks to the scheduler, few more than there are places, and takes what comes back.

    The scheduler blames every task that a lost worker had been given; with all of a cohort handed over, tasks would be given
    up that had never begun. So few are, and only what had begun counts.
    """

    def __init__(self, client, work, records, failed, bar, ahead):
        self._client = client
        self._work = work
        self._records = records
        self._failed = failed
        self._bar = bar
        self._ahead = ahead
        self._running = {}
        self._unseen = {}
        self._largest = 0.0
        self._revived = time.monotonic()

    def run(self, tasks):
        for task in tasks:
            self._deaths(task).forget()
        waiting = list(reversed(tasks))
        try:
            while waiting or self._running:
                rooms = cluster.list_rooms(self._client)
                self._revive(rooms)
                self._refuse(waiting, rooms)
                while waiting and len(self._running) < sum(room.count(waiting[-1]) for room in rooms) + self._ahead:
                    self._submit(waiting.pop())
                if not self._running:
                    time.sleep(0.2)  # workers are still to come, or to come again
                    continue
                # Workers may come and go meanwhile.
                try:
                    ended = distributed.wait(list(self._running), timeout=2, return_when="FIRST_COMPLETED").done
                except TimeoutError:
                    self._take_back(waiting, rooms)
                    continue
                for future in ended:
                    self._take(future, waiting)
        except BaseException:
            self._client.cancel(list(self._running))
            raise

    @staticmethod
    def _deaths(task):
        return state.Deaths(pathlib.Path(task.folder).parent, task.pair.id)

    def _revive(self, rooms):
        """A local worker that is killed while it starts is not started again by Dask, until somebody asks for as many as there
        were."""
        wanted = getattr(getattr(self._client, "cluster", None), "worker_spec", ())
        if len(rooms) >= len(wanted):
            self._revived = time.monotonic()
        elif time.monotonic() - self._revived > REVIVAL:
            self._client.cluster.scale(len(wanted))
            self._revived = time.monotonic()

    def _refuse(self, waiting, rooms):
        """What fits into no worker would wait for ever. A worker that was there may come again."""
        self._largest = largest = max([self._largest, *(room.memory for room in rooms)])
        if largest == 0:
            return
        futures = {future: task for future, task in self._running.items() if task.memory > largest}
        for future in futures:
            future.cancel()
            del self._running[future]
        refused = [*futures.values(), *(task for task in waiting if task.memory > largest)]
        waiting[:] = [task for task in waiting if task.memory <= largest]
        for task in refused:
            self._fail(task, f"needs about {format_bytes(task.memory)} of memory, but the largest worker has "
                             f"{format_bytes(largest)}; give workers more")

    def _take_back(self, waiting, rooms):
        """What no worker has, though there is room: the scheduler looks at such tasks when a worker comes, but that tells only
        later what it can hold."""
        if not rooms:
            return
        held = {key for keys in self._client.processing().values() for key in keys}
        for future in [future for future in self._running if future.status == "pending" and future.key not in held]:
            future.cancel()
            waiting.append(self._running.pop(future))

    def _submit(self, task):
        key = f"sinkhorn-{task.pair.id}-{uuid.uuid4().hex}"
        future = self._client.submit(self._work, task, key=key, resources=cluster.needs(task), pure=False)
        self._running[future] = task

    def _take(self, future, waiting):
        task = self._running.pop(future)
        error = future.exception() if future.status == "error" else None
        if future.status == "finished":
            self._read(task, waiting)
        elif error is None or isinstance(error, KilledWorker):
            self._try_again(task, waiting)
        else:
            self._fail(task, describe_error(error))
        future.release()

    def _read(self, task, waiting):
        """Results are files. The worker may be gone, and whoever asked Dask for what it returned would wait for it."""
        record = state.read_result(task.folder, task.key)
        if record is not None:
            self._records[task.pair.id] = record
            self._advance()
            return
        self._unseen[task.pair.id] = self._unseen.get(task.pair.id, 0) + 1
        if self._unseen[task.pair.id] < MOST_LOOKS:
            waiting.append(task)  # file systems of a network may be late
        else:
            self._fail(task, f"a worker has written '{task.folder}', but it is not to be seen here; workers must share this folder")

    def _try_again(self, task, waiting):
        deaths = self._deaths(task)
        if deaths.count() < MOST_DEATHS:
            waiting.append(task)
            return
        self._fail(task, f"{deaths.count()} workers were killed while they registered this pair: out of memory, or killed from outside? "
                         f"Predicted were {format_bytes(task.memory)}")
        deaths.forget()

    def _fail(self, task, message):
        self._failed[task.pair.id] = message
        self._advance()

    def _advance(self):
        if self._bar is not None:
            self._bar.update(1)
            if self._failed:
                self._bar.set_postfix_str(f"{len(self._failed)} failed")


def describe_error(error):
    """An exception in one line; of those of ITK what was said, without where."""
    lines = [line.strip() for line in str(error).strip().splitlines() if line.strip()]
    said = lines[-1] if lines else ""
    return said if isinstance(error, RuntimeError) and said else f"{type(error).__name__}: {said}"
