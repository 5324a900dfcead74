# ==========================================================================
#
#   Copyright NumFOCUS
#
#   Licensed under the Apache License, Version 2.0 (the "License");
#   you may not use this file except in compliance with the License.
#   You may obtain a copy of the License at
#
#          https://www.apache.org/licenses/LICENSE-2.0.txt
#
#   Unless required by applicable law or agreed to in writing, software
#   distributed under the License is distributed on an "AS IS" BASIS,
#   WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
#   See the License for the specific language governing permissions and
#   limitations under the License.
#
# ==========================================================================
"""Curves, surfaces and clouds of points in the forms that Python knows them in, recognised by their attributes.

Nothing of PyVista, trimesh, meshio or nibabel is imported. Coordinates are taken as they are given.
"""
import copy
import typing

import numpy as np

# Kinds of cells, of itk::CommonEnums::CellGeometry.
LINE, TRIANGLE, QUADRILATERAL, POLYGON, POLYLINE = 1, 2, 3, 4, 10
_MESHIO_KINDS = {"line": LINE, "triangle": TRIANGLE, "quad": QUADRILATERAL, "polygon": POLYGON}
_MESHIO_WITHOUT_SHAPE = ("vertex", "tetra", "hexahedron", "wedge", "pyramid")
_FORMS = (
    "an itk.Mesh or itk.PointSet, an array of points (one row for each, of 2 or 3 coordinates), a tuple (points, cells), or an "
    "object of PyVista (PolyData), trimesh, meshio or nibabel (streamlines)"
)


class Shape(typing.NamedTuple):
    """What is known of a shape, and how it is given back."""

    #: Doubles, one row for each point.
    points: np.ndarray
    #: Of all cells one after the other: kind, number of points, points. As in itk.Mesh.SetCellsArray().
    cells: np.ndarray
    #: Makes a shape of the form that was given from other points.
    carry: typing.Callable


def _is_itk(value):
    import itk

    return isinstance(value, itk.Object) and hasattr(value, "GetPoints") and hasattr(value, "GetNumberOfPoints")


def _is_polydata(value):
    return hasattr(value, "points") and hasattr(value, "faces") and hasattr(value, "lines")


def _is_trimesh(value):
    return hasattr(value, "vertices") and hasattr(value, "faces")


def _is_meshio(value):
    return hasattr(value, "points") and hasattr(value, "cells")


def _is_bundle(value):
    return bool(getattr(value, "is_array_sequence", False)) or hasattr(value, "streamlines")


def _is_array(value):
    """An image has at least four voxels along each axis; so these are points."""
    return isinstance(value, np.ndarray) and value.ndim == 2 and value.shape[1] in (2, 3) and value.dtype.kind in "fiu"


def _is_pair(value):
    return isinstance(value, tuple) and len(value) == 2 and np.ndim(value[0]) == 2


def _keep_type(moved, points):
    """Reals of the type that was given."""
    dtype = np.asarray(points).dtype
    return moved.astype(dtype) if dtype.kind == "f" else moved


def _flatten(kind, table):
    """Cells of one number of points, one row for each."""
    table = np.asarray(table)
    head = np.broadcast_to(np.array([kind, table.shape[1]], np.uint64), (len(table), 2))
    return np.hstack([head, table.astype(np.uint64)]).ravel()


def _join(pieces):
    return np.concatenate([np.asarray(piece, np.uint64) for piece in pieces]) if pieces else np.zeros(0, np.uint64)


def _read_vtk_cells(flat, kinds, longer):
    """Cells in VTK's flat form, number of points, points; their kind is that of their number of points."""
    flat = np.asarray(flat, np.int64).ravel()
    if len(flat) and len(flat) % (flat[0] + 1) == 0:
        table = flat.reshape(-1, flat[0] + 1)
        if (table[:, 0] == flat[0]).all():
            return _flatten(kinds.get(int(flat[0]), longer), table[:, 1:])
    pieces = []
    start = 0
    while start < len(flat):
        end = start + 1 + flat[start]
        pieces += [[kinds.get(int(flat[start]), longer)], flat[start:end]]
        start = end
    return _join(pieces)


def _check_table(table, points, name):
    """Their points are there."""
    table = np.asarray(table)
    if table.size and not 0 <= table.min() <= table.max() < len(points):
        wrong = table.min() if table.min() < 0 else table.max()
        raise ValueError(f"{name}: a cell has the point {wrong}, but there are {len(points)} points, counted from 0.")
    return table


def _read_itk(value, name):
    import itk

    if value.GetNumberOfPoints() == 0:
        raise ValueError(f"{name}: a {value.GetNameOfClass()} without points; give at least one.")
    points = itk.array_from_vector_container(value.GetPoints())
    cells = np.zeros(0, np.uint64)
    if hasattr(value, "GetCellsArray") and value.GetNumberOfCells() > 0:
        cells = itk.array_from_vector_container(value.GetCellsArray())

    def carry(moved):
        result = type(value).New()
        result.Graft(value)  # cells and data are shared
        result.SetPoints(itk.vector_container_from_array(np.ascontiguousarray(moved, points.dtype).ravel()))
        return result

    return points, cells, carry


