"""How workloads are measured: processes, turns, figures, reports."""
