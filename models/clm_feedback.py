import secrets
from datetime import timedelta
from textwrap import shorten

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain

from ..tools.feedback import CSAT, NPS, SCALES, sentiment

KINDS = [(NPS, "Recommendation (0–10)"), (CSAT, "Satisfaction (1–5)")]
WAITING, SENT, ANSWERED, EXPIRED, CANCELLED = "waiting", "sent", "answered", "expired", "cancelled"
STATES = [
    (WAITING, "Waiting"), (SENT, "Sent"), (ANSWERED, "Answered"), (EXPIRED, "Expired"), (CANCELLED, "Cancelled"),
]
#: An answer may still come, or the question still go out.
OPEN = (WAITING, SENT)
MAX_COMMENT = 5000
#: Characters of it that lists show.
SHORT_COMMENT = 160
#: Requests follow nobody and tell nobody that they were made.
QUIET = {"mail_create_nolog": True, "mail_create_nosubscribe": True, "tracking_disable": True}


class ClmFeedback(models.Model):
    """One person asked once for feedback: the question, its mail, the answer and what was done about it.

    Rows are made by :meth:`_request`, mailed by :meth:`_send` and answered by :meth:`_answer`, nowhere else. The answer
    is the customer's own: nobody changes it afterwards.
    """

    _name = "clm.feedback"
    _description = "Feedback"
    _inherit = ["mail.thread", "mail.activity.mixin", "clm.door.mixin"]
    _order = "answered_at desc nulls last, id desc"
    _mail_post_access = "read"

    contact_id = fields.Many2one(
        "res.partner", "Asked", required=True, readonly=True, ondelete="cascade", index=True,
        help="The person who got the question.",
    )
    partner_id = fields.Many2one(
        related="contact_id.commercial_partner_id", store=True, index=True, string="Customer",
    )
    asked_id = fields.Integer(
        "First Asked", readonly=True, aggregator=None, help="Who was asked, before contacts were merged. Not a link:"
        " merging must keep both requests of two contacts that turn out to be one person.",
    )
    company_id = fields.Many2one(
        "res.company", required=True, readonly=True, index=True, default=lambda self: self.env.company,
        ondelete="cascade",
    )
    kind = fields.Selection(KINDS, "Question", required=True, readonly=True, index=True)
    state = fields.Selection(STATES, required=True, readonly=True, default=WAITING, index=True, copy=False)
    score = fields.Integer(readonly=True, copy=False, aggregator="avg", help="0 to 10, or 1 to 5 for satisfaction.")
    sentiment = fields.Selection(
        [("bad", "Bad"), ("neutral", "Neutral"), ("good", "Good")], compute="_compute_sentiment", store=True,
        group_expand=True,
        help="Recommendation: bad up to 6, good from 9. Satisfaction: bad up to 2, good from 4.",
    )
    answer = fields.Char(compute="_compute_answer", help="The score, and what the best one is.")
    comment = fields.Text(readonly=True, copy=False)
    comment_start = fields.Char("Comment Begins", compute="_compute_answer", help="How the comment begins.")
    subject = fields.Char("About", readonly=True, help="What the question is about, if not the company as a whole.")
    origin = fields.Selection(
        [("playbook", "Playbook"), ("wave", "Wave"), ("manual", "By hand")], required=True, readonly=True,
        default="manual",
    )
    wave_id = fields.Many2one("clm.feedback.wave", readonly=True, ondelete="set null", index="btree_not_null")
    effect_id = fields.Many2one("clm.effect", "Playbook Step", readonly=True, ondelete="set null",
                                index="btree_not_null")
    evidence_model = fields.Char(readonly=True)
    evidence_id = fields.Many2oneReference(
        "Document", model_field="evidence_model", readonly=True, aggregator=None, help="The order it is about, say.",
    )
    product_id = fields.Many2one("product.product", readonly=True, ondelete="set null", index="btree_not_null")
    user_id = fields.Many2one("res.users", "Salesperson", readonly=True, ondelete="set null")
    team_id = fields.Many2one("crm.team", "Sales Team", readonly=True, ondelete="set null")
    stage_id = fields.Many2one(
        "clm.stage", readonly=True, copy=False, ondelete="set null", help="Where the customer stood when answering.",
    )

    token = fields.Char(readonly=True, copy=False, groups="base.group_system", default=lambda self: self._new_token())
    send_at = fields.Datetime("Goes Out On", readonly=True, copy=False, default=fields.Datetime.now)
    sent_at = fields.Datetime("Asked On", readonly=True, copy=False)
    expires_at = fields.Datetime("Valid Until", readonly=True, copy=False)
    remind_at = fields.Datetime("Reminder On", readonly=True, copy=False)
    reminded_at = fields.Datetime("Reminded On", readonly=True, copy=False)
    answered_at = fields.Datetime("Answered On", readonly=True, copy=False)
    error = fields.Text("Problem", readonly=True, copy=False, help="Why the mail did not go out.")
    attempts = fields.Integer(readonly=True, copy=False, aggregator=None)

    # one open request per person and kind; see asked_id
    _open_uniq = models.UniqueIndex(
        "(asked_id, kind) WHERE state IN ('waiting', 'sent') AND asked_id IS NOT NULL",
        "This person was asked already and has not answered yet.",
    )
    _due_idx = models.Index("(send_at) WHERE state = 'waiting'")
    _sent_idx = models.Index("(expires_at) WHERE state = 'sent'")
    _answered_idx = models.Index("(partner_id, answered_at) WHERE state = 'answered'")
    _check_score = models.Constraint(
        "CHECK (state != 'answered' OR (kind = 'nps' AND score BETWEEN 0 AND 10)"
        " OR (kind = 'csat' AND score BETWEEN 1 AND 5))",
        "The score is not on the scale.",
    )

    # === COMPUTE === #

    @api.model
    def _new_token(self):
        return secrets.token_urlsafe(32)

    @api.depends("contact_id.name", "state", "score", "kind")
    def _compute_display_name(self):
        states = dict(self._fields["state"]._description_selection(self.env))
        for feedback in self:
            name = feedback.contact_id.name or ""
            if feedback.state == ANSWERED:
                feedback.display_name = self.env._(
                    "%(name)s: %(score)s", name=name, score=feedback._score_text())
            else:
                feedback.display_name = self.env._(
                    "%(name)s: %(state)s", name=name, state=states.get(feedback.state, ""))

    @api.depends("state", "score", "kind")
    def _compute_sentiment(self):
        for feedback in self:
            is_answered = feedback.state == ANSWERED
            feedback.sentiment = sentiment(feedback.kind, feedback.score) if is_answered else False

    @api.depends("state", "score", "kind", "comment")
    def _compute_answer(self):
        for feedback in self:
            feedback.answer = feedback._score_text() if feedback.state == ANSWERED else False
            feedback.comment_start = shorten(feedback.comment or "", SHORT_COMMENT, placeholder="…") or False

    def _score_text(self):
        """:return: “9 of 10”"""
        self.ensure_one()
        return self.env._("%(score)s of %(best)s", score=self.score, best=SCALES[self.kind][1])

    # === CRUD === #

    def write(self, vals):
        locked = [] if self._is_unlocked() else [name for name in vals if self._is_door_field(name)]
        if locked:
            raise UserError(self.env._(
                "What a customer said and was asked cannot be changed by hand: %(fields)s.",
                fields=", ".join(self._fields[name]._description_string(self.env) for name in sorted(locked)),
            ))
        return super().write(vals)

    def _set(self, **vals):
        self._unlocked().write(vals)

    # === REQUEST === #

    @api.model
    def _request(self, contacts, kind, effect=None, wave=None, product=None, evidence=None, company=None):
        """Ask people for feedback. The mails go out by the cron soon after the commit, or by :meth:`_send` at once.

        Nobody is asked the same question while an earlier one is open, or within ``clm_feedback_days`` of the company.

        :param contacts: ``res.partner``; instead of a company without a mail address one of its contacts is asked
        :param str kind: ``nps`` or ``csat``
        :param effect: ``clm.effect`` of a playbook, or none
        :param wave: ``clm.feedback.wave``, or none
        :param product: ``product.product`` it is about, or none
        :param evidence: document it is about, or none; by default that of the effect
        :param company: who asks; by default the company of the effect, the wave, the contact or the user
        :return: pair: the requests made; dict of id of a given contact -> why it is not asked, in plain words
        """
        asked, refused = contacts._feedback_contacts(), {}
        people = self.env["res.partner"].union(*asked.values())
        refusals = people._lifecycle_mail_refusals()
        known = self._asked_before(people, kind, effect, wave, company)
        vals_list = []
        for contact in contacts:
            person = asked[contact]
            reason = refusals[person.id] or known.get(person)
            if reason:
                refused[contact.id] = reason
                continue
            known[person] = self.env._("%(name)s is being asked already.", name=person.display_name)
            vals_list.append(self._prepare_request_vals(person, kind, effect, wave, product, evidence, company))
        # sudo: requests are made here only, by whoever may ask; the token is nobody's to see
        requests = self.sudo().with_context(**QUIET).create(vals_list).with_env(self.env)
        if requests:
            self.env.ref("clm.ir_cron_feedback").sudo()._trigger()
        return requests, refused

    @api.model
    def _company_of(self, contact, effect=None, wave=None, company=None):
        """:return: ``res.company`` in whose name somebody is asked"""
        return company or (effect and effect.company_id) or (wave and wave.company_id) or (
            contact.company_id or self.env.company)

    @api.model
    def _asked_before(self, people, kind, effect=None, wave=None, company=None):
        """:return: dict of contact -> why not to ask again; those who may be asked are left out"""
        now, reasons = fields.Datetime.now(), {}
        earlier = self.sudo().search(  # sudo: also what another company asked
            Domain("contact_id", "in", people.ids) & Domain("kind", "=", kind) & (
                Domain("state", "in", OPEN) | Domain("sent_at", "!=", False)),
            order="sent_at, id",
        )
        for request in earlier:
            person = request.contact_id.sudo(False).with_env(self.env)
            days = self._company_of(person, effect, wave, company).sudo().clm_feedback_days
            if request.state in OPEN:
                reasons[person] = self.env._("%(name)s has a question to answer already.", name=person.display_name)
            elif request.sent_at > now - timedelta(days=days):
                reasons[person] = self.env._(
                    "%(name)s was asked less than %(days)s days ago.", name=person.display_name, days=days)
        return reasons

    @api.model
    def _prepare_request_vals(self, person, kind, effect, wave, product, evidence, company):
        """Hook: values of a new request."""
        customer = person.commercial_partner_id.sudo()  # sudo: who sells to them, whatever the user may read
        # as the customer calls it: in their language, without our reference
        about = (evidence or product or self.env["product.product"]).with_context(
            lang=person.lang or self.env.lang, display_default_code=False)
        document = (evidence._name, evidence.id) if evidence else (
            (effect.evidence_model, effect.evidence_id) if effect else (False, False))
        return {
            "contact_id": person.id,
            "asked_id": person.id,
            "company_id": self._company_of(person, effect, wave, company).id,
            "kind": kind,
            "subject": about.display_name if about else False,
            "origin": "playbook" if effect else "wave" if wave else "manual",
            "effect_id": effect.id if effect else False,
            "wave_id": wave.id if wave else False,
            "product_id": product.id if product else False,
            "evidence_model": document[0],
            "evidence_id": document[1],
            **self._prepare_seller_vals(customer),
        }

    @api.model
    def _prepare_seller_vals(self, customer):
        return {"user_id": customer.user_id.id, "team_id": customer.user_id.sale_team_id.id}
