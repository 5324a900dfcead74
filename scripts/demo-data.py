#!/usr/bin/env python3
"""Make the three pairs of the demonstration: demo-data.py EXAMPLES OUTPUT

EXAMPLES is the folder Data of Debian's package insighttoolkit5-examples. Written to OUTPUT:
  lung-{fixed,moving}[-labels].mha      two slices of a rat's lung as they are; label 1: tissue (intensity 30 and above)
  brain-{fixed,moving}[-labels].nii.gz  a T1 brain, and the same shifted by about 20 mm and smoothly deformed; labels: K-means tissue
  shapes-{fixed,moving}[-labels].mha    a disc and an ellipse, 70 voxels apart, that do not overlap
Needs numpy only.
"""
import gzip
import pathlib
import sys

import numpy as np

NIFTI_TYPES = {2: np.uint8, 4: np.int16, 16: np.float32}


def open_example(folder, name):
    """The bytes of an example file, which a distribution may have compressed."""
    path = folder / name
    if path.exists():
        data = path.read_bytes()
    elif (folder / (name + ".gz")).exists():
        data = (folder / (name + ".gz")).read_bytes()
    else:
        sys.exit(f"demo-data: {path} is missing; the package insighttoolkit5-examples should hold it.")
    return gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data


def read_meta_image(folder, name):
    """An 8-bit MetaImage whose voxels lie in a file of their own."""
    header = dict(
        (part.strip() for part in line.split("=", 1)) for line in open_example(folder, name).decode("ascii", "replace").splitlines() if "=" in line
    )
    shape = [int(n) for n in header["DimSize"].split()][::-1]
    return np.frombuffer(open_example(folder, header["ElementDataFile"]), np.uint8).reshape(shape)


def write_meta_image(path, array):
    header = (
        f"ObjectType = Image\nNDims = {array.ndim}\nBinaryData = True\nBinaryDataByteOrderMSB = False\n"
        f"ElementSpacing = {' '.join(['1'] * array.ndim)}\nDimSize = {' '.join(str(n) for n in array.shape[::-1])}\n"
        "ElementType = MET_UCHAR\nElementDataFile = LOCAL\n"
    )
    path.write_bytes(header.encode("ascii") + np.ascontiguousarray(array, np.uint8).tobytes())


def read_nifti(folder, name):
    """Header (352 bytes) and voxels, slowest axis first, of a little-endian single-file NIfTI."""
    data = open_example(folder, name)
    shape = np.frombuffer(data, "<i2", 3, 42)[::-1]
    voxel_type = NIFTI_TYPES[int(np.frombuffer(data, "<i2", 1, 70)[0])]
    offset = int(np.frombuffer(data, "<f4", 1, 108)[0])
    return data[:352], np.frombuffer(data, voxel_type, int(np.prod(shape)), offset).reshape(shape)


def write_nifti(path, header, array):
    """8-bit voxels under the geometry of an existing header."""
    header = bytearray(header)
    header[70:74] = np.array([2, 8], "<i2").tobytes()  # datatype, bits
    header[108:120] = np.array([352, 1, 0], "<f4").tobytes()  # offset of the voxels, slope, intercept
    header[348:352] = bytes(4)  # no extension
    path.write_bytes(gzip.compress(bytes(header) + np.ascontiguousarray(array, np.uint8).tobytes(), mtime=0))


def sample(array, points, nearest):
    """array at the points (one array per axis, voxels), linear or nearest, 0 outside."""
    result = np.zeros(points[0].shape)
    base = [np.floor(p + 0.5 if nearest else p).astype(int) for p in points]
    for corner in np.ndindex(*(1 if nearest else 2,) * array.ndim):
        index = [b + c for b, c in zip(base, corner)]
        inside = np.logical_and.reduce([(i >= 0) & (i < n) for i, n in zip(index, array.shape)])
        weight = np.ones(points[0].shape)
        if not nearest:
            for p, b, c in zip(points, base, corner):
                weight = weight * (p - b if c else 1 - (p - b))
        result += weight * np.where(inside, array[tuple(np.clip(i, 0, n - 1) for i, n in zip(index, array.shape))], 0)
    return result


def make_lung(examples, output):
    for name, side in (("RatLungSlice1.mha", "fixed"), ("RatLungSlice2.mha", "moving")):
        image = read_meta_image(examples, name)
        write_meta_image(output / f"lung-{side}.mha", image)
        write_meta_image(output / f"lung-{side}-labels.mha", image >= 30)


def make_brain(examples, output):
    header, head = read_nifti(examples, "KmeansTest_T1UCharRaw.nii.gz")
    _, skull_stripped = read_nifti(examples, "KmeansTest_T1RawSkullStrip.nii.gz")
    _, tissue = read_nifti(examples, "KmeansTest_T1KmeansPrelimSegmentation.nii.gz")
    brain = np.where(skull_stripped > 0, head, 0)
    labels = np.where(skull_stripped > 0, tissue, 0)
    grid = np.meshgrid(*[np.arange(n, dtype=float) for n in brain.shape], indexing="ij")
    wave = [2 * np.pi * g / n for g, n in zip(grid, brain.shape)]
    shift = (2.0, 6.0, 8.0)  # voxels of 3, 2 and 2 mm: 21 mm in all
    points = [g + s + 2.5 * np.sin(wave[(k + 1) % 3] * 2) * np.sin(wave[k]) for k, (g, s) in enumerate(zip(grid, shift))]
    write_nifti(output / "brain-fixed.nii.gz", header, np.clip(brain, 0, 255))
    write_nifti(output / "brain-fixed-labels.nii.gz", header, labels)
    write_nifti(output / "brain-moving.nii.gz", header, np.clip(np.rint(sample(brain, points, False)), 0, 255))
    write_nifti(output / "brain-moving-labels.nii.gz", header, sample(labels, points, True))


def make_shapes(output):
    y, x = np.mgrid[0:128, 0:128].astype(float)
    shapes = {
        "fixed": np.hypot(x - 29, y - 64) - 16,  # signed distance to a disc
        "moving": (np.hypot((x - 99) / 12, (y - 64) / 24) - 1) * 12,  # about that of an ellipse
    }
    for side, distance in shapes.items():
        write_meta_image(output / f"shapes-{side}.mha", np.rint(np.clip(0.5 - distance, 0, 1) * 200))
        write_meta_image(output / f"shapes-{side}-labels.mha", distance <= 0)


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    examples, output = (pathlib.Path(a) for a in sys.argv[1:])
    output.mkdir(parents=True, exist_ok=True)
    make_lung(examples, output)
    make_brain(examples, output)
    make_shapes(output)


if __name__ == "__main__":
    main()
