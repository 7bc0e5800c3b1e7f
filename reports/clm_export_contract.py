from odoo import api, fields, models
from odoo.fields import Domain

from ..const import MRR_KINDS
from ..models.clm_export import Book, Col, Table
from ..tools.workbook import Column, Sheet
from ..tools.workbook_chart import WATERFALL, Bar, Chart, waterfall_bars


class ClmExport(models.AbstractModel):
    """The reports about contracts and recurring revenue, as tables."""

    _inherit = "clm.export"

    @api.model
    def _contract_columns(self):
        _ = self.env._
        return [
            Col("name", _("Number"), width=16), Col("title", _("Title"), width=26),
            Col("partner_id", _("Customer or supplier"), width=28), Col("type_id", _("Type"), width=20, printed=False),
            Col("state", _("State"), width=11), Col("user_id", _("Owner"), width=18),
            Col("date_start", _("Start"), "date"), Col("date_end", _("End"), "date"),
            Col("closed_on", _("Last day in force"), "date", printed=False),
            Col("date_notice", _("Notice until"), "date"), Col("renewal_policy", _("At the end"), width=20),
            Col("currency_id", _("Currency"), width=9, printed=False),
            Col("mrr", _("Monthly value"), "money", 15, "sum", printed=False),
            Col("acv", _("Yearly value"), "money", 15, "sum"), Col("tcv", _("Total value"), "money", 15, "sum"),
            Col("company_tcv", _("Total value in company currency"), "money", 17, "sum", printed=False),
        ]

    @api.model
    def _book_register(self, register):
        """The contract register, as its PDF.

        :param register: ``clm.contract.register``
        """
        title = self.env._("Contract Register")
        values = register._print_heading()
        notes = [values["company"], f"{values['date_from']} – {values['date_to']}", ", ".join(values["limits"])]
        return Book(title, notes, [self._make_table(
            title, self.env["clm.contract"].with_context(active_test=False), register._domain(),
            self._contract_columns(), order="type_id, name, id", notes=[title, *notes],
        )])

    @api.model
    def _book_expiring(self, options):
        """Contracts in force that end, or whose notice deadline is, in the period."""
        title = self.env._("Contracts Expiring")
        notes = self._notes(options, self._note_of_period(options), self._note_of_direction(options))
        period = Domain.OR(
            Domain(fname, ">=", options.date_from) & Domain(fname, "<=", options.date_to)
            for fname in ("date_end", "date_notice")
        )
        domain = self._domain(options) & Domain("state", "in", ("signed", "active")) & Domain("amends_id", "=", False)
        return Book(title, notes, [self._make_table(
            title, self.env["clm.contract"], domain & period,
            [column for column in self._contract_columns() if column.source != "closed_on"],
            order="date_end, name, id", notes=[title, *notes],
        )])

    # === RECURRING REVENUE === #

    @api.model
    def _book_mrr(self, options):
        """MRR month by month, and a waterfall of the whole period."""
        _ = self.env._
        title = _("Recurring Revenue")
        notes = self._notes(options, self._note_of_period(options))
        first, today = fields.Date.start_of(options.date_from, "month"), options.company_id._lifecycle_today()
        months = max((today.year - first.year) * 12 + today.month - first.month + 1, 1)
        report = self.env["clm.mrr.report"].with_context(clm_mrr_months=months)
        domain = (
            Domain("company_id", "=", options.company_id.id) & Domain("month", ">=", first)
            & Domain("month", "<=", options.date_to)
        )
        labels = {kind: report._fields[kind].get_description(self.env)["string"] for kind, _label in MRR_KINDS}
        columns = [
            Col("month", _("Month from"), "date"), Col("currency_id", _("Currency"), width=9, printed=False),
            Col("start", _("Start"), "money", 15),
            *[Col(kind, labels[kind], "money", 15, "sum") for kind in labels],
            Col("end", _("End"), "money", 15), Col("arr", _("ARR"), "money", 15, printed=False),
            Col("customers_start", _("Customers at start"), "integer", 10, printed=False),
            Col("customers_new", _("New customers"), "integer", 10, "sum", printed=False),
            Col("customers_lost", _("Churned customers"), "integer", 10, "sum", printed=False),
            Col("customers_end", _("Customers"), "integer", 10),
            Col("nrr", _("Net retention"), "percent", 10), Col("grr", _("Gross retention"), "percent", 10),
            Col("logo_churn", _("Customer churn"), "percent", 10), Col("quick_ratio", _("Quick ratio"), "number", 10,
                                                                       printed=False),
        ]
        by_month = self._make_table(title, report, domain, columns, order="month", notes=[title, *notes])
        fall = self._waterfall(report.search(domain, order="month"), labels)
        chart = Chart(
            fall.title, WATERFALL, title, (fall.title, 0),
            [(label, number) for number, label in enumerate(Bar._fields, start=2)],
        )
        return Book(title, notes, [Table(fall, (0, 1)), by_month], (chart,))

    @api.model
    def _waterfall(self, rows, labels):
        """:return: ``Sheet`` of start, changes and end of all months; hidden columns are what the chart draws"""
        _, currency = self.env._, self.env.company.currency_id
        steps = [(_("Start"), rows[:1].start, True)]
        steps += [(labels[kind], sum(rows.mapped(kind)), False) for kind in labels]
        steps.append((_("End"), rows[-1:].end, True))
        money = self._money_maker()
        bars = waterfall_bars((currency.round(amount), total) for _label, amount, total in steps)
        return Sheet(
            title=_("Waterfall"),
            columns=[
                Column(_("Step"), width=22), Column(_("Amount"), "money", 16),
                *[Column(name, "number", hidden=True) for name in Bar._fields],
            ],
            rows=[
                (label, money(amount, currency.id), *bar)
                for (label, amount, _total), bar in zip(steps, bars, strict=True)
            ],
        )
