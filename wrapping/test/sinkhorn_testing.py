"""What the tests share: shapes, registrations, scores."""
import os
import pathlib

import itk
import numpy as np
import pytest

NUMPY_TYPES = {"F": np.float32, "D": np.float64}


def find_data(*parts):
    """A file of the folder of real data; the test is skipped where there is none."""
    folder = os.environ.get("SINKHORN_TEST_DATA")
    if not folder:
        pytest.skip("SINKHORN_TEST_DATA is not set: this test needs real images")
    path = pathlib.Path(folder, *parts)
    assert path.exists(), f"{path} is missing in SINKHORN_TEST_DATA"
    return str(path)


def find_golden(name):
    """A reference file of the repository; wrapping/test-wheel.sh says where they are."""
    folder = os.environ.get("SINKHORN_GOLDEN") or pathlib.Path(__file__).parents[2] / "test" / "Golden"
    return pathlib.Path(folder, name)


def make_blob(dimension, center, pixel="F", size=48, sigma=4.0):
    """A Gaussian of that centre (voxels, x first) that falls to exactly 0 at four sigma."""
    axes = np.meshgrid(*[np.arange(size, dtype=np.float64)] * dimension, indexing="ij")
    squared = sum((axis - c) ** 2 for axis, c in zip(axes, center[::-1]))
    values = np.where(squared < (4 * sigma) ** 2, np.exp(-squared / (2 * sigma**2)), 0)
    return itk.image_from_array(values.astype(NUMPY_TYPES[pixel]))


def make_ellipse(size, center, radii, pixel="F"):
    """The indicator of an ellipse or ellipsoid, voxels, x first."""
    axes = np.meshgrid(*[np.arange(size, dtype=np.float64)] * len(center), indexing="ij")
    inside = sum(((axis - c) / r) ** 2 for axis, c, r in zip(axes, center[::-1], radii[::-1])) <= 1
    return itk.image_from_array(inside.astype(NUMPY_TYPES[pixel]))


def make_metric(fixed, moving, transform, blur=2.0):
    image_type = type(fixed)
    metric = itk.SinkhornImageToImageMetricv4[image_type, image_type].New()
    metric.SetFixedImage(fixed)
    metric.SetMovingImage(moving)
    metric.SetMovingTransform(transform)
    metric.SetBlur(blur)
    metric.SetTolerance(1e-5)
    metric.SetMaximumNumberOfIterations(2000)
    return metric


def get_derivative(metric):
    derivative = itk.Array[itk.D](metric.GetNumberOfParameters())
    metric.GetDerivative(derivative)
    return [derivative[k] for k in range(metric.GetNumberOfParameters())]


def make_field(image, extra=()):
    """A field of zero vectors on the image's grid, with further axes of the given lengths (spacing 1)."""
    dimension = image.GetImageDimension()
    total = dimension + len(extra)
    field = itk.Image[itk.Vector[itk.D, dimension], total].New()
    direction = np.eye(total)
    direction[:dimension, :dimension] = itk.array_from_matrix(image.GetDirection())
    field.SetRegions(list(image.GetLargestPossibleRegion().GetSize()) + list(extra))
    field.SetSpacing(list(image.GetSpacing()) + [1.0] * len(extra))
    field.SetOrigin(list(image.GetOrigin()) + [0.0] * len(extra))
    field.SetDirection(itk.matrix_from_array(direction))
    field.Allocate()
    field.FillBuffer(itk.Vector[itk.D, dimension]([0.0] * dimension))
    return field


def warp(moving, fixed, transform, interpolator=None):
    options = {"interpolator": interpolator} if interpolator else {}
    return itk.resample_image_filter(
        moving, transform=transform, reference_image=fixed, use_reference_image=True, **options
    )


def dice(fixed, warped, threshold=0.5):
    a, b = (np.asarray(image) > threshold for image in (fixed, warped))
    return 2 * (a & b).sum() / (a.sum() + b.sum())


def displacement_in_voxels(displacement, image):
    """Components along the axes of the grid instead of those of space, x first."""
    along = itk.array_from_matrix(image.GetDirection())
    return np.asarray(displacement, float) @ along / np.array(list(image.GetSpacing()))


def displacement_of(transform, fixed):
    """Displacement of the voxels of an image, in voxels."""
    field = itk.transform_to_displacement_field_filter(transform, reference_image=fixed, use_reference_image=True)
    return displacement_in_voxels(itk.array_from_image(field), fixed)


def minimum_jacobian(transform, fixed):
    """Smallest determinant of the map x → T(x) by central differences on the grid of the image."""
    field = displacement_of(transform, fixed)
    dimension = field.shape[-1]
    jacobian = np.empty(field.shape + (dimension,))
    for axis in range(dimension):
        jacobian[..., axis] = np.gradient(field, axis=dimension - 1 - axis)
    return np.linalg.det(jacobian + np.eye(dimension)).min()


