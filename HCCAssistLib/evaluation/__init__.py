"""Evaluation: every figure with its interval, method, n, unit and cut-off; then the report.

Discrimination: ``discrimination`` (ROC, AUC with DeLong, precision-recall), ``cutoffs``, ``confusion`` (binary and
multiclass metrics), ``intervals``, ``bootstrap`` (patient-clustered), ``froc`` (lesions), ``ordinal``, and ``binary``,
which bundles them. Risks: ``calibration``, ``decision``. Time: ``survival``, ``cox``. Groups: ``group_tests``,
``fisher``, ``baseline_table``, ``comparison``. Agreement of readers and masks: ``agreement``. What is handed in
passes ``values`` and ``scores`` first. The cohort: ``flow``,
``cohort_description``, ``example_cases``. What is said and shown: ``result``, ``display``, ``figures``, ``checklist``,
and ``report``, in which each of these results becomes a section with one call.
"""
