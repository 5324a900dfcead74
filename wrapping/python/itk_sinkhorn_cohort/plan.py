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
"""What a run will do, before it does anything: tasks, what they need, and what is done already."""
import dataclasses
import math
import pathlib
import statistics
import typing

from itk_sinkhorn_cohort import engine, state

#: Resident memory, bytes: of a worker that has loaded everything, and for each voxel of the larger image, by dimension.
#: From what programs on volumes of 60,000 to 4 million voxels took (125 to 225 bytes a voxel), and as much again, and more, for
#: the copies that Python and the file of the transform take; the limit of the worker itself is the last resort.
BASE_MEMORY = 1.0e9
VOXEL_MEMORY = {2: 900.0, 3: 700.0}
#: Seconds of one thread for each million voxels of the fixed image, where no finished pair tells better.
VOXEL_SECONDS = {2: 40.0, 3: 60.0}
BASE_SECONDS = 1.0


@dataclasses.dataclass(frozen=True)
class Task:
    """One registration, and what it needs."""

    pair: typing.Any
    #: Names the results: a hash of the contents of the files, the options and the versions.
    key: str
    #: Where the results go.
    folder: str
    threads: int
    #: Predicted: bytes and seconds.
    memory: int
    seconds: float
    #: What is wrong with the files; then there is nothing to do but to report it.
    problem: str = ""


@dataclasses.dataclass(frozen=True)
class Plan:
    """All tasks of a run, in the order of the table."""

    output: str
    tasks: tuple
    #: Those whose results are there, by id.
    done: dict

    @property
    def open(self):
        return [task for task in self.tasks if task.pair.id not in self.done]


class Facts(typing.NamedTuple):
    """What the header of an image says."""

    dimension: int
    voxels: int


def read_facts(path):
    """Dimension and number of voxels of an image file, from its header.

    Raises
    ------
    RuntimeError
        If there is no such file, or none of ITK's formats.
    """
    import itk

    path = pathlib.Path(path)
    if not path.exists():
        raise RuntimeError("there is no such file")
    parts = state.list_parts(path)
    slices = len(parts) if path.is_dir() else 1
    if not parts:
        raise RuntimeError("the folder is empty")
    reader = itk.ImageIOFactory.CreateImageIO(str(parts[0]), itk.CommonEnums.IOFileMode_ReadMode)
    if reader is None:
        raise RuntimeError("its format is unknown to ITK")
    reader.SetFileName(str(parts[0]))
    reader.ReadImageInformation()
    size = [reader.GetDimensions(k) for k in range(reader.GetNumberOfDimensions())]
    size += [slices] if path.is_dir() and len(size) == 2 else []
    while len(size) > 2 and size[-1] == 1:
        size.pop()
    return Facts(len(size), math.prod(size))


def count_voxels(path):
    """Voxels of an image file; 0 where that can't be told."""
    try:
        return read_facts(path).voxels
    except RuntimeError:
        return 0


class _Inspector:
    """Reads each file once, however many pairs share it."""

    def __init__(self, hashes):
        self._hashes = hashes
        self._facts = {}

    def inspect(self, pair):
        """Hashes by role, facts of both images, and what is wrong."""
        found = {}
        facts = []
        for role, path in pair.files().items():
            try:
                found[role] = self._hashes.get(path)
                if role in ("fixed", "moving"):
                    facts.append(self._read(path))
            except (OSError, RuntimeError) as error:
                return found, facts, f"{role.replace('_', ' ')} '{path}': {_reason(error)}"
        return found, facts, ""

    def _read(self, path):
        if path not in self._facts:
            self._facts[path] = read_facts(path)
        return self._facts[path]


def _reason(error):
    return getattr(error, "strerror", None) or str(error).strip().splitlines()[-1]


