#!/usr/bin/env python3
# Copyright NumFOCUS
#
# Licensed under the Apache License, Version 2.0 (the "License");
# you may not use this file except in compliance with the License.
# You may obtain a copy of the License at
#
#         https://www.apache.org/licenses/LICENSE-2.0.txt
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS,
# WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
# See the License for the specific language governing permissions and
# limitations under the License.
"""How far apart shapes may start: success rates of sinkhorn-register's metrics against offset and against rotation.

    capture.py run    --data DATA --binary sinkhorn-register --work FOLDER [--only REGEX] [--metrics 'M; …']
    capture.py report --work FOLDER --output FOLDER

Real shapes are put into an image at known places (placements.py) and registered. A registration succeeds if no voxel
folds and the Dice of every label is at least 0.9, or that of the true map where this is less: a shape of three voxels'
thickness that moves by fractions of a voxel has no more. Both are computed here from the transform, the direction matrix
included.
Finished ones are kept in FOLDER/results.json and not run again; several such processes may share one folder. The report
is a Markdown table of success rates, the list of what Sinkhorn fails at, and two plots.
"""
import argparse
import fcntl
import json
import os
import re
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from tqdm import tqdm

import compare
import folding
import placements

DICE = 0.9
OFFSETS = [5, 10, 20, 30, 40, 50, 60]
VOLUME_OFFSETS = [10, 20, 30, 40, 50, 60]
TURNS = [0, 15, 30, 45, 60, 90]
WAYS = [10, 20, 30]
"""Shapes and the size of their images, voxels: thin ones need more."""
SHAPES = {"worm_a": 192, "moon_a": 128, "crescent_b": 128, "blobs_a": 128, "amoeba_1": 128, "knee2d_9003406": 192}
OPPOSITE = [("moon_a", "crescent_b"), ("amoeba_1", "blobs_a"), ("worm_a", "crescent_a")]
HIPPOCAMPI = [("hippocampus_001", "hippocampus_003")]
VOLUME = 64

"""SyN from the identity as it is used by default in ITK and ANTs: an update variance of 3 voxels² at each level."""
USUAL = ["--iterations", "100x50x25", "--shrink", "4x2x1", "--update-sigma", "6.93x3.46x1.73"]
"""The metric on three levels, from 16 voxels an axis, with updates smoothed by an eighth of the field of view at first;
then mean squares on three levels, as Sinkhorn has it by default. Smoothing in parts of the field of view."""
TUNED = [("200x200x100", "16x8x4", [1 / 8, 1 / 12, 1 / 20]), ("100x100x50", "4x2x1", [1 / 16, 1 / 32, 1 / 64])]

"""A balanced start, then the stages that Sinkhorn has by default, but with this reach, a part of the field of view."""
REACH = 1 / 8

LOCAL = ["kernel", "meansquares", "cc", "mattes"]
METRICS = ["sinkhorn", "sinkhorn, multi-start", "sinkhorn, reach", *(f"{m}, {p}" for p in ("usual", "tuned") for m in LOCAL),
           "meansquares, initialized"]


def options(metric, size):
    """What is added to --fixed, --moving and --output."""
    name, _, way = metric.partition(", ")
    if way == "reach":
        reach, update = f"reach={REACH * size:g}", [f"{size / part:g}" for part in (8, 16, 32, 64, 128)]
        return ["--initialize", "sinkhorn-rigid",
                "--stage", f"syn,sinkhorn,{reach},iterations=100,shrink=4,update={update[0]}",
                "--stage", f"syn,sinkhorn,{reach},iterations=100,shrink=4,model=intensity,update={update[1]}+{update[2]}",
                "--stage", "syn,meansquares,iterations=100x50x25,update=" +
                "x".join(f"{wide}+{narrow}" for wide, narrow in zip(update[1:], update[2:]))]
    if name == "sinkhorn":
        return ["--multi-start"] if way else []
    if way == "usual":
        return ["--metric", name, *USUAL]
    if way == "initialized":
        return ["--metric", name, *USUAL, "--initialize", "sinkhorn-rigid"]
    (iterations, shrink, smoothing), (finish_iterations, finish_shrink, finish_smoothing) = TUNED
    update = "x".join(f"{part * size:.2f}" for part in smoothing)
    finish = "x".join(f"{part * size:.2f}+{0.5 * part * size:.2f}" for part in finish_smoothing)
    return ["--stage", f"syn,{name},iterations={iterations},shrink={shrink},update={update}",
            "--stage", f"syn,meansquares,iterations={finish_iterations},shrink={finish_shrink},update={finish}"]


