"""Our transforms applied by SimpleITK and by ANTsPy give the same warped image as applied by ITK."""
import itk
import numpy as np
import pytest
from sinkhorn_testing import dice, make_ellipse, make_syn, warp


def make_pair(dimension):
    """Two ellipsoids apart, in a geometry that no axis or unit can be mistaken in."""
    if dimension == 2:
        images = make_ellipse(64, [20, 28], [9, 9]), make_ellipse(64, [44, 34], [7, 11])
        direction = [[0.0, 1.0], [1.0, 0.0]]
    else:
        images = make_ellipse(40, [13, 18, 20], [7, 7, 7]), make_ellipse(40, [26, 22, 19], [5, 8, 7])
        direction = [[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]
    for image in images:
        image.SetSpacing([1.5, 1.0, 2.0][:dimension])
        image.SetOrigin([-20.0, 8.0, 31.0][:dimension])
        image.SetDirection(itk.matrix_from_array(np.array(direction)))
    return images


def make_field_transform(fixed, moving):
    transform = itk.DisplacementFieldTransform[itk.D, fixed.GetImageDimension()].New()
    initializer = itk.SinkhornDisplacementFieldInitializer[type(transform), type(fixed), type(fixed)].New()
    initializer.SetTransform(transform)
    initializer.SetFixedImage(fixed)
    initializer.SetMovingImage(moving)
    initializer.InitializeTransform()
    return transform


def make_affine_transform(fixed, moving):
    dimension = fixed.GetImageDimension()
    transform = itk.AffineTransform[itk.D, dimension].New()
    base = itk.MatrixOffsetTransformBase[itk.D, dimension, dimension]
    initializer = itk.SinkhornTransformInitializer[base, type(fixed), type(fixed)].New()
    initializer.SetTransform(transform)
    initializer.SetFixedImage(fixed)
    initializer.SetMovingImage(moving)
    initializer.InitializeTransform()
    return transform


def make_composite_transform(fixed, moving):
    """Affine first, then what SyN with our metric finds."""
    affine = make_affine_transform(fixed, moving)
    metric = itk.SinkhornImageToImageMetricv4[type(fixed), type(fixed)].New()
    registration = make_syn(fixed, moving, metric, [5], [1], [0], variance=9.0)
    registration.SetMovingInitialTransform(affine)
    registration.Update()
    composite = itk.CompositeTransform[itk.D, fixed.GetImageDimension()].New()
    composite.AddTransform(affine)
    composite.AddTransform(registration.GetModifiableTransform())
    return composite


MAKERS = {"field": make_field_transform, "affine": make_affine_transform, "composite": make_composite_transform}


@pytest.fixture(params=[(d, kind) for d in (2, 3) for kind in MAKERS], ids=lambda p: f"{p[0]}D-{p[1]}")
def case(request, tmp_path):
    """Files of a pair and of a transform between them, and what ITK makes of them."""
    dimension, kind = request.param
    fixed, moving = make_pair(dimension)
    transform = MAKERS[kind](fixed, moving)
    warped = warp(moving, fixed, transform)
    assert dice(fixed, moving) < 0.05 and dice(fixed, warped) > 0.85
    itk.imwrite(fixed, str(tmp_path / "fixed.nrrd"))
    itk.imwrite(moving, str(tmp_path / "moving.nrrd"))
    suffix = "mat" if kind == "affine" else "h5"
    itk.transformwrite([transform], str(tmp_path / f"transform.{suffix}"))
    return tmp_path, suffix, itk.array_from_image(warped)


def test_simpleitk_warps_the_same(case):
    sitk = pytest.importorskip("SimpleITK", reason="SimpleITK is not installed")
    folder, suffix, expected = case
    fixed, moving = (sitk.ReadImage(str(folder / f"{name}.nrrd")) for name in ("fixed", "moving"))
    transform = sitk.ReadTransform(str(folder / f"transform.{suffix}"))
    warped = sitk.GetArrayFromImage(sitk.Resample(moving, fixed, transform, sitk.sitkLinear, 0.0))
    assert np.abs(warped - expected).max() < 1e-4


def test_antspy_warps_the_same(case):
    ants = pytest.importorskip("ants", reason="ANTsPy (antspyx) is not installed")
    folder, suffix, expected = case
    fixed, moving = (ants.image_read(str(folder / f"{name}.nrrd")) for name in ("fixed", "moving"))
    warped = ants.apply_transforms(fixed, moving, [str(folder / f"transform.{suffix}")], interpolator="linear")
    assert np.abs(warped.numpy().T - expected).max() < 1e-4
