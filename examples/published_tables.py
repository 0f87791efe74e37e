"""Analyse published tables of patients and write the report that a reader can check against the papers.

    python examples/published_tables.py --data ../shared/data --out published-tables

The tables are public and not part of this repository. ``--data`` is a folder with

- ``hcc_resection227/hepatoCellular.csv``: 227 resected HCC (Li et al., PLoS One 2014;9:e110064; R package asaur),
- ``hcc_uci165/hcc-data.txt``: 165 HCC (Santos et al., J Biomed Inform 2015;58:49; UCI Machine Learning Repository),
- ``statistics/df_binary.csv``: 750 simulated patients of the R package dcurves,
- ``statistics/rossi.csv``: 432 released prisoners (Rossi et al. 1980; the standard example of Cox regression).

A table that is not there is skipped, and the report and stderr say so.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from HCCAssistLib.errors import Problem
from HCCAssistLib.evaluation.baseline_table import baseline_table
from HCCAssistLib.evaluation.binary import binary_evaluation
from HCCAssistLib.evaluation.calibration import calibration
from HCCAssistLib.evaluation.comparison import compare_models, compare_sessions
from HCCAssistLib.evaluation.cox import cox_hazard_ratios
from HCCAssistLib.evaluation.cutoffs import youden_cutoff
from HCCAssistLib.evaluation.decision import net_benefit, net_benefit_at
from HCCAssistLib.evaluation.discrimination import auc, roc
from HCCAssistLib.evaluation.display import p_value
from HCCAssistLib.evaluation.flow import Flow, Stage
from HCCAssistLib.evaluation.report import Report
from HCCAssistLib.evaluation.result import Estimate, Interval
from HCCAssistLib.evaluation.survival import kaplan_meier, log_rank
from HCCAssistLib.wording import rounded

SEED = 0
RESECTION, UCI = "hcc_resection227/hepatoCellular.csv", "hcc_uci165/hcc-data.txt"
DCURVES, ROSSI = "statistics/df_binary.csv", "statistics/rossi.csv"

# Columns of hcc-data.txt that are used here, by their number in hcc-description.txt; the last column is the outcome.
LIVER = {"performance status": 26, "ascites": 28, "INR": 29, "albumin (g/dL)": 35, "total bilirubin (mg/dL)": 36}
TUMOUR = {"portal vein thrombosis": 20, "liver metastasis": 21, "AFP (ng/mL)": 30, "number of nodules": 43}
OTHERS = {"sex": 0, "age (years)": 23}

NOTE = (
    "Computed figures are rounded as printed. Li 2014 prints .003 for recurrence-free survival by CXCL17 in the "
    "tumour; the published file gives .0037."
)

Rows = list[tuple[str, str, str, str]]
"""Source, figure, published and computed."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the report; 0 unless the command line is wrong."""
    parser = argparse.ArgumentParser(description="Analyse published tables of patients into a report.")
    default = Path(__file__).resolve().parents[2] / "shared" / "data"
    parser.add_argument("--data", type=Path, default=default, help="folder with the tables (default: ../shared/data)")
    parser.add_argument("--out", type=Path, default=Path("published-tables"), help="folder of the report")
    args = parser.parse_args(arguments)
    report = Report(
        "Published tables, analysed again",
        subtitle="Statistics of HCCAssist on public data, beside the figures that were printed",
        provenance={"seed": str(SEED), "bootstrap seed": "0"},
        covered=("purpose", "data_source", "missing_data", "partitions"),
    )
    report.add_text(
        "This report shows what the statistics of HCCAssist do with tables of real patients. It evaluates no model of "
        "HCCAssist; the small regressions on the UCI table exist only to have scores to evaluate."
    )
    checks: Rows = []
    parts: tuple[tuple[str, Callable[[Report, Path], Rows]], ...] = (
        (RESECTION, resection),
        (UCI, one_year_death),
        (DCURVES, risk_of_cancer),
        (ROSSI, rearrest),
    )
    for name, part in parts:
        if (args.data / name).is_file():
            checks += part(report, args.data / name)
        else:
            print(f"SKIPPED: {name} not found in the folder of --data", file=sys.stderr)
            report.add_warnings([Problem("WARN", "the table was not found and is not analysed", name)])
    report.add_heading("Published and computed")
    columns = ("Source", "Figure", "Published", "Computed here")
    report.add_table("Figures that others printed", columns, checks, note=NOTE)
    print(report.write(args.out))
    return 0


