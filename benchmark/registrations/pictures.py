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
"""Draws 2-D pairs that compare.py has registered: the warped moving image under the outline of the fixed one.

    pictures.py --work FOLDER --pairs amoebas,blobs --programs sinkhorn,kernel,demons --output picture.png
"""
import argparse
import json
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import SimpleITK as sitk

import compare

TITLES = {"sinkhorn": "Sinkhorn, SyN", "velocity": "Sinkhorn, velocity", "kernel": "kernel distance", "syn-meansquares": "mean squares",
          "demons": "demons", "ants-syn": "ANTs SyN"}


def window(fixed, moving):
    """Rows and columns that hold what is not empty in either image, and a margin."""
    shown = np.argwhere(np.maximum(*map(sitk.GetArrayFromImage, (fixed, moving))) > 0)
    first, last = np.maximum(shown.min(0) - 8, 0), shown.max(0) + 9
    return slice(first[0], last[0]), slice(first[1], last[1])


def draw(axes, image, outline, text):
    axes.imshow(image, cmap="gray_r", vmin=0, vmax=1.6 * image.max())
    if outline is not None:
        axes.contour(outline, levels=np.arange(outline.max()) + 0.5, colors="tab:red", linewidths=0.9)
    axes.set_title(text, fontsize=8)
    axes.axis("off")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", required=True, type=Path, help="folder that compare.py has written")
    parser.add_argument("--pairs", required=True, help="names, separated by commas")
    parser.add_argument("--programs", required=True, help="names, separated by commas")
    parser.add_argument("--output", required=True, help="PNG file")
    arguments = parser.parse_args()

    pairs, programs = arguments.pairs.split(","), arguments.programs.split(",")
    results = json.loads((arguments.work / "results.json").read_text())
    figure, grid = plt.subplots(len(pairs), len(programs) + 2, figsize=(1.5 * (len(programs) + 2), 1.62 * len(pairs)), squeeze=False)
    for row, pair in zip(grid, pairs):
        folder = arguments.work / "pairs" / pair
        fixed, moving = (sitk.ReadImage(str(folder / f"{role}.mha")) for role in ("fixed", "moving"))
        outline = sitk.GetArrayFromImage(sitk.ReadImage(str(folder / "fixed_labels.mha"))).astype(float)
        unmoved = sitk.Resample(moving, fixed, sitk.Transform(), sitk.sitkLinear, 0.0)
        part = window(fixed, unmoved)
        draw(row[0], sitk.GetArrayFromImage(fixed)[part], None, "fixed")
        draw(row[1], sitk.GetArrayFromImage(unmoved)[part], None, "moving")
        for axes, program in zip(row[2:], programs):
            transform = compare.read_transform(arguments.work / "output" / program / pair)
            warped = sitk.GetArrayFromImage(sitk.Resample(moving, fixed, transform, sitk.sitkLinear, 0.0))
            draw(axes, warped[part], outline[part], f"{TITLES.get(program, program)}: {results[f'{pair}/{program}']['dice']:.3f}")
    figure.tight_layout(pad=0.3)
    figure.savefig(arguments.output, dpi=90)


if __name__ == "__main__":
    main()
