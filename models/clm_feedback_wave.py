import logging

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.fields import Domain
from odoo.service.model import PG_CONCURRENCY_EXCEPTIONS_TO_RETRY

from ..tools.feedback import NPS
from .clm_feedback import KINDS, SENT, WAITING

_logger = logging.getLogger(__name__)

#: Customers for whom requests are made in one transaction.
BATCH_SIZE = 100
#: Customers that were not asked and are named on the wave.
MAX_SKIPPED = 50
#: What may not change once customers are being asked.
FIXED = {"kind", "partner_domain", "company_id"}


class ClmFeedbackWave(models.Model):
    """The same question to many customers at one time.

    A cron makes the requests in batches, customer by customer in the order of their ids: ``last_partner_id`` says how
    far it is, so that a wave that was stopped goes on where it was.
    """

    _name = "clm.feedback.wave"
    _description = "Feedback Wave"
    _inherit = ["mail.thread"]
    _order = "date desc, id desc"

    name = fields.Char(required=True)
    company_id = fields.Many2one(
        "res.company", required=True, default=lambda self: self.env.company, index=True, ondelete="cascade",
    )
    user_id = fields.Many2one(
        "res.users", "Responsible", required=True, default=lambda self: self.env.user, ondelete="restrict",
        domain="[('share', '=', False)]", help="Only customers that this person may see are asked.",
    )
    kind = fields.Selection(KINDS, "Question", required=True, default=NPS)
    product_id = fields.Many2one("product.product", ondelete="set null", help="What the question is about.")
    partner_domain = fields.Char(
        "Customers", required=True, default="[('lifecycle_stage_id.is_customer', '=', True)]",
    )
    date = fields.Date(
        "Goes Out On", required=True, default=lambda self: self.env.company._lifecycle_today(), tracking=True,
    )
    reminder_days = fields.Integer(
        "Remind After", default=lambda self: self.env.company.clm_feedback_reminder_days,
        help="Days until those who did not answer are asked once more. 0: no reminder.",
    )
    state = fields.Selection(
        [("draft", "Draft"), ("running", "Running"), ("done", "Done"), ("cancelled", "Cancelled")],
        required=True, default="draft", readonly=True, copy=False, tracking=True, index=True,
    )
    last_partner_id = fields.Integer(readonly=True, copy=False, help="Customers up to this one are done.")
    filled_at = fields.Datetime("All Asked On", readonly=True, copy=False)
    skipped_count = fields.Integer("Not Asked", readonly=True, copy=False)
    skipped = fields.Text("Why Not", readonly=True, copy=False)
    error = fields.Text("Problem", readonly=True, copy=False)
    request_ids = fields.One2many("clm.feedback", "wave_id", readonly=True)

    preview_count = fields.Integer("Customers Found", compute="_compute_preview_count")
    request_count = fields.Integer("Requests", compute="_compute_figures")
    waiting_count = fields.Integer("Waiting", compute="_compute_figures")
    sent_count = fields.Integer("Asked", compute="_compute_figures")
    answer_count = fields.Integer("Answers", compute="_compute_figures")
    response_rate = fields.Float(compute="_compute_figures", help="Answers by customers asked.")
    score = fields.Char(
        compute="_compute_figures", help="Recommendation: good less bad answers, -100 to 100. Satisfaction: share of"
        " good answers.",
    )
    progress = fields.Float(compute="_compute_figures", help="Share of the customers found that were dealt with.")

    _check_reminder_days = models.Constraint(
        "CHECK (reminder_days BETWEEN 0 AND 365)", "A reminder goes out after 0 to 365 days.")

    # === COMPUTE === #

    @api.depends("partner_domain", "company_id")
    def _compute_preview_count(self):
        for wave in self:
            try:
                wave.preview_count = self.env["res.partner"].search_count(wave._customers_domain())
            except (AccessError, ValidationError):  # still being typed, or about what the user may not see
                wave.preview_count = 0

    @api.depends("request_ids.state", "request_ids.sentiment", "request_ids.sent_at", "skipped_count")
    def _compute_figures(self):
        groups = self.env["clm.feedback"]._read_group(
            [("wave_id", "in", self.ids)], ["wave_id", "state", "sentiment"], ["__count", "sent_at:count"])
        for wave in self:
            rows = [row[1:] for row in groups if row[0] == wave._origin]
            moods = {mood: sum(row[2] for row in rows if row[1] == mood) for mood in ("bad", "neutral", "good")}
            answers = sum(moods.values())
            wave.request_count = sum(row[2] for row in rows)
            wave.waiting_count = sum(row[2] for row in rows if row[0] == WAITING)
            wave.sent_count = sum(row[3] for row in rows)
            wave.answer_count = answers
            wave.response_rate = answers / wave.sent_count if wave.sent_count else 0.0
            wave.score = wave._score_text(moods, answers)
            done = wave.request_count - wave.waiting_count + wave.skipped_count
            found = max(wave.preview_count, wave.request_count + wave.skipped_count)
            wave.progress = 100.0 if wave.state == "done" else 100.0 * done / found if found else 0.0

    def _score_text(self, moods, answers):
        if not answers:
            return False
        if self.kind == NPS:
            return self.env._("NPS %(score)s", score=f"{100 * (moods['good'] - moods['bad']) / answers:+.0f}")
        return self.env._("%(share)s %% satisfied", share=f"{100 * moods['good'] / answers:.0f}")

    @api.constrains("partner_domain")
    def _check_partner_domain(self):
        for wave in self:
            wave._customers_domain()

    def _customers_domain(self):
        """:return: domain of the customers that are asked
        :raise ValidationError: when the filter cannot be read
        """
        self.ensure_one()
        return (
            self.env["res.partner"]._lifecycle_filter(self.partner_domain, self.name)
            & Domain("lifecycle_cycle", ">", 0) & Domain("company_id", "in", [False, self.company_id.id])
        )

    def write(self, vals):
        if FIXED & vals.keys() and any(wave.state != "draft" for wave in self):
            raise UserError(self.env._("The question and its customers are fixed once the wave has started."))
        return super().write(vals)

    @api.ondelete(at_uninstall=False)
    def _unlink_except_asked(self):
        if any(wave.request_ids for wave in self):
            raise UserError(self.env._("Customers were asked already. Cancel the wave instead."))

    # === ACTIONS === #

    def action_start(self):
        """Ask the customers on the planned day, or now if that has come.

        :raise UserError: when nobody would be asked
        """
        self.check_access("write")
        for wave in self.filtered(lambda wave: wave.state == "draft"):
            if not wave.preview_count:
                raise UserError(self.env._("Nobody fits the filter of customers. Change it first."))
            wave.state = "running"
        # sudo: managers start waves without rights on crons
        self.env.ref("clm.ir_cron_feedback_wave").sudo()._trigger()
        return True

    def action_cancel(self):
        """Ask nobody else. Links that went out stay valid: their answers count."""
        self.check_access("write")
        waves = self.filtered(lambda wave: wave.state in ("draft", "running"))
        waves.state = "cancelled"
        waves.sudo().request_ids.filtered(lambda request: request.state == WAITING)._set(state="cancelled")  # sudo: own
        waves.sudo().request_ids.filtered(lambda request: request.state == SENT)._set(remind_at=False)
        return True

    def action_open_requests(self):
        """Open the requests of the wave, with the filter that the button names."""
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id("clm.clm_feedback_action")
        return {
            **action,
            "domain": [("wave_id", "=", self.id)],
            "context": {"search_default_answered": self.env.context.get("clm_answered", 0)},
            "display_name": self.name,
        }

    def action_open_customers(self):
        """Show who would be asked."""
        self.ensure_one()
        return {
            "type": "ir.actions.act_window", "name": self.env._("Customers Found"), "res_model": "res.partner",
            "views": [(self.env.ref("clm.res_partner_view_list_lifecycle").id, "list"), (False, "form")],
            "domain": list(self._customers_domain()),
        }

    # === CRON === #

    @api.model
    def _cron_send(self):
        """Make the requests of the waves whose day has come; their mails go out by the cron of the requests. Commits
        after each batch (not in a test).
        """
        running = self.search([("state", "=", "running"), ("filled_at", "=", False)], order="date, id")
        for wave in running:
            if wave.date <= wave.company_id._lifecycle_today() and not wave._fill():
                return
        self._finish()

    def _fill(self):
        """:return: whether time is left"""
        self.ensure_one()
        while not self.filled_at:
            try:
                with self.env.cr.savepoint():
                    customers = self._next_customers()
                    self._ask(customers)
            except PG_CONCURRENCY_EXCEPTIONS_TO_RETRY:
                raise
            except Exception as error:  # whatever it is, it stands on the wave and stops no other
                _logger.warning("%s stopped", self, exc_info=True)
                self.error = f"{error}".strip()[:1000] or repr(error)
                return True
            if not self.env["clm.due.mixin"]._clm_commit(max(len(customers), 1), 0 if self.filled_at else 1):
                return False
        return True

    def _next_customers(self):
        """:return: the next batch of customers, of those that the responsible person may see"""
        domain = self._customers_domain() & Domain("id", ">", self.last_partner_id)
        return self.env["res.partner"].with_user(self.user_id).search(domain, order="id", limit=BATCH_SIZE)

    def _ask(self, customers):
        """Make the requests of one batch, and remember how far the wave is."""
        if not customers:
            self.write({"filled_at": fields.Datetime.now(), "error": False})
            return
        _requests, refused = self.env["clm.feedback"]._request(
            customers.with_env(self.env), self.kind, wave=self, product=self.product_id or None)
        lines = (self.skipped or "").splitlines()
        lines += list(refused.values())[:max(MAX_SKIPPED - len(lines), 0)]
        self.write({
            "last_partner_id": customers[-1].id,
            "skipped_count": self.skipped_count + len(refused),
            "skipped": "\n".join(lines) or False,
            "error": False,
        })

    @api.model
    def _finish(self):
        """Close the waves that have asked everybody they could."""
        full = self.search([("state", "=", "running"), ("filled_at", "!=", False)])
        busy = self.env["clm.feedback"]._read_group(
            [("wave_id", "in", full.ids), ("state", "=", WAITING), ("send_at", "!=", False)], ["wave_id"])
        (full - full.browse().union(*(wave for wave, in busy))).state = "done"
