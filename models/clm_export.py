from collections.abc import Callable
from itertools import count, islice
from typing import NamedTuple

from odoo import api, models
from odoo.exceptions import UserError
from odoo.tools import SQL, format_amount, format_date

from ..tools.workbook import Chart, Column, Sheet, write_workbook
from ..tools.workbook_cells import DATE, INTEGER, MONEY, NUMERIC_KINDS, PERCENT, TEXT, Money

#: rows that are read and written at once
BATCH_SIZE = 1000
#: rows of a printed table; more of them are no reading matter
MAX_PRINTED = 5000

_numbers = count(1)


class Col(NamedTuple):
    """A column of an exported table.

    :param source: field of the model, as in ``_read_group``: ``"month"``, ``"month:month"``, ``"leakage:sum"``; with
        a bucket, a pair of it and the bucket: ``("outstanding:sum", "31")``
    :param kind: of ``tools.workbook``
    :param total: of ``tools.workbook``
    :param printed: whether the PDF has it; it has less room
    """

    source: str | tuple[str, str]
    label: str
    kind: str = TEXT
    width: int = 14
    total: str = ""
    printed: bool = True


class Table(NamedTuple):
    """A sheet, the columns of it that are printed, and whether the PDF has it at all."""

    sheet: Sheet
    columns: tuple[int, ...]
    printed: bool = True


class Book(NamedTuple):
    """A report to be written: ``tables`` may be read once."""

    title: str
    notes: list[str]
    tables: list[Table]
    charts: tuple[Chart, ...] = ()


