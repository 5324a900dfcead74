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
"""Balanced against unbalanced transport where one image shows more than the other.

    unbalanced.py --data DATA --binary sinkhorn-register --work FOLDER --output FOLDER [--reaches 0,10,…]

Real shapes whose true map is known: the fixed image is the shape warped, the moving image the same shape elsewhere, and
one of the two has a further piece or lacks one. Scores concern what both images show: Dice of its labels, and the distance
between the map found and the true one at its voxels. Real knees whose cartilages differ in mass are scored by Dice. Prints
a Markdown table and draws one figure.
"""
import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk

import compare
import folding
import pairs
import placements

SIZE = 160
SHIFT = np.array([0.05, 0.03]) * SIZE
WARP = 3
DRAWN_KNEE = "knee2d_9068453"


@dataclass
class Pair:
    name: str
    """Shapes, side by side if there are two."""
    shapes: tuple
    """Which image has a disc that the other one lacks: its middle and radius, parts of the image."""
    role: str = ""
    disc: tuple = ()
    """The shape that the moving image lacks, from 1."""
    lacking: int = 0


PAIRS = [
    Pair("amoeba, both images alike", ("amoeba_1",)),
    Pair("amoeba, a further disc in the moving image", ("amoeba_1",), "moving", (0.84, 0.84, 0.09)),
    Pair("amoeba, a further disc in the fixed image", ("amoeba_1",), "fixed", (0.84, 0.84, 0.09)),
    Pair("blobs and moon, the moving image without the moon", ("blobs_a", "moon_a"), lacking=2),
    Pair("blobs, the large one grown at the small one's cost", ("blobs_a",)),
]


def disc(centre, radius):
    y, x = np.mgrid[:SIZE, :SIZE]
    return np.clip(radius * SIZE - np.hypot(x - centre[0] * SIZE, y - centre[1] * SIZE) + 0.5, 0.0, 1.0)


def write(folder, role, parts, extra):
    """Intensities of everything, labels of what both images show."""
    arrays = [sitk.GetArrayFromImage(part) for part in parts]
    shown = np.max(arrays + extra, 0)
    labels = np.zeros(shown.shape, np.uint8)
    for number, array in enumerate(arrays, 1):
        labels[array > 0.5] = number
    sitk.WriteImage(sitk.GetImageFromArray((255.0 * shown).astype(np.float32)), str(folder / f"{role}.mha"))
    sitk.WriteImage(sitk.GetImageFromArray(labels), str(folder / f"{role}_labels.mha"))


def prepare(pair, data, folder):
    """Writes the images; -> the true map, one for each common label."""
    folder.mkdir(parents=True, exist_ok=True)
    middle = np.array([0.5 * (SIZE - 1)] * 2) - (0.12 * SIZE if pair.role or not pair.lacking else 0.0)
    parts, truth, extra = {"fixed": [], "moving": []}, [], {"fixed": [], "moving": []}
    for number, name in enumerate(pair.shapes, 1):
        alone = len(pair.shapes) == 1
        aside = np.array([0.0, 0.0] if alone else [0.27 * SIZE * (2 * number - 3), 0.0])
        radius = (0.26 if alone else 0.15) * SIZE
        shape = placements.load(name, data)
        centre = {"fixed": middle + aside - 0.5 * SHIFT, "moving": middle + aside + 0.5 * SHIFT}
        fixed = placements.put(shape, SIZE, centre["fixed"], radius, warp=WARP)
        if number == pair.lacking:
            extra["fixed"].append(sitk.GetArrayFromImage(fixed[0]))
            continue
        parts["fixed"] += fixed
        parts["moving"] += placements.put(shape, SIZE, centre["moving"], radius)
        truth.append(sitk.CompositeTransform([sitk.TranslationTransform(2, SHIFT.tolist()),
                                              placements.waves(2, SIZE, centre["fixed"], radius, WARP)]))
    if pair.disc:
        extra[pair.role].append(disc(pair.disc[:2], pair.disc[2]))
    for role in parts:
        write(folder, role, parts[role], extra[role])
    return truth


def score(folder, transform, truth):
    """Dice of what both show, mean distance to the true map there, least determinant and folds."""
    fixed, other = (sitk.ReadImage(str(folder / f"{role}_labels.mha")) for role in ("fixed", "moving"))
    labels = sitk.GetArrayFromImage(fixed)
    warped = sitk.GetArrayFromImage(sitk.Resample(other, fixed, transform, sitk.sitkNearestNeighbor, 0))
    scores = {"dice": compare.label_dice(labels, warped), **folding.folding(transform, fixed)}
    if truth:
        grid = [fixed.TransformIndexToPhysicalPoint((int(x), int(y))) for y, x in np.argwhere(labels > 0)]
        maps = [truth[label - 1] for label in labels[labels > 0]]
        scores["error"] = float(np.mean([np.linalg.norm(np.subtract(transform.TransformPoint(p), true.TransformPoint(p)))
                                         for p, true in zip(grid, maps)]))
    return scores


