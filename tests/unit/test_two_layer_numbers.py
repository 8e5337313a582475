"""The table of two-layer reference digits and the checks that read it."""

from __future__ import annotations

import pytest

from mfpde.datafiles import reference_rows
from mfpde.selfcheck import two_layer_numbers

ROWS = reference_rows("two_layer_reference.csv")


def test_every_case_is_computed_and_has_one_tolerance():
    assert {row["case"] for row in ROWS} == set(two_layer_numbers.COMPUTED)
    for case in two_layer_numbers.COMPUTED:
        assert len({row["tolerance"] for row in ROWS if row["case"] == case}) == 1
    assert len({(row["case"], row["at"], row["quantity"]) for row in ROWS}) == len(ROWS)


@pytest.mark.parametrize("last", [True, False])
def test_one_wrong_digit_is_seen(monkeypatch, last):
    rows = [dict(row) for row in ROWS if row["case"] == "radial inf 0.8"]
    assert two_layer_numbers.check("radial inf 0.8").passed
    rows[-1 if last else 0]["value"] = str(float(rows[-1 if last else 0]["value"]) + 1e-9)
    monkeypatch.setattr(two_layer_numbers, "reference_rows", lambda name: rows)
    assert not two_layer_numbers.check("radial inf 0.8").passed
