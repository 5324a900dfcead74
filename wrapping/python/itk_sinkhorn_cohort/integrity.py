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
"""What ITK's reader of NIfTI does not tell: it makes 0 of voxels that are no numbers."""
import gzip
import pathlib
import struct

import numpy as np

_HEADER_SIZE = 348
#: Codes of the header's `datatype`, NIfTI-1, for single and double precision.
_REAL_TYPES = {16: "f4", 64: "f8"}


class BadVoxel(RuntimeError):
    """A voxel is NaN or infinite."""


def _open(path):
    with open(path, "rb") as file:
        magic = file.read(2)
    return gzip.open(path, "rb") if magic == b"\x1f\x8b" else open(path, "rb")


def check_finite(path, role):
    """Refuses an image file of NIfTI-1 in which a voxel is NaN or infinite. Files of other formats are not looked at: their
    voxels reach the registration, which refuses them itself.

    Raises
    ------
    BadVoxel
        Names the role of the image, the file and the first such voxel, x first.
    """
    path = pathlib.Path(path)
    if not path.is_file() or not path.name.lower().endswith((".nii", ".nii.gz")):
        return
    with _open(path) as file:
        header = file.read(_HEADER_SIZE)
        if len(header) < _HEADER_SIZE:
            return  # the reader says what is wrong
        order = "<" if struct.unpack("<i", header[:4])[0] == _HEADER_SIZE else ">"
        kind = _REAL_TYPES.get(struct.unpack(order + "h", header[70:72])[0])
        if kind is None:
            return
        dimensions = struct.unpack(order + "8h", header[40:56])
        shape = dimensions[1 : 1 + dimensions[0]]
        file.seek(int(struct.unpack(order + "f", header[108:112])[0]))
        voxels = np.frombuffer(file.read(int(np.prod(shape, dtype=np.int64)) * int(kind[1])), order + kind)
    bad = np.flatnonzero(~np.isfinite(voxels))
    if bad.size:
        index = [int(k) for k in np.unravel_index(bad[0], shape, order="F")]
        raise BadVoxel(f"{role.replace('_', ' ')} image '{path}': voxel {index} is {voxels[bad[0]]}; {bad.size} of {voxels.size} are no numbers")
