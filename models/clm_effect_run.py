import logging
import time
from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.service.model import PG_CONCURRENCY_EXCEPTIONS_TO_RETRY
from odoo.tools import SQL

_logger = logging.getLogger(__name__)

#: A transaction ends after so many rows or seconds, whichever comes first.
BATCH_SIZE = 50
BATCH_SECONDS = 2.0
#: When to try again after the first, second, third error; then it has failed.
RETRIES = (timedelta(minutes=10), timedelta(hours=1), timedelta(hours=6))
#: Somebody else just wrote what the step needs: no error, only bad luck.
SOON = timedelta(minutes=1)
MAX_CONFLICTS = 20
MAX_ERROR = 1000


class NotWantedError(Exception):
    """The step is not to be done for this customer; the text says why."""


class TooEarlyError(Exception):
    """The step may be done from ``until`` on; the text says why not now."""

    def __init__(self, until, reason=""):
        super().__init__(reason)
        self.until = until


class ClmEffect(models.Model):
    """Runner: any number of workers carry out what is due, each effect in a savepoint of its own."""

    _inherit = "clm.effect"

    @api.model
    def _cron_run(self):
        """Carry out what is due of active playbooks. Commits after each batch of two seconds at most (not in a test).

        :return: number of effects handled
        """
        due, done, conflicts = self.env["clm.due.mixin"], 0, 0
        while True:
            try:
                handled = self.sudo()._run_batch()  # sudo: the cron's work, whoever starts it
            except PG_CONCURRENCY_EXCEPTIONS_TO_RETRY:  # two workers wanted the same rows
                conflicts += 1
                if due._clm_is_one_transaction() or conflicts > MAX_CONFLICTS:
                    raise
                self.env.cr.rollback()
                continue
            done, conflicts = done + handled, 0
            if not due._clm_commit(handled, 1 if handled else 0) or not handled:
                return done

    @api.model
    def _run_batch(self):
        """:return: number of effects handled in this transaction"""
        began = time.monotonic()
        effects = self._take(BATCH_SIZE)
        present = effects._present()
        for handled, effect in enumerate(effects, start=1):
            effect._run_one(effect.id in present)
            if time.monotonic() - began > BATCH_SECONDS:
                return handled
        return len(effects)

    @api.model
    def _take(self, limit):
        """:return: due rows, locked for this transaction, without those that other workers hold"""
        self.env.flush_all()
        rows = self.env.execute_query(SQL(
            """
            SELECT e.id
              FROM clm_effect e
              JOIN clm_playbook p ON p.id = e.playbook_id AND p.active AND p.state = 'active'
             WHERE e.state = 'waiting' AND e.run_at <= %s
             ORDER BY e.run_at, e.id
             LIMIT %s
               FOR NO KEY UPDATE OF e SKIP LOCKED
            """,
            fields.Datetime.now(), limit,
        ))
        effects = self.browse(effect_id for effect_id, in rows)
        effects.invalidate_recordset(flush=False)
        return effects

    def _present(self):
        """:return: set of the ids whose customer or contract still stands where it entered, in the same cycle"""
        rows = self.env.execute_query(SQL(
            """
            SELECT e.id
              FROM clm_effect e
              JOIN clm_playbook p ON p.id = e.playbook_id
              JOIN clm_visit v ON v.partner_id = e.partner_id AND v.stage_id = p.stage_id AND v.cycle = e.cycle
             WHERE e.id = ANY(%(ids)s) AND p.trigger = 'stage' AND v.exited_at IS NULL AND v.superseded_at IS NULL
            UNION ALL
            SELECT e.id
              FROM clm_effect e
              JOIN clm_playbook p ON p.id = e.playbook_id
              JOIN clm_contract_visit v
                ON v.contract_id = e.contract_id AND v.state = p.contract_state AND v.cycle = e.cycle
             WHERE e.id = ANY(%(ids)s) AND p.trigger = 'contract' AND v.exited_at IS NULL
            """,
            ids=self.ids,
        ))
        return {effect_id for effect_id, in rows}

    def _run_one(self, present):
        """Do one step and note what came of it. Nothing that it does can fail the others.

        :param bool present: whether the customer or contract still stands where it entered
        """
        self.ensure_one()
        try:
            with self.env.cr.savepoint():
                effect = self._in_company()
                effect._check_wanted(present)
                result, note = getattr(effect, f"_do_{self.step_id.kind}")()
                self._close("done", note, result)
        except NotWantedError as reason:
            self._close("skipped", f"{reason}")
        except TooEarlyError as later:
            self.write({"run_at": later.until, "note": f"{later}"})
        except PG_CONCURRENCY_EXCEPTIONS_TO_RETRY:
            _logger.info("Playbooks: somebody else just changed what effect %s needs", self.id)
            self.write({"run_at": fields.Datetime.now() + SOON})
        except Exception as error:  # whatever it is, it stands on the row and stops nobody else
            _logger.warning("Playbooks: effect %s failed", self.id, exc_info=True)
            self._fail(error)

    def _in_company(self):
        """:return: the effect as seen by the company that it is for; its mails wait for the mail queue"""
        company = self.company_id or self.contract_id.company_id or self.env["res.company"]._lifecycle_companies()[:1]
        return self.with_company(company).with_context(
            allowed_company_ids=company.ids,
            mail_notify_force_send=False,  # a mail server that is slow or down holds up nobody
            clm_effect_id=self.id,
        )

    def _check_wanted(self, present):
        """:raise NotWantedError: when the step is not to be done any more"""
        if not self.partner_id.active:
            raise NotWantedError(self.env._("%(customer)s is archived.", customer=self.partner_id.display_name))
        if present or self.step_id.also_later:
            return
        if self._is_of_contract():
            raise NotWantedError(self.env._("The contract is in another state by now."))
        raise NotWantedError(self.env._("The customer stands in another stage by now."))

    def _fail(self, error):
        """Note an error, and try again later or give up."""
        message = f"{error}".strip() or repr(error)
        if not isinstance(error, UserError):
            message = self.env._("This broke off unexpectedly: %(error)s", error=message)
        attempts = self.attempts + 1
        again = attempts <= len(RETRIES)
        self.write({
            "attempts": attempts,
            "error": message[:MAX_ERROR],
            "note": False,
            "state": "waiting" if again else "failed",
            "run_at": fields.Datetime.now() + RETRIES[attempts - 1] if again else self.run_at,
        })
