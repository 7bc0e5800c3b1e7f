from collections import defaultdict
from decimal import Decimal
from itertools import groupby

from odoo import api, fields, models

from ..tools import mrr
from ..tools.periods import served_days
from .clm_contract_billing import IN_FORCE


class ClmContract(models.Model):
    """Recurring revenue: each customer's movements follow what the customer's contracts say."""

    _inherit = "clm.contract"

    mrr_movement_ids = fields.One2many("clm.mrr.movement", "contract_id", readonly=True, groups="base.group_user")
    arr = fields.Monetary(
        "Recurring per Year", compute="_compute_arr", groups="base.group_user", help="12 times the monthly value.",
    )

    @api.depends("mrr")
    def _compute_arr(self):
        for contract in self:
            contract.arr = 12 * contract.mrr

    def _mrr_changed(self):
        """Replay the movements of the customers of these contracts, and store what differs."""
        customers = {
            (contract.company_id, contract.commercial_partner_id)
            for contract in self.sudo() if contract.direction == "customer"  # sudo: see _replay_mrr
        }
        by_company = defaultdict(self.env["res.partner"].browse)
        for company, partner in customers:
            by_company[company] |= partner
        for company, partners in by_company.items():
            self._replay_mrr(company, partners)

    @api.model
    def _replay_mrr(self, company, partners):
        """Make the movements of some customers anew. Cost: a few queries per call, and the rows that differ.

        :param partners: commercial ``res.partner``
        """
        # sudo: a customer may have contracts of several owners; rows are written by this door alone
        contracts = self.sudo().with_context(active_test=False).search([
            ("company_id", "=", company.id), ("commercial_partner_id", "in", partners.ids),
            ("direction", "=", "customer"), ("amends_id", "=", False), ("state", "in", IN_FORCE),
        ])
        Movement = self.env["clm.mrr.movement"].sudo()
        stored = {
            (row.contract_id.id, row.date, row.kind): row
            for row in Movement.search([("company_id", "=", company.id), ("partner_id", "in", partners.ids)])
        }
        convert = self._mrr_converter(company)
        paid = contracts._paid_until()
        created = []
        for own in contracts.grouped("commercial_partner_id").values():
            for movement in own._mrr_movements(company, convert, paid):
                row = stored.pop((movement.contract, movement.date, movement.kind), None)
                vals = {"amount": float(movement.amount), "value": float(movement.value)}
                if not row:
                    created.append({
                        "contract_id": movement.contract, "date": movement.date, "kind": movement.kind, **vals,
                    })
                elif (
                    row.currency_id.compare_amounts(row.amount, vals["amount"])
                    or company.currency_id.compare_amounts(row.value, vals["value"])
                ):
                    row.write(vals)
        Movement.browse(row.id for row in stored.values()).unlink()
        Movement.create(created)

    def _mrr_movements(self, company, convert, paid):
        """:return: list of ``mrr.Movement`` of one customer, exchange rate rows included"""
        segments = [segment for contract in self for line in contract.line_ids for segment in line._mrr_segments(paid)]
        found = mrr.movements(segments, convert)
        foreign = any(contract.currency_id != company.currency_id for contract in self)
        if not foreign or not found:
            return found
        months = self._closed_months(found[0].date, company._lifecycle_today())
        rounding, by_contract = Decimal(str(company.currency_id.rounding)), defaultdict(list)
        for movement in found:
            by_contract[movement.contract].append(movement)
        return found + [
            row for own in by_contract.values()
            for row in mrr.fx_movements(own, convert, months + self._days_at_zero(own), rounding)
        ]

    @api.model
    def _days_at_zero(self, movements):
        """:return: list of the days from which a contract brings nothing: nothing of it is left in any currency

        :param movements: list of ``mrr.Movement`` of one contract
        """
        balance, days = Decimal(), []
        for movement in movements:
            balance += movement.amount
            if not balance:
                days.append(movement.date)
        return days

    @api.model
    def _closed_months(self, first, today):
        """:return: list of the last days of the months from a day's month on that are over"""
        ends, end = [], fields.Date.end_of(first, "month")
        while end < today:
            ends.append(end)
            end = fields.Date.end_of(fields.Date.add(end, days=1), "month")
        return ends

    @api.model
    def _mrr_converter(self, company):
        """:return: ``mrr.Convert`` by the rates of Odoo; each rate is looked up once"""
        currencies, rates = self.env["res.currency"], {}

        def convert(currency_id, amount, day):
            if currency_id == company.currency_id.id or not amount:
                return amount
            if (currency_id, day) not in rates:
                rates[currency_id, day] = currencies._get_conversion_rate(
                    currencies.browse(currency_id), company.currency_id, company, day,
                )
            return Decimal(str(company.currency_id.round(float(amount) * rates[currency_id, day])))

        return convert

    def _paid_until(self):
        """A contract that ended within a period that was charged counts to the end of that period (KPI.md 2.4).

        :return: dict of line id -> last day that was charged and not credited, for lines charged beyond the end of
            their contract
        """
        ended = {contract: contract._service_end() for contract in self if contract._service_end()}
        rows = self.env["clm.installment"].search([
            ("contract_id", "in", [contract.id for contract in ended]), ("state", "!=", "credited"),
            "|", ("kind", "=", "credit"), ("state", "=", "invoiced"),
        ]) if ended else ()
        paid = {}
        for row in rows:
            if row.kind == "charge" and row.period_end > ended[row.contract_id]:
                paid[row.line_id.id] = max(paid.get(row.line_id.id, row.period_end), row.period_end)
        for row in rows:  # what is credited, or proposed to be, was not kept
            if row.kind == "credit" and row.state != "skipped" and row.line_id.id in paid:
                paid[row.line_id.id] = min(
                    paid[row.line_id.id], max(fields.Date.subtract(row.period_start, days=1), ended[row.contract_id])
                )
        return paid

    # === MONTH END AND SELF-CHECK === #

    @api.model
    def _cron_mrr(self):
        """Value foreign contracts at the end of a month, then check that the movements add up."""
        for company in self.env["res.company"]._lifecycle_companies():
            contracts = self.sudo().with_company(company).with_context(allowed_company_ids=company.ids)
            contracts._close_month(company)
            contracts._report_mrr_gaps(company, contracts._mrr_gaps(company))
        self._clm_commit(0, 0)

    @api.model
    def _close_month(self, company):
        end = fields.Date.subtract(fields.Date.start_of(company._lifecycle_today(), "month"), days=1)
        if company.clm_mrr_closed_on and company.clm_mrr_closed_on >= end:
            return
        groups = self._read_group([
            ("company_id", "=", company.id), ("direction", "=", "customer"), ("state", "in", IN_FORCE),
            ("currency_id", "!=", company.currency_id.id),
        ], ["commercial_partner_id"])
        partner_ids = [partner.id for partner, in groups]
        for start in range(0, len(partner_ids), 100):
            self._replay_mrr(company, self.env["res.partner"].browse(partner_ids[start:start + 100]))
            self._clm_commit(100, 0)
        company.sudo().clm_mrr_closed_on = end  # sudo: the cron's own memory

    @api.model
    def _mrr_gaps(self, company, dates=None):
        """Compare the movements with the contracts, by a computation of its own in SQL.

        :param dates: days to compare; default: the last two closed months and today
        :return: list of (contract id, day, MRR of its lines, sum of its movements, id of their currency)
        """
        today = company._lifecycle_today()
        month = fields.Date.start_of(today, "month")
        dates = dates or [
            fields.Date.subtract(month, months=1, days=1), fields.Date.subtract(month, days=1), today,
        ]
        self.env.flush_all()
        return [gap for day in dates for gap in self.env.execute_query(self._mrr_gap_query(company, day))]

    @api.model
    def _report_mrr_gaps(self, company, gaps):
        gaps = sorted(gaps, key=lambda gap: gap[0])
        known = self.search([("company_id", "=", company.id), ("cron_error", "!=", False)])
        (known - self.browse(gap[0] for gap in gaps))._drop_error("mrr")
        for contract_id, rows in groupby(gaps, key=lambda gap: gap[0]):
            _id, day, expected, found, currency_id = list(rows)[-1]
            contract, currency = self.browse(contract_id), self.env["res.currency"].browse(currency_id)
            contract._record_error(self.env._(
                "Recurring revenue does not add up on %(day)s: lines %(expected)s, movements %(found)s. Rebuild it.",
                day=fields.Date.to_string(day), expected=currency.format(expected),
                found=currency.format(found),
            ), "mrr")

    def action_rebuild_mrr(self):
        """Make the movements of these customers anew."""
        self.check_access("write")
        self._mrr_changed()
        self._drop_error("mrr")
        return True


class ClmContractLine(models.Model):
    _inherit = "clm.contract.line"

    def _mrr_segments(self, paid):
        """:return: iterator of ``mrr.Segment``: the days in which this line is served, a pause counts nothing"""
        self.ensure_one()
        if not self.monthly_amount:
            return
        terms = self._service_terms()
        if self.id in paid and not self.date_end:
            terms = terms._replace(end=max(terms.end, paid[self.id]))
        for start, end in served_days(terms):
            yield mrr.Segment(
                self.contract_id.id, self.currency_id.id, start, end, Decimal(str(self.monthly_amount)),
            )
