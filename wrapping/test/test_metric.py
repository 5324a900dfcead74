"""The Sinkhorn metric in the stock wheel of ITK: values, derivatives, registrations, errors, memory."""
import resource

import itk
import numpy as np
import pytest

NUMPY_TYPES = {"F": np.float32, "D": np.float64}


def make_blob(dimension, center, pixel="F", size=48, sigma=4.0):
    """A Gaussian of that centre (voxels, x first) that falls to exactly 0 at four sigma."""
    axes = np.meshgrid(*[np.arange(size, dtype=np.float64)] * dimension, indexing="ij")
    squared = sum((axis - c) ** 2 for axis, c in zip(axes, center[::-1]))
    values = np.where(squared < (4 * sigma) ** 2, np.exp(-squared / (2 * sigma**2)), 0)
    return itk.image_from_array(values.astype(NUMPY_TYPES[pixel]))


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


def make_field(image):
    """A displacement field of zeros on the image's grid."""
    dimension = image.GetImageDimension()
    field = itk.Image[itk.Vector[itk.D, dimension], dimension].New()
    field.CopyInformation(image)
    field.SetRegions(image.GetLargestPossibleRegion())
    field.Allocate()
    field.FillBuffer(itk.Vector[itk.D, dimension]([0.0] * dimension))
    return field


def run_syn(fixed, moving, metric, iterations, shrink, smoothing):
    """SyN; returns the Dice of the half-height sets after it."""
    image_type = type(fixed)
    transform = itk.DisplacementFieldTransform[itk.D, fixed.GetImageDimension()].New()
    transform.SetDisplacementField(make_field(fixed))
    transform.SetInverseDisplacementField(make_field(fixed))
    registration = itk.SyNImageRegistrationMethod[image_type, image_type].New()
    registration.SetFixedImage(fixed)
    registration.SetMovingImage(moving)
    registration.SetMetric(metric)
    registration.SetInitialTransform(transform)
    registration.SetNumberOfLevels(len(iterations))
    registration.SetShrinkFactorsPerLevel(shrink)
    registration.SetSmoothingSigmasPerLevel(smoothing)
    registration.SetNumberOfIterationsPerLevel(iterations)
    registration.SetLearningRate(0.5)
    registration.SetGaussianSmoothingVarianceForTheUpdateField(40.0)
    registration.SetAverageMidPointGradients(True)
    itk.DisplacementFieldLevelAdaptors[image_type].New().Apply(registration, fixed)
    registration.Update()
    warped = itk.resample_image_filter(
        moving, transform=registration.GetModifiableTransform(), reference_image=fixed, use_reference_image=True
    )
    a, b = (itk.array_from_image(i) > 0.5 for i in (fixed, warped))
    return 2 * (a & b).sum() / (a.sum() + b.sum())


@pytest.mark.parametrize("iterations, shrink", [([40], [1]), ([30, 20], [2, 1])])
def test_syn_brings_distant_blobs_together(iterations, shrink):
    fixed = make_blob(2, [20, 32], size=64)
    moving = make_blob(2, [44, 32], size=64)
    metric = itk.SinkhornImageToImageMetricv4[type(fixed), type(fixed)].New()
    assert run_syn(fixed, moving, metric, iterations, shrink, [0] * len(shrink)) > 0.8


def test_multi_metric_holds_the_metric():
    image_type = itk.Image[itk.F, 2]
    multi = itk.ObjectToObjectMultiMetricv4[2, 2, image_type, itk.D].New()
    multi.AddMetric(itk.SinkhornImageToImageMetricv4[image_type, image_type].New())
    multi.AddMetric(itk.MeanSquaresImageToImageMetricv4[image_type, image_type].New())
    assert multi.GetNumberOfMetrics() == 2


def test_scales_estimator_knows_the_metric():
    fixed = make_blob(2, [20, 25])
    metric = make_metric(fixed, make_blob(2, [23, 22]), itk.TranslationTransform[itk.D, 2].New())
    metric.Initialize()
    estimator = itk.RegistrationParameterScalesFromPhysicalShift[type(metric)].New()
    estimator.SetMetric(metric)
    scales = itk.OptimizerParameters[itk.D](2)
    estimator.EstimateScales(scales)
    assert [scales[0], scales[1]] == pytest.approx([1, 1], rel=1e-3)


def test_errors_of_the_metric_are_exceptions_that_name_the_voxel():
    fixed = make_blob(2, [20, 25])
    values = itk.array_from_image(fixed).copy()
    values[7, 5] = -1
    metric = make_metric(fixed, itk.image_from_array(values), itk.TranslationTransform[itk.D, 2].New())
    with pytest.raises(RuntimeError, match=r"\[5, 7\]"):
        metric.Initialize()
    metric = make_metric(fixed, fixed, itk.TranslationTransform[itk.D, 2].New(), blur=1.0)
    with pytest.raises(RuntimeError, match="(?i)blur"):
        metric.SetBlur(0.0)
        metric.Initialize()


def test_other_pixel_types_are_refused():
    image_type = itk.Image[itk.UC, 2]
    with pytest.raises((KeyError, itk.TemplateTypeError)):
        itk.SinkhornImageToImageMetricv4[image_type, image_type]


def test_no_leak_over_a_thousand_evaluations():
    metric = make_metric(make_blob(2, [20, 25]), make_blob(2, [23, 22]), itk.TranslationTransform[itk.D, 2].New())
    metric.SetTolerance(1e-2)

    def evaluate(times):
        for _ in range(times):
            metric.Initialize()
            get_derivative(metric)

    evaluate(100)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    evaluate(1000)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20000  # kB
