from hubel.base.numbers import counted, plural


def test_counts() -> None:
    assert [counted(n, "row") for n in (0, 1, 2, 12345)] == ["0 rows", "1 row", "2 rows", "12,345 rows"]
    assert [f"the last {plural(n, 'row')}" for n in (1, 3)] == ["the last row", "the last 3 rows"]
