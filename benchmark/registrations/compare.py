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
"""Registers real pairs by sinkhorn-register and by other programs and sets their scores side by side.

    compare.py --data DATA --binary sinkhorn-register --work FOLDER [--groups G,…] [--programs P,…]

The pairs are images (pairs.py, programs.py) or curves and surfaces (shapes.py, shape_programs.py). Every registration runs in a process of its own; its
scores (Dice, target registration error or distance of shapes, folding by the strict criterion, CPU seconds, memory) are
computed here, from the transform or the moved shape, alike for all programs. Finished ones are kept in
FOLDER/results.json and not run again; --score scores their transforms again. tables.py prints results.json.
"""
import argparse
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import SimpleITK as sitk

import folding
import pairs as pairs_module
import programs as programs_module
import shape_programs
import shapes

OWN = {
    "sinkhorn": [],
    "velocity": ["--transform", "velocity"],
    "bspline-syn": ["--transform", "bspline-syn"],
    "displacement": ["--transform", "displacement"],
    "kernel": ["--metric", "kernel"],
    "syn-meansquares": ["--metric", "meansquares"],
    "syn-cc": ["--metric", "cc"],
    "syn-mattes": ["--metric", "mattes"],
}


def is_shape(pair):
    return isinstance(pair, shapes.ShapePair)


def programs_of(pair):
    return ["sinkhorn", *shape_programs.PROGRAMS] if is_shape(pair) else [*OWN, *programs_module.PROGRAMS]


def command(program, pair, folder, output, binary):
    if program not in OWN:
        script = "shape_programs.py" if is_shape(pair) else "programs.py"
        return [sys.executable, str(Path(__file__).with_name(script)), program, str(folder), str(output)]
    if is_shape(pair):
        return [binary, "--fixed-points", f"{folder}/fixed.vtk", "--moving-points", f"{folder}/moving.vtk", "--output", str(output), "--quiet"]
    arguments = [binary, "--fixed", f"{folder}/fixed.mha", "--moving", f"{folder}/moving.mha", "--output", str(output), "--quiet"]
    if (folder / "fixed_mask.mha").exists():
        arguments += ["--fixed-mask", f"{folder}/fixed_mask.mha", "--moving-mask", f"{folder}/moving_mask.mha"]
    return arguments + pair.options + OWN[program]


def run(arguments, limit):
    """-> CPU seconds, wall seconds, MiB, error or None"""
    began = time.monotonic()
    process = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                               preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CPU, (limit, limit)))
    message = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    # sinkhorn-register's 3: a registration that made it worse, its start is handed over
    handed_over = os.WIFEXITED(status) and os.WEXITSTATUS(status) in (0, 3)
    error = None if handed_over else (message.strip().splitlines() or [f"status {status}, limit {limit} CPU seconds"])[-1]
    return usage.ru_utime + usage.ru_stime, time.monotonic() - began, usage.ru_maxrss / 1024.0, error


def read_transform(output):
    for name in ("transform.h5", "displacement.mha"):
        path = output / name
        if path.exists() and path.suffix == ".h5":
            return sitk.ReadTransform(str(path))
        if path.exists():
            return sitk.DisplacementFieldTransform(sitk.ReadImage(str(path), sitk.sitkVectorFloat64))
    raise FileNotFoundError(output)


def label_dice(one, other):
    labels = [label for label in np.union1d(np.unique(one), np.unique(other)) if label > 0]
    return [float(2 * ((one == l) & (other == l)).sum() / ((one == l).sum() + (other == l).sum())) for l in labels]


def mean_dice(one, other):
    return float(np.mean(label_dice(one, other)))


def score_shapes(folder, output):
    """Of the vertices that a program has left in `output`; None: of the moving shape as it is."""
    moving, fixed = (shapes.read_vtk(folder / f"{role}.vtk") for role in ("moving", "fixed"))
    goal = np.loadtxt(folder / "goal.txt") if (folder / "goal.txt").exists() else None
    if output is None:
        return shapes.score(moving, fixed, goal)
    own = output / "warped.vtk"
    vertices = shapes.read_vtk(own).points if own.exists() else np.load(output / "moved.npy")
    scores = shapes.score(shapes.Shape(vertices, moving.cells), fixed, goal)
    field = next(iter(output.glob("displacement.*")), None)
    return {**scores, **folding.folding(read_transform(output), sitk.ReadImage(str(field)))} if field else scores


