"""Values and derivatives from Python equal those of C++: both are held against the same numbers in test/Golden."""
import json

import itk
import numpy as np
import pytest
from sinkhorn_testing import find_golden, get_derivative


def make_image(name, suffix):
    """An image of a golden case; the files list the slowest axis first."""
    case = json.loads(find_golden(f"{name}.json").read_text())
    image = itk.image_from_array(np.load(find_golden(f"{name}_{suffix}.npy")).reshape(case["shape"]))
    image.SetSpacing(case["spacing"][::-1])
    image.SetOrigin(case["origin"][::-1])
    return image


def evaluate(reference):
    """Value and derivative of the metric; the same in test/itkSinkhornMetricReferenceGTest.cxx."""
    fixed, moving = (make_image(reference["images"], suffix) for suffix in "ab")
    transform = itk.AffineTransform[itk.D, fixed.GetImageDimension()].New()
    parameters = transform.GetParameters()
    for k, parameter in enumerate(reference["parameters"]):
        parameters[k] = parameter
    transform.SetParameters(parameters)
    metric = itk.SinkhornImageToImageMetricv4[type(fixed), type(moving)].New()
    metric.SetFixedImage(fixed)
    metric.SetMovingImage(moving)
    metric.SetMovingTransform(transform)
    metric.SetBlur(reference["blur"])
    metric.SetReach(reference["reach"])
    metric.PreserveMassRatioOn()
    metric.SetDebias(reference["debias"])
    metric.SetMassModel(reference["mass_model"])
    metric.SetTolerance(reference["tolerance"])
    metric.SetMaximumNumberOfIterations(5000)
    metric.Initialize()
    result = metric.GetValue(), get_derivative(metric)
    assert metric.GetConverged()
    return result


def read_references():
    path = find_golden("metric.json")
    return json.loads(path.read_text()) if path.exists() else []


def test_there_are_references():
    assert len(read_references()) >= 8


@pytest.mark.parametrize("reference", read_references(), ids=lambda r: "{images}-{mass_model}-debias={debias}".format(**r))
def test_metric_equals_cxx(reference):
    value, derivative = evaluate(reference)
    assert value == pytest.approx(reference["value"], rel=1e-7)
    assert derivative == pytest.approx(reference["derivative"], abs=1e-6 * max(map(abs, reference["derivative"])))


@pytest.mark.parametrize(
    "name", ["aniso_2d_20x32", "aniso_3d_8x10x12", "blobs_2d_32_sig1_32", "blobs_3d_12_sig1_12", "unbal_2d_24_rho0.5"]
)
@pytest.mark.parametrize("pixel, bound", [("D", 1e-8), ("F", 1e-4)])
def test_transport_equals_independent_values(name, pixel, bound):
    """The golden values come from dense code; the bounds are those of test/itkSinkhornGoldenGTest.cxx."""
    case = json.loads(find_golden(f"{name}.json").read_text())
    fixed, moving = (make_image(name, suffix) for suffix in "ab")
    if pixel == "F":
        fixed, moving = (itk.cast_image_filter(image, ttype=(type(image), itk.Image[itk.F, image.GetImageDimension()])) for image in (fixed, moving))
    volume = np.prod(case["spacing"])
    masses = [float(np.asarray(image).sum()) for image in (fixed, moving)]
    reach = np.sqrt(case["rho_half"]) if case["rho_half"] else 0.0
    # The golden densities are masses of points: taken as intensities they have the voxel's volume as a further factor.
    for image in (fixed, moving):
        itk.array_view_from_image(image)[:] /= volume
    result = itk.sinkhorn_transport_image_filter(
        fixed,
        moving,
        blur=case["sigma"],
        reach=reach,
        normalize_masses=False,
        tolerance=1e-10 if pixel == "D" else 1e-4,
        maximum_number_of_iterations=5000,
    )
    assert [result.fixed_mass, result.moving_mass] == pytest.approx(masses, rel=1e-5)
    transport = case["half"]["OT_eps"]
    assert result.transport_value == pytest.approx(transport, rel=bound)
    assert result.divergence == pytest.approx(case["half"]["S_eps"], abs=bound * abs(transport))
