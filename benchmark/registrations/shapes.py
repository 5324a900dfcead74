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
"""Pairs of curves, surfaces and clouds of points, as files that every program can read, and their scores.

Each pair becomes a folder with fixed.vtk and moving.vtk and, where the vertices of the moving shape have known counterparts,
goal.txt with one of them a line. A program hands over the vertices of the moving shape after it was moved; they are
scored against the fixed one by distances between densely sampled shapes, in the units of the files.
"""
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pairs import Pair

BUNDLES = ("AF_L", "CST_R", "CC_ForcepsMajor")
BONES = ("Patella", "Fibula")
FACES = (("01", "02"), ("14", "293"))


class ShapePair(Pair):
    """A pair whose two sides are shapes, not images."""


@dataclass
class Shape:
    """Points in space, with segments or triangles as rows of indices, or with none."""

    points: np.ndarray
    cells: np.ndarray = None

    @property
    def kind(self):
        return "cloud" if self.cells is None else ("curve" if self.cells.shape[1] == 2 else "surface")


def all_pairs():
    names = ["skulls", "fibre_bundles", "hands"] + [f"dipy_{name}" for name in BUNDLES] + [f"left_{bone.lower()}" for bone in BONES]
    names += [f"faces_{a}_{b}" for a, b in FACES] + ["flybrains", "fly_landmarks", "cells"]
    return [ShapePair(name, "curves_and_surfaces") for name in names]


def polyline(count, offset=0, closed=False):
    """-> segments of one"""
    first = np.arange(count - (not closed))
    return offset + np.stack([first, (first + 1) % count], 1)


def read_vtk(path):
    """Points, and lines or triangles, of a legacy VTK file as text; a polygon of two points is a segment."""
    words = Path(path).read_text().split()
    begin = words.index("POINTS")
    count = int(words[begin + 1])
    points = np.array(words[begin + 3:begin + 3 + 3 * count], float).reshape(count, 3)
    cells = []
    for keyword in ("LINES", "POLYGONS"):
        if keyword not in words[begin:]:
            continue
        position = words.index(keyword, begin)
        at, number = position + 3, int(words[position + 1])
        for _ in range(number):
            size = int(words[at])
            cell = [int(word) for word in words[at + 1:at + 1 + size]]
            cells += [tuple(cell)] if size == 3 and keyword == "POLYGONS" else list(zip(cell[:-1], cell[1:]))
            at += size + 1
    return Shape(points, np.array(cells) if cells else None)


def write_vtk(shape, path):
    with open(path, "w") as file:
        file.write(f"# vtk DataFile Version 3.0\nshape\nASCII\nDATASET POLYDATA\nPOINTS {len(shape.points)} double\n")
        np.savetxt(file, shape.points, "%.9g")
        cells = np.arange(len(shape.points))[:, None] if shape.cells is None else shape.cells
        keyword = {1: "VERTICES", 2: "LINES", 3: "POLYGONS"}[cells.shape[1]]
        file.write(f"{keyword} {len(cells)} {cells.size + len(cells)}\n")
        np.savetxt(file, np.insert(cells, 0, cells.shape[1], 1), "%d")


def read_mesh(path):
    import trimesh

    mesh = trimesh.load(path, process=False, force="mesh")
    return Shape(np.asarray(mesh.vertices), np.asarray(mesh.faces))


def read_streamlines(path):
    import nibabel

    lines = nibabel.streamlines.load(path).streamlines
    offsets = np.cumsum([0] + [len(line) for line in lines])
    return Shape(np.concatenate(list(lines)).astype(float), np.concatenate([polyline(len(l), o) for l, o in zip(lines, offsets)]))


def read_faces(data, names):
    """Two faces whose corners of triangles, in the order of the files, correspond: vertices that are one in the first are one in both."""
    corners = [read_mesh(data / f"scalismo_faces/{name}.stl").points for name in names]
    _, first, vertex = np.unique(np.round(corners[0], 4), axis=0, return_index=True, return_inverse=True)
    return [Shape(points[first], vertex.reshape(-1, 3)) for points in corners]


def read_cells(path, numbers):
    blocks = path.read_text().strip().split("\n\n")
    outlines = [np.loadtxt(blocks[number].splitlines(), ndmin=2)[:, :2] for number in numbers]
    return [Shape(np.pad(points, ((0, 0), (0, 1))), polyline(len(points), closed=True)) for points in outlines]


