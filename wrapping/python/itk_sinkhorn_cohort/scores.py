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
"""Agreement of label maps."""
import numpy as np


def warp_labels(moving, fixed, transform=None):
    """A label map on the grid of an image, from the nearest voxels; 0 outside. Without a transform: as the files lie.

    Labels may be any whole numbers: they are counted, carried as small numbers and named again.
    """
    import itk

    values, numbers = np.unique(np.asarray(moving), return_inverse=True)
    if 0 not in values:
        values, numbers = np.concatenate([[0], values]), numbers + 1
    background = int(np.flatnonzero(values == 0)[0])
    pixel = np.uint8 if len(values) <= 256 else np.uint16
    if len(values) > 65536:
        raise ValueError(f"moving labels: {len(values)} different labels; this is no label map")
    carried = itk.image_from_array(np.ascontiguousarray(numbers.reshape(np.asarray(moving).shape), pixel))
    carried.CopyInformation(moving)
    interpolator = itk.NearestNeighborInterpolateImageFunction[type(carried), itk.D].New()
    options = {"transform": transform} if transform is not None else {}
    warped = itk.resample_image_filter(
        carried, reference_image=fixed, use_reference_image=True, interpolator=interpolator,
        default_pixel_value=background, **options
    )
    renamed = itk.image_from_array(np.ascontiguousarray(values[np.asarray(warped)], _writable(values)))
    renamed.CopyInformation(warped)
    return renamed


def _writable(values):
    """The smallest type of ITK's wheel that holds these labels."""
    for kind, largest in ((np.uint8, 255), (np.uint16, 65535)):
        if values.min() >= 0 and values.max() <= largest:
            return kind
    return np.float64


def dice(fixed, warped):
    """Dice of each label of two label maps on one grid, 0 left out, by the label as text: 2|A∩B| / (|A|+|B|)."""
    a, b = np.asarray(fixed), np.asarray(warped)
    if a.shape != b.shape:
        raise ValueError(f"fixed labels: their grid {a.shape} is not that of the fixed image {b.shape}")
    size_a, size_b, both = (dict(zip(*np.unique(part, return_counts=True))) for part in (a, b, a[a == b]))
    labels = sorted(set(size_a) | set(size_b))
    return {
        f"{label:g}": 2 * int(both.get(label, 0)) / int(size_a.get(label, 0) + size_b.get(label, 0)) for label in labels if label != 0
    }
