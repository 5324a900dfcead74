#!/usr/bin/env python3
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
"""Time one softmin in the logarithmic domain of GeomLoss (KeOps), OTT-JAX and POT on the arrays of sinkhorn-benchmark.

The softmin is log sum_y exp(h(y) - |x - y|^2 / (2 blur^2)) over all axes of a grid, one CPU thread, float32. h is the
logarithm of the density of three bumps over a faint background plus the potential of a displacement, as in
Softmin/N:128/sigma:2/float/threads:1. POT has it in two dimensions only and inside its barycentres, where it is timed
as the difference between two numbers of iterations.

Libraries that are not installed are skipped, saying so. The result is a Markdown table, nanoseconds per voxel.
"""
import argparse
import importlib
import os
import sys
import time

for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(variable, "1")
os.environ.setdefault(
    "XLA_FLAGS",
    "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
)
os.environ.setdefault("JAX_PLATFORMS", "cpu")

import numpy as np

# x, y, z, width, height: the second density of MakeBenchmarkPair in sinkhornBenchmarkPair.cxx
BUMPS = ((0.3, 0.7, 0.5, 0.06, 1.0), (0.8, 0.8, 0.4, 0.05, 1.0), (0.6, 0.2, 0.6, 0.08, 0.5))


def density(size, dimension):
    """Mass-1 density of the bumps; in 2-D of their middle slice."""
    axis = (np.arange(size) + 0.5) / size
    grids = np.meshgrid(*[axis] * dimension, indexing="ij")
    weights = np.full((size,) * dimension, 1e-3)
    for *center, width, height in BUMPS:
        squares = sum((g - c) ** 2 for g, c in zip(grids, center))
        weights += height * np.exp(-squares / (2.0 * width**2))
    return weights / weights.sum()


def exponent(size, dimension, blur, displacement):
    """h, in voxels."""
    slope = sum(np.indices((size,) * dimension)) * (displacement / blur**2)
    return (np.log(density(size, dimension)) + slope).astype(np.float32)


def best_time(run, repetitions):
    """Shortest of some calls, after one that warms up, in seconds."""
    run()
    times = []
    for _ in range(repetitions):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return min(times)


def time_geomloss(arguments):
    """GeomLoss's grids have unit length and size pixels; p = 2 is |x - y|^2 / 2."""
    torch = importlib.import_module("torch")
    try:
        softmin_grid = importlib.import_module("geomloss.utils").softmin_grid
    except ModuleNotFoundError:  # GeomLoss 0.3 has moved it
        softmin_grid = importlib.import_module("geomloss._legacy.utils").softmin_grid
    torch.set_num_threads(1)
    h = torch.from_numpy(exponent(arguments.size, 3, arguments.blur, arguments.displacement))[None, None]
    epsilon = (arguments.blur / arguments.size) ** 2
    seconds = best_time(lambda: softmin_grid(epsilon, 2, h), arguments.repetitions)
    return seconds / arguments.size**3


def time_ott(arguments):
    """OTT's default grid is the unit cube with voxels on its faces; its cost |x - y|^2 has no factor 1/2."""
    jax = importlib.import_module("jax")
    grid = importlib.import_module("ott.geometry.grid")
    size = arguments.size
    epsilon = 2.0 * (arguments.blur / (size - 1)) ** 2
    geometry = grid.Grid(grid_size=(size,) * 3, epsilon=epsilon)
    g = jax.numpy.asarray(epsilon * exponent(size, 3, arguments.blur, arguments.displacement).ravel())
    f = jax.numpy.zeros_like(g)
    softmin = jax.jit(lambda f, g: geometry.apply_lse_kernel(f, g, epsilon, axis=1)[0])
    seconds = best_time(lambda: softmin(f, g).block_until_ready(), arguments.repetitions)
    return seconds / size**3


def time_pot(arguments):
    """A barycentre of two images takes four softmins an iteration; its kernel is exp(-|x - y|^2 / reg)."""
    bregman = importlib.import_module("ot.bregman")
    size = arguments.size_2d
    image = density(size, 2)
    images = np.stack([image, image[::-1]])
    reg = 2.0 * (arguments.blur / (size - 1)) ** 2

    def run(iterations):
        return bregman.convolutional_barycenter2d(
            images, reg, method="sinkhorn_log", numItermax=iterations, stopThr=0.0, warn=False
        )

    few, many = 2, 7
    seconds = best_time(lambda: run(many), arguments.repetitions) - best_time(lambda: run(few), arguments.repetitions)
    return seconds / (4 * (many - few)) / size**2


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=128, help="voxels per axis in 3-D (default %(default)s)")
    parser.add_argument("--size-2d", type=int, default=256, help="pixels per axis in 2-D (default %(default)s)")
    parser.add_argument("--blur", type=float, default=2.0, help="voxels (default %(default)s)")
    parser.add_argument("--displacement", type=float, default=0.0, help="voxels per axis (default %(default)s)")
    parser.add_argument("--repetitions", type=int, default=3, help="the shortest counts (default %(default)s)")
    arguments = parser.parse_args()
    libraries = (
        ("GeomLoss (KeOps)", f"{arguments.size}³", time_geomloss),
        ("OTT-JAX", f"{arguments.size}³", time_ott),
        ("POT", f"{arguments.size_2d}²", time_pot),
    )
    print("| library | grid | ns/voxel |\n| --- | --- | --- |")
    for name, grid, measure in libraries:
        try:
            print(f"| {name} | {grid} | {1e9 * measure(arguments):.0f} |", flush=True)
        except ImportError as error:
            print(f"| {name} | {grid} | skipped: {error} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