def predict_memory(facts):
    """Bytes that a registration takes, from the facts of its images."""
    if not facts:
        return int(BASE_MEMORY)
    voxels = max(fact.voxels for fact in facts)
    return int(BASE_MEMORY + voxels * VOXEL_MEMORY.get(facts[0].dimension, VOXEL_MEMORY[3]))


def predict_seconds(facts, threads, pace=None):
    """Seconds that a registration takes; `pace` is that of finished ones, in seconds for each voxel."""
    if not facts:
        return 0.0
    if pace is not None:
        return facts[0].voxels * pace
    rate = VOXEL_SECONDS.get(facts[0].dimension, VOXEL_SECONDS[3])
    return BASE_SECONDS + facts[0].voxels * 1e-6 * rate / threads


def make_plan(pairs, output, *, options=None, threads=1, register=None, keep=engine.KEEP, remember=True):
    """The tasks for these pairs.

    Parameters
    ----------
    pairs : sequence of Pair
    output : str
        Folder of the results; each pair has one of its own in it.
    options : dict
        Of itk.sinkhorn_registration_method().
    threads : int
        Of one registration.
    register : callable
        See run_cohort().
    keep : sequence of str
        Files that are written, of engine.KEEP.
    remember : bool
        Write down the hashes of files in the folder.
    """
    output = pathlib.Path(output).absolute()
    options = engine.make_portable(options)
    hashes = state.FileHashes(output / ".hashes.json" if output.is_dir() else None)
    inspector = _Inspector(hashes)
    method = engine.describe(register)
    seen, done = [], {}
    for pair in pairs:
        files, facts, problem = inspector.inspect(pair)
        key = state.make_key([state.FORMAT, method, options, sorted(keep), files])
        record = None if problem else state.read_result(output / pair.id, key)
        if record is not None:
            done[pair.id] = record
        seen.append((pair, key, facts, problem))
    if remember and output.is_dir():
        hashes.save()
    pace = _measure_pace(seen, done)
    tasks = [
        Task(pair, key, str(output / pair.id), threads, predict_memory(facts), predict_seconds(facts, threads, pace), problem)
        for pair, key, facts, problem in seen
    ]
    return Plan(str(output), tuple(tasks), done)


def is_surely_open(pairs, output):
    """Whether there is a pair that has no results of any kind, told without reading a file."""
    output = pathlib.Path(output)
    return any(not (output / pair.id / state.RECORD).exists() for pair in pairs)


def _measure_pace(seen, done):
    """Seconds for each voxel of what is done; None where nothing is."""
    paces = [done[pair.id]["seconds"] / facts[0].voxels for pair, _, facts, _ in seen if pair.id in done]
    return statistics.median(paces) if paces else None


def format_plan(plan, slots):
    """Lines that tell graph, tasks, memory and time of a plan on so many registrations at a time."""
    tasks = plan.open
    broken = [task for task in tasks if task.problem]
    runnable = [task for task in tasks if not task.problem]
    lines = [
        f"graph: {len(plan.tasks)} pairs -> {len(plan.tasks)} registrations, which do not depend on each other "
        "-> results.csv, scores.csv, report.html",
        f"tasks: {len(plan.done)} done, {len(runnable)} to do, {len(broken)} that can't be read",
    ]
    lines += [f"  {task.pair.id}: {task.problem}" for task in broken[:20]]
    if runnable:
        memories = sorted(task.memory for task in runnable)
        total = sum(task.seconds for task in runnable)
        longest = max(task.seconds for task in runnable)
        wall = max(total / max(slots, 1), longest)
        lines += [
            f"memory of one registration: {format_bytes(memories[0])} to {format_bytes(memories[-1])}, "
            f"{slots} at a time: up to {format_bytes(sum(memories[-slots:]))}",
            f"time: {format_seconds(total)} of {runnable[0].threads}-thread work, about {format_seconds(wall)} with {slots} at a time",
        ]
    return lines


def format_bytes(count):
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"


def format_seconds(seconds):
    if seconds < 60:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
