"""Registrations of synthetic and real images with ITK's own methods, driven from Python."""
import itk
import numpy as np
import pytest
from sinkhorn_testing import (
    dice,
    find_data,
    make_blob,
    make_field,
    make_metric,
    make_syn,
    minimum_jacobian,
    set_levels,
    warp,
)


def sinkhorn_metric(image, **settings):
    return itk.SinkhornImageToImageMetricv4[type(image), type(image)].New(**settings)


def read_scaled(*parts, shrink=1):
    """A real image with intensities from 0 to 1."""
    image = itk.imread(find_data(*parts), itk.F)
    if shrink > 1:
        image = itk.bin_shrink_image_filter(image, shrink_factors=[shrink] * image.GetImageDimension())
    return itk.rescale_intensity_image_filter(image, output_minimum=0.0, output_maximum=1.0)


def read_labels(*parts):
    return itk.imread(find_data(*parts), itk.UC)


def mean_dice(fixed, warped, labels=(1, 2)):
    a, b = np.asarray(fixed), np.asarray(warped)
    return np.mean([2 * ((a == k) & (b == k)).sum() / ((a == k).sum() + (b == k).sum()) for k in labels])


def warp_labels(labels, fixed, transform):
    nearest = itk.NearestNeighborInterpolateImageFunction[type(labels), itk.D].New()
    return warp(labels, fixed, transform, nearest)


def correlation(a, b):
    return np.corrcoef(np.asarray(a).ravel(), np.asarray(b).ravel())[0, 1]


@pytest.mark.parametrize("dimension, size", [(2, 64), (3, 32)])
def test_translation_is_found(dimension, size):
    shift = [5.0, -4.0, 3.0][:dimension]
    center = [size / 2] * dimension
    fixed = make_blob(dimension, center, size=size, sigma=2.5)
    moving = make_blob(dimension, [c + s for c, s in zip(center, shift)], size=size, sigma=2.5)
    transform = itk.TranslationTransform[itk.D, dimension].New()
    optimizer = itk.RegularStepGradientDescentOptimizerv4.New(LearningRate=1.0, MinimumStepLength=1e-3, NumberOfIterations=100)
    values = []
    optimizer.AddObserver(itk.IterationEvent(), lambda: values.append(optimizer.GetCurrentMetricValue()))
    registration = itk.ImageRegistrationMethodv4[type(fixed), type(fixed)].New()
    registration.SetFixedImage(fixed)
    registration.SetMovingImage(moving)
    registration.SetMetric(make_metric(fixed, moving, transform))
    registration.SetOptimizer(optimizer)
    registration.SetInitialTransform(transform)
    set_levels(registration, [1], [0])
    registration.Update()
    assert list(registration.GetTransform().GetParameters()) == pytest.approx(shift, abs=0.1)
    assert values[-1] < 0.01 * values[0]


@pytest.mark.parametrize("iterations, shrink", [([40], [1]), ([30, 20], [2, 1]), ([20, 20, 10], [4, 2, 1])])
@pytest.mark.parametrize("model", ["intensity", "push-forward"])
def test_syn_brings_distant_blobs_together(iterations, shrink, model):
    fixed, moving = (make_blob(2, [x, 32], size=64) for x in (20, 44))
    registration = make_syn(fixed, moving, sinkhorn_metric(fixed, mass_model=model), iterations, shrink, [0] * len(shrink))
    registration.Update()
    transform = registration.GetModifiableTransform()
    assert dice(fixed, moving) == 0
    assert dice(fixed, warp(moving, fixed, transform)) > 0.8
    assert minimum_jacobian(transform, fixed) > 0


def test_syn_driven_by_the_kernel_distance():
    fixed, moving = (make_blob(2, [x, 32], size=64) for x in (20, 44))
    metric = itk.KernelDistanceImageToImageMetricv4[type(fixed), type(fixed)].New(blur=15.0, mass_model="push-forward")
    registration = make_syn(fixed, moving, metric, [40], [1], [0])
    registration.Update()
    warped = warp(moving, fixed, registration.GetModifiableTransform())
    before, after = (itk.sinkhorn_transport_image_filter(fixed, image).divergence for image in (moving, warped))
    # The baseline arrives, but not as exactly as transport does.
    assert dice(fixed, warped) > 0.5
    assert after < 0.1 * before
    assert minimum_jacobian(registration.GetModifiableTransform(), fixed) > 0


def test_observer_of_syn_sees_levels_and_values():
    fixed, moving = (make_blob(2, [x, 32], size=64) for x in (24, 40))
    registration = make_syn(fixed, moving, sinkhorn_metric(fixed), [5, 4], [2, 1], [0, 0])
    seen = []
    registration.AddObserver(
        itk.IterationEvent(), lambda: seen.append((registration.GetCurrentLevel(), registration.GetCurrentMetricValue()))
    )
    registration.Update()
    assert [level for level, _ in seen].count(0) >= 5 and [level for level, _ in seen].count(1) >= 4
    assert seen[-1][1] < seen[1][1]