def resection(report: Report, path: Path) -> Rows:
    """Survival after resection by CXCL17 around the tumour, as in Li 2014."""
    table = columns_of(path)
    numbers = {name: np.array(table[name], dtype=float) for name in ("OS", "Death", "RFS", "Recurrence", "Age")}
    around, within = (np.array(table[name], dtype=float) for name in ("CXCL17P", "CXCL17T"))
    high = around > np.median(around)  # the paper splits at the median; each side of a tie as its figures demand
    report.add_heading("Resected hepatocellular carcinoma (Li 2014)")
    report.add_flow(Flow("resected patient", (Stage("in the published table", len(high)),), split_counts(high)))
    coded = {"HBsAg": "HBsAg", "Cirrhosis": "Cirrhosis", "AFP": "AFP (code)", "Tumorsize": "Tumour size (code)"}
    coded |= {
        "Tumormultiplicity": "Tumour number (code)",
        "Vascularinvasion": "Vascular invasion",
        "BCLC": "BCLC (code)",
    }
    groups = {
        name: {"Age (years)": numbers["Age"][chosen].tolist()}
        | {"Sex": ["male" if table["Gender"][i] == "1" else "female" for i in np.flatnonzero(chosen)]}
        | {label: [table[column][i] for i in np.flatnonzero(chosen)] for column, label in coded.items()}
        for name, chosen in (("CXCL17 low", ~high), ("CXCL17 high", high))
    }
    report.add_cohort(
        "Characteristics by CXCL17 around the tumour (codes as in the published file)", baseline_table(groups)
    )
    checks: Rows = []
    for title, time, event in (("Overall survival", "OS", "Death"), ("Recurrence-free survival", "RFS", "Recurrence")):
        pairs = by_group(numbers[time], numbers[event], high)
        curves = [
            kaplan_meier(*pair, name=name) for name, pair in zip(("CXCL17 low", "CXCL17 high"), pairs, strict=True)
        ]
        test = log_rank(pairs)
        report.add_survival(title, curves, test=test, at=(12, 36, 60), ticks=range(0, 85, 12))
        printed = {"OS": (".002", ".015"), "RFS": ("< .001", ".003")}[time]
        checks.append(("Li 2014", f"{title}, CXCL17 around the tumour, log-rank P", printed[0], p_value(test.p)))
        inside = by_group(numbers[time], numbers[event], within >= np.median(within))
        checks.append(
            ("Li 2014", f"{title}, CXCL17 in the tumour, log-rank P", printed[1], p_value(log_rank(inside).p))
        )
        if time == "RFS":
            recurred = [percent(1 - kaplan_meier(*pair).survival_at(60).value) for pair in (*pairs, *inside)]
            checks.append(
                (
                    "Li 2014",
                    "5-year recurrence, low v high around the tumour",
                    "53.1 v 77.7 %",
                    " v ".join(recurred[:2]) + " %",
                )
            )
            checks.append(
                (
                    "Li 2014",
                    "5-year recurrence, low v high in the tumour",
                    "58.6 v 73.0 %",
                    " v ".join(recurred[2:]) + " %",
                )
            )
    names = ("Tumorsize", "Tumormultiplicity", "Vascularinvasion", "Cirrhosis")
    covariates = {"high CXCL17 around the tumour": high.astype(float), "age, per year": numbers["Age"]}
    covariates |= {coded[name].replace(" (code)", ", code 2 v 1"): np.array(table[name], dtype=float) for name in names}
    report.add_hazard_ratios(
        "Overall survival: one Cox model", cox_hazard_ratios(numbers["OS"], numbers["Death"], covariates)
    )
    return checks


