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
"""report.html: one file that shows a registration, or all of a cohort, in any browser and without a network."""
import base64
import importlib.resources
import json
import math
import pathlib
import tempfile

import numpy as np

from itk_sinkhorn_cohort import fields, results, state

#: Pixels of the longer side of a picture; larger slices are thinned out.
LARGEST_PICTURE = 384
#: Of det J, the range that colours show: 1/4 to 4.
_LOG2_RANGE = 2.0
_COHORT_COLUMNS = ("id", "status", "dice_before_mean", "dice_after_mean", "similarity_before", "similarity_after", "min_jacobian",
                   "folded_fraction", "converged", "seconds", "message")


def _finite(value):
    """JSON has neither NaN nor infinities."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {name: _finite(part) for name, part in value.items()}
    return [_finite(part) for part in value] if isinstance(value, (list, tuple)) else value


def _write(path, data):
    text = json.dumps(_finite(data), allow_nan=False).replace("<", "\\u003c")
    frame = importlib.resources.files(__package__).joinpath("page.html").read_text(encoding="utf-8")
    state.write_text(path, frame.replace("@DATA@", text))


def write_cohort(path, rows, command=""):
    """The page of a cohort: a row for each pair, worst first, with links to their own pages."""
    shown = []
    for row in results.worst_first(rows):
        line = {name: row.get(name) for name in _COHORT_COLUMNS}
        shown.append({**line, "link": f"{row['id']}/report.html" if row["status"] == "done" else ""})
    _write(path, {"kind": "cohort", "rows": shown, "columns": _COHORT_COLUMNS, "command": command})


def write_pair(path, images, result, record):
    """The page of one registration: what engine.register_pair() has read, what came out, and its record."""
    views, longest = _make_views(images["fixed"], images["moving"], result)
    facts = ("id", "report", "inputs", "options", "versions", "command", "threads", "host", "seconds", "peak_memory_mb")
    data = {name: record.get(name) for name in facts}
    geometry = {
        role: {"size": [int(size) for size in image.GetLargestPossibleRegion().GetSize()], "spacing": list(image.GetSpacing())}
        for role, image in images.items()
    }
    _write(path, {"kind": "pair", **data, "geometry": geometry, "views": views, "longest": longest,
                  "matrix": get_matrix(result.transform)})


def get_matrix(transform):
    """The linear parts of a transform as one matrix for columns (x, y, ..., 1), mm, LPS: a list of rows."""
    dimension = transform.GetInputSpaceDimension()
    total = np.eye(dimension + 1)
    parts = [transform]
    if hasattr(transform, "GetNumberOfTransforms"):
        parts = [transform.GetNthTransform(k) for k in range(transform.GetNumberOfTransforms())]
    for part in parts:  # the last one of a composite transform acts first
        if not part.IsLinear():
            continue
        # From where it takes the origin and the axes: the matrix of every linear transform, whatever its class.
        origin = np.array(part.TransformPoint([0.0] * dimension))
        matrix = np.eye(dimension + 1)
        for k in range(dimension):
            matrix[:dimension, k] = np.array(part.TransformPoint([float(k == j) for j in range(dimension)])) - origin
        matrix[:dimension, -1] = origin
        total = total @ matrix
    return total.tolist()


def _make_views(fixed, moving, result):
    """Slices through the centre of mass of the fixed image, and the longest displacement, mm."""
    import itk

    before = itk.resample_image_filter(fields.to_real(moving), reference_image=fixed, use_reference_image=True)
    displacement = fields.to_array(result.displacement)
    length = np.linalg.norm(displacement, axis=-1)
    longest = float(length.max())
    layers = {
        "fixed": _to_bytes(np.asarray(fixed), np.asarray(fixed)),
        "before": _to_bytes(np.asarray(before), np.asarray(moving)),
        "after": _to_bytes(np.asarray(result.warped), np.asarray(moving)),
        "jacobian": _encode_determinant(_determinant(displacement, fixed)),
        "displacement": np.round(255 * length / longest if longest > 0 else length).astype(np.uint8),
    }
    centre = _find_centre(np.asarray(fixed))
    spacing = list(fixed.GetSpacing())[::-1]
    if length.ndim == 2:
        return [_make_view("picture", layers, (), spacing)], longest
    names = ("slice across the third axis", "slice across the second axis", "slice across the first axis")
    views = []
    for axis, name in enumerate(names):
        where = tuple(centre[axis] if k == axis else slice(None) for k in range(3))
        views.append(_make_view(name, layers, where, [s for k, s in enumerate(spacing) if k != axis]))
    return views, longest


def _to_png(values):
    """A picture of bytes as a PNG file in memory."""
    import itk

    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "picture.png")
        itk.imwrite(itk.image_from_array(values), str(path))
        return path.read_bytes()


def _to_bytes(values, scale):
    """Grey values between two percentiles of `scale`."""
    low, high = np.percentile(scale, [0.5, 99.8])
    span = high - low if high > low else 1.0
    return np.round(255 * np.clip((values - low) / span, 0, 1)).astype(np.uint8)


def _encode_determinant(determinant):
    shown = np.clip(np.log2(np.maximum(determinant, 1e-6)) / _LOG2_RANGE, -1, 1)
    return np.where(determinant <= 0, 0, np.round(128 + 127 * shown)).astype(np.uint8)


def _determinant(displacement, fixed):
    """det J of the map, by ITK's filter; its derivatives run along the grid, so the vectors are turned into the grid."""
    import itk

    dimension = displacement.shape[-1]
    turned = displacement @ itk.array_from_matrix(fixed.GetDirection())
    field = fields.to_image(turned, fixed)
    field.SetDirection(itk.matrix_from_array(np.eye(dimension)))
    determinant = itk.displacement_field_jacobian_determinant_filter(field)
    return np.array(determinant)


def _find_centre(values):
    mass = np.maximum(values.astype(np.float64) - np.percentile(values, 5), 0)
    total = mass.sum()
    if not total > 0:
        return [size // 2 for size in values.shape]
    sums = [mass.sum(axis=tuple(k for k in range(values.ndim) if k != axis)) for axis in range(values.ndim)]
    return [int(round((profile * np.arange(profile.size)).sum() / total)) for profile in sums]


def _make_view(name, layers, where, spacing):
    """One slice of all layers. Rows of a volume's upright slices run upwards."""
    upright = bool(where) and where[0] == slice(None)
    slices = {layer: (values[where][::-1] if upright else values[where]) for layer, values in layers.items()}
    step = max(1, -(-max(slices["fixed"].shape) // LARGEST_PICTURE))
    slices = {layer: np.ascontiguousarray(values[::step, ::step]) for layer, values in slices.items()}
    height, width = slices["fixed"].shape
    encoded = {layer: base64.b64encode(_to_png(values)).decode() for layer, values in slices.items()}
    return {"name": name, "width": width, "height": height, "spacing": [spacing[1], spacing[0]], "layers": encoded}
