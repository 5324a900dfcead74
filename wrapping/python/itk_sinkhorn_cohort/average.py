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
"""Means of images and of shapes: what turns registrations to a template into the next template."""
import math
import pathlib

import numpy as np

from itk_sinkhorn_cohort import engine, fields, state

STARTS = ("mean", "median", "barycenter")


def _scale(image):
    """A factor that brings the mean of a non-negative image to 1; signed images (CT) are units of their own."""
    values = np.asarray(image)
    mean = float(values.mean())
    return 1.0 / mean if values.min() >= 0 and mean > 0 else 1.0


def _axes(image):
    """Columns: the steps from voxel to voxel, mm."""
    import itk

    return itk.array_from_matrix(image.GetDirection()) * np.array(list(image.GetSpacing()))


def _points(image):
    """Where the voxels of an image are, mm, x first in the last axis."""
    return _indices(image) @ _axes(image).T + np.array(list(image.GetOrigin()))


def _indices(image):
    """Of the voxels of an image, x first in the last axis."""
    return np.stack(np.meshgrid(*[np.arange(size, dtype=np.float64) for size in np.asarray(image).shape], indexing="ij")[::-1], axis=-1)


def _covers(image, points):
    """Which points lie in an image."""
    index = (points - np.array(list(image.GetOrigin()))) @ np.linalg.inv(_axes(image)).T
    size = np.array(np.asarray(image).shape[::-1])
    return ((index >= -0.5) & (index <= size - 0.5)).all(axis=-1)


def _middle(image):
    size = np.array(np.asarray(image).shape[::-1])
    return np.array(list(image.GetOrigin())) + _axes(image) @ ((size - 1) / 2)


def make_start(task, files, kind):
    """The first template: the images, put centre upon centre, on a grid of their median spacing and size.

    Writes template.nii.gz. `files` are paths by id; what is wrong with those that can't be read stands in the record, under
    "problems". `kind` is mean, median or barycenter (the Wasserstein barycentre).
    """
    import itk

    with state.staged_results(task.folder, task.key, record := {"problems": {}}) as staged:
        images = []
        for name, path in files.items():
            try:
                images.append(engine.read_image(path, "image"))
            except RuntimeError as error:
                record["problems"][name] = str(error)
        if not images:
            raise RuntimeError(f"no image can be read: {next(iter(record['problems'].values()))}")
        spacing = np.median([list(image.GetSpacing()) for image in images], axis=0)
        extent = np.median([np.array(np.asarray(image).shape[::-1]) * list(image.GetSpacing()) for image in images], axis=0)
        shape = [math.ceil(length / step - 1e-6) for length, step in zip(extent, spacing)][::-1]
        grid = itk.image_from_array(np.zeros(shape, np.float32))
        grid.SetSpacing(spacing.tolist())
        grid.SetDirection(images[0].GetDirection())
        grid.SetOrigin((_middle(images[0]) - _middle(grid) + np.array(list(grid.GetOrigin()))).tolist())
        points = _points(grid)
        moved, covered = [], []
        for image in images:
            offset = _middle(image) - _middle(grid)
            shift = itk.TranslationTransform[itk.D, image.GetImageDimension()].New()
            shift.SetOffset(offset.tolist())
            warped = itk.resample_image_filter(fields.to_real(image), transform=shift, reference_image=grid, use_reference_image=True)
            moved.append(np.array(warped) * _scale(image))
            covered.append(_covers(image, points + offset))
        itk.imwrite(_put(_combine(moved, covered, kind, grid), grid), str(staged / "template.nii.gz"), compression=True)
    return state.read_result(task.folder, task.key)


def _put(values, grid):
    import itk

    image = itk.image_from_array(np.ascontiguousarray(values, np.float32))
    image.CopyInformation(grid)
    return image


def _combine(images, covered, kind, grid):
    """Mean or median of what there is at each voxel, 0 where there is nothing; or the barycentre, as bright as the mean."""
    import itk

    mean = _mean(images, covered)
    if kind == "mean":
        return mean
    if kind == "median":
        present = np.where(covered, images, np.nan)
        none = ~np.any(covered, axis=0)
        present[:, none] = 0
        return np.nanmedian(present, axis=0)
    masses = [_put(np.maximum(np.where(seen, values, 0), 0), grid) for values, seen in zip(images, covered)]
    barycenter = itk.sinkhorn_barycenter_image_filter(*masses)
    resampled = np.array(itk.resample_image_filter(barycenter, reference_image=grid, use_reference_image=True), np.float64)
    return resampled * (mean.sum() / resampled.sum())