def one_year_death(report: Report, path: Path) -> Rows:
    """Two small regressions for death within a year, chosen on one part of the table and evaluated on the other."""
    from sklearn.inspection import permutation_importance
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold, cross_val_predict, train_test_split
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    with path.open(encoding="utf-8") as file:
        lines = list(csv.reader(file))
    used = {**LIVER, **TUMOUR, **OTHERS}
    values = {name: np.array([number(line[i]) for line in lines]) for name, i in used.items()}
    dead = np.array([line[-1] == "0" for line in lines])
    complete = np.ones(len(lines), dtype=bool)
    excluded: dict[str, int] = {}
    for name in (*LIVER, *TUMOUR):
        lacking = complete & np.isnan(values[name])
        if lacking.any():
            excluded[f"without {name}"] = int(lacking.sum())
        complete &= ~lacking
    kept = np.flatnonzero(complete)
    train, test = train_test_split(kept, test_size=0.5, stratify=dead[kept], random_state=SEED)
    report.add_heading("Death within one year (UCI table of 165 patients)")
    report.add_flow(
        Flow(
            "patient",
            (Stage("in the published table", len(lines), excluded), Stage("with all predictors", len(kept))),
            {"train": len(train), "test": len(test)},
        )
    )
    sexes = np.where(values["sex"] == 1, "male", "female")
    by_part = {
        part: {"sex": sexes[rows].tolist(), "died within a year": np.where(dead[rows], "yes", "no").tolist()}
        | {name: values[name][rows].tolist() for name in values if name != "sex"}
        for part, rows in (("train", train), ("test", test))
    }
    counted = [name for name in values if len(set(values[name][complete])) < 6 and name != "sex"]
    report.add_cohort("Characteristics by part", baseline_table(by_part, categorical=counted, compare=False))

    values["AFP (ng/mL)"] = np.log10(values["AFP (ng/mL)"])
    values["total bilirubin (mg/dL)"] = np.log10(values["total bilirubin (mg/dL)"])
    features = {"liver function": list(LIVER), "tumour": list(TUMOUR), "both": [*LIVER, *TUMOUR]}
    x = {name: np.stack([values[column] for column in columns], axis=1) for name, columns in features.items()}
    regression = make_pipeline(StandardScaler(), LogisticRegression())
    folds = StratifiedKFold(5, shuffle=True, random_state=SEED)
    risks, cutoffs, fitted = {}, {}, {}
    for name in features:
        inner = cross_val_predict(regression, x[name][train], dead[train], cv=folds, method="predict_proba")[:, 1]
        cutoffs[name] = youden_cutoff(dead[train], inner, chosen_on="training part, cross-validated")
        fitted[name] = make_pipeline(StandardScaler(), LogisticRegression()).fit(x[name][train], dead[train])
        risks[name] = fitted[name].predict_proba(x[name][test])[:, 1]
    truth = dead[test]
    result = binary_evaluation(truth, risks["both"], None, unit="patient", cutoff=cutoffs["both"])
    report.add_binary_evaluation("Test part, both groups of predictors", result)
    report.add_calibration(
        "Calibration on the test part, both groups of predictors",
        [("", calibration(truth, risks["both"], unit="patient", bins=5))],
    )
    comparison = compare_models(
        truth, risks["liver function"], risks["tumour"], None,
        cutoff_a=cutoffs["liver function"], cutoff_b=cutoffs["tumour"], unit="patient", net_benefit_at=(0.2, 0.4),
    )  # fmt: skip
    curves = [(name, roc(truth, risks[name]), auc(truth, risks[name], unit="patient")) for name in risks]
    report.add_comparison(
        "Two regressions on the test part", comparison, names=("liver function", "tumour"), curves=curves
    )
    rng = np.random.default_rng(SEED)
    sessions = {
        name: [
            auc(
                dead[train],
                cross_val_predict(
                    regression, x[name][train], dead[train], method="predict_proba",
                    cv=StratifiedKFold(5, shuffle=True, random_state=int(seed)),
                )[:, 1],
                unit="patient",
            ).value
            for seed in rng.integers(2**31, size=5)
        ]
        for name in features
    }  # fmt: skip
    report.add_sessions(
        "Five repetitions of the cross-validation", compare_sessions(sessions, control="both"), measure="AUC"
    )
    permuted = permutation_importance(
        fitted["both"], x["both"][test], truth, scoring="roc_auc", n_repeats=200, random_state=SEED
    )
    method = "2.5th and 97.5th percentile of 200 permutations (not of the sampling of patients)"
    importance = []
    for name, drops in zip(features["both"], permuted.importances, strict=True):
        low, high = (float(limit) for limit in np.quantile(drops, (0.025, 0.975)))
        importance.append(Estimate(name, float(drops.mean()), len(test), "patient", Interval(low, high, method)))
    report.add_importance("Importance of the predictors", importance, measure="mean drop of the AUC when permuted")
    return [("Santos 2015", "died and lived within a year", "63 and 102", f"{dead.sum()} and {(~dead).sum()}")]


