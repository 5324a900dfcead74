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
