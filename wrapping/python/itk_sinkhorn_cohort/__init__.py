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
"""Groups of images: many registrations on Dask, and templates. Installed with `pip install itk-sinkhorn[cohort]`.

    import itk_sinkhorn_cohort as cohort

    with cohort.open_client(workers=2) as client:  # or a distributed.Client of any cluster
        done = cohort.run_cohort(cohort.read_pairs("pairs.csv"), "results", client)
        done.rows, done.failed
"""
import importlib

from itk_sinkhorn_cohort.plan import make_plan
from itk_sinkhorn_cohort.state import FolderInUse
from itk_sinkhorn_cohort.table import Pair, Subject, TableError, read_pairs, read_subjects

__all__ = ["FolderInUse", "Pair", "Subject", "TableError", "build_template", "make_plan", "open_client", "read_pairs", "read_subjects",
           "run_cohort"]

_LATER = {"run_cohort": "run", "open_client": "cluster", "build_template": "template"}


def __getattr__(name):
    # Dask is loaded when it is needed, not by those who only read tables.
    if name in _LATER:
        return getattr(importlib.import_module(f"{__name__}.{_LATER[name]}"), name)
    raise AttributeError(f"module {__name__} has no attribute {name}")
