# Copyright NumFOCUS
#
# Licensed under the Apache License, Version 2.0 (the "License");
# you may not use this file except in compliance with the License.
# You may obtain a copy of the License at
#
#         https://www.apache.org/licenses/LICENSE-2.0.txt
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS,
# WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
# See the License for the specific language governing permissions and
# limitations under the License.
"""Programs to compare with, each a function of a prepared pair that returns a displacement field on the fixed grid.

    programs.py NAME FOLDER OUTPUT      one registration; its own process, so that time and memory are its own

NAME: greedy (picsl_greedy, affine and deformation by local correlation; greedy-labels: by squared differences of label
probabilities), demons (SimpleITK's diffeomorphic demons, three
levels), ants-syn and ants-syncc (ANTsPy), elastix (itk-elastix, rigid, affine, B-spline). All with their usual settings; linear pre-alignment is each program's own (demons has none; of images, not of
label maps, it matches the histograms first).
"""
import json
import sys
from pathlib import Path


def mask(folder, role):
    path = folder / f"{role}_mask.mha"
    return path if path.exists() else None


def demons(folder, _):
    import SimpleITK as sitk

    fixed, moving = (sitk.ReadImage(str(folder / f"{role}.mha"), sitk.sitkFloat32) for role in ("fixed", "moving"))
    matched = sitk.HistogramMatching(sitk.Resample(moving, fixed), fixed, 256, 7, True) if not is_label_map(fixed) else moving
    field = None
    for factor in (4, 2, 1):
        small = shrink(fixed, factor)
        source = sitk.Resample(matched, small)
        method = sitk.DiffeomorphicDemonsRegistrationFilter()
        method.SetNumberOfIterations(60)
        method.SetSmoothDisplacementField(True)
        method.SetStandardDeviations(1.0)
        if field is None:
            field = sitk.Image(small.GetSize(), sitk.sitkVectorFloat64)
            field.CopyInformation(small)
        else:
            field = sitk.Resample(field, small)
        field = method.Execute(small, source, field)
    return field, sitk.Version_VersionString()


