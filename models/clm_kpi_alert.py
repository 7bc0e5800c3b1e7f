from functools import partial

from markupsafe import Markup

from odoo import api, fields, models

from ..const import KPI_STATUSES
from ..tools import kpi_math

#: Values that the note of an alert shows, the newest last.
TREND_LENGTH = 6


class ClmKpiTarget(models.Model):
    """A missed goal opens one activity for its owner, which closes itself once the KPI is back on track.

    Nobody gets a mail for it: activities are seen in Odoo, and the digest tells once a day or week.
    """

    _inherit = "clm.kpi.target"

    alert_activity_id = fields.Many2one(
        "mail.activity", readonly=True, copy=False, ondelete="set null", index="btree_not_null",
    )
    alert_from = fields.Date(
        readonly=True, copy=False, help="The first day of the period that somebody was told about.",
    )
    status = fields.Selection(
        KPI_STATUSES, compute="_compute_latest", help="Of the period that runs, or ended last.",
    )
    latest = fields.Char("Latest Value", compute="_compute_latest", help="Of the period that runs, or ended last.")

    @api.depends("kpi_id", "value")
    @api.depends_context("lang")
    def _compute_latest(self):
        values = self._latest_values()
        for target in self:
            value = values[target]
            target.latest = value.display_value
            target.status = value.status or kpi_math.NA

    def _latest_values(self):
        """The values of the running or the last period that say something about the goals, in one query.

        :return: dict of goal -> ``clm.kpi.value``, none if there is none
        """
        values = self.env["clm.kpi.value"].search([("target_id", "in", self.ids)], order="date_from desc")
        by_target, latest = values.grouped("target_id"), {}
        for target in self:
            today = target.company_id._lifecycle_today() if target.company_id else fields.Date.today()
            begun = by_target.get(target._origin, values.browse()).filtered(lambda v, day=today: v.date_from <= day)[:2]
            said = begun.filtered(lambda v: v.status in (kpi_math.ON, kpi_math.OFF))
            latest[target] = (said[:1] or begun[:1]).with_prefetch(values._ids)
        return latest

    @api.model
    def _alert(self, company):
        """Open and close the activities of a company's goals. Run after values were computed."""
        today = company._lifecycle_today()
        targets = self.sudo().search([("company_id", "=", company.id), ("kpi_id.active", "=", True)])
        # a goal that is over says nothing any more, a week after
        current = targets.filtered(
            lambda target: target.date_from <= today <= fields.Date.add(target.date_to, days=7))
        (targets - current)._close_alerts(self.env._("The goal is over."))
        for target, value in current._latest_values().items():
            if value.status == kpi_math.OFF:
                target._open_alert(value)
            elif value.status == kpi_math.ON:
                target._close_alerts(self.env._(
                    "Back on track: %(kpi)s is %(value)s.", kpi=target.kpi_id.name, value=value.display_value,
                ))

    def _open_alert(self, value):
        users = self.user_id | self.kpi_id.user_id  # the first one who is still there
        user = users.filtered(lambda user: user.active and not user.share)[:1]
        if not user:
            self._close_alerts(self.env._("Nobody answers for this goal any more."))
            return
        target = self.with_context(lang=user.lang)
        summary = target.env._("%(kpi)s misses its goal", kpi=target.kpi_id.name)
        note = target._alert_note(value)
        if self.alert_activity_id.active:
            self.alert_activity_id.with_context(mail_activity_quick_update=True).write(
                {"summary": summary, "note": note, "user_id": user.id})
            self.alert_from = value.date_from
            return
        if self.alert_from and self.alert_from >= value.date_from:
            return  # somebody is done with it: the next period tells again
        self.alert_from = value.date_from
        # quick update: no mail for each missed goal
        self.alert_activity_id = self.with_context(mail_activity_quick_update=True).activity_schedule(
            "clm.mail_activity_kpi", date_deadline=self.company_id._lifecycle_today(), summary=summary, note=note,
            user_id=user.id,
        )

    def _close_alerts(self, feedback):
        """Close what is open, with the reason."""
        targets = self.sudo().filtered(lambda target: target.alert_activity_id or target.alert_from)
        # sudo: activities of other people too
        activities = targets.alert_activity_id.filtered("active")
        if activities:
            activities.with_context(mail_activity_quick_update=True).action_feedback(feedback=feedback)
        targets.write({"alert_activity_id": False, "alert_from": False})

    def _alert_note(self, value):
        """:return: HTML: value, goal, and how it went lately"""
        kpi = self.kpi_id
        shown = partial(kpi._format_value, unit=kpi.unit, currency=self.company_id.currency_id)
        trend = self.env["clm.kpi.value"].search([
            ("kpi_id", "=", kpi.id), ("company_id", "=", self.company_id.id), ("team_id", "=", self.team_id.id),
            ("period", "=", self.period), ("date_from", "<=", value.date_from),
        ], order="date_from desc", limit=TREND_LENGTH)[::-1]
        lines = [
            self.env._(
                "%(period)s: %(value)s, goal %(goal)s", period=value.with_env(self.env).period_label,
                value=shown(value.value), goal=shown(value.goal),
            ),
            self.env._("Before: %(values)s", values=", ".join(
                f"{row.period_label} {shown(row.value if row.is_known else None)}"
                for row in trend.with_env(self.env) if row != value
            ) or self.env._("n/a")),
        ]
        if self.team_id:
            lines.append(self.env._("Team: %(team)s", team=self.team_id.name))
        return Markup("<br/>").join(lines)
