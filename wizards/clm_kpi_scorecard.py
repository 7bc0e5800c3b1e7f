from odoo import api, fields, models

from ..tools import kpi_periods


class ClmKpiScorecard(models.TransientModel):
    """Asks of which companies, period and parts a scorecard of KPIs is to be, and makes it as PDF or spreadsheet.

    Its numbers are those of the cockpit, read with the rights of the user.
    """

    _name = "clm.kpi.scorecard"
    _description = "KPI Scorecard"
    _inherit = "clm.kpi.scorecard.mixin"

    company_ids = fields.Many2many(
        "res.company", required=True, default=lambda self: self.env.companies,
        domain="[('id', 'in', allowed_company_ids)]", string="Companies",
    )
    company_id = fields.Many2one(
        "res.company", "Main Company", compute="_compute_company_id", store=True, precompute=True,
        help="Its currency, fiscal year and time zone are used.",
    )
    team_id = fields.Many2one(domain="['|', ('company_id', '=', False), ('company_id', 'in', company_ids)]")
    date = fields.Date(
        "A Day in It", required=True, compute="_compute_date", store=True, readonly=False, precompute=True,
        help="Any day of the period. Proposed: the last period that is over.",
    )
    period_label = fields.Char("Shown", compute="_compute_period_label")

    @api.depends("company_ids")
    def _compute_company_id(self):
        for scorecard in self:
            companies = scorecard.company_ids._origin or scorecard.company_ids
            scorecard.company_id = self.env.company if self.env.company in companies else companies[:1]

    @api.depends("period", "company_id")
    def _compute_date(self):
        for scorecard in self:
            company = scorecard.company_id or self.env.company
            kpi = self.env["clm.kpi"]
            running = kpi._period_of(scorecard.period or kpi_periods.MONTH, company._lifecycle_today(), company)
            scorecard.date = fields.Date.subtract(running.start, days=1)

    @api.depends("period", "date", "company_id")
    @api.depends_context("lang")
    def _compute_period_label(self):
        for scorecard in self:
            company = scorecard.company_id or self.env.company
            day = min(scorecard.date, company._lifecycle_today()) if scorecard.date else None
            scorecard.period_label = self.env["clm.kpi"]._period_label(scorecard.period, day, company)

    # === ACTIONS === #

    def action_print(self):
        """Print the scorecard."""
        self.ensure_one()
        return self.env.ref("clm.action_report_kpi_scorecard").report_action(self)

    def action_export(self):
        """Download the workbook."""
        self.ensure_one()
        return {"type": "ir.actions.act_url", "url": f"/clm/export/kpi/{self.id}", "target": "download"}

    # === CONTENT === #

    def _scoped(self):
        """:return: the wizard in its companies, the main one first
        :raise AccessError: later, for users of other companies
        """
        self.ensure_one()
        return self.with_context(allowed_company_ids=(self.company_id | self.company_ids).ids)

    def _view(self):
        """:return: what the cockpit looks at, see ``clm.cockpit._view``
        :raise AccessError: for those who may not see the lifecycle
        """
        cockpit = self.env["clm.cockpit"]
        cockpit._check_viewer()
        return cockpit._view({
            "period": self.period, "date": fields.Date.to_string(self.date), "company_ids": self.company_ids.ids,
            "team_id": self.team_id.id,
        })

    def _sections(self, view):
        """:return: list of the cockpit's sections that were chosen, those without KPIs left out"""
        sections = self.env["clm.cockpit"]._prepare_sections(view)
        return [section for section in sections if self._has_section(section["key"]) and section["kpis"]]

    def _book(self):
        """:return: ``clm_export.Book`` of the scorecard"""
        scorecard = self._scoped()
        return scorecard.env["clm.export"]._book_kpi(scorecard)

    def _file_name(self):
        self.ensure_one()
        return self.env._("KPI scorecard %(period)s", period=self.period_label)
