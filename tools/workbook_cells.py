"""Cells of a spreadsheet: the kinds of values there are, and how each is written."""

import math
import re
from collections.abc import Callable, Iterable
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any, NamedTuple

from xlsxwriter.format import Format
from xlsxwriter.workbook import Workbook
from xlsxwriter.worksheet import Worksheet

from .workbook_plain import Maker, PlainRow, date_maker, datetime_maker, number_cell, number_maker, text_maker

TEXT = "text"
INTEGER = "integer"
NUMBER = "number"
PERCENT = "percent"
DATE = "date"
DATETIME = "datetime"
MONEY = "money"

NUMBER_FORMATS = {
    TEXT: "@",  # text also once somebody edits the cell
    INTEGER: "#,##0",
    NUMBER: "#,##0.00",
    PERCENT: "0.0%",
    DATE: "yyyy-mm-dd",
    DATETIME: "yyyy-mm-dd hh:mm",
    MONEY: "#,##0.00",
}
NUMERIC_KINDS = {INTEGER, NUMBER, PERCENT, MONEY}

#: What a cell holds, in UTF-16 units, as Excel counts.
MAX_TEXT = 32_767
#: Excel knows no earlier year.
FIRST_YEAR = 1900

#: What XML 1.0 cannot hold: control characters, halves of surrogate pairs, two that are no characters.
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


class Money(NamedTuple):
    """An amount that is shown in its own currency, whatever the other rows are in.

    :param amount: in units of the currency
    :param code: ISO code; amounts of one code are added up, those of several never
    :param digits: decimals that are shown, 0 to 15
    :param symbol: what is shown; the code if empty
    :param before: whether the symbol stands before the number
    """

    amount: Decimal | float
    code: str
    digits: int = 2
    symbol: str = ""
    before: bool = False


class Cell(NamedTuple):
    """A value whose kind is not that of its column, as in a list of key figures."""

    value: Any
    kind: str


def is_empty(value: Any) -> bool:
    """Tell whether a cell stays empty: nothing, no text, or False, which Odoo gives for a field that is not set."""
    return value is None or value is False or value == ""


def clean_text(value: Any) -> str:
    """Give the text of a value without what XML cannot hold; line ends become line feeds."""
    return _FORBIDDEN.sub("", str(value).replace("\r\n", "\n").replace("\r", "\n"))


def cut(text: str, limit: int, ending: str = "…") -> str:
    """Cut a text to a number of UTF-16 units, never in the middle of a character.

    :param ending: what a cut text ends with; counted in
    """
    if len(text) * 2 <= limit:
        return text
    units = text.encode("utf-16-le")
    if len(units) <= limit * 2:
        return text
    return units[: (limit - len(ending)) * 2].decode("utf-16-le", "ignore") + ending


def cell_text(value: Any) -> str:
    """Give the text of a value as a cell can hold it."""
    text = clean_text(value)
    if text.startswith("<r>") and text.endswith("</r>"):
        text += " "  # xlsxwriter would take it for markup of its own and write it as it is
    return cut(text, MAX_TEXT)


def money_format(money: Money) -> str:
    """Give the number format of an amount.

    :raise ValueError: if the number of digits is not in 0 to 15
    """
    if not 0 <= money.digits <= 15:
        raise ValueError(f"A currency cannot have {money.digits} digits")
    number = "#,##0" + ("." + "0" * money.digits if money.digits else "")
    sign = clean_text(money.symbol or money.code).replace('"', "").strip()[:20]
    if not sign:
        return number
    # the space does not break, so that symbol and number stay together
    return f'"{sign}\xa0"{number};-"{sign}\xa0"{number}' if money.before else f'{number}"\xa0{sign}"'