@dataclass
class Case:
    setup: str
    amount: int
    shapes: tuple
    """0 and 2: the same shape in two directions; 1: the moving shape is warped, in a third direction."""
    variant: int

    @property
    def name(self):
        return f"{self.setup}-{self.amount:02d}-{'-'.join(self.shapes)}-{self.variant}"

    @property
    def size(self):
        return VOLUME if self.setup == "offset-3d" else max(SHAPES.get(shape, 128) for shape in self.shapes)


def all_cases():
    """Every variant 0 first: results mean something before all are in."""
    cases = []
    for variant in range(3):
        for shape in SHAPES:
            cases += [Case("offset", amount, (shape,), variant) for amount in OFFSETS]
            if variant < 2:
                cases += [Case("rotation", amount, (shape,), variant) for amount in TURNS]
        if variant == 0:
            cases += [Case("sides", amount, pair, 0) for pair in OPPOSITE for amount in WAYS]
            cases += [Case("offset-3d", amount, pair, 0) for pair in HIPPOCAMPI for amount in VOLUME_OFFSETS]
    return cases


def make(case, data):
    """-> {name of the file: image}. Directions differ from shape to shape; variant 1 warps the moving shape."""
    shapes = [placements.load(shape, data) for shape in case.shapes]
    if case.setup == "sides":
        return placements.changing_sides(*shapes, case.size, case.amount)
    if case.setup == "offset-3d":
        return placements.apart(*shapes, case.size, case.amount, [1.0, 0.0, 0.0])
    number = list(SHAPES).index(case.shapes[0])
    warp = number if case.variant == 1 else None
    radius = placements.RADIUS * case.size
    if case.setup == "rotation":
        degrees = -case.amount if case.variant == 1 else case.amount
        return placements.apart(shapes[0], shapes[0], case.size, 0.0, [1.0, 0.0], radius, degrees, warp)
    angle = np.radians(25.0 + 120.0 * case.variant + 60.0 * number)
    direction = [np.cos(angle), np.sin(angle)]
    return placements.apart(shapes[0], shapes[0], case.size, case.amount, direction, radius, warp=warp)


def score(folder, output):
    transform = compare.read_transform(output)
    names = ("fixed", "fixed_labels", "moving_labels")
    fixed, labels, other = (sitk.ReadImage(str(folder / f"{name}.mha")) for name in names)
    warped = sitk.Resample(other, labels, transform, sitk.sitkNearestNeighbor, 0)
    dice = compare.label_dice(sitk.GetArrayFromImage(labels), sitk.GetArrayFromImage(warped))
    scores = {"dice": dice, **folding.folding(transform, fixed)}
    if (folder / "true_labels.mha").exists():
        true = sitk.ReadImage(str(folder / "true_labels.mha"))
        scores["true_dice"] = compare.label_dice(sitk.GetArrayFromImage(labels), sitk.GetArrayFromImage(true))
    return scores


def succeeded(result):
    if "dice" not in result or result["folded_fraction"] > 0.0:
        return False
    wanted = [min(DICE, dice) for dice in result.get("true_dice", [DICE] * len(result["dice"]))]
    return all(dice >= limit for dice, limit in zip(result["dice"], wanted))


