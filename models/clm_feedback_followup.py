import logging

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain

_logger = logging.getLogger(__name__)

ACTIVITY = "clm.mail_activity_feedback"


class ClmFeedback(models.Model):
    """A low score gets a person, a due date and an outcome: the loop is closed."""

    _inherit = "clm.feedback"

    followup_state = fields.Selection(
        [("none", "Not needed"), ("open", "To follow up"), ("done", "Followed up")], "Follow-Up", required=True,
        default="none", readonly=True, copy=False, index=True,
    )
    followup_due = fields.Date("Follow-Up Due", readonly=True, copy=False)
    followup_user_id = fields.Many2one(
        "res.users", "Follows Up", readonly=True, copy=False, ondelete="set null", index="btree_not_null",
    )
    activity_id = fields.Many2one(
        "mail.activity", "Follow-Up Activity", readonly=True, copy=False, ondelete="set null", index="btree_not_null",
    )
    outcome = fields.Text(copy=False, help="What was said and done about the low score.")
    outcome_at = fields.Datetime("Closed On", readonly=True, copy=False)
    outcome_by = fields.Many2one("res.users", "Closed By", readonly=True, copy=False, ondelete="set null")
    is_followup_late = fields.Boolean(
        "Follow-Up Overdue", compute="_compute_is_followup_late", search="_search_is_followup_late",
    )

    @api.depends("followup_state", "followup_due", "company_id")
    def _compute_is_followup_late(self):
        today = {company: company._lifecycle_today() for company in self.company_id}
        for feedback in self:
            feedback.is_followup_late = bool(
                feedback.followup_state == "open" and feedback.followup_due
                and feedback.followup_due < today[feedback.company_id]
            )

    def _search_is_followup_late(self, operator, value):
        if operator != "in":
            return NotImplemented
        late = Domain("followup_state", "=", "open") & Domain.OR(
            Domain("company_id", "=", company.id) & Domain("followup_due", "<", company._lifecycle_today())
            for company in self.env["res.company"]._lifecycle_companies()
        )
        return Domain.OR([late if True in value else Domain.FALSE, ~late if False in value else Domain.FALSE])

    # === OPEN === #

    def _followup_user(self):
        """:return: who is to answer a low score: the salesperson, else the person of the settings, else the leader of
            the sales team, else a manager; whoever works for the company and may see answers
        """
        self.ensure_one()
        company = self.company_id
        for user in (self.user_id, company.clm_feedback_user_id, self.team_id.user_id):
            if user.active and not user.share and company in user.company_ids and user.has_group("clm.group_viewer"):
                return user
        return self.env["clm.contract"]._responsible_of(self.env["res.users"], company)

    def _open_followup(self):
        """Ask somebody to call the customer. The answer counts even where the activity cannot be made."""
        self.ensure_one()
        user = self._followup_user()
        due = fields.Date.add(self.company_id._lifecycle_today(), days=self.company_id.clm_feedback_answer_days)
        self._set(followup_state="open", followup_due=due, followup_user_id=user.id)
        try:
            with self.env.cr.savepoint():
                # the mail to the colleague waits in the queue, not the customer for it
                activity = self.with_context(mail_notify_force_send=False, lang=user.lang).activity_schedule(
                    ACTIVITY, date_deadline=due, user_id=user.id,
                    summary=self.with_context(lang=user.lang)._followup_summary(),
                )
                self._set(activity_id=activity.id)
        except UserError as error:
            _logger.warning("No activity for the follow-up of %s: %s", self, error)
            self._set(error=str(error))

    def _followup_summary(self):
        return self.env._(
            "%(customer)s gave %(score)s: find out why", customer=self.partner_id.display_name,
            score=self._score_text(),
        )

    # === CLOSE === #

    def action_record_outcome(self):
        """Close the follow-up with what was done.

        :raise UserError: without an outcome
        """
        self.check_access("write")
        for feedback in self:
            if feedback.followup_state != "open":
                raise UserError(self.env._("There is no follow-up to close."))
            if not (feedback.outcome or "").strip():
                raise UserError(self.env._("Write down what was said and done first."))
        self._close_followup()
        return True

    def _close_followup(self):
        """The outcome is written; the activity goes with it."""
        activities = {feedback: feedback.activity_id for feedback in self}
        self._set(followup_state="done", outcome_at=fields.Datetime.now(), outcome_by=self.env.uid)
        for feedback, activity in activities.items():
            if activity.active:
                activity.action_feedback(feedback=feedback.outcome)

    def action_reopen_followup(self):
        """There is more to do after all."""
        self.check_access("write")
        for feedback in self.filtered(lambda feedback: feedback.followup_state == "done"):
            feedback.sudo()._open_followup()  # sudo: the activity is for somebody else
        return True


class MailActivity(models.Model):
    _inherit = "mail.activity"

    def _action_done(self, feedback=False, attachment_ids=None):
        """Somebody marks the activity as done: what they write there is the outcome."""
        ours = self.filtered(lambda activity: activity.res_model == "clm.feedback")
        # sudo: whoever has an activity may close it, whatever else they may see
        requests = self.env["clm.feedback"].sudo().search([
            ("activity_id", "in", ours.ids), ("followup_state", "=", "open"),
        ]) if ours else self.env["clm.feedback"]
        res = super()._action_done(feedback=feedback, attachment_ids=attachment_ids)
        if requests and (feedback or "").strip():
            requests.outcome = feedback
            requests._close_followup()
        return res


class ResCompany(models.Model):
    _inherit = "res.company"

    clm_feedback_days = fields.Integer(
        "Days Between Questions", default=90, required=True, help="Nobody is asked the same question more often.",
    )
    clm_feedback_validity = fields.Integer("Feedback Link Valid For", default=30, required=True, help="Days.")
    clm_feedback_reminder_days = fields.Integer(
        "Feedback Reminder After", default=7, required=True, help="Days. 0: no reminder.",
    )
    clm_feedback_answer_days = fields.Integer(
        "Days to Answer Low Scores", default=2, required=True, help="When the follow-up of a low score is due.",
    )
    clm_feedback_user_id = fields.Many2one(
        "res.users", "Answers Low Scores", domain="[('share', '=', False)]", ondelete="set null",
        help="Follows up low scores of customers without a salesperson.",
    )

    _check_clm_feedback = models.Constraint(
        "CHECK (clm_feedback_days BETWEEN 0 AND 3650 AND clm_feedback_validity BETWEEN 1 AND 365"
        " AND clm_feedback_reminder_days BETWEEN 0 AND 365 AND clm_feedback_answer_days BETWEEN 0 AND 365)",
        "Links are valid for 1 to 365 days; the other numbers of days of feedback go from 0 to 365, the one between"
        " questions to 3,650.",
    )


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"

    clm_feedback_days = fields.Integer(related="company_id.clm_feedback_days", readonly=False)
    clm_feedback_validity = fields.Integer(related="company_id.clm_feedback_validity", readonly=False)
    clm_feedback_reminder_days = fields.Integer(related="company_id.clm_feedback_reminder_days", readonly=False)
    clm_feedback_answer_days = fields.Integer(related="company_id.clm_feedback_answer_days", readonly=False)
    clm_feedback_user_id = fields.Many2one(related="company_id.clm_feedback_user_id", readonly=False)
