"""The training doctor: what is wrong with a model, a loss or a batch, before hours are lost."""

from __future__ import annotations

from dezero_viz.doctor._report import Diagnosis, Finding
from dezero_viz.doctor.doctor import diagnose

__all__ = ["Diagnosis", "Finding", "diagnose"]
