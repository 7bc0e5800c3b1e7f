"""Rows of totals under the table of a spreadsheet."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from xlsxwriter.utility import quote_sheetname, xl_range, xl_rowcol_to_cell

from .workbook_cells import NUMBER_FORMATS, Cell, Money, cell_text, is_empty, money_format

SUM = "sum"
COUNT = "count"

#: SUBTOTAL's numbers of the functions that leave out hidden rows: those of a filter, and those hidden by hand.
_FUNCTIONS = {SUM: 109, COUNT: 103}


class Part(NamedTuple):
    """Rows of a table that stand on one sheet, counted from 0, both ends inclusive."""

    name: str
    first: int
    last: int


class Total(NamedTuple):
    """One cell of a row of totals. ``formula`` makes the formula from the parts of the table."""

    formula: Callable[[Sequence[Part], str], str]
    value: Decimal | int
    number_format: str


class TotalRow(NamedTuple):
    """``code`` is the currency of the row, empty for the row of all that has no currency or only one."""

    code: str
    cells: Mapping[int, Total]


class Totals:
    """Adds up the columns that have a total while the rows pass by.

    Money is never added across currencies. A column in one currency has a plain total that follows the
    filter. A column in several has a row per currency, which follows it as well but needs ``currency_column``,
    the column whose text is the code of each row's money: without it, or where it says otherwise, there is none.

    :param columns: each column's kind and total (``sum``, ``count`` or empty)
    :param currency_column: number of that column, or None
    """

    def __init__(self, columns: Iterable[tuple[str, str]], currency_column: int | None) -> None:
        self._columns = {number: column for number, column in enumerate(columns) if column[1]}
        self._currency_column = currency_column
        self._counts: dict[int, int] = defaultdict(int)
        self._sums: dict[int, dict[str, Decimal]] = {
            number: {} for number, (_kind, total) in self._columns.items() if total == SUM
        }
        self._formats: dict[tuple[int, str], str] = {}
        self._disagreeing: set[int] = set()

    def add(self, row: Sequence[Any]) -> None:
        """Take in a row that was written."""
        for number in self._columns:
            value = row[number]
            if isinstance(value, Cell):
                value = value.value
            if is_empty(value):
                continue
            self._counts[number] += 1
            if number in self._sums:
                self._add_amount(number, value, row)

    def _add_amount(self, number: int, value: Any, row: Sequence[Any]) -> None:
        code = value.code if isinstance(value, Money) else ""
        amount = value.amount if isinstance(value, Money) else value
        if isinstance(amount, str):
            return  # a sum passes over text
        sums = self._sums[number]
        if code not in sums:
            sums[code] = Decimal(0)
            kind = self._columns[number][0]
            self._formats[number, code] = money_format(value) if isinstance(value, Money) else NUMBER_FORMATS[kind]
        sums[code] += amount if isinstance(amount, Decimal) else Decimal(str(amount))
        if self._currency_column is not None:
            said = row[self._currency_column]
            if said != code and _plain(said) != code:
                self._disagreeing.add(number)

    def rows(self) -> Iterator[TotalRow]:
        """Give the rows to write under the table: one for all, then one per currency in order of its code."""
        single = {number: self._total(number) for number in self._columns if self._is_single(number)}
        if single:
            yield TotalRow("", single)
        several = [number for number in self._sums if not self._is_single(number) and self._has_codes(number)]
        for code in sorted({code for number in several for code in self._sums[number]}):
            cells = {number: self._currency_total(number, code) for number in several if code in self._sums[number]}
            yield TotalRow(code, cells)

    def _is_single(self, number: int) -> bool:
        return len(self._sums.get(number, ())) <= 1

    def _has_codes(self, number: int) -> bool:
        return self._currency_column is not None and number not in self._disagreeing

    def _total(self, number: int) -> Total:
        kind, total = self._columns[number]

        def formula(parts: Sequence[Part], here: str) -> str:
            ranges = ",".join(_range(part, number, here) for part in parts)
            return f"=SUBTOTAL({_FUNCTIONS[total]},{ranges})"

        if total == COUNT:
            return Total(formula, self._counts[number], "#,##0")
        for code, value in self._sums[number].items():
            return Total(formula, value, self._formats[number, code])
        return Total(formula, 0, NUMBER_FORMATS[kind])

    def _currency_total(self, number: int, code: str) -> Total:
        codes_column = self._currency_column
        if codes_column is None:
            raise ValueError("There is no column of currencies")
        quoted = '"' + code.replace('"', '""') + '"'

        def formula(parts: Sequence[Part], here: str) -> str:
            terms = []
            for part in parts:
                first, cells = _cell(part, number, here), _range(part, number, here)
                # one SUBTOTAL per row, as SUMIFS does not follow the filter
                seen = f"SUBTOTAL({_FUNCTIONS[SUM]},OFFSET({first},ROW({cells})-ROW({first}),0))"
                terms.append(f"SUMPRODUCT({seen}*({_range(part, codes_column, here)}={quoted}))")
            return "=" + "+".join(terms)

        return Total(formula, self._sums[number][code], self._formats[number, code])


def _plain(value: Any) -> str:
    value = value.value if isinstance(value, Cell) else value
    return "" if is_empty(value) else cell_text(value)


def _range(part: Part, column: int, here: str) -> str:
    cells: str = xl_range(part.first, column, part.last, column)
    return _on_sheet(part, here) + cells


def _cell(part: Part, column: int, here: str) -> str:
    cell: str = xl_rowcol_to_cell(part.first, column)
    return _on_sheet(part, here) + cell


def _on_sheet(part: Part, here: str) -> str:
    return "" if part.name == here else quote_sheetname(part.name) + "!"
