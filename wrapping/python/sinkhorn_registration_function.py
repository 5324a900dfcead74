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
"""itk.sinkhorn_registration_method(): the whole registration in one call."""
import json
import os
import warnings

import numpy as np

from itk.sinkhorn_functions import _copy_geometry, _give_back, _make_images
from itk.sinkhorn_registration_result import History, Progress, SinkhornRegistration
from itk.sinkhorn_shape_functions import sinkhorn_point_set_registration_method
from itk.sinkhorn_shapes import is_shape

__all__ = ["SinkhornRegistration", "sinkhorn_registration_method", "sinkhorn_registration_method_init_docstring"]


def _make_mask_image(mask, image, name):
    """An image of bytes on the grid of `image`."""
    import itk

    if hasattr(mask, "IsInsideInWorldSpace") and hasattr(mask, "GetImage"):
        mask = mask.GetImage()
    inside = np.ascontiguousarray(np.asarray(mask) != 0, np.uint8)
    size = tuple(image.GetBufferedRegion().GetSize())[::-1]
    if inside.shape != size:
        raise ValueError(f"{name} has the shape {inside.shape}, but its image {size}.")
    labels = itk.image_from_array(inside)
    _copy_geometry(mask if isinstance(mask, itk.Object) else image, labels)
    return labels


def _as_text(value):
    """A number, a list of numbers for the levels, or text as it is."""
    if isinstance(value, str):
        return value
    if isinstance(value, (list, tuple)):
        return "x".join("+".join(map(_as_text, v)) if isinstance(v, (list, tuple)) else _as_text(v) for v in value)
    return f"{value:.17g}" if isinstance(value, float) else str(value)


def _as_label_costs(costs):
    """A file's name, or the text of a table of distances: as it is, from a square table, or from pairs of labels."""
    if isinstance(costs, (str, os.PathLike)):
        return os.fspath(costs)
    if not isinstance(costs, dict):
        labels, distances = costs
        labels = [int(label) for label in labels]
        distances = np.asarray(distances, float)
        if distances.shape != (len(labels), len(labels)):
            raise ValueError(f"label_costs: the distances have the shape {distances.shape} for {len(labels)} labels.")
    else:
        labels = sorted({int(label) for pair in costs for label in pair})
        places = {label: place for place, label in enumerate(labels)}
        distances = np.where(np.eye(len(labels), dtype=bool), 0.0, np.inf)
        for (one, other), distance in costs.items():
            if distance != costs.get((other, one), distance):
                raise ValueError(f"label_costs: from {one} to {other} it is {distance}, but {costs[other, one]} back.")
            distances[places[int(one)], places[int(other)]] = distance
            distances[places[int(other)], places[int(one)]] = distance
    rows = [["-", *labels]] + [[label, *map(float, row)] for label, row in zip(labels, distances)]
    return "".join(",".join(map(_as_text, row)) + "\n" for row in rows)


