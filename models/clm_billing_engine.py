import logging

from odoo import api, fields, models, modules
from odoo.fields import Domain
from odoo.service.model import PG_CONCURRENCY_EXCEPTIONS_TO_RETRY
from odoo.tools import config, split_every

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

    def _run_company(self, company, date, contracts=None):
        commits = contracts is None
        self._prepare_schedule(company, date, contracts)
        domain = self._due_domain(company, date, contracts)
        return self._bill_keys(domain, self._keys(domain), commits)

    def _bill_keys(self, domain, ids, commits=False):
        """Bill contracts, or customers, batch by batch, and keep a record of it.

        :param ids: list as of :meth:`_keys`
        :param bool commits: whether to commit each batch
        :return: ``account.move``
        """
        moves = self.env["account.move"]
        run = self.env["clm.billing.run"]._begin(len(ids))
        if commits and ids:
            self._commit(0, len(ids))  # what others do from here on is seen
        for done, batch in enumerate(split_every(BATCH_SIZE, ids), start=1):
            made, failed = self._bill_batch(domain, batch, commits)
            moves |= made
            run._progress(len(batch), made, failed)
            if commits and not self._commit(len(batch), max(len(ids) - done * BATCH_SIZE, 0)):
                break  # the cron goes on where this stops
        run._finish()
        return moves

    def _prepare_schedule(self, company, date, contracts=None):
        """Make the rows up to a day, and mark what is due."""
        if contracts is not None:
            contracts.with_env(self.env)._sync_schedule(until=date)
        else:
            self._extend_schedules(company, date)
        self._mark_due(self._due_domain(company, date, contracts), commits=contracts is None)

    def _mark_due(self, domain, commits):
        """Set the state of rows whose day has come, except those that another worker is at."""
        planned = self.env["clm.installment"].search(domain & Domain("state", "=", "planned"), order="id")
        for batch in split_every(MARK_SIZE, planned.ids):
            rows = planned.browse(batch)
            self._retry(lambda rows=rows: rows.try_lock_for_update().write({"state": "due"}), commits)
            if commits:
                self._commit(0, 1)

    def _extend_schedules(self, company, date):
        """Rows exist to the horizon: only a run for a day beyond it, or after missed days, has to make any."""
        late = self.env["clm.contract"].search([
            ("company_id", "=", company.id), ("schedule_next", "!=", False),
            ("schedule_next", "<=", max(company._lifecycle_today(), fields.Date.subtract(
                date, months=company.clm_billing_horizon))),
        ])
        for batch in split_every(BATCH_SIZE, late.ids):
            contracts = late.browse(batch)
            self._retry(lambda contracts=contracts: contracts.try_lock_for_update()._sync_schedule(until=date), True)
            self._commit(0, 1)

    @api.model
    def _due_domain(self, company, date, contracts=None):
        """:return: ``Domain`` of the rows that are to be billed"""
        domain = Domain([
            ("company_id", "=", company.id), ("state", "in", ("planned", "due")), ("to_confirm", "=", False),
            ("date_planned", "<=", date), ("contract_id.state", "in", ("active", "closed")),
        ])
        if contracts is not None:
            return domain & Domain("contract_id", "in", contracts.ids)
        return domain & Domain("contract_id.billing_mode", "=", "auto")

    def _keys(self, domain):
        """:return: list of what batches are made of: ids of contracts, or of customers where they share an invoice"""
        groups = self.env["clm.installment"]._read_group(domain, [self._key_field()], order=self._key_field())
        return [record.id for record, in groups]

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
                if not commits or self._in_test():
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
            held = (contracts - locked).partner_id
            locked = locked.filtered(lambda contract: contract.partner_id not in held)
        # read again: whoever held them may have billed them
        return self.env["clm.installment"].search(domain & Domain("contract_id", "in", locked.ids))

    def _bill_rows(self, rows):
        return self._bill_groups(list(rows.grouped(lambda row: row._invoice_key()).values()))

    def _bill_groups(self, groups):
        """Make the invoices of groups of rows; if that fails, of each half, so that one culprit stops nobody else."""
        moves, failed = self.env["account.move"], self.env["clm.contract"]
        if not groups:
            return moves, failed
        try:
            with self.env.cr.savepoint():
                moves = self._make_moves(groups)
                self._billed(self.env["clm.installment"].union(*groups).contract_id)
                return moves, failed
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

    def _billed(self, contracts):
        """What went well removes the error of an earlier run."""
        contracts.filtered("cron_error")._drop_error("billing")

    def _report_failure(self, contracts, error):
        message = self.env._("Billing failed: %(reason)s", reason=f"{error}".strip() or repr(error))
        with self.env.cr.savepoint():
            contracts._record_error(message, "billing")
        return contracts

    # === INVOICES === #

    def _make_moves(self, groups):
        """Make one invoice for each group of rows.

        :return: ``account.move``
        """
        zero = [rows for rows in groups if all(row.currency_id.is_zero(row.amount) for row in rows)]
        if zero:
            self.env["clm.installment"].union(*zero).write(
                {"state": "skipped", "reason": self.env._("Nothing to charge")}
            )
        groups = [rows for rows in groups if rows not in zero]
        if not groups:
            return self.env["account.move"]
        moves = self.env["account.move"].create(self._prepare_move_vals_list(groups))
        self._link(moves)
        if self.env.company.clm_billing_post:
            self._post(moves)
        return moves

    def _link(self, moves):
        """Mark the rows as billed, by the line that bills each."""
        for line in moves.invoice_line_ids:
            row = line.clm_installment_id
            sign = -1 if line.move_type in ("out_refund", "in_refund") else 1
            row.write({"state": "invoiced", "move_line_id": line.id, "amount": sign * line.price_subtotal})

    def _post(self, moves):
        moves.with_context(clm_billing=True)._post(soft=False)
        if self.env.company.clm_billing_send:
            self._send(moves)

    def _send(self, moves):
        """Let Odoo's own cron print and mail the customers' invoices."""
        user = self.env.user
        moves.filtered(lambda move: move.move_type in ("out_invoice", "out_refund")).sending_data = {
            "author_user_id": user.id, "author_partner_id": user.partner_id.id,
        }
        self.env.ref("account.ir_cron_account_move_send")._trigger()

    def _prepare_move_vals_list(self, groups):
        """Hook: values of the invoices.

        :param groups: list of ``clm.installment`` recordsets, each to be one invoice
        :return: list of dicts for ``account.move.create``
        """
        return [rows._prepare_move_vals() for rows in groups]

    # === TRANSACTION === #

    @api.model
    def _in_test(self):
        return bool(modules.module.current_test or config["test_enable"] or not self.env.registry.ready)

    def _commit(self, processed, remaining):
        """Commit what is done.

        :return: whether time is left
        """
        if self._in_test():
            return True  # tests, and demo data, are one transaction
        left = self.env["ir.cron"]._commit_progress(processed, remaining=remaining) > 0
        self.env.transaction.clear()
        return left

