"""Evaluation: every figure with its interval, method, n, unit and cut-off; then the report.

Discrimination: ``discrimination`` (ROC, AUC, precision-recall), ``delong``, ``cutoffs``, ``confusion`` (binary and
multiclass metrics), ``intervals``, ``bootstrap`` (patient-clustered), ``lesion_matching`` and ``froc`` (lesions),
``ordinal``, and ``binary``, which bundles them. Risks: ``calibration``, ``decision``. Time: ``survival``, ``cox``.
Groups: ``group_tests``, ``fisher``, ``baseline_table``, ``comparison``. Agreement of readers and masks:
``agreement``. All arguments pass ``values`` and ``scores`` first. The cohort: ``flow``, ``cohort_description``,
``example_cases``. What is written and shown: ``result``, ``display``, ``figures``, ``checklist``, and ``report``, in
which each of these results becomes a section with one call.
"""
