from odoo import api, fields, models


class ClmSpend(models.Model):
    """What was spent to win customers: an amount for some days, if known by campaign and source."""

    _name = "clm.spend"
    _description = "Acquisition Spend"
    _inherit = ["mail.thread", "clm.counted.mixin"]
    _order = "date_from desc, id desc"
    _check_company_auto = True

    name = fields.Char("Description", required=True, tracking=True)
    date_from = fields.Date(
        "From", required=True, tracking=True, index=True,
        default=lambda self: fields.Date.start_of(fields.Date.context_today(self), "month"),
    )
    date_to = fields.Date(
        "To", required=True, tracking=True, help="The amount is spread evenly over these days.",
        default=lambda self: fields.Date.end_of(fields.Date.context_today(self), "month"),
    )
    amount = fields.Monetary(required=True, tracking=True, help="Without taxes.")
    currency_id = fields.Many2one("res.currency", required=True, default=lambda self: self.env.company.currency_id)
    company_amount = fields.Monetary(
        "Amount in Company Currency", compute="_compute_company_amount", store=True, precompute=True,
        currency_field="company_currency_id", help="At the rate of the first day.",
    )
    company_currency_id = fields.Many2one(related="company_id.currency_id", string="Company Currency")
    company_id = fields.Many2one("res.company", required=True, default=lambda self: self.env.company, index=True)
    campaign_id = fields.Many2one("utm.campaign", ondelete="set null", index="btree_not_null")
    medium_id = fields.Many2one("utm.medium", ondelete="set null", index="btree_not_null")
    source_id = fields.Many2one("utm.source", ondelete="set null", index="btree_not_null")
    team_id = fields.Many2one("crm.team", ondelete="set null", index="btree_not_null", check_company=True)
    active = fields.Boolean(default=True)

    _check_days = models.Constraint(
        "CHECK (date_from <= date_to)", "The spend ends before it begins. Choose a later end.",
    )
    _check_amount = models.Constraint("CHECK (amount >= 0)", "An amount spent cannot be negative.")

    @api.depends("amount", "currency_id", "company_id", "date_from")
    def _compute_company_amount(self):
        for spend in self:
            day = spend.date_from or fields.Date.context_today(spend)
            spend.company_amount = spend.currency_id._convert(
                spend.amount, spend.company_id.currency_id, spend.company_id, day,
            ) if spend.currency_id else spend.amount
