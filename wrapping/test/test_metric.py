"""The Sinkhorn metric in the stock wheel of ITK: values, derivatives, registrations, errors, memory."""
import itk
import numpy as np
import pytest
from sinkhorn_testing import get_derivative, make_blob, make_metric


@pytest.mark.parametrize("dimension, size", [(2, 64), (3, 32)])
@pytest.mark.parametrize("pixel", ["F", "D"])
def test_shift_by_d_costs_half_d_squared(dimension, size, pixel):
    center = [size * 0.4] * dimension
    shift = [3.0, -2.0, 1.0][:dimension]
    fixed = make_blob(dimension, center, pixel, size, 2.5)
    moving = make_blob(dimension, [c + s for c, s in zip(center, shift)], pixel, size, 2.5)
    metric = make_metric(fixed, moving, itk.TranslationTransform[itk.D, dimension].New())
    metric.Initialize()
    assert metric.GetValue() == pytest.approx(sum(s * s for s in shift) / 2, rel=1e-2)
    assert metric.GetConverged()


def test_equal_images_have_no_divergence():
    fixed = make_blob(2, [20, 25])
    metric = make_metric(fixed, make_blob(2, [20, 25]), itk.TranslationTransform[itk.D, 2].New())
    metric.Initialize()
    assert metric.GetValue() == pytest.approx(0, abs=1e-4)


def test_derivative_is_minus_the_gradient_of_the_value():
    transform = itk.TranslationTransform[itk.D, 2].New()
    metric = make_metric(make_blob(2, [20, 25], "D"), make_blob(2, [23, 22], "D"), transform)
    metric.SetTolerance(1e-9)
    metric.SetMaximumNumberOfIterations(5000)
    metric.SetUseWarmStart(False)
    metric.Initialize()
    derivative = get_derivative(metric)
    step = 1e-3
    for k in range(2):
        values = []
        for sign in (1, -1):
            parameters = transform.GetParameters()
            parameters[k] = sign * step
            parameters[1 - k] = 0.0
            transform.SetParameters(parameters)
            metric.Initialize()
            values.append(metric.GetValue())
        assert derivative[k] == pytest.approx(-(values[0] - values[1]) / (2 * step), rel=5e-3)


@pytest.mark.parametrize("dimension, size", [(2, 64), (3, 32)])
def test_translation_is_found(dimension, size):
    shift = [5.0, -4.0, 3.0][:dimension]
    center = [size / 2] * dimension
    fixed = make_blob(dimension, center, size=size, sigma=2.5)
    moving = make_blob(dimension, [c + s for c, s in zip(center, shift)], size=size, sigma=2.5)
    image_type = type(fixed)
    transform = itk.TranslationTransform[itk.D, dimension].New()
    optimizer = itk.RegularStepGradientDescentOptimizerv4.New(LearningRate=1.0, MinimumStepLength=1e-3, NumberOfIterations=100)
    values = []
    optimizer.AddObserver(itk.IterationEvent(), lambda: values.append(optimizer.GetCurrentMetricValue()))
    registration = itk.ImageRegistrationMethodv4[image_type, image_type].New()
    registration.SetFixedImage(fixed)
    registration.SetMovingImage(moving)
    registration.SetMetric(make_metric(fixed, moving, transform))
    registration.SetOptimizer(optimizer)
    registration.SetInitialTransform(transform)
    registration.SetNumberOfLevels(1)
    registration.SetShrinkFactorsPerLevel([1])
    registration.SetSmoothingSigmasPerLevel([0])
    registration.Update()
    found = list(registration.GetTransform().GetParameters())
    assert found == pytest.approx(shift, abs=0.1)
    assert values[-1] < 0.01 * values[0]


@pytest.mark.parametrize("kind", ["PhysicalShift", "IndexShift", "Jacobian"])
@pytest.mark.parametrize("dimension", [2, 3])
@pytest.mark.parametrize("pixel", ["F", "D"])
@pytest.mark.parametrize("name", ["Sinkhorn", "KernelDistance"])
def test_scales_estimators_know_the_metrics(kind, dimension, pixel, name):
    fixed = make_blob(dimension, [12] * dimension, pixel, 24, 2.0)
    moving = make_blob(dimension, [13] * dimension, pixel, 24, 2.0)
    metric = getattr(itk, f"{name}ImageToImageMetricv4")[type(fixed), type(fixed)].New(blur=3.0)
    metric.SetFixedImage(fixed)
    metric.SetMovingImage(moving)
    metric.SetMovingTransform(itk.TranslationTransform[itk.D, dimension].New())
    metric.Initialize()
    estimator = getattr(itk, f"RegistrationParameterScalesFrom{kind}")[type(metric)].New()
    estimator.SetMetric(metric)
    scales = itk.OptimizerParameters[itk.D](dimension)
    estimator.EstimateScales(scales)
    assert list(scales) == pytest.approx([1] * dimension, rel=1e-3)


