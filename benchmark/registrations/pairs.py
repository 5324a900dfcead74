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
"""The pairs of the comparison, real ones and real images deformed by known maps, prepared as files that every program can read.

Each pair becomes a folder with fixed.mha, moving.mha (float), fixed_labels.mha, moving_labels.mha where there are any,
fixed_mask.mha, moving_mask.mha and points (physical, mm, a line each) where the data has them.
"""
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import SimpleITK as sitk


@dataclass
class Pair:
    name: str
    group: str
    """Options of sinkhorn-register that say what the intensities are."""
    options: list = field(default_factory=list)


HIPPOCAMPI = [(1, 3), (4, 6), (7, 8), (11, 14), (15, 17), (19, 20), (23, 24), (25, 26), (33, 34), (35, 36)]
SHAPES = ["bar", "blobs", "crescent", "moon", "noisyblobs", "ring", "slope", "worm", "knee"]
PROSTATES = ["000000", "000001", "000002", "000010", "000020", "000026"]
KNEES = [("9003406", "9007827"), ("9047800", "9056363"), ("9068453", "9085290"), ("9094865", "9102858"),
         ("9200458", "9279291")]


"""Fixed and moving image and their labels, below DATA."""
INTENSITIES = {
    "head": ("oasis_vxm_3d/A", "oasis_vxm_3d/vxm", "{}.nii.gz", "{}_label.nii.gz"),
    "head_slab": ("oasis_vxm_3d/A", "oasis_vxm_3d/vxm_slab", "{}.nii.gz", "{}_label.nii.gz"),
    "slices_01_02": ("oasis_trt_slices/01", "oasis_trt_slices/02", "{}.nii.gz", "{}_label.nii.gz"),
    "slices_03_04": ("oasis_trt_slices/03", "oasis_trt_slices/04", "{}.nii.gz", "{}_label.nii.gz"),
    "thick_slab_2_3": ("ants_jlf_slab/{}2", "ants_jlf_slab/{}3", "i", "s"),
}


"""Ages of mouse brains, fixed and moving, with the same structures."""
AGES = {"P14_P56": ("P56", "P14"), "E13_E15": ("E15-5", "E13-5"), "E15_P56": ("P56", "E15-5")}
"""Left and right structures of a body, by number."""
SIDES = [(2, 3), (8, 9), (65, 66), (67, 68), (75, 76), (77, 78), (80, 81), (82, 83), (84, 85), (86, 87), (88, 89)] + [
    (92 + rib, 104 + rib) for rib in range(12)]


"""Images that are deformed by a known smooth map: file, shrink factor."""
WARPED = {"head": ("oasis_vxm_3d/A.nii.gz", 2), "hippocampus": ("msd_hippocampus/images/hippocampus_001.nii.gz", 1), "slice": ("oasis_trt_slices/01.nii.gz", 1)}
"""Width of the Gaussian and largest displacement of the maps, of the longest side of the image."""
WARPS = {"wide": (0.14, 0.045), "fine": (0.07, 0.025)}


def all_pairs():
    pairs = [Pair("amoebas", "shapes")] + [Pair(name, "shapes") for name in SHAPES]
    pairs += [Pair(f"knee2d_{fixed}", "knee2d") for fixed, _ in KNEES]
    for group in ("hippocampus_labels", "hippocampus_images"):
        pairs += [Pair(f"{group}_{fixed:03d}_{moving:03d}", group) for fixed, moving in HIPPOCAMPI]
    pairs += [Pair(f"ages_{name}", "label_maps") for name in AGES] + [Pair("mirror", "label_maps"), Pair("heads_03_04", "label_maps")]
    pairs += [Pair("oai", "oai"), Pair("devccf_P14_P56", "devccf")]
    pairs += [Pair(f"prostate_{case}", "prostate") for case in PROSTATES]
    pairs.append(Pair("lung", "lung", ["--density", "window:-1000:400"]))
    pairs += [Pair(name, "intensities") for name in INTENSITIES] + [Pair("lobe_he_cd31", "stains")]
    pairs += [Pair(f"{name}_{warp}", "warps") for name in WARPED for warp in WARPS]
    return pairs


def grey(path):
    image = sitk.ReadImage(str(path))
    if image.GetNumberOfComponentsPerPixel() > 1:
        image = sitk.VectorIndexSelectionCast(image, 0)
    return sitk.Cast(image, sitk.sitkFloat32)


