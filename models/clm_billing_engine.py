import logging

from odoo import api, fields, models
from odoo.fields import Domain
from odoo.service.model import PG_CONCURRENCY_EXCEPTIONS_TO_RETRY
from odoo.tools import split_every

_logger = logging.getLogger(__name__)

BATCH_SIZE = 100
MARK_SIZE = 5000
TRIES = 5


class ClmBillingEngine(models.AbstractModel):
    """Makes the invoices of what is due: in batches that several workers can share, each period once.

    A batch takes the contracts (or customers) that nobody else holds, makes their invoices and marks their rows in one
    transaction. What fails is tried in halves until the culprit is found; it is reported on its contract.
    """

    _name = "clm.billing.engine"
    _description = "Billing Engine"
    _inherit = "clm.due.mixin"

    # === RUN === #

    @api.model
    def _run(self, contracts=None, date=None):
        """Bill what is due.

        With ``contracts``, everything happens in the current transaction, and contracts that are billed by hand count
        too. Without, each batch is committed (not in a test), and what another worker holds is left to it.

        :param contracts: ``clm.contract``; default: all that are billed automatically
        :param date date: bill what is planned until that day; default: today where each company is
        :return: ``account.move``, those that were made, in their order of creation
        """
        moves = self.env["account.move"]
        companies = contracts.company_id if contracts is not None else self.env["res.company"]._lifecycle_companies()
        for company in companies:
            own = contracts and contracts.filtered(lambda contract, company=company: contract.company_id == company)
            moves |= self._for_company(company)._run_company(company, date or company._lifecycle_today(), own)
        return moves.with_env(self.env)

    @api.model
    def _for_company(self, company):
        """:return: the engine, working for one company"""
        # sudo: rows are written by the engine alone; whoever starts it was asked for the right to bill
        return self.sudo().with_company(company).with_context(
            allowed_company_ids=company.ids, active_test=False, **self._quiet_context(),
        )

    @api.model
    def _quiet_context(self):
        """:return: context keys that spare work which nobody needs on an invoice that a machine makes"""
        return {"tracking_disable": True, "mail_create_nosubscribe": True}

    @api.model
    def _cron_bill(self):
        """Bill what is due in every company."""
        self._run()
        self._clm_commit(0, 0)

    def _run_company(self, company, date, contracts=None):
        commits = contracts is None
        domain = self._prepare_schedule(company, date, contracts)
        moves = self._bill_keys(domain, self._keys(domain), commits)
        # afterwards: it would hold up workers that bill the same rows
        self._mark_due(self._reached_domain(company, date, contracts), commits)
        return moves

    def _bill_keys(self, domain, ids, commits=False):
        """Bill contracts, or customers, batch by batch, and keep a record of it.

        :param ids: list as of :meth:`_keys`
        :param bool commits: whether to commit each batch
        :return: ``account.move``
        """
        moves = self.env["account.move"]
        run = self.env["clm.billing.run"]._begin(len(ids))
        if commits and ids:
            self._clm_commit(0, len(ids))  # what others do from here on is seen
        for done, batch in enumerate(split_every(BATCH_SIZE, ids), start=1):
            made, failed = self._bill_batch(domain, batch, commits)
            moves |= made
            run._progress(len(batch), made, failed)
            if commits and not self._clm_commit(len(batch), max(len(ids) - done * BATCH_SIZE, 0)):
                break  # the cron goes on where this stops
        run._finish()
        return moves

    def _prepare_schedule(self, company, date, contracts=None):
        """Make the rows up to a day.

        :return: ``Domain`` of the rows that are to be billed
        """
        domain = self._due_domain(company, date, contracts)
        if contracts is not None:
            contracts.with_env(self.env)._sync_schedule(until=date)
        else:
            held = self._extend_schedules(company, date)
            if held and self._key_field() == "partner_id":  # rows of theirs may be missing on the invoice
                domain &= Domain("partner_id", "not in", held.commercial_partner_id.ids)
        self._forget_errors(company, date, contracts)
        return domain

    def _forget_errors(self, company, date, contracts=None):
        """What could not be billed and is due no longer (somebody skipped it, say) is an error no more."""
        own = Domain([("company_id", "=", company.id), ("cron_error", "!=", False)])
        if contracts is not None:
            own &= Domain("id", "in", contracts.ids)
        failed = self.env["clm.contract"].search(own)
        if failed:
            due = self.env["clm.installment"].search(self._due_domain(company, date, failed)).contract_id
            (failed - due)._drop_error("billing")

    def _mark_due(self, domain, commits):
        """Set the state of rows whose day has come and that are not billed: those of other workers are left alone."""
        planned = self.env["clm.installment"].search(domain & Domain("state", "=", "planned"), order="id")
        for batch in split_every(MARK_SIZE, planned.ids):
            rows = planned.browse(batch)
            self._retry(lambda rows=rows: rows._mark_due(), commits)
            if commits:
                self._clm_commit(0, 1)

    def _extend_schedules(self, company, date):
        """Rows exist to the horizon: only a run for a day beyond it, or after missed days, has to make any.

        :return: ``clm.contract``, those that another worker holds
        """
        late = self.env["clm.contract"].search([
            ("company_id", "=", company.id), ("schedule_next", "!=", False),
            ("schedule_next", "<=", max(company._lifecycle_today(), fields.Date.subtract(
                date, months=company.clm_billing_horizon))),
        ])
        held = late.browse()
        for batch in split_every(BATCH_SIZE, late.ids):
            contracts = late.browse(batch)
            held |= contracts - self._retry(lambda contracts=contracts: self._extend_batch(contracts, date), True)
            self._clm_commit(0, 1)
        return held

    def _extend_batch(self, contracts, date):
        """:return: ``clm.contract``, those that nobody else holds"""
        locked = contracts.try_lock_for_update()
        try:
            with self.env.cr.savepoint():
                locked._sync_schedule(until=date)
        except PG_CONCURRENCY_EXCEPTIONS_TO_RETRY:
            raise
        except Exception as error:  # it stands on the contract, as when the daily run fails to do this
            _logger.info("Billing: the schedule of %s contracts could not be made", len(locked), exc_info=True)
            if len(locked) == 1:
                self._report_failure(locked, error, "_extend_schedule")
            else:
                for contract in locked:
                    self._extend_batch(contract, date)
        return locked

    @api.model
    def _due_domain(self, company, date, contracts=None):
        """:return: ``Domain`` of the rows that are to be billed"""
        domain = self._reached_domain(company, date, contracts)
        return domain if contracts is not None else domain & Domain("contract_id.billing_mode", "=", "auto")

    def _reached_domain(self, company, date, contracts=None):
        """:return: ``Domain`` of the rows whose day has come, whoever bills them"""
        domain = Domain([
            ("company_id", "=", company.id), ("state", "in", ("planned", "due")), ("to_confirm", "=", False),
            ("date_planned", "<=", date), ("contract_id.state", "in", ("active", "closed")),
        ])
        return domain if contracts is None else domain & Domain("contract_id", "in", contracts.ids)

    def _keys(self, domain):
        """:return: list of what batches are made of: ids of contracts, or of customers where they share an invoice"""
        groups = self.env["clm.installment"]._read_group(domain, [self._key_field()])
        return sorted(record.id for record, in groups)

    @api.model
    def _key_field(self):
        return "partner_id" if self.env.company.clm_billing_grouping == "customer" else "contract_id"

    # === BATCH === #

    def _bill_batch(self, domain, ids, commits=False):
        """Bill the rows of some contracts, or customers.

        :param bool commits: whether the transaction is ours, so that a conflict with another worker can be tried again
        :return: pair: ``account.move``, ``clm.contract`` that failed
        """
        return self._retry(lambda: self._bill_rows(self._claim(domain, ids)), commits)

    def _retry(self, function, commits):
        """Do something, again after a conflict with another worker, if the transaction is ours."""
        for _attempt in range(TRIES - 1):
            try:
                return function()
            except PG_CONCURRENCY_EXCEPTIONS_TO_RETRY:
                if not commits or self._clm_is_one_transaction():
                    raise
                _logger.info("Billing: somebody else changed the same contracts, trying again")
                self.env.cr.rollback()
        return function()

    def _claim(self, domain, ids):
        """:return: the due rows of these contracts or customers that no other worker holds, locked"""
        field = self._key_field()
        contracts = self.env["clm.installment"].search_fetch(
            domain & Domain(field, "in", ids), ["contract_id"],
        ).contract_id
        locked = contracts.try_lock_for_update(allow_referencing=True)
        if field == "partner_id":  # an invoice is made of all contracts of a customer, or not at all
            held = (contracts - locked).commercial_partner_id
            locked = locked.filtered(lambda contract: contract.commercial_partner_id not in held)
        # read again: whoever held them may have billed them
        return self.env["clm.installment"].search(domain & Domain("contract_id", "in", locked.ids))

    def _bill_rows(self, rows):
        groups = list(rows.grouped(lambda row: row._invoice_key()).values())
        # what failed before is tried apart: it holds up nobody else, day after day
        suspects = [group for group in groups if any(group.contract_id.mapped("cron_error"))]
        moves, failed = self._bill_groups([group for group in groups if group not in suspects])
        for group in suspects:
            made, broken = self._bill_groups([group])
            moves |= made
            failed |= broken
        # a contract that is to get several invoices has succeeded when it has got all of them
        (rows.contract_id - failed).filtered("cron_error")._drop_error("billing")
        return moves, failed

    def _bill_groups(self, groups):
        """Make the invoices of groups of rows; if that fails, of each half, so that one culprit stops nobody else."""
        moves, failed = self.env["account.move"], self.env["clm.contract"]
        if not groups:
            return moves, failed
        try:
            with self.env.cr.savepoint():
                return self._make_moves(groups), failed
        except PG_CONCURRENCY_EXCEPTIONS_TO_RETRY:
            raise
        except Exception as error:  # whatever it is, it stands on the contract and stops nobody else
            _logger.info("Billing of %s invoices failed", len(groups), exc_info=True)
            if len(groups) == 1:
                return moves, self._report_failure(groups[0].contract_id, error)
        middle = len(groups) // 2
        for half in (groups[:middle], groups[middle:]):
            made, broken = self._bill_groups(half)
            moves |= made
            failed |= broken
        return moves, failed

    def _report_failure(self, contracts, error, step="billing"):
        message = self.env._("Billing failed: %(reason)s", reason=f"{error}".strip() or repr(error))
        with self.env.cr.savepoint():
            contracts._record_error(message, step)
        return contracts