def load(name, data):
    """-> moving shape, fixed shape, and where the vertices of the moving one belong, or None"""
    data = Path(data)
    curves = {"skulls": ("skull_australopithecus", "skull_sapiens"), "fibre_bundles": ("bundle_source", "bundle_target")}
    if name in curves:
        moving, fixed = (read_vtk(data / f"lddmm_ot/{file}.vtk") for file in curves[name])
    elif name == "hands":
        moving, fixed = (read_mesh(data / f"lddmm_ot/{file}.off") for file in ("736", "764_closed"))
    elif name.startswith("dipy_"):
        moving, fixed = (read_streamlines(data / f"dipy_bundles/sub_{number}_{name[5:]}.trk") for number in (1, 2))
    elif name.startswith("left_"):
        moving, fixed = (read_mesh(data / f"vh_patella_fibula/{sex}_Left_{name[5:].title()}.ply") for sex in ("VHF", "VHM"))
    elif name.startswith("faces_"):
        moving, fixed = read_faces(data, name.split("_")[1:])
        return moving, fixed, fixed.points
    elif name == "flybrains":
        moving, fixed = (read_mesh(data / f"flybrains/{species}.ply") for species in ("Dmel", "Dvir"))
    elif name == "fly_landmarks":
        table = np.genfromtxt(data / "flybrains/FAFB14_maleCNS_landmarks.csv", delimiter=",", skip_header=1)[:, -6:]
        # in another order, so that no program profits from it
        order = np.random.default_rng(0).permutation(len(table))
        return Shape(table[:, :3]), Shape(table[order, 3:]), table[:, 3:]
    else:
        moving, fixed = read_cells(data / "geomstats_cells/cells.txt", (0, 100))
    return moving, fixed, None


def prepare(pair, data, folder):
    """Writes the files of a pair into `folder`."""
    if (folder / "complete").exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    moving, fixed, goal = load(pair.name, data)
    write_vtk(moving, folder / "moving.vtk")
    write_vtk(fixed, folder / "fixed.vtk")
    if goal is not None:
        np.savetxt(folder / "goal.txt", goal)
    (folder / "complete").touch()


def sample(shape, count):
    """-> points that lie evenly on a shape; the vertices of a cloud"""
    if shape.kind == "cloud":
        return shape.points
    corners = shape.points[shape.cells]
    first, edge = corners[:, 0], corners[:, 1] - corners[:, 0]
    if shape.kind == "curve":
        size = np.linalg.norm(edge, axis=1)
        places = (np.arange(count) + 0.5) / count
    else:
        other = corners[:, 2] - first
        size = 0.5 * np.linalg.norm(np.cross(edge, other), axis=1)
        random = np.random.default_rng(0)
        places = (np.arange(count) + random.random(count)) / count
    ends = np.cumsum(size)
    cell = np.minimum(np.searchsorted(ends, places * ends[-1]), len(ends) - 1)
    if shape.kind == "curve":
        part = (places * ends[-1] - (ends[cell] - size[cell])) / np.maximum(size[cell], np.finfo(float).tiny)
        return first[cell] + part[:, None] * edge[cell]
    parts = random.random((count, 2))
    parts = np.where(parts.sum(1, keepdims=True) > 1.0, 1.0 - parts, parts)
    return first[cell] + parts[:, :1] * edge[cell] + parts[:, 1:] * other[cell]


def to_segment(points, begin, end):
    edge = end - begin
    part = ((points - begin) * edge).sum(1) / np.maximum((edge * edge).sum(1), np.finfo(float).tiny)
    return np.linalg.norm(points - begin - np.clip(part, 0.0, 1.0)[:, None] * edge, axis=1)


def to_triangle(points, a, b, c):
    normal = np.cross(b - a, c - a)
    squared = np.maximum((normal * normal).sum(1), np.finfo(float).tiny)
    height = ((points - a) * normal).sum(1) / np.sqrt(squared)
    foot = points - (height / np.sqrt(squared))[:, None] * normal
    inside = np.all([(np.cross(q - p, foot - p) * normal).sum(1) >= 0.0 for p, q in ((a, b), (b, c), (c, a))], 0)
    border = np.min([to_segment(points, p, q) for p, q in ((a, b), (b, c), (c, a))], 0)
    return np.where(inside, np.abs(height), border)


def tree(points):
    from scipy.spatial import cKDTree  # here: whoever compares images needs no SciPy

    return cKDTree(points)


def distances(points, shape, neighbours=12):
    """-> from points to the nearest of a surface's triangles, among those of the nearest centres"""
    corners = shape.points[shape.cells]
    count = min(neighbours, len(corners))
    nearest = tree(corners.mean(1)).query(points, count)[1].reshape(len(points), count)
    least = tree(shape.points[np.unique(shape.cells)]).query(points)[0]
    for column in nearest.T:
        least = np.minimum(least, to_triangle(points, *np.moveaxis(corners[column], 1, 0)))
    return least


def score(moved, fixed, goal=None, count=4000):
    """-> mean distance both ways, their 95th percentile, Hausdorff distance; mean distance of vertices to where they belong"""
    if fixed.kind == "surface":
        ways = [distances(sample(moved, count), fixed), distances(sample(fixed, count), moved)]
    else:
        places = [sample(shape, 4 * count) for shape in (moved, fixed)]
        ways = [tree(places[1]).query(places[0])[0], tree(places[0]).query(places[1])[0]]
    scores = {"distance": float(np.mean([way.mean() for way in ways])), "p95": float(max(np.percentile(way, 95) for way in ways)),
              "hausdorff": float(max(way.max() for way in ways))}
    if goal is not None:
        scores["vertex_error"] = float(np.linalg.norm(moved.points - goal, axis=1).mean())
    return scores