def test_levels_without_adaptors_fail_as_the_documentation_says():
    fixed, moving = (make_blob(2, [x, 32], size=64) for x in (24, 40))
    registration = make_syn(fixed, moving, sinkhorn_metric(fixed), [2, 2], [2, 1], [0, 0])
    field = itk.DisplacementFieldTransform[itk.D, 2].New()
    field.SetDisplacementField(make_field(fixed))
    bare = itk.SyNImageRegistrationMethod[type(fixed), type(fixed)].New()
    bare.SetFixedImage(fixed)
    bare.SetMovingImage(moving)
    bare.SetMetric(sinkhorn_metric(fixed))
    bare.SetInitialTransform(field)
    set_levels(bare, [2, 1], [0, 0])
    bare.SetNumberOfIterationsPerLevel([2, 2])
    with pytest.raises(RuntimeError):
        bare.Update()
    registration.Update()


def make_velocity_registration(fixed, moving, metric, iterations, shrink, rate, variance=40.0):
    points_in_time = 4
    transform = itk.GaussianSmoothingOnUpdateTimeVaryingVelocityFieldTransform[itk.D, fixed.GetImageDimension()].New()
    transform.SetGaussianSpatialSmoothingVarianceForTheUpdateField(variance)
    transform.SetGaussianSpatialSmoothingVarianceForTheTotalField(0.0)
    transform.SetGaussianTemporalSmoothingVarianceForTheUpdateField(1.0)
    transform.SetGaussianTemporalSmoothingVarianceForTheTotalField(0.0)
    transform.SetVelocityField(make_field(fixed, extra=[points_in_time]))
    transform.SetLowerTimeBound(0.0)
    transform.SetUpperTimeBound(1.0)
    transform.IntegrateVelocityField()
    registration = itk.TimeVaryingVelocityFieldImageRegistrationMethodv4[type(fixed), type(fixed)].New()
    registration.SetFixedImage(fixed)
    registration.SetMovingImage(moving)
    registration.SetMetric(metric)
    registration.SetInitialTransform(transform)
    set_levels(registration, shrink, [0] * len(shrink))
    registration.SetNumberOfIterationsPerLevel(iterations)
    registration.SetLearningRate(rate)
    registration.InPlaceOn()
    itk.DisplacementFieldLevelAdaptors[type(fixed)].New().Apply(registration, fixed)
    return registration


@pytest.mark.parametrize("iterations, shrink", [([40], [1]), ([30, 15], [2, 1])])
def test_velocity_field_brings_distant_blobs_together(iterations, shrink):
    fixed, moving = (make_blob(2, [x, 32], size=64) for x in (26, 38))
    registration = make_velocity_registration(fixed, moving, sinkhorn_metric(fixed), iterations, shrink, 3.0)
    registration.Update()
    transform = registration.GetModifiableTransform()
    warped = warp(moving, fixed, transform)
    assert dice(fixed, moving) == 0
    assert dice(fixed, warped) > 0.65
    before, after = (itk.sinkhorn_transport_image_filter(fixed, image).divergence for image in (moving, warped))
    assert after < 0.03 * before
    assert minimum_jacobian(transform, fixed) > 0


def test_velocity_field_of_real_knee_slices():
    fixed, moving = (read_scaled("geomloss_densities", f"knee_{name}.png", shrink=8) for name in "ba")
    for image in (fixed, moving):
        image.SetSpacing([1.0, 1.0])
        image.SetOrigin([0.0, 0.0])
    registration = make_velocity_registration(fixed, moving, sinkhorn_metric(fixed), [30], [1], 6.0, variance=20.0)
    registration.Update()
    warped = warp(moving, fixed, registration.GetModifiableTransform())
    before, after = (itk.sinkhorn_transport_image_filter(fixed, image).divergence for image in (moving, warped))
    assert after < 0.5 * before


def test_adaptors_of_a_velocity_field_need_its_transform():
    fixed = make_blob(2, [32, 32], size=64)
    registration = itk.TimeVaryingVelocityFieldImageRegistrationMethodv4[type(fixed), type(fixed)].New()
    with pytest.raises(RuntimeError, match="TimeVaryingVelocityFieldTransform"):
        itk.DisplacementFieldLevelAdaptors[type(fixed)].New().Apply(registration, fixed)


