#!/usr/bin/env python3
"""Register the demonstration's pairs with greedy and draw both results side by side: demo-peers.py OUTPUT

OUTPUT holds data/ and <pair>-sinkhorn/ as demo-registrations.sh leaves them. Written: <pair>-greedy/report.json, with the scores that
sinkhorn-register reports, and <pair>.png. Needs SimpleITK, matplotlib and picsl_greedy.
"""
import json
import pathlib
import subprocess
import sys
import time

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import SimpleITK as sitk

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "benchmark" / "registrations"))
import compare
import folding
import programs


def read_grey(path):
    image = sitk.ReadImage(str(path))
    channels = image.GetNumberOfComponentsPerPixel()
    if channels == 1:
        return sitk.Cast(image, sitk.sitkFloat32)
    return sum((sitk.VectorIndexSelectionCast(image, k, sitk.sitkFloat32) for k in range(1, channels)),
               sitk.VectorIndexSelectionCast(image, 0, sitk.sitkFloat32)) / channels


def find(data, pair, role):
    """The image, whatever its format."""
    return next(data.glob(f"{pair}-{role}.*"))


def read_points(path):
    return np.loadtxt(path, delimiter=",", skiprows=1)


def score(data, pair, transform):
    """What sinkhorn-register writes into report.json, computed as benchmark/registrations does."""
    fixed = sitk.ReadImage(str(data / f"{pair}-fixed-labels.mha"))
    moving = sitk.ReadImage(str(data / f"{pair}-moving-labels.mha"))
    warped = sitk.Resample(moving, fixed, transform, sitk.sitkNearestNeighbor, 0)
    result = {"dice_after_mean": compare.mean_dice(*map(sitk.GetArrayFromImage, (fixed, warped)))}
    result.update({key: value for key, value in folding.folding(transform, fixed).items() if key != "min_jacobian_central"})
    if (data / f"{pair}-fixed-points.csv").exists():
        moved = np.array([transform.TransformPoint(p) for p in read_points(data / f"{pair}-fixed-points.csv").tolist()])
        result["tre_after"] = float(np.linalg.norm(moved - read_points(data / f"{pair}-moving-points.csv"), axis=1).mean())
    return result


def run_greedy(data, pair, work):
    """greedy reads floating-point MetaImages under the names of benchmark/registrations."""
    work.mkdir(parents=True, exist_ok=True)
    for role in ("fixed", "moving"):
        sitk.WriteImage(read_grey(find(data, pair, role)), str(work / f"{role}.mha"))
    began = time.monotonic()
    subprocess.run([sys.executable, programs.__file__, "greedy", str(work), str(work)], check=True, stdout=subprocess.DEVNULL)
    return compare.read_transform(work), time.monotonic() - began


def middle(image):
    """The plane with the most to see: of a volume the middle one."""
    array = sitk.GetArrayFromImage(image)
    return array if array.ndim == 2 else array[array.shape[0] // 2]


def draw(data, pair, results, path):
    fixed, moving = (read_grey(find(data, pair, role)) for role in ("fixed", "moving"))
    outline = middle(sitk.ReadImage(str(data / f"{pair}-fixed-labels.mha"))) > 0
    around = float(middle(moving)[0, 0])
    panels = [("fixed", fixed), ("moving", sitk.Resample(moving, fixed, sitk.Transform(), sitk.sitkLinear, around))]
    panels += [(f"{name}: {dice:.3f}", sitk.Resample(moving, fixed, transform, sitk.sitkLinear, around))
               for name, transform, dice in results]
    figure, axes = plt.subplots(1, len(panels), figsize=(2.6 * len(panels), 2.9))
    for axis, (title, image) in zip(axes, panels):
        axis.imshow(middle(image), cmap="gray")
        axis.contour(outline, levels=[0.5], colors="tab:red", linewidths=0.8)
        axis.set_title(title, fontsize=9)
        axis.axis("off")
    figure.tight_layout(pad=0.3)
    figure.savefig(path, dpi=100)
    plt.close(figure)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    output = pathlib.Path(sys.argv[1])
    for own in sorted(output.glob("*-sinkhorn/report.json")):
        pair = own.parent.name.rpartition("-")[0]
        print(f"== {pair}, greedy", flush=True)
        report = json.loads(own.read_text())
        folder = output / f"{pair}-greedy"
        transform, seconds = run_greedy(output / "data", pair, folder)
        scores = {**score(output / "data", pair, transform), "seconds": seconds, "dice_before_mean": report.get("dice_before_mean")}
        (folder / "report.json").write_text(json.dumps(scores, indent=2))
        ours = sitk.ReadTransform(str(own.parent / "transform.h5"))
        draw(output / "data", pair, [("sinkhorn-register", ours, report["dice_after_mean"]),
                                     ("greedy", transform, scores["dice_after_mean"])], output / f"{pair}.png")


if __name__ == "__main__":
    main()
