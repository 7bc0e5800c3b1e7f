from odoo import api, fields, models

from odoo.addons.base.models.res_partner import _tz_get

from ..const import BILLING_GROUPINGS, PRORATIONS


class ResCompany(models.Model):
    _inherit = "res.company"

    lifecycle_tz = fields.Selection(
        _tz_get,
        string="Lifecycle Time Zone",
        help="Days of the customer lifecycle begin at midnight here."
        " Empty: the time zone of the company's contact, or UTC.",
    )

    clm_billing_horizon = fields.Integer(
        "Billing Horizon", default=12, required=True, help="Months for which the billing schedule is made ahead.",
    )
    clm_billing_proration = fields.Selection(
        PRORATIONS, "Broken Periods", default="days", required=True,
        help="How a period is charged that begins or ends in the middle.",
    )
    clm_billing_grouping = fields.Selection(BILLING_GROUPINGS, "Invoices per", default="contract", required=True)
    clm_billing_post = fields.Boolean("Post Invoices", help="Otherwise the billing run leaves drafts to be checked.")
    clm_billing_send = fields.Boolean("Send Invoices", help="By mail, once they are posted.")
    clm_mrr_closed_on = fields.Date(
        readonly=True, help="The last month end at which contracts in foreign currencies were valued.",
    )

    clm_gross_margin = fields.Float(
        "Gross Margin", default=1.0, help="Share of revenue that is left after its direct cost; for lifetime values.",
    )
    clm_customer_years = fields.Float(
        "Years as a Customer", default=3.0, help="How long a customer stays on average; for lifetime values of buyers.",
    )
    clm_kpi_computed_at = fields.Datetime("KPIs Computed On", readonly=True)
    clm_kpi_quarters = fields.Integer(
        readonly=True, help="How many quarters of the history of KPIs are computed, the running one included.",
    )

    _check_clm_margin = models.Constraint(
        "CHECK (clm_gross_margin > 0 AND clm_gross_margin <= 1)", "The gross margin is above 0 % and at most 100 %.",
    )
    _check_clm_years = models.Constraint(
        "CHECK (clm_customer_years > 0 AND clm_customer_years <= 100)", "Customers stay for up to 100 years, not 0.",
    )
    _check_clm_billing_horizon = models.Constraint(
        "CHECK (clm_billing_horizon BETWEEN 1 AND 120)", "The billing horizon is 1 to 120 months.",
    )

    def write(self, vals):
        res = super().write(vals)
        if "lifecycle_tz" in vals:
            self.env["clm.lifecycle.engine"]._enqueue_all()
        if vals.keys() & {"clm_billing_horizon", "clm_billing_proration"}:
            self.env["clm.contract"]._extend_soon(self)
        if vals.keys() & {"lifecycle_tz", "fiscalyear_last_month", "fiscalyear_last_day"}:
            self._restart_kpis()
        return res

    def _restart_kpis(self):
        """Days or quarters begin elsewhere now: values of quarters that no longer are go, the history comes anew."""
        values = self.env["clm.kpi.value"].sudo().search([  # sudo: nobody writes values
            ("company_id", "in", self.ids), ("period", "=", "quarter"),
        ])
        moved = values.filtered(lambda value: value._as_period() != self.env["clm.kpi"]._period_of(
            value.period, value.date_from, value.company_id))
        moved.write({"superseded_at": fields.Datetime.now(), "active": False})
        self.sudo().clm_kpi_quarters = 0  # sudo: a note for the cron
        self.env.ref("clm.ir_cron_kpi").sudo()._trigger()

    @api.model
    def _lifecycle_companies(self):
        """:return: all companies, the main one (lowest id) first; readable by everybody"""
        # sudo: events of every company count for a shared customer
        return self.sudo().with_context(active_test=False).search([], order="id")  # pylint: disable=no-search-all

    @api.model
    def _lifecycle_timezones(self):
        """:return: dict of company id -> name of its time zone, the main company first"""
        return {
            company.id: company.lifecycle_tz or company.partner_id.tz or "UTC"
            for company in self._lifecycle_companies()
        }

    @api.model
    def _lifecycle_currencies(self):
        """:return: dict of company id -> id of its currency, the main company first"""
        return {company.id: company.currency_id.id for company in self._lifecycle_companies()}

    def _lifecycle_today(self):
        """:return: the date that it is now where this company is"""
        self.ensure_one()
        company = self.sudo()  # sudo: everybody may know what day it is at a company of theirs
        zone = company.lifecycle_tz or company.partner_id.tz or "UTC"
        return fields.Datetime.context_timestamp(self.with_context(tz=zone), fields.Datetime.now()).date()
