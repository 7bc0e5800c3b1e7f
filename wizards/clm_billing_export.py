from odoo import api, fields, models
from odoo.exceptions import UserError

from ..const import DIRECTIONS

#: reports about a period; the others speak as of a day
OF_PERIOD = ("schedule", "expiring", "mrr")
#: the screens of reports
ACTIONS = {
    "reconciliation": "clm.clm_billing_report_action",
    "aged": "clm.clm_billing_report_action_aged",
    "schedule": "clm.clm_billing_report_action_forecast",
    "deferred": "clm.clm_deferred_report_action",
    "mrr": "clm.clm_mrr_report_action",
}


class ClmBillingExport(models.TransientModel):
    """Asks which report an accountant wants, of which company and day or period, as spreadsheet, PDF or on screen."""

    _name = "clm.billing.export"
    _description = "Reports for Accountants"

    report = fields.Selection(
        [
            ("reconciliation", "Reconciliation"),
            ("aged", "Aged outstanding"),
            ("deferred", "Deferred revenue"),
            ("schedule", "Billing schedule"),
            ("mrr", "Recurring revenue"),
            ("expiring", "Contracts expiring"),
        ],
        required=True, default="reconciliation",
    )
    company_id = fields.Many2one(
        "res.company", required=True, default=lambda self: self.env.company,
        domain="[('id', 'in', allowed_company_ids)]",
    )
    direction = fields.Selection(DIRECTIONS, string="Contracts With", required=True, default="customer")
    date = fields.Date("As Of", required=True, default=lambda self: self.env.company._lifecycle_today())
    date_from = fields.Date(
        "From", required=True, compute="_compute_period", store=True, readonly=False, precompute=True,
    )
    date_to = fields.Date("To", required=True, compute="_compute_period", store=True, readonly=False, precompute=True)
    is_of_period = fields.Boolean(compute="_compute_is_of_period")
    can_open = fields.Boolean(compute="_compute_is_of_period")
    output = fields.Selection(
        [("xlsx", "Spreadsheet (XLSX)"), ("pdf", "PDF")], "Format", required=True, default="xlsx",
    )

    @api.depends("report", "company_id")
    def _compute_period(self):
        for export in self:
            month = fields.Date.start_of(export.company_id._lifecycle_today(), "month")
            first, last = (-11, 0) if export.report == "mrr" else (0, 11)
            export.date_from = fields.Date.add(month, months=first)
            export.date_to = fields.Date.end_of(fields.Date.add(month, months=last), "month")

    @api.depends("report")
    def _compute_is_of_period(self):
        for export in self:
            export.is_of_period = export.report in OF_PERIOD
            export.can_open = export.report in ACTIONS

    @api.constrains("date_from", "date_to")
    def _check_period(self):
        for export in self:
            if export.date_to < export.date_from:
                raise UserError(self.env._("The period ends before it begins. Correct one of the dates."))

    def action_export(self):
        """Download the report."""
        self.ensure_one()
        if self.output == "pdf":
            return self.env.ref("clm.action_report_billing_export").report_action(self)
        return {"type": "ir.actions.act_url", "url": f"/clm/export/billing/{self.id}", "target": "download"}

    def action_open(self):
        """Show the report on the screen, as of the day that was chosen."""
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id(ACTIONS[self.report])
        domain = [("company_id", "=", self.company_id.id)]
        context = {f"search_default_{self.direction}s": 1, "search_default_due": int(self.report == "reconciliation")}
        if self.report == "schedule":
            domain += [("date_planned", ">=", self.date_from), ("date_planned", "<=", self.date_to)]
        elif self.report == "mrr":
            domain += [("month", ">=", fields.Date.start_of(self.date_from, "month")), ("month", "<=", self.date_to)]
        else:
            action["name"] = self.env._("%(report)s as of %(day)s", report=action["name"], day=self.date)
            context["clm_as_of"] = fields.Date.to_string(self.date)
        return {**action, "domain": domain, "context": context}

    def _book(self):
        """:return: ``clm_export.Book`` of the report, in the company that was chosen
        :raise AccessError: for users of other companies, or without the right to read it
        """
        self.ensure_one()
        options = self.with_company(self.company_id).with_context(allowed_company_ids=self.company_id.ids)
        return getattr(options.env["clm.export"], f"_book_{options.report}")(options)

    def _print_values(self):
        """:return: dict of what the PDF shows"""
        return self.env["clm.export"]._print(self._book())