def score_images(folder, transform):
    fixed = sitk.ReadImage(str(folder / "fixed.mha"))
    scores = folding.folding(transform, fixed)
    if (folder / "fixed_labels.mha").exists():
        reference, labels = (sitk.ReadImage(str(folder / f"{role}_labels.mha")) for role in ("fixed", "moving"))
        warped = sitk.Resample(labels, reference, transform, sitk.sitkNearestNeighbor, 0)
        scores["dice"] = mean_dice(sitk.GetArrayFromImage(reference), sitk.GetArrayFromImage(warped))
    if (folder / "fixed_points.txt").exists():
        goal, start = np.loadtxt(folder / "moving_points.txt"), np.loadtxt(folder / "fixed_points.txt")
        moved = np.array([transform.TransformPoint(point.tolist()) for point in start])
        scores["tre"] = float(np.linalg.norm(moved - goal, axis=1).mean())
    return scores


def score(pair, folder, output):
    """None as output: of the images or shapes as they are."""
    if is_shape(pair):
        return score_shapes(folder, output)
    dimension = sitk.ReadImage(str(folder / "fixed.mha")).GetDimension()
    return score_images(folder, sitk.Transform(dimension, sitk.sitkIdentity) if output is None else read_transform(output))


def register(program, pair, folder, output, arguments):
    """-> what is kept of a registration in results.json"""
    output.mkdir(parents=True, exist_ok=True)
    cpu, wall, memory, error = run(command(program, pair, folder, output, arguments.binary), arguments.limit)
    result = {"cpu_seconds": cpu, "wall_seconds": wall, "mebibytes": memory}
    result.update({"error": error} if error else score(pair, folder, output))
    if (output / "version.json").exists():
        result.update(json.loads((output / "version.json").read_text()))
    if not error and (output / "report.json").exists():
        kept = json.loads((output / "report.json").read_text())["kept"]
        result.update({} if kept == "result" else {"kept": kept})
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="folder of the real pairs")
    parser.add_argument("--binary", required=True, help="sinkhorn-register")
    parser.add_argument("--work", required=True, type=Path, help="folder for transforms and results.json")
    parser.add_argument("--groups", default="", help="groups or names of pairs, separated by commas; all by default")
    parser.add_argument("--programs", default="", help="separated by commas; all by default")
    parser.add_argument("--limit", type=int, default=900, help="CPU seconds of one registration")
    parser.add_argument("--again", action="store_true", help="run what is in results.json again")
    parser.add_argument("--score", action="store_true", help="only score the transforms of what is in results.json again")
    arguments = parser.parse_args()

    chosen = set(arguments.groups.split(",")) if arguments.groups else None
    chosen_programs = arguments.programs.split(",") if arguments.programs else None
    selected = [p for p in pairs_module.all_pairs() + shapes.all_pairs() if not chosen or {p.group, p.name} & chosen]
    store = arguments.work / "results.json"
    arguments.work.mkdir(parents=True, exist_ok=True)
    results = json.loads(store.read_text()) if store.exists() else {}
    for pair in selected:
        folder = arguments.work / "pairs" / pair.name
        (shapes if is_shape(pair) else pairs_module).prepare(pair, arguments.data, folder)
        results[f"{pair.name}/start"] = score(pair, folder, None)
        for program in [p for p in chosen_programs or programs_of(pair) if p in programs_of(pair)]:
            key = f"{pair.name}/{program}"
            output = arguments.work / "output" / program / pair.name
            if arguments.score and key in results and "error" not in results[key]:
                results[key].update(score(pair, folder, output))
            elif key not in results or arguments.again:
                results[key] = register(program, pair, folder, output, arguments)
            else:
                continue
            print(key, {k: round(v, 4) if isinstance(v, float) else v for k, v in results[key].items()}, flush=True)
            store.write_text(json.dumps(results, indent=1))
    store.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