def test_mass_model_and_acceleration_are_set_by_name():
    metric = itk.SinkhornImageToImageMetricv4[itk.Image[itk.F, 2], itk.Image[itk.F, 2]].New(mass_model="push-forward")
    assert metric.GetMassModel() == "push-forward"
    metric.SetMassModel("intensity")
    assert metric.GetMassModel() == "intensity"
    assert metric.GetAcceleration() == "over-relaxation"
    metric.SetAcceleration("nesterov")
    assert metric.GetAcceleration() == "nesterov"
    with pytest.raises(RuntimeError, match='"elastic" is none of intensity, push-forward'):
        metric.SetMassModel("elastic")
    with pytest.raises(RuntimeError, match="averaged"):
        metric.SetAcceleration("warp")


@pytest.mark.parametrize("model", ["intensity", "push-forward"])
@pytest.mark.parametrize("acceleration", ["none", "averaged", "over-relaxation", "nesterov"])
def test_models_and_accelerations_agree_on_a_shift(model, acceleration):
    transform = itk.TranslationTransform[itk.D, 2].New()
    metric = make_metric(make_blob(2, [20, 25], "D"), make_blob(2, [22, 24], "D"), transform, blur=4.0)
    metric.SetMassModel(model)
    metric.SetAcceleration(acceleration)
    metric.Initialize()
    assert metric.GetValue() == pytest.approx(2.5, rel=1e-2)
    assert get_derivative(metric) == pytest.approx([2, -1], rel=3e-2)


def test_read_outs():
    metric = make_metric(make_blob(2, [20, 25]), make_blob(2, [23, 22]), itk.TranslationTransform[itk.D, 2].New())
    with pytest.raises(RuntimeError):
        metric.GetFixedPotential()
    metric.Initialize()
    value = metric.GetValue()
    assert value == pytest.approx(9, rel=1e-2)
    assert metric.GetBlurInUse() == 2.0
    assert metric.GetNumberOfIterations() > 0
    assert 0 <= metric.GetMarginalError() <= 1e-5
    assert metric.GetNumberOfSolves() == 1
    assert metric.GetFixedMass() == pytest.approx(metric.GetMovingMass(), rel=1e-3)
    assert metric.GetTransportValue() > value
    for image in (metric.GetFixedPotential(), metric.GetMovingPotential(), metric.GetFirstVariation()):
        assert itk.array_from_image(image).shape == (48, 48)
    assert "Blur: 2" in str(metric)


def test_masks_take_mass_away():
    fixed = make_blob(2, [14, 24], sigma=2.0)
    moving = make_blob(2, [17, 24], sigma=2.0)
    itk.array_view_from_image(moving)[:] += itk.array_from_image(make_blob(2, [36, 24], sigma=2.0))
    inside = np.zeros((48, 48), np.uint8)
    inside[:, :27] = 1
    mask = itk.ImageMaskSpatialObject[2].New()
    mask.SetImage(itk.image_from_array(inside))
    mask.Update()
    metric = make_metric(fixed, moving, itk.TranslationTransform[itk.D, 2].New())
    metric.Initialize()
    assert metric.GetValue() > 50
    metric.SetMovingImageMask(mask)
    metric.Initialize()
    assert metric.GetValue() == pytest.approx(4.5, rel=0.02)


def test_other_pixel_types_are_refused():
    image_type = itk.Image[itk.UC, 2]
    with pytest.raises((KeyError, itk.TemplateTypeError)):
        itk.SinkhornImageToImageMetricv4[image_type, image_type]


def test_images_of_another_type_are_refused():
    metric = itk.SinkhornImageToImageMetricv4[itk.Image[itk.F, 2], itk.Image[itk.F, 2]].New()
    with pytest.raises(TypeError):
        metric.SetFixedImage(make_blob(2, [20, 25], "D"))
    with pytest.raises(TypeError):
        metric.SetMovingImage(make_blob(3, [12, 12, 12], "F", 24))
    with pytest.raises((TypeError, ValueError)):
        metric.SetBlur("wide")


@pytest.mark.parametrize("pixel", ["F", "D"])
def test_kernel_distance_of_two_gaussians(pixel):
    """<a-b, k*(a-b)> of Gaussians of deviation s at a distance d, k = exp(-r^2 / 2 blur^2), in closed form."""
    fixed, moving = make_blob(2, [20, 25], pixel, sigma=3.0), make_blob(2, [28, 25], pixel, sigma=3.0)
    metric = itk.KernelDistanceImageToImageMetricv4[type(fixed), type(fixed)].New(blur=5.0)
    metric.SetFixedImage(fixed)
    metric.SetMovingImage(moving)
    metric.SetMovingTransform(itk.TranslationTransform[itk.D, 2].New())
    metric.Initialize()
    variance = 5.0**2 + 2 * 3.0**2
    assert metric.GetValue() == pytest.approx(2 * 25 / variance * (1 - np.exp(-64 / (2 * variance))), rel=1e-2)
    assert get_derivative(metric)[0] > 0
    metric.SetKernel("energy")
    metric.Initialize()
    assert metric.GetKernel() == "energy" and 0 < metric.GetValue() < 2 * 8
    with pytest.raises(RuntimeError, match="gaussian, energy"):
        metric.SetKernel("laplacian")
