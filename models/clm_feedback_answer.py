from odoo import SUPERUSER_ID, api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain
from odoo.tools import SQL, consteq

from ..tools.feedback import SCALES
from .clm_feedback import ANSWERED, CANCELLED, MAX_COMMENT, OPEN, SENT


class ClmFeedback(models.Model):
    """The customer's side: who may answer, what is taken for an answer, and that it is taken once."""

    _inherit = "clm.feedback"

    @api.model
    def _find_by_link(self, feedback_id, token):
        """Find what a link in a mail stands for.

        :return: the request with all rights, in the language of the person asked; none when it does not exist, the
            token is not its own, it is not out, or too old: callers must not tell these apart
        """
        # sudo: the token is the right to answer; whoever holds it has no other
        feedback = self.with_user(SUPERUSER_ID).browse([feedback_id] if 0 < feedback_id < 2**31 else []).exists()
        expected = feedback.token or "-" * 43
        given = token if isinstance(token, str) and token.isascii() else ""
        if not consteq(expected, given) or not feedback._is_reachable():
            return self.browse()
        return feedback._in_language()

    def _is_reachable(self):
        """:return: whether the page of the request may be seen"""
        return bool(
            self and self.state in (SENT, ANSWERED) and self.expires_at and self.expires_at > fields.Datetime.now()
        )

    def _in_language(self):
        code = self.contact_id.lang
        installed = code and self.env["res.lang"]._get_data(code=code)
        return self.with_context(lang=code) if installed else self

    def _page_values(self):
        """:return: dict of plain values for the page"""
        self.ensure_one()
        low, high = self._scale_ends()
        return {
            "company": self.company_id.name,
            "logo": f"/web/binary/company_logo?company={self.company_id.id}",
            "question": self._question(),
            "kind": self.kind,
            "scale": self._scale(),
            "low": low,
            "high": high,
            "path": self._path(),
            "max_comment": MAX_COMMENT,
            "lang": self.env.context.get("lang") or "",
            "answered": self.state == ANSWERED,
        }

    # === ANSWER === #

    @api.model
    def _read_score(self, kind, score):
        """:return: the score as a number
        :raise UserError: when it is not on the scale
        """
        low, high = SCALES[kind]
        text = str(score if score is not None else "").strip()
        if not text:
            raise UserError(self.env._("Choose a number first."))
        if not (text.isascii() and text.isdecimal() and len(text) <= 2 and low <= int(text) <= high):
            raise UserError(self.env._("Choose a number from %(low)s to %(high)s.", low=low, high=high))
        return int(text)

    @api.model
    def _read_comment(self, comment):
        """:return: the comment as it is kept: lines end in one character, and none is one the database cannot hold
        :raise UserError: when it is too long
        """
        text = self._clean_comment(comment)
        if len(text) > MAX_COMMENT:
            raise UserError(self.env._(
                "Your comment is longer than %(max)s characters. Here is its beginning: change it, or send it like"
                " this.", max=f"{MAX_COMMENT:,}",
            ))
        return text

    @api.model
    def _clean_comment(self, comment):
        if not isinstance(comment, str):  # a file, say
            return ""
        text = comment[:MAX_COMMENT * 4].encode(errors="ignore").decode()  # what is longer is refused anyway
        return text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "").strip()

    def _answer(self, score, comment=""):
        """Take an answer: the one door. It costs the same few queries however many answer, and locks this row only.

        :param score: number on the scale, or its text
        :param str comment: plain text, up to 5,000 characters
        :raise UserError: when the score or the comment cannot be taken, or the question is answered or closed
        """
        self.ensure_one()
        # sudo: nobody but the system writes an answer; the caller holds the token, or is a colleague's script
        feedback = self.with_user(SUPERUSER_ID)
        vals = {"score": feedback._read_score(self.kind, score), "comment": feedback._read_comment(comment)}
        feedback._claim()
        customer = feedback.partner_id
        feedback._set(
            **vals, state=ANSWERED, error=False, remind_at=False, stage_id=customer.lifecycle_stage_id.id,
            **feedback._prepare_seller_vals(customer),
        )
        feedback.flush_recordset()  # queues the customer
        if feedback.sentiment == "bad":
            feedback._open_followup()
        self.invalidate_recordset()

    def _claim(self):
        """Close the question for everybody else: of two answers at the same time one is taken.

        :raise UserError: when it is not open any more
        """
        self.flush_recordset()
        now = fields.Datetime.now()
        # the score must fit as soon as the row is an answer: it follows in this transaction
        taken = self.env.execute_query(SQL(
            """
            UPDATE clm_feedback SET answered_at = %s
             WHERE id = %s AND state = %s AND answered_at IS NULL AND expires_at > %s
            RETURNING id
            """,
            now, self.id, SENT, now,
        ))
        self.invalidate_recordset()
        if not taken:
            raise UserError(self.env._("This question was answered already, or is closed. Thank you."))

    def _stop_asking(self):
        """The customer wants no more of these mails: remembered as a refusal; nothing more goes out to the person."""
        self.ensure_one()
        contact = self.contact_id
        contact.write({"lifecycle_consent": "refused"})
        mine = self.search([("contact_id", "=", contact.id), ("state", "in", OPEN)])
        (mine - self)._set(state=CANCELLED, remind_at=False)
        self._set(remind_at=False)
        self._message_log(body=self.env._("%(name)s wants no more mails.", name=contact.name))


class ResPartner(models.Model):
    _inherit = "res.partner"

    clm_feedback_count = fields.Integer(
        "Feedback", compute="_compute_clm_feedback_count", groups="clm.group_viewer", help="Answers of this customer.",
    )

    def _compute_clm_feedback_count(self):
        counts = dict(self.env["clm.feedback"]._read_group(
            [("partner_id", "in", self.commercial_partner_id.ids), ("state", "=", ANSWERED)],
            ["partner_id"], ["__count"],
        ))
        for partner in self:
            partner.clm_feedback_count = counts.get(partner.commercial_partner_id._origin, 0)

    def action_open_clm_feedback(self):
        """Show what this customer was asked and answered."""
        self.ensure_one()
        return {
            **self.env["ir.actions.act_window"]._for_xml_id("clm.clm_feedback_action"),
            "domain": [("partner_id", "=", self.commercial_partner_id.id)],
            "context": {},
        }

    def _feedback_contacts(self):
        """Find whom to ask: the customer, or the first contact with a mail address where the customer has none.

        :return: dict of partner -> ``res.partner`` to ask; the partner itself where nobody has an address
        """
        nobody = self.filtered(lambda partner: not partner.email_normalized)
        children = self.search(
            Domain("parent_id", "in", nobody.ids) & Domain("type", "=", "contact")
            & Domain("email_normalized", "!=", False), order="id desc",
        )
        first = {child.parent_id: child for child in children}
        return {partner: first.get(partner, partner) for partner in self}
