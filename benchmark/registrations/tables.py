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
"""Prints what compare.py has measured as Markdown tables, or writes them into a document.

    tables.py --work FOLDER                 all tables
    tables.py --work FOLDER --document D    each between the lines <!-- table NAME --> and <!-- end --> of D

NAME: groups (means over the pairs of a group), pairs (one by one), plane (2-D pairs, all transforms, metrics and programs),
volumes (3-D pairs, the slower programs too), shapes (curves and surfaces), versions. Dice, or distance of the landmarks in mm; folds by the strict
criterion (folding.py).
"""
import argparse
import json
import re
from pathlib import Path

import numpy as np

import pairs as pairs_module
import shape_programs
import shapes

MAIN = ["start", "sinkhorn", "greedy", "greedy-labels", "demons", "ants-syn"]
PLANE = ["sinkhorn", "bspline-syn", "velocity", "displacement", "kernel", "syn-meansquares", "syn-cc", "syn-mattes", "demons",
         "ants-syn", "ants-syncc", "elastix"]
VOLUMES = ["sinkhorn", "syn-meansquares", "syn-cc", "demons", "ants-syn", "ants-syncc", "elastix"]
TITLES = {
    "start": "start", "sinkhorn": "sinkhorn-register", "bspline-syn": "bspline-syn", "velocity": "velocity",
    "displacement": "displacement", "kernel": "kernel distance", "syn-meansquares": "mean squares", "syn-cc": "CC",
    "syn-mattes": "Mattes", "greedy": "greedy", "greedy-labels": "greedy, label probabilities",
    "demons": "SimpleITK diffeomorphic demons", "ants-syn": "ANTsPy SyN", "ants-syncc": "ANTsPy SyNCC",
    "elastix": "elastix B-spline", "icp": "rigid ICP (trimesh)", "cpd": "CPD (pycpd)", "itk-euclidean": "ITK Euclidean, affine",
    "itk-expectation": "ITK expectation, affine", "itk-jhct": "ITK JHCT, affine",
}
GROUPS = {
    "shapes": "shapes without overlap, amoebas", "knee2d": "knee labels, 2-D", "hippocampus_labels": "hippocampi, label maps",
    "hippocampus_images": "hippocampi, MR images", "oai": "knee cartilages, 3-D labels",
    "label_maps": "mouse brains of two ages, body and mirror image, heads: 26 to 45 labels",
    "devccf": "mouse brains P14 and P56, outlines", "prostate": "prostates, gland outlines", "lung": "lungs, CT, landmarks",
    "intensities": "head, its slab, slices, thick slab: T1, labels", "stains": "two stains of one section, landmarks, px as mm",
    "warps": "head (2 mm), hippocampus, slice: deformed by known smooth maps, noise of 3 %, points of the tissue",
}
IN_PLANE = ("shapes", "knee2d")


def merit(result):
    return f"{result['tre']:.2f} mm" if "dice" not in result else f"{result['dice']:.3f}"


def folded(fraction):
    return "0 %" if fraction == 0.0 else f"{100.0 * fraction:.2g} %"


def grid(title, programs, rows):
    return "\n".join([f"| {title} | " + " | ".join(TITLES[p] for p in programs) + " |", "|" + " --- |" * (len(programs) + 1), *rows])


def mean_of(found):
    keys = ("dice", "tre", "folded_fraction", "cpu_seconds", "mebibytes")
    mean = {key: float(np.mean([one[key] for one in found if key in one])) for key in keys if any(key in one for one in found)}
    return {**mean, "min_jacobian": min(one["min_jacobian"] for one in found), "folding": sum(one["folded_fraction"] > 0 for one in found)}


def mean_cell(found, program, pairs):
    failed = sum("error" in one for one in found)
    done = [one for one in found if "error" not in one]
    if not done:
        return "failed" if failed else "not run"
    mean = mean_of(done)
    if program == "start":
        return merit(mean)
    folds = folded(mean["folded_fraction"]) + (f" in {mean['folding']}" if mean["folding"] else "")
    kept = sum("kept" in one for one in done)
    remarks = [f"{len(found)} of {pairs} pairs"] * (len(found) < pairs) + [f"{failed} failed"] * (failed > 0) + [f"{kept} refused"] * (kept > 0)
    return (f"{merit(mean)}, {folds}, {mean['min_jacobian']:.3g}, {mean['cpu_seconds']:.1f} s, {mean['mebibytes']:.0f} MiB"
            + (f" ({', '.join(remarks)})" if remarks else ""))