class CellWriter:
    """Writes the cells of one workbook by their kind.

    Each format is made once: a workbook holds only some thousands, and every one is kept in memory.
    """

    def __init__(self, workbook: Workbook) -> None:
        self._workbook = workbook
        self._formats: dict[tuple[Any, ...], Format] = {}
        self._money_formats: dict[tuple[Any, ...], Format] = {}
        self._writers: dict[str, Callable[[Worksheet, int, int, Any], None]] = {
            TEXT: self._write_text,
            INTEGER: self._number_writer(INTEGER),
            NUMBER: self._number_writer(NUMBER),
            PERCENT: self._number_writer(PERCENT),
            DATE: self._write_date,
            DATETIME: self._write_datetime,
            MONEY: self._write_money,
        }

    def format(self, number_format: str, **look: Any) -> Format:
        """Give the format of the workbook with this number format and these properties of xlsxwriter."""
        key = (number_format, *sorted(look.items()))
        if key not in self._formats:
            self._formats[key] = self._workbook.add_format({"num_format": number_format, **look})
        return self._formats[key]

    def put(self, sheet: Worksheet, row: int, column: int, value: Any, kind: str) -> None:
        """Write a value, as text if the kind is text: it never becomes a formula or a link.

        :raise ValueError: if the value is not of its kind, or the kind is unknown
        :raise TypeError: as ValueError
        """
        if isinstance(value, Cell):
            value, kind = value
        if is_empty(value):
            return
        if kind not in self._writers:
            raise ValueError(f"Unknown kind of cell: {kind}")
        self._writers[kind](sheet, row, column, value)

    def plain_row(self, kinds: Iterable[str]) -> PlainRow:
        """Give what writes plain rows of such columns in one go; formats are the same."""
        makers: dict[str, Maker] = {
            TEXT: text_maker(self.format(NUMBER_FORMATS[TEXT])),
            DATE: date_maker(self.format(NUMBER_FORMATS[DATE])),
            DATETIME: datetime_maker(self.format(NUMBER_FORMATS[DATETIME])),
            MONEY: self._make_money,
            **{kind: number_maker(self.format(NUMBER_FORMATS[kind])) for kind in (INTEGER, NUMBER, PERCENT)},
        }
        return PlainRow([makers.get(kind) for kind in kinds])

    def write_text(self, sheet: Worksheet, row: int, column: int, value: Any, **look: Any) -> None:
        """Write a text with a look of its own."""
        sheet.write_string(row, column, cell_text(value), self.format(NUMBER_FORMATS[TEXT], **look))

    def _write_text(self, sheet: Worksheet, row: int, column: int, value: Any) -> None:
        self.write_text(sheet, row, column, value)

    def _number_writer(self, kind: str) -> Callable[[Worksheet, int, int, Any], None]:
        number_format = self.format(NUMBER_FORMATS[kind])

        def write(sheet: Worksheet, row: int, column: int, value: Any) -> None:
            sheet.write_number(row, column, _finite(value), number_format)

        return write

    def _money_look(self, value: Money | float) -> Format:
        if not isinstance(value, Money):
            return self.format(NUMBER_FORMATS[MONEY])
        key = value[1:]
        if key not in self._money_formats:
            self._money_formats[key] = self.format(money_format(value))
        return self._money_formats[key]

    def _make_money(self, value: Any) -> str | None:
        return number_cell(self._money_look(value), value.amount if isinstance(value, Money) else value)

    def _write_money(self, sheet: Worksheet, row: int, column: int, value: Any) -> None:
        amount = value.amount if isinstance(value, Money) else value
        sheet.write_number(row, column, _finite(amount), self._money_look(value))

    def _write_date(self, sheet: Worksheet, row: int, column: int, value: Any) -> None:
        day = value.date() if isinstance(value, datetime) else _day(value)
        self._write_moment(sheet, row, column, day, DATE)

    def _write_datetime(self, sheet: Worksheet, row: int, column: int, value: Any) -> None:
        moment = value if isinstance(value, datetime) else datetime.combine(_day(value), time())
        self._write_moment(sheet, row, column, moment, DATETIME)

    def _write_moment(self, sheet: Worksheet, row: int, column: int, moment: date, kind: str) -> None:
        if moment.year < FIRST_YEAR:
            sheet.write_string(row, column, moment.isoformat())
        else:
            sheet.write_datetime(row, column, moment, self.format(NUMBER_FORMATS[kind]))


def _finite(value: Any) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(f"A cell cannot hold {number}")
    return number


def _day(value: Any) -> date:
    if not isinstance(value, date):
        raise TypeError(f"Not a date: {value!r}")
    return value