def _read_polydata(value, name):
    if len(getattr(value, "strips", ())) > 0:
        raise ValueError(f"{name}: it has triangle strips; call triangulate() first.")
    cells = _join(
        [
            _read_vtk_cells(value.faces, {2: LINE, 3: TRIANGLE, 4: QUADRILATERAL}, POLYGON),
            _read_vtk_cells(value.lines, {2: LINE}, POLYLINE),
        ]
    )

    def carry(moved):
        result = value.copy()
        result.points = _keep_type(moved, value.points)
        return result

    return value.points, cells, carry


def _read_trimesh(value, name):
    def carry(moved):
        result = value.copy()
        result.vertices = moved
        return result

    faces = _check_table(np.reshape(value.faces, (-1, 3)), value.vertices, name)
    return value.vertices, _flatten(TRIANGLE, faces), carry


def _read_meshio(value, name):
    pieces = []
    for block in value.cells:
        if block.type in _MESHIO_WITHOUT_SHAPE:
            continue
        if block.type not in _MESHIO_KINDS:
            raise ValueError(
                f"{name}: cells of the type {block.type!r} are not understood; give them as {', '.join(_MESHIO_KINDS)}."
            )
        if len(block.data):
            table = _check_table(block.data, value.points, name)
            pieces.append(_flatten(_MESHIO_KINDS[block.type], table))

    def carry(moved):
        result = copy.deepcopy(value)
        result.points = _keep_type(moved, value.points)
        return result

    return value.points, _join(pieces), carry


def _read_bundle(value, name):
    lines = value if getattr(value, "is_array_sequence", False) else value.streamlines
    if not hasattr(lines, "__len__"):
        raise TypeError(f"{name}: its streamlines are read when they are asked for; load them with lazy_load=False.")
    lengths = [len(line) for line in lines]
    if not sum(lengths):
        raise ValueError(f"{name}: no streamline has a point; give at least one.")
    starts = np.cumsum([0] + lengths)
    cells = _join(
        [[POLYLINE, n, *range(start, start + n)] for start, n in zip(starts.tolist(), lengths) if n > 1]
    )

    def carry(moved):
        result = copy.deepcopy(value)
        moved_lines = type(lines)(np.split(_keep_type(moved, next(iter(lines))), starts[1:-1]))
        (result if lines is value else result.streamlines)[:] = moved_lines
        return result

    return np.concatenate([np.reshape(line, (len(line), -1)) for line in lines if len(line)]), cells, carry


def _read_array(value, name):
    return value, np.zeros(0, np.uint64), lambda moved: moved


def _read_pair(value, name):
    points, cells = value
    table = np.asarray(cells)
    kinds = {2: LINE, 3: TRIANGLE}
    if table.ndim != 2 or table.shape[1] not in kinds or table.dtype.kind not in "iu":
        raise ValueError(
            f"{name}: cells of the shape {table.shape} and type {table.dtype}; give integers, one row for each cell: two "
            "points of a segment, or three of a triangle."
        )
    table = _check_table(table, points, name)
    return points, _flatten(kinds[table.shape[1]], table), lambda moved: (moved, cells)


_READERS = (
    (_is_itk, _read_itk),
    (_is_polydata, _read_polydata),
    (_is_trimesh, _read_trimesh),
    (_is_meshio, _read_meshio),
    (_is_bundle, _read_bundle),
    (_is_array, _read_array),
    (_is_pair, _read_pair),
)


def _get_output(value):
    """The mesh of a reader or filter."""
    if hasattr(value, "GetOutput") and hasattr(value, "Update"):
        value.Update()
        return value.GetOutput()
    return value


def is_shape(value):
    """Whether it is a curve, a surface or a cloud rather than an image."""
    value = _get_output(value)
    return any(is_kind(value) for is_kind, _ in _READERS)


def _check_points(points, name):
    try:
        points = np.ascontiguousarray(points, np.float64)
    except (TypeError, ValueError) as error:
        raise TypeError(f"{name}: its points are no numbers; give one row of 2 or 3 coordinates for each.") from error
    if points.ndim != 2 or points.shape[1] not in (2, 3):
        raise ValueError(f"{name}: points of the shape {points.shape}; give one row for each point, of 2 or 3 coordinates.")
    if not len(points):
        raise ValueError(f"{name}: there are no points; give at least one.")
    broken = np.flatnonzero(~np.isfinite(points).all(axis=1))
    if len(broken):
        raise ValueError(
            f"{name}: point {broken[0]} is {points[broken[0]].tolist()}; mend or remove points that are not finite "
            f"({len(broken)} of {len(points)})."
        )
    return points


def read_shape(value, name):
    """The points and cells of a shape; errors call it by the name."""
    value = _get_output(value)
    for is_kind, read in _READERS:
        if is_kind(value):
            points, cells, carry = read(value, name)
            return Shape(_check_points(points, name), cells, carry)
    raise TypeError(f"{name}: {type(value).__name__} is no shape; give {_FORMS}.")


def read_shapes(values, names):
    """Shapes of one dimension."""
    shapes = [read_shape(value, name) for value, name in zip(values, names)]
    for shape, name in zip(shapes, names):
        if shape.points.shape[1] != shapes[0].points.shape[1]:
            raise ValueError(
                f"{names[0]} has points of {shapes[0].points.shape[1]} coordinates, but {name} has {shape.points.shape[1]}."
            )
    return shapes
