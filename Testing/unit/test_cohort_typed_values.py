"""A clinical value that a person types: decimal comma, thousands, other units, unknown, choices."""

import pytest

from HCCAssistLib.cohort.clinical_values import typed_value
from HCCAssistLib.labels import Variable
from HCCAssistLib.recipes.ablation.recipe import ABLATION

PROTEIN = Variable("total_protein_g_per_l", "total protein", "g/L", (30.0, 120.0), missing="tree")
SIZE = Variable("tumour_size_mm", "largest tumour", "mm", (5.0, 150.0), missing="tree")
AFP = Variable("afp_ng_per_ml", "alpha-fetoprotein", "ng/mL", (0.0, 1_000_000.0), missing="tree")
HBV = Variable("hbv", "hepatitis B", "", (0.0, 1.0), missing="tree", choices={0.0: "no", 1.0: "yes"})


@pytest.mark.parametrize(
    ("text", "variable", "value"),
    [
        ("71", PROTEIN, 71.0),
        (" 71,5 ", PROTEIN, 71.5),
        ("0,123", AFP, 0.123),
        ("1e3", AFP, 1000.0),
        ("0", AFP, 0.0),
        ("1", HBV, 1.0),
        *((text, AFP, None) for text in ("", "  ", "unknown", "NA", "-", "?", "n/a")),
    ],
)
def test_what_is_a_value_and_what_is_unknown(text, variable, value):
    assert typed_value(text, variable) == (value, "")


@pytest.mark.parametrize(
    ("text", "variable", "told"),
    [
        ("7.1", PROTEIN, "Total protein is 7.1, outside 30 to 120 g/L: is it in g/dL? Write it in g/L."),
        ("7,1", PROTEIN, "Total protein is 7,1, outside 30 to 120 g/L: is it in g/dL? Write it in g/L."),
        ("2.3", SIZE, "Largest tumour is 2.3, outside 5 to 150 mm: is it in cm? Write it in mm."),
        ("-3", AFP, "Alpha-fetoprotein is -3, outside 0 to 1000000 ng/mL: correct it."),
        ("1,234", AFP, "Alpha-fetoprotein: '1,234' is not a number but one with marks between thousands. Write it "),
        (">1000", AFP, "but a bound. Write the value to calculate with"),
        ("12 ng/mL", AFP, "but one with text after it"),
        ("inf", AFP, "but infinite"),
        ("nan ", AFP, ""),
        ("high", AFP, "'high' is not a number. Write a number"),
        ("2", HBV, "Hepatitis B is 2, which is no choice."),
    ],
)
def test_what_cannot_be_is_told_with_the_likely_slip(text, variable, told):
    value, fault = typed_value(text, variable)
    assert value is None and told in fault, fault


def test_every_variable_of_the_recipe_takes_its_own_bounds():
    for variable in ABLATION.variables:
        for bound in variable.bounds:
            assert typed_value(f"{bound:.10g}", variable) == (bound, "")