class ClmExport(models.AbstractModel):
    """Turns models into tables of spreadsheets and prints, with the rights of the user.

    Rows come from one query, through a cursor of the database, a batch at a time: memory does not grow with them.
    """

    _name = "clm.export"
    _description = "Export of Reports"

    # === READ === #

    @api.model
    def _make_table(self, title, model, domain, columns, groups=(), order=None, notes=(), printed=True):
        """Make a table of a model.

        :param model: recordset that says which model, and in which context
        :param domain: which rows; record rules apply
        :param columns: list of ``Col``
        :param groups: group-bys; without, there is one row per record
        :param order: of records, as in ``search``; groups are ordered as they are given
        """
        codes = [number for number, column in enumerate(columns) if column.source == "currency_id"]
        sheet = Sheet(
            title=title,
            columns=[Column(column.label, column.kind, column.width, column.total) for column in columns],
            rows=self._rows(model, domain, columns, groups, order),
            notes=notes,
            currency_column=codes[0] if codes else None,
            frozen=1,
            total_label=self.env._("Total"),
        )
        return Table(sheet, tuple(n for n, column in enumerate(columns) if column.printed), printed)

    @api.model
    def _rows(self, model, domain, columns, groups, order):
        """:return: iterator of lists of cells"""
        sources, currencies = [column.source for column in columns], {}
        for column in columns:
            if column.kind == MONEY:
                currency = model._fields[self._field_name(column.source)].get_currency_field(model)
                currencies[column.source] = currency
                if currency not in sources:
                    sources.append(currency)
        places = {source: place for place, source in enumerate(sources)}
        readers = [
            self._reader(model, column, places[column.source], places.get(currencies.get(column.source)))
            for column in columns
        ]
        for batch in self._stream(self._query(model, domain, sources, groups, order)):
            cells = [reader(batch) for reader in readers]
            yield from zip(*cells, strict=True)

    @api.model
    def _query(self, model, domain, sources, groups, order):
        """:return: SQL of the rows; access rights and record rules are those of the user"""
        model = model.with_context(clm_report_groups=tuple(groups))
        query = model._search(domain, order=None if groups else order)
        if not groups:
            return query.select(*(model._field_to_sql(model._table, source, query) for source in sources))
        terms = {group: model._read_group_groupby(model._table, group, query) for group in groups}
        constant = "company_currency_id"
        if constant in sources and constant not in terms:
            terms[constant] = model._read_group_groupby(model._table, constant, query)
        selected = [terms.get(source) or self._aggregate(model, source, query) for source in sources]
        query.groupby = SQL(", ").join(terms.values())
        return SQL("%s ORDER BY %s", query.select(*selected), SQL(", ").join(terms.values()))

    @api.model
    def _aggregate(self, model, source, query):
        if isinstance(source, str):
            return model._read_group_select(source, query)
        spec, bucket = source
        return SQL(
            "%s FILTER (WHERE %s = %s)", model._read_group_select(spec, query),
            model._field_to_sql(model._table, "bucket", query), bucket,
        )

    @api.model
    def _stream(self, query):
        """:return: iterator of batches of rows, each a list of tuples"""
        self.env.flush_query(query)
        name = SQL.identifier(f"clm_export_{next(_numbers)}")
        cr = self.env.cr
        # all rows are wanted, not the first ones soon
        cr.execute(SQL("SET LOCAL cursor_tuple_fraction = 1"))
        cr.execute(SQL("DECLARE %s NO SCROLL CURSOR FOR %s", name, query))
        try:
            while True:
                cr.execute(SQL("FETCH %s FROM %s", SQL(str(BATCH_SIZE)), name))
                batch = cr.fetchall()
                if batch:
                    yield batch
                if len(batch) < BATCH_SIZE:
                    break
        finally:
            if not cr.closed:
                cr.execute(SQL("CLOSE %s", name))

    # === CELLS === #

    @api.model
    def _field_name(self, source):
        spec = source if isinstance(source, str) else source[0]
        return spec.split(":")[0]

    @api.model
    def _reader(self, model, column, place, currency_place) -> Callable:
        """:return: function of a batch of rows that returns the cells of one column"""
        field = model._fields[self._field_name(column.source)]
        if column.kind == MONEY:
            money = self._money_maker()
            return lambda batch: [money(row[place], row[currency_place]) for row in batch]
        if column.kind != TEXT:
            return lambda batch: [row[place] for row in batch]
        if field.type == "many2one":
            return lambda batch: self._names(field.comodel_name, [row[place] for row in batch])
        if field.type == "selection":
            labels = dict(field._description_selection(self.env))
            return lambda batch: [labels.get(row[place], "") for row in batch]
        return lambda batch: [row[place] for row in batch]

    @api.model
    def _money_maker(self):
        """:return: function of amount and currency id that returns ``workbook.Money``"""
        known = {}

        def money(amount, currency_id):
            if amount is None or not currency_id:
                return None
            if currency_id not in known:
                currency = self.env["res.currency"].browse(currency_id)
                known[currency_id] = (
                    currency.name, currency.decimal_places, currency.symbol, currency.position == "before",
                )
            return Money(amount, *known[currency_id])

        return money

    @api.model
    def _names(self, model, ids):
        """:return: list of the names of records; the codes of currencies"""
        wanted = {record_id for record_id in ids if record_id}
        # sudo: names only, as every list shows them
        records = self.env[model].sudo().with_context(active_test=False).browse(wanted)
        fname = "name" if model == "res.currency" else "display_name"
        names = {record.id: record[fname] for record in records}
        records.invalidate_recordset()  # memory does not grow with the batches
        return [names.get(record_id, "") for record_id in ids]

    # === WRITE === #

    @api.model
    def _write_xlsx(self, target, book):
        """Write a spreadsheet.

        :param target: file opened for writing bytes
        :param book: ``Book``
        """
        write_workbook(
            target, [table.sheet for table in book.tables], charts=book.charts,
            properties={"title": book.title, "company": self.env.company.name},
        )

    @api.model
    def _print(self, book):
        """:return: dict of what the PDF shows, all texts
        :raise UserError: when it is too long to print
        """
        return {
            "title": book.title, "notes": book.notes,
            "tables": [self._print_table(table) for table in book.tables if table.printed],
        }

    @api.model
    def _print_table(self, table):
        columns = [(number, table.sheet.columns[number]) for number in table.columns]
        currencies = {currency.name: currency for currency in self.env["res.currency"].with_context(
            active_test=False).search([])}
        rows, sums = [], {}
        for values in islice(table.sheet.rows, MAX_PRINTED + 1):
            rows.append([self._print_cell(values[number], column.kind, currencies) for number, column in columns])
            for number, column in columns:
                if column.total == "sum" and values[number] is not None:
                    value = values[number]
                    code = value.code if isinstance(value, Money) else ""
                    amount = value.amount if isinstance(value, Money) else value
                    sums.setdefault(code, {}).setdefault(number, 0)
                    sums[code][number] += amount
        if len(rows) > MAX_PRINTED:
            raise UserError(self.env._(
                "%(table)s has more than %(count)s rows, too many to print. Choose the spreadsheet, or fewer rows.",
                table=table.sheet.title, count=MAX_PRINTED,
            ))
        return {
            "title": table.sheet.title,
            "columns": [{"label": column.label, "number": column.kind in NUMERIC_KINDS} for _n, column in columns],
            "rows": rows,
            "sums": [self._print_sums(code, sums[code], columns, currencies) for code in sorted(sums)],
        }

    @api.model
    def _print_sums(self, code, sums, columns, currencies):
        texts = [
            self._print_cell(Money(sums[number], code) if code else sums[number], column.kind, currencies)
            if number in sums else ""
            for number, column in columns
        ]
        texts[0] = self.env._("Total %(currency)s", currency=code).strip()
        return texts

    @api.model
    def _print_cell(self, value, kind, currencies):
        if value is None or value is False:
            return ""
        if isinstance(value, Money):
            return format_amount(self.env, float(value.amount), currencies[value.code])
        if kind == DATE:
            return format_date(self.env, value)
        if kind == PERCENT:
            return f"{value:.1%}"
        if kind == INTEGER:
            return str(int(value))
        return str(value)
