#!/usr/bin/env python3
"""Make the pairs of the demonstration: demo-data.py EXAMPLES OUTPUT

EXAMPLES is the folder Data of Debian's package insighttoolkit5-examples. Written to OUTPUT, with labels beside each image:
  far-{fixed,moving}.mha       a disc and an ellipse, 70 voxels apart, that do not overlap
  opposite-{fixed,moving}.mha  two shapes in one picture that have to go in opposite directions
  labels-{fixed,moving}.mha    tissues of a T1 brain, and the same shifted by about 20 mm and smoothly deformed
  mr-{fixed,moving}.mha        a T1 head, and the same smoothly deformed by up to 12 mm, turned, with another contrast, a drift of
                               brightness and noise; mr-{fixed,moving}-points.csv: 200 points of the brain in both, mm
  slide-{fixed,moving}.png     two slices of a rat's lung, drawn as sections in two stains on white; one is turned by 20 degrees
Needs numpy only.
"""
import gzip
import pathlib
import struct
import sys
import zlib

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


def read_nifti(folder, name):
    """Spacing and voxels, slowest axis first, of a little-endian single-file NIfTI."""
    data = open_example(folder, name)
    shape = np.frombuffer(data, "<i2", 3, 42)[::-1]
    spacing = np.frombuffer(data, "<f4", 3, 80)[::-1]
    voxel_type = NIFTI_TYPES[int(np.frombuffer(data, "<i2", 1, 70)[0])]
    offset = int(np.frombuffer(data, "<f4", 1, 108)[0])
    return spacing, np.frombuffer(data, voxel_type, int(np.prod(shape)), offset).reshape(shape)


def to_bytes(array):
    return np.ascontiguousarray(np.clip(np.rint(array), 0, 255).astype(np.uint8)).tobytes()


def write_image(path, array, spacing=None):
    """An 8-bit MetaImage; arrays and spacings have the slowest axis first."""
    spacing = np.ones(array.ndim) if spacing is None else spacing
    header = (
        f"ObjectType = Image\nNDims = {array.ndim}\nBinaryData = True\nBinaryDataByteOrderMSB = False\n"
        f"ElementSpacing = {' '.join(f'{s:g}' for s in spacing[::-1])}\nDimSize = {' '.join(str(n) for n in array.shape[::-1])}\n"
        "ElementType = MET_UCHAR\nElementDataFile = LOCAL\n"
    )
    path.write_bytes(header.encode("ascii") + to_bytes(array))


