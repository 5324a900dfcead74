#!/usr/bin/env python3
"""An ordinary SyN pipeline of ITK in which one line decides what drives it.

    python syn_with_sinkhorn.py fixed.nii.gz moving.nii.gz warped.nii.gz --metric sinkhorn --transform transform.h5

2-D or 3-D by the file, intensities not negative. Needs only `pip install itk_sinkhorn-*.whl`.
"""
import argparse
import sys

import itk
import numpy as np


def make_metric(name, image):
    """The line to swap."""
    image_type = type(image)
    if name == "sinkhorn":
        return itk.SinkhornImageToImageMetricv4[image_type, image_type].New(mass_model="push-forward")
    return itk.MeanSquaresImageToImageMetricv4[image_type, image_type].New()


def make_field(image):
    dimension = image.GetImageDimension()
    field = itk.Image[itk.Vector[itk.D, dimension], dimension].New()
    field.CopyInformation(image)
    field.SetRegions(image.GetLargestPossibleRegion())
    field.Allocate()
    field.FillBuffer(itk.Vector[itk.D, dimension]([0.0] * dimension))
    return field


def make_registration(fixed, moving, metric, options):
    image_type = type(fixed)
    levels = len(options.iterations)
    transform = itk.DisplacementFieldTransform[itk.D, fixed.GetImageDimension()].New()
    transform.SetDisplacementField(make_field(fixed))
    transform.SetInverseDisplacementField(make_field(fixed))

    registration = itk.SyNImageRegistrationMethod[image_type, image_type].New()
    registration.SetFixedImage(fixed)
    registration.SetMovingImage(moving)
    registration.SetMetric(metric)
    registration.SetInitialTransform(transform)
    registration.SetNumberOfLevels(levels)
    registration.SetShrinkFactorsPerLevel([2**k for k in reversed(range(levels))])
    registration.SetSmoothingSigmasPerLevel([k for k in reversed(range(levels))])
    registration.SetNumberOfIterationsPerLevel(options.iterations)
    registration.SetLearningRate(options.rate)
    registration.SetGaussianSmoothingVarianceForTheUpdateField(options.variance)
    registration.SetAverageMidPointGradients(True)
    # The stock wheel has no adaptors between levels; ours brings them.
    itk.DisplacementFieldLevelAdaptors[image_type].New().Apply(registration, fixed)
    return registration


def report(registration):
    def show():
        level, iteration = registration.GetCurrentLevel(), registration.GetCurrentIteration()
        print(f"\rlevel {level} iteration {iteration:3d} value {registration.GetCurrentMetricValue():12.5g}", end="", file=sys.stderr)

    registration.AddObserver(itk.IterationEvent(), show)


def parse_arguments(arguments):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("fixed")
    parser.add_argument("moving")
    parser.add_argument("warped", help="output: the moving image on the fixed grid")
    parser.add_argument("--metric", choices=("sinkhorn", "meansquares"), default="sinkhorn")
    parser.add_argument("--transform", help="output: the transform, .h5, for ITK, SimpleITK and ANTs")
    parser.add_argument("--iterations", type=lambda text: [int(n) for n in text.split("x")], default=[60, 40, 20])
    parser.add_argument("--variance", type=float, default=40.0, help="of the smoothing of the update, voxels²; far forces want much")
    parser.add_argument("--rate", type=float, default=0.5, help="largest step, voxels")
    parser.add_argument("--quiet", action="store_true")
    return parser.parse_args(arguments)


def main(arguments=None):
    options = parse_arguments(arguments)
    fixed, moving = (itk.imread(path, itk.F) for path in (options.fixed, options.moving))
    registration = make_registration(fixed, moving, make_metric(options.metric, fixed), options)
    if not options.quiet:
        report(registration)
    registration.Update()
    if not options.quiet:
        print(file=sys.stderr)
    transform = registration.GetModifiableTransform()
    warped = itk.resample_image_filter(moving, transform=transform, reference_image=fixed, use_reference_image=True)
    itk.imwrite(warped, options.warped)
    if options.transform:
        itk.transformwrite([transform], options.transform)
    before, after = (np.square(np.asarray(image) - np.asarray(fixed)).mean() for image in (
        itk.resample_image_filter(moving, reference_image=fixed, use_reference_image=True), warped))
    print(f"{options.metric}: mean squared difference {before:.6g} before, {after:.6g} after")


if __name__ == "__main__":
    main()
