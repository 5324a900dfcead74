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
"""Loads what registrations need; workers of this machine are forked from a process that has imported it."""
import contextlib
import gc

# Nothing of what is loaded is ever released, so that looking through it for garbage is time lost, here and in every worker.
gc.disable()

import h5py  # noqa: F401
import itk

from itk_sinkhorn_cohort import engine  # noqa: F401

for _name in ("SinkhornRegistrationMethod", "ResampleImageFilter", "ImageFileReader", "ImageFileWriter", "TransformFileReaderTemplate",
              "DisplacementFieldJacobianDeterminantFilter"):
    # Another engine may be used where there is no wheel of this module.
    with contextlib.suppress(AttributeError):
        getattr(itk, _name)

gc.enable()
gc.freeze()