def write_colors(path, array):
    """An 8-bit PNG of red, green and blue."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    height, width, _ = array.shape
    rows = b"".join(b"\0" + to_bytes(row) for row in array)
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def sample(array, points, nearest=False):
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


def grid_of(shape):
    return np.meshgrid(*[np.arange(n, dtype=float) for n in shape], indexing="ij")


def turn(points, shape, degrees):
    """Points turned about the middle of the last two axes."""
    *rest, y, x = points
    middle = [(n - 1) / 2 for n in shape[-2:]]
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return [*rest, middle[0] + c * (y - middle[0]) - s * (x - middle[1]), middle[1] + s * (y - middle[0]) + c * (x - middle[1])]


def wave(points, shape, amplitude, periods):
    """Points displaced by a smooth field that is nothing at the border, voxels."""
    phase = [2 * np.pi * p / n for p, n in zip(points, shape)]
    return [p + amplitude * np.sin(phase[(k + 1) % len(points)] * periods) * np.sin(phase[k]) for k, p in enumerate(points)]


def write_shapes(output, name, distances):
    """Drawings with edges one voxel wide; distance: below 0 inside."""
    for side, distance in distances.items():
        write_image(output / f"{name}-{side}.mha", np.clip(0.5 - distance, 0, 1) * 200)
        write_image(output / f"{name}-{side}-labels.mha", distance <= 0)


def disc(y, x, center, radius):
    return np.hypot(x - center[0], y - center[1]) - radius


def ellipse(y, x, center, radii):
    return (np.hypot((x - center[0]) / radii[0], (y - center[1]) / radii[1]) - 1) * min(radii)


def make_far(output):
    y, x = grid_of((128, 128))
    write_shapes(output, "far", {"fixed": disc(y, x, (29, 64), 16), "moving": ellipse(y, x, (99, 64), (12, 24))})


def make_opposite(output):
    y, x = grid_of((128, 128))
    fixed = np.minimum(disc(y, x, (36, 40), 14), ellipse(y, x, (92, 88), (18, 12)))
    moving = np.minimum(ellipse(y, x, (64, 36), (12, 16)), disc(y, x, (62, 92), 15))
    write_shapes(output, "opposite", {"fixed": fixed, "moving": moving})


def make_labels(examples, output):
    _, skull_stripped = read_nifti(examples, "KmeansTest_T1RawSkullStrip.nii.gz")
    spacing, tissue = read_nifti(examples, "KmeansTest_T1KmeansPrelimSegmentation.nii.gz")
    labels = np.where(skull_stripped > 0, tissue, 0)
    shift = (2.0, 6.0, 8.0)  # voxels of 3, 2 and 2 mm: 21 mm in all
    points = [g + s for g, s in zip(wave(grid_of(labels.shape), labels.shape, 2.5, 2), shift)]
    for side, array in (("fixed", labels), ("moving", sample(labels, points, nearest=True))):
        for name in (f"labels-{side}.mha", f"labels-{side}-labels.mha"):
            write_image(output / name, array, spacing)


def make_mr(examples, output):
    spacing, head = read_nifti(examples, "KmeansTest_T1UCharRaw.nii.gz")
    _, skull_stripped = read_nifti(examples, "KmeansTest_T1RawSkullStrip.nii.gz")
    _, tissue = read_nifti(examples, "KmeansTest_T1KmeansPrelimSegmentation.nii.gz")
    labels = np.where(skull_stripped > 0, tissue, 0)
    shape, grid = head.shape, grid_of(head.shape)
    there = lambda points: turn(wave(points, shape, 3.0, 1), shape, 8.0)  # from moving to fixed voxels
    points = there(grid)
    random = np.random.default_rng(1)
    moving = 255 * (sample(head, points) / 255) ** 0.7 * (1 + 0.3 * np.cos(np.pi * grid[1] / shape[1]))
    moving = 0.7 * moving + random.normal(0, 4, shape) * (moving > 8)
    moving_labels = sample(labels, points, nearest=True)
    for side, image, label in (("fixed", head, labels), ("moving", moving, moving_labels)):
        write_image(output / f"mr-{side}.mha", image, spacing)
        write_image(output / f"mr-{side}-labels.mha", label, spacing)
    inside = np.argwhere(moving_labels > 0).astype(float)
    chosen = inside[random.choice(len(inside), 200, replace=False)]
    for side, voxels in (("moving", chosen.T), ("fixed", there(list(chosen.T)))):
        rows = np.stack([v * s for v, s in zip(voxels, spacing)][::-1], 1)
        np.savetxt(output / f"mr-{side}-points.csv", rows, "%.4f", ",", header="x,y,z", comments="")


def make_slide(examples, output):
    # what a pixel that is all tissue takes away of red, green and blue: eosin and haematoxylin, and a brown stain
    stains = {"fixed": (0.25, 0.75, 0.30), "moving": (0.45, 0.60, 0.80)}
    for number, side in ((1, "fixed"), (2, "moving")):
        image = read_meta_image(examples, f"RatLungSlice{number}.mha").astype(float)
        points = turn(grid_of(image.shape), image.shape, 20.0 if side == "moving" else 0.0)
        amount = sample(image, points) / image.max()
        amount = amount if side == "fixed" else amount**0.6
        write_colors(output / f"slide-{side}.png", np.stack([245 * (1 - part * amount) for part in stains[side]], -1))
        write_image(output / f"slide-{side}-labels.mha", sample(image >= 30, points, nearest=True))


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    examples, output = (pathlib.Path(a) for a in sys.argv[1:])
    output.mkdir(parents=True, exist_ok=True)
    make_far(output)
    make_opposite(output)
    make_labels(examples, output)
    make_mr(examples, output)
    make_slide(examples, output)


if __name__ == "__main__":
    main()
