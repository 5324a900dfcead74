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
"""Real shapes put into an image at a chosen place, turned and warped: pairs whose offset is known.

A shape is made to fit a circle of 18 % of the field of view (the side of the image), which is what still lies inside
when two of them are 60 % apart. Lengths are voxels of the image made, whose spacing is 1 and whose first voxel is at 0.
"""
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk

import pairs

RADIUS = 0.18
"""Where two shapes change sides, they are 40 % of the field of view apart and must stay clear of each other."""
SIDES_RADIUS, SIDES_DISTANCE = 0.14, 0.4
"""A warp moves by this part of the shape's radius, in waves this number of radii long; it stays invertible."""
WARP, WAVE = 0.15, 2.5


@dataclass
class Shape:
    """Densities of a shape's labels, 0 to 1, on one grid; the circle around them."""
    parts: list
    centre: np.ndarray
    radius: float
    """Whether the images show the numbers of the labels; otherwise densities up to 255."""
    numbers: bool = False


def enclose(parts, numbers=False):
    array = np.max([sitk.GetArrayFromImage(part) for part in parts], 0)
    points = np.argwhere(array > 0.5)[:, ::-1].astype(float)
    centre = 0.5 * (points.min(0) + points.max(0))
    return Shape(parts, centre, float(np.linalg.norm(points - centre, axis=1).max()), numbers)


def plain(image):
    """The same voxels with unit spacing, the first at 0 and no direction."""
    dimension = image.GetDimension()
    image.SetSpacing([1.0] * dimension)
    image.SetOrigin([0.0] * dimension)
    image.SetDirection(np.eye(dimension).ravel().tolist())
    return image


def silhouette(path):
    return enclose([plain(pairs.picture(path, 100000) / 255.0)])


def label_map(path, labels=(1, 2)):
    image = plain(pairs.grey(path))
    return enclose([sitk.Cast(image == label, sitk.sitkFloat32) for label in labels], numbers=True)


def load(name, data):
    data = Path(data)
    if name.startswith("amoeba"):
        return silhouette(data / f"lddmm_ot/{name}_density.png")
    if name.startswith("hippocampus"):
        return label_map(data / f"msd_hippocampus/labels/{name}.nii.gz")
    if name.startswith("knee2d"):
        return label_map(data / f"knee2d_labels/{name.split('_')[1]}.png")
    return silhouette(data / f"geomloss_densities/{name}.png")


def waves(dimension, size, centre, radius, seed):
    """The warp as a transform: along each axis a sine of another axis with a phase of its own."""
    phases = np.random.default_rng(seed).uniform(0.0, 2.0 * np.pi, dimension)
    positions = np.stack(np.meshgrid(*[np.arange(size)] * dimension, indexing="ij")[::-1], -1) - np.asarray(centre)
    along = np.roll(positions, 1, -1) * (2.0 * np.pi / (WAVE * radius))
    return sitk.DisplacementFieldTransform(sitk.GetImageFromArray(WARP * radius * np.sin(along + phases), isVector=True))


def to_source(shape, size, centre, radius=None, degrees=0.0, warp=None):
    """Where in its own grid the points of an image of `size` voxels an axis find a shape whose middle is put at `centre`;
    it has the given radius, or its own size, and is turned (2-D) and warped by the waves of seed `warp`.
    -> an affine transform, the waves that precede it or None"""
    dimension = shape.parts[0].GetDimension()
    scale = (radius or shape.radius) / shape.radius
    turn = np.eye(dimension)
    if degrees:
        c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
        turn[:2, :2] = [[c, -s], [s, c]]
    affine = sitk.AffineTransform((turn.T / scale).ravel().tolist(), (shape.centre - centre).tolist(),
                                  np.asarray(centre, float).tolist())
    return affine, None if warp is None else waves(dimension, size, centre, scale * shape.radius, warp)


