"""What the tests of cohorts share: small groups of images, and registrations that take no time or end badly.

Workers import these functions by name.
"""
import os
import pathlib
import signal
import time
import typing

import distributed
import itk
import numpy as np

from itk_sinkhorn_cohort import fields
from sinkhorn_testing import make_ellipse


class Result(typing.NamedTuple):
    transform: typing.Any
    inverse_transform: typing.Any
    warped: typing.Any
    displacement: typing.Any
    report: dict


def make_client(count):
    """A small cluster without anything loaded; close its cluster, too."""
    return distributed.Client(distributed.LocalCluster(n_workers=count, threads_per_worker=1, dashboard_address=None))


def shift_register(fixed, moving, pause=0.0, folder=None, **options):
    """The shift between the centres of mass; says in `folder` that it was called."""
    time.sleep(pause)
    if not np.isfinite(np.asarray(moving)).all():
        raise RuntimeError("moving image: voxel [0, 0] is nan")
    if folder:
        pathlib.Path(folder, f"{os.getpid()}-{time.time_ns()}").touch()
    dimension = fixed.GetImageDimension()
    offset = centre(moving) - centre(fixed)
    transform, inverse = (itk.CompositeTransform[itk.D, dimension].New() for _ in range(2))
    for composite, sign in ((transform, 1), (inverse, -1)):
        shift = itk.TranslationTransform[itk.D, dimension].New()
        shift.SetOffset((sign * offset).tolist())
        composite.AddTransform(shift)
    # Cheap, so that workers load next to nothing of ITK: whole voxels, and what leaves one side comes in at the other.
    steps = np.round(-offset / list(fixed.GetSpacing())).astype(int)
    warped = itk.image_from_array(np.roll(np.asarray(moving), steps[::-1], range(dimension)).astype(np.float32))
    warped.CopyInformation(fixed)
    field = fields.to_image(np.tile(offset, (*np.asarray(fixed).shape, 1)), fixed)
    report = {"kept": "result", "min_jacobian": 1.0, "folded_fraction": 0.0, "similarity_before": 0.1, "similarity_after": 0.5,
              "history": [{"stage": 1, "level": 1, "values": [3.0, 2.0, 1.0]}], "messages": []}
    return Result(transform, inverse, warped, field, report)


def telling_register(fixed, moving, label_costs=None, **options):
    """Puts the label costs that it is given into the report."""
    result = shift_register(fixed, moving, **options)
    result.report["label_costs"] = label_costs
    return result


def killing_register(fixed, moving, **options):
    """Ends its worker when the moving image has its brightest voxel at 7."""
    if np.asarray(moving).max() == 7:
        os.kill(os.getpid(), signal.SIGKILL)
    return shift_register(fixed, moving, **options)


def centre(image):
    """Centre of mass, mm."""
    values = np.asarray(image, float)
    places = np.argwhere(values > 0)[:, ::-1]
    weights = values[values > 0]
    index = (places * weights[:, None]).sum(0) / weights.sum()
    return np.array(list(image.GetOrigin())) + index * np.array(list(image.GetSpacing()))


def write_group(folder, count, size=32):
    """Ellipses that differ in place and shape, with label maps of two parts; their files."""
    files = []
    for k in range(count):
        radii = [6 + 0.7 * (k % 4), 7 - 0.5 * (k % 3)]
        image = make_ellipse(size, [12 + k % 5, 14 + k % 3], radii)
        values = np.asarray(image)
        halves = values * (1 + (np.arange(size)[None, :] > 12 + k % 5))
        labels = itk.image_from_array(halves.astype(np.uint8))
        paths = [folder / f"image{k}.nii.gz", folder / f"labels{k}.nii.gz"]
        itk.imwrite(image, str(paths[0]))
        itk.imwrite(labels, str(paths[1]))
        files.append(paths)
    return files


def write_table(folder, files, pairs, labels=True):
    """A table of pairs of that group."""
    lines = ["fixed,moving,fixed_labels,moving_labels,id"]
    for i, j in pairs:
        shown = f"{files[i][1].name},{files[j][1].name}" if labels else ","
        lines.append(f"{files[i][0].name},{files[j][0].name},{shown},{i}to{j}")
    path = folder / "pairs.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def read_bits(output):
    """The bytes of everything that follows from images and options alone, by path."""
    names = ("report.json", "warped.nii.gz", "warped_labels.nii.gz", "transform.h5")
    return {str(path.relative_to(output)): path.read_bytes() for path in sorted(output.glob("*/*")) if path.name in names}
