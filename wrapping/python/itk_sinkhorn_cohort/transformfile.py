# ==========================================================================
#
#   Copyright NumFOCUS
#
#   Licensed under the Apache License, Version 2.0 (the "License");
#   you may not use this file except in compliance with the License.
#   You may obtain a copy of the License at
#
#          https://www.apache.org/licenses/LICENSE-2.0.txt
#
#   Unless required by applicable law or agreed to in writing, software
#   distributed under the License is distributed on an "AS IS" BASIS,
#   WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
#   See the License for the specific language governing permissions and
#   limitations under the License.
#
# ==========================================================================
"""Transforms in ITK's HDF5 format, the same bytes for the same transform: ITK's own writer adds the time of day."""
import io
import pathlib

import numpy as np


def _list(transform):
    """A transform and, behind a composite one, its parts."""
    if not hasattr(transform, "GetNumberOfTransforms"):
        return [transform]
    return [transform, *(transform.GetNthTransform(k) for k in range(transform.GetNumberOfTransforms()))]


def write(transform, path):
    """Writes an ITK transform for ITK, SimpleITK, ANTs and Slicer."""
    import h5py
    import itk

    memory = io.BytesIO()
    text = h5py.string_dtype("ascii")
    with h5py.File(memory, "w", libver="earliest", track_order=False) as file:
        _put(file, "ITKVersion", shape=(1,), dtype=text, data=itk.Version.GetITKVersion())
        _put(file, "HDFVersion", shape=(1,), dtype=text, data=h5py.version.hdf5_version)
        for k, part in enumerate(_list(transform)):
            group = file.create_group(f"TransformGroup/{k}")
            _put(group, "TransformType", shape=(1,), dtype=text, data=part.GetTransformTypeAsString())
            if k > 0 or not hasattr(part, "GetNumberOfTransforms"):
                _write_parameters(group, part)
    pathlib.Path(path).write_bytes(memory.getvalue())


def _write_parameters(group, part):
    parameters = np.asarray(part.GetParameters(), np.float64)
    compression = {"compression": "gzip", "compression_opts": 5} if parameters.size > 100 else {}
    _put(group, "TransformParameters", data=parameters, **compression)
    _put(group, "TransformFixedParameters", data=np.asarray(part.GetFixedParameters(), np.float64))


def _put(group, name, **what):
    """Values are otherwise placed in the file when the last reference to their data set ends, which is not a fixed moment:
    the profiler of a Dask worker keeps frames, and with them their variables, for some milliseconds."""
    group.create_dataset(name, **what).flush()


def read(path):
    """The transform of a file: what was written as one composite transform is one again."""
    import itk

    transforms = itk.transformread(str(path))
    if len(transforms) == 1:
        return transforms[0]
    composite = itk.CompositeTransform[itk.D, transforms[0].GetInputSpaceDimension()].New()
    for transform in transforms:
        composite.AddTransform(transform)
    return composite
