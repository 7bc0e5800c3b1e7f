from odoo import api, fields, models
from odoo.fields import Domain
from odoo.tools import format_date

from ..models.clm_export import Book, Col

BUCKETS = ("0", "1", "31", "61", "91")


class ClmExport(models.AbstractModel):
    """The reports about what is billed, as tables. ``options`` is the wizard that asks for them."""

    _inherit = "clm.export"

    @api.model
    def _notes(self, options, *more):
        """:return: list of lines that say what a report is about"""
        return [options.company_id.name, *more, self.env._(
            "Made on %(day)s. Amounts are without taxes.",
            day=format_date(self.env, options.company_id._lifecycle_today()),
        )]

    @api.model
    def _note_of_day(self, options):
        return self.env._("As of %(day)s", day=format_date(self.env, options.date))

    @api.model
    def _note_of_period(self, options):
        return self.env._(
            "%(first)s to %(last)s", first=format_date(self.env, options.date_from),
            last=format_date(self.env, options.date_to),
        )

    @api.model
    def _note_of_direction(self, options):
        return self.env._("Supplier contracts") if options.direction == "supplier" else self.env._("Customer contracts")

    @api.model
    def _report(self, name, options):
        """:return: the report model, speaking of the company and the day of the wizard"""
        return self.env[f"clm.{name}.report"].with_context(clm_as_of=fields.Date.to_string(options.date))

    @api.model
    def _domain(self, options):
        return Domain("company_id", "=", options.company_id.id) & Domain("direction", "=", options.direction)

    @api.model
    def _who(self, contract="contract_id"):
        return [
            Col(contract, self.env._("Contract"), width=30),
            Col("partner_id", self.env._("Customer or supplier"), width=28),
        ]

    @api.model
    def _currency(self):
        return Col("currency_id", self.env._("Currency"), width=9, printed=False)

    @api.model
    def _sums(self, labels, suffix="_currency", printed=None):
        """:return: list of columns of amounts that are added up

        :param labels: dict of measure -> label
        :param printed: measures that the PDF has; default: all
        """
        return [
            Col(f"{name}{suffix}:sum", label, "money", 15, "sum", printed is None or name in printed)
            for name, label in labels.items()
        ]

    # === REPORTS === #

    @api.model
    def _book_reconciliation(self, options):
        """Contracted, invoiced, credited and collected to date by contract, and the rows that leak."""
        _, report = self.env._, self._report("billing", options)
        title = _("Reconciliation")
        notes = self._notes(options, self._note_of_day(options), self._note_of_direction(options))
        figures = {
            "contracted": _("Contracted"), "discount": _("Discount"), "agreed": _("Agreed"), "invoiced": _("Invoiced"),
            "credited": _("Credited"), "collected": _("Collected"), "outstanding": _("Outstanding"),
            "leakage": _("Leakage"), "unbilled": _("Not invoiced"), "skipped": _("Skipped"),
            "given": _("Credited or cancelled"), "changed": _("Changed on the invoice"),
        }
        printed = {"contracted", "discount", "invoiced", "credited", "collected", "outstanding", "leakage"}
        own = {"outstanding": _("Outstanding in company currency"), "leakage": _("Leakage in company currency")}
        domain = self._domain(options) & Domain("is_due", "=", True)
        leaks = {"discount": _("Discount"), "leakage": _("Leakage")}
        return Book(title, notes, [
            self._make_table(
                title, report, domain,
                [*self._who(), self._currency(), *self._sums(figures, printed=printed), *self._sums(own, "", ())],
                groups=("contract_id", "partner_id", "currency_id"), notes=[title, *notes],
            ),
            self._make_table(
                _("Leakage by Row"), report, domain & Domain("cause", "!=", False),
                [
                    *self._who(), Col("product_id", _("Product"), width=24), Col("period_start", _("From"), "date"),
                    Col("period_end", _("Until"), "date"), Col("date_planned", _("Planned"), "date"),
                    Col("state", _("State")), Col("cause", _("Cause"), width=22), self._currency(),
                    *[Col(f"{name}_currency", label, "money", 15, "sum") for name, label in leaks.items()],
                ],
                order="contract_id.id, date_planned, id", notes=[title, *notes], printed=False,
            ),
        ])

    @api.model
    def _book_aged(self, options):
        """What is outstanding by contract and by how long it is overdue."""
        _, report = self.env._, self._report("billing", options)
        title = _("Aged Outstanding")
        notes = self._notes(options, self._note_of_day(options), self._note_of_direction(options))
        labels = dict(report._fields["bucket"]._description_selection(self.env))
        whole = {"outstanding": _("Outstanding")}
        own = {"outstanding": _("In company currency")}
        return Book(title, notes, [self._make_table(
            title, report, self._domain(options) & Domain("bucket", "!=", False),
            [
                *self._who(), self._currency(), *self._sums(whole),
                *[
                    Col(("outstanding_currency:sum", bucket), labels[bucket], "money", 14, "sum")
                    for bucket in BUCKETS
                ],
                Col("days_overdue:max", _("Days overdue at most"), "integer", 10), *self._sums(own, "", ()),
            ],
            groups=("contract_id", "partner_id", "currency_id"), notes=[title, *notes],
        )])

    @api.model
    def _book_schedule(self, options):
        """What is to be invoiced, and was, by month of its planned date, and row by row."""
        _, report = self.env._, self._report("billing", options)
        title = _("Billing Schedule")
        notes = self._notes(options, self._note_of_period(options), self._note_of_direction(options))
        domain = self._domain(options) & Domain("date_planned", ">=", options.date_from) & Domain(
            "date_planned", "<=", options.date_to)
        figures = {
            "forecast": _("To invoice"), "drafted": _("In draft invoices"), "invoiced": _("Invoiced"),
            "credited": _("Credited"),
        }
        own = {"forecast": _("To invoice in company currency"), "invoiced": _("Invoiced in company currency")}
        return Book(title, notes, [
            self._make_table(
                _("By Month"), report, domain,
                [
                    Col("date_planned:month", _("Month from"), "date"), self._currency()._replace(printed=True),
                    Col("installment_id:count", _("Rows"), "integer", 8, "sum"), *self._sums(figures),
                    *self._sums(own, "", ()),
                ],
                groups=("date_planned:month", "currency_id"), notes=[title, *notes],
            ),
            self._make_table(
                _("Rows"), report, domain & Domain("installment_id", "!=", False),
                [
                    *self._who(), Col("product_id", _("Product"), width=24), Col("kind", _("Kind"), printed=False),
                    Col("period_start", _("From"), "date"), Col("period_end", _("Until"), "date"),
                    Col("date_planned", _("Invoice on"), "date"), Col("state", _("State")), self._currency(),
                    *[Col(f"{name}_currency", label, "money", 15, "sum") for name, label in figures.items()],
                ],
                order="date_planned, contract_id.id, id", notes=[title, *notes],
            ),
        ])

    @api.model
    def _book_deferred(self, options):
        """Revenue by month of service, by month of invoice, and by invoice line."""
        _, report = self.env._, self._report("deferred", options)
        title = _("Deferred Revenue")
        notes = self._notes(options, self._note_of_day(options), self._note_of_direction(options))
        domain = self._domain(options)
        figures = {"invoiced": _("Invoiced"), "recognised": _("Recognised"), "deferred": _("Deferred")}
        month = Col("month:month", _("Month of service from"), "date", 16)
        return Book(title, notes, [
            self._make_table(
                _("By Month of Service"), report, domain, [month, *self._sums(figures, "")],
                groups=("month:month",), notes=[title, *notes],
            ),
            self._make_table(
                _("Service and Invoice"), report, domain,
                [month, Col("date_invoice:month", _("Month of invoice from"), "date", 16), *self._sums(figures, "")],
                groups=("month:month", "date_invoice:month"), notes=[title, *notes], printed=False,
            ),
            self._make_table(
                _("By Contract"), report, domain,
                [*self._who(), self._currency(), *self._sums(figures), *self._sums({
                    name: _("%(figure)s in company currency", figure=label) for name, label in figures.items()
                }, "", {"deferred"})],
                groups=("contract_id", "partner_id", "currency_id"), notes=[title, *notes],
            ),
            self._make_table(
                _("Invoice Lines"), report, domain,
                [
                    Col("move_id", _("Invoice"), width=20), *self._who(), Col("product_id", _("Product"), width=24),
                    Col("date_invoice:day", _("Invoice date"), "date"), Col("period_start:day", _("From"), "date"),
                    Col("period_end:day", _("Until"), "date"), self._currency(), *self._sums(figures),
                ],
                groups=(
                    "date_invoice:day", "move_id", "move_line_id", "contract_id", "partner_id", "product_id",
                    "period_start:day", "period_end:day", "currency_id",
                ),
                notes=[title, *notes], printed=False,
            ),
        ])