def register(folder, output, reach, binary):
    output.mkdir(parents=True, exist_ok=True)
    command = [binary, "--fixed", f"{folder}/fixed.mha", "--moving", f"{folder}/moving.mha", "--output", str(output),
               "--quiet", "--threads", "1", *([] if reach == "default" else ["--reach", reach])]
    finished = (output / "transform.h5").exists()
    error = None if finished else compare.run(command, 300)[3]
    if error:
        raise RuntimeError(f"{folder.name}, reach {reach}: {error}")
    return compare.read_transform(output)


def draw(axes, folder, transform, title):
    """The fixed image in grey, the outline of the warped moving one in red, the deformed grid."""
    fixed, moving = (sitk.ReadImage(str(folder / f"{role}.mha")) for role in ("fixed", "moving"))
    array = sitk.GetArrayFromImage(fixed)
    axes.imshow(array, cmap="Greys", vmin=0, vmax=2.5 * array.max())
    warped = sitk.GetArrayFromImage(sitk.Resample(moving, fixed, transform, sitk.sitkLinear, 0.0))
    axes.contour(warped, [127.0 if array.max() > 2 else 0.5], colors="red", linewidths=0.8)  # densities or label numbers
    rows, columns = array.shape
    positions = np.array([[transform.TransformPoint((float(x), float(y))) for x in range(columns)]
                          for y in range(rows)])
    for axis in range(2):
        axes.contour(positions[..., axis], np.arange(0, max(array.shape), 8), colors="tab:cyan", linewidths=0.3)
    (top, left), (bottom, right) = (edge(np.argwhere(array > 0), axis=0) for edge in (np.min, np.max))
    if rows != columns:  # most of it is empty
        axes.set(xlim=(left - 10, right + 10), ylim=(bottom + 30, top - 30))
    axes.set_title(title, fontsize=8)
    axes.axis("off")


def save(figure, path):
    """With a palette, which makes a third of the file."""
    from PIL import Image

    figure.savefig(path, dpi=75)
    Image.open(path).convert("RGB").quantize(128).save(path, optimize=True)


def all_cases(data):
    """-> (name, function that writes the images into a folder and gives the true map or None, whether it is drawn)"""
    cases = [(pair.name, lambda folder, pair=pair: prepare(pair, data, folder), bool(pair.role or pair.lacking))
             for pair in PAIRS]
    for fixed, _ in pairs.KNEES:
        knee = pairs.Pair(f"knee2d_{fixed}", "knee2d")
        cases.append((knee.name, lambda folder, knee=knee: pairs.prepare(knee, data, folder), knee.name == DRAWN_KNEE))
    return cases


def describe(scores):
    error = f", {scores['error']:.1f} mm" if "error" in scores else ""
    folded = f", {100 * scores['folded_fraction']:.2g} % folded" if scores["folded_fraction"] else ""
    return " ".join(f"{value:.3f}" for value in scores["dice"]) + error + folded


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="folder of the real pairs")
    parser.add_argument("--binary", required=True, help="sinkhorn-register")
    parser.add_argument("--work", required=True, type=Path, help="folder for images and transforms")
    parser.add_argument("--output", required=True, type=Path, help="folder for the figure")
    parser.add_argument("--reaches", default="default,0,80,40,20,10", help="mm; 0 is balanced, default that of the program")
    parser.add_argument("--drawn", default="default,0,20,10", help="those that the figure shows")
    arguments = parser.parse_args()

    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    reaches, drawn = arguments.reaches.split(","), arguments.drawn.split(",")
    cases = all_cases(arguments.data)
    rows = sum(shown for _, _, shown in cases)
    figure, grid = plt.subplots(rows, len(drawn) + 1, figsize=(1.7 * len(drawn) + 1.7, 1.9 * rows), squeeze=False)
    panels = iter(grid)
    header = {"default": "default", "0": "balanced"}
    header = {reach: header.get(reach, f"reach {reach} mm") for reach in reaches}
    print("| | " + " | ".join(header.values()) + " |\n|" + " --- |" * (len(reaches) + 1))
    for name, make, shown in cases:
        folder = arguments.work / name.replace(", ", "-").replace(" ", "-")
        truth = make(folder)
        transforms = {reach: register(folder, folder / f"reach-{reach}", reach, arguments.binary) for reach in reaches}
        cells = [describe(score(folder, transform, truth)) for transform in transforms.values()]
        print(f"| {name} | " + " | ".join(cells) + " |", flush=True)
        if shown:
            first, *others = next(panels)
            draw(first, folder, sitk.Transform(2, sitk.sitkIdentity), "before")
            for axes, reach in zip(others, drawn):
                draw(axes, folder, transforms[reach], header[reach])
    figure.tight_layout()
    save(figure, arguments.output / "unbalanced.png")


if __name__ == "__main__":
    main()
