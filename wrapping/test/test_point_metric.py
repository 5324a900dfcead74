"""The metrics of curves, surfaces and clouds in the stock wheel of ITK: values, derivatives, optimisers, registrations."""
import itk
import numpy as np
import pytest
from sinkhorn_testing import (
    get_derivative,
    make_blob,
    make_curve,
    make_field,
    make_mesh,
    make_surface,
    mean_distance,
    points_of,
)


def make_shape(kind, dimension, pixel="D", **options):
    points, cells = make_curve(**options) if dimension == 2 else make_surface(**options)
    return make_mesh(points, cells if kind == "Mesh" else None, pixel)


def make_metric(name, fixed, moving, transform):
    metric = getattr(itk, f"{name}PointSetToPointSetMetricv4")[type(fixed)].New()
    metric.SetFixedPointSet(fixed)
    metric.SetMovingPointSet(moving)
    metric.SetMovingTransform(transform)
    return metric


def move(transform, points):
    return np.array([list(transform.TransformPoint(point)) for point in points.astype(float).tolist()])


@pytest.mark.parametrize("kind", ["Mesh", "PointSet"])
@pytest.mark.parametrize("pixel", ["F", "D"])
@pytest.mark.parametrize("dimension", [2, 3])
def test_values(kind, pixel, dimension):
    shift = [3.0, -2.0, 1.0][:dimension]
    fixed = make_shape(kind, dimension, pixel)
    moving = make_shape(kind, dimension, pixel, shift=shift)
    identity = itk.TranslationTransform[itk.D, dimension].New()
    sinkhorn = make_metric("Sinkhorn", fixed, moving, identity)
    sinkhorn.SetBlur(2.0)
    sinkhorn.SetTolerance(1e-4)
    sinkhorn.SetMaximumNumberOfIterations(2000)
    sinkhorn.Initialize()
    assert sinkhorn.GetValue() == pytest.approx(sum(s * s for s in shift) / 2, rel=1e-2)
    assert sinkhorn.GetConverged() and sinkhorn.GetBlurInUse() == 2.0
    kernel = make_metric("KernelDistance", fixed, moving, identity)
    kernel.Initialize()
    assert 1e-3 < kernel.GetValue() < 2
    for name in ("Sinkhorn", "KernelDistance"):
        same = make_metric(name, fixed, fixed, identity)
        same.SetBlur(2.0)
        same.Initialize()
        assert same.GetValue() == pytest.approx(0, abs=1e-4)


@pytest.mark.parametrize("name", ["Sinkhorn", "KernelDistance"])
def test_derivative_is_minus_the_gradient_of_the_value(name):
    fixed, moving = make_shape("Mesh", 2, bump=3.0), make_shape("Mesh", 2, shift=(2.0, 1.0))
    transform = itk.AffineTransform[itk.D, 2].New()
    metric = make_metric(name, fixed, moving, transform)
    metric.SetBlur(2.0)
    if name == "Sinkhorn":
        metric.SetTolerance(1e-8)
        metric.SetMaximumNumberOfIterations(5000)
    metric.Initialize()
    derivative = get_derivative(metric)
    start = list(transform.GetParameters())
    step = 1e-4
    for k in range(len(start)):
        values = []
        for sign in (1, -1):
            parameters = transform.GetParameters()
            for j, value in enumerate(start):
                parameters[j] = value + (sign * step if j == k else 0.0)
            transform.SetParameters(parameters)
            values.append(metric.GetValue())
        expected = -(values[0] - values[1]) / (2 * step)
        assert derivative[k] == pytest.approx(expected, rel=2e-3, abs=1e-3 * max(map(abs, derivative)))


def test_settings():
    fixed = make_shape("PointSet", 2)
    metric = make_metric("Sinkhorn", fixed, fixed, itk.TranslationTransform[itk.D, 2].New())
    metric.SetAcceleration("nesterov")
    assert metric.GetAcceleration() == "nesterov"
    masses = itk.Array[itk.D](60)
    masses.Fill(0.0)
    masses[7] = 2.0
    metric.SetFixedMasses(masses)
    metric.SetReach(3.0)
    metric.Initialize()
    assert metric.GetValue() > 0
    masses[8] = -1.0
    metric.SetFixedMasses(masses)
    with pytest.raises(RuntimeError, match="(?i)mass"):
        metric.Initialize()


@pytest.mark.parametrize("broken, message", [("empty", "(?i)moving"), ("nan", "coordinate of particle 3 .* is nan. Remove")])
def test_bad_shapes_are_refused(broken, message):
    points = make_curve()[0]
    points[3, 1] = np.nan
    bad = make_mesh(points[: 0 if broken == "empty" else None])
    metric = make_metric("Sinkhorn", make_shape("PointSet", 2), bad, itk.TranslationTransform[itk.D, 2].New())
    with pytest.raises(RuntimeError, match=message):
        metric.Initialize()


@pytest.mark.parametrize("name", ["Sinkhorn", "KernelDistance"])
@pytest.mark.parametrize("kind", ["Mesh", "PointSet"])
def test_an_optimizer_of_itk_finds_a_rigid_motion(name, kind):
    fixed, moving = (make_shape(kind, 2, bump=3.0, turn=turn, shift=shift) for turn, shift in ((0, (0, 0)), (0.4, (4, -2))))
    transform = itk.Euler2DTransform[itk.D].New()
    metric = make_metric(name, fixed, moving, transform)
    metric.SetBlur(2.0)
    metric.Initialize()
    scales = itk.RegistrationParameterScalesFromPhysicalShift[type(metric)].New()
    scales.SetMetric(metric)
    scales.SetVirtualDomainPointSet(metric.GetVirtualTransformedPointSet())
    optimizer = itk.RegularStepGradientDescentOptimizerv4.New(
        Metric=metric, ScalesEstimator=scales, LearningRate=1.0, MinimumStepLength=1e-4, NumberOfIterations=150
    )
    optimizer.StartOptimization()
    assert transform.GetAngle() == pytest.approx(0.4, abs=0.02)
    assert mean_distance(move(transform, points_of(fixed)), points_of(moving)) < 0.2