class Store:
    """results.json, shared by processes."""

    def __init__(self, folder):
        self.file, self.claims = folder / "results.json", folder / "claims"
        self.claims.mkdir(parents=True, exist_ok=True)

    def read(self):
        return json.loads(self.file.read_text()) if self.file.exists() else {}

    def claim(self, key):
        """-> a file to close when done, or None if another process is at it. The claim ends with its process."""
        claim = open(self.claims / key.replace("/", " "), "w")
        try:
            fcntl.flock(claim, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            claim.close()
            return None
        return claim

    def add(self, key, result):
        with open(self.file.with_suffix(".lock"), "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            fresh = self.file.with_suffix(".new")
            fresh.write_text(json.dumps({**self.read(), key: result}, indent=1))
            os.replace(fresh, self.file)


def register(case, metric, arguments):
    folder = arguments.work / "pairs" / case.name
    output = arguments.work / "output" / metric.replace(", ", "-") / case.name
    output.mkdir(parents=True, exist_ok=True)
    command = [arguments.binary, "--fixed", f"{folder}/fixed.mha", "--moving", f"{folder}/moving.mha",
               "--output", str(output), "--quiet", "--threads", "1", *options(metric, case.size)]
    cpu, wall, memory, error = compare.run(command, arguments.limit)
    result = {"cpu_seconds": cpu, "wall_seconds": wall, "mebibytes": memory}
    result.update({"error": error} if error else score(folder, output))
    for large in ("transform.h5", "displacement.nii.gz", "warped.nii.gz"):
        (output / large).unlink(missing_ok=True)
    return result


def prepare(case, arguments):
    folder = arguments.work / "pairs" / case.name
    if not (folder / "complete").exists():
        folder.mkdir(parents=True, exist_ok=True)
        for name, image in make(case, arguments.data).items():
            sitk.WriteImage(image, str(folder / f"{name}.mha"), True)
        (folder / "complete").touch()


def hopeless(case, metric, results, failures):
    """Whether the last so many smaller amounts of the same series all failed."""
    smaller = sorted((c for c in all_cases() if (c.setup, c.shapes, c.variant) == (case.setup, case.shapes, case.variant)
                      and c.amount < case.amount), key=lambda c: c.amount)[-failures:]
    keys = [f"{c.name}/{metric}" for c in smaller]
    return len(keys) == failures and all(key in results and not succeeded(results[key]) for key in keys)


def run(arguments):
    store = Store(arguments.work)
    wanted = [(case, metric) for case in all_cases() for metric in arguments.metrics.split("; ")
              if re.search(arguments.only, case.name)
              and (case.setup == "rotation" or metric != "sinkhorn, multi-start")]
    for case, metric in tqdm(wanted, unit="registration"):
        key = f"{case.name}/{metric}"
        claim = store.claim(key)
        if claim is None:
            continue
        with claim:
            results = store.read()
            if key in results:
                continue
            if arguments.give_up and hopeless(case, metric, results, arguments.give_up):
                store.add(key, {"given_up": True})
                continue
            prepare(case, arguments)
            store.add(key, register(case, metric, arguments))


"""Parts of the report and the cases in them: what is registered is the same shape elsewhere, or a warped one."""
PARTS = {
    "Offset, % of the field of view": lambda case: case.setup == "offset" and case.variant != 1,
    "Offset of a warped shape, %": lambda case: case.setup == "offset" and case.variant == 1,
    "Turn, degrees": lambda case: case.setup == "rotation" and case.variant == 0,
    "Turn of a warped shape, degrees": lambda case: case.setup == "rotation" and case.variant == 1,
    "Two shapes change sides, % between them": lambda case: case.setup == "sides",
    "Offset of a 3-D label map, %": lambda case: case.setup == "offset-3d",
}


def collect(results):
    """-> {part: {metric: {amount: [result, …]}}}, of what has been run."""
    out = {part: {} for part in PARTS}
    for metric in METRICS:
        for case in all_cases():
            result = results.get(f"{case.name}/{metric}")
            part = next(part for part, holds in PARTS.items() if holds(case))
            if result:
                out[part].setdefault(metric, defaultdict(list))[case.amount].append(result)
    return out


def rate(results):
    return 100.0 * float(np.mean([succeeded(result) for result in results]))


def table(part, by_metric):
    """Success rates, how many registrations they are taken from, and the CPU seconds of the one in the middle."""
    amounts = sorted({amount for rows in by_metric.values() for amount in rows})
    lines = [f"| {part} | " + " | ".join(map(str, amounts)) + " | pairs | CPU s |", "|" + " --- |" * (len(amounts) + 3)]
    for metric, rows in by_metric.items():
        every = [result for results in rows.values() for result in results]
        seconds = [result["cpu_seconds"] for result in every if "cpu_seconds" in result]
        cells = [f"{rate(rows[a]):.0f}" if a in rows else "–" for a in amounts]
        lines.append(f"| {metric} | " + " | ".join(cells) + f" | {len(every)} | {np.median(seconds):.1f} |")
    return "\n".join(lines)


def failures(results):
    lines = ["| Sinkhorn fails at | Dice of each label | by the true map | least det J |", "| --- | --- | --- | --- |"]
    for case in all_cases():
        for metric in METRICS[:2]:
            result = results.get(f"{case.name}/{metric}")
            if result and not succeeded(result):
                dice = ", ".join(f"{value:.3f}" for value in result.get("dice", [])) or result.get("error", "not run")
                true = ", ".join(f"{value:.3f}" for value in result.get("true_dice", []))
                lines.append(f"| {case.name}, {metric} | {dice} | {true} | {result.get('min_jacobian', np.nan):.3f} |")
    return "\n".join(lines)


def plot(collected, path):
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    colours = dict(zip(["sinkhorn", *LOCAL], ["black", "tab:green", "tab:blue", "tab:orange", "tab:red"]))
    figure, panels = plt.subplots(2, 2, figsize=(9.0, 6.0))
    for axes, part in zip(panels.ravel(), PARTS):
        for metric, rows in collected[part].items():
            name, _, way = metric.partition(", ")
            if way == "initialized":
                continue
            amounts = sorted(rows)
            style = {"usual": ":", "tuned": "--", "multi-start": "-.", "reach": ":"}.get(way, "-")
            axes.plot(amounts, [rate(rows[a]) for a in amounts], color=colours[name], label=metric, marker="o", markersize=3,
                      linewidth=2.5 if name == "sinkhorn" else 1.3, linestyle=style)
        axes.set(xlabel=part, ylabel="success, %", ylim=(-4, 104))
        axes.grid(alpha=0.3)
    handles, labels = max((axes.get_legend_handles_labels() for axes in panels.ravel()), key=lambda pair: len(pair[1]))
    figure.legend(handles, labels, fontsize=8, loc="lower center", ncol=5)
    figure.tight_layout(rect=(0.0, 0.1, 1.0, 1.0))
    figure.savefig(path, dpi=90)
    plt.close(figure)


def report(arguments):
    results = Store(arguments.work).read()
    arguments.output.mkdir(parents=True, exist_ok=True)
    collected = collect(results)
    for part, by_metric in collected.items():
        if by_metric:
            print(table(part, by_metric) + "\n")
    print(failures(results))
    plot(collected, arguments.output / "capture-range.png")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    runs, reports = commands.add_parser("run"), commands.add_parser("report")
    for command in (runs, reports):
        command.add_argument("--work", required=True, type=Path, help="folder of pairs, pictures and results.json")
    runs.add_argument("--data", required=True, help="folder of the real pairs")
    runs.add_argument("--binary", required=True, help="sinkhorn-register")
    runs.add_argument("--only", default="", help="regular expression for names of cases, such as ^offset-[123]0-moon")
    runs.add_argument("--metrics", default="; ".join(METRICS), help="separated by a semicolon and a space")
    runs.add_argument("--give-up", type=int, default=0, help="after so many failures in a row, larger amounts of the same "
                      "shape and metric count as failures without being run; 0: run all")
    runs.add_argument("--limit", type=int, default=300, help="CPU seconds of one registration")
    reports.add_argument("--output", required=True, type=Path, help="folder for the plots")
    arguments = parser.parse_args()
    run(arguments) if arguments.command == "run" else report(arguments)


if __name__ == "__main__":
    main()
