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
"""Images and displacement fields between NumPy and ITK: single precision, as files have them."""
import numpy as np


def to_array(field):
    """Vectors of a field, x first, in the last axis."""
    import itk

    return np.array(itk.array_view_from_image(field))


def to_image(vectors, like):
    """An itk.Image of vectors on the grid of an image."""
    import itk

    dimension = vectors.shape[-1]
    kind = itk.Image[itk.Vector[itk.F, dimension], dimension]
    field = itk.image_from_array(np.ascontiguousarray(vectors, np.float32), ttype=(kind,))
    field.CopyInformation(like)
    return field


def to_real(image):
    """The image with pixels of single precision."""
    import itk

    real = itk.image_from_array(np.ascontiguousarray(np.asarray(image), np.float32))
    real.CopyInformation(image)
    return real
