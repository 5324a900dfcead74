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


def put(shape, size, centre, radius=None, degrees=0.0, warp=None):
    """-> the densities of the shape's labels in an image of `size` voxels along each axis, the middle of the shape at
    `centre`; it has the given radius, or its own size, and is turned (2-D) and warped by the waves of seed `warp`."""
    dimension = shape.parts[0].GetDimension()
    scale = (radius or shape.radius) / shape.radius
    turn = np.eye(dimension)
    if degrees:
        c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
        turn[:2, :2] = [[c, -s], [s, c]]
    to_source = sitk.AffineTransform((turn.T / scale).ravel().tolist(), (shape.centre - centre).tolist(),
                                     np.asarray(centre, float).tolist())
    path = [to_source] if warp is None else [to_source, waves(dimension, size, centre, scale * shape.radius, warp)]
    transform = sitk.CompositeTransform(path)
    grid = sitk.Image([size] * dimension, sitk.sitkFloat32)
    placed = []
    for part in shape.parts:
        source = part if scale > 0.9 else sitk.SmoothingRecursiveGaussian(part, 0.4 / scale)
        placed.append(sitk.Clamp(sitk.Resample(source, grid, transform, sitk.sitkLinear, 0.0), sitk.sitkFloat32, 0.0, 1.0))
    return placed


def images(parts, numbers):
    """-> intensities and labels of densities that do not overlap."""
    arrays = np.stack([sitk.GetArrayFromImage(part) for part in parts])
    labels = np.where(arrays.max(0) > 0.5, arrays.argmax(0) + 1, 0).astype(np.uint8)
    shown = labels.astype(np.float32) if numbers else 255.0 * arrays.max(0)
    return sitk.GetImageFromArray(shown.astype(np.float32)), sitk.GetImageFromArray(labels)


def apart(fixed, moving, size, percent, direction, radius=None, degrees=0.0, warp=None):
    """-> {name of the file: image}: the middles `percent` of the field of view apart along the unit vector `direction`,
    symmetrically about the middle of the image; the moving shape turned and warped."""
    middle, way = 0.5 * (size - 1), 0.005 * percent * size * np.asarray(direction)
    out = {}
    for role, shape, centre, options in (("fixed", fixed, middle - way, {}),
                                         ("moving", moving, middle + way, {"degrees": degrees, "warp": warp})):
        out[role], out[f"{role}_labels"] = images(put(shape, size, centre, radius, **options), shape.numbers)
    return out


def changing_sides(one, other, size, percent):
    """-> the same for two shapes side by side that move by `percent` of the field of view in opposite directions."""
    middle, radius = 0.5 * (size - 1), SIDES_RADIUS * size
    aside, way = np.array([0.5 * SIDES_DISTANCE * size, 0.0]), np.array([0.0, 0.005 * percent * size])
    out = {}
    for role, sign in (("fixed", 1.0), ("moving", -1.0)):
        parts = put(one, size, middle - aside - sign * way, radius) + put(other, size, middle + aside + sign * way, radius)
        out[role], out[f"{role}_labels"] = images(parts, False)
    return out