def sinkhorn_registration_method(
    fixed,
    moving,
    *,
    transform=None,
    metric=None,
    stages=None,
    blur=None,
    reach=None,
    fixed_mask=None,
    moving_mask=None,
    fixed_exclusion=None,
    moving_exclusion=None,
    initial_transform=None,
    finish=None,
    initialize=None,
    density=None,
    features=None,
    label_costs=None,
    multi_start=False,
    keep_unmatched=False,
    settings=None,
    progress=None,
):
    """Registers two images, or two curves, surfaces or clouds of points, with optimal transport, as the program
    sinkhorn-register does.

    Shapes go to itk.sinkhorn_point_set_registration_method(), whose docstring tells what they may be and which of the
    parameters they have; the rest of this one is about images. By default: a linear start from the springs of transport, mass that is carried home on a coarse level, and a local
    metric that refines; the map does not fold. See help(itk.SinkhornRegistrationMethod[type(fixed), type(moving)]).

    Parameters
    ----------
    fixed, moving : itk.Image, array or xarray.DataArray
        2-D or 3-D, of any geometry (an array has spacing 1 and origin 0). Registered in single precision. An array with one
        row of 2 or 3 coordinates for each point, a mesh and their like are shapes.
    transform : str
        syn (default), bspline-syn, velocity, displacement, affine, similarity, rigid or translation.
    metric : str
        sinkhorn (default), kernel, meansquares, cc (or lncc) or mattes.
    stages : sequence of str
        Instead of transform and metric: "affine,mattes", "syn,sinkhorn,blur=4", ..., each from the result of the one before.
    blur, reach : float
        Scale below which mass is not resolved, and distance beyond which it is created or destroyed rather than moved, mm.
        Default: from the spacing, and from what the linear start leaves. reach=0: all mass is moved.
    fixed_mask, moving_mask : itk.Image, array or itk.ImageMaskSpatialObject
        Voxels other than 0 take part.
    fixed_exclusion, moving_exclusion : itk.Image, array or itk.ImageMaskSpatialObject
        Voxels other than 0 have no counterpart in the other image, as a lesion has not: there nothing is compared, in either image.
    initial_transform : itk.Transform
        Where to begin, fixed to moving points; it becomes part of the result.
    finish : str
        Metric that refines what transport has brought near: meansquares, cc, mattes, sinkhorn or none.
    initialize : str
        Linear start: none, sinkhorn (affine), sinkhorn-rigid, sinkhorn-similarity or automatic.
    density : str
        How intensities become mass: auto (default, from what the border shows), as-is, shift, clamp, window:LOW:HIGH or
        around:LEVEL:LIMIT.
    features : str
        What is compared: labels (of label maps, each with its like), none (intensities), intensity:BINS or intensity:BINS:MM
        (these, and the springs of the start move mass to mass as bright as itself) or auto (default: labels where both images
        are label maps of more than one label).
    label_costs : dict, (labels, distances), path or str
        Distances between labels of label maps, mm: {(2, 5): 10.0}, a list of labels and a symmetric table of their
        distances, or a file of such a table (CSV or white space, first row and first column labels) or its text. Mass that changes
        from one label to the other pays w²/2 mm² beside its way, in the start and the stages that transport mass: so a
        part that is labelled differently in the two images, or in one image alone, is matched. At the distance 0 labels
        are one. Default: infinite between all labels.
    multi_start : bool
        Start also from the rotations that align the principal axes.
    keep_unmatched : bool
        Compare also what one image alone shows, as a tumour. Default: the finish of ordinary images finds such parts by
        itself, if they are large, and leaves them out; `report["unmatched_fixed"]`, `["unmatched_moving"]` say how much.
    settings : dict
        Further settings: mass-model, iterations, shrink, update-sigma, total-sigma, learning-rate, radius,
        standardize. Lists have one number for each level, coarsest first.
    progress : bool or callable
        True: a bar, where tqdm is installed. A function is called with the finished fraction after each stage.

    Returns
    -------
    SinkhornRegistration
        Named tuple: transform, inverse_transform, warped, displacement, report.

    Raises
    ------
    RuntimeError
        On bad images and settings: the message of the C++ exception.
    TypeError, ValueError
        On what is no image, on images of different dimensions, and on masks of another shape.
    """
    import itk

    if is_shape(fixed) or is_shape(moving):
        of_images = {"metric": metric, "stages": stages, "fixed_mask": fixed_mask, "moving_mask": moving_mask,
                     "fixed_exclusion": fixed_exclusion, "moving_exclusion": moving_exclusion,
                     "initial_transform": initial_transform, "finish": finish, "density": density, "features": features,
                     "label_costs": label_costs, "multi_start": multi_start or None,
                     "keep_unmatched": keep_unmatched or None}
        for name, value in of_images.items():
            if value is not None:
                raise ValueError(f"{name} has no meaning with curves and surfaces; leave it out.")
        return sinkhorn_point_set_registration_method(
            fixed, moving, transform=transform, initialize=initialize, blur=blur, reach=reach, settings=settings,
            progress=progress,
        )
    (fixed_image, moving_image), kind = _make_images((fixed, moving), ("fixed", "moving"))
    method = itk.SinkhornRegistrationMethod[type(fixed_image), type(moving_image)].New()
    method.SetFixedImage(fixed_image)
    method.SetMovingImage(moving_image)
    masks = {
        "fixed_mask": (method.SetFixedMask, fixed_mask, fixed_image),
        "moving_mask": (method.SetMovingMask, moving_mask, moving_image),
        "fixed_exclusion": (method.SetFixedExclusion, fixed_exclusion, fixed_image),
        "moving_exclusion": (method.SetMovingExclusion, moving_exclusion, moving_image),
    }
    for name, (setter, mask, image) in masks.items():
        if mask is not None:
            setter(_make_mask_image(mask, image, name))
    if initial_transform is not None:
        method.SetInitialTransform(initial_transform)
    texts = {"Transform": transform, "Metric": metric, "Finish": finish, "Initialize": initialize, "Density": density,
             "Features": features}
    for name, text in texts.items():
        if text is not None:
            getattr(method, "Set" + name)(text)
    if label_costs is not None:
        method.SetLabelCosts(_as_label_costs(label_costs))
    method.SetMultiStart(bool(multi_start))
    method.SetKeepUnmatched(bool(keep_unmatched))
    given = {"blur": blur, "reach": reach, **(settings or {})}
    for name, value in given.items():
        if value is not None:
            method.SetSetting(name.replace("_", "-"), _as_text(value))
    for stage in [stages] if isinstance(stages, str) else stages or ():
        method.AddStage(stage)
    history = History(method)
    with Progress(method, progress):
        method.Update()
    report = json.loads(method.GetReportAsJson())
    report["messages"] = list(method.GetMessages())
    report["history"] = history.levels
    if report["kept"] != "result" and report["messages"]:
        warnings.warn(f"sinkhorn_registration_method: {report['messages'][-1]}", RuntimeWarning, stacklevel=2)
    return SinkhornRegistration(
        transform=method.GetModifiableTransform(),
        inverse_transform=method.GetInverseTransform(),
        warped=_give_back(method.MakeWarpedImage(), kind),
        displacement=_give_back(method.MakeDisplacementField(), kind),
        report=report,
    )


def sinkhorn_registration_method_init_docstring():
    """Called by ITK, which would show the class's docstring; the function has its own."""