def _mean(images, covered):
    count = np.sum(covered, axis=0)
    return np.where(count > 0, np.sum([np.where(c, i, 0) for i, c in zip(images, covered)], axis=0) / np.maximum(count, 1), 0)


def fit_rigid(source, target, weights):
    """Rotation R and translation t of the least squares sum w |R x + t - y|² (Kabsch, Acta Cryst. A 32, 1976)."""
    weights = weights / weights.sum()
    middle_source, middle_target = weights @ source, weights @ target
    u, _, vt = np.linalg.svd((target - middle_target).T @ ((source - middle_source) * weights[:, None]))
    flip = np.ones(source.shape[1])
    flip[-1] = np.sign(np.linalg.det(u @ vt))
    rotation = u @ np.diag(flip) @ vt
    return rotation, middle_target - rotation @ middle_source


def shape_residual(displacement, points, covered):
    """What a map does beside moving and turning: the displacement in the template's space without its rigid part, mm."""
    flat = points.reshape(-1, points.shape[-1])
    target = flat + displacement.reshape(flat.shape)
    rotation, translation = fit_rigid(flat, target, covered.ravel().astype(np.float64))
    return ((target - translation) @ rotation - flat).reshape(points.shape)


def update(task, template, folders, images, kind, deformable, sharpen):
    """The next template from the registrations of all subjects to the last one.

    The mean (or median) of the warped images is brought to the mean shape: with W_i the maps without their rigid parts, it is
    warped by the inverse of the mean of all W_i, so that these vanish on average (Guimond et al., CVIU 77, 2000; Avants et
    al., NeuroImage 49, 2010). Sharpening is ITK's Laplacian one.
    """
    import itk

    with state.staged_results(task.folder, task.key, record := {}) as staged:
        last = engine.read_image(template, "template")
        points = _points(last)
        warped, covered = [], []
        mean_shape = np.zeros(points.shape)
        for folder, path in zip(folders, images):
            folder = pathlib.Path(folder)
            image = engine.read_image(path, "image")
            displacement = fields.to_array(itk.imread(str(folder / "displacement.nii.gz"))).astype(np.float64)
            covered.append(_covers(image, points + displacement))
            warped.append(np.array(itk.imread(str(folder / "warped.nii.gz"))) * _scale(image))
            mean_shape += shape_residual(displacement, points, covered[-1]) / len(folders)
        values = _put(_combine(warped, covered, kind, last), last)
        values = warp_back(values, mean_shape)
        if sharpen and deformable:
            values = itk.laplacian_sharpening_image_filter(values)
        record["figures"] = _measure(np.asarray(values), np.asarray(last), mean_shape, warped, covered, folders)
        itk.imwrite(values, str(staged / "template.nii.gz"), compression=True)
    return state.read_result(task.folder, task.key)


def _sample(values, index):
    """Linear interpolation at continuous indices, x first in the last axis; beyond the border as on it."""
    from scipy.ndimage import map_coordinates

    return map_coordinates(values, np.moveaxis(index[..., ::-1], -1, 0), order=1, mode="nearest")


def warp_back(image, displacement):
    """The image at y of what was at x, y = x + displacement(x).

    x = y + v(y) with the fixed point v(y) = -displacement(y + v(y)) (Chen et al., Med. Phys. 35, 2008), which converges as
    the displacement of a mean shape bends little; 30 rounds leave less than 1e-3 of it where it is bent by 0.8.
    """
    voxels = displacement @ np.linalg.inv(_axes(image)).T
    grid = _indices(image)
    inverse = np.zeros_like(voxels)
    for _ in range(30):
        inverse = -np.stack([_sample(voxels[..., k], grid + inverse) for k in range(voxels.shape[-1])], axis=-1)
    return _put(_sample(np.asarray(image).astype(np.float64), grid + inverse), image)


def _measure(values, last, mean_shape, warped, covered, folders):
    """How far a round has come."""
    reports = [state.read_json(pathlib.Path(folder) / "report.json") for folder in folders]
    similarity = [report.get("similarity_after") or 0.0 for report in reports]
    count = np.sum(covered, axis=0)
    shared = count == count.max()
    spread = np.std([w[shared] for w in warped], axis=0).mean() / abs(np.mean([w[shared] for w in warped]))
    return {
        # Relative difference from the last template.
        "change": float(np.linalg.norm(values - last) / np.linalg.norm(values)),
        # Root mean square of the correction of the shape, mm.
        "shape_correction": float(np.sqrt((mean_shape**2).sum(axis=-1).mean())),
        # Mutual information of template and warped images, nats.
        "similarity": float(np.mean(similarity)),
        # Standard deviation of the warped images, of all that there are, relative to their mean.
        "spread": float(spread),
    }