def shrink(image, factor):
    import SimpleITK as sitk

    if factor == 1:
        return image
    factors = [max(1, min(factor, n // 16)) for n in image.GetSize()]
    sigmas = [0.5 * f * s for f, s in zip(factors, image.GetSpacing())]
    return sitk.Shrink(sitk.SmoothingRecursiveGaussian(image, sigmas), factors)


def is_label_map(image):
    import numpy as np
    import SimpleITK as sitk

    return len(np.unique(sitk.GetArrayViewFromImage(image))) < 64


def ants_transform(folder, kind):
    import ants
    import SimpleITK as sitk

    fixed, moving = (ants.image_read(str(folder / f"{role}.mha")) for role in ("fixed", "moving"))
    result = ants.registration(fixed, moving, type_of_transform=kind, random_seed=1, singleprecision=False)
    transforms = []
    for path in result["fwdtransforms"]:
        if path.endswith(".mat"):
            transforms.append(sitk.ReadTransform(path))
        else:
            transforms.append(sitk.DisplacementFieldTransform(sitk.ReadImage(path, sitk.sitkVectorFloat64)))
    composite = sitk.CompositeTransform(transforms)
    reference = sitk.ReadImage(str(folder / "fixed.mha"))
    field = sitk.TransformToDisplacementField(composite, sitk.sitkVectorFloat64, reference.GetSize(),
                                              reference.GetOrigin(), reference.GetSpacing(), reference.GetDirection())
    return field, ants.__version__


def ants_syn(folder, _):
    return ants_transform(folder, "SyN")


def ants_syncc(folder, _):
    return ants_transform(folder, "SyNCC")


def elastix(folder, output):
    import itk
    import SimpleITK as sitk

    fixed, moving = (itk.imread(str(folder / f"{role}.mha"), itk.F) for role in ("fixed", "moving"))
    parameters = itk.ParameterObject.New()
    # transformix writes its field beside its other files
    for kind in ("rigid", "affine", "bspline"):
        parameters.AddParameterMap(parameters.GetDefaultParameterMap(kind))
    options = {"fixed_mask": "fixed", "moving_mask": "moving"}
    masks = {key: itk.imread(str(mask(folder, role)), itk.UC) for key, role in options.items() if mask(folder, role)}
    _, result = itk.elastix_registration_method(fixed, moving, parameter_object=parameters, log_to_console=False, **masks)
    field = itk.transformix_deformation_field(moving, result, output_directory=str(output))
    array = itk.array_from_image(field).astype("float64")
    image = sitk.GetImageFromArray(array, isVector=True)
    image.CopyInformation(sitk.ReadImage(str(folder / "fixed.mha")))
    return image, itk.Version.GetITKVersion() + ", elastix"


def greedy_labels(folder, _):
    """Affine, then the deformation, both by the squared differences of each label's probability, smoothed by one voxel."""
    import importlib.metadata

    import numpy as np
    import picsl_greedy
    import SimpleITK as sitk

    maps = {role: sitk.ReadImage(str(folder / f"{role}.mha")) for role in ("fixed", "moving")}
    labels = np.intersect1d(*(np.unique(sitk.GetArrayViewFromImage(image)) for image in maps.values()))
    images = {}
    for label in labels[labels > 0].tolist():
        for role, image in maps.items():
            images[f"{role}{label}"] = sitk.SmoothingRecursiveGaussian(sitk.Cast(image == label, sitk.sitkFloat32), image.GetSpacing())
    dimension = maps["fixed"].GetDimension()
    tool = picsl_greedy.Greedy2D() if dimension == 2 else picsl_greedy.Greedy3D()
    channels = " ".join(f"-i fixed{label} moving{label}" for label in labels[labels > 0].tolist())
    common = f"-threads 1 {channels} -m SSD"
    tool.execute(f"{common} -a -ia-image-centers -n 100x50x10 -o affine", affine=None, **images)
    tool.execute(f"{common} -it affine -n 100x50x10 -s 1.732vox 0.7071vox -o warp", warp=None)
    tool.execute(f"-rf fixed{labels[-1]} -rc whole -r warp affine", whole=None)
    return sitk.Cast(tool["whole"], sitk.sitkVectorFloat64), importlib.metadata.version("picsl_greedy")


def greedy(folder, _):
    """Affine, then the deformation, both by local correlation in boxes of radius 2, as its documentation has it."""
    import importlib.metadata

    import picsl_greedy
    import SimpleITK as sitk

    fixed, moving = (sitk.ReadImage(str(folder / f"{role}.mha"), sitk.sitkFloat32) for role in ("fixed", "moving"))
    dimension = fixed.GetDimension()
    tool = picsl_greedy.Greedy2D() if dimension == 2 else picsl_greedy.Greedy3D()
    radius = "x".join(["2"] * dimension)
    masks = f"-gm {mask(folder, 'fixed')}" if mask(folder, "fixed") else ""
    common = f"-threads 1 -i fixed moving -m WNCC {radius} {masks}"
    tool.execute(f"{common} -a -ia-image-centers -n 100x50x10 -o affine", fixed=fixed, moving=moving, affine=None)
    tool.execute(f"{common} -it affine -n 100x50x10 -s 1.732vox 0.7071vox -o warp", warp=None)
    tool.execute("-rf fixed -rc whole -r warp affine", whole=None)
    field = sitk.Cast(tool["whole"], sitk.sitkVectorFloat64)
    return field, importlib.metadata.version("picsl_greedy")


PROGRAMS = {"greedy": greedy, "greedy-labels": greedy_labels, "demons": demons, "ants-syn": ants_syn, "ants-syncc": ants_syncc, "elastix": elastix}

if __name__ == "__main__":
    import SimpleITK as sitk

    name, folder, output = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    displacement, version = PROGRAMS[name](folder, output)
    sitk.WriteImage(displacement, str(output / "displacement.mha"), True)
    (output / "version.json").write_text(json.dumps({"version": version}))