def test_a_registration_of_itk_takes_meshes():
    fixed, moving = (make_shape("Mesh", 3, bump=0.3, shift=shift) for shift in ((0, 0, 0), (6, -4, 3)))
    transform = itk.TranslationTransform[itk.D, 3].New()
    image_type = itk.Image[itk.D, 3]
    method = itk.ImageRegistrationMethodv4[image_type, image_type, itk.Transform[itk.D, 3, 3], image_type, type(fixed)].New()
    metric = make_metric("Sinkhorn", fixed, moving, transform)
    metric.SetVirtualDomainFromImage(make_blob(3, [4, 4, 4], "D", 8))  # the method asks the metric for one
    metric.SetBlur(3.0)
    method.SetFixedPointSet(fixed)
    method.SetMovingPointSet(moving)
    method.SetMetric(metric)
    method.SetInitialTransform(transform)
    method.InPlaceOn()
    method.SetNumberOfLevels(1)
    method.SetShrinkFactorsPerLevel([1])
    method.SetSmoothingSigmasPerLevel([0])
    optimizer = itk.RegularStepGradientDescentOptimizerv4.New(LearningRate=2.0, MinimumStepLength=1e-3, NumberOfIterations=60)
    method.SetOptimizer(optimizer)
    method.Update()
    assert list(transform.GetOffset()) == pytest.approx([6, -4, 3], abs=0.1)


def test_syn_of_itk_follows_meshes():
    """The springs of two meshes drive a diffeomorphism; the image only spans the space."""
    fixed, moving = make_shape("Mesh", 2, bump=3.0, shift=(32, 32)), make_shape("Mesh", 2, shift=(34, 31))
    space = make_blob(2, [32, 32], "D", 64)
    image_type = type(space)
    transform = itk.DisplacementFieldTransform[itk.D, 2].New()
    transform.SetDisplacementField(make_field(space))
    transform.SetInverseDisplacementField(make_field(space))
    method = itk.SyNImageRegistrationMethod[image_type, image_type, type(transform), image_type, type(fixed)].New()
    method.SetFixedPointSet(fixed)
    method.SetMovingPointSet(moving)
    metric = make_metric("Sinkhorn", fixed, moving, itk.TranslationTransform[itk.D, 2].New())
    metric.SetVirtualDomainFromImage(space)
    metric.SetBlur(1.0)
    method.SetMetric(metric)
    method.SetInitialTransform(transform)
    method.InPlaceOn()
    method.SetNumberOfLevels(1)
    method.SetShrinkFactorsPerLevel([1])
    method.SetSmoothingSigmasPerLevel([0])
    method.SetNumberOfIterationsPerLevel([100])
    method.SetConvergenceThreshold(1e-12)
    method.SetLearningRate(0.5)
    method.SetGaussianSmoothingVarianceForTheUpdateField(5.0)
    method.SetAverageMidPointGradients(True)
    method.SetDownsampleImagesForMetricDerivatives(False)
    method.Update()
    result = method.GetModifiableTransform()
    before = mean_distance(points_of(fixed), points_of(moving))
    assert mean_distance(move(result, points_of(fixed)), points_of(moving)) < 0.35 * before


@pytest.mark.parametrize("name", ["DisplacementField", "SyNImage", "VelocityFlow"])
def test_fold_free_methods_follow_meshes(name):
    fixed, moving = make_shape("Mesh", 2, bump=3.0, shift=(32, 32)), make_shape("Mesh", 2, shift=(34, 31))
    space = make_blob(2, [32, 32], "D", 64)
    metric = make_metric("Sinkhorn", fixed, moving, itk.TranslationTransform[itk.D, 2].New())
    metric.SetVirtualDomainFromImage(space)
    metric.SetBlur(1.0)
    method = getattr(itk, f"FoldFree{name}RegistrationMethod")[type(space), type(space), type(fixed)].New()
    method.SetFixedPointSet(fixed)
    method.SetMovingPointSet(moving)
    method.SetMetric(metric)
    method.Update()
    transform = method.GetModifiableTransform()
    before = mean_distance(points_of(fixed), points_of(moving))
    assert mean_distance(move(transform, points_of(fixed)), points_of(moving)) < 0.35 * before
    assert mean_distance(move(transform.GetInverseTransform(), points_of(moving)), points_of(fixed)) < 0.35 * before


def test_beside_an_image_metric():
    fixed, moving = make_shape("PointSet", 2), make_shape("PointSet", 2, shift=(2.0, 0.0))
    image = make_blob(2, [20, 25], "D")
    transform = itk.TranslationTransform[itk.D, 2].New()
    of_images = itk.SinkhornImageToImageMetricv4[type(image), type(image)].New(FixedImage=image, MovingImage=image, Blur=2.0)
    of_points = make_metric("Sinkhorn", fixed, moving, transform)
    both = itk.ObjectToObjectMultiMetricv4[2, 2, type(image), itk.D].New()
    for metric in (of_images, of_points):
        metric.SetMovingTransform(transform)
        both.AddMetric(metric)
    both.SetMovingTransform(transform)
    both.SetVirtualDomainFromImage(image)
    both.Initialize()
    both.GetValue()
    of_the_images, of_the_points = both.GetValueArray()
    assert of_the_images == pytest.approx(0, abs=1e-3)
    assert of_the_points == pytest.approx(2.0, rel=1e-2)
