import io
import zipfile
from datetime import date, datetime
from decimal import Decimal
from unittest.mock import patch

from hypothesis import given, settings
from hypothesis import strategies as st

from odoo.tests import BaseCase, tagged

from ..tools.workbook import Column, Sheet, write_workbook
from ..tools.workbook_cells import Cell, Money
from ..tools.workbook_plain import PlainRow

KINDS = ("text", "integer", "number", "percent", "money", "date", "datetime")
TEXTS = st.text(max_size=12) | st.sampled_from([
    "=1+1", "a & b <c>", " led", "trail ", "line\nend", "_x000D_", "<r>rich</r>", "tab\there", "\x00", "é", "x" * 9000,
])
NUMBERS = st.integers(-10**12, 10**12) | st.floats(-1e12, 1e12) | st.decimals(-10**9, 10**9, places=2)
VALUES = {
    "text": TEXTS,
    "integer": st.integers(-10**12, 10**12),
    "number": NUMBERS,
    "percent": st.floats(-10, 10),
    "money": st.builds(Money, NUMBERS, st.sampled_from(["EUR", "USD", "JPY"]), st.sampled_from([0, 2, 3])),
    "date": st.dates(date(1900, 1, 1), date(2200, 1, 1)) | st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1)),
    "datetime": st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1)),
}
ROW = st.tuples(*(st.none() | st.just("") | VALUES[kind] for kind in KINDS))


@tagged("post_install", "-at_install")
class TestPlainRows(BaseCase):
    """Rows that are written in one go are what the library writes cell by cell, byte by byte."""

    def _sheets(self, rows):
        target = io.BytesIO()
        columns = [Column(kind, kind, total="sum" if kind == "money" else "") for kind in KINDS]
        write_workbook(target, [Sheet("Rows", columns, rows, notes=["A note"], frozen=1)], properties={
            "created": datetime(2026, 1, 1),
        })
        with zipfile.ZipFile(target) as book:
            return {name: book.read(name) for name in book.namelist() if name.startswith(("xl/work", "xl/styles"))}

    def _cell_by_cell(self, rows):
        with patch.object(PlainRow, "cells", lambda *_args: None):
            return self._sheets(rows)

    @settings(max_examples=60, deadline=None)
    @given(st.lists(ROW, max_size=8))
    def test_any_rows_are_the_same_either_way(self, rows):
        self.assertEqual(self._sheets(rows), self._cell_by_cell(rows))

    def test_ordinary_rows_are_written_in_one_go(self):
        """Else the test above would compare the library with itself."""
        amount, moment = Money(Decimal("9.90"), "EUR", 2), datetime(2026, 1, 31, 12)
        row = ("Text & more", 3, 1.5, 0.25, amount, date(2026, 1, 31), moment)
        seen = []
        cells = PlainRow.cells

        def watched(*args):
            seen.append(cells(*args))
            return seen[-1]

        with patch.object(PlainRow, "cells", watched):
            self._sheets([row])
        self.assertEqual(len(seen), 1)
        self.assertIn("Text &amp; more", seen[0])

    def test_cell_with_a_kind_of_its_own_is_left_to_the_library(self):
        rows = [("a", Cell(0.5, "percent"), 1.0, None, None, None, None), ("b", 2, 2.0, None, None, None, None)]
        self.assertEqual(self._sheets(rows), self._cell_by_cell(rows))