def folded_fraction(field):
    """Part of the voxels of a displacement in voxels, x first, with a one-sided determinant that is not positive."""
    dimension = field.shape[-1]
    folded = np.zeros(field.shape[:-1], bool)
    for corner in range(2**dimension):
        jacobian = np.empty(field.shape + (dimension,))
        for d in range(dimension):
            axis = dimension - 1 - d
            ahead = np.diff(field, axis=axis, append=np.take(field, [-1], axis=axis))
            behind = np.diff(field, axis=axis, prepend=np.take(field, [0], axis=axis))
            jacobian[..., d] = ahead if corner >> d & 1 else behind
        folded |= np.linalg.det(jacobian + np.eye(dimension)) <= 0
    return folded.mean()


def make_syn(fixed, moving, metric, iterations, shrink, smoothing, variance=40.0):
    """SyN with one adaptor for each level."""
    image_type = type(fixed)
    transform = itk.DisplacementFieldTransform[itk.D, fixed.GetImageDimension()].New()
    transform.SetDisplacementField(make_field(fixed))
    transform.SetInverseDisplacementField(make_field(fixed))
    registration = itk.SyNImageRegistrationMethod[image_type, image_type].New()
    registration.SetFixedImage(fixed)
    registration.SetMovingImage(moving)
    registration.SetMetric(metric)
    registration.SetInitialTransform(transform)
    set_levels(registration, shrink, smoothing)
    registration.SetNumberOfIterationsPerLevel(iterations)
    registration.SetLearningRate(0.5)
    registration.SetGaussianSmoothingVarianceForTheUpdateField(variance)
    registration.SetAverageMidPointGradients(True)
    itk.DisplacementFieldLevelAdaptors[image_type].New().Apply(registration, fixed)
    return registration


def set_levels(registration, shrink, smoothing):
    registration.SetNumberOfLevels(len(shrink))
    registration.SetShrinkFactorsPerLevel(shrink)
    registration.SetSmoothingSigmasPerLevel(smoothing)


def make_curve(count=60, bump=0.0, turn=0.0, shift=(0.0, 0.0)):
    """Points of a closed curve around the origin and its segments; with a bump it has three lobes."""
    angle = 2 * np.pi * np.arange(count) / count
    radius = 10 + bump * np.cos(3 * angle)
    x, y = radius * np.cos(angle), 0.6 * radius * np.sin(angle)
    points = np.stack([np.cos(turn) * x - np.sin(turn) * y, np.sin(turn) * x + np.cos(turn) * y], axis=1) + shift
    return points, np.stack([np.arange(count), (np.arange(count) + 1) % count], axis=1)


def make_surface(rings=8, bump=0.0, shift=(0.0, 0.0, 0.0)):
    """Points of an ellipsoid of the half axes 20, 12 and 7 and its triangles; with a bump one end is thicker."""
    polar = np.pi * (np.arange(rings) + 0.5) / rings
    around = 2 * np.pi * np.arange(2 * rings) / (2 * rings)
    factor = (1 + bump * np.exp(-4 * polar**2))[:, None] * np.ones(2 * rings)
    points = np.stack(
        [
            20 * factor * np.cos(polar)[:, None],
            12 * factor * np.sin(polar)[:, None] * np.cos(around),
            7 * factor * np.sin(polar)[:, None] * np.sin(around),
        ],
        axis=-1,
    ).reshape(-1, 3)
    ring, k = (index.ravel() for index in np.meshgrid(np.arange(rings - 1), np.arange(2 * rings), indexing="ij"))
    corner = 2 * rings * ring + k
    beside = 2 * rings * ring + (k + 1) % (2 * rings)
    triangles = np.concatenate(
        [
            np.stack([corner, corner + 2 * rings, beside], axis=1),
            np.stack([beside, corner + 2 * rings, beside + 2 * rings], axis=1),
        ]
    )
    return points + shift, triangles


def make_mesh(points, cells=None, pixel="D"):
    """An itk.Mesh, or without cells an itk.PointSet; coordinates in single precision."""
    kind = itk.PointSet if cells is None else itk.Mesh
    mesh = kind[getattr(itk, pixel), points.shape[1]].New()
    mesh.SetPoints(itk.vector_container_from_array(np.ascontiguousarray(points, np.float32).ravel()))
    if cells is not None:
        size = cells.shape[1]
        flat = np.insert(cells, 0, size, axis=1)
        flat = np.insert(flat, 0, {2: 1, 3: 2}[size], axis=1).astype(np.uint64)
        mesh.SetCellsArray(itk.vector_container_from_array(flat.ravel()))
    return mesh


def points_of(mesh):
    return itk.array_from_vector_container(mesh.GetPoints())


def mean_distance(points, others):
    """From each point to the nearest of the others, both ways."""
    squares = np.square(points[:, None] - others[None]).sum(axis=-1)
    return (np.sqrt(squares.min(axis=0)).mean() + np.sqrt(squares.min(axis=1)).mean()) / 2