def picture(path, longest=256):
    """A photograph or drawing as an image of unit spacing, at most `longest` pixels wide."""
    image = grey(path)
    image.SetSpacing([1.0] * 2)
    image.SetOrigin([0.0] * 2)
    factor = max(image.GetSize()) / longest
    if factor > 1.0:
        size = [int(round(n / factor)) for n in image.GetSize()]
        image = sitk.SmoothingRecursiveGaussian(image, 0.5 * factor)
        image = sitk.Resample(image, size, sitk.Transform(), sitk.sitkLinear, [0.5 * (factor - 1.0)] * 2, [factor] * 2)
        image.SetSpacing([1.0] * 2)
        image.SetOrigin([0.0] * 2)
    return sitk.Clamp(image, sitk.sitkFloat32, 0.0, 255.0)


def shrink(image, factor):
    if factor == 1:
        return image
    return sitk.Shrink(sitk.SmoothingRecursiveGaussian(image, [0.5 * factor * each for each in image.GetSpacing()]), [factor] * image.GetDimension())


def binary(image, threshold):
    return sitk.Cast(image > threshold, sitk.sitkUInt8)


def points(path, image):
    rows = [line.split() for line in open(path) if line.strip()]
    rows = [[float(value) for value in row] for row in rows if len(row) == image.GetDimension()]
    return np.array([image.TransformContinuousIndexToPhysicalPoint(row) for row in rows])


def centred(image):
    """The same voxels with the middle of the grid at the origin: for sets whose origins mean nothing."""
    middle = image.TransformContinuousIndexToPhysicalPoint([0.5 * (n - 1) for n in image.GetSize()])
    image.SetOrigin([origin - shift for origin, shift in zip(image.GetOrigin(), middle)])
    return image


def mirror(labels):
    """A label map and its mirror image across the first axis, left and right renamed; labels of more than 500 voxels count."""
    array = sitk.GetArrayFromImage(labels)
    names = np.arange(max(int(array.max()), max(max(pair) for pair in SIDES)) + 1, dtype=array.dtype)
    for left, right in SIDES:
        names[left], names[right] = right, left
    mirrored = names[array[..., ::-1]]
    counts = [np.bincount(each.ravel(), minlength=names.size) for each in (array, mirrored)]
    large = np.logical_and(*(count > 500 for count in counts))
    images = []
    for each in (array, mirrored, np.where(large[array], array, 0), np.where(large[mirrored], mirrored, 0)):
        images.append(sitk.GetImageFromArray(each))
        images[-1].CopyInformation(labels)
    return dict(zip(("fixed", "moving", "fixed_labels", "moving_labels"), images))


def warped(name, data, count=500, noise=0.03):
    """An image and the same deformed by a known smooth map, both with noise, and points of its tissue in both."""
    stem, warp = name.rsplit("_", 1)
    path, factor = WARPED[stem]
    image = shrink(grey(data / path), factor)
    width, largest = WARPS[warp]
    longest = max(size * spacing for size, spacing in zip(image.GetSize(), image.GetSpacing()))
    random = np.random.default_rng([list(WARPED).index(stem), list(WARPS).index(warp)])
    array = sitk.GetArrayFromImage(image)

    def like_image(values, is_vector=False):
        out = sitk.GetImageFromArray(values, isVector=is_vector)
        out.CopyInformation(image)
        return out

    # A Gaussian in the frequency domain: periodic, so as smooth at the border as anywhere.
    frequencies = np.meshgrid(*[np.fft.fftfreq(n, d) for n, d in zip(array.shape, image.GetSpacing()[::-1])], indexing="ij")
    window = np.exp(-2.0 * (np.pi * width * longest) ** 2 * sum(f**2 for f in frequencies))
    noises = [random.standard_normal(array.shape) for _ in range(image.GetDimension())]
    field = np.stack([np.fft.ifftn(np.fft.fftn(each) * window).real for each in noises], -1)
    field *= largest * longest / np.linalg.norm(field, axis=-1).max()
    bright = np.percentile(array[array > array.mean()], 90)
    deformed = sitk.Resample(image, image, sitk.DisplacementFieldTransform(like_image(field, True)), sitk.sitkLinear, 0.0)
    tissue = np.argwhere(sitk.GetArrayFromImage(deformed) > 0.15 * bright)
    chosen = tissue[random.choice(len(tissue), count, replace=False)]
    start = np.array([image.TransformIndexToPhysicalPoint(index[::-1].tolist()) for index in chosen])
    out = {"fixed_points": start, "moving_points": start + field[tuple(chosen.T)]}
    for role, values in (("fixed", sitk.GetArrayFromImage(deformed)), ("moving", array)):
        noisy = values + noise * bright * random.standard_normal(values.shape)
        out[role] = like_image(np.maximum(noisy, 0.0).astype(np.float32))
    return out