def groups_table(results, groups):
    rows = []
    for group, title in GROUPS.items():
        names = groups[group]
        cells = [mean_cell([results[f"{n}/{p}"] for n in names if f"{n}/{p}" in results], p, len(names)) for p in MAIN]
        rows.append(f"| {title} ({len(names)}) | " + " | ".join(cells) + " |")
    return grid("pairs", MAIN, rows)


def pair_cell(result, program, brief=False, with_seconds=False):
    if result is None or "error" in result:
        return "not run" if result is None else "failed"
    if program == "start":
        return merit(result)
    folds = f", {folded(result['folded_fraction'])}" if result["folded_fraction"] > 0 or not brief else ""
    seconds = f", {result['cpu_seconds']:.0f} s" if with_seconds else ""
    determinant = "" if brief else f", {result['min_jacobian']:.3g}"
    return merit(result) + folds + determinant + (" (refused)" if "kept" in result else "") + seconds


def pairs_table(results, groups):
    rows = [f"| {name} | " + " | ".join(pair_cell(results.get(f"{name}/{p}"), p) for p in MAIN) + " |"
            for group in GROUPS for name in groups[group]]
    return grid("pair", MAIN, rows)


def brief_table(results, names, programs, with_seconds):
    """With the seconds in every cell, or their means in the last row."""
    rows = [f"| {name} | " + " | ".join(pair_cell(results.get(f"{name}/{p}"), p, True, with_seconds) for p in programs) + " |"
            for name in names]
    if not with_seconds:
        seconds = [[results[f"{n}/{p}"]["cpu_seconds"] for n in names if f"{n}/{p}" in results] for p in programs]
        rows.append("| CPU seconds, mean | " + " | ".join(f"{np.mean(s):.1f}" if s else "–" for s in seconds) + " |")
    return grid("pair", programs, rows)


def shape_cell(result, program):
    """Mean and Hausdorff distance, or of vertices with known counterparts the mean distance to these."""
    if result is None or "error" in result:
        return "not run" if result is None else "failed"
    distances = f"T {result['vertex_error']:.4g}" if "vertex_error" in result else f"{result['distance']:.3g} / {result['hausdorff']:.3g}"
    folds = f", {folded(result['folded_fraction'])}, {result['min_jacobian']:.2g}" if "folded_fraction" in result else ""
    return distances + folds + (" (refused)" if "kept" in result else "") + ("" if program == "start" else f", {result['cpu_seconds']:.0f} s")


def shapes_table(results):
    programs = ["start", "sinkhorn", *shape_programs.PROGRAMS]
    rows = [f"| {pair.name} | " + " | ".join(shape_cell(results.get(f"{pair.name}/{p}"), p) for p in programs) + " |"
            for pair in shapes.all_pairs()]
    return grid("pair", programs, rows)


def versions_table(results, _):
    found = {key.split("/")[1]: one["version"] for key, one in results.items() if "version" in one}
    return "\n".join(["| program | version |", "| --- | --- |"] + [f"| {TITLES[p]} | {v} |" for p, v in sorted(found.items())])


def all_tables(results):
    groups = {}
    for pair in pairs_module.all_pairs():
        groups.setdefault(pair.group, []).append(pair.name)
    plane = [name for group in IN_PLANE for name in groups[group]]
    volumes = [name for group in GROUPS if group not in IN_PLANE for name in groups[group]
               if any(f"{name}/{p}" in results for p in set(VOLUMES) - set(MAIN))]
    return {"groups": groups_table(results, groups), "pairs": pairs_table(results, groups),
            "plane": brief_table(results, plane, PLANE, False), "volumes": brief_table(results, volumes, VOLUMES, True),
            "shapes": shapes_table(results), "versions": versions_table(results, groups)}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", required=True, type=Path, help="folder that compare.py has written")
    parser.add_argument("--document", type=Path, help="Markdown file whose tables are replaced")
    arguments = parser.parse_args()
    tables = all_tables(json.loads((arguments.work / "results.json").read_text()))
    if not arguments.document:
        print("\n\n".join(f"{name}\n\n{table}" for name, table in tables.items()))
        return
    text = arguments.document.read_text()
    for name, table in tables.items():
        text = re.sub(rf"(<!-- table {name} -->\n).*?(<!-- end -->)", lambda m: f"{m[1]}\n{table}\n\n{m[2]}", text, flags=re.S)
    arguments.document.write_text(text)


if __name__ == "__main__":
    main()
