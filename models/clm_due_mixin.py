import logging

from odoo import api, models, modules
from odoo.fields import Domain
from odoo.service.model import PG_CONCURRENCY_EXCEPTIONS_TO_RETRY
from odoo.tools import config, split_every

_logger = logging.getLogger(__name__)

BATCH_SIZE = 100


class ClmDueMixin(models.AbstractModel):
    """Runs a step of the daily run over the records that are due."""

    _name = "clm.due.mixin"
    _description = "Handled by the Daily Run"

    @api.model
    def _clm_run_due(self, domain, method):
        """Handle each due record in a savepoint of its own, in the order of their ids.

        What becomes due on the way (the renewal of a renewal) is newer, and handled as well. Archived records count:
        hiding a contract does not end it. Commits after each batch (not in a test).

        :param domain: which records are due
        :param str method: what to do with one record
        :return: triple: how many were handled; set of :meth:`_clm_step_key` of those that were not; whether the
            cron's time is not over yet
        """
        records = self.with_context(active_test=False)
        handled, failed, last = 0, set(), 0
        while ids := records.search(Domain(domain) & Domain("id", ">", last), order="id").ids:
            last = ids[-1]
            left = len(ids)
            for batch in split_every(BATCH_SIZE, ids):
                # what was done meanwhile, by a record before or by somebody, is not due any more
                due = records.search(Domain(domain) & Domain("id", "in", batch), order="id").with_env(self.env)
                for record in due:
                    if record._clm_run_one(method):
                        handled += 1
                    else:
                        failed.add(record._clm_step_key(method))
                left -= len(batch)
                if not self._clm_commit(len(batch), left + 1):
                    return handled, failed, False
        return handled, failed, True

    @api.model
    def _clm_commit(self, processed, remaining):
        """Commit a batch, and tell the cron how much there still is to do.

        :return: whether time is left
        """
        if self._clm_is_one_transaction():
            return True
        return self.env["ir.cron"]._commit_progress(processed, remaining=remaining) > 0

    @api.model
    def _clm_is_one_transaction(self):
        """:return: whether nothing may be committed on the way: tests, and demo data, are one transaction"""
        return bool(modules.module.current_test or config["test_enable"] or not self.env.registry.ready)

    def _clm_run_one(self, method):
        """:return: whether the step succeeded; an error stands on the contract, one who is busy waits for the next run
        """
        contract = self._clm_contract()
        contract._keep_yearly_values()
        try:
            with self.env.cr.savepoint():
                if not contract.try_lock_for_update():
                    _logger.info("Daily run: somebody is working on %s", contract)
                    return False
                getattr(self, method)()
        except PG_CONCURRENCY_EXCEPTIONS_TO_RETRY:
            _logger.info("Daily run: somebody else just changed %s", contract)
            return False
        except Exception as error:  # whatever it is, it stands on the contract and stops nobody else
            _logger.warning("Daily run: %s of %s failed", method, self, exc_info=True)
            self._clm_keep_error(method, f"{error}".strip() or repr(error))
            return False
        return True

    def _clm_keep_error(self, method, message):
        try:
            with self.env.cr.savepoint():
                self._clm_contract()._record_error(message, self._clm_step_key(method)[1])
        except Exception:  # the contract itself is broken: the log tells, and the others go on
            _logger.exception("Daily run: the error of %s could not be shown", self)

    def _clm_contract(self):
        """:return: the contract of one record"""
        return self if self._name == "clm.contract" else self.contract_id

    def _clm_step_key(self, method):
        """:return: pair: id of the contract, name under which it keeps an error of this step"""
        contract = self._clm_contract()
        return contract.id, method if self == contract else f"{self._name},{self.id}.{method}"