def put(shape, size, centre, radius=None, degrees=0.0, warp=None):
    """-> the densities of the shape's labels in such an image."""
    transform = sitk.CompositeTransform([t for t in to_source(shape, size, centre, radius, degrees, warp) if t])
    scale = (radius or shape.radius) / shape.radius
    grid = sitk.Image([size] * shape.parts[0].GetDimension(), sitk.sitkFloat32)
    placed = []
    for part in shape.parts:
        source = part if scale > 0.9 else sitk.SmoothingRecursiveGaussian(part, 0.4 / scale)
        placed.append(sitk.Clamp(sitk.Resample(source, grid, transform, sitk.sitkLinear, 0.0), sitk.sitkFloat32, 0.0, 1.0))
    return placed


def true_map(fixed, moving):
    """From points of the fixed image to those of the moving one; what to_source() gave for each, without warp in the
    fixed one."""
    path = [moving[0].GetInverse(), fixed[0]]
    if moving[1]:
        field = sitk.InvertDisplacementField(moving[1].GetDisplacementField(), 100, 1e-2, 1e-3, False)
        path = [sitk.DisplacementFieldTransform(sitk.Cast(field, sitk.sitkVectorFloat64)), *path]
    return sitk.CompositeTransform(path)


def images(parts, numbers):
    """-> intensities and labels of densities that do not overlap."""
    arrays = np.stack([sitk.GetArrayFromImage(part) for part in parts])
    labels = np.where(arrays.max(0) > 0.5, arrays.argmax(0) + 1, 0).astype(np.uint8)
    shown = labels.astype(np.float32) if numbers else 255.0 * arrays.max(0)
    return sitk.GetImageFromArray(shown.astype(np.float32)), sitk.GetImageFromArray(labels)


def pair(fixed, moving, numbers):
    """-> {name of the file: image} of what put() takes, a list for each role. `true_labels` are the moving labels fetched
    by the true map, as a perfect registration would; not where the shapes differ."""
    out, labels = {}, {}
    for role, shapes in (("fixed", fixed), ("moving", moving)):
        placed = [put(**shape) for shape in shapes]
        out[role], out[f"{role}_labels"] = images(sum(placed, []), numbers)
        labels[role] = [len(parts) for parts in placed]
    if any(one["shape"] is not other["shape"] for one, other in zip(fixed, moving)):
        return out
    fetched, first = out["fixed_labels"] * 0, 1
    for one, other, count in zip(fixed, moving, labels["moving"]):
        kept = sitk.Threshold(out["moving_labels"], first, first + count - 1, 0)
        transform = true_map(to_source(**one), to_source(**other))
        fetched = sitk.Maximum(fetched, sitk.Resample(kept, fetched, transform, sitk.sitkNearestNeighbor, 0))
        first += count
    return {**out, "true_labels": fetched}


def apart(fixed, moving, size, percent, direction, radius=None, degrees=0.0, warp=None):
    """-> such a pair with the middles `percent` of the field of view apart along the unit vector `direction`,
    symmetrically about the middle of the image; the moving shape turned and warped."""
    middle, way = 0.5 * (size - 1), 0.005 * percent * size * np.asarray(direction)
    return pair([{"shape": fixed, "size": size, "centre": middle - way, "radius": radius}],
                [{"shape": moving, "size": size, "centre": middle + way, "radius": radius, "degrees": degrees,
                  "warp": warp}],
                fixed.numbers)


def changing_sides(one, other, size, percent):
    """-> the same for two shapes side by side that move by `percent` of the field of view in opposite directions."""
    middle = 0.5 * (size - 1)
    aside, way = np.array([0.5 * SIDES_DISTANCE * size, 0.0]), np.array([0.0, 0.005 * percent * size])

    def role(sign):
        return [{"shape": shape, "size": size, "centre": middle + side * (aside + sign * way), "radius": SIDES_RADIUS * size}
                for shape, side in ((one, -1.0), (other, 1.0))]

    return pair(role(1.0), role(-1.0), False)