def load_label_maps(name, data):
    if name == "mirror":
        return mirror(sitk.ReadImage(str(data / "totalseg_ct/seg.nii.gz")))
    if name == "heads_03_04":
        files = [data / f"synthseg_labels/seg{head}.nii.gz" for head in ("03", "04")]
        images = [sitk.ReadImage(str(file)) for file in files]
    else:
        images = [centred(sitk.ReadImage(str(data / f"devccf_small/{age}_80um.nii.gz"))) for age in AGES[name.removeprefix("ages_")]]
    return {f"{role}{kind}": image for role, image in zip(("fixed", "moving"), images) for kind in ("", "_labels")}


def load(pair, data):
    """-> {name of the file: image or points}"""
    data = Path(data)
    out = {}
    if pair.group == "shapes":
        for role, letter, number in (("fixed", "b", "2"), ("moving", "a", "1")):
            path = data / f"geomloss_densities/{pair.name}_{letter}.png"
            if pair.name == "amoebas":
                path = data / f"lddmm_ot/amoeba_{number}_density.png"
            out[role] = picture(path)
            out[f"{role}_labels"] = binary(out[role], 127.0)
    elif pair.group == "knee2d":
        case = pair.name.split("_")[1]
        for role, name in zip(("fixed", "moving"), next(knee for knee in KNEES if knee[0] == case)):
            out[role] = picture(data / f"knee2d_labels/{name}.png", 100000)
            out[f"{role}_labels"] = sitk.Cast(out[role], sitk.sitkUInt8)
    elif pair.group.startswith("hippocampus"):
        folder = "images" if pair.group.endswith("images") else "labels"
        for role, case in zip(("fixed", "moving"), pair.name.split("_")[-2:]):
            out[role] = grey(data / f"msd_hippocampus/{folder}/hippocampus_{case}.nii.gz")
            labels = grey(data / f"msd_hippocampus/labels/hippocampus_{case}.nii.gz")
            out[f"{role}_labels"] = sitk.Cast(labels, sitk.sitkUInt8)
    elif pair.group == "label_maps":
        out = load_label_maps(pair.name, data)
    elif pair.group == "oai":
        for role, letter in (("fixed", "b"), ("moving", "a")):
            out[role] = grey(data / f"geomloss_densities/OAI_{letter}.nii.gz")
            out[f"{role}_labels"] = sitk.Cast(out[role], sitk.sitkUInt8)
    elif pair.group == "devccf":
        for role, age in (("fixed", "P56"), ("moving", "P14")):
            out[role] = sitk.Cast(binary(centred(grey(data / f"devccf_small/{age}_80um.nii.gz")), 0.5), sitk.sitkFloat32)
            out[f"{role}_labels"] = binary(out[role], 0.5)
    elif pair.group == "prostate":
        case = pair.name.split("_")[1]
        for role in ("fixed", "moving"):
            image = centred(grey(data / f"deepreg_prostate/{case}_{role}_label0.nii.gz"))
            out[role] = sitk.Cast(binary(image, 0.5), sitk.sitkFloat32)
            out[f"{role}_labels"] = binary(image, 0.5)
    elif pair.group == "lung":
        for role, name in (("fixed", "baseline"), ("moving", "followup")):
            out[role] = grey(data / f"elastix_lung3d/3DCT_lung_{name}.mha")
            mask = grey(data / f"elastix_lung3d/3DCT_lung_{name}_mask.mha")
            out[f"{role}_mask"] = binary(mask, 0.0)
            out[f"{role}_points"] = points(data / f"elastix_lung3d/3DCT_lung_{name}.txt", out[role])
    elif pair.group == "intensities":
        fixed, moving, image_name, label_name = INTENSITIES[pair.name]
        for role, stem in (("fixed", fixed), ("moving", moving)):
            image, labels = (
                data / (name.format(stem) if "{}" in name else stem.format(name) + ".nii.gz") for name in (image_name, label_name)
            )
            out[role] = grey(image)
            out[f"{role}_labels"] = sitk.Cast(grey(labels), sitk.sitkUInt16)
    elif pair.group == "warps":
        out = warped(pair.name, data)
    elif pair.group == "stains":
        for role, name in (("fixed", "1-he"), ("moving", "2-cd31")):
            out[role] = grey(data / f"cima_lobes1/{name}.png")
            table = np.genfromtxt(data / f"cima_lobes1/{name}.csv", delimiter=",", skip_header=1)[:, -2:]
            out[f"{role}_points"] = np.array([out[role].TransformContinuousIndexToPhysicalPoint(row) for row in table.tolist()])
    return out


def prepare(pair, data, folder):
    """Writes the files of a pair into `folder`."""
    folder = Path(folder)
    if (folder / "complete").exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    for name, value in load(pair, data).items():
        if isinstance(value, np.ndarray):
            np.savetxt(folder / f"{name}.txt", value)
        else:
            sitk.WriteImage(value, str(folder / f"{name}.mha"), True)
    (folder / "complete").touch()