def risk_of_cancer(report: Report, path: Path) -> Rows:
    """Calibration and decision curve of a published risk."""
    table = columns_of(path)
    cancer = np.array(table["cancer"]) == "TRUE"
    risk = np.array(table["cancerpredmarker"], dtype=float)
    report.add_calibration("A published risk of cancer (dcurves)", [("", calibration(cancer, risk, unit="patient"))])
    thresholds = np.arange(1, 51) / 100
    report.add_decision_curves(
        "Net benefit of the published risk",
        [("risk with marker", net_benefit(cancer, risk, thresholds, unit="patient"))],
        at=[("risk with marker", net_benefit_at(cancer, risk, t, unit="patient")) for t in (0.05, 0.1, 0.2, 0.35)],
    )
    computed = net_benefit(cancer, risk, [0.05, 0.2], unit="patient").model
    return [
        ("dcurves (R)", f"net benefit at threshold {threshold}", printed, rounded(float(value), 7))
        for threshold, printed, value in zip(("5 %", "20 %"), ("0.1055439", "0.0673333"), computed, strict=True)
    ]


def rearrest(report: Report, path: Path) -> Rows:
    """Time to arrest by financial aid: the textbook example of log-rank test and Cox regression."""
    table = {name: np.array(values, dtype=float) for name, values in columns_of(path).items()}
    pairs = by_group(table["week"], table["arrest"], table["fin"] == 1)
    curves = [
        kaplan_meier(*pair, name=name, unit="person") for name, pair in zip(("no aid", "aid"), pairs, strict=True)
    ]
    test = log_rank(pairs, unit="person")
    report.add_survival(
        "Survival without arrest (Rossi 1980)",
        curves,
        test=test,
        at=(26, 52),
        time_unit="weeks",
        ticks=range(0, 53, 13),
    )
    names = ("fin", "age", "race", "wexp", "mar", "paro", "prio")
    ratios = cox_hazard_ratios(table["week"], table["arrest"], {name: table[name] for name in names}, unit="person")
    report.add_hazard_ratios("Time to arrest: one Cox model", ratios)
    textbook = ("0.684", "0.944", "1.369", "0.861", "0.648", "0.919", "1.096")
    checks = [("survival (R)", "Rossi 1980, log-rank chi-square by aid", "3.84", rounded(test.statistic or 0.0, 2))]
    return checks + [
        ("Fox and Weisberg", f"Rossi 1980, hazard ratio of {name}", printed, rounded(one.ratio.value or 0.0, 3))
        for name, printed, one in zip(names, textbook, ratios, strict=True)
    ]


def columns_of(path: Path) -> Mapping[str, list[str]]:
    """A CSV table by columns."""
    with path.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return {name: [row[name] for row in rows] for name in rows[0]}


def number(cell: str) -> float:
    """A number, NaN where the UCI table has a question mark."""
    return float("nan") if cell == "?" else float(cell)


def percent(share: float) -> str:
    """With one decimal."""
    return rounded(share, 1, percent=True)


def split_counts(high: np.ndarray) -> dict[str, int]:
    """Sizes of the two groups."""
    return {"CXCL17 low": int((~high).sum()), "CXCL17 high": int(high.sum())}


def by_group(time: np.ndarray, event: np.ndarray, second: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Follow-up and events of the first and the second group."""
    return [(time[chosen], event[chosen]) for chosen in (~second, second)]


if __name__ == "__main__":
    raise SystemExit(main())
