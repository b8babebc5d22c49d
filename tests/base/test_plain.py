"""Plain values that a file says are taken for what they are."""

import pytest

from hubel.base.plain import MISREAD, as_number, as_text, as_whole


def test_each_kind_is_taken():
    assert (as_whole(-3), as_number(2), as_number(0.5), as_text("")) == (-3, 2.0, 0.5, "")


@pytest.mark.parametrize("odd", [None, True, "1", 0.5, float("inf"), [1], {}])
def test_another_is_no_whole_number(odd):
    with pytest.raises(TypeError, match="expected a whole number, received"):
        as_whole(odd)


@pytest.mark.parametrize("odd", [None, False, "1", float("nan"), float("-inf"), 10**400, [1.0]])
def test_another_is_no_number(odd):
    with pytest.raises(MISREAD):
        as_number(odd)
