from odoo import api, fields, models

from ..tools.transitions import BINDING, CLOSED


class ResPartner(models.Model):
    """What the contracts of a customer are worth: of the companies one works in, in their currency."""

    _inherit = "res.partner"

    lifecycle_contract_ids = fields.One2many(
        "clm.contract", "commercial_partner_id", "Contracts", readonly=True, groups="clm.group_viewer",
    )
    clm_currency_id = fields.Many2one("res.currency", compute="_compute_clm_revenue", groups="clm.group_viewer")
    clm_mrr = fields.Monetary(
        "MRR", compute="_compute_clm_revenue", currency_field="clm_currency_id", groups="clm.group_viewer",
        help="Monthly recurring revenue of today, without taxes.",
    )
    clm_arr = fields.Monetary(
        "ARR", compute="_compute_clm_revenue", currency_field="clm_currency_id", groups="clm.group_viewer",
        help="12 times the monthly recurring revenue.",
    )
    clm_acv = fields.Monetary(
        "Yearly Value", compute="_compute_clm_revenue", currency_field="clm_currency_id", groups="clm.group_viewer",
        help="Recurring amounts per year of the contracts in force.",
    )
    clm_tcv = fields.Monetary(
        "Contract Value", compute="_compute_clm_revenue", currency_field="clm_currency_id", groups="clm.group_viewer",
        help="Total value of the contracts in force.",
    )

    @api.depends_context("uid", "company", "allowed_company_ids")
    def _compute_clm_revenue(self):
        company = self.env.company
        today = company._lifecycle_today()
        customers = self.commercial_partner_id
        revenue = self._clm_sums(self.env["clm.mrr.movement"]._read_group(
            [("partner_id", "in", customers.ids), ("date", "<=", today), ("company_id", "in", self.env.companies.ids)],
            ["partner_id", "company_id"], ["value:sum"],
        ), lambda owner: owner.currency_id)
        values = self.env["clm.contract"]._read_group([
            ("commercial_partner_id", "in", customers.ids), ("direction", "=", "customer"),
            ("amends_id", "=", False), ("state", "in", tuple(BINDING)),
        ], ["commercial_partner_id", "currency_id"], ["acv:sum", "tcv:sum"])
        yearly = self._clm_sums([row[:3] for row in values], lambda currency: currency)
        total = self._clm_sums([(*row[:2], row[3]) for row in values], lambda currency: currency)
        for partner in self:
            customer = partner.commercial_partner_id
            partner.clm_currency_id = company.currency_id
            partner.clm_mrr = revenue.get(customer, 0.0)
            partner.clm_arr = 12 * partner.clm_mrr
            partner.clm_acv = yearly.get(customer, 0.0)
            partner.clm_tcv = total.get(customer, 0.0)

    def write(self, vals):
        """A contact that moves to another customer takes its contracts along: both customers are looked at anew."""
        if not vals.keys() & {"parent_id", "is_company"}:
            return super().write(vals)
        # sudo: revenue follows, whoever may edit the contact
        contracts = self.env["clm.contract"].sudo().with_context(active_test=False).search([
            ("partner_id", "child_of", self.ids), ("direction", "=", "customer"), ("state", "in", (*BINDING, CLOSED)),
        ])
        left = {company: own.commercial_partner_id for company, own in contracts.grouped("company_id").items()}
        res = super().write(vals)
        contracts._mrr_changed()
        for company, customers in left.items():
            contracts._replay_mrr(company, customers - contracts.commercial_partner_id)
        return res

    def _clm_sums(self, rows, currency_of):
        """:return: dict of partner -> sum in the currency of the user's company, at today's rate"""
        company, today, sums = self.env.company, self.env.company._lifecycle_today(), {}
        for partner, owner, amount in rows:
            value = currency_of(owner)._convert(amount, company.currency_id, company, today)
            sums[partner] = sums.get(partner, 0.0) + value
        return sums
