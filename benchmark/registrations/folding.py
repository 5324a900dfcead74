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
"""Whether a map folds, by the strict criterion and by central differences, computed from the transform alone.

Central differences are blind to a map that swaps neighbours like the fields of a chessboard (Liu et al., *On finite
difference Jacobian computation in deformable image registration*, IJCV 2024). By the strict criterion a voxel is sound if
all 2^d determinants of one-sided differences at it are positive, in 3-D also those of the two inner tetrahedra of each
cell: then the map, linear on each simplex, is one-to-one. Borders are included; nothing lies beyond them.
"""
import itertools

import numpy as np
import SimpleITK as sitk


def sample(transform, grid):
    """-> displacements [..., y, x, component], mm, on the voxels of the image `grid`."""
    field = sitk.TransformToDisplacementField(transform, sitk.sitkVectorFloat64, grid.GetSize(), grid.GetOrigin(),
                                              grid.GetSpacing(), grid.GetDirection())
    return sitk.GetArrayFromImage(field)


def matrix_to_index(grid):
    dimension = grid.GetDimension()
    return np.linalg.inv(np.array(grid.GetDirection()).reshape(dimension, dimension) @ np.diag(grid.GetSpacing()))


def central(displacement, grid):
    """-> det ∂T/∂x at every voxel by central differences, one-sided at the borders"""
    dimension = grid.GetDimension()
    gradient = np.stack([np.gradient(displacement, axis=dimension - 1 - axis) for axis in range(dimension)], -1)
    return np.linalg.det(np.eye(dimension) + gradient @ matrix_to_index(grid))


def one_sided(displacement, axis, forward):
    """Differences along an axis (x first), the nearest one where there is no neighbour."""
    array_axis = displacement.ndim - 2 - axis
    padding = [(0, 0)] * displacement.ndim
    padding[array_axis] = (0, 1) if forward else (1, 0)
    return np.pad(np.diff(displacement, axis=array_axis), padding, mode="edge")


def strict(displacement, grid):
    """-> least determinant at every voxel: of all one-sided differences and of the inner tetrahedra of the cell that
    begins there"""
    dimension = grid.GetDimension()
    to_index = matrix_to_index(grid)
    differences = [[one_sided(displacement, axis, side) for side in (False, True)] for axis in range(dimension)]
    least = np.full(displacement.shape[:-1], np.inf)
    for sides in itertools.product((0, 1), repeat=dimension):
        gradient = np.stack([differences[axis][side] for axis, side in enumerate(sides)], -1)
        least = np.minimum(least, np.linalg.det(np.eye(dimension) + gradient @ to_index))
    if dimension == 3:
        cells = tuple(slice(0, -1) for _ in range(3))
        least[cells] = np.minimum(least[cells], inner_tetrahedra(displacement @ to_index.T))
    return least


def inner_tetrahedra(displacement):
    """-> the smaller of the volumes of the two inner tetrahedra of each cell, in units of what they had"""
    shape = displacement.shape[:-1]
    nodes = np.stack(np.meshgrid(*[np.arange(n) for n in shape], indexing="ij")[::-1], -1) + displacement
    least = np.full([n - 1 for n in shape], np.inf)
    for corners in (((0, 0, 0), (1, 1, 0), (1, 0, 1), (0, 1, 1)), ((1, 1, 1), (0, 0, 1), (0, 1, 0), (1, 0, 0))):
        first, *others = (nodes[tuple(slice(c, n - 1 + c) for c, n in zip(corner[::-1], shape))] for corner in corners)
        before = np.linalg.det(np.array([np.subtract(corner, corners[0]) for corner in corners[1:]], float))
        volumes = np.linalg.det(np.stack([other - first for other in others], -2)) / before
        least = np.minimum(least, volumes)
    return least


def folding(transform, grid):
    """-> least determinant and part of the voxels where it is not positive, by the strict criterion; the least one by
    central differences"""
    displacement = sample(transform, grid)
    determinants = strict(displacement, grid)
    return {"min_jacobian": float(determinants.min()), "folded_fraction": float((determinants <= 0).mean()),
            "min_jacobian_central": float(central(displacement, grid).min())}
