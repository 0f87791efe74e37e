"""Evaluation: every figure with its interval, method, n, unit and cut-off; then the report.

Discrimination: ``discrimination`` (ROC, AUC with DeLong, precision-recall), ``cutoffs``, ``confusion`` (binary and
multiclass metrics), ``intervals``, ``bootstrap`` (patient-clustered), ``froc`` (lesions), ``ordinal``, and ``binary``,
which bundles them. Risks: ``calibration``, ``decision``. Time: ``survival``, ``cox``. Groups: ``group_tests``,
``fisher``, ``baseline_table``, ``comparison``. Agreement of readers and masks: ``agreement``. What is said and shown:
``result``, ``display``, ``report``, ``figures``, ``checklist``.
"""
