import logging
from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.service.model import PG_CONCURRENCY_EXCEPTIONS_TO_RETRY

from ..tools.feedback import CSAT, NPS, SCALES
from .clm_feedback import CANCELLED, EXPIRED, SENT, WAITING

_logger = logging.getLogger(__name__)

TEMPLATES = {NPS: "clm.mail_template_feedback_nps", CSAT: "clm.mail_template_feedback_csat"}
#: Requests mailed in one transaction: well below the 5 seconds that one may last.
BATCH_SIZE = 25
#: Requests that expire in one transaction.
EXPIRY_SIZE = 1000
#: Minutes until a mail that failed is tried again; after the last one somebody must press the button.
RETRIES = (10, 60, 360)


class ClmFeedback(models.Model):
    """How the question reaches the customer: one mail, one reminder, both queued."""

    _inherit = "clm.feedback"

    # === WHAT IT SAYS === #

    def _question(self):
        """:return: the question, in the language of the environment"""
        self.ensure_one()
        if self.kind == NPS:
            return self.env._(
                "How likely are you to recommend %(company)s to a friend or colleague?", company=self.company_id.name)
        return self.env._(
            "How satisfied are you with %(subject)s?", subject=self.subject or self.company_id.name)

    def _scale_ends(self):
        """:return: pair: what the lowest and the highest score mean"""
        self.ensure_one()
        if self.kind == NPS:
            return self.env._("Not at all likely"), self.env._("Extremely likely")
        return self.env._("Very dissatisfied"), self.env._("Very satisfied")

    def _scale(self):
        """:return: list of the scores there are"""
        low, high = SCALES[self.kind]
        return list(range(low, high + 1))

    def _path(self):
        """:return: path of the page of this request, with its secret"""
        self.ensure_one()
        return f"/clm/feedback/{self.id}/{self.sudo().token}"  # sudo: whoever mails the link need not know the secret

    def _mail_values(self):
        """:return: dict of what the mail shows: question, ends of the scale, its links, and where to stop the mails"""
        base = self.get_base_url()
        url = f"{base}{self._path()}"
        low, high = self._scale_ends()
        return {
            "question": self._question(),
            "low": low,
            "high": high,
            "scale": [{"score": score, "url": f"{url}?score={score}"} for score in self._scale()],
            "url": url,
            "stop_url": f"{url}#stop",
            "logo": f"{base}/logo.png?company={self.company_id.id}",
            "sender": self.user_id.name or self.company_id.name,
        }

    def _valid_until(self):
        """:return: until when an answer is taken if the mail goes out now"""
        return fields.Datetime.now() + timedelta(days=self.company_id.clm_feedback_validity)

    def _sender(self):
        """:return: who asks, and reads the reply: the salesperson, or the company"""
        return self.user_id.email_formatted or self.company_id.email_formatted or ""

    # === SEND === #

    def _send(self):
        """Mail the question to those who wait for it, in their language. What fails says why on itself.

        Only one mail of a batch goes to a customer at once, so that the limit of automatic mails holds; those asked by
        hand are not limited.

        :return: the requests that went out
        """
        # sudo: the cron, or somebody who may ask; rows are written by nobody
        left = self.sudo().filtered(lambda request: request.state == WAITING).try_lock_for_update()
        sent = left.browse()
        while left:
            turn = left.browse().union(*(
                requests[0] for requests in left.grouped("partner_id").values()
            )) | left.filtered(lambda request: request.origin == "manual")
            sent |= turn._send_turn()
            left -= turn
        return sent.with_env(self.env)

    def _send_turn(self):
        """:return: those that were mailed; the others are too early, may not be asked, or failed"""
        ready, now, refusals = self.browse(), fields.Datetime.now(), self.contact_id._lifecycle_mail_refusals()
        for request in self:
            reason = refusals[request.contact_id.id]
            wait = None if request.origin == "manual" else request.partner_id._lifecycle_mail_wait()
            if reason:
                request._set(state=CANCELLED, error=reason)
            elif wait and wait > now:
                request._set(send_at=wait)
            else:
                ready |= request
        mailed = ready._mail()
        mailed._mark_sent()
        return mailed

    def _mark_sent(self):
        now = fields.Datetime.now()
        for company, requests in self.grouped("company_id").items():
            for wave, asked in requests.grouped("wave_id").items():
                days = wave.reminder_days if wave else company.clm_feedback_reminder_days
                asked._set(
                    state=SENT, sent_at=now, error=False, attempts=0,
                    expires_at=now + timedelta(days=company.clm_feedback_validity),  # as _valid_until said in the mail
                    remind_at=now + timedelta(days=days) if days else False,
                )
        self.partner_id._lifecycle_mailed()
        self._message_log_batch(bodies={
            request.id: self.env._("Asked %(name)s by mail.", name=request.contact_id.display_name) for request in self
        })

    def _mail(self, reminder=False):
        """Queue the mails; one that cannot be rendered stops no other.

        :return: those whose mail is on its way
        """
        mailed = self.browse()
        for kind, requests in self.grouped("kind").items():
            if requests._mail_or_keep(kind, reminder, alone=len(requests) == 1):
                mailed |= requests
            elif len(requests) > 1:
                mailed |= mailed.union(*(
                    request for request in requests if request._mail_or_keep(kind, reminder, alone=True)
                ))
        return mailed

    def _mail_or_keep(self, kind, reminder, alone):
        """:return: whether the mails could be made; if not, and it is one ``alone``, it keeps the reason"""
        try:
            with self.env.cr.savepoint():
                self._mail_batch(kind, reminder)
        except PG_CONCURRENCY_EXCEPTIONS_TO_RETRY:
            raise
        except Exception as error:  # whatever it is, it stands on the request and stops no other
            if alone:
                _logger.warning("%s could not be mailed", self, exc_info=True)
                self._keep_error(error, reminder)
            return False
        return True

    def _mail_batch(self, kind, reminder):
        template = self.env.ref(TEMPLATES[kind]).sudo()  # sudo: whoever may ask, may use the mail
        # the mail belongs to no record: its link would let whoever reads the chatter answer for the customer
        template.with_context(clm_reminder=reminder).send_mail_batch(
            self.ids, email_values={"model": False, "res_id": False})

    def _keep_error(self, error, reminder):
        """The cause stands on the request, not the text of the mail around it."""
        while error.__cause__:
            error = error.__cause__
        message = self.env._(
            "The mail could not be made: %(reason)s. Correct its text in the settings, then send it again.",
            reason=f"{error}".strip().rstrip(".")[:500] or repr(error),
        )
        if reminder:
            self._set(error=message, remind_at=False)
            return
        tried = self.attempts
        again = fields.Datetime.now() + timedelta(minutes=RETRIES[tried]) if tried < len(RETRIES) else False
        self._set(error=message, attempts=tried + 1, send_at=again)

    def _remind(self):
        """Ask once more, once; whoever wants no more mails is left alone."""
        now = fields.Datetime.now()
        refusals = self.contact_id._lifecycle_mail_refusals()
        refused = self.filtered(lambda request: refusals[request.contact_id.id])
        refused._set(remind_at=False)
        (self - refused)._mail(reminder=True)._set(reminded_at=now)

    # === CRON === #

    @api.model
    def _cron_run(self):
        """Send what waits, remind, and close what is too old. Commits after each batch (not in a test)."""
        now = fields.Datetime.now()
        steps = (
            ([("state", "=", WAITING), ("send_at", "<=", now)], BATCH_SIZE, lambda requests: requests._send()),
            ([("state", "=", SENT), ("remind_at", "<=", now), ("reminded_at", "=", False), ("expires_at", ">", now)],
             BATCH_SIZE, lambda requests: requests._remind()),
            ([("state", "=", SENT), ("expires_at", "<=", now)],
             EXPIRY_SIZE, lambda requests: requests._set(state=EXPIRED)),
        )
        if all(self._run_step(*step) for step in steps):
            self.env["clm.feedback.wave"]._finish()

    @api.model
    def _run_step(self, domain, size, act):
        """:return: whether time is left"""
        ids = self.search(domain, order="id").ids
        for start in range(0, len(ids), size):
            act(self.search([*domain, ("id", "in", ids[start:start + size])], order="id"))
            if not self.env["clm.due.mixin"]._clm_commit(size, max(len(ids) - start - size, 0)):
                return False
        return True

    # === ACTIONS === #

    def action_send(self):
        """Send now what waits, or failed before.

        :raise UserError: when one cannot be sent, with the reason
        """
        self.check_access("write")
        waiting = self.filtered(lambda request: request.state == WAITING)
        if not waiting:
            raise UserError(self.env._("Nothing waits here to be sent."))
        waiting.sudo()._set(attempts=0, send_at=fields.Datetime.now())  # sudo: see _send
        sent = waiting._send()
        for request in waiting - sent:
            if request.error or len(waiting) == 1:
                return request._notify_unsent()
        return True

    def _notify_unsent(self):
        """:return: client action that says why it did not go out; the reason stays on the request"""
        when = fields.Datetime.context_timestamp(self, self.send_at).date() if self.send_at else False
        text = self.error or self.env._(
            "%(customer)s got a mail from us lately. This one goes out on %(date)s.",
            customer=self.partner_id.display_name, date=when)
        return {
            "type": "ir.actions.client", "tag": "display_notification",
            "params": {
                "type": "warning", "sticky": True, "message": text,
                "next": {"type": "ir.actions.client", "tag": "soft_reload"},
            },
        }

    def action_cancel(self):
        """Ask no more: the link of a mail that went out answers nothing any more."""
        self.check_access("write")
        self.filtered(lambda request: request.state in (WAITING, SENT)).sudo()._set(  # sudo: see _send
            state=CANCELLED, remind_at=False)
        return True
