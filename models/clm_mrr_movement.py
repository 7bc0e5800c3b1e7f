from odoo import api, fields, models

from ..const import MRR_KINDS
from ..tools import mrr_rates


class ClmMrrMovement(models.Model):
    """A change of monthly recurring revenue (MRR): one row per contract, day and kind; the balance is their sum.

    The rows of a customer are always exactly what ``tools.mrr`` makes of the customer's contracts: they can be rebuilt
    at any time. Rows of the future are what is known already, such as the end of a terminated contract.
    """

    _name = "clm.mrr.movement"
    _description = "MRR Movement"
    _order = "date desc, id desc"
    _rec_name = "contract_id"

    contract_id = fields.Many2one("clm.contract", required=True, readonly=True, ondelete="cascade", index=True)
    company_id = fields.Many2one(related="contract_id.company_id", store=True, precompute=True)
    partner_id = fields.Many2one(
        related="contract_id.commercial_partner_id", store=True, precompute=True, index=True, string="Customer",
    )
    type_id = fields.Many2one(related="contract_id.type_id", store=True, precompute=True)
    currency_id = fields.Many2one(related="contract_id.currency_id", store=True, precompute=True)
    company_currency_id = fields.Many2one(related="company_id.currency_id", string="Company Currency")
    date = fields.Date(required=True, readonly=True, help="The first day on which the change counts.")
    kind = fields.Selection(MRR_KINDS, required=True, readonly=True)
    amount = fields.Monetary(
        "Change in Contract Currency", readonly=True, help="Per month, without taxes.", aggregator=None,
    )
    value = fields.Monetary(
        "Change", currency_field="company_currency_id", readonly=True,
        help="Per month, in company currency at the rate of the day.",
    )

    _day_uniq = models.UniqueIndex("(contract_id, date, kind)")
    _month_index = models.Index("(company_id, date) INCLUDE (kind, value, partner_id)")

    @api.model
    def _balances(self, date, company):
        """:return: dict of ``res.partner`` -> MRR at the end of a day, in company currency; customers at 0 are left out
        """
        groups = self._read_group(
            [("company_id", "=", company.id), ("date", "<=", date)], ["partner_id"], ["value:sum"],
        )
        return {partner: value for partner, value in groups if not company.currency_id.is_zero(value)}

    @api.model
    def _rates(self, date_from, date_to, company):
        """Retention of the customers of a period, point to point (KPI.md 2.4).

        :param date date_from: first day; the start is the evening before
        :param date date_to: last day
        :return: dict: ``start``, ``end`` (MRR, company currency), ``nrr``, ``grr``, ``logo_churn``, ``gross_churn``,
            ``net_churn``, ``quick_ratio`` (ratios, ``None`` where there is nothing to divide by), the sum of each kind
        """
        before = self._balances(fields.Date.subtract(date_from, days=1), company)
        after = self._balances(date_to, company)
        sums = dict.fromkeys(dict(MRR_KINDS), 0.0)
        sums.update(self._read_group(
            [("company_id", "=", company.id), ("date", ">=", date_from), ("date", "<=", date_to)],
            ["kind"], ["value:sum"],
        ))
        start = sum(before.values())
        return {
            **sums,
            "start": start,
            "end": sum(after.values()),
            "nrr": mrr_rates.nrr(before, after),
            "grr": mrr_rates.grr(before, after),
            "logo_churn": mrr_rates.logo_churn(before, after),
            "gross_churn": mrr_rates.gross_churn(start, -sums["churn"], -sums["contraction"]),
            "net_churn": mrr_rates.net_churn(
                start, -sums["churn"], -sums["contraction"], sums["expansion"], sums["reactivation"]),
            "quick_ratio": mrr_rates.quick_ratio(
                sums["new"], sums["expansion"], -sums["contraction"], -sums["churn"]),
        }

    def action_open_contract(self):
        """The contract whose value changed."""
        self.ensure_one()
        return self.contract_id._get_records_action()