def make_affine_registration(fixed, moving, metric, transform, iterations=60):
    optimizer = itk.RegularStepGradientDescentOptimizerv4.New(
        LearningRate=2.0, MinimumStepLength=1e-3, NumberOfIterations=iterations, RelaxationFactor=0.7
    )
    estimator = itk.RegistrationParameterScalesFromPhysicalShift[type(metric)].New()
    estimator.SetMetric(metric)
    optimizer.SetScalesEstimator(estimator)
    optimizer.SetDoEstimateLearningRateOnce(False)
    optimizer.SetDoEstimateLearningRateAtEachIteration(False)
    registration = itk.ImageRegistrationMethodv4[type(fixed), type(fixed)].New()
    registration.SetFixedImage(fixed)
    registration.SetMovingImage(moving)
    registration.SetMetric(metric)
    registration.SetOptimizer(optimizer)
    registration.SetInitialTransform(transform)
    registration.InPlaceOn()
    set_levels(registration, [2, 1], [0, 0])
    return registration


def test_affine_of_real_hippocampi():
    labels = [read_labels("msd_hippocampus", "labels", f"hippocampus_0{k}.nii.gz") for k in ("11", "14")]
    fixed, moving = (itk.image_from_array((itk.array_from_image(label) > 0).astype(np.float32)) for label in labels)
    for image, label in zip((fixed, moving), labels):
        image.CopyInformation(label)
    transform = itk.AffineTransform[itk.D, 3].New()
    size = fixed.GetBufferedRegion().GetSize()
    transform.SetCenter(fixed.TransformIndexToPhysicalPoint([n // 2 for n in size]))
    registration = make_affine_registration(fixed, moving, sinkhorn_metric(fixed, blur=2.0), transform)
    registration.Update()
    before = dice(fixed, warp(moving, fixed, itk.AffineTransform[itk.D, 3].New()))
    after = dice(fixed, warp(moving, fixed, transform))
    assert after > before + 0.15 and after > 0.75
    assert transform.GetMatrix()(0, 0) > 0.5


def test_multi_metric_takes_metrics_of_both_wheels():
    image_type = itk.Image[itk.F, 2]
    multi = itk.ObjectToObjectMultiMetricv4[2, 2, image_type, itk.D].New()
    for name in ("Sinkhorn", "MeanSquares", "Correlation", "MattesMutualInformation", "ANTSNeighborhoodCorrelation"):
        multi.AddMetric(getattr(itk, name + "ImageToImageMetricv4")[image_type, image_type].New())
    assert multi.GetNumberOfMetrics() == 5
    multi.SetMetricWeights([4, 1, 1, 1, 1])
    assert multi.GetMetricWeights() == [4, 1, 1, 1, 1]
    with pytest.raises(RuntimeError, match="another dimension or pixel type"):
        multi.AddMetric(itk.MeanSquaresImageToImageMetricv4[itk.Image[itk.F, 3], itk.Image[itk.F, 3]].New())


def test_multi_metric_syn_of_real_hippocampi():
    pair = ("11", "14")
    images = [read_scaled("msd_hippocampus", "images", f"hippocampus_0{k}.nii.gz") for k in pair]
    labels = [read_labels("msd_hippocampus", "labels", f"hippocampus_0{k}.nii.gz") for k in pair]
    fixed, moving = images
    multi = itk.ObjectToObjectMultiMetricv4[3, 3, type(fixed), itk.D].New()
    multi.AddMetric(sinkhorn_metric(fixed))
    multi.AddMetric(itk.MeanSquaresImageToImageMetricv4[type(fixed), type(fixed)].New())
    multi.SetMetricWeights([0.5, 0.5])
    registration = make_syn(fixed, moving, multi, [20, 10], [2, 1], [1, 0], variance=20.0)
    registration.SetLearningRate(0.25)
    for k in range(2):
        registration.SetFixedImage(k, fixed)
        registration.SetMovingImage(k, moving)
    registration.Update()
    transform = registration.GetModifiableTransform()
    before = correlation(fixed, warp(moving, fixed, itk.IdentityTransform[itk.D, 3].New()))
    after = correlation(fixed, warp(moving, fixed, transform))
    assert after > before + 0.1
    assert minimum_jacobian(transform, fixed) > 0
    identity = itk.IdentityTransform[itk.D, 3].New()
    dices = [mean_dice(labels[0], warp_labels(labels[1], labels[0], t)) for t in (identity, transform)]
    assert dices[0] < 0.36 and dices[1] > 0.7


def test_syn_of_real_slices_of_two_brains():
    fixed, moving = (read_scaled("ants_slices", f"{name}slice.jpg", shrink=2) for name in ("r16", "r64"))
    registration = make_syn(fixed, moving, sinkhorn_metric(fixed), [20, 20], [2, 1], [1, 0], variance=9.0)
    registration.Update()
    transform = registration.GetModifiableTransform()
    before = itk.sinkhorn_transport_image_filter(fixed, moving).divergence
    after = itk.sinkhorn_transport_image_filter(fixed, warp(moving, fixed, transform)).divergence
    assert after < 0.5 * before
    assert minimum_jacobian(transform, fixed) > 0
