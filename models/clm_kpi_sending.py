import base64
import io
import logging

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError
from odoo.service.model import PG_CONCURRENCY_EXCEPTIONS_TO_RETRY

from ..tools import kpi_math, kpi_periods

_logger = logging.getLogger(__name__)

INTERVALS = {"weekly": {"weeks": 1}, "monthly": {"months": 1}, "quarterly": {"months": 3}}
#: Kind of period that is proposed for an interval.
PERIODS = {"weekly": kpi_periods.WEEK, "monthly": kpi_periods.MONTH, "quarterly": kpi_periods.QUARTER}
#: Misses that the mail names; the attachments have all.
MAX_MISSES = 10


class ClmKpiSending(models.Model):
    """A scorecard of KPIs that is mailed again and again: to whom, of what, and when.

    Each one goes out once when it is due, with the last period that is over. Days that were missed are made up by one
    mail. Dates are those of the company. What fails says so on itself, and is tried again by the next run.
    """

    _name = "clm.kpi.sending"
    _description = "Scheduled KPI Scorecard"
    _inherit = ["clm.kpi.scorecard.mixin", "clm.due.mixin", "mail.thread"]
    _order = "next_date, id"
    _check_company_auto = True

    name = fields.Char(required=True, default=lambda self: self.env._("KPI scorecard"), tracking=True)
    active = fields.Boolean(default=True, tracking=True)
    company_id = fields.Many2one(
        "res.company", required=True, default=lambda self: self.env.company, index=True, ondelete="cascade",
    )
    team_id = fields.Many2one(check_company=True)
    user_ids = fields.Many2many(
        "res.users", string="Recipients", domain="[('share', '=', False)]",
        help="They need the right to see the lifecycle, and to work in the company.",
    )
    partner_ids = fields.Many2many(
        "res.partner", string="People Outside", domain="[('email', '!=', False)]",
        help="They get the numbers by mail without any right in Odoo.",
    )
    interval = fields.Selection(
        [("weekly", "Every week"), ("monthly", "Every month"), ("quarterly", "Every three months")], "Send",
        required=True, default="monthly", tracking=True,
    )
    period = fields.Selection(
        string="Show", compute="_compute_period", store=True, readonly=False, precompute=True, default=None,
    )
    next_date = fields.Date(
        "Next On", required=True, copy=False, tracking=True, default=lambda self: self._default_next_date(),
        help="The following ones are on the same day of the week or month.",
    )
    anchor_date = fields.Date(readonly=True, copy=False, help="The day from which the following ones are counted.")
    send_pdf = fields.Boolean("PDF", default=True)
    send_xlsx = fields.Boolean("Spreadsheet", default=True)
    last_sent_on = fields.Datetime("Sent On", readonly=True, copy=False)
    error = fields.Char("Problem", readonly=True, copy=False, help="Why it could not be sent the last time.")
    left_out = fields.Char("Not Sent To", readonly=True, copy=False, help="Who did not get the last one, and why.")

    _check_files = models.Constraint("CHECK (send_pdf OR send_xlsx)", "Choose a PDF or a spreadsheet, or both.")

    @api.model
    def _default_next_date(self):
        """:return: the first day of the next month"""
        today = self.env.company._lifecycle_today()
        return fields.Date.add(fields.Date.start_of(today, "month"), months=1)

    @api.depends("interval")
    def _compute_period(self):
        for sending in self:
            sending.period = PERIODS.get(sending.interval, kpi_periods.MONTH)

    @api.constrains("user_ids", "partner_ids", "company_id")
    def _check_recipients(self):
        for sending in self:
            if not (sending.user_ids or sending.partner_ids):
                raise ValidationError(self.env._("Choose who gets the scorecard."))
            reasons = [reason for person in sending._people() if (reason := sending._refusal(person))]
            if reasons:
                raise ValidationError("\n".join(reasons))

    # === CRUD === #

    @api.model_create_multi
    def create(self, vals_list):
        for vals in vals_list:
            if vals.get("next_date"):
                vals.setdefault("anchor_date", vals["next_date"])
        sendings = super().create(vals_list)
        for sending in sendings.filtered(lambda sending: not sending.anchor_date):
            sending.anchor_date = sending.next_date
        return sendings

    def write(self, vals):
        if vals.get("next_date") and "anchor_date" not in vals:
            vals = {**vals, "anchor_date": vals["next_date"]}
        return super().write(vals)

    # === RECIPIENTS === #

    def _people(self):
        """:return: partners who are to get it"""
        return (self.user_ids.partner_id | self.partner_ids).sudo()  # sudo: addresses, also of other companies

    def _refusal(self, partner):
        """:return: why somebody may not get it, or an empty text. Users need rights; others need an address only"""
        self.ensure_one()
        if not partner.email_normalized:
            return self.env._("%(name)s has no mail address.", name=partner.name)
        user = partner.with_context(active_test=False).user_ids.filtered(lambda user: not user.share)[:1]
        if not user:
            return ""
        if not user.active or not user.has_group("clm.group_viewer"):
            return self.env._("%(name)s may not see the lifecycle. Give the right first.", name=partner.name)
        if self.company_id not in user.company_ids:
            return self.env._(
                "%(name)s does not work in %(company)s.", name=partner.name, company=self.company_id.name)
        return ""

    # === ACTIONS === #

    def action_send_now(self):
        """Send the last period that is over; the next date stays."""
        self.ensure_one()
        self.check_access("write")
        names = self._send()
        return {
            "type": "ir.actions.client", "tag": "display_notification",
            "params": {
                "type": "success", "message": self.env._("On its way to %(names)s.", names=names),
                "next": {"type": "ir.actions.client", "tag": "soft_reload"},
            },
        }

    def action_preview(self):
        """Show what would be sent."""
        self.ensure_one()
        return self._scorecard().action_print()

    # === SEND === #

    @api.model
    def _cron_send(self):
        """Send what is due. Commits after each, so that none is sent twice (not in a test)."""
        # those of companies where it is later already
        due = self.sudo().search([("next_date", "<=", fields.Date.add(fields.Date.today(), days=1))])
        for number, sending in enumerate(due, start=1):
            sending._send_if_due()
            if not self._clm_commit(1, len(due) - number):
                return

    def _send_if_due(self):
        """Send it if its day has come, and plan the next one."""
        try:
            with self.env.cr.savepoint():
                if not self.try_lock_for_update():
                    return
                today = self.company_id._lifecycle_today()
                if not self.active or self.next_date > today:
                    return
                self._send()
                self.write({"next_date": self._date_after(today), "anchor_date": self.anchor_date})
        except PG_CONCURRENCY_EXCEPTIONS_TO_RETRY:
            _logger.info("Somebody else is sending %s", self)
        except Exception as error:  # whatever it is, it stands here and stops no other
            _logger.warning("%s could not be sent", self, exc_info=True)
            self.error = f"{error}".strip()[:500] or repr(error)

    def _date_after(self, day):
        """:return: the first date after a day, counted from the anchor: the 31st stays the 31st where it exists"""
        step, number = INTERVALS[self.interval], 1
        anchor = self.anchor_date or self.next_date
        while (found := fields.Date.add(anchor, **{unit: number * count for unit, count in step.items()})) <= day:
            number += 1
        return found

    def _send(self):
        """Mail the scorecard, one mail for each recipient, in their language.

        :return: names of those who get it
        :raise UserError: when nobody may get it
        """
        self.ensure_one()
        self._freshen()
        people, refused = self.env["res.partner"].sudo(), []
        for partner in self._people():
            reason = self._refusal(partner)
            if reason:
                refused.append(reason)
            else:
                people |= partner
        if not people:
            raise UserError(self.env._("Nobody may get it: %(reasons)s", reasons=" ".join(refused)))
        for lang, partners in people.grouped("lang").items():
            self.with_context(lang=lang or self.env.lang)._mail(partners)
        self.write({"last_sent_on": fields.Datetime.now(), "error": False, "left_out": " ".join(refused) or False})
        names = ", ".join(people.mapped("name"))
        self._message_log(body=self.env._("Sent to %(names)s.", names=names))
        return names

    def _freshen(self):
        """Have the numbers computed, unless they were since the day began: a period ends at midnight."""
        company = self.company_id
        computed = company.clm_kpi_computed_at
        today = self.env["clm.kpi"]._period_of(kpi_periods.WEEK, company._lifecycle_today(), company)._replace(
            start=company._lifecycle_today())
        start, _stop = kpi_periods.bounds(today, self.env["res.company"]._lifecycle_timezones()[company.id])
        if not computed or computed < start:
            self.env["clm.kpi"].sudo()._refresh_now(company)  # sudo: only the computation writes values

    def _scorecard(self):
        """:return: the ``clm.kpi.scorecard`` of the last period that is over"""
        company = self.company_id
        own = self.with_company(company).with_context(allowed_company_ids=company.ids)
        return own.env["clm.kpi.scorecard"].create({
            **own._prepare_choice_vals(), "company_ids": [fields.Command.set(company.ids)],
        })

    def _mail(self, partners):
        """:param partners: who gets one, all of the language of the context"""
        scorecard = self._scorecard()
        attachments = self._attachments(scorecard)
        template = self.env.ref("clm.mail_template_kpi_sending").with_context(
            lang=self.env.lang, clm_scorecard=self._mail_values(scorecard),
        )
        for partner in partners:
            template.send_mail(self.id, email_layout_xmlid="mail.mail_notification_light", email_values={
                "recipient_ids": [fields.Command.link(partner.id)], "email_to": False, "attachments": attachments,
            })

    def _attachments(self, scorecard):
        """:return: list of pairs: file name, content in base64"""
        name, files = scorecard._file_name(), []
        if self.send_pdf:
            content, _kind = self.env["ir.actions.report"].with_context(lang=self.env.lang)._render_qweb_pdf(
                "clm.action_report_kpi_scorecard", scorecard.ids)
            files.append((f"{name}.pdf", base64.b64encode(content)))
        if self.send_xlsx:
            target = io.BytesIO()
            scorecard.env["clm.export"]._write_xlsx(target, scorecard._book())
            files.append((f"{name}.xlsx", base64.b64encode(target.getvalue())))
        return files

    def _mail_values(self, scorecard):
        """:return: dict of what the mail says: the period, how many KPIs have which status, and the first misses"""
        card = scorecard._print_values()
        return {
            "period": card["heading"]["period"],
            "counts": [f"{count['label']}: {count['count']}" for count in card["counts"]
                       if count["status"] != kpi_math.NA],
            "misses": card["misses"][:MAX_MISSES],
            "more": max(len(card["misses"]) - MAX_MISSES, 0),
        }
