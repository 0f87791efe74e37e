#!/usr/bin/env bash
# Where a Kaplan-Meier curve lies flat at one half, rounding decides which median a package gives.
#
# Versions   lifelines 0.30.3, statsmodels 0.14.6
# Expected   A curve that is exactly one half between two events, as after half of an even number of events without
#            censoring, has one median by the rule of the package: the beginning of that part, its middle or its end.
# Behaviour  Both packages compare a curve that carries errors of rounding with 0.5: lifelines' logarithms and
#            statsmodels' products end a little above, at or below it. So the median is the beginning for some numbers of
#            patients and the end for others, in each package, and for the same data the two may differ by the time to the
#            next event.
# Seen       Events after 1, 2, ... n months: n = 4: lifelines 2, statsmodels 3; n = 6: 4 and 4; n = 10: 5 and 6;
#            n = 12: 6 and 6; n = 18: 10 and 9.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv env
env/bin/pip install --quiet --disable-pip-version-check lifelines==0.30.3 statsmodels==0.14.6
cat > look.py <<'EOF'
from lifelines import KaplanMeierFitter
from statsmodels.duration.survfunc import SurvfuncRight

SEEN = {4: (2, 3), 6: (4, 4), 10: (5, 6), 12: (6, 6), 18: (10, 9)}
for n, expected in SEEN.items():
    months, events = list(range(1, n + 1)), [1] * n
    first, second = KaplanMeierFitter().fit(months, events), SurvfuncRight(months, events)
    at = float(first.survival_function_at_times(n // 2).iloc[0])
    assert abs(at - 0.5) < 1e-12 and abs(second.surv_prob[n // 2 - 1] - 0.5) < 1e-12
    got = (first.median_survival_time_, second.quantile(0.5))
    print(f"n = {n}: S({n // 2}) is {at!r} and {second.surv_prob[n // 2 - 1]!r}; medians {got[0]:g} and {got[1]:g}")
    assert got == expected, got
EOF
env/bin/python look.py
