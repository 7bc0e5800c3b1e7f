"""Rows of a large table, written in one go: the library that makes the spreadsheets spends most time on single cells.

What is written is what the library would write, byte by byte. A row with anything that takes more than copying, such as
a line end in a text, is left to it.
"""

import re
from collections.abc import Callable, Sequence
from datetime import date, datetime
from math import isfinite
from typing import Any

from xlsxwriter.format import Format
from xlsxwriter.utility import xl_col_to_name
from xlsxwriter.worksheet import Worksheet

#: Makes the rest of a cell, behind its place, of a value; None: it takes more than that.
Maker = Callable[[Any], str | None]

#: What the library escapes, cuts or marks: control characters, spaces at the ends, its own escapes and markup.
_SPECIAL = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]|_x[0-9a-fA-F]{4}_|^\\s|\\s$|^<r>")
#: Longer texts may have to be cut.
_LONGEST = 8_000
_EPOCH = datetime(1899, 12, 31)
#: Excel takes 1900 for a leap year: days are counted in another way before this one.
_FIRST_DAY = date(1900, 3, 1)


class PlainWorksheet(Worksheet):
    """A worksheet that takes whole rows. They must come in order, as all rows do here."""

    def begin_row(self, row: int) -> None:
        """Write what is left of the rows before; formats are numbered in the order in which they are written.

        :param row: its number; 0 for the first
        """
        if row > self.previous_row:
            self._write_single_row(row)

    def write_plain_row(self, row: int, cells: str) -> None:
        """Write a row that was begun.

        :param cells: XML of its cells
        """
        self._check_dimensions(row, 0)
        self._write_row(row, None)
        self.fh.write(cells)
        self._xml_end_tag("row")


class PlainRow:
    """Makes the XML of the cells of rows.

    :param makers: one per column
    """

    def __init__(self, makers: Sequence[Maker | None]) -> None:
        self._columns = [(f'<c r="{xl_col_to_name(number)}', maker) for number, maker in enumerate(makers)]

    def cells(self, row: int, values: Sequence[Any]) -> str | None:
        """Give the XML of a row, or None if it is to be written cell by cell, or there is something wrong with it."""
        parts: list[str] = []
        try:
            for (start, maker), value in zip(self._columns, values, strict=True):
                if value is None or value is False or value == "":
                    continue
                rest = maker(value) if maker else None
                if rest is None:
                    return None
                parts.append(f'{start}{row + 1}" {rest}')
        except (TypeError, ValueError, AttributeError):
            return None
        return "".join(parts)


def text_maker(look: Format) -> Maker:
    """Give the maker of texts."""

    def make(value: Any) -> str | None:
        if not isinstance(value, str) or len(value) > _LONGEST or _SPECIAL.search(value):
            return None
        text = value.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        return f's="{look._get_xf_index()}" t="inlineStr"><is><t>{text}</t></is></c>'

    return make


def number_cell(look: Format, value: Any) -> str | None:
    """Make a number of any look."""
    number = float(value)
    return f's="{look._get_xf_index()}"><v>{number:.16G}</v></c>' if isfinite(number) else None


def number_maker(look: Format) -> Maker:
    """Give the maker of numbers of one look."""
    return lambda value: number_cell(look, value)


def date_maker(look: Format) -> Maker:
    """Give the maker of days; of a moment, its day."""

    def make(value: Any) -> str | None:
        day = value.date() if isinstance(value, datetime) else value
        if day < _FIRST_DAY:
            return None
        return number_cell(look, day.toordinal() - _EPOCH.toordinal() + 1)

    return make


def datetime_maker(look: Format) -> Maker:
    """Give the maker of moments."""

    def make(value: Any) -> str | None:
        if not isinstance(value, datetime) or value.date() < _FIRST_DAY:
            return None
        since = value - _EPOCH
        return number_cell(look, since.days + (since.seconds + since.microseconds / 1e6) / 86_400 + 1)

    return make
