import logging
from functools import partial

import psycopg2.errors

from odoo import api, fields, models, modules
from odoo.tools import SQL, config, mute_logger, split_every

from ..const import BULK

_logger = logging.getLogger(__name__)

# Partners in a batch. Memory grows with this alone; with many more, PostgreSQL would read whole tables for each batch.
BATCH_SIZE = 2000
MAX_CONFLICTS = 20
# what PostgreSQL says when two workers met: start the batch anew
CONFLICTS = (
    psycopg2.errors.SerializationFailure,
    psycopg2.errors.DeadlockDetected,
    psycopg2.errors.UniqueViolation,
)


class ClmLifecycleEngine(models.AbstractModel):
    """Decides when customers are replayed; :class:`ClmLedger` does it, ``tools.replay`` knows how.

    Cost grows with what happens: the queue holds the customers whose documents changed, and each customer stores
    the date of its next possible timed move. Any number of workers may run this at the same time.
    """

    _name = "clm.lifecycle.engine"
    _description = "Lifecycle Engine"

    # === DOORS === #

    @api.model
    def _process_queue(self):
        """Empty the queue, in batches: live changes, then rebuilds. Commits after each batch (not within a test).

        :return: number of partners taken from the queue
        """
        return sum(sum(self._for(bulk)._run_batches(partial(self.env["clm.queue"]._take, bulk=bulk)))
                   for bulk in (False, True))

    @api.model
    def _rebuild(self, partners=None):
        """Replay from scratch, synchronously. For everybody, it also applies a policy edit that waits.

        :param partners: ``res.partner`` records, or None for everybody
        :return: number of partners replayed
        """
        if partners is None:
            self.env["clm.policy"]._apply()
            return self._process_queue()
        for ids in split_every(BATCH_SIZE, partners.ids):
            self._for(bulk=True)._sync(ids)
        return len(partners)

    @api.model
    def _cron_tick(self):
        """Make the moves that time alone causes: whoever is due, nobody else. Commits after each batch.

        :return: number of customers replayed
        """
        return sum(self._run_batches(self._take_due))

    @api.model
    def _cron_process_queue(self, bulk=False):
        """The crons' door to the queue. Reports progress and respects the cron's time limit.

        :param bool bulk: live changes (False) and rebuilds (True) have a cron each, so neither waits for the other
        """
        queue = self.env["clm.queue"]
        self.env["ir.cron"]._commit_progress(remaining=queue._count(bulk))
        for taken in self._for(bulk)._run_batches(partial(queue._take, bulk=bulk), commit=False):
            _logger.info("Lifecycle: %s customers replayed", taken)
            if not self.env["ir.cron"]._commit_progress(taken):
                return

    @api.model
    def _enqueue_all(self):
        """Queue everybody: a full rebuild that the cron does in the background, behind live changes."""
        self.env["clm.queue"]._push_everyone()

    @api.model
    def _sync(self, partner_ids):
        """Replay one batch in the current transaction. Whom somebody else holds is queued for later.

        Stages that customers just entered set playbooks in motion, unless history is being reconstructed.

        :return: set of the ids that were queued
        """
        locked = self.env["clm.ledger"]._sync(partner_ids)
        self.env["clm.queue"]._push(locked)
        replayed = set(partner_ids) - locked
        self.env["clm.referral"]._sync(replayed)
        if not self.env.context.get(BULK):
            self.env["clm.effect"]._enqueue_visits(replayed)
        return locked

    @api.model
    def _for(self, bulk):
        """:return: the engine for live changes (False), or for reconstructing history (True)"""
        return self.with_context(**{BULK: True}) if bulk else self

    # === BATCHES === #

    @api.model
    def _run_batches(self, take, commit=True):
        """Take and replay batches until there are none, starting a batch anew when two workers met.

        :param take: function (limit, skip) -> ids of the partners of the next batch, without those in ``skip``
        :param bool commit: whether to commit here; else the caller does after each batch
        :return: generator of the sizes of the batches
        """
        in_test = modules.module.current_test or config["test_enable"]
        skip = set()
        conflicts = 0
        while True:
            try:
                with mute_logger("odoo.sql_db"):  # a conflict is no error to report
                    self.env.flush_all()
                    partner_ids = take(BATCH_SIZE, skip)
                    skip |= self._sync(partner_ids) if partner_ids else set()
            except CONFLICTS:
                conflicts += 1
                if in_test or conflicts > MAX_CONFLICTS:
                    raise
                self.env.cr.rollback()
                continue
            if not partner_ids:
                return
            conflicts = 0
            if commit and not in_test:
                self.env["ir.cron"]._commit_progress(len(partner_ids))
            yield len(partner_ids)

    @api.model
    def _take_due(self, limit, skip):
        """:return: ids of customers whose next possible timed move has come, the longest overdue first"""
        rows = self.env.execute_query(SQL(
            """
            SELECT id
              FROM res_partner
             WHERE lifecycle_next_check <= %s AND id != ALL(%s)
             ORDER BY lifecycle_next_check
             LIMIT %s
            """,
            fields.Datetime.now(), list(skip), limit,
        ))
        return [partner_id for partner_id, in rows]
