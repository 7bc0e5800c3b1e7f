from functools import partial

from odoo import api, fields, models
from odoo.exceptions import AccessError
from odoo.tools import SQL, format_date, formatLang

from ..tools import kpi_math, kpi_periods


class DigestDigest(models.Model):
    """Figures of the lifecycle in Odoo's digest mails, and the KPIs that somebody follows."""

    _inherit = "digest.digest"

    kpi_clm_new_customers = fields.Boolean("New Customers")
    kpi_clm_new_customers_value = fields.Integer(compute="_compute_kpi_clm_new_customers_value")
    kpi_clm_mrr = fields.Boolean("Monthly Recurring Revenue")
    kpi_clm_mrr_value = fields.Monetary(compute="_compute_kpi_clm_mrr_value")
    kpi_clm_missed_goals = fields.Boolean("Missed Goals")
    kpi_clm_missed_goals_value = fields.Integer(compute="_compute_kpi_clm_missed_goals_value")
    clm_followed_kpis = fields.Boolean(
        "KPIs That the Recipient Follows", help="Each recipient sees the KPIs that they follow themselves.",
    )

    # === FIGURES === #

    def _compute_kpi_clm_new_customers_value(self):
        """Those who became customers in the time."""
        self._clm_check_viewer()
        start, end, companies = self._get_kpi_compute_parameters()
        numbers = {}
        for company in companies:
            facts = self.env["clm.kpi.facts"].with_company(company)
            between = SQL("v.entered_at >= %s AND v.entered_at < %s", start, end)
            self.env["clm.visit"].flush_model()
            numbers[company], = self.env.execute_query(
                SQL("SELECT COUNT(*) FROM (%s) became", facts._became_customer(between)))[0]
        for digest in self:
            digest.kpi_clm_new_customers_value = numbers[digest.company_id or self.env.company]

    def _compute_kpi_clm_mrr_value(self):
        """At the end of the time."""
        self._clm_check_viewer()
        _start, end, companies = self._get_kpi_compute_parameters()
        sums = dict(self.env["clm.mrr.movement"]._read_group(
            [("company_id", "in", companies.ids), ("date", "<=", fields.Datetime.to_datetime(end).date())],
            ["company_id"], ["value:sum"],
        ))
        for digest in self:
            digest.kpi_clm_mrr_value = sums.get(digest.company_id or self.env.company, 0.0)

    def _compute_kpi_clm_missed_goals_value(self):
        """Goals of periods that ended in the time."""
        self._clm_check_viewer()
        self._calculate_company_based_kpi(
            "clm.kpi.value", "kpi_clm_missed_goals_value", date_field="date_to",
            additional_domain=[("status", "=", kpi_math.OFF)],
        )

    def _clm_check_viewer(self):
        """:raise AccessError: makes the mail leave the figure out"""
        if not self.env.user.has_group("clm.group_viewer"):
            raise AccessError(self.env._("You may not see the customer lifecycle."))

    def _compute_kpis_actions(self, company, user):
        res = super()._compute_kpis_actions(company, user)
        menu = f"?menu_id={self.env.ref('clm.clm_menu_root').id}"
        res["kpi_clm_new_customers"] = f"clm.res_partner_action_lifecycle{menu}"
        res["kpi_clm_mrr"] = f"clm.clm_mrr_report_action{menu}"
        res["kpi_clm_missed_goals"] = f"clm.clm_kpi_value_action{menu}"
        return res

    # === FOLLOWED KPIS === #

    def _compute_kpis(self, company, user):
        return [*super()._compute_kpis(company, user), *self._clm_followed(company, user)]

    def _action_send_to_user(self, user, tips_count=1, consume_tips=True):
        # nobody gets a mail that says nothing
        if self == self.env.ref("clm.digest_kpi", raise_if_not_found=False) and not self._clm_kpis_of(user):
            return False
        return super()._action_send_to_user(user, tips_count=tips_count, consume_tips=consume_tips)

    def _clm_kpis_of(self, user):
        """:return: the KPIs that a user follows and may see, of the company of the user"""
        if not self.clm_followed_kpis or not user.has_group("clm.group_viewer"):
            return self.env["clm.kpi"]
        own = self.with_user(user).with_context(allowed_company_ids=user.company_id.ids, lang=user.lang)
        return own.env["clm.kpi"].search([("message_partner_ids", "in", user.partner_id.ids)])

    def _clm_followed(self, company, user):
        """:return: list of what the mail shows of each KPI, the missed ones first; of the period that runs"""
        kpis = self._clm_kpis_of(user)
        if not kpis:
            return []
        cockpit = kpis.env["clm.cockpit"].with_company(company).with_context(allowed_company_ids=company.ids)
        kind = kpi_periods.QUARTER if self.periodicity == "quarterly" else kpi_periods.MONTH
        view = cockpit._view({"period": kind})
        values = cockpit._values(view, kpis)
        rows = [cockpit._prepare_kpi(view, kpi, values.get(kpi, {})) for kpi in kpis]
        rows.sort(key=lambda row: row["status"] != kpi_math.OFF)
        return [self._clm_digest_row(cockpit, view, row) for row in rows]

    @api.model
    def _clm_digest_row(self, cockpit, view, row):
        """:param dict row: a KPI as the cockpit shows it
        :return: dict, see ``_compute_kpis``
        """
        env = cockpit.env
        kpi = env["clm.kpi"].browse(row["id"])
        shown = partial(kpi._format_value, unit=row["unit"], currency=view["currency"])
        return {
            "kpi_name": f"clm_kpi_{row['id']}",
            "kpi_fullname": row["name"],
            "kpi_action": f"clm.clm_kpi_action/{row['id']}",
            "kpi_col1": {"value": shown(row["value"]), "col_subtitle": self._clm_digest_change(env, view, kpi, row)},
            "kpi_col2": {
                "value": shown(row["goal"]) if row["goal"] is not None else "–", "col_subtitle": env._("Goal"),
            },
            "kpi_col3": {"value": kpi._labels("status")[row["status"]], "col_subtitle": env._("Status")},
        }

    @api.model
    def _clm_digest_change(self, env, view, kpi, row):
        """:return: text under the value: the day, and how much it changed; half a month is not compared with a whole
        """
        period, today = view["period"], view["today"]
        label = kpi._period_label(period.kind, period.start, view["main"])
        if period.end > today:
            label = env._("%(period)s until %(day)s", period=label, day=format_date(env, today))
        if row["change"] is None or (kpi.is_cumulative and period.end > today):
            return label
        number = formatLang(env, row["change"] * 100, digits=1)
        return env._(
            "%(period)s, %(change)s %% to the period before", period=label,
            change=f"+{number}" if row["change"] > 0 else number,
        )
